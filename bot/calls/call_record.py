"""The record of a call in the registry: written while the call is on, settled when it has been left."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from bot.calls.environment import PlannedRoom
from bot.calls.replicas.registry import LANES_RECORDED, CallRecord, LaneSummary, LastCall, Registry, WantedCall
from bot.calls.state_machine import CallState, CallTrigger
from bot.interpreting.lane_status import LaneState, LaneStatuses
from storage.errors import StoreUnavailable

SAVE_RETRY_S = 1.0
"""Pause before a record is written again after the store was unavailable, in seconds."""
OWNER_CHECK_S = 1.0
"""How long the store may take to say who owns a call before the call goes on as ours, in seconds."""
RETRY_S = (2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
"""Pauses between attempts to join, in seconds; the last is repeated."""
REASONS_OF_EMPTY_CALL = ("everybody_left", "nobody_came")
"""Reasons for leaving a call that has not ended: people may come back to it."""
REASONS_OF_SERVICE = ("service_stopping", "cancelled")
"""Reasons for leaving a call with which another replica, or the next process, goes on: calls are cancelled where a part
fails that the service needs."""


def new_record(
    room: PlannedRoom, owner: str, server_call_id: str | None, since: float, *, paused: bool = False
) -> CallRecord:
    """Make the record of a call that is about to be joined; `since` is wall clock seconds."""
    return CallRecord(
        room_id=room.room_id,
        acs_room_id=room.acs_room_id,
        owner=owner,
        secret=secrets.token_urlsafe(32),
        request_id=str(uuid.uuid4()),
        name=secrets.token_urlsafe(6),
        since=since,
        server_call_id=server_call_id,
        paused=paused,
    )


def lane_summaries(lanes: LaneStatuses) -> tuple[LaneSummary, ...]:
    """Summarise lanes for other replicas, those with a problem first.

    Passed-through voices are left out, as they come and go with each utterance.
    """
    views = [view for view in lanes.views() if not view.lane.passthrough]
    views.sort(key=lambda view: (not view.told, view.state is not LaneState.OPEN))
    return tuple(
        LaneSummary(
            speaker=view.lane.speaker,
            source=view.lane.source,
            target=view.lane.target,
            state=view.state.value,
            engine=view.engine,
            reason=view.told,
        )
        for view in views[:LANES_RECORDED]
    )


class RecordKeeper:
    """Writes a call's record whenever it changes, and notices when the call has become another replica's."""

    def __init__(
        self,
        registry: Registry,
        record: CallRecord,
        *,
        current: Callable[[CallRecord], CallRecord],
        happen: Callable[[CallTrigger, str], object],
    ) -> None:
        """`current` brings a record up to date; `happen` is told that the call has moved or ended."""
        self.record = record
        """As stored."""
        self.owned = True
        """Whether the call is still this replica's."""
        self._registry = registry
        self._current = current
        self._happen = happen
        self._saving = asyncio.Lock()
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Have the record written soon."""
        self._changed.set()

    async def run(self) -> None:
        """Write changes until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                if not await self.save():
                    await self.resolve_conflict()
            except StoreUnavailable:
                await asyncio.sleep(SAVE_RETRY_S)
                self._changed.set()

    async def save(self) -> bool:
        """Write the record if it has changed; False if another replica has changed it."""
        async with self._saving:
            current = self._current(self.record)
            if not self.owned or current == self.record:
                return True
            if not await self._registry.change(self.record, current):
                return False
            self.record = current
            return True

    async def resolve_conflict(self) -> None:
        """Find out why the stored record is not as known, and act on it."""
        record = self.record
        stored = await self._registry.call(record.room_id)
        if stored is None:
            server_call_id = self._current(record).server_call_id
            if server_call_id is not None and await self._registry.is_over(server_call_id):
                self._happen(CallTrigger.CALL_ENDED, "call_ended")  # another replica left it while this one was stalled
            elif await self._registry.claim(record):  # the store was restarted empty
                self.changed()
        elif stored.owner != self._registry.replica:
            self._happen(CallTrigger.MOVED, "")
        else:
            self.record = stored  # our change was written although it was reported as failed
            self.changed()

    async def check_owner(self) -> None:
        """Compare the stored record with the known one.

        Raises:
            StoreUnavailable: it is not known whose the call is.
        """
        async with self._saving:
            as_known = await self._registry.call(self.record.room_id) == self.record
        if not as_known and self.owned:
            await self.resolve_conflict()

    async def is_own(self) -> bool:
        """Say whether the call is still this replica's, as far as can be found out within `OWNER_CHECK_S`."""
        if self.owned:
            try:
                async with asyncio.timeout(OWNER_CHECK_S):
                    await self.check_owner()
            except (StoreUnavailable, TimeoutError):
                pass
        return self.owned

    async def give_away(self) -> bool:
        """Write the record a last time, without an owner; False if another replica has changed it.

        Raises:
            StoreUnavailable: the call stays this replica's.
        """
        async with self._saving:
            now = self._current(self.record)
            state = now.state if now.state is CallState.BY_BROWSER else CallState.INTERRUPTED
            given = msgspec.structs.replace(now, owner="", state=state)
            if not self.owned or not await self._registry.change(self.record, given):
                return False
            self.record = given
            self.owned = False
            return True


