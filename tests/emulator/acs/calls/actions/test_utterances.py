from __future__ import annotations

from emulator.acs.calls.actions.utterances import LOUD, Utterances
from emulator.acs.wire.resampling import FRAME_BYTES, SILENCE

VOICE = b"\x01\x00" * (FRAME_BYTES // 2)


def push(utterances: Utterances, frame: bytes | None, count: int, level: float) -> list[bytes]:
    """Take a frame `count` times; return the utterances that ended."""
    return [said for _ in range(count) if (said := utterances.push(frame, level)) is not None]


def test_an_utterance_ends_with_silence_and_begins_a_little_before_it_is_loud() -> None:
    utterances = Utterances(0.1)
    assert not push(utterances, None, 50, 0)
    assert not push(utterances, VOICE, 10, LOUD)
    assert utterances.speaking
    (said,) = push(utterances, None, 10, 0)
    assert not utterances.speaking
    assert said == SILENCE * 12 + VOICE * 10 + SILENCE * 5
    assert utterances.began_at == 50 - 12
    assert utterances.sounding == 22


def test_a_pause_within_an_utterance_does_not_end_it() -> None:
    utterances = Utterances(0.1)
    assert not push(utterances, VOICE, 5, LOUD)
    assert not push(utterances, None, 4, 0)
    assert not push(utterances, VOICE, 5, LOUD)
    (said,) = push(utterances, None, 5, 0)
    assert said == VOICE * 5 + SILENCE * 4 + VOICE * 5 + SILENCE * 5


def test_a_click_is_no_utterance() -> None:
    utterances = Utterances()
    for _ in range(5):
        assert not push(utterances, VOICE, 2, LOUD)
        assert not push(utterances, None, 40, 0)
    assert not utterances.speaking


def test_who_speaks_on_and_on_is_cut() -> None:
    utterances = Utterances()
    first, second = push(utterances, VOICE, 2 * 15 * 50, LOUD)
    assert len(first) == len(second) == 15 * 50 * FRAME_BYTES


def test_each_utterance_is_counted_from_the_frame_it_begins_at() -> None:
    utterances = Utterances(0.02, from_frame=100)
    assert not push(utterances, VOICE, 3, LOUD)
    assert utterances.began_at == 100
    assert len(push(utterances, None, 1, 0)) == 1
    assert not push(utterances, VOICE, 3, LOUD)
    assert utterances.began_at == 104
