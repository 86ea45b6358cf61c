"""Reads typed values from a JSON object. Knows no event.

A missing value, null and "" are the same. What has to be there raises `MalformedEvent` if it is not; what is read
leniently is None then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webhooks.errors import MalformedEvent

JsonObject = Mapping[str, Any]  # untrusted input: each value is checked as it is read


def text(holder: JsonObject, key: str) -> str:
    value = holder.get(key)
    if value is not None and not isinstance(value, str):
        raise MalformedEvent(f"{key} is not a text")
    if not value:
        raise MalformedEvent(f"{key} is missing")
    return value


def lenient_text(holder: JsonObject, key: str) -> str | None:
    value = holder.get(key)
    return value if isinstance(value, str) and value else None


def lenient_integer(holder: JsonObject, key: str) -> int | None:
    """Read an integer, or digits in a text."""
    value = holder.get(key)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def object_at(holder: JsonObject, key: str) -> JsonObject:
    value = holder.get(key)
    if value is None:
        raise MalformedEvent(f"{key} is missing")
    if not isinstance(value, dict):
        raise MalformedEvent(f"{key} is not an object")
    return value
