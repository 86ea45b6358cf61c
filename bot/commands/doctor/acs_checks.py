"""Checks of Azure Communication Services: reachability, clock, rooms, identities, rights, signing keys."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp

from bot.calls.acs_client import AcsCalls
from bot.commands.doctor.findings import Finding, failed, fine, network_fault, warning
from bot.config import Settings
from bot.errors import CallError
from bot.resources import Clients, acs_address
from http_serving.bearer_tokens import LEEWAY_S, fetch_over_http, read_keys
from http_serving.errors import ServiceError
from rooms_admin.errors import AcsRefused
from rooms_admin.rooms.acs_client import AcsRooms

REACH_S = 10.0
"""Seconds for ACS to answer a request that asks for nothing."""
CLOCK_WARNING_S = LEEWAY_S / 2
ROOM_MINUTES = 10
"""Validity of the room that is created, should its deletion fail."""
TOKEN_MINUTES = 60
"""The shortest that ACS issues."""
ACS_SCOPE = "https://communication.azure.com//.default"
"""As the SDKs ask for it, with two slashes (ACS protocol sheet, 2.3)."""

KEY_REMEDY = (
    "Copy a connection string of this resource to AZURE_COMMUNICATION_CONNECTION_STRING: its keys may have been "
    "regenerated. If the clock above is wrong, correct that first: requests are signed with the time."
)
ROLE_REMEDY = (
    "Give the managed identity the role `Communication and Email Service Owner` on this ACS resource; it takes effect "
    "after some minutes."
)


async def check_acs(
    settings: Settings, clients: Clients, wall_clock: Callable[[], float] = time.time
) -> AsyncIterator[Finding]:
    """Check one after the other; what can only fail for a reason that is reported already is left out."""
    endpoint, key = acs_address(settings)
    try:
        date = await _date_of(endpoint)
    except (aiohttp.ClientError, OSError) as error:
        code, words = network_fault(error)
        remedy = "Compare AZURE_COMMUNICATION_CONNECTION_STRING or AZURE_COMMUNICATION_ENDPOINT with the resource, and"
        yield failed("acs", f"acs_{code}", f"{endpoint} {words}", f"{remedy} let this machine reach it on its port.")
        return
    yield fine("acs", f"{endpoint} answers")
    yield _clock(date, wall_clock())
    if key is None and clients.identity is not None:
        try:
            await clients.identity.get_token(ACS_SCOPE)
        except Exception as error:  # whatever a credential library raises
            remedy = "Assign an identity to this machine or container, or sign in with `az login`."
            yield failed("acs identity", "no_identity", f"no token: {type(error).__name__}", remedy)
            return
    refused_remedy = KEY_REMEDY if key is not None else ROLE_REMEDY
    async for finding in _rooms(settings, clients.acs_rooms, refused_remedy):
        yield finding
    yield await _calls(clients.acs_calls, refused_remedy)
    yield await check_keys("acs signing keys", "ACS_TOKEN_JWKS_URL", settings.acs_token_jwks_url)


async def _date_of(endpoint: str) -> datetime | None:
    """Return the time of the server of an endpoint, from whatever it answers."""
    timeout = aiohttp.ClientTimeout(total=REACH_S)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(endpoint, allow_redirects=False) as response,
    ):
        try:
            return parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return None


def _clock(theirs: datetime | None, ours_s: float) -> Finding:
    if theirs is None:
        return warning("clock", "clock_unknown", "ACS did not say what time it is", "Check that NTP is running.")
    off_s = ours_s - theirs.timestamp()
    said = f"{abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} that of ACS"
    if abs(off_s) <= CLOCK_WARNING_S:
        return fine("clock", f"within {CLOCK_WARNING_S:.0f} s of that of ACS")
    remedy = f"Synchronise the clock (NTP). Tokens of ACS and Entra are refused beyond {LEEWAY_S:.0f} s."
    report = failed if abs(off_s) > LEEWAY_S else warning
    return report("clock", "clock_wrong", f"this machine's clock is {said}", remedy)


async def _rooms(settings: Settings, rooms: AcsRooms, remedy: str) -> AsyncIterator[Finding]:
    now = datetime.now(UTC)
    try:
        room, _ = await rooms.create_room((), now, now + timedelta(minutes=ROOM_MINUTES))
    except ServiceError as error:
        yield _refused("acs rooms", "rooms", error, remedy)
        return
    yield fine("acs rooms", "a room was created")
    users: list[str] = []
    try:
        users.append(await rooms.add_participant(room.acs_room_id, "Attendee"))
        await rooms.issue_token(users[0], TOKEN_MINUTES)
    except ServiceError as error:
        yield _refused("acs identities", "identities", error, remedy)
    else:
        yield fine("acs identities", "a user was created, put on the roster, and got a token")
        yield _audience(settings.acs_token_audience, users[0])
    try:
        await rooms.delete_room(room.acs_room_id, users)
    except ServiceError as error:
        said = f"room {room.acs_room_id} was not deleted: {error.message}"
        later = f"It expires in {ROOM_MINUTES} minutes. {remedy}"
        yield failed("acs deletion", "room_not_deleted", said, later)
    else:
        yield fine("acs deletion", "room and user were deleted")


def _audience(audience: str, user: str) -> Finding:
    """Compare the audience of ACS's tokens with the id of the resource, which begins the id of each of its users."""
    resource = user.removeprefix("8:acs:").partition("_")[0]
    if resource == audience:
        return fine("acs audience", "ACS_TOKEN_AUDIENCE is the immutable id of this resource")
    said = "ACS_TOKEN_AUDIENCE is not the immutable id of this resource: callbacks and media would be refused"
    return failed("acs audience", "audience_wrong", said, f"Set ACS_TOKEN_AUDIENCE={resource}")


async def _calls(calls: AcsCalls, remedy: str) -> Finding:
    """Ask about a call that does not exist: that it does not is said only to those who may ask."""
    try:
        await calls.look(str(uuid.uuid4()))
    except CallError as error:
        cause = getattr(error.__cause__, "status_code", None)
        if cause in (401, 403):
            said = f"Call Automation refuses this service ({cause}, {error.code})"
            return failed("call automation", "calls_not_allowed", said, remedy)
        said = f"Call Automation does not answer as it should: {error.code}"
        return failed("call automation", "calls_failed", said, "Look at the health of the ACS resource in the portal.")
    return fine("call automation", "answers")


async def check_keys(check: str, setting: str, url: str) -> Finding:
    """Check that an issuer's key set can be fetched and has a usable key."""
    try:
        keys = read_keys(await fetch_over_http(url)())
    except (aiohttp.ClientError, OSError) as error:
        code, words = network_fault(error)
        return failed(check, f"keys_{code}", f"{url} {words}", f"Correct {setting}, or let this machine reach it.")
    except ValueError as error:
        return failed(check, "keys_unusable", f"{url}: {error}", f"Correct {setting}.")
    return fine(check, f"{len(keys)} fetched")


def _refused(check: str, what: str, error: ServiceError, remedy: str) -> Finding:
    status = getattr(error.__cause__, "status_code", None)
    details = "; ".join(str(detail.get("reason", "")) for detail in error.details or ())
    said = f"{error.message}{f' ({details})' if details else ''}"
    if isinstance(error, AcsRefused):
        code = "key_rejected" if status == 401 else "not_allowed"
        return failed(check, f"{what}_{code}", said, remedy)
    other = "Look at the health of the ACS resource in the portal; new resources may not offer Rooms at all."
    return failed(check, f"{what}_failed", said, other)
