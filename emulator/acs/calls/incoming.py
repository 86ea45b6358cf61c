"""Calls that people make to the resource: announced by Event Grid, then answered, redirected or rejected by a bot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from emulator.acs.calls.call_events import incoming_call
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.connection import CallConnection
from emulator.acs.calls.phones import NoAnswer
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.calls.socket_leg import SocketLeg
from emulator.acs.wire.callback_events import user_identifier
from emulator.acs.wire.errors import AcsError, bad_argument
from emulator.acs.wire.options import ConnectOptions
from emulator.faults import FaultPlan
from emulator.randomness import token_urlsafe


@dataclass(frozen=True, slots=True)
class _Incoming:
    leg: SocketLeg
    to: str
    call: RoomCall


class IncomingCalls:
    """The callers who wait for a bot to answer."""

    def __init__(self, calls: Calls, faults: FaultPlan) -> None:
        self._calls = calls
        self._faults = faults
        self._waiting: dict[str, _Incoming] = {}

    @property
    def timeout_s(self) -> float:
        """How long a caller waits, in seconds."""
        return self._faults.switches.ring_s

    @contextmanager
    def calling(self, leg: SocketLeg, to: str) -> Iterator[None]:
        """Announce a call while inside; it cannot be answered afterwards."""
        call = self._calls.open_call(None, None, two_party=True)
        context = token_urlsafe(60)
        self._waiting[context] = _Incoming(leg, to, call)
        event = incoming_call(leg, to, call.server_call_id, context, call.correlation_id)
        self._calls.publish(event)
        try:
            yield
        finally:
            self._waiting.pop(context, None)
            if not call.legs and not call.bots:
                call.end()

    def clear(self) -> None:
        """Drop every caller who is waiting."""
        for incoming in self._waiting.values():
            incoming.leg.drop("call ended")
        self._waiting.clear()

    def answer(self, context: str, options: ConnectOptions) -> CallConnection:
        """Answer a call with a bot.

        Raises:
            AcsError: 400/8523, no call waits under that context.
        """
        incoming = self._take(context)
        connection = self._calls.bot(options, "answer")
        connection.shown = {
            "targets": [user_identifier(incoming.leg.raw_id)],
            "source": user_identifier(incoming.leg.raw_id),
            "sourceDisplayName": incoming.leg.display_name,
            "answeredBy": user_identifier(connection.raw_id),
        }
        incoming.call.arrive(incoming.leg)
        self._calls.serve(connection, incoming.call)
        return connection

    def reject(self, context: str, reason: str) -> None:
        """Reject a call.

        Raises:
            AcsError: 400/8523, no call waits under that context.
        """
        self._take(context).leg.drop(f"rejected: {reason}")

    def redirect(self, context: str, target: str) -> None:
        """Ring somebody else instead.

        Raises:
            AcsError: 400/8523, no call waits under that context.
        """
        incoming = self._take(context)
        self._calls.spawn(self._redirect(incoming, target), "redirected call")

    async def _redirect(self, incoming: _Incoming, target: str) -> None:
        leg = incoming.leg
        try:
            callee = await self._calls.phones.ring(target, leg.raw_id, leg.display_name, self.timeout_s)
        except NoAnswer as error:
            leg.drop(error.result.message)
            return
        if leg.dropped.is_set() or incoming.call.over:
            callee.drop("the caller is gone")
            return
        incoming.call.arrive(leg)
        incoming.call.arrive(callee)

    def _take(self, context: str) -> _Incoming:
        found = self._waiting.pop(context, None)
        if found is None or found.call.over:
            raise bad_argument("The field IncomingCallContext is invalid.")
        return found


def check_reject_reason(reason: object) -> str:
    """Return the reject reason, checked; None means "none".

    Raises:
        AcsError: 400/8523.
    """
    if reason is None:
        return "none"
    if reason not in ("none", "busy", "forbidden"):
        raise AcsError(400, "8523", "The field CallRejectReason is invalid.")
    return str(reason)
