"""The fault document."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.faults import rules
from emulator.realtime.faults.rules import (
    AT_A_POINT,
    ON_A_MESSAGE,
    FaultAction,
    FaultRule,
    Point,
    RealtimeFaults,
)
from emulator.realtime.personas import Answer, Persona, PreparedCall

RULES = st.builds(
    FaultRule,
    do=st.sampled_from(get_args(FaultAction)),
    connection=st.none() | st.integers(1, 9),
    response=st.none() | st.integers(1, 9),
    times=st.none() | st.integers(1, 9),
    at=st.sampled_from(get_args(Point)),
    event=st.none() | st.just("session.created"),
    nth=st.none() | st.integers(1, 9),
    probability=st.floats(0, 1),
    after_s=st.floats(0, 9),
    seconds=st.floats(0, 100),
    error_code=st.none() | st.text(max_size=5),
)


ANSWERS = st.lists(st.text(max_size=5) | st.builds(PreparedCall, st.text(max_size=5), st.just({"a": 1})), max_size=2)
PERSONAS = st.none() | st.sampled_from(get_args(Persona))


@given(st.lists(RULES, max_size=4), st.integers(), PERSONAS, ANSWERS)
def test_a_document_comes_back_as_it_was(
    rules: list[FaultRule], seed: int, persona: Persona | None, answers: list[Answer]
) -> None:
    document = RealtimeFaults(tuple(rules), seed, persona, tuple(answers))
    assert RealtimeFaults.from_dict(document.to_dict()) == document


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
        {"rules": [], "seed": "7"},
    ],
)
def test_a_wrong_document_is_refused_with_a_reason(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="rule|seed"):
        RealtimeFaults.from_dict(document)


def test_every_action_is_at_a_point_on_a_message_or_asked_for_by_name() -> None:
    assert {
        "close", "abort", "stall", "error_event", "garbage_text", "malformed_json", "binary_frame", "unknown_event",
        "extra_fields", "missing_event_id", "huge_frame",
    } == AT_A_POINT  # fmt: skip
    assert {
        "delay_message", "drop_message", "repeat_message", "reorder_message", "garble_message", "extend_message",
        "anonymise_message", "unlink_message",
    } == ON_A_MESSAGE  # fmt: skip
    assert set(get_args(FaultAction)) > AT_A_POINT | ON_A_MESSAGE


def test_every_action_is_explained_in_the_docstring() -> None:
    assert all(action in (rules.__doc__ or "") for action in get_args(FaultAction))
