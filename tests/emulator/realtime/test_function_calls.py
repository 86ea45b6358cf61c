"""Which function is called, and whether its arguments fit their schema."""

from __future__ import annotations

import time
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.function_calls import arguments_for, chosen_function

WEATHER = {"type": "function", "name": "get_weather"}
TRANSFER = {"type": "function", "name": "transferCall"}
REMOTE = {"type": "mcp", "server_label": "weather"}


@pytest.mark.parametrize(
    ("choice", "words", "name"),
    [
        ("auto", "What is the weather in Bern?", "get_weather"),
        ("auto", "Transfer me, please.", "transferCall"),
        ("auto", "Please get me a coffee.", None),
        ("none", "What is the weather?", None),
        ("required", "Transfer me.", "transferCall"),
        ("required", "Good morning.", "get_weather"),
        ({"type": "function", "name": "transferCall"}, "What is the weather?", "transferCall"),
        ({"type": "function", "name": "unknown"}, "What is the weather?", None),
    ],
)
def test_the_function_is_chosen_by_tool_choice_and_by_what_was_said(choice: object, words: str, name: str) -> None:
    found = chosen_function([REMOTE, WEATHER, TRANSFER], choice, words, volunteers=True)
    assert (found and found["name"]) == name


def test_who_does_not_volunteer_calls_when_it_must() -> None:
    words = "What is the weather?"
    assert chosen_function([WEATHER], "auto", words, volunteers=False) is None
    assert chosen_function([WEATHER], "required", words, volunteers=False) == WEATHER
    assert chosen_function([REMOTE], "required", words, volunteers=True) is None


def test_a_name_without_long_words_is_meant_by_all_of_them() -> None:
    hang_up = {"type": "function", "name": "hang_up"}
    assert chosen_function([hang_up], "auto", "You may hang up now.", volunteers=True) == hang_up


def filled(words: str, required: list[str] | None = None, **properties: Any) -> Any:
    parameters = {"type": "object", "properties": properties, "required": required or list(properties)}
    return arguments_for({"parameters": parameters}, words)


def test_arguments_are_what_was_said_where_it_fits() -> None:
    assert filled(
        "Is it cold in Bern for 3 days?",
        place={"type": "string"},
        days={"type": "integer", "minimum": 1, "maximum": 7},
        unit={"type": "string", "enum": ["warm", "cold"]},
    ) == {"place": "Is it cold in Bern for 3 days?", "days": 3, "unit": "cold"}


def test_what_was_not_said_is_the_smallest_that_fits() -> None:
    assert filled(
        "Hello",
        days={"type": "integer", "minimum": 1},
        unit={"enum": ["warm", "cold"]},
        kind={"const": "forecast"},
        detailed={"type": "boolean"},
        below={"type": "number", "exclusiveMaximum": -3, "multipleOf": 2},
        places={"type": "array", "minItems": 2, "items": {"type": "string", "maxLength": 4}},
        note={"type": ["string", "null"], "minLength": 7},
        either={"anyOf": [{"type": "integer"}, {"type": "null"}]},
        nothing={"type": "null"},
        anything=True,
    ) == {
        "days": 1,
        "unit": "warm",
        "kind": "forecast",
        "detailed": True,
        "below": -6,
        "places": ["Hell", "Hell"],
        "note": "Hello..",
        "either": 0,
        "nothing": None,
        "anything": "Hello",
    }
    assert filled("Hello", ["a"], a={"type": "number"}, b={"type": "string"}) == {"a": 0}


def test_definitions_are_followed() -> None:
    day = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    parameters = {"$defs": {"Day": day}, "properties": {"day": {"$ref": "#/$defs/Day"}}, "required": ["day"]}
    assert arguments_for({"parameters": parameters}, "Monday") == {"day": {"name": "Monday"}}


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        {},
        {"type": "string"},
        {"required": 1},
        {"properties": {"a": {"type": "integer", "minimum": "x"}}, "required": ["a"]},
        {"properties": {"a": {"type": "array", "minItems": 10**9}}, "required": ["a"]},
        {"properties": {"a": {"minLength": 10**9}}, "required": ["a"]},
        {"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
        {"properties": {"a": {"enum": {"x": 1}}}, "required": ["a"]},
        {"properties": {"a": {"anyOf": {"x": 1}}}, "required": ["a"]},
        {"$ref": 5},
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}]},
    ],
)
def test_a_schema_that_is_none_or_has_no_end_is_survived(parameters: Any) -> None:
    began = time.process_time()
    assert isinstance(arguments_for({"parameters": parameters}, "Hello"), dict)
    assert time.process_time() - began < 1.0


NUMBERS = st.builds(
    lambda kind, low, size: {"type": kind, "minimum": low, "maximum": low + size},
    st.sampled_from(["integer", "number"]),
    st.integers(-100, 100),
    st.integers(0, 50),
)
LEAVES = NUMBERS | st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 3, "maxLength": 5},
        {"enum": ["red", "green", 3]},
        {"const": {"x": 1}},
        {"type": "boolean"},
        {"type": ["null", "integer"]},
        {"type": "integer", "multipleOf": 5, "exclusiveMinimum": 10},
    ]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda items, count: {"type": "array", "items": items, "minItems": count}, inner, st.integers(0, 3))
        | st.builds(lambda choices: {"oneOf": choices[:1]}, st.lists(inner, min_size=1))
        | st.builds(
            lambda members: {
                "type": "object", "properties": members, "required": sorted(members), "additionalProperties": False
            },
            st.dictionaries(st.sampled_from("abc"), inner),
        )
    ),
    max_leaves=8,
)  # fmt: skip


@given(SCHEMAS, st.text(max_size=12) | st.sampled_from(["42 green", "-7.5 or 15"]))
def test_arguments_fit_their_schema(schema: Any, words: str) -> None:
    found = filled(words, value=schema)["value"]
    jsonschema_rs.validate(schema, found)


KEYWORDS = st.sampled_from(
    ["type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "$ref", "minItems", "minimum", "a"]
)
WORDS = KEYWORDS | st.sampled_from(["object", "array", "integer", "number", "string", "#", "#/properties/a"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=4),
    max_leaves=12,
)


@given(ANYTHING, ANYTHING)
def test_any_json_in_place_of_a_schema_is_survived(parameters: Any, member: Any) -> None:
    assert isinstance(arguments_for({"parameters": parameters}, "Hello 5"), dict)
    assert set(filled("Hello 5", ["a"], a=member)) <= {"a"}
