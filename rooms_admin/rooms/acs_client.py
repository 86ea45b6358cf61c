"""Creates and changes ACS rooms and identities through the SDKs. Knows neither REST nor the store.

The SDK repeats requests that fail with 500, 503 or 504 (three times, about five seconds). Errors it gives up on are
translated here, which also decides whether the caller may try again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from azure.communication.identity import CommunicationUserIdentifier
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.communication.rooms import CommunicationRoom, RoomParticipant
from azure.communication.rooms.aio import RoomsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError

from http_serving.errors import InvalidRequest, NotFound, ServiceError
from rooms_admin.errors import AcsRefused, AcsUnavailable
from rooms_admin.rooms.room import NOT_ACS_USERS, PHONE_PREFIX, WEB_PREFIX, ParticipantRole

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 20.0
"""Seconds for a request. The pauses between the SDK's three repeats take some 5 s of it."""
UNDO_TIMEOUT_S = 10.0
"""Seconds to undo, while the caller already waits for an error or is being cancelled."""
IDENTITIES_AT_ONCE = 10
"""Identities created concurrently; ACS allows 1,000 per 30 s for the whole resource."""
BUSY_RETRY_MS = 5_000
"""Retry delay reported when ACS is busy and gives none."""


@dataclass(frozen=True, slots=True)
class AcsRoom:
    """An ACS room and its validity."""

    acs_room_id: str
    """17 digits."""
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class AcsToken:
    """A token to join calls with."""

    token: str
    expires_on: datetime


class AcsClients(NamedTuple):
    """The SDK clients of an ACS resource."""

    rooms: RoomsClient
    identity: CommunicationIdentityClient


def build_clients(endpoint: str, credential: str | AsyncTokenCredential) -> AcsClients:
    """Build both clients for an endpoint, with an access key (base64) or a token credential.

    With a token credential the SDK refuses http endpoints. Call this before the event loop runs, or in a thread: the
    SDK runs `uname` for its user agent and waits for it.
    """
    endpoint = endpoint.rstrip("/")
    proof = AzureKeyCredential(credential) if isinstance(credential, str) else credential
    return AcsClients(RoomsClient(endpoint, proof), CommunicationIdentityClient(endpoint, proof))


class AcsRooms:
    """ACS rooms, rosters and tokens; an async context manager that closes its clients.

    Methods raise `AcsUnavailable` (may succeed later), `AcsRefused` (credentials of this service), `InvalidRequest`
    (ACS rejects the values) and `NotFound`.
    """

    def __init__(self, rooms: RoomsClient, identity: CommunicationIdentityClient) -> None:
        self._rooms = rooms
        self._identity = identity

    async def __aenter__(self) -> AcsRooms:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close both clients; the second even if the first fails."""
        try:
            await self._rooms.close()
        finally:
            await self._identity.close()

    async def create_room(
        self,
        roles: Sequence[ParticipantRole],
        valid_from: datetime,
        valid_until: datetime,
        *,
        dial_out: bool = False,
    ) -> tuple[AcsRoom, tuple[str, ...]]:
        """Create a room with a new user per role; return the users' raw ids in the order of the roles.

        `dial_out`: whether presenters may dial phones from the call.

        If a step fails or the caller is cancelled, the users already created are deleted.
        """
        users: list[str | None] = [None] * len(roles)
        try:
            await self._create_users(users)
            made = [user for user in users if user is not None]
            invited = [_participant(user, role) for user, role in zip(made, roles, strict=True)]
            async with _acs("create room"):
                room = await self._rooms.create_room(
                    valid_from=valid_from,
                    valid_until=valid_until,
                    pstn_dial_out_enabled=dial_out,
                    participants=invited,
                )
                return _room(room), tuple(made)
        except BaseException:
            await self._delete_users(user for user in users if user is not None)
            raise

    async def change_validity(self, acs_room_id: str, valid_from: datetime, valid_until: datetime) -> AcsRoom:
        async with _acs("update room"):
            room = await self._rooms.update_room(room_id=acs_room_id, valid_from=valid_from, valid_until=valid_until)
            return _room(room)

    async def delete_room(self, acs_room_id: str, acs_user_ids: Sequence[str] = ()) -> None:
        """Delete a room, then its users. A missing room is no error; a user that could not be deleted is logged."""
        try:
            async with _acs("delete room"):
                await self._rooms.delete_room(acs_room_id)
        except NotFound:
            pass
        await self._delete_users(acs_user_ids)

    async def delete_rooms(self, acs_room_ids: Iterable[str], acs_user_ids: Sequence[str] = ()) -> None:
        """Delete several rooms, then their users; raise the first error after all were tried."""
        refused: ServiceError | None = None
        for acs_room_id in acs_room_ids:
            try:
                await self.delete_room(acs_room_id)
            except ServiceError as error:
                refused = refused or error
        await self._delete_users(acs_user_ids)
        if refused is not None:
            raise refused

    async def add_participant(self, acs_room_id: str, role: ParticipantRole, phone: str | None = None) -> str:
        """Create a user on the room's roster, or allow a phone to be dialled; return the raw id.

        The user is deleted if it cannot be invited. `phone`: number (E.164).
        """
        user = await self._create_user() if phone is None else PHONE_PREFIX + phone
        try:
            await self.set_role(acs_room_id, user, role)
        except BaseException:
            await self._delete_users([user])
            raise
        return user

    async def set_role(self, acs_room_id: str, acs_user_id: str, role: ParticipantRole) -> None:
        """Put a user on the room's roster. For a phone, which cannot be there, allow that it is dialled."""
        if acs_user_id.startswith(WEB_PREFIX):
            return
        if acs_user_id.startswith(PHONE_PREFIX):
            async with _acs("update room"):
                await self._rooms.update_room(room_id=acs_room_id, pstn_dial_out_enabled=True)
            return
        async with _acs("update participants"):
            await self._rooms.add_or_update_participants(
                room_id=acs_room_id, participants=[_participant(acs_user_id, role)]
            )

    async def take_off(self, acs_room_id: str, acs_user_id: str) -> None:
        """Remove a user from the roster. A missing room or entry is no error, nor is who is no user of ACS."""
        if acs_user_id.startswith(NOT_ACS_USERS):
            return
        try:
            async with _acs("remove participants"):
                await self._rooms.remove_participants(room_id=acs_room_id, participants=[_participant(acs_user_id)])
        except NotFound:
            pass

    async def remove_participant(self, acs_room_id: str, acs_user_id: str) -> None:
        """Remove a user from the roster and delete it, which invalidates its tokens. A missing room is no error."""
        await self.take_off(acs_room_id, acs_user_id)
        await self._delete_users([acs_user_id])

    async def issue_token(self, acs_user_id: str, minutes: int) -> AcsToken:
        """Issue a token to join calls with, valid for 60 to 1440 minutes."""
        async with _acs("issue token"):
            token = await self._identity.get_token(
                CommunicationUserIdentifier(acs_user_id),
                ["voip"],
                token_expires_in=timedelta(minutes=minutes),
            )
            return AcsToken(_text(token.token), _instant(token.expires_on))

    async def _create_user(self) -> str:
        async with _acs("create user"):
            return _text((await self._identity.create_user()).properties["id"])

    async def _create_users(self, users: list[str | None]) -> None:
        """Fill `users` with new users, several concurrently; on failure, those created remain in it."""
        places = iter(range(len(users)))

        async def create() -> None:
            for place in places:
                users[place] = await self._create_user()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(IDENTITIES_AT_ONCE, len(users))):
                    group.create_task(create(), name="create identities")
        except BaseExceptionGroup as errors:
            # One error is sufficient: all come from the same service at the same time.
            raise _first(errors) from errors

    async def _delete_users(self, acs_user_ids: Iterable[str]) -> None:
        """Delete users within `UNDO_TIMEOUT_S`. Failures are logged, not raised."""
        users = [user for user in acs_user_ids if not user.startswith(NOT_ACS_USERS)]
        left = set(users)
        each = iter(users)

        async def delete() -> None:
            for user in each:
                try:
                    async with _acs("delete user"):
                        await self._identity.delete_user(CommunicationUserIdentifier(user))
                except NotFound:
                    pass
                except ServiceError:
                    continue
                left.discard(user)

        try:
            async with asyncio.timeout(UNDO_TIMEOUT_S), asyncio.TaskGroup() as group:
                for _ in range(min(IDENTITIES_AT_ONCE, len(users))):
                    group.create_task(delete(), name="delete identities")
        except TimeoutError:
            pass
        if left:
            logger.warning("acs users not deleted", extra={"users": len(left)})


