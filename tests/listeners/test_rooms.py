"""What is kept of a room's captions, and what of another process's lines is news."""

from __future__ import annotations

from listeners.messages import CaptionMessage, Line
from listeners.rooms import PINNED_LINES, CaptionLog


def line(position: int, utterance: int, *, pinned: bool = False) -> Line:
    caption = CaptionMessage("room-1", f"u-{utterance}", position, "8:acs:ada", "Ada", "es-ES", "hola", True, 0)
    return Line(position, caption, pinned=pinned)


def positions(lines: list[Line]) -> list[int]:
    return [one.position for one in lines]


def test_the_latest_lines_are_kept_each_in_its_latest_revision() -> None:
    log = CaptionLog(2, known_from=1)
    assert not log
    for one in (line(2, 1), line(3, 2), line(4, 1)):
        log.keep(one)
    assert positions(log.since(0)) == [3, 4]
    assert log.known_from == 1
    log.keep(line(5, 3))
    assert positions(log.since(0)) == [4, 5]
    assert log.known_from == 3
    assert positions(log.since(4)) == [5]


def test_pinned_lines_are_kept_until_the_call_ends() -> None:
    log = CaptionLog(1, known_from=0)
    for number in range(1, PINNED_LINES + 2):
        log.keep(line(number, number, pinned=True))
    log.keep(line(100, 100))
    log.keep(line(101, 101))
    assert positions(log.since(0)) == [*range(2, PINNED_LINES + 2), 101]
    log.unpin()
    assert positions(log.since(0)) == [101]


def test_lines_of_another_process_are_news_once() -> None:
    log = CaptionLog(10, known_from=50)
    theirs = [line(3, 1, pinned=True), line(4, 2), line(5, 3)]
    assert positions(log.take(theirs, known_from=2)) == [3, 4, 5]
    assert log.known_from == 2, "nothing was known here before"
    assert log.take(theirs, known_from=2) == []
    assert positions(log.take([line(6, 2)], known_from=None)) == [6]
    assert positions(log.take([line(4, 2), line(7, 4)], known_from=5)) == [7], "and no older revision"
    assert positions(log.since(0)) == [5, 6, 7], "what is no longer pinned there is not here"
    assert log.known_from == 2
    log.take([line(20, 9)], known_from=15)
    assert log.known_from == 15, "lines between are known to nobody here"
