"""What the webhook routes hand events to in tests, and how they check tokens."""

from __future__ import annotations

from http_serving.errors import Overloaded, TokenRejected
from webhooks.errors import ForeignEvent
from webhooks.events import CallEvent, CallReport


class Handler:
    """Keeps what it is handed, or has no room for it."""

    def __init__(self) -> None:
        self.reports: list[CallReport] = []
        self.events: list[tuple[str, CallEvent]] = []
        self.room_for = 1_000_000
        self.foreign = False

    def _room(self) -> None:
        if len(self.reports) + len(self.events) >= self.room_for:
            raise Overloaded("too much to do", retry_after_ms=500)

    async def deliver(self, event: CallReport) -> None:
        self._room()
        self.reports.append(event)

    async def knows_call(self, call_secret: str) -> bool:
        return call_secret == "call-secret"

    async def deliver_call_event(self, call_secret: str, event: CallEvent) -> None:
        self._room()
        if self.foreign:
            raise ForeignEvent("callConnectionId is not that of the call")
        self.events.append((call_secret, event))


async def verify(header: str | None) -> object:
    """Accepts one token; stands for the verifier, which has its own tests."""
    if header != "Bearer good":
        raise TokenRejected("signature" if header else "missing")
    return "claims"
