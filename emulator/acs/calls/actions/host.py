"""What every action needs: the connection it belongs to, the callback of its events, common results."""

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


@dataclass(frozen=True, slots=True)
class Operation:
    """Operation context and callback address of the events that report an action."""

    context: str | None = None
    callback_uri: str | None = None


class Host(Protocol):
    """A call connection, as its actions see it."""

    options: ConnectOptions
    services: Services

    @property
    def ids(self) -> CallIds:
        """The ids that every event of the connection carries."""

    def present(self, raw_id: str) -> bool:
        """Return whether a user is in the call."""

    def say(self, kind: str, result: Result, context: str | None, uri: str | None, **data: Any) -> None:
        """Post an event with the result of an action."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a coroutine until it ends or the connection ends, which cancels it."""
