"""What time it is, for everything in the emulator: the machine's time, or that of a loop in virtual time.

Whoever asks inside a loop with a `wall_offset`, as `VirtualTimeLoop` has, gets that loop's time; anybody else the
machine's. So nothing has to be handed a clock, and two loops in two threads each have their own. Asking costs half a
microsecond.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


def monotonic() -> float:
    """Seconds on the clock of intervals and deadlines; its zero means nothing."""
    virtual = _virtual()
    return time.monotonic() if virtual is None else virtual[0]


def wall() -> float:
    """Seconds since 1970."""
    virtual = _virtual()
    return time.time() if virtual is None else sum(virtual)


def utc_now() -> datetime:
    """The date and time."""
    return datetime.fromtimestamp(wall(), UTC)


def _virtual() -> tuple[float, float] | None:
    """The loop's time and what the wall clock is ahead of it; None in real time."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    offset: float | None = getattr(loop, "wall_offset", None)
    return None if offset is None else (loop.time(), offset)
