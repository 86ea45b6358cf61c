"""Compares the calls of this replica with the registry and with ACS at intervals, and corrects them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import assert_never

from bot.calls.active_calls import ActiveCalls
from bot.calls.call import Call
from bot.calls.dispatcher import Dispatcher
from bot.calls.environment import CallControl, hang_up_orphan
from bot.calls.replicas.reconciler import (
    CheckOwner,
    Correction,
    GiveUp,
    Join,
    LeaveEmpty,
    OwnCalls,
    Reconciler,
    RegistryContents,
    RemoveRecord,
    ReportGone,
    TakeOver,
    UpdateParticipants,
)
from bot.calls.replicas.registry import OFF_BEAT_S, Registry
from bot.calls.state_machine import CallTrigger
from bot.errors import CallError
from storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)

REGISTRY_CHECK_S = 2.0
"""Interval between comparisons with the registry, in seconds."""
ACS_CHECK_S = 20.0
"""Interval between comparisons with ACS, in seconds: two requests for each call."""
ACS_CHECKS_AT_ONCE = 8
"""Calls that ACS is asked about at the same time."""


class PeriodicChecks:
    """Runs the reconciler, and does what it says. Each check can also be made once, by its method."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        active_calls: ActiveCalls,
        registry: Registry,
        acs: CallControl,
        wall_clock: Callable[[], float],
    ) -> None:
        self._dispatcher = dispatcher
        self._active_calls = active_calls
        self._registry = registry
        self._acs = acs
        self._wall_clock = wall_clock
        self._reconciler = Reconciler(registry.replica)

    async def run(self) -> None:
        """Check at intervals until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(REGISTRY_CHECK_S, self.check_registry), name="check registry")
            group.create_task(self._repeat(ACS_CHECK_S, self.check_acs), name="check ACS")

    async def _repeat(self, every_s: float, check: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + OFF_BEAT_S
        await asyncio.sleep(OFF_BEAT_S)
        available = True
        while True:
            try:
                await check()
                available = True
            except StoreUnavailable:
                if available:
                    logger.error("reconciliation paused", extra={"reason": "store_unavailable"})
                available = False
            except Exception as error:  # the next check must take place whatever happened in this one
                logger.error("reconciliation failed", exc_info=error)
            due = max(due + every_s, loop.time())
            await asyncio.sleep(due - loop.time())

    async def check_registry(self) -> None:
        """Compare once with the registry, and hand in the events that other replicas could not handle any more.

        Raises:
            StoreUnavailable: perhaps after part of the corrections.
        """
        self._dispatcher.retry_failed_events()
        living = await self._registry.living()
        for event in await self._registry.left_undone(living):
            self._dispatcher.take_up(event)
        shared = RegistryContents(await self._registry.calls(), await self._registry.all_wanted(), living)
        for correction in self._reconciler.compare_with_registry(shared, self._own_calls(shared), self._wall_clock()):
            await self.correct(correction)

    def _own_calls(self, shared: RegistryContents) -> OwnCalls:
        calls = self._active_calls
        own = [call for call in calls.all if not call.moved]
        return OwnCalls(
            active={call.room.room_id for call in own if not call.live.over},
            ending={call.room.room_id for call in own if call.live.over},
            joining={record.room_id for record in shared.records if calls.is_joining(record.room_id)},
            accepting=calls.accepting,
        )

    async def check_acs(self) -> None:
        """Ask ACS once about each call of this replica; repeat the hang-ups that failed.

        Raises:
            StoreUnavailable: the failed hang-ups could not be read.
        """
        gate = asyncio.Semaphore(ACS_CHECKS_AT_ONCE)

        async def check(call: Call, connection_id: str) -> None:
            async with gate:
                await self._check_call(call, connection_id)

        connected = [
            (call, call.connection.id)
            for call in self._active_calls.all
            if call.connection.id is not None and not call.live.over
        ]
        self._reconciler.forget_connections_except({connection_id for _, connection_id in connected})
        async with asyncio.TaskGroup() as group:
            for call, connection_id in connected:
                group.create_task(check(call, connection_id), name="check a call with ACS")
        for connection_id in await self._registry.orphans():
            await hang_up_orphan(self._acs, self._registry, connection_id)

    async def _check_call(self, call: Call, connection_id: str) -> None:
        if call.connection.id != connection_id:
            return
        try:
            seen = await self._acs.look(connection_id)
        except CallError as error:
            logger.info("call not checked", extra={"reason": error.code, "call_connection_id": connection_id})
            return
        if call.connection.id != connection_id or call.live.over:
            return
        roster = call.room.plan.attendees.keys()
        for correction in self._reconciler.compare_with_acs(
            call.room.room_id, connection_id, roster, seen, self._wall_clock()
        ):
            await self.correct(correction)

    # --- what is done about it ---------------------------------------------------------------------

    async def correct(self, correction: Correction) -> None:
        """Perform a correction; one that fails is logged and does not stop the others.

        Raises:
            StoreUnavailable: no correction can be made now.
        """
        try:
            await self._perform(correction)
        except StoreUnavailable:
            raise
        except Exception as error:  # a room that fails must not keep the others waiting
            logger.error("correction failed", exc_info=error, extra={"correction": type(correction).__name__})

    async def _perform(self, correction: Correction) -> None:
        match correction:
            case TakeOver(record):
                if not record.owner or await self._active_calls.owner_beside(record.room_id) is None:
                    await self._active_calls.adopt(record)
            case RemoveRecord(record):
                await self._registry.release(record)
            case Join(wanted):
                await self._active_calls.retry(wanted)
            case GiveUp(wanted):
                await self._registry.unwant(wanted.room_id)
                logger.error("call given up", extra={"room_id": wanted.room_id, "attempts": wanted.attempts})
            case CheckOwner(room_id) | ReportGone(room_id) | UpdateParticipants(room_id) | LeaveEmpty(room_id):
                call = self._active_calls.by_room(room_id)
                if call is not None:
                    await self._correct_call(call, correction)
            case _ as never:
                assert_never(never)

    async def _correct_call(
        self, call: Call, correction: CheckOwner | ReportGone | UpdateParticipants | LeaveEmpty
    ) -> None:
        match correction:
            case CheckOwner():
                await call.check_owner()
            case ReportGone():
                call.disconnected()
            case UpdateParticipants(_, participants):
                call.participants(participants)
            case LeaveEmpty() if call.attendance.waiting:
                pass  # people are there by browser
            case LeaveEmpty():
                call.happen(CallTrigger.EVERYBODY_LEFT, "nobody_came")
            case _ as never:
                assert_never(never)
