"""Our own voice is measured in what a microphone hears of a loudspeaker, alone and under a person's speech."""

from __future__ import annotations

import numpy as np
import pytest

from bot.interpreting.quality.echo_loops import POSSIBLE, SURE
from bot.live_room.echo_meter import FEWEST_VOICED, LONGEST_DELAY_MS, PIECE_FRAMES, EchoMeter
from tests.support.voices import SILENCE, Audio, babble, frames, late

ROOM, ADA, BENITO = "room", "8:acs:ada", "8:acs:benito"
SECONDS = 6.0


def loudspeaker_and_room(audio: Audio, delay_ms: float, reverberation_ms: int = 0, seed: int = 7) -> Audio:
    """Band-limited, a little distorted, late, 20 dB lower, on one path or on many."""
    spectrum = np.fft.rfft(np.tanh(audio / 8_000) * 8_000)
    frequencies = np.fft.rfftfreq(len(audio), 1 / 24_000)
    spectrum *= frequencies**2 / (frequencies**2 + 250.0**2)
    samples = max(1, reverberation_ms * 24)
    paths = np.random.default_rng(seed).standard_normal(samples) * 10 ** (-3 * np.arange(samples) / samples)
    paths *= 1 / np.sqrt(np.sum(paths**2))
    paths[0] = 1.0
    size = 1 << (len(audio) + samples).bit_length()
    heard = np.fft.irfft(np.fft.rfft(np.fft.irfft(spectrum, len(audio)), size) * np.fft.rfft(paths, size), size)
    return late(heard[: len(audio)], delay_ms) * 0.1


def shares(played: Audio, heard: Audio, jitter: tuple[float, ...] = (0.0,)) -> list[float]:
    """What the meter says of each piece, both sides sending 50 frames a second."""
    meter, found = EchoMeter(), []
    for number, (ours, theirs) in enumerate(zip(frames(played), frames(heard), strict=True)):
        now = 1_000.0 + 0.02 * number
        meter.played(ROOM, ours, now + jitter[number % len(jitter)])
        measured = meter.heard(ROOM, BENITO, theirs, True, now + 0.005)
        if measured is not None:
            found.append(measured[0])
            assert measured[1] == PIECE_FRAMES * 20
    assert len(found) == round(SECONDS * 50) // PIECE_FRAMES
    return found[2:]


@pytest.mark.parametrize("delay_ms", [20, 210, 480, 900])
@pytest.mark.parametrize("sign", [1, -1])
def test_our_voice_is_known_on_one_path(delay_ms: int, sign: int) -> None:
    ours = babble(1, SECONDS)
    assert min(shares(ours, sign * loudspeaker_and_room(ours, delay_ms))) > SURE


@pytest.mark.parametrize(("reverberation_ms", "least"), [(150, SURE), (300, 0.7), (500, POSSIBLE)])
def test_our_voice_is_known_in_rooms(reverberation_ms: int, least: float) -> None:
    ours = babble(1, SECONDS)
    assert min(shares(ours, loudspeaker_and_room(ours, 310, reverberation_ms))) > least


def test_frames_that_are_sent_unevenly_are_played_evenly() -> None:
    ours = babble(1, SECONDS)
    assert min(shares(ours, loudspeaker_and_room(ours, 310), jitter=(0.0, 0.018, -0.015, 0.03))) > SURE


def test_other_voices_are_not_ours() -> None:
    assert max(shares(babble(1, SECONDS), babble(2, SECONDS))) < POSSIBLE / 2


@pytest.mark.parametrize(("louder", "most"), [(1.0, 0.75), (2.0, POSSIBLE)])
def test_who_speaks_over_our_voice_is_heard(louder: float, most: float) -> None:
    ours, near = babble(1, SECONDS), babble(2, SECONDS)
    echo = loudspeaker_and_room(ours, 310)
    near *= louder * np.std(echo) / np.std(near)
    assert max(shares(ours, echo + near)) < most < SURE


def test_nothing_is_measured_while_we_are_silent_or_nobody_speaks_or_on_another_stream() -> None:
    meter = EchoMeter()
    voice = frames(babble(1, SECONDS))
    assert not any(meter.heard(ROOM, ADA, pcm, True, 0.02 * number) for number, pcm in enumerate(voice))
    for number, pcm in enumerate(voice):
        now = 10.0 + 0.02 * number
        meter.played("es-ES", pcm, now)
        assert meter.heard("en-US", ADA, pcm, True, now) is None
        assert meter.heard("es-ES", ADA, pcm, False, now) is None
    over_at = now + 0.02 + LONGEST_DELAY_MS / 1000
    assert not any(meter.heard("es-ES", ADA, pcm, True, over_at + 0.02 * n) for n, pcm in enumerate(voice, start=1))
    assert meter._heard == {}


def test_silence_and_the_rest_of_an_utterance_are_not_measured() -> None:
    for pcm, voiced, expected in [(SILENCE, PIECE_FRAMES, (0.0, 800)), (frames(babble(1))[0], FEWEST_VOICED - 1, None)]:
        meter = EchoMeter()
        meter.played(ROOM, pcm, 0.0)
        found = [meter.heard(ROOM, ADA, pcm, number < voiced, 0.02 * number) for number in range(PIECE_FRAMES)]
        assert found == [None] * (PIECE_FRAMES - 1) + [expected]


def test_a_piece_with_gaps_is_begun_again() -> None:
    ours = babble(1, SECONDS)
    meter, found = EchoMeter(), []
    for number, (sent, heard) in enumerate(zip(frames(ours), frames(loudspeaker_and_room(ours, 310)), strict=True)):
        now = 0.02 * number
        meter.played(ROOM, sent, now)
        if not 20 <= number < 100:  # muted
            measured = meter.heard(ROOM, ADA, heard, True, now)
            found += [] if measured is None else [measured[0]]
    assert min(found) > SURE


def test_what_was_stopped_is_not_played() -> None:
    meter = EchoMeter()
    meter.stopped(ROOM, 0.0)
    voice = frames(babble(1))
    for pcm in voice[:10]:
        meter.played(ROOM, pcm, 5.0)
    meter.stopped(ROOM, 5.05)
    assert len(meter._played[ROOM].frames) == 3
    assert meter._played[ROOM].until == pytest.approx(5.06)
    meter.stopped(ROOM, 4.0)
    assert meter.heard(ROOM, ADA, voice[0], True, 5.1) is None


def test_memory_is_bounded() -> None:
    meter = EchoMeter()
    for number in range(1_001):
        meter.played(ROOM, SILENCE, 0.02 * number)
        meter.heard(ROOM, ADA, SILENCE, True, 0.02 * number)
    assert len(meter._played[ROOM].frames) <= LONGEST_DELAY_MS // 20 + PIECE_FRAMES + 4
    assert len(meter._heard[ROOM, ADA].frames) < PIECE_FRAMES


def test_who_is_heard_in_two_rooms_at_once_is_measured_in_each() -> None:
    meter, voice = EchoMeter(), frames(babble(1, SECONDS))
    found = []
    for number, pcm in enumerate(voice[: 2 * PIECE_FRAMES]):
        now = 0.02 * number
        meter.played(ROOM, pcm, now)
        found += [meter.heard(room, ADA, pcm, True, now) for room in (ROOM, "another")]
    assert len([one for one in found if one is not None]) == 2