# --- after the call --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rejoin:
    """Join a call of the room as soon as this one has been left."""

    server_call_id: str | None
    """None: whichever call there is; an admin asked for it."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Join this call again after a pause: people are still in it."""


AfterCall = Rejoin | RetryLater | None
"""What follows when a call has been left; None: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """How a call ended."""

    record: CallRecord
    """As stored."""
    reason: str
    server_call_id: str | None
    outcome: LastCall | None = None
    following: AfterCall = None
    paused: bool = False
    """Whether the interpreter was paused."""
    healthy: bool = False
    """It was interpreted until the failure: attempts are counted from the beginning."""


async def try_later(registry: Registry, wanted: WantedCall, now: float) -> None:
    """Schedule another attempt to join, after a pause that grows with the attempts. `now` is wall clock seconds."""
    pause_s = RETRY_S[min(wanted.attempts, len(RETRY_S) - 1)]
    await registry.want(msgspec.structs.replace(wanted, attempts=wanted.attempts + 1, retry_at=now + pause_s))


async def settle(end: CallEnd, registry: Registry, now: float) -> None:
    """Record how a call ended and whether to try it again. `now` is wall clock seconds.

    Raises:
        StoreUnavailable: perhaps after part of it has been recorded.
    """
    room_id = end.record.room_id
    if end.outcome is not None:
        await registry.note(room_id, end.outcome)
    over = end.server_call_id is not None and await registry.is_over(end.server_call_id)
    if isinstance(end.following, RetryLater) and not over:
        await try_later(registry, await _wanted_again(end, registry, now), now)
    elif end.reason in REASONS_OF_SERVICE:
        wanted = await registry.wanted(room_id)
        if wanted is not None and wanted.paused != end.paused:
            await registry.want(msgspec.structs.replace(wanted, paused=end.paused))
    else:
        await registry.unwant(room_id)
        by_admin = end.following == Rejoin(None)
        if end.server_call_id is not None and end.reason not in REASONS_OF_EMPTY_CALL and not by_admin:
            await registry.over(end.server_call_id)
    if end.reason == "room_deleted":
        await registry.forget_room(room_id)
    await registry.release(end.record)


async def _wanted_again(end: CallEnd, registry: Registry, now: float) -> WantedCall:
    wanted = await registry.wanted(end.record.room_id)
    if wanted is None:  # the store was restarted empty
        wanted = WantedCall(room_id=end.record.room_id, server_call_id=end.server_call_id, since=now)
    return msgspec.structs.replace(
        wanted,
        server_call_id=end.server_call_id or wanted.server_call_id,
        attempts=0 if end.healthy else wanted.attempts,
        paused=end.paused,
    )
