"""ACS as its two SDK clients show it: rooms and users in memory, failing on request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple, cast

from azure.communication.identity import CommunicationUserIdentifier
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.communication.rooms import CommunicationRoom, RoomParticipant
from azure.communication.rooms.aio import RoomsClient
from azure.core.exceptions import HttpResponseError, ODataV4Format

from rooms_admin.rooms.acs_client import AcsRooms


class Answer(NamedTuple):
    """As much of an HTTP response as the SDK's exceptions and our reading of them look at."""

    status_code: int
    headers: dict[str, str] = {}
    reason: str = "because"


def refused(status: int, body: dict[str, Any] | None = None, **headers: str) -> HttpResponseError:
    """What the SDK raises for such an answer."""
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    error = HttpResponseError(response=cast("Any", Answer(status, spelled)))
    error.error = ODataV4Format(body) if body else None
    return error


class Failing:
    """Raises what it is told to, at the n-th call of a method, counted from one."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, int], Exception] = {}
        self.calls: dict[str, int] = {}
        """by method"""
        self.closed = False

    def fail(self, method: str, error: Exception, call: int | None = None) -> None:
        """Fail the next call of the method, or the n-th from now."""
        self._failures[method, self.calls.get(method, 0) + (call or 1)] = error

    async def _enter(self, method: str) -> None:
        await asyncio.sleep(0)
        self.calls[method] = self.calls.get(method, 0) + 1
        if error := self._failures.pop((method, self.calls[method]), None):
            raise error

    async def close(self) -> None:
        self.closed = True


class FakeIdentity(Failing):
    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, list[Any]] = {}
        """tokens given out, by user"""
        self._numbers = count(1)
        self.hang_at: int | None = None

    async def create_user(self) -> CommunicationUserIdentifier:
        await self._enter("create_user")
        user = f"8:acs:resource_{next(self._numbers):04}"
        if len(self.users) + 1 == self.hang_at:
            await asyncio.Event().wait()
        self.users[user] = []
        return CommunicationUserIdentifier(user)

    async def delete_user(self, user: CommunicationUserIdentifier) -> None:
        await self._enter("delete_user")
        if self.users.pop(user.properties["id"], None) is None:
            raise refused(404)

    async def get_token(self, user: CommunicationUserIdentifier, scopes: list[str], **options: Any) -> Any:
        await self._enter("get_token")
        self.users[user.properties["id"]].append((scopes, options["token_expires_in"]))

        class Token(NamedTuple):
            token: str
            expires_on: str  # the SDK says int, and hands the text of the wire through

        return Token("a.jwt.text", "2026-11-21T08:00:00.1234567+00:00")


class FakeRooms(Failing):
    def __init__(self) -> None:
        super().__init__()
        self.rooms: dict[str, dict[str, str]] = {}
        """rosters, raw id to role, by room"""
        self.validity: dict[str, tuple[datetime, datetime]] = {}
        self.dial_out: set[str] = set()
        """rooms that phones may be dialled from"""
        self._numbers = count(99117812428622880)

    async def create_room(
        self,
        *,
        valid_from: datetime,
        valid_until: datetime,
        participants: Sequence[RoomParticipant],
        pstn_dial_out_enabled: bool = False,
    ) -> CommunicationRoom:
        await self._enter("create_room")
        room_id = str(next(self._numbers))
        self.rooms[room_id] = {one.communication_identifier.raw_id: str(one.role) for one in participants}
        self.validity[room_id] = (valid_from, valid_until)
        if pstn_dial_out_enabled:
            self.dial_out.add(room_id)
        return self._room(room_id)

    def _room(self, room_id: str) -> CommunicationRoom:
        # Typed as datetimes, these are the texts from the wire.
        valid_from, valid_until = (time.isoformat() for time in self.validity[room_id])
        return CommunicationRoom(
            {
                "id": room_id,
                "createdAt": valid_from,
                "validFrom": valid_from,
                "validUntil": valid_until,
                "pstnDialOutEnabled": room_id in self.dial_out,
            }
        )

    async def update_room(
        self,
        *,
        room_id: str,
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        pstn_dial_out_enabled: bool | None = None,
    ) -> CommunicationRoom:
        await self._enter("update_room")
        if room_id not in self.rooms:
            raise refused(404)
        if valid_from is not None and valid_until is not None:
            self.validity[room_id] = (valid_from, valid_until)
        if pstn_dial_out_enabled:
            self.dial_out.add(room_id)
        return self._room(room_id)

    async def delete_room(self, room_id: str) -> None:
        await self._enter("delete_room")
        if self.rooms.pop(room_id, None) is None:
            raise refused(404)

    async def add_or_update_participants(self, *, room_id: str, participants: list[RoomParticipant]) -> None:
        await self._enter("add_or_update_participants")
        if room_id not in self.rooms:
            raise refused(404)
        self.rooms[room_id] |= {one.communication_identifier.raw_id: str(one.role) for one in participants}

    async def remove_participants(self, *, room_id: str, participants: list[RoomParticipant]) -> None:
        await self._enter("remove_participants")
        if room_id not in self.rooms:
            raise refused(404)
        for one in participants:
            self.rooms[room_id].pop(one.communication_identifier.raw_id, None)


class FakeAcs:
    """Both clients, and our `AcsRooms` over them."""

    def __init__(self) -> None:
        self.rooms = FakeRooms()
        self.identity = FakeIdentity()
        self.acs = AcsRooms(cast("RoomsClient", self.rooms), cast("CommunicationIdentityClient", self.identity))
