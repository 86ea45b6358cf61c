from __future__ import annotations

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from bot.interpreting.ledger import Entry, EntryState
from bot.interpreting.plan import Lane
from bot.interpreting.playout.floor import BETWEEN_S, HEAD_WAIT_S, POLITE_S, Floor, FloorEntry, FloorStage
from tests.support.audio import numbered
from tests.support.clock import after

LANE = Lane("8:acs:ada", "en-US", "es-ES")


def entry(name: str, began_at: float) -> Entry:
    return Entry(name, LANE, EntryState.COMMITTED, began_at)


def entered(floor: Floor, name: str, began_at: float, now: float) -> FloorEntry:
    passage = FloorEntry(entry(name, began_at), now)
    floor.enter(passage)
    return passage


def names(floor: Floor) -> list[str]:
    return [passage.entry.utterance for passage in floor.passages]


def frames(count: int) -> bytes:
    return numbered(1) * count


def say(floor: Floor, passage: FloorEntry, now: float) -> float:
    """Play a passage that has the floor to its end; returns when."""
    passage.pacer.finish()
    while not passage.pacer.drained:
        passage.pacer.take(now)
        now += 0.02
    floor.drop(passage)
    return now


def test_the_floor_goes_to_whoever_has_something_to_say() -> None:
    floor = Floor()
    first = entered(floor, "first", began_at=1.0, now=2.0)
    assert not first.own_voice
    assert floor.next_turn(2.0) is None
    assert floor.deadline(2.0) is None
    floor.audio(first, frames(1), now=2.5)
    assert (first.stage, first.ready_at) == (FloorStage.READY, 2.5)
    assert floor.next_turn(2.5) is first
    assert floor.speaking is first


def test_one_voice_at_a_time_with_a_breath_between() -> None:
    floor = Floor()
    first, second = entered(floor, "first", 1.0, now=2.0), entered(floor, "second", 1.5, now=2.0)
    floor.audio(first, frames(2), now=2.5)
    floor.audio(second, frames(2), now=2.5)
    assert floor.next_turn(2.5) is first
    assert floor.next_turn(2.5) is None
    said_at = say(floor, first, now=2.5)
    assert said_at == pytest.approx(2.54)
    assert floor.next_turn(said_at) is None
    free_at = floor.deadline(said_at)
    assert free_at == pytest.approx(2.54 + BETWEEN_S)
    assert free_at is not None
    assert floor.next_turn(free_at) is second


def test_places_are_given_by_who_began_first_not_by_who_ended_first() -> None:
    floor = Floor()
    entered(floor, "began at 2", began_at=2.0, now=3.0)
    entered(floor, "began at 1", began_at=1.0, now=5.0)
    entered(floor, "began at 2 as well", began_at=2.0, now=5.0)
    assert names(floor) == ["began at 1", "began at 2", "began at 2 as well"]


def test_one_that_is_ready_waits_for_its_turn() -> None:
    floor = Floor()
    first, second = entered(floor, "first", 1.0, now=2.0), entered(floor, "second", 1.5, now=2.0)
    floor.audio(second, frames(1), now=2.2)
    assert floor.next_turn(2.2) is None
    floor.audio(first, frames(1), now=2.4)
    assert floor.next_turn(2.4) is first


def test_one_that_is_late_for_3_s_loses_its_place_but_not_its_turn() -> None:
    floor = Floor()
    late, ready = entered(floor, "late", 1.0, now=2.0), entered(floor, "ready", 1.5, now=2.1)
    floor.audio(ready, frames(1), now=2.2)
    patience_ends_at = floor.deadline(2.2)
    assert patience_ends_at == 2.0 + HEAD_WAIT_S
    assert floor.next_turn(4.999) is None
    assert floor.next_turn(5.0) is ready
    said_at = say(floor, ready, now=5.0)
    floor.audio(late, frames(1), said_at)
    assert floor.next_turn(said_at + 1) is late


