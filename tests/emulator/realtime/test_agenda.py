"""Later things, in order of time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.agenda import Agenda


@given(st.lists(st.integers(0, 9)), st.integers(0, 9))
def test_what_is_due_runs_in_order_and_the_rest_waits(dues: list[int], now: int) -> None:
    agenda = Agenda()
    ran: list[tuple[int, int]] = []

    def entry(due: int, index: int) -> None:
        agenda.at(due, lambda _: ran.append((due, index)))

    for index, due in enumerate(dues):
        entry(due, index)
    agenda.run(now)
    assert ran == sorted((due, index) for index, due in enumerate(dues) if due <= now)
    assert agenda.next_deadline() == min((due for due in dues if due > now), default=None)


def test_an_action_may_add_one_that_is_due_at_once() -> None:
    agenda, ran = Agenda(), list[str]()

    def first(now: float) -> None:
        ran.append("first")
        agenda.at(now, lambda _: ran.append("second"))

    agenda.at(1.0, first)
    agenda.run(1.0)
    assert ran == ["first", "second"]


def test_an_action_may_call_everything_off() -> None:
    agenda, ran = Agenda(), list[str]()
    agenda.at(1.0, lambda _: agenda.clear())
    agenda.at(1.0, lambda _: ran.append("never"))
    agenda.run(2.0)
    assert ran == []
