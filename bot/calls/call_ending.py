"""What remains to do once a call has been left: record how it ended, try again later, repeat a failed hang-up."""

from __future__ import annotations

import msgspec

from bot.calls.call import Call, CallControl, Rejoin, RetryLater, leave_connection
from bot.calls.registry import Registry, WantedCall
from bot.calls.state_machine import CallState
from storage.errors import StoreUnavailable

RETRY_S = (2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
"""Pauses between attempts to join, in seconds; the last is repeated."""
REASONS_OF_EMPTY_CALL = ("everybody_left", "nobody_came")
"""Reasons for leaving a call that has not ended: people may come back to it."""


async def try_later(registry: Registry, wanted: WantedCall, now: float) -> None:
    """Schedule another attempt to join, after a pause that grows with the attempts. `now` is wall clock seconds."""
    pause_s = RETRY_S[min(wanted.attempts, len(RETRY_S) - 1)]
    await registry.want(msgspec.structs.replace(wanted, attempts=wanted.attempts + 1, retry_at=now + pause_s))


async def settle(call: Call, registry: Registry, now: float) -> None:
    """Record how a call ended and whether to try it again. `now` is wall clock seconds.

    Raises:
        StoreUnavailable: perhaps after part of it has been recorded.
    """
    if call.moved:
        return
    room_id = call.room.room_id
    if call.outcome is not None:
        await registry.note(room_id, call.outcome)
    over = call.server_call_id is not None and await registry.is_over(call.server_call_id)
    if isinstance(call.following, RetryLater) and not over:
        await try_later(registry, await _wanted_again(call, registry, now), now)
    elif call.reason != "service_stopping":  # in that case another replica goes on
        await registry.unwant(room_id)
        by_admin = call.following == Rejoin(None)
        if call.server_call_id is not None and call.reason not in REASONS_OF_EMPTY_CALL and not by_admin:
            await registry.over(call.server_call_id)
    if call.reason == "room_deleted":
        await registry.forget_room(room_id)
    await registry.release(call.record)


async def _wanted_again(call: Call, registry: Registry, now: float) -> WantedCall:
    wanted = await registry.wanted(call.room.room_id)
    if wanted is None:  # the store was restarted empty
        wanted = WantedCall(room_id=call.room.room_id, server_call_id=call.server_call_id, since=now)
    healthy = call.was_heard and call.state is CallState.LIVE
    return msgspec.structs.replace(
        wanted,
        server_call_id=call.server_call_id or wanted.server_call_id,
        attempts=0 if healthy else wanted.attempts,
    )


async def hang_up_orphan(acs: CallControl, registry: Registry, connection_id: str) -> None:
    """Leave a connection that belongs to no call; if that fails it is tried again later. Raises nothing."""
    if not await leave_connection(acs, registry, connection_id):
        return
    try:
        await registry.forget_orphan(connection_id)
    except StoreUnavailable:
        pass  # it is hung up once more, which does no harm
