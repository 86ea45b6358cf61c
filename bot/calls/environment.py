"""What a call needs from outside: ACS, its live room, addresses; and how to hang up so that nothing is left behind."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from bot.calls.acs_client import CallLook
from bot.calls.replicas.registry import Registry
from bot.errors import CallError
from bot.interpreting.events import Event
from bot.interpreting.lane_status import LaneStatuses
from bot.interpreting.plan import SHARED_CHANNEL, RoomPlan
from bot.interpreting.session import InterpreterSession
from bot.interpreting.usage_meter import Used
from bot.live_room.live_room import RoomEnded
from bot.live_room.microphones import Microphones
from bot.outputs.webhook_events import EmitEvent
from media_streaming.stream import MediaStream
from storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)

SEPARATOR = "/"
"""Between room id and language in the key of a call; no room id contains it."""


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


@dataclass(frozen=True, slots=True)
class PlannedRoom:
    """A room as calls need it."""

    room_id: str
    """Key of the call: the id of the room, followed by a language with layout `sister`: `room-1/es-ES`."""
    acs_room_id: str
    plan: RoomPlan
    used: Used = field(default_factory=Used)
    """Usage of earlier calls, if the plan has a cap."""
    waits_for_start: bool = False
    """It begins by an admin's command alone, not with the first microphone."""


@dataclass(frozen=True, slots=True)
class WebSeat:
    """Where somebody speaks who comes by browser."""

    call_key: str
    """The call of the room; with a call per language, that of the language the person hears."""
    speaker: str
    """Raw id."""


class Interpreted(Protocol):
    """What is interpreted in a call (`live_room.LiveRoom`, or a share of one that several calls have)."""

    async def run(self) -> RoomEnded: ...

    async def started(self) -> None: ...

    @property
    def running(self) -> bool: ...

    @property
    def name(self) -> str: ...

    def end(self, reason: str, *, hang_up: bool) -> None: ...

    @property
    def over(self) -> bool: ...

    @property
    def session(self) -> InterpreterSession: ...

    @property
    def lanes(self) -> LaneStatuses: ...

    @property
    def microphones(self) -> Microphones: ...

    def watch_lanes(self, changed: Callable[[], None]) -> None: ...

    async def quiet(self) -> None: ...

    def deliver(self, event: Event) -> None: ...

    def change_plan(self, plan: RoomPlan) -> None: ...

    async def attach(self, stream: MediaStream) -> None: ...


class CallControl(Protocol):
    """Joins and leaves calls (`acs_client.AcsCalls`). Every method may raise `CallError`."""

    async def connect(
        self, acs_room_id: str, callback_url: str, media_url: str, context: str, request_id: str, *, mixed: bool = False
    ) -> str: ...

    async def restart_streaming(self, call_connection_id: str) -> None: ...

    async def look(self, call_connection_id: str) -> CallLook | None: ...

    async def hang_up(self, call_connection_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class CallAddresses:
    """Where ACS reaches this service. The addresses of a call hold its secret: never log them."""

    public_base_url: str
    media_base_url: str

    def callback_url(self, secret: str) -> str:
        return f"{self.public_base_url}/webhooks/calls/{quote(secret, safe='')}"

    def media_url(self, secret: str) -> str:
        return f"{self.media_base_url}/media/{quote(secret, safe='')}"


@dataclass(frozen=True, slots=True)
class CallEnvironment:
    """What every call of this replica uses."""

    acs: CallControl
    registry: Registry
    addresses: CallAddresses
    emit: EmitEvent
    wall_clock: Callable[[], float]
    """Seconds since 1970."""
    clock: Callable[[], float]
    """Seconds of the event loop."""


async def leave_connection(acs: CallControl, registry: Registry, connection_id: str) -> bool:
    """Hang up, or remember to do so later if ACS refuses; return whether it is done. Raises nothing."""
    try:
        await acs.hang_up(connection_id)
        return True
    except CallError as error:
        logger.warning("hang-up failed", extra={"reason": error.code, "call_connection_id": connection_id})
    except Exception as error:  # a bug here must not reach the other calls
        logger.error("hang-up failed", exc_info=error, extra={"call_connection_id": connection_id})
    try:
        await registry.orphan(connection_id)
    except StoreUnavailable:
        extra = {"reason": "store_unavailable", "call_connection_id": connection_id}
        logger.error("failed hang-up not recorded", extra=extra)
    return False


async def hang_up_orphan(acs: CallControl, registry: Registry, connection_id: str) -> None:
    """Leave a connection that belongs to no call; if that fails it is tried again later. Raises nothing."""
    if not await leave_connection(acs, registry, connection_id):
        return
    try:
        await registry.forget_orphan(connection_id)
    except StoreUnavailable:
        pass  # it is hung up once more, which does no harm
