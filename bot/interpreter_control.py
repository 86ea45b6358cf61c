"""The switchboard as admins see it: one interpreter per room, however many calls it is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bot.calls.commands import CallStatus, CommandRefused, LaneReport
from bot.calls.dispatcher import Dispatcher
from bot.calls.state_machine import CallState
from bot.interpreting.events import Order
from bot.realtime.capabilities import Capabilities
from bot.room_plans import StoredRoomPlans
from rooms_admin.api import InterpreterState, LaneStatus, TranslationCapabilities
from rooms_admin.api import InterpreterStatus as Told
from rooms_admin.rooms.requests import Action

_STATUS: dict[CallState, Told] = {
    CallState.SCHEDULED: "idle",
    CallState.LIVE: "waiting",
    CallState.CONNECTING: "connecting",
    CallState.CONNECTED: "connecting",  # in the call, but not hearing it yet
    CallState.STREAMING: "interpreting",
    CallState.INTERRUPTED: "interrupted",
    CallState.DRAINING: "stopping",
    CallState.ENDED: "stopped",
}
_TOLD_FIRST = (
    CallState.INTERRUPTED,
    CallState.CONNECTING,
    CallState.CONNECTED,
    CallState.LIVE,
    CallState.STREAMING,
    CallState.DRAINING,
    CallState.ENDED,
    CallState.SCHEDULED,
)
"""Of several calls, which is told: what needs looking after before what is well, and that before what is over."""


class InterpreterController:
    """What `rooms_admin.api` asks for as InterpreterControl."""

    def __init__(
        self, switchboard: Dispatcher, book: StoredRoomPlans, capabilities: Capabilities | None = None
    ) -> None:
        """`capabilities`: of the translation deployment, if there is one."""
        self._switchboard = switchboard
        self._book = book
        self._capabilities = capabilities

    async def state(self, room_id: str) -> InterpreterState:
        found = [await self._switchboard.status(key) for key in await self._keys(room_id)]
        told = _told(min(found, key=lambda one: _TOLD_FIRST.index(one.state)))
        lanes = next((one.lanes for one in found if one.lanes), ())  # the calls of a room share one interpreter
        answer = None if self._capabilities is None else self._capabilities.report()
        return replace(
            told,
            lanes=[_lane(one) for one in lanes],
            capabilities=None if answer is None else TranslationCapabilities(**answer),
        )

    async def command(self, room_id: str, action: Action) -> None:
        """To all calls of the room; it is not possible if it is in none of them."""
        keys = await self._keys(room_id)
        refused: CommandRefused | None = None
        followed = 0
        for key in keys:
            try:
                await self._tell(key, action)
            except CommandRefused as error:
                refused = error
                continue
            followed += 1
            if action not in ("start", "stop"):
                return  # the calls of a room share one interpreter
        if not followed and refused is not None:
            raise refused

    async def _tell(self, key: str, action: Action) -> None:
        match action:
            case "start":
                await self._switchboard.start(key)
            case "stop":
                await self._switchboard.stop(key)
            case "pause" | "resume" | "hush":
                await self._switchboard.order(key, Order(action))

    async def _keys(self, room_id: str) -> Sequence[str]:
        return [one.room_id for one in await self._book.calls(room_id)] or [room_id]


def _lane(one: LaneReport) -> LaneStatus:
    return LaneStatus(
        speaker_id=one.lane.speaker,
        source=one.lane.source,
        target=one.lane.target,
        state=one.state,
        engine=one.engine or None,
        reason=one.reason or None,
        ear_voice_spans_ms=one.spans_ms,
        waiting=one.waiting,
    )


def _told(now: CallStatus) -> InterpreterState:
    since = None if now.since is None else datetime.fromtimestamp(now.since, UTC)
    status = _STATUS[now.state]
    if status == "interpreting" and now.paused:
        status = "paused"
    elif status == "stopped" and now.failed:
        status = "failed"
    return InterpreterState(status, now.call_connection_id, since, now.reason)
