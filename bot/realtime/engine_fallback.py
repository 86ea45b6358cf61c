"""Which engine serves a lane: the best that is not refused, and better ones again after a while. No I/O, no clock.

    simultaneous    translation ──► conversation, in short commits ──► captions
    consecutive                     conversation ─────────────────────► captions

Down on a refusal that asking again does not change: no such deployment, target not offered, quota exhausted. A refusal
of content is none. An engine behind a door that is shut (same address, same deployment) is not tried.
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
    door: str
    """Kind of session and deployment: what an upgrade is refused for."""
    connect: Connect
    protocol: Callable[[str], RealtimeSession]
    """From instructions."""


class EngineFallback:
    """The engines of one lane, best first, and which of them is in use."""

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
        """When a better engine is to be tried; None while the best is in use."""
        return self._restore_at

    @property
    def best(self) -> Engine:
        return self._engines[0]

    def descend(self, now: float, *, door_shut: bool) -> bool:
        """Use the next engine; False if none is left, and then nothing has changed.

        Args:
            door_shut: the upgrade itself was refused, so that nothing behind the same door can be had.
        """
        shut = self.engine.door if door_shut else None
        for level in range(self._level + 1, len(self._engines)):
            if self._engines[level].door != shut:
                self._level = level
                self._restore_at = now + self._restore_after_s
                return True
        return False

    def restored(self) -> None:
        """The best engine works again."""
        self._level = 0
        self._restore_at = None

    def refused_again(self, now: float) -> None:
        """The best engine still does not work."""
        self._restore_at = now + self._restore_after_s
