"""Who is in a room's signaling: members by room, what they are told of one another, and who listens. No sockets."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from listeners.rooms import Person

COUNT_EVERY_S = 1.0
"""Seconds between two counts of listeners that members are told."""


class Told(Protocol):
    """A member's socket, as far as others reach it."""

    def message(self, kind: str, **fields: object) -> str: ...

    def post(self, text: str) -> None: ...


@dataclass(slots=True, eq=False)
class Member:
    """A socket of a room's signaling."""

    member_id: str
    socket: Told
    person: Person | None
    """None for a listener without a name."""
    muted: bool = False

    def shown(self) -> dict[str, Any]:
        """Return what other members learn of this one."""
        person = self.person
        if person is None:
            return {"member_id": self.member_id, "name": ""}
        return {
            "member_id": self.member_id,
            "participant_id": person.participant_id,
            "speaker_id": person.speaker_id,
            "name": person.name,
            "speaks": person.speaks,
            "hears": person.hears,
            "muted": self.muted,
        }


class Members:
    """The members of all rooms' signaling."""

    def __init__(self, listeners: Callable[[str], dict[str, int]]) -> None:
        """`listeners` counts the listeners of a room by language."""
        self._listeners = listeners
        self._rooms: dict[str, dict[str, Member]] = {}
        self._muted: dict[str, set[str]] = {}
        """Participants whose microphone is muted, by room."""
        self._counting: set[str] = set()
        """Rooms whose members are about to be told how many listen."""

    def join(self, room_id: str, socket: Told, person: Person | None) -> Member:
        """Add a member, and tell the others."""
        muted = person is not None and person.participant_id in self._muted.get(room_id, ())
        member = Member(secrets.token_hex(6), socket, person, muted)
        self._tell(room_id, "joined", member=member.shown())
        self._rooms.setdefault(room_id, {})[member.member_id] = member
        return member

    def leave(self, room_id: str, member: Member) -> None:
        """Remove a member, and tell the others."""
        members = self._rooms[room_id]
        del members[member.member_id]
        self._tell(room_id, "left", member=member.shown())
        if not members:
            del self._rooms[room_id]

    def of(self, room_id: str) -> list[Member]:
        """Return the members of a room, in the order in which they joined."""
        return list(self._rooms.get(room_id, {}).values())

    def find(self, room_id: str, member_id: object) -> Member | None:
        """Return a member of this room; None if there is none of that id in it."""
        return self._rooms.get(room_id, {}).get(member_id) if isinstance(member_id, str) else None

    def rename(self, room_id: str, member: Member, name: str) -> None:
        """Change a member's name, for everybody."""
        if (person := member.person) is not None:
            member.person = replace(person, name=name)
            self._tell(room_id, "renamed", member=member.shown())

    def mute(self, room_id: str, participant_id: str, muted: bool) -> None:
        """Note that a participant's microphone was muted or unmuted, and tell everybody."""
        silent = self._muted.setdefault(room_id, set())
        (silent.add if muted else silent.discard)(participant_id)
        if not silent:
            del self._muted[room_id]
        for member in self.of(room_id):
            if member.person is not None and member.person.participant_id == participant_id and member.muted != muted:
                member.muted = muted
                self._tell(room_id, "muted" if muted else "unmuted", member=member.shown())

    def listeners_changed(self, room_id: str) -> None:
        """Tell members how many listen, within `COUNT_EVERY_S` and not more often."""
        if room_id in self._rooms and room_id not in self._counting:
            self._counting.add(room_id)
            asyncio.get_running_loop().call_later(COUNT_EVERY_S, self._tell_count, room_id)

    def count(self, room_id: str) -> dict[str, Any]:
        """Return how many listen, in all and by language."""
        by_language = self._listeners(room_id)
        return {"count": sum(by_language.values()), "by_language": by_language}

    def _tell_count(self, room_id: str) -> None:
        self._counting.remove(room_id)
        self._tell(room_id, "listener_count", **self.count(room_id))

    def _tell(self, room_id: str, kind: str, **fields: object) -> None:
        members = self.of(room_id)
        text = members[0].socket.message(kind, **fields) if members else ""
        for member in members:
            member.socket.post(text)
