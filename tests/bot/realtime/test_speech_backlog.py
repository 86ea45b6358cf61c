from __future__ import annotations

from collections import defaultdict
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from bot.realtime.speech_backlog import SpeechBacklog, SpeechPiece


def backlog(limit: int = 10, max_age_s: float = 3.0) -> SpeechBacklog:
    return SpeechBacklog(limit, max_age_s)


def test_pieces_are_joined_until_there_is_enough_or_the_end() -> None:
    queue = backlog()
    queue.hold("a", b"11", 0.0)
    assert queue.take(4) is None
    queue.hold("a", b"22", 0.1)
    assert queue.take(4) == SpeechPiece("a", b"1122", first=True, last=False, since=0.0)
    queue.hold("a", b"33", 0.2)
    assert queue.take(4) is None
    assert queue.complete("a")
    assert queue.take(4) == SpeechPiece("a", b"33", first=False, last=True, since=0.2)
    assert len(queue) == 0
    assert queue.take(4) is None


def test_an_end_may_come_with_nothing() -> None:
    queue = backlog()
    queue.hold("a", b"1122", 0.0)
    queue.take(4)
    queue.complete("a", strict=True, speed=1.2, condensed=True)
    assert queue.take(4) == SpeechPiece("a", b"", False, True, since=None, strict=True, speed=1.2, condensed=True)


def test_an_utterance_waits_for_the_end_of_the_one_before() -> None:
    queue = backlog()
    queue.hold("a", b"11", 0.0)
    queue.hold("b", b"2222", 0.0)
    queue.complete("b")
    assert queue.take(4) is None
    assert queue.first == "a"
    queue.complete("a")
    assert queue.take(4) == SpeechPiece("a", b"11", first=True, last=True, since=0.0)
    assert queue.take(4) == SpeechPiece("b", b"2222", first=True, last=True, since=0.0)


def test_overflow_drops_the_oldest_whole_and_ignores_the_rest_of_it() -> None:
    queue = backlog(limit=4)
    queue.hold("a", b"aaaa", 0.0)
    queue.take(4)
    queue.hold("a", b"aaaa", 0.1)
    assert queue.hold("b", b"bbbbbb", 0.2) == []
    assert queue.hold("b", b"bb", 0.3) == ["a"]
    assert queue.hold("a", b"aaaa", 0.4) == []
    assert queue.ignores("a")
    assert not queue.complete("a")
    assert "a" not in queue
    assert queue.size == 8
    assert queue.counters.bytes_dropped == 8
    assert queue.counters.utterances_dropped == 1


def test_an_utterance_that_does_not_fit_by_itself_is_dropped() -> None:
    queue = backlog(limit=10)
    assert queue.hold("a", b"a", 0.0) == []
    assert queue.hold("a", b"a" * 10, 0.1) == []
    assert queue.hold("a", b"a", 0.2) == ["a"]
    assert queue.hold("a", b"a", 0.3) == []
    assert queue.size == 0


def test_the_beginning_of_an_utterance_may_be_long() -> None:
    """What was said before a pause comes again at once."""
    queue = backlog(limit=10)
    assert queue.hold("a", b"a" * 100, 0.0) == []
    assert queue.hold("a", b"a" * 10, 0.1) == []
    queue.take(4)
    assert queue.hold("a", b"a" * 10, 0.2) == []
    assert queue.hold("a", b"a", 0.3) == ["a"], "what follows may not"
    assert queue.hold("b", b"b" * 100, 0.4) == []
    queue.forget("b")
    assert queue.hold("c", b"c" * 100, 0.5) == []
    assert queue.overdue(3.5) == ["c"], "nor is it kept for longer"
    assert queue.hold("d", b"d", 4.0) == []
    assert queue.hold("d", b"d" * 11, 4.0) == ["d"]


def test_overflow_spares_an_utterance_of_which_nothing_waits() -> None:
    queue = backlog(limit=10)
    queue.hold("a", b"aaaa", 0.0)
    queue.take(4)
    queue.hold("b", b"b", 0.1)
    assert queue.hold("b", b"b" * 12, 0.1) == ["b"]
    assert "a" in queue


def test_what_waits_too_long_is_dropped() -> None:
    queue = backlog(limit=100)
    assert queue.deadline is None
    queue.hold("a", b"aa", 1.0)
    queue.complete("a")
    queue.hold("b", b"bb", 2.0)
    assert queue.deadline == 4.0
    assert queue.overdue(3.9) == []
    assert queue.overdue(4.0) == ["a"]
    assert not queue.ignores("a")  # it was complete: nothing more of it will come
    assert queue.deadline == 5.0
    assert queue.hold("b", b"bb", 5.0) == ["b"]
    assert queue.ignores("b")


def test_age_is_that_of_the_oldest_piece_not_taken() -> None:
    queue = backlog(limit=100)
    queue.hold("a", b"aaaa", 0.0)
    queue.take(4)
    queue.hold("a", b"aa", 2.0)
    assert queue.deadline == 5.0


def test_what_is_forgotten_is_gone() -> None:
    queue = backlog(limit=100)
    queue.hold("a", b"aa", 0.0)
    queue.hold("b", b"bb", 0.0)
    queue.complete("b")
    assert queue.forget("a")
    assert queue.forget("b")
    assert not queue.forget("b")
    queue.hold("a", b"aa", 0.1)
    assert queue.size == 0
    assert queue.take(1) is None
    assert queue.counters.bytes_forgotten == 4
    assert queue.counters.bytes_dropped == 2


def test_what_was_forgotten_is_not_remembered_for_ever() -> None:
    queue = backlog(limit=100)
    for number in range(1000):
        queue.hold(f"u{number}", b"aa", 0.0)
        queue.forget(f"u{number}")
    assert queue.ignores("u999")
    assert not queue.ignores("u0")


names = st.sampled_from("abc")
actions = st.lists(
    st.tuples(st.just("hold"), names, st.binary(max_size=40))
    | st.tuples(st.sampled_from(["complete", "forget", "take", "wait"]), names, st.just(b"")),
    max_size=60,
)


@given(actions)
def test_every_byte_is_taken_dropped_forgotten_or_waiting(
    script: list[tuple[Literal["hold", "complete", "forget", "take", "wait"], str, bytes]],
) -> None:
    queue = backlog(limit=100, max_age_s=3.0)
    now = 0.0
    given_to: dict[str, bytes] = defaultdict(bytes)
    taken: dict[str, bytes] = defaultdict(bytes)
    gone: set[str] = set()
    ended: set[str] = set()
    for action, name, pcm in script:
        match action:
            case "hold":
                if name in ended:
                    continue  # nobody goes on with what is complete
                given_to[name] += pcm
                gone.update(queue.hold(name, pcm, now))
            case "complete":
                if queue.complete(name):
                    ended.add(name)
            case "forget":
                if queue.forget(name):
                    gone.add(name)
            case "take":
                piece = queue.take(20)
                if piece is not None:
                    assert piece.utterance not in gone, "half an utterance"
                    assert piece.last or len(piece.pcm) >= 20
                    assert piece.first == (piece.utterance not in taken)
                    taken[piece.utterance] += piece.pcm
            case "wait":
                now += 1.0
                gone.update(queue.overdue(now))
        counters = queue.counters
        assert queue.size <= 100 + 3 * 40, "and the first piece of each"
        assert counters.bytes_held == (
            counters.bytes_taken + counters.bytes_dropped + counters.bytes_forgotten + queue.size
        )
        for utterance, heard in taken.items():
            assert given_to[utterance].startswith(heard), "order kept, nothing invented"