def test_who_began_first_goes_first_even_past_one_that_lost_its_place() -> None:
    floor = Floor()
    entered(floor, "late", began_at=5.0, now=6.0)
    second = entered(floor, "second", began_at=5.5, now=6.5)
    floor.audio(second, frames(100), now=7.0)
    assert floor.next_turn(6.0 + HEAD_WAIT_S) is second
    entered(floor, "long", began_at=4.0, now=9.5)
    assert names(floor) == ["second", "long", "late"]


def test_while_somebody_speaks_the_next_frame_is_what_is_due() -> None:
    floor = Floor()
    first, second = entered(floor, "first", 1.0, now=2.0), entered(floor, "second", 1.5, now=2.0)
    floor.audio(first, frames(2), now=2.5)
    floor.audio(second, frames(2), now=2.5)
    floor.next_turn(2.5)
    first.pacer.take(2.5)
    assert floor.deadline(2.5) == pytest.approx(2.52)
    assert floor.queued_ms == 20 + 40


def test_one_that_is_dropped_makes_room_at_any_stage() -> None:
    floor = Floor()
    waiting, ready, speaking = (entered(floor, name, 1.0, now=2.0) for name in ("waiting", "ready", "speaking"))
    floor.drop(waiting)
    floor.audio(ready, frames(3), now=2.1)
    floor.drop(ready)
    floor.audio(speaking, frames(3), now=2.2)
    assert floor.next_turn(2.2) is speaking
    speaking.pacer.take(2.2)
    floor.drop(speaking)
    assert floor.passages == []
    assert (ready.pacer.dropped_bytes, speaking.pacer.dropped_bytes) == (3 * 960, 2 * 960)
    assert floor.queued_ms == 0


def test_the_chair_goes_before_all_who_have_not_begun() -> None:
    floor = Floor()
    first, second = entered(floor, "first", 1.0, now=2.0), entered(floor, "second", 1.5, now=2.0)
    floor.audio(first, frames(2), now=2.5)
    floor.audio(second, frames(2), now=2.5)
    assert floor.next_turn(2.5) is first
    chair = FloorEntry(entry("chair", 2.2), 3.0, chair=True)
    floor.enter(chair)
    assert names(floor) == ["first", "chair", "second"]
    said_at = say(floor, first, now=2.5)
    assert floor.next_turn(said_at + 0.3) is None, "what the chair has said is on its way"
    floor.audio(chair, frames(2), now=3.0)
    assert floor.next_turn(3.0) is chair


def test_one_that_is_not_sure_to_be_wanted_is_held_back() -> None:
    floor = Floor()
    held, _ = entered(floor, "held", 1.0, now=2.0), entered(floor, "next", 1.5, now=2.0)
    held.held_until = 2.9
    floor.audio(held, frames(1), now=2.5)
    assert floor.deadline(2.5) == 2.9
    assert floor.next_turn(2.5) is None
    assert floor.next_turn(2.9) is held


def test_one_that_is_held_back_for_long_holds_up_nobody() -> None:
    """It has lost its place in the order, not its turn."""
    floor = Floor()
    held, other, last = (entered(floor, name, 1.0, now=2.0) for name in ("held", "other", "last"))
    held.held_until = math.inf
    floor.audio(held, frames(1), now=2.5)
    assert (floor.deadline(2.5), floor.next_turn(9.0)) == (math.inf, None)
    other.held_until = 8.0
    floor.audio(other, frames(1), now=2.5)
    assert floor.deadline(2.5) == 8.0
    floor.audio(last, frames(1), now=2.5)
    assert floor.deadline(2.5) == 2.0 + HEAD_WAIT_S
    assert floor.next_turn(2.0 + HEAD_WAIT_S) is last
    free_at = say(floor, last, now=2.0 + HEAD_WAIT_S) + BETWEEN_S
    assert floor.next_turn(free_at) is None
    held.held_until = 0.0
    assert floor.next_turn(free_at) is held


