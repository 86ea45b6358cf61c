"""Who is in a room's signaling: members by room, what they are told of one another, and who listens. No sockets."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping
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


@dataclass(frozen=True, slots=True)
class MembersElsewhere:
    """Who is in a room at another process."""

    shown: Mapping[str, dict[str, Any]]
    """By member id."""
    muted: frozenset[str]
    """Participants whose microphone was muted there."""


class Members:
    """The members of all rooms' signaling."""

    def __init__(self, listeners: Callable[[str], dict[str, int]]) -> None:
        """`listeners` counts the listeners of a room by language."""
        self._listeners = listeners
        self._rooms: dict[str, dict[str, Member]] = {}
        self._muted: dict[str, set[str]] = {}
        """Participants whose microphone is muted, by room."""
        self._elsewhere: dict[str, dict[str, MembersElsewhere]] = {}
        """Of other processes, by room and process."""
        self._changes = 0
        self._changed: dict[str, int] = {}
        """By room with members or muted participants here, the number of the last change of these."""
        self.send_elsewhere: Callable[[str, str, str], None] = lambda room_id, member_id, text: None
        """Sends a text to a member (id) of a room (id) who is connected to another process."""
        self._counting: set[str] = set()
        """Rooms whose members are about to be told how many listen."""

    def join(self, room_id: str, socket: Told, person: Person | None) -> Member:
        """Add a member, and tell the others."""
        muted = person is not None and person.participant_id in self._all_muted(room_id)
        member = Member(secrets.token_hex(6), socket, person, muted)
        self._tell(room_id, "joined", member=member.shown())
        self._rooms.setdefault(room_id, {})[member.member_id] = member
        self._note_change(room_id)
        return member

    def leave(self, room_id: str, member: Member) -> None:
        """Remove a member, and tell the others."""
        members = self._rooms[room_id]
        del members[member.member_id]
        self._tell(room_id, "left", member=member.shown())
        if not members:
            del self._rooms[room_id]
        self._note_change(room_id)

    def changes(self, room_id: str) -> int:
        """Return a number that is another after every change of members or muted participants here; 0 of nobody."""
        return self._changed.get(room_id, 0)

    def _note_change(self, room_id: str) -> None:
        self._changes += 1
        self._changed.pop(room_id, None)
        if room_id in self._rooms or room_id in self._muted:
            self._changed[room_id] = self._changes

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
            self._note_change(room_id)
            self._tell(room_id, "renamed", member=member.shown())

    def mute(self, room_id: str, participant_id: str, muted: bool) -> None:
        """Note that a participant's microphone was muted or unmuted, and tell everybody."""
        silent = self._muted.setdefault(room_id, set())
        (silent.add if muted else silent.discard)(participant_id)
        if not silent:
            del self._muted[room_id]
        self._note_change(room_id)
        self._apply_muted(room_id)

    def shown(self, room_id: str) -> list[dict[str, Any]]:
        """Return the members of a room as others see them, those of other processes last."""
        elsewhere = self._elsewhere.get(room_id, {}).values()
        return [*self.shown_here(room_id), *(one for there in elsewhere for one in there.shown.values())]

    def shown_here(self, room_id: str) -> list[dict[str, Any]]:
        """Return those that are connected to this process."""
        return [one.shown() for one in self.of(room_id)]

    def muted_here(self, room_id: str) -> list[str]:
        """Return the participants that were muted at this process."""
        return sorted(self._muted.get(room_id, ()))

    def send(self, room_id: str, member_id: object, text: str) -> bool:
        """Send a text to a member of this room, wherever they are connected; False if there is none of that id."""
        if (member := self.find(room_id, member_id)) is not None:
            member.socket.post(text)
            return True
        known = any(member_id in there.shown for there in self._elsewhere.get(room_id, {}).values())
        if known and isinstance(member_id, str):
            self.send_elsewhere(room_id, member_id, text)
        return known

    def follow(self, room_id: str, process: str, shown: Mapping[str, dict[str, Any]], muted: Collection[str]) -> None:
        """Note who is in a room at another process, by member id, and who was muted there; tell what has changed."""
        there = self._elsewhere.setdefault(room_id, {})
        before = there.get(process, MembersElsewhere({}, frozenset())).shown
        there[process] = MembersElsewhere(shown, frozenset(muted))
        if not shown and not muted:
            del there[process]
            if not there:
                del self._elsewhere[room_id]
        for member_id in before.keys() | shown.keys():
            old, new = before.get(member_id), shown.get(member_id)
            if old is None or new is None:
                self._tell(room_id, "left" if new is None else "joined", member=old if new is None else new)
                continue
            if old.get("name") != new.get("name"):
                self._tell(room_id, "renamed", member=new)
            if old.get("muted") != new.get("muted"):
                self._tell(room_id, "muted" if new.get("muted") else "unmuted", member=new)
        self._apply_muted(room_id)

    def _all_muted(self, room_id: str) -> set[str]:
        elsewhere = self._elsewhere.get(room_id, {}).values()
        return self._muted.get(room_id, set()).union(*(there.muted for there in elsewhere))

    def _apply_muted(self, room_id: str) -> None:
        silent = self._all_muted(room_id)
        for member in self.of(room_id):
            muted = member.person is not None and member.person.participant_id in silent
            if member.muted != muted:
                member.muted = muted
                self._note_change(room_id)
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
