"""The calls of this replica as one part of the service: put together, run, drained."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from bot.calls.active_calls import ActiveCalls, CloseLedger, OpenRoom, RoomPlans
from bot.calls.call import Call
from bot.calls.commands import Commands
from bot.calls.dispatcher import Dispatcher
from bot.calls.environment import CallAddresses, CallControl, CallEnvironment
from bot.calls.media_sockets import MediaSockets
from bot.calls.periodic_checks import PeriodicChecks
from bot.calls.replicas.mailbox import ReplicaMailbox
from bot.calls.replicas.registry import Registry
from bot.calls.state_machine import CallState, CallTrigger
from bot.listening.web_speakers import WebSpeakers
from bot.outputs.webhook_events import EmitEvent
from bot.tasks import ServiceTasks
from storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)

LEAVE_TIMEOUT_S = 10.0
"""Seconds to leave a call when the service stops: closing a media socket takes 1 s, hanging up 5 s. A call that still
waits for the answer to its connect request is cut short."""


class CallService:
    """Joins, serves and leaves calls. `run` must be running."""

    def __init__(
        self,
        *,
        rooms: RoomPlans,
        acs: CallControl,
        registry: Registry,
        tasks: ServiceTasks,
        open_room: OpenRoom,
        close_ledger: CloseLedger,
        addresses: CallAddresses,
        max_calls: int,
        wall_clock: Callable[[], float],
        clock: Callable[[], float],
        emit: EmitEvent,
    ) -> None:
        self._registry = registry
        self._tasks = tasks
        self._mailbox = ReplicaMailbox(registry)
        self.active_calls = ActiveCalls(
            CallEnvironment(acs, registry, addresses, emit, wall_clock, clock),
            rooms=rooms,
            mailbox=self._mailbox,
            tasks=tasks,
            open_room=open_room,
            close_ledger=close_ledger,
            max_calls=max_calls,
        )
        self.commands = Commands(
            self.active_calls, rooms=rooms, registry=registry, mailbox=self._mailbox, wall_clock=wall_clock
        )
        self.dispatcher = Dispatcher(
            self.active_calls,
            self.commands,
            rooms=rooms,
            acs=acs,
            registry=registry,
            mailbox=self._mailbox,
            tasks=tasks,
        )
        self.media_sockets = MediaSockets(self.active_calls, registry, self._mailbox, tasks)
        self.open_microphone = WebSpeakers(self.active_calls, rooms)
        self._checks = PeriodicChecks(self.dispatcher, self.active_calls, registry, acs, wall_clock)

    async def run(self) -> None:
        """Serve until cancelled; calls that are still on are ended then."""
        async with asyncio.TaskGroup() as group:
            self._tasks.open(group)
            group.create_task(self._mailbox.beat(), name="lease")
            group.create_task(self._mailbox.listen(self.dispatcher.handle_message), name="messages")
            group.create_task(self._checks.run(), name="periodic checks")
            await self.dispatcher.run()

    async def drain(self, limit_s: float) -> None:
        """Accept no new calls, let running utterances finish, then leave every call or hand it to another replica.

        Takes at most `LEAVE_TIMEOUT_S` longer than the limit. An utterance that the limit cuts off is logged.
        """
        calls = self.active_calls
        calls.accepting = False
        until = asyncio.get_running_loop().time() + limit_s
        interrupted: list[Call] = []
        while remaining := [call for call in calls.all if not call.left.is_set()]:
            async with asyncio.TaskGroup() as group:
                leaving = [group.create_task(self._leave(call, until, interrupted), name="drain") for call in remaining]
            if not all(task.result() for task in leaving):
                logger.warning("drain incomplete", extra={"calls": len(calls), "reason": "calls not left in time"})
                break
        if interrupted:
            logger.warning("drain limit reached", extra={"calls": len(interrupted)})
        try:
            await self._registry.retire()
        except StoreUnavailable:
            pass  # the lease expires by itself

    async def _leave(self, call: Call, until: float, interrupted: list[Call]) -> bool:
        """Leave a call, or hand it over, when nobody is heard in it; False if it could not be left."""
        try:
            async with asyncio.timeout_at(until):
                await call.live.quiet()
        except TimeoutError:
            interrupted.append(call)
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                by_browser = call.room.plan.web or call.state is CallState.BY_BROWSER
                if (call.connection.id is not None or by_browser) and await self._has_successor():
                    await call.hand_over()
                call.happen(CallTrigger.SERVICE_STOPPING, "service_stopping")
                await call.left.wait()
        except TimeoutError:
            return False
        return True

    async def _has_successor(self) -> bool:
        try:
            return len((await self._registry.living()).replicas) > 1
        except StoreUnavailable:
            return False