def test_one_that_is_held_back_goes_before_one_that_is_waited_for_longer() -> None:
    floor = Floor()
    held, _, last = (
        entered(floor, "held", 1.0, now=2.0),
        entered(floor, "silent", 1.1, 4.0),
        entered(floor, "last", 2.0, 4.0),
    )
    held.held_until = 6.0
    floor.audio(held, frames(1), now=2.5)
    floor.audio(last, frames(1), now=4.5)
    assert floor.next_turn(5.9) is None
    assert floor.deadline(4.5) == 6.0
    assert floor.next_turn(6.0) is held


def test_one_that_yields_is_not_spoken_over_anybody_and_keeps_nobody_waiting() -> None:
    floor = Floor()
    polite = FloorEntry(entry("polite", 1.0), 2.0, yields=True)
    floor.enter(polite)
    other = entered(floor, "other", 1.5, now=2.0)
    floor.audio(other, frames(1), now=2.5)
    assert floor.deadline(2.5) == 0.0
    floor.audio(polite, frames(1), now=2.5)
    assert floor.next_turn(2.5, quiet=False) is other
    said_at = say(floor, other, now=2.5)
    assert floor.deadline(said_at, quiet=False) == 2.5 + POLITE_S
    assert floor.next_turn(said_at + 1, quiet=False) is None
    assert floor.next_turn(said_at + 1, quiet=True) is polite


def test_one_that_yields_is_heard_at_the_next_turn_where_people_talk_without_a_pause() -> None:
    floor = Floor()
    polite = FloorEntry(entry("polite", 1.0), 2.0, yields=True)
    shy = FloorEntry(entry("shy", 1.0), 2.0, yields=True)
    floor.enter(polite)
    floor.enter(shy)
    for passage in (polite, shy):
        floor.audio(passage, frames(1), now=2.5)
    other, last = entered(floor, "other", 1.5, now=2.0), entered(floor, "last", 1.6, now=2.0)
    for passage in (other, last):
        floor.audio(passage, frames(1), now=2.5)
    assert floor.next_turn(2.5 + POLITE_S - 0.1, quiet=False) is other
    said_at = say(floor, other, now=2.5 + POLITE_S)
    assert floor.next_turn(said_at + BETWEEN_S, quiet=False) is polite
    said_at = say(floor, polite, now=said_at + BETWEEN_S)
    assert floor.next_turn(said_at + BETWEEN_S, quiet=False) is shy


def test_one_that_is_to_be_said_differently_begins_anew() -> None:
    floor = Floor()
    first, second = entered(floor, "first", 1.0, now=2.0), entered(floor, "second", 1.5, now=2.0)
    floor.audio(first, frames(5), now=2.1)
    floor.restart(first, now=2.4)
    assert (first.stage, first.pacer.queued_ms, first.pacer.dropped_bytes) == (FloorStage.WAITING, 0, 5 * 960)
    floor.audio(second, frames(1), now=2.5)
    assert floor.next_turn(2.5) is None
    floor.audio(first, frames(1), now=2.6)
    assert floor.next_turn(2.6) is first
    floor.restart(first, now=2.7)
    assert (floor.speaking, first.stage) == (None, FloorStage.WAITING)


def test_the_floor_is_given_to_nobody_who_has_not_a_whole_frame_to_say() -> None:
    floor = Floor()
    first, silent = entered(floor, "first", 1.0, now=2.0), entered(floor, "silent", 1.5, now=2.0)
    floor.audio(first, frames(1)[:480], now=2.1)
    assert (first.stage, floor.next_turn(2.1), floor.deadline(2.1)) == (FloorStage.WAITING, None, None)
    floor.audio(first, frames(1)[:478], now=2.2)
    assert floor.next_turn(2.2) is None
    floor.finish(first)
    assert (floor.next_turn(2.3), first.ready_at) == (first, 2.2)
    floor.finish(silent)
    assert silent.stage is FloorStage.WAITING, "of which nothing has come"


