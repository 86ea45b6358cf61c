"""The interpreter of a room as admins see it: one, however many calls the room has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bot.calls.commands import CallStatus, CommandRefused, Commands, LaneReport
from bot.calls.state_machine import CallState
from bot.interpreting.events import Order, TextTyped
from bot.realtime.capabilities import Capabilities
from bot.room_plans import StoredRoomPlans
from rooms_admin.api import InterpreterState, InterpreterStatus, LaneStatus, TranslationCapabilities
from rooms_admin.rooms.requests import Action

_STATUS: dict[CallState, InterpreterStatus] = {
    CallState.SCHEDULED: "idle",
    CallState.LIVE: "waiting",
    CallState.CONNECTING: "connecting",
    CallState.CONNECTED: "connecting",  # in the call, but not hearing it yet
    CallState.STREAMING: "interpreting",
    CallState.INTERRUPTED: "interrupted",
    CallState.BY_BROWSER: "interpreting",
    CallState.DRAINING: "stopping",
    CallState.ENDED: "stopped",
}
_REPORT_ORDER = (
    CallState.INTERRUPTED,
    CallState.CONNECTING,
    CallState.CONNECTED,
    CallState.LIVE,
    CallState.STREAMING,
    CallState.BY_BROWSER,
    CallState.DRAINING,
    CallState.ENDED,
    CallState.SCHEDULED,
)
"""Which of several calls determines the reported state: problems first, then what works, then what is over."""


class InterpreterController:
    """Implements `InterpreterControl` of `rooms_admin.api`."""

    def __init__(self, commands: Commands, plans: StoredRoomPlans, capabilities: Capabilities | None = None) -> None:
        """`capabilities`: of the translation deployment; None without one."""
        self._commands = commands
        self._plans = plans
        self._capabilities = capabilities

    async def state(self, room_id: str) -> InterpreterState:
        found = [await self._commands.status(key) for key in await self._keys(room_id)]
        state = _interpreter_state(min(found, key=lambda one: _REPORT_ORDER.index(one.state)))
        lanes = next((one.lanes for one in found if one.lanes), ())  # the calls of a room share one interpreter
        report = None if self._capabilities is None else self._capabilities.report()
        return replace(
            state,
            lanes=[_lane(one) for one in lanes],
            capabilities=None if report is None else TranslationCapabilities(**report),
        )

    async def command(self, room_id: str, action: Action) -> None:
        """Command the interpreter in all calls of the room.

        Raises:
            CommandRefused: every call refused.
        """
        keys = await self._keys(room_id)
        refused: CommandRefused | None = None
        followed = 0
        for key in keys:
            try:
                await self._send(key, action)
            except CommandRefused as error:
                refused = error
                continue
            followed += 1
        if not followed and refused is not None:
            raise refused

    async def message(self, room_id: str, typed: TextTyped) -> str:
        """Have a typed text interpreted; returns the id of its utterance.

        Raises:
            CommandRefused: the interpreter is in no call of the room, or is paused.
        """
        *others, last = await self._keys(room_id)
        for key in others:  # the calls of a room share one interpreter
            try:
                return await self._commands.message(key, typed)
            except CommandRefused as error:
                if error.code == "paused":
                    raise
        return await self._commands.message(last, typed)

    async def _send(self, key: str, action: Action) -> None:
        match action:
            case "start":
                await self._commands.start(key)
            case "stop":
                await self._commands.stop(key)
            case "pause" | "resume" | "hush":
                await self._commands.order(key, Order(action))

    async def _keys(self, room_id: str) -> Sequence[str]:
        return [one.room_id for one in await self._plans.calls(room_id)] or [room_id]


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


def _interpreter_state(now: CallStatus) -> InterpreterState:
    since = None if now.since is None else datetime.fromtimestamp(now.since, UTC)
    status = _STATUS[now.state]
    if status == "interpreting" and now.paused:
        status = "paused"
    elif status == "stopped" and now.failed:
        status = "failed"
    return InterpreterState(status, now.call_connection_id, since, now.reason)
