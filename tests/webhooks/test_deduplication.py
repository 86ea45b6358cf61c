"""Repeats and late arrivals are told apart, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhooks.deduplication import RecentIds, SequenceGate


def test_an_id_is_a_repeat_only_after_it_was_remembered() -> None:
    seen = RecentIds(2)
    assert "a" not in seen
    assert "a" not in seen  # asking is not remembering
    seen.remember("a")
    assert "a" in seen


def test_the_oldest_id_is_forgotten_first_and_a_repeat_makes_it_young() -> None:
    seen = RecentIds(2)
    for event_id in ("a", "b", "a", "c"):
        seen.remember(event_id)
    assert ["a" in seen, "b" in seen, "c" in seen] == [True, False, True]


@settings(deadline=None)
@given(st.lists(st.text("abcdefg", min_size=1, max_size=2)), st.integers(1, 5))
def test_the_last_different_ids_are_known_and_no_others(ids: list[str], capacity: int) -> None:
    seen = RecentIds(capacity)
    for event_id in ids:
        seen.remember(event_id)
    youngest = list(dict.fromkeys(reversed(ids)))[:capacity]
    assert {event_id for event_id in ids if event_id in seen} == set(youngest)
    assert len(seen) == len(youngest)


def test_a_number_that_is_not_higher_is_stale() -> None:
    gate = SequenceGate()
    assert not gate.is_stale("call", 0)
    gate.passed("call", 3)
    assert [gate.is_stale("call", n) for n in (1, 3, 4, 9)] == [True, True, False, False]
    assert not gate.is_stale("another", 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9))))
def test_what_passes_is_strictly_rising_per_call(arrivals: list[tuple[str, int]]) -> None:
    gate = SequenceGate()
    passed: dict[str, list[int]] = {"a": [], "b": []}
    for call, number in arrivals:
        if not gate.is_stale(call, number):
            passed[call].append(number)
        gate.passed(call, number)
    for numbers in passed.values():
        assert numbers == sorted(set(numbers))
    for call, number in arrivals:
        assert passed[call][-1] >= number


def test_calls_not_heard_of_are_forgotten() -> None:
    gate = SequenceGate(2)
    for call in ("a", "b", "a", "c"):
        gate.passed(call, 5 if call == "a" and gate.is_stale("a", 4) else 4)
    assert len(gate) == 2
    assert gate.is_stale("a", 4)
    assert not gate.is_stale("b", 4)
    assert gate.is_stale("c", 4)


@pytest.mark.parametrize("memory", [RecentIds, SequenceGate])
def test_a_memory_needs_room(memory: type[RecentIds] | type[SequenceGate]) -> None:
    with pytest.raises(ValueError, match="capacity must be at least 1"):
        memory(0)
