"""The wall clock of the service and of its libraries follows a loop in virtual time: tokens age as calls do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, tzinfo
from unittest.mock import patch

from emulator.virtual_time import VirtualTimeLoop

# Where the service and its libraries ask for the date: signatures, ages of tokens, when a room opens.
ASKS_FOR_THE_DATE = (
    "azure.communication.callautomation._shared.utils",
    "azure.communication.identity._shared.utils",
    "azure.communication.rooms._shared.utils",
    "bot.calls.acs_client",
    "bot.realtime.errors",
    "jwt.api_jwt",
    "rooms_admin.rooms.service",
)


@contextmanager
def wall_time_of(loop: VirtualTimeLoop) -> Iterator[None]:
    """`time.time()` and the date are those of this loop while inside, in all threads."""

    def wall() -> float:
        return loop.time() + loop.wall_offset

    class Datetime(datetime):
        """The type those modules know as `datetime`."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # plain ones, as serialisers want
            return datetime.fromtimestamp(wall(), tz)

        @classmethod
        def utcnow(cls) -> datetime:  # type: ignore[override]  # plain ones, as serialisers want
            return datetime.fromtimestamp(wall(), UTC).replace(tzinfo=None)

    with ExitStack() as stack:
        stack.enter_context(patch("time.time", wall))
        for module in ASKS_FOR_THE_DATE:
            stack.enter_context(patch(f"{module}.datetime", Datetime))
        yield
