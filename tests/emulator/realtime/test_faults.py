"""The fault document and when its rules apply."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.faults import (
    AT_A_POINT,
    Action,
    ConnectionFaults,
    FaultPlan,
    FaultRule,
    Point,
    RealtimeFaults,
)

RULES = st.builds(
    FaultRule,
    do=st.sampled_from(get_args(Action)),
    connection=st.none() | st.integers(1, 9),
    response=st.none() | st.integers(1, 9),
    times=st.none() | st.integers(1, 9),
    at=st.sampled_from(get_args(Point)),
    seconds=st.floats(0, 100),
    error_code=st.none() | st.text(max_size=5),
)


@given(st.lists(RULES, max_size=4))
def test_a_document_comes_back_as_it_was(rules: list[FaultRule]) -> None:
    faults = RealtimeFaults(tuple(rules))
    assert RealtimeFaults.from_dict(faults.to_dict()) == faults


@pytest.mark.parametrize(
    "document",
    [
        {"rule": []},
        {"rules": {}},
        {"rules": [{"at": "created"}]},
        {"rules": [{"do": "explode"}]},
        {"rules": [{"do": "close", "at": "noon"}]},
        {"rules": [{"do": "close", "code": 1011}]},
        {"rules": [{"do": "close", "close_code": "1011"}]},
        {"rules": ["close"]},
    ],
)
def test_a_wrong_document_is_refused_with_a_reason(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="rule"):
        RealtimeFaults.from_dict(document)


def plan(*rules: FaultRule) -> FaultPlan:
    return FaultPlan(RealtimeFaults(rules))


def test_a_rule_applies_to_the_connection_it_names() -> None:
    faults = plan(FaultRule("refuse", connection=2))
    assert [ConnectionFaults(faults, number).take("refuse") is not None for number in (1, 2, 3)] == [False, True, False]


def test_connections_are_counted_from_when_the_document_was_set() -> None:
    faults = plan()
    faults.replace(RealtimeFaults((FaultRule("refuse", connection=1),)), 7)
    assert ConnectionFaults(faults, 1).take("refuse") is None
    assert ConnectionFaults(faults, 8).take("refuse") is not None


def test_a_rule_is_spent_after_its_times() -> None:
    faults = ConnectionFaults(plan(FaultRule("say", times=2)), 1)
    assert [faults.take("say") is not None for _ in range(3)] == [True, True, False]


def test_response_and_target_narrow_a_rule() -> None:
    faults = ConnectionFaults(plan(FaultRule("say", response=2, target="es")), 1)
    assert faults.take("say", response=1, target="es") is None
    assert faults.take("say", response=2, target="fr") is None
    assert faults.take("say", response=2, target="es") is not None


def test_points_get_their_own_rules_in_order() -> None:
    faults = ConnectionFaults(
        plan(FaultRule("unknown_event"), FaultRule("close", at="done"), FaultRule("garbage_text")), 1
    )
    assert [rule.do for rule in faults.take_at("created")] == ["unknown_event", "garbage_text"]
    assert [rule.do for rule in faults.take_at("done")] == ["close"]
    assert faults.take_at("connect") == []


def test_every_action_is_either_at_a_point_or_asked_for_by_name() -> None:
    assert AT_A_POINT == {
        "close", "abort", "stall", "error_event", "garbage_text", "malformed_json", "binary_frame", "unknown_event",
        "extra_fields", "missing_event_id", "huge_frame",
    }  # fmt: skip
