"""Each check, and the words it refuses with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.errors import ApiError
from emulator.realtime.schema import (
    Check,
    an_object,
    anything,
    array,
    boolean,
    decimal,
    integer,
    nullable,
    one_of,
    record,
    string,
    text_or_object,
    variants,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)

SHAPE = record(
    {
        "kind": variants(
            "type", {"a": record({"type": anything, "n": integer(1, 5)}), "b": record({"type": anything})}
        ),
        "names": array(string(3), 2),
        "flag": nullable(boolean),
        "choice": text_or_object(one_of("x", "y"), record({"z": decimal(0, 1)})),
        "open": an_object,
    },
    required=("flag",),
)


def refusal(check: Check, value: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        check(value, "")
    return caught.value


@pytest.mark.parametrize(
    "value",
    [
        {"flag": None},
        {"flag": True, "kind": {"type": "a", "n": 5}, "names": ["abc"], "choice": "x", "open": {"any": [1]}},
        {"flag": False, "kind": {"type": "b"}, "names": [], "choice": {"z": 1}},
    ],
)
def test_good_values_pass(value: Any) -> None:
    SHAPE(value, "")


@pytest.mark.parametrize(
    ("value", "code", "param"),
    [
        ({}, "missing_required_parameter", "flag"),
        ({"flag": None, "odd": 1}, "unknown_parameter", "odd"),
        ({"flag": 1}, "invalid_type", "flag"),
        ({"flag": None, "kind": {}}, "missing_required_parameter", "kind.type"),
        ({"flag": None, "kind": {"type": "c"}}, "invalid_value", "kind.type"),
        ({"flag": None, "kind": {"type": ["a"]}}, "invalid_type", "kind.type"),
        ({"flag": None, "kind": {"type": "a", "m": 1}}, "unknown_parameter", "kind.m"),
        ({"flag": None, "kind": {"type": "a", "n": 0}}, "integer_below_min_value", "kind.n"),
        ({"flag": None, "kind": {"type": "a", "n": 6}}, "integer_above_max_value", "kind.n"),
        ({"flag": None, "kind": {"type": "a", "n": True}}, "invalid_type", "kind.n"),
        ({"flag": None, "kind": []}, "invalid_type", "kind"),
        ({"flag": None, "names": ["a", "b", "c"]}, "array_above_max_length", "names"),
        ({"flag": None, "names": ["a", 2]}, "invalid_type", "names[1]"),
        ({"flag": None, "names": ["abcd"]}, "string_above_max_length", "names[0]"),
        ({"flag": None, "names": "abc"}, "invalid_type", "names"),
        ({"flag": None, "choice": "w"}, "invalid_value", "choice"),
        ({"flag": None, "choice": {"z": 1.5}}, "decimal_above_max_value", "choice.z"),
        ({"flag": None, "choice": {"z": "1"}}, "invalid_type", "choice.z"),
        ({"flag": None, "kind": {"type": None}}, "invalid_type", "kind.type"),
    ],
)
def test_bad_values_are_named_by_code_and_path(value: Any, code: str, param: str) -> None:
    error = refusal(SHAPE, value)
    assert (error.code, error.param) == (code, param)
    assert error.kind == "invalid_request_error"


def test_an_optional_null_is_absent_and_one_with_a_meaning_stays() -> None:
    value: Any = {"flag": None, "open": None, "kind": {"type": "a", "n": None}, "choice": None, "names": None}
    SHAPE(value, "")
    assert value == {"flag": None, "kind": {"type": "a"}}


def test_messages_use_the_words_of_the_service() -> None:
    assert refusal(record({}), {"x": 1}).message == "Unknown parameter: 'x'."
    assert refusal(record({}, ["x"]), {}).message == "Missing required parameter: 'x'."
    supported = "Invalid value: 'd'. Supported values are: 'a', 'b', and 'c'."
    assert refusal(one_of("a", "b", "c"), "d").message == supported


@given(JSON)
def test_any_json_is_accepted_or_refused(value: Any) -> None:
    try:
        SHAPE(value, "")
    except ApiError as error:
        assert error.code
