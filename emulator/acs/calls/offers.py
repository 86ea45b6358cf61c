"""Calls that wait for a bot to answer: announced by Event Grid, then answered, rejected or redirected."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import orjson

from emulator.acs.calls.leg import EnteredCall, Leg
from emulator.acs.wire.callback_events import Result, user_identifier
from emulator.acs.wire.errors import bad_argument
from emulator.acs.wire.grid_event import GridEvent
from emulator.clock import utc_now
from emulator.randomness import token_bytes, token_urlsafe, uuid4


class Taker(Protocol):
    """Whoever waits for the answer."""

    def accept(self, leg: Leg | None) -> bool:
        """Take an answer: a leg, or None for a bot, which joins by itself. Return whether it was still awaited."""

    def refuse(self, result: Result) -> None:
        """Take a refusal."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A call from `caller` to `to`; whoever answers joins `call`."""

    caller: str
    caller_name: str
    to: str
    call: EnteredCall
    taker: Taker


class Offers:
    """The offers that bots can answer now, by incoming call context."""

    def __init__(self, publish: Callable[[GridEvent], None]) -> None:
        self._publish = publish
        self._waiting: dict[str, Offer] = {}

    @contextmanager
    def open(self, offer: Offer) -> Iterator[None]:
        """Announce an offer; it can be answered while inside."""
        context = _new_context()
        self._waiting[context] = offer
        self._publish(_incoming_call(offer, context))
        try:
            yield
        finally:
            self._waiting.pop(context, None)

    def take(self, context: str) -> Offer:
        """Remove and return an offer.

        Raises:
            AcsError: 400/8523, no call waits under that context.
        """
        found = self._waiting.pop(context, None)
        if found is None or found.call.over:
            raise spent()
        return found

    def clear(self) -> None:
        """Refuse everything."""
        for offer in self._waiting.values():
            offer.taker.refuse(Result(200, 7000, "call ended"))
        self._waiting.clear()


def spent() -> Exception:
    """Return the error for a context under which no call waits, or no longer."""
    return bad_argument("The field IncomingCallContext is invalid.")


def _incoming_call(offer: Offer, context: str) -> GridEvent:
    data = {
        "to": user_identifier(offer.to),
        "from": user_identifier(offer.caller),
        "serverCallId": offer.call.server_call_id,
        "callerDisplayName": offer.caller_name,
        "incomingCallContext": context,
        "correlationId": offer.call.correlation_id,
    }
    # The subject's form is not published.
    return GridEvent(uuid4(), "IncomingCall", f"/caller/{offer.caller}/recipient/{offer.to}", data, utc_now())


def _new_context() -> str:
    """Return an incoming call context in the recorded form: an unsigned JWT of about 8 kB. What it holds is random."""
    packed = b"\x1f\x8b\x08\0\0\0\0\0\0\n" + token_bytes(1500)
    shared = f"{token_urlsafe(27)}.{token_urlsafe(2700)}.{token_urlsafe(256)}"
    payload = {"cc": base64.b64encode(packed).decode(), "shrToken": shared}
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(payload)}."


def _part(document: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(document)).rstrip(b"=").decode()
