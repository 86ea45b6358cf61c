"""Checks client JSON strictly and reports errors in the service's words.

A check is a function of (value, path) that returns nothing or raises ApiError. The path is dotted, as the service
writes it: `session.audio.input.format`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from emulator.realtime.errors import ApiError, invalid_value, missing_parameter, unknown_parameter

Check = Callable[[object, str], None]
Json = dict[str, Any]
"""A JSON object."""


def kind_of(value: object) -> str:
    """Return the JSON type as error messages name it."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def wrong_type(value: object, expected: str, path: str) -> ApiError:
    return ApiError(
        "invalid_type",
        f"Invalid type for '{path}': expected {expected}, but got {kind_of(value)} instead.",
        path or None,
    )


def anything(value: object, path: str) -> None:
    """Accept every value: for members that are stored and echoed without effect."""


def an_object(value: object, path: str) -> None:
    if not isinstance(value, dict):
        raise wrong_type(value, "an object", path)


def boolean(value: object, path: str) -> None:
    if not isinstance(value, bool):
        raise wrong_type(value, "a boolean", path)


def string(max_length: int | None = None) -> Check:
    def check(value: object, path: str) -> None:
        if not isinstance(value, str):
            raise wrong_type(value, "a string", path)
        if max_length is not None and len(value) > max_length:
            raise ApiError(
                "string_above_max_length",
                f"Invalid '{path}': string too long. Expected a string with maximum length {max_length}, "
                f"but got a string with length {len(value)} instead.",
                path,
            )

    return check


def integer(low: int, high: int | None = None) -> Check:
    def check(value: object, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong_type(value, "an integer", path)
        _bounded("integer", value, low, high, path)

    return check


def decimal(low: float, high: float) -> Check:
    def check(value: object, path: str) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise wrong_type(value, "a decimal", path)
        _bounded("decimal", value, low, high, path)

    return check


def _bounded(kind: str, value: float, low: float, high: float | None, path: str) -> None:
    if value < low:
        raise ApiError(
            f"{kind}_below_min_value",
            f"Invalid '{path}': {kind} below minimum value. Expected a value >= {low}, but got {value} instead.",
            path,
        )
    if high is not None and value > high:
        raise ApiError(
            f"{kind}_above_max_value",
            f"Invalid '{path}': {kind} above maximum value. Expected a value <= {high}, but got {value} instead.",
            path,
        )


def one_of(*values: str) -> Check:
    supported = list(values)

    def check(value: object, path: str) -> None:
        if not isinstance(value, str):
            raise wrong_type(value, f"one of {', '.join(supported)}", path)
        if value not in supported:
            raise invalid_value(value, supported, path)

    return check


def nullable(inner: Check) -> Check:
    def check(value: object, path: str) -> None:
        if value is not None:
            inner(value, path)

    return check


def text_or_object(text: Check, otherwise: Check) -> Check:
    """Return a check for a word, or an object with details."""

    def check(value: object, path: str) -> None:
        (otherwise if isinstance(value, dict) else text)(value, path)

    return check


def array(inner: Check, max_items: int | None = None) -> Check:
    def check(value: object, path: str) -> None:
        if not isinstance(value, list):
            raise wrong_type(value, "an array", path)
        if max_items is not None and len(value) > max_items:
            raise ApiError(
                "array_above_max_length",
                f"Invalid '{path}': array too long. Expected at most {max_items} items, but got {len(value)} instead.",
                path,
            )
        for index, item in enumerate(value):
            inner(item, f"{path}[{index}]")

    return check


def record(fields: Mapping[str, Check], required: Collection[str] = ()) -> Check:
    """Return a check for an object with these keys and no others.

    The check removes optional members that are null where null has no meaning of its own: SDKs send them for what their
    caller left out, and the service takes them for absent.
    """

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(value, "an object", path)
        prefix = f"{path}." if path else ""
        for key in required:
            if key not in value:
                raise missing_parameter(prefix + key)
        for key, item in list(value.items()):
            inner = fields.get(key)
            if inner is None:
                raise unknown_parameter(prefix + key)
            if item is None and key not in required and not _takes_null(inner):
                del value[key]
            else:
                inner(item, prefix + key)

    return check


def _takes_null(check: Check) -> bool:
    try:
        check(None, "")
    except ApiError:
        return False
    return True


def variants(tag: str, choices: Mapping[str, Check]) -> Check:
    """Return a check for an object whose `tag` member selects the check."""
    known = one_of(*choices)

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(value, "an object", path)
        tag_path = f"{path}.{tag}" if path else tag
        if tag not in value:
            raise missing_parameter(tag_path)
        name = value[tag]
        known(name, tag_path)
        choices[str(name)](value, path)

    return check
