"""Compares what is with what should be, on start and from then on: what no event has told is found here.

ours                       ACS and the other replicas              then
a call is wanted           nobody is in it                         joined, with growing pauses
a record of a call         its replica is gone                     taken over
our call                   the record is another's                 let go
our call                   ACS knows it no more                    closed
our call                   nobody human is in it                   hung up
a hang-up that failed                                              hung up
an event promised          its replica is gone, or we failed       acted on
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from bot.calls.call import Call, CallControl, leave_connection
from bot.calls.registry import OFF_BEAT_S, CallRecord, LiveReplicas, Registry, WantedCall
from bot.calls.state_machine import CallState, CallTrigger
from bot.errors import CallError
from storage.errors import StoreUnavailable
from webhooks.events import CallReport

logger = logging.getLogger(__name__)

LOOK_S = 2.0
"""Between two looks at the registry."""
ASK_ACS_S = 20.0
"""How often ACS is asked about each call that is on: two requests."""
ASK_AT_ONCE = 8
EMPTY_S = 120.0
"""How long an interpreter whom an admin has sent ahead waits for people."""
RETRY_S = (2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
"""Pauses between attempts to join; the last is repeated."""
LEFT_ALONE = ("everybody_left", "nobody_came")
"""Why we leave a call that may go on: somebody may come before it ends."""
ATTEMPTS = 15
"""Ten minutes; after that only an admin or another call makes us try again."""


class Exchange(Protocol):
    """What of the switchboard is needed (`switchboard.Switchboard`)."""

    @property
    def accepting(self) -> bool: ...

    @property
    def calls(self) -> list[Call]: ...

    def call_of(self, room_id: str) -> Call | None: ...

    def is_joining(self, room_id: str) -> bool: ...

    def try_again(self) -> None: ...

    def take_up(self, event: CallReport) -> None: ...

    async def retry(self, wanted: WantedCall) -> None: ...

    async def adopt(self, record: CallRecord) -> Call | None: ...


class Reconciler:
    def __init__(
        self, exchange: Exchange, registry: Registry, calls: CallControl, wall_clock: Callable[[], float]
    ) -> None:
        self._exchange = exchange
        self._registry = registry
        self._calls = calls
        self._wall_clock = wall_clock
        self._empty_since: dict[str, float] = {}
        """Connections in which ACS knows nobody of the roster."""

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again(LOOK_S, self.look), name="look at the registry")
            group.create_task(self._again(ASK_ACS_S, self.ask_acs), name="ask ACS")

    async def _again(self, every_s: float, look: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + OFF_BEAT_S
        await asyncio.sleep(OFF_BEAT_S)
        away = False
        while True:
            try:
                await look()
                away = False
            except StoreUnavailable:
                if not away:
                    logger.error("reconciliation waits: the store is away")
                away = True
            except Exception as error:  # one look that fails must not be the last
                logger.error("reconciliation failed", exc_info=error)
            due = max(due + every_s, loop.time())
            await asyncio.sleep(due - loop.time())

    async def look(self) -> None:
        """One comparison with the registry."""
        self._exchange.try_again()
        living = await self._registry.living()
        for event in await self._registry.left_undone(living):
            self._exchange.take_up(event)
        records = {record.room_id: record for record in await self._registry.calls()}
        for record in records.values():
            try:
                await self._compare(record, living)
            except StoreUnavailable:
                raise
            except Exception as error:  # one room that cannot be taken over must not keep the others waiting
                logger.error("a call could not be compared", exc_info=error, extra={"room_id": record.room_id})
        for call in self._exchange.calls:
            if call.room.room_id not in records and not call.live.over:
                await call.check_owner()
        for wanted in await self._registry.all_wanted():
            if wanted.room_id not in records:
                await self._join_wanted(wanted)

    async def _compare(self, record: CallRecord, living: LiveReplicas) -> None:
        ours = self._exchange.call_of(record.room_id)
        if ours is not None:
            if record.owner != self._registry.replica and not ours.live.over:
                await ours.check_owner()
        elif living.gone(record.owner):
            await self._exchange.adopt(record)
        elif record.owner == self._registry.replica and not self._exchange.is_joining(record.room_id):
            await self._registry.release(record)  # of a call that we have left while the store was away

    async def _join_wanted(self, wanted: WantedCall) -> None:
        if not self._exchange.accepting or self._wall_clock() < wanted.retry_at:
            return
        if wanted.attempts < ATTEMPTS:
            await self._exchange.retry(wanted)
            return
        await self._registry.unwant(wanted.room_id)
        logger.error("a call has been given up", extra={"room_id": wanted.room_id, "attempts": wanted.attempts})

    async def try_later(self, wanted: WantedCall) -> None:
        """Have a call joined after a pause that grows with the attempts."""
        pause_s = RETRY_S[min(wanted.attempts, len(RETRY_S) - 1)]
        later = msgspec.structs.replace(wanted, attempts=wanted.attempts + 1, retry_at=self._wall_clock() + pause_s)
        await self._registry.want(later)

    async def settle(self, call: Call) -> None:
        """Write down how a call that has been left ended, and whether it is to be tried again."""
        self._empty_since.pop(call.connection_id or "", None)
        if call.moved:
            return
        room_id = call.room.room_id
        if call.outcome is not None:
            await self._registry.note(room_id, call.outcome)
        over = call.server_call_id is not None and await self._registry.is_over(call.server_call_id)
        same = call.rejoin and call.next_server_call_id is not None and call.next_server_call_id == call.server_call_id
        if call.wanted_again and not over and (same or not call.rejoin):
            call.rejoin = False  # not at once: somebody has come into the call that we could not stay in
            wanted = await self._registry.wanted(room_id)
            if wanted is None:  # the store has forgotten
                wanted = WantedCall(room_id=room_id, server_call_id=call.server_call_id, since=self._wall_clock())
            healthy = call.was_heard and call.state is CallState.LIVE
            wanted = msgspec.structs.replace(
                wanted,
                server_call_id=call.server_call_id or wanted.server_call_id,
                attempts=0 if healthy else wanted.attempts,
            )
            await self.try_later(wanted)
        elif call.reason != "service_stopping":  # in which case whoever comes next goes on
            await self._registry.unwant(room_id)
            ordered = call.rejoin and call.next_server_call_id is None
            if call.server_call_id is not None and call.reason not in LEFT_ALONE and not ordered:
                await self._registry.over(call.server_call_id)
        if call.reason == "room_deleted":
            await self._registry.forget_room(room_id)
        await self._registry.release(call.record)

    # --- ACS -------------------------------------------------------------------------------------------

    async def ask_acs(self) -> None:
        """One comparison of our calls with what ACS says of them."""
        gate = asyncio.Semaphore(ASK_AT_ONCE)

        async def ask(call: Call) -> None:
            async with gate:
                await self._ask(call)

        async with asyncio.TaskGroup() as group:
            for call in self._exchange.calls:
                if call.connection_id is not None and not call.live.over:
                    group.create_task(ask(call), name="ask ACS")
        for connection_id in await self._registry.orphans():
            await self.hang_up(connection_id)

    async def _ask(self, call: Call) -> None:
        connection_id = call.connection_id
        if connection_id is None:
            return
        try:
            seen = await self._calls.look(connection_id)
        except CallError as error:
            logger.info("ACS cannot say how a call stands", extra={"code": error.code})
            return
        if call.connection_id != connection_id or call.live.over:
            return
        if seen is None:
            call.disconnected()
            return
        call.participants(seen.participants)
        if seen.participants & call.room.plan.attendees.keys():
            self._empty_since.pop(connection_id, None)
        elif self._wall_clock() - self._empty_since.setdefault(connection_id, self._wall_clock()) >= EMPTY_S:
            call.happen(CallTrigger.EVERYBODY_LEFT, "nobody_came")

    async def hang_up(self, connection_id: str) -> None:
        """Leave a connection nobody is responsible for; one that will not be left is tried again later."""
        if not await leave_connection(self._calls, self._registry, connection_id):
            return
        try:
            await self._registry.forget_orphan(connection_id)
        except StoreUnavailable:
            pass  # it is hung up once more, which does no harm
