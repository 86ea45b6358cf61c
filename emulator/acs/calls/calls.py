"""All calls of the resource: brings people and bots into the call of their room and owns the tasks behind them."""

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
from emulator.acs.calls.offers import Offers
from emulator.acs.calls.phones import Phones
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.calls.rooms import RoomStore
from emulator.acs.calls.services import Services
from emulator.acs.wire.callback_events import CONVERSATION_ENDED, HUNG_UP, Result
from emulator.acs.wire.errors import AcsError, call_not_found
from emulator.acs.wire.grid_event import GridEvent
from emulator.acs.wire.options import ConnectOptions, Locator
from emulator.randomness import uuid4

logger = logging.getLogger(__name__)

# Documented service limit for group and room calls.
MOST_PARTICIPANTS = 350


class Publisher(Protocol):
    """Takes call events for delivery."""

    def publish(self, event: GridEvent) -> None:
        """Deliver an event to every subscription. Never blocks."""


class Calls:
    """The calls under way and the bots connected to them.

    Attributes:
        phones: phones of the users who can be rung.
        offers: calls that bots can answer.
        on_call_over: callbacks for every call that has ended.
        quiet: set while no bot is connected and no bot still waits for its last events.
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
        self._by_place: dict[Locator, RoomCall] = {}
        self._calls: dict[str, RoomCall] = {}
        self.offers = Offers(publisher.publish)
        self.phones = Phones(services.faults, self.offers)
        self.on_call_over: list[Callable[[RoomCall], None]] = []
        self._connections: dict[str, tuple[CallConnection, RoomCall]] = {}
        self.quiet = asyncio.Event()
        self.quiet.set()

    @property
    def active(self) -> list[RoomCall]:
        """The calls under way."""
        return list(self._calls.values())

    def call_at(self, where: Locator) -> RoomCall | None:
        """Return the call in a room or of a group, or that with a server call id, or None."""
        return self._calls.get(where.server_call_id or "") or self._by_place.get(where)

    # --- people -----------------------------------------------------------------------------------

    def join(self, where: Locator, leg: Leg) -> RoomCall:
        """Add a participant to the call of a room or group; the first one starts the call.

        Raises:
            AcsError: 403, the call is full.
        """
        call = self.call_at(where)
        if call is not None and len(call.legs) >= MOST_PARTICIPANTS and call.find(leg.raw_id) is None:
            raise AcsError(403, "CallFull", f"A call takes {MOST_PARTICIPANTS} participants.")
        if call is None:
            call = self.open_call(where, leg)
        call.join(leg)
        return call

    # --- bots -------------------------------------------------------------------------------------

    async def connect(self, options: ConnectOptions, where: Locator) -> CallConnection:
        """Bring a bot into a call.

        Raises:
            AcsError: 404/8522, there is no such room or no such call.
        """
        policy = self._services.faults.switches.connect_to_empty_room
        if where.room_id is not None:
            self._check_room(where.room_id)
        call = self.call_at(where)
        connection = self.bot(options)
        if call is None and where.server_call_id is None and policy == "accept":
            call = self.open_call(where, None)
        if call is None:
            if policy != "fail" or where.server_call_id is not None:
                raise call_not_found()
            nowhere = RoomCall(where.room_id, None, self, self._services.faults)
            self._tasks.create_task(connection.refuse(nowhere, Result(404, 8522, "Call not found.")))
            return connection
        dialled = self.serve(connection, call)
        if self._services.faults.switches.media_before_answer:
            await dialled.wait()
        return connection

    def bot(
        self,
        options: ConnectOptions,
        origin: Origin = "connect",
        *,
        identity: str | None = None,
        correlation_id: str | None = None,
    ) -> CallConnection:
        """Create a connection that is in no call yet.

        Args: identity: raw id by which others know the bot; correlation_id: that of its call, else one of its own.
        """
        connection = CallConnection(
            options, self._services, identity or f"28:acs:{self._resource_id}_{uuid4()}", origin, listed=bool(identity)
        )
        connection.correlation_id = correlation_id or connection.correlation_id
        return connection

    def serve(
        self,
        connection: CallConnection,
        call: RoomCall,
        before: Callable[[], Awaitable[Result]] | None = None,
    ) -> asyncio.Event:
        """Run a connection in a call once `before` has succeeded; return the event "media socket dialled"."""
        self._connections[connection.id] = (connection, call)
        self.quiet.clear()
        dialled = asyncio.Event()
        self._tasks.create_task(self._serve(connection, call, dialled, before), name=f"connection {connection.id}")
        return dialled

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a coroutine until it ends or the server stops, which cancels it."""
        self._tasks.create_task(work, name=name)

    def find(self, connection_id: str) -> tuple[CallConnection, RoomCall]:
        """Return a connection and its call.

        Raises:
            AcsError: 404/8522.
        """
        found = self._connections.get(connection_id)
        if found is None or found[0].state == "disconnected":
            raise call_not_found()
        return found

    def hang_up(self, connection_id: str) -> None:
        """Remove a bot from its call; the call goes on."""
        connection, call = self.find(connection_id)
        call.dismiss(connection, Result(200, 7000, HUNG_UP))

    def terminate(self, connection_id: str) -> None:
        """End a bot's call for everybody."""
        connection, call = self.find(connection_id)
        if connection.state != "connected":
            raise AcsError(400, "8501", "The operation needs an established call.")
        call.end(by=connection)

    def move(self, leg: Leg, origin: RoomCall, target: RoomCall) -> None:
        """Move a participant from one call to another."""
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
        """Return every call with its participants, bots and counters."""
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

    # --- what calls report ----------------------------------------------------------------------------

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
        for where in [where for where, at in self._by_place.items() if at is call]:
            del self._by_place[where]
        self._services.journal.note("call.ended", room_id=call.room_id)
        for tell in self.on_call_over:
            tell(call)
        if call.started_by is not None and _is_user(call.started_by):
            self._publisher.publish(call_ended(call, self._role(call, call.started_by)))

    def publish(self, event: GridEvent) -> None:
        """Hand an event to Event Grid."""
        self._publisher.publish(event)

    def open_call(self, where: Locator | None, by: Leg | None, *, two_party: bool = False) -> RoomCall:
        """Open a call, in a room, of a group or nowhere; the person who starts it joins afterwards."""
        place = where or Locator()
        call = RoomCall(place.room_id, by, self, self._services.faults, two_party=two_party, group_id=place.group_id)
        self._calls[call.server_call_id] = call
        if where is not None:
            self._by_place[where] = call
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
        """Run a connection; an error in it ends this connection only."""
        try:
            await connection.run(call, dialled=dialled, before=before)
        except Exception:
            logger.exception("call connection failed", extra={"call_connection_id": connection.id})
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
        """Return the room role of a leg; the default role if the user has been removed from the roster."""
        if call.room_id is None:
            return "Attendee"
        try:
            return self._rooms.get(call.room_id).roster.get(leg.raw_id, "Attendee")
        except AcsError:
            return "Attendee"


def _is_user(leg: Leg) -> bool:
    """Return whether a leg is an ACS user: phones and bots cause no Event Grid events."""
    return leg.raw_id.startswith("8:acs:")
