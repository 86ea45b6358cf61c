"""Single server messages that leave late, twice, in another order, spoilt, or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.agenda import Agenda
from emulator.realtime.faults.message_faults import OutgoingMessages
from emulator.realtime.faults.plan import ConnectionFaults, RealtimeFaultPlan
from emulator.realtime.faults.rules import ON_A_MESSAGE, FaultRule, RealtimeFaults
from emulator.realtime.ids import Ids
from emulator.realtime.wire import encode_event


class Way:
    """Messages on their way out, and what left."""

    def __init__(self, *rules: FaultRule) -> None:
        self.left: list[str] = []
        self.agenda = Agenda()
        faults = ConnectionFaults(RealtimeFaultPlan(RealtimeFaults(rules)), 1)
        self.out = OutgoingMessages(faults, self.agenda, Ids("seed"), self.left.append)

    def put(self, *numbers: int) -> list[int]:
        for number in numbers:
            self.out.put("event", frame(number), 100.0)
        return [json.loads(one)["n"] for one in self.left]


def frame(number: int) -> str:
    return encode_event({"type": "event", "event_id": f"event_{number}", "n": number})


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        (FaultRule("drop_message", nth=2), [1, 3, 4]),
        (FaultRule("repeat_message", nth=2), [1, 2, 2, 3, 4]),
        (FaultRule("reorder_message", nth=2), [1, 3, 2, 4]),
        (FaultRule("delay_message", nth=2), [1, 3, 4]),
        (FaultRule("drop_message", event="other"), [1, 2, 3, 4]),
    ],
    ids=lambda value: value.do if isinstance(value, FaultRule) else "",
)
def test_what_leaves(rule: FaultRule, left: list[int]) -> None:
    assert Way(rule).put(1, 2, 3, 4) == left


def test_a_delayed_message_leaves_when_its_time_has_come() -> None:
    way = Way(FaultRule("delay_message", nth=1, seconds=2.0))
    assert way.put(1, 2) == [2]
    way.agenda.run(101.9)
    assert way.put() == [2]
    way.agenda.run(102.0)
    assert way.put() == [2, 1]


def test_a_message_put_behind_the_next_waits_until_one_really_leaves() -> None:
    way = Way(FaultRule("reorder_message", nth=1), FaultRule("drop_message", nth=2))
    assert way.put(1, 2) == []
    assert way.put(3) == [3, 1]


def test_a_garbled_message_has_its_length_and_is_no_json() -> None:
    way = Way(FaultRule("garble_message"))
    way.out.put("event", frame(1), 100.0)
    assert len(way.left[0]) == len(frame(1))
    with pytest.raises(ValueError, match="delimiter|Unterminated|Expecting|Invalid"):
        json.loads(way.left[0])


def test_members_come_and_go() -> None:
    way = Way(FaultRule("extend_message", nth=1), FaultRule("anonymise_message", nth=2))
    way.put(1, 2)
    extended, anonymous = (json.loads(one) for one in way.left)
    assert extended == {**json.loads(frame(1)), "region": "atlantis", "hints": {"retry": None}}
    assert anonymous == {"type": "event", "n": 2}


def test_the_rule_that_was_followed_is_told() -> None:
    rule = FaultRule("drop_message", nth=2)
    way = Way(rule)
    assert [way.out.put("event", frame(number), 100.0) for number in (1, 2)] == [None, rule]


RULES = st.builds(
    FaultRule, do=st.sampled_from(sorted(ON_A_MESSAGE - {"drop_message"})), nth=st.none() | st.integers(1, 12)
)


@given(st.lists(RULES, max_size=3), st.integers(1, 12))
def test_nothing_is_lost_unless_it_is_dropped(rules: list[FaultRule], count: int) -> None:
    way = Way(*rules)
    for number in range(1, count + 1):
        way.out.put("event", frame(number), 100.0)
    way.agenda.run(1_000.0)
    held = sum(rule.do == "reorder_message" for rule in rules)
    if not any(rule.do == "repeat_message" for rule in rules):
        assert len(way.left) <= count
    if not held:
        assert len(way.left) >= count
