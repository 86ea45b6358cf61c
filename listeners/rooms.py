"""What the listeners' sockets need to know of rooms, how they are told, and how long rooms are remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

KEPT_ROOMS = 100
"""Rooms nobody uses whose lines are kept for those who come back."""
KEPT_S = 3600.0
"""Seconds for which they are kept."""

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


class UnusedRooms:
    """Rooms that are known for their lines alone. At most `KEPT_ROOMS`, each for `KEPT_S` seconds."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._since: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._since)

    def add(self, room_id: str) -> list[str]:
        """Note that nobody uses a room any more; returns those to forget."""
        self._since[room_id] = self._wall_clock()
        return self.too_old()

    def discard(self, room_id: str) -> None:
        """Note that a room is used again, or gone."""
        self._since.pop(room_id, None)

    def too_old(self) -> list[str]:
        """Take out and return those that are to be forgotten now."""
        oldest = self._wall_clock() - KEPT_S
        found = []
        while self._since and (len(self._since) > KEPT_ROOMS or next(iter(self._since.values())) < oldest):
            found.append(self._since.popitem(last=False)[0])
        return found