def _participant(acs_user_id: str, role: ParticipantRole = "Attendee") -> RoomParticipant:
    return RoomParticipant({"rawId": acs_user_id, "role": role})


def _room(room: CommunicationRoom) -> AcsRoom:
    return AcsRoom(_text(room.id), _instant(room.valid_from), _instant(room.valid_until))


def _text(given: object) -> str:
    """Return a text of a response; `ValueError` if it is none: the SDKs pass on whatever the response has."""
    if not isinstance(given, str) or not given:
        raise ValueError("not a text")
    return given


def _instant(text: object) -> datetime:
    """Parse a time. The SDKs declare other types but pass the text of the response through."""
    return datetime.fromisoformat(str(text)).astimezone(UTC)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


_MALFORMED = (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError)
"""What the SDKs raise for a successful response that is not what it should be, such as `[]` or null."""


# --- errors ----------------------------------------------------------------------------------------


@asynccontextmanager
async def _acs(action: str) -> AsyncIterator[None]:
    """Limit a request to ACS in time, and translate its errors."""
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            yield
    except TimeoutError as error:
        raise AcsUnavailable("ACS did not answer in time", retry_after_ms=BUSY_RETRY_MS) from error
    except HttpResponseError as error:
        logger.warning("acs request rejected", extra={"action": action, "reason": error.status_code})
        raise _translated(error) from error
    except (AzureError, *_MALFORMED) as error:
        logger.warning("acs request failed", extra={"action": action, "reason": type(error).__name__})
        raise AcsUnavailable("ACS could not be reached", retry_after_ms=BUSY_RETRY_MS) from error


def _translated(error: HttpResponseError) -> ServiceError:
    status = error.status_code or 0
    if status == 404:
        return NotFound("ACS does not know this room or user")
    if status == 400:
        return InvalidRequest("ACS does not accept these values", details=[{"reason": _reason(error)}])
    if 200 <= status < 300:
        return AcsUnavailable("ACS gave an answer that cannot be read", retry_after_ms=BUSY_RETRY_MS)
    if status in (408, 429) or status >= 500:
        return AcsUnavailable("ACS is busy", retry_after_ms=_retry_after_ms(error))
    return AcsRefused(f"ACS answered {status}", details=[{"reason": _reason(error)}])


def _reason(error: HttpResponseError) -> str:
    """Return the most specific message of an ACS error."""
    said = error.error
    for detail in (said.details or []) if said else []:
        if detail.message:
            return str(detail.message)
    return str(said.message) if said and said.message else "no reason given"


def _retry_after_ms(error: HttpResponseError) -> int:
    headers: Mapping[str, str] = getattr(error.response, "headers", {})  # not in the SDK's type of response
    seconds = str(headers.get("Retry-After", ""))
    return min(int(seconds), 3600) * 1000 if seconds.isascii() and seconds.isdigit() else BUSY_RETRY_MS
