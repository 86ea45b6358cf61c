"""Which engine serves a lane: the best that is not refused; better ones are tried again later. No I/O, no clock.

    simultaneous    translation ──► conversation, in short commits ──► captions
    consecutive                     conversation ─────────────────────► captions

A lane falls back when asking again would not help: no such deployment, target not offered, quota exhausted; refused
content is no such reason. If the upgrade itself was refused, engines at the same endpoint are skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.realtime.client import Connect
from bot.realtime.session_base import RealtimeSession


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to serve a lane."""

    name: str
    """`translation`, `conversation` or `captions`."""
    endpoint: str
    """Kind of session and deployment: engines with the same endpoint are refused together."""
    connect: Connect
    session: Callable[[str], RealtimeSession]
    """Makes a session from instructions."""


class EngineFallback:
    """Holds the engines of one lane, best first, and which of them is in use."""

    def __init__(self, engines: Sequence[Engine], restore_after_s: float) -> None:
        self._engines = tuple(engines)
        self._restore_after_s = restore_after_s
        self._level = 0
        self._restore_at: float | None = None

    @property
    def engine(self) -> Engine:
        return self._engines[self._level]

    @property
    def restore_at(self) -> float | None:
        """When to try the best engine again; None while it is in use."""
        return self._restore_at

    @property
    def best(self) -> Engine:
        return self._engines[0]

    def fall_back(self, now: float, *, upgrade_refused: bool) -> bool:
        """Use the next engine; False if none is left, and then nothing changes.

        Args:
            upgrade_refused: the upgrade itself was refused, so engines with the same endpoint are skipped.
        """
        refused = self.engine.endpoint if upgrade_refused else None
        for level in range(self._level + 1, len(self._engines)):
            if self._engines[level].endpoint != refused:
                self._level = level
                self._restore_at = now + self._restore_after_s
                return True
        return False

    def restored(self) -> None:
        """Use the best engine again: it works."""
        self._level = 0
        self._restore_at = None

    def refused_again(self, now: float) -> None:
        """Wait once more before trying the best engine: it was refused again."""
        self._restore_at = now + self._restore_after_s
