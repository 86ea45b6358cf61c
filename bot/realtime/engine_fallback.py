"""Which engine serves a lane: the best that is not refused; better ones are tried again later. No I/O, no clock.

    simultaneous    translation ──► conversation, in short commits ──► captions
    consecutive                     conversation ─────────────────────► captions

A lane falls back when asking again would not help: no such deployment, target not offered, quota exhausted, sessions
that fail one after the other; refused content is no such reason. If the upgrade itself was refused, engines at the same
endpoint are skipped. A refusal belongs to an engine, and holds for a time: a key or a deployment may be being replaced.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.realtime.client import Connect
from bot.realtime.session_base import RealtimeSession
from bot.realtime.session_health import SessionHealth
from bot.realtime.timeouts import BoothLimits


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
    health: Callable[[], SessionHealth]
    """Makes what judges a session of this engine."""


@dataclass(slots=True)
class _EngineState:
    setbacks: int = 0
    """How often it was refused or failed since it last worked."""
    retry_at: float = -math.inf


class EngineFallback:
    """The engines of one lane, the best first, and when each may be tried again."""

    def __init__(self, engines: Sequence[Engine], limits: BoothLimits) -> None:
        self._engines = tuple(engines)
        self._states = [_EngineState() for _ in engines]
        self._limits = limits
        self._level = 0

    @property
    def engine(self) -> Engine:
        """The engine in use."""
        return self._engines[self._level]

    @property
    def is_best(self) -> bool:
        return self._level == 0

    @property
    def on_probation(self) -> bool:
        """Whether the engine in use has failed before, and has not worked since."""
        return self._states[self._level].setbacks > 0

    @property
    def restore_at(self) -> float | None:
        """When to try a better engine again; None while the best is in use."""
        return min((state.retry_at for state in self._states[: self._level]), default=None)

    def better(self, now: float) -> Engine | None:
        """Return the best engine that may be tried again by now."""
        due = (level for level in range(self._level) if now >= self._states[level].retry_at)
        level = next(due, None)
        return None if level is None else self._engines[level]

    def fall_back(self, now: float, *, upgrade_refused: bool = False, opened: bool = False) -> bool:
        """Leave the engine in use for the next; returns False if none is left: then it stays in use.

        Args:
            upgrade_refused: the upgrade itself was refused, so engines with the same endpoint are skipped.
            opened: it accepts sessions, and fails in them: trying it again costs utterances.
        """
        self._set_back(self._level, now, opened=opened)
        refused = self.engine.endpoint if upgrade_refused else None
        for level in range(self._level + 1, len(self._engines)):
            if self._engines[level].endpoint != refused:
                self._level = level
                return True
        return False

    def use(self, engine: Engine) -> None:
        """Use an engine that has accepted a session."""
        self._level = self._engines.index(engine)

    def refused_again(self, engine: Engine, now: float) -> None:
        """Wait longer before an engine is tried again: it was refused again."""
        self._set_back(self._engines.index(engine), now, opened=False)

    def proved(self) -> None:
        """Forget the setbacks of the engine in use: it works."""
        self._states[self._level] = _EngineState()

    def _set_back(self, level: int, now: float, *, opened: bool) -> None:
        state = self._states[level]
        pause_s = self._limits.first_restore_s * 2 ** min(state.setbacks + (2 if opened else 0), 16)
        state.setbacks += 1
        state.retry_at = now + min(pause_s, self._limits.restore_after_s)
