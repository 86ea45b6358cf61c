"""What the listeners' sockets need to know of rooms, and how they are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

RoomState = Literal["created", "active", "paused", "ended"]
"""`created`: nothing was interpreted yet, or nobody is there now; `ended`: the room is deleted or has expired."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the roster of a room."""

    participant_id: str
    name: str
    speaks: str
    hears: str
    speaker_id: str = ""
    """Raw id with which they speak; empty if unknown."""


@dataclass(frozen=True, slots=True)
class ListenedRoom:
    """A room as listeners see it."""

    room_id: str
    name: str
    languages: tuple[str, ...]
    state: RoomState
    people: Mapping[str, Person] = field(default_factory=dict)
    """By participant id."""


FindRoom = Callable[[str], Awaitable[ListenedRoom | None]]
"""Finds a room by its id; None if there is none."""
MatchLanguage = Callable[[str, Sequence[str]], str | None]
"""Returns the one of a room's languages that serves a reader of this tag; None if none does."""
