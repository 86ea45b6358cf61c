"""The clock of the emulator: the machine's time, or that of a loop in virtual time.

Inside a loop with a `wall_offset`, such as `VirtualTimeLoop`, functions return that loop's time, elsewhere the
machine's. So no object needs a clock as parameter, and two loops in two threads have times of their own. A call costs
half a microsecond.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


def monotonic() -> float:
    """Return seconds on the clock of intervals and deadlines, from an arbitrary zero."""
    virtual = _virtual()
    return time.monotonic() if virtual is None else virtual[0]


def wall() -> float:
    """Return seconds since 1970."""
    virtual = _virtual()
    return time.time() if virtual is None else sum(virtual)


def utc_now() -> datetime:
    """Return the date and time in UTC."""
    return datetime.fromtimestamp(wall(), UTC)


def _virtual() -> tuple[float, float] | None:
    """Return the loop's time and the offset of the wall clock from it, or None in real time."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    offset: float | None = getattr(loop, "wall_offset", None)
    return None if offset is None else (loop.time(), offset)
