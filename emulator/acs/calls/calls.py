"""All calls of the resource: brings people and bots to the call of their room, and keeps the tasks behind them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from emulator.acs.calls.call_events import (
    call_ended,
    call_started,
    participant_added,
    participant_removed,
)
from emulator.acs.calls.connection import CallConnection, Origin
from emulator.acs.calls.frame_clock import FrameClock
from emulator.acs.calls.leg import Leg
from emulator.acs.calls.phones import Phones
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.calls.rooms import RoomStore
from emulator.acs.calls.services import Services
from emulator.acs.wire.callback_events import CONVERSATION_ENDED, HUNG_UP, Result
from emulator.acs.wire.errors import AcsError, call_not_found
from emulator.acs.wire.grid_event import GridEvent
from emulator.acs.wire.options import ConnectOptions
from emulator.randomness import uuid4

logger = logging.getLogger(__name__)

# Documented service limit for group and room calls.
MOST_PARTICIPANTS = 350


class Publisher(Protocol):
    """Where call events go."""

    def publish(self, event: GridEvent) -> None:
        """Deliver an event to whoever has subscribed. Never blocks."""


class Calls:
    """The calls under way and the bots connected to them.

    Attributes:
        phones: of everybody who can be rung.
        on_call_over: told of every call that has ended.
        quiet: set while no bot is connected, nor still to be told that it is not.
    """

    def __init__(
        self,
        *,
        resource_id: str,
        rooms: RoomStore,
        services: Services,
        publisher: Publisher,
        clock: FrameClock,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._resource_id = resource_id
        self._rooms = rooms
        self._services = services
        self._publisher = publisher
        self._clock = clock
        self._tasks = tasks
        self._by_room: dict[str, RoomCall] = {}
        self._calls: dict[str, RoomCall] = {}
        self.phones = Phones(services.faults)
        self.on_call_over: list[Callable[[RoomCall], None]] = []
        self._connections: dict[str, tuple[CallConnection, RoomCall]] = {}
        self.quiet = asyncio.Event()
        self.quiet.set()

    @property
    def active(self) -> list[RoomCall]:
        """The calls under way."""
        return list(self._calls.values())

    def call_named(self, server_call_id: str | None) -> RoomCall | None:
        """The call of that server call id, if there is one."""
        return self._calls.get(server_call_id or "")

    def call_in(self, room_id: str) -> RoomCall | None:
        """The call in a room, if there is one."""
        return self._by_room.get(room_id)

    # --- people -----------------------------------------------------------------------------------

    def join(self, room_id: str, leg: Leg) -> RoomCall:
        """Bring somebody into the call of a room; the first one starts it.

        Raises:
            AcsError: 403, the call is full.
        """
        call = self._by_room.get(room_id)
        if call is not None and len(call.legs) >= MOST_PARTICIPANTS and call.find(leg.raw_id) is None:
            raise AcsError(403, "CallFull", f"A call takes {MOST_PARTICIPANTS} participants.")
        if call is None:
            call = self.open_call(room_id, leg)
        call.join(leg)
        return call

    # --- bots -------------------------------------------------------------------------------------

    async def connect(
        self, options: ConnectOptions, *, room_id: str | None, server_call_id: str | None
    ) -> CallConnection:
        """Bring a bot into a call, named by room or by the call's own id.

        Raises:
            AcsError: 404/8522, there is no such room or no such call.
        """
        policy = self._services.faults.switches.connect_to_empty_room
        if room_id is not None:
            self._check_room(room_id)
            call = self._by_room.get(room_id)
        else:
            call = self.call_named(server_call_id)
        connection = self.bot(options)
        if call is None and room_id is not None and policy == "accept":
            call = self.open_call(room_id, None)
        if call is None:
            if policy != "fail" or room_id is None:
                raise call_not_found()
            nowhere = RoomCall(room_id, None, self, self._services.faults)
            self._tasks.create_task(connection.refuse(nowhere, Result(404, 8522, "Call not found.")))
            return connection
        dialled = self.serve(connection, call)
        if self._services.faults.switches.media_before_answer:
            await dialled.wait()
        return connection

    def bot(self, options: ConnectOptions, origin: Origin = "connect") -> CallConnection:
        """A connection that is in no call yet."""
        return CallConnection(options, self._services, f"28:acs:{self._resource_id}_{uuid4()}", origin)

    def serve(
        self,
        connection: CallConnection,
        call: RoomCall,
        before: Callable[[], Awaitable[Result]] | None = None,
    ) -> asyncio.Event:
        """Let a connection live in a call, once `before` has succeeded. Set when its media socket was dialled."""
        self._connections[connection.id] = (connection, call)
        self.quiet.clear()
        dialled = asyncio.Event()
        self._tasks.create_task(self._serve(connection, call, dialled, before), name=f"connection {connection.id}")
        return dialled

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something beside all calls until the server goes down, which cancels it."""
        self._tasks.create_task(work, name=name)

    def find(self, connection_id: str) -> tuple[CallConnection, RoomCall]:
        """A connection and its call.

        Raises:
            AcsError: 404/8522.
        """
        found = self._connections.get(connection_id)
        if found is None or found[0].state == "disconnected":
            raise call_not_found()
        return found

    def hang_up(self, connection_id: str) -> None:
        """A bot leaves its call; the others go on."""
        connection, call = self.find(connection_id)
        call.dismiss(connection, Result(200, 7000, HUNG_UP))

    def terminate(self, connection_id: str) -> None:
        """A bot ends its call for everybody."""
        connection, call = self.find(connection_id)
        if connection.state != "connected":
            raise AcsError(400, "8501", "The operation needs an established call.")
        call.end(by=connection)

    def move(self, leg: Leg, origin: RoomCall, target: RoomCall) -> None:
        """Take somebody from one call to another."""
        origin.leave(leg, "moved")
        target.arrive(leg)

    async def end_all(self, limit_s: float) -> bool:
        """End every call and every bot's connection; return whether all bots took their last events in time."""
        for call in self.active:
            call.end()
        for connection, call in list(self._connections.values()):
            call.dismiss(connection, Result(200, 7000, CONVERSATION_ENDED))
        try:
            async with asyncio.timeout(limit_s):
                await self.quiet.wait()
        except TimeoutError:
            return False
        return True

    def statistics(self) -> list[dict[str, Any]]:
        """Every call with its people, bots and counters."""
        return [
            {
                "room_id": call.room_id,
                "server_call_id": call.server_call_id,
                "participants": [
                    {"id": leg.raw_id, "display_name": leg.display_name, "muted": leg.muted} for leg in call.legs
                ],
                "connections": [
                    {"call_connection_id": bot.id, "state": bot.state, **bot.statistics()} for bot in call.bots
                ],
            }
            for call in self.active
        ]

    # --- what calls tell ----------------------------------------------------------------------------

    def call_started(self, call: RoomCall, by: Leg) -> None:
        self._services.journal.note("call.started", room_id=call.room_id, by=by.raw_id)
        if _is_user(by):
            self._publisher.publish(call_started(call, self._role(call, by)))

    def leg_added(self, call: RoomCall, leg: Leg) -> None:
        self._services.journal.note("call.joined", room_id=call.room_id, id=leg.raw_id)
        if call.started_by is None:
            call.started_by = leg
            self.call_started(call, leg)
        if _is_user(leg):
            self._publisher.publish(participant_added(call, leg, self._role))

    def leg_removed(self, call: RoomCall, leg: Leg, reason: str) -> None:
        self._services.journal.note("call.left", room_id=call.room_id, id=leg.raw_id, reason=reason)
        if _is_user(leg):
            self._publisher.publish(participant_removed(call, leg, self._role))

    def call_over(self, call: RoomCall) -> None:
        self._clock.remove(call)
        self._calls.pop(call.server_call_id, None)
        if call.room_id is not None and self._by_room.get(call.room_id) is call:
            del self._by_room[call.room_id]
        self._services.journal.note("call.ended", room_id=call.room_id)
        for tell in self.on_call_over:
            tell(call)
        if call.started_by is not None and _is_user(call.started_by):
            self._publisher.publish(call_ended(call, self._role(call, call.started_by)))

    def publish(self, event: GridEvent) -> None:
        """Tell Event Grid."""
        self._publisher.publish(event)

    def open_call(self, room_id: str | None, by: Leg | None, *, two_party: bool = False) -> RoomCall:
        """A new call, in a room or in none; whoever starts it is still to join."""
        call = RoomCall(room_id, by, self, self._services.faults, two_party=two_party)
        self._calls[call.server_call_id] = call
        if room_id is not None:
            self._by_room[room_id] = call
        self._clock.add(call)
        if by is not None:
            self.call_started(call, by)
        return call

    # --- inside -------------------------------------------------------------------------------------

    async def _serve(
        self,
        connection: CallConnection,
        call: RoomCall,
        dialled: asyncio.Event,
        before: Callable[[], Awaitable[Result]] | None,
    ) -> None:
        """The error boundary of one connection."""
        try:
            await connection.run(call, dialled=dialled, before=before)
        except Exception:
            logger.exception("a connection failed", extra={"call_connection_id": connection.id})
            self._services.journal.note("call.failed", call_connection_id=connection.id)
        finally:
            dialled.set()
            call.dismiss(connection, Result(200, 7000, CONVERSATION_ENDED))
            del self._connections[connection.id]
            if not self._connections:
                self.quiet.set()

    def _check_room(self, room_id: str) -> None:
        try:
            self._rooms.get(room_id)
        except AcsError as error:
            raise call_not_found() from error

    def _role(self, call: RoomCall, leg: Leg) -> str:
        """The room role of a leg; of somebody taken off the roster since, the default one."""
        if call.room_id is None:
            return "Attendee"
        try:
            return self._rooms.get(call.room_id).roster.get(leg.raw_id, "Attendee")
        except AcsError:
            return "Attendee"


def _is_user(leg: Leg) -> bool:
    """Only ACS users raise Event Grid events: no phone, no bot."""
    return leg.raw_id.startswith("8:acs:")