def test_what_waits_is_told_apart_from_what_is_heard_and_from_what_keeps_others_waiting() -> None:
    floor = Floor()
    assert floor.lag_ms == 0
    first, second = entered(floor, "first", 1.0, now=2.0), entered(floor, "second", 1.5, now=2.0)
    entered(floor, "silent", 1.7, now=2.0)
    floor.audio(first, frames(10), now=2.5)
    assert (floor.queued_ms, floor.lag_ms, floor.free_at(2.5)) == (200, 0, 2.5)
    floor.audio(second, frames(5), now=2.5)
    assert floor.next_turn(2.5) is first
    assert (floor.queued_ms, floor.lag_ms) == (300, 200)
    assert floor.free_at(2.5) == pytest.approx(2.7 + BETWEEN_S)


def test_one_of_which_nothing_has_come_is_expected_to_be_as_long_as_what_was_said() -> None:
    floor = Floor()
    first, second, third = (
        entered(floor, name, began_at=at, now=6.0) for name, at in [("1", 1.0), ("2", 2.0), ("3", 9.0)]
    )
    assert floor.wait_ms(third, 10.0) == 0.0, "nobody knows how long the others will be"
    first.entry.ended_at = second.entry.ended_at = 4.0
    assert floor.wait_ms(third, 10.0) == 3_000 + 2_000
    floor.audio(first, frames(200), 10.0)
    assert floor.wait_ms(third, 10.0) == 4_000 + 2_000
    floor.next_turn(10.0)
    floor.audio(second, frames(5), 10.0)
    floor.finish(second)
    floor.finish(second)
    assert floor.wait_ms(third, 10.0) == pytest.approx(4_000 + 1_000 * BETWEEN_S + 100)
    floor.finish(first)


class AnyOrder(RuleBasedStateMachine):
    """Whatever comes in whatever order: one voice at a time, and whoever is woken at the deadline finds work."""

    passages: Bundle[FloorEntry] = Bundle("passages")

    def __init__(self) -> None:
        super().__init__()
        self.floor = Floor()
        self.now = 10.0

    def on_floor(self, passage: FloorEntry) -> bool:
        return passage in self.floor.passages

    @rule(target=passages, age_ms=st.integers(0, 9_000), chair=st.booleans())
    def enter(self, age_ms: int, chair: bool) -> FloorEntry:
        passage = FloorEntry(entry("u", self.now - age_ms / 1000), self.now, chair=chair)
        self.floor.enter(passage)
        return passage

    @rule(later_ms=st.integers(0, 4_000))
    def wait(self, later_ms: int) -> None:
        self.now = after(self.now, later_ms)

    @rule(passage=passages, count=st.integers(1, 20))
    def audio(self, passage: FloorEntry, count: int) -> None:
        if self.on_floor(passage):
            self.floor.audio(passage, frames(count), self.now)

    @rule(passage=passages)
    def complete(self, passage: FloorEntry) -> None:
        if self.on_floor(passage):
            passage.pacer.finish()

    @rule(passage=passages)
    def drop(self, passage: FloorEntry) -> None:
        if self.on_floor(passage):
            self.floor.drop(passage)

    @rule()
    def next_turn(self) -> None:
        before = self.floor.speaking
        begun = self.floor.next_turn(self.now)
        if begun is not None:
            assert before is None
            assert self.floor.speaking is begun
            passed_over = self.floor.passages[: self.floor.passages.index(begun)]
            for passage in passed_over:
                assert self.now >= passage.since + HEAD_WAIT_S

    @rule()
    def be_woken(self) -> None:
        deadline = self.floor.deadline(self.now)
        if deadline is None:
            return
        self.now = max(self.now, deadline)
        speaking = self.floor.speaking
        progress = self.floor.next_turn(self.now) if speaking is None else speaking.pacer.take(self.now)
        assert progress

    @invariant()
    def at_most_one_speaks(self) -> None:
        speaking = [passage for passage in self.floor.passages if passage.stage is FloorStage.SPEAKING]
        assert speaking == ([] if self.floor.speaking is None else [self.floor.speaking])

    @invariant()
    def order_is_by_beginning(self) -> None:
        """Of those that have not begun, the chair's come first."""
        waiting = [one for one in self.floor.passages if one.stage is not FloorStage.SPEAKING]
        order = [(not one.chair, one.entry.began_at) for one in waiting]
        assert order == sorted(order)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=40)
