"""Keys of calls.

A room of layout `sister` has several ACS rooms, one per language, and one call for each: `room-1/es-ES`. Every other
call has the id of its room as its key.
"""

from __future__ import annotations

from bot.interpreting.plan import SHARED_CHANNEL

SEPARATOR = "/"
"""Between room id and language; no room id contains it."""


def call_key(room_id: str, language: str) -> str:
    """Build the key of the call for one language of a room with a call per language."""
    return f"{room_id}{SEPARATOR}{language}"


def room_of(key: str) -> str:
    """Return the id of the room a call belongs to."""
    return key.partition(SEPARATOR)[0]


def stream_of(key: str) -> str:
    """Return which media stream of the room's plan a call carries."""
    return key.partition(SEPARATOR)[2] or SHARED_CHANNEL


def is_per_language(key: str) -> bool:
    """Say whether the room has a call per language."""
    return SEPARATOR in key
