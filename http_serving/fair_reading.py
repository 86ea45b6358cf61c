"""Lets the event loop turn between two full reads of a connection.

libuv reads up to 32 times in a row from a connection that has more, 256 kB each. A peer that floods us with what is
slow to read (malformed messages, bodies that nobody waits for) stopped every call for 0.5 s that way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

FULL_READ = 64 * 1024
"""Bytes of a read after which others come first: 45 messages of audio, which only a backlog brings at once."""


def read_on_later(
    loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, stays_paused: Callable[[], bool]
) -> None:
    """Pause reading until the next turn of the loop, or for longer if `stays_paused` says so then."""

    def read_on() -> None:
        if not transport.is_closing() and not stays_paused():
            transport.resume_reading()

    transport.pause_reading()
    loop.call_soon(read_on)
