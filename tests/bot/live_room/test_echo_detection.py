"""Our own voice is known when it comes back; everybody else's is heard."""

from __future__ import annotations

import pytest

from bot.live_room.echo_detection import AHEAD_FRAMES, HELD_FRAMES, EchoDetector
from tests.support.voices import SILENCE, Audio, babble, frames, late


def verdicts(detector: EchoDetector, played: Audio, heard: Audio) -> list[bool]:
    found = []
    for ours, theirs in zip(frames(played), frames(heard), strict=True):
        detector.played(ours)
        found.append(detector.is_ours(theirs))
    return found


@pytest.mark.parametrize("delay_ms", [0, 37, 200, 480, 600])
@pytest.mark.parametrize("level", [0.5, 0.1])
def test_our_voice_is_known_whatever_its_delay_and_level(delay_ms: int, level: float) -> None:
    ours = babble(1)
    detector = EchoDetector()
    found = verdicts(detector, ours, late(ours, delay_ms) * level)
    settled = delay_ms // 20 + 30
    assert all(found[settled:])
    assert detector.delay_ms == pytest.approx(delay_ms, abs=0.5)


def test_others_are_heard_while_we_speak() -> None:
    assert sum(verdicts(EchoDetector(), babble(1), babble(2))) == 0


def test_who_speaks_over_our_voice_is_heard_within_a_tenth_of_a_second() -> None:
    ours = babble(1)
    over = babble(2)
    over[: len(over) // 2] = 0
    found = verdicts(EchoDetector(), ours, late(ours, 120) * 0.3 + over)
    half = len(found) // 2
    assert all(found[half - 20 : half])
    assert sum(found[half + 5 :]) == 0


def test_nobody_is_ours_while_we_are_silent() -> None:
    detector = EchoDetector()
    assert not any(detector.is_ours(pcm) for pcm in frames(babble(3)))
    ours = babble(1)
    assert any(verdicts(detector, ours, late(ours, 100)))
    after = [detector.is_ours(pcm) for pcm in frames(babble(4))]
    assert not any(after[10:])


def test_what_was_stopped_does_not_come_back() -> None:
    ours = frames(babble(1))
    detector = EchoDetector()
    for pcm in ours[:AHEAD_FRAMES]:
        detector.played(pcm)
    detector.stopped()
    assert not any(detector.is_ours(pcm) for pcm in ours[:AHEAD_FRAMES])


def test_a_delay_that_changes_is_found_again() -> None:
    detector = EchoDetector()
    first, second = babble(1), babble(5)
    verdicts(detector, first, late(first, 100))
    found = verdicts(detector, second, late(second, 300))
    assert all(found[HELD_FRAMES:])


def test_frames_of_any_length_are_taken() -> None:
    detector = EchoDetector()
    for pcm in (b"", b"\0" * 100, SILENCE * 2):
        detector.played(pcm)
        assert not detector.is_ours(pcm)
