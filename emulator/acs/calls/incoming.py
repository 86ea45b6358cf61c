"""Calls that come in: a person at a phone calls, a bot answers, redirects or rejects."""

from __future__ import annotations

from emulator.acs.calls.calls import Calls
from emulator.acs.calls.connection import CallConnection
from emulator.acs.calls.offers import Offer, spent
from emulator.acs.calls.phones import BUSY, DECLINED, FORBIDDEN, UNANSWERED, NoAnswer
from emulator.acs.calls.socket_leg import SocketLeg
from emulator.acs.wire.callback_events import Result, user_identifier
from emulator.acs.wire.errors import AcsError
from emulator.acs.wire.options import ConnectOptions, Locator

_REJECTIONS = {"none": DECLINED, "busy": BUSY, "forbidden": FORBIDDEN}


class IncomingCalls:
    """What bots do with the calls that are offered to them, and the people who make such calls."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def call(self, leg: SocketLeg, to: str) -> None:
        """Ring somebody until the leg is in a call with whoever answers, or dropped. Cancelling gives up."""
        call = self._calls.open_call(None, None, two_party=True)
        try:
            callee = await self._calls.phones.ring(to, leg.raw_id, leg.display_name, call, own_number=True)
        except NoAnswer as error:
            leg.drop("not answered" if error.result is UNANSWERED else error.result.message)
        else:
            call.arrive(leg)
            if callee is not None:
                call.arrive(callee)
        finally:
            if not call.legs:
                call.end()

    def answer(self, context: str, options: ConnectOptions, answered_by: str | None) -> CallConnection:
        """Answer a call with a bot, as the identity it names or as the one who was called.

        Raises:
            AcsError: 400/8523, no call waits under that context.
        """
        offer = self._calls.offers.take(context)
        call = self._calls.call_at(Locator(server_call_id=offer.call.server_call_id))
        if call is None or not offer.taker.accept(None):
            raise spent()
        identity = answered_by or offer.to
        connection = self._calls.bot(options, "answer", identity=identity, correlation_id=call.correlation_id)
        connection.shown = {
            "targets": [user_identifier(offer.to)],
            "source": user_identifier(offer.caller),
            **({"sourceDisplayName": offer.caller_name} if offer.caller_name else {}),
            "answeredBy": {"id": identity},
        }
        self._calls.serve(connection, call)
        return connection

    def reject(self, context: str, reason: str) -> None:
        """Reject a call.

        Raises:
            AcsError: 400/8523, no call waits under that context.
        """
        result = _REJECTIONS[reason]
        self._calls.offers.take(context).taker.refuse(Result(result.code, result.sub_code, f"rejected: {reason}"))

    def redirect(self, context: str, target: str) -> None:
        """Ring somebody else instead.

        Raises:
            AcsError: 400/8523, no call waits under that context.
        """
        offer = self._calls.offers.take(context)
        self._calls.spawn(self._redirect(offer, target), "redirected call")

    async def _redirect(self, offer: Offer, target: str) -> None:
        try:
            callee = await self._calls.phones.ring(target, offer.caller, offer.caller_name, offer.call)
        except NoAnswer as error:
            offer.taker.refuse(error.result)
            return
        if not offer.taker.accept(callee) and callee is not None:
            callee.drop("the caller is gone")


def check_reject_reason(reason: object) -> str:
    """Return the reject reason, checked; None means "none".

    Raises:
        AcsError: 400/8523.
    """
    if reason is None:
        return "none"
    if reason not in _REJECTIONS:
        raise AcsError(400, "8523", "The field CallRejectReason is invalid.")
    return str(reason)
