from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from bot.realtime.noise_gate import FRAME_BYTES, HANGOVER_FRAMES, LEVEL, NoiseGate


def frame(level: int) -> bytes:
    return struct.pack("<h", level) * (FRAME_BYTES // 2)


NOISE = frame(63)
SPEECH = frame(2_000)
LOW = frame(-2_000)


def test_noise_between_the_words_does_not_pass() -> None:
    assert NoiseGate().feed(NOISE * 50) == b""


def test_speech_passes_with_its_quiet_beginning_and_end() -> None:
    gate = NoiseGate()
    passed = gate.feed(NOISE * 5 + SPEECH + LOW + NOISE * 40)
    assert passed == NOISE + SPEECH + LOW + NOISE * HANGOVER_FRAMES


def test_a_pause_within_speech_is_kept() -> None:
    sentence = SPEECH + NOISE * (HANGOVER_FRAMES - 1) + SPEECH
    assert NoiseGate().feed(sentence) == sentence


def test_the_level_itself_is_quiet() -> None:
    assert NoiseGate().feed(frame(LEVEL)) == b""
    assert NoiseGate().feed(frame(LEVEL + 1)) == frame(LEVEL + 1)


@given(st.lists(st.sampled_from([NOISE, SPEECH, LOW]), max_size=40), st.lists(st.integers(0, 2_000), max_size=20))
def test_how_audio_is_cut_makes_no_difference(frames: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(frames)
    expected = NoiseGate().feed(whole)
    gate = NoiseGate()
    passed = b""
    for size in cuts:
        passed += gate.feed(whole[: 2 * size])
        whole = whole[2 * size :]
    assert passed + gate.feed(whole) == expected
