"""Times the silence after a response: how long until the model speaks by itself (`idle_timeout_ms`)."""

from __future__ import annotations

from collections.abc import Callable

from emulator.engine.base import BYTES_PER_MS
from emulator.realtime.context import SessionContext


class IdleTimeout:
    """A timer that a response's end starts, and speech or another response stops."""

    def __init__(self, context: SessionContext, timeout_ms: Callable[[], int | None], expired: Callable[[float], None]):
        """Create a timer, stopped.

        Args:
            timeout_ms: returns the timeout in force, None for none.
            expired: called when it has passed.
        """
        self._context = context
        self._timeout_ms = timeout_ms
        self._expired = expired
        self._start = 0

    def start(self, audio_bytes: int, now: float) -> None:
        """Count from when so much audio, PCM16 mono 24 kHz, will have been played."""
        self.stop()
        if (timeout_ms := self._timeout_ms()) is not None:
            start = self._start
            due = now + (audio_bytes / BYTES_PER_MS + timeout_ms) / 1000
            self._context.agenda.at(due, lambda at: self._expire(start, at))

    def stop(self) -> None:
        self._start += 1

    def _expire(self, start: int, now: float) -> None:
        if start == self._start and self._timeout_ms() is not None:
            self._expired(now)
