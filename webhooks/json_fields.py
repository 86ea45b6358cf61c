"""Reads typed values from a JSON object. Knows no event.

A missing value, null and "" are the same. A value of another type raises `MalformedEvent`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from webhooks.errors import MalformedEvent

JsonObject = Mapping[str, Any]  # untrusted input: each value is checked as it is read


def optional_text(holder: JsonObject, key: str) -> str | None:
    value = holder.get(key)
    if value is not None and not isinstance(value, str):
        raise MalformedEvent(f"{key} is not a text")
    return value or None


def text(holder: JsonObject, key: str) -> str:
    value = optional_text(holder, key)
    if value is None:
        raise MalformedEvent(f"{key} is missing")
    return value


def optional_integer(holder: JsonObject, key: str) -> int | None:
    value = holder.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise MalformedEvent(f"{key} is not an integer")
    return value


def integer(holder: JsonObject, key: str) -> int:
    value = optional_integer(holder, key)
    if value is None:
        raise MalformedEvent(f"{key} is missing")
    return value


def optional_number(holder: JsonObject, key: str) -> float | None:
    value = holder.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise MalformedEvent(f"{key} is not a number")
    return value


def optional_object(holder: JsonObject, key: str) -> JsonObject | None:
    value = holder.get(key)
    if value is not None and not isinstance(value, dict):
        raise MalformedEvent(f"{key} is not an object")
    return value


def object_at(holder: JsonObject, key: str) -> JsonObject:
    value = optional_object(holder, key)
    if value is None:
        raise MalformedEvent(f"{key} is missing")
    return value


def instant(holder: JsonObject, key: str) -> datetime:
    """Read a time in UTC. Without an offset it is taken as UTC; digits beyond microseconds are cut."""
    written = text(holder, key)
    try:
        time = datetime.fromisoformat(written)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedEvent(f"{key} is not a time") from error
