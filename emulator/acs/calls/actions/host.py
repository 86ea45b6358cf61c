"""What an action needs of the connection it is asked of, and where its answers go; no action is here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from emulator.acs.calls.services import Services
from emulator.acs.wire.callback_events import CallIds, Result
from emulator.acs.wire.options import ConnectOptions

DONE = Result(200, 0, "Action completed successfully.")
CANCELLED = Result(400, 8508, "Action failed, the operation was canceled.")
NOT_PRESENT = Result(404, 8558, "The participant is not in the call.")
# Sub-code by the published enumeration of the .NET client (MediaEventReasonCode).
NO_SPEECH_SERVICE = Result(400, 8565, "Action failed due to a bad request to Cognitive Services.")


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request said about the events that will tell of it."""

    context: str | None = None
    callback_uri: str | None = None


class Host(Protocol):
    """A call connection, as its actions see it."""

    options: ConnectOptions
    services: Services

    @property
    def ids(self) -> CallIds:
        """What every event carries."""

    def present(self, raw_id: str) -> bool:
        """Whether somebody is in the call."""

    def say(self, kind: str, result: Result, context: str | None, uri: str | None, **data: Any) -> None:
        """Post an event that tells how an action went."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run something until the connection ends, which cancels it."""
