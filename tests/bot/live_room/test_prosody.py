from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bot.live_room.prosody import NAMES, features, likely_finished

RATE = 24_000


def voice(pitch: NDArray[np.float64], strength: NDArray[np.float64]) -> bytes:
    """A buzz with a formant, by pitch in hertz and strength at each sample."""
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = np.sum([np.sin(n * phase) / (1 + ((n * pitch - 500) / 300) ** 2) for n in range(1, 12)], axis=0)
    syllables = np.where(np.arange(len(pitch)) % 9_600 < 7_680, 1.0, 0.001)  # 320 ms, and 80 ms between them
    samples: NDArray[np.float64] = 6_000 * sound * syllables * strength
    return samples.clip(-32_768, 32_767).astype(np.int16).tobytes()


def sentence(last_hz: float, last_strength: float) -> bytes:
    """1.4 s whose last 0.3 s go to this pitch and strength, and 100 ms of silence."""
    path = np.interp(np.arange(int(1.4 * RATE)) / RATE, [0, 1.1, 1.4], [0, 0, 1])
    return voice(140 + (last_hz - 140) * path, 1 + (last_strength - 1) * path) + bytes(4_800)


def test_a_voice_that_falls_and_fades_sounds_finished_and_one_that_goes_on_does_not() -> None:
    fallen, level = likely_finished(sentence(90, 0.1)), likely_finished(sentence(150, 1.0))
    assert fallen is not None
    assert level is not None
    assert fallen > 0.4
    assert level < 0.2


def test_in_noise_that_hides_a_fall_there_is_no_opinion() -> None:
    heard = np.frombuffer(sentence(90, 0.1), np.int16)
    noise = np.random.default_rng(1).normal(0, 1_500, len(heard))
    assert likely_finished((heard + noise).clip(-32_768, 32_767).astype(np.int16).tobytes()) is None


def test_what_is_known_of_the_last_words() -> None:
    heard = features(sentence(105, 0.5))
    assert heard is not None
    found = dict(zip(NAMES, heard, strict=True))
    assert found["drop"] == pytest.approx(-4.0, abs=1.0), "semitones"
    assert found["low"] < 0.5
    assert found["end"] < -0.2


@pytest.mark.parametrize(
    "pcm",
    [
        b"",
        bytes(959),
        bytes(72_000),
        np.random.default_rng(1).normal(0, 1_000, 36_000).astype(np.int16).tobytes(),
        sentence(100, 0.2)[-20_000:],
    ],
    ids=["nothing", "half a sample", "silence", "noise", "too short"],
)
def test_without_a_voice_there_is_no_opinion(pcm: bytes) -> None:
    assert likely_finished(pcm) is None


@given(st.binary(max_size=4_000).map(lambda seed: seed * 20))
def test_any_sound_has_a_likelihood_or_none(pcm: bytes) -> None:
    likelihood = likely_finished(pcm)
    assert likelihood is None or 0 <= likelihood <= 1
