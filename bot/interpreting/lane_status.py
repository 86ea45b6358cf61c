"""How each lane of a room is served and how well: for people to look at. Nothing is decided by it; no words are in it.

parked ──a booth is opened──► open ──closed──► parked
                                └──refused for good──► refused ──a booth is opened──► open
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.interpreting.ledger import Entry, EntryKind
from bot.interpreting.plan import Lane

LANES_SHOWN = 64
"""Of a room. Ten people and eight languages make 70, of whom two or three speak at a time."""
SPANS_SHOWN = 5
"""Of a lane: the latest."""
PASSTHROUGH = "passthrough"
RESTORED = "restored"


class LaneState(StrEnum):
    OPEN = "open"
    PARKED = "parked"
    REFUSED = "refused"


@dataclass(slots=True)
class LaneView:
    """One lane as it is now."""

    lane: Lane
    state: LaneState = LaneState.PARKED
    engine: str = ""
    """`translation`, `conversation`, `captions` or `passthrough`; empty while not known, or nothing serves it."""
    reason: str = ""
    """Why it is not served as it was asked for; empty while it is."""
    spans_ms: deque[int] = field(default_factory=lambda: deque(maxlen=SPANS_SHOWN))
    """Ear-voice spans of its last utterances, oldest first."""
    waiting: int = 0
    """Utterances on their way."""
    fresh: bool = False
    """Its booth has just been opened, and has not said what serves it."""
    told: tuple[str, str] = ("", "")
    """Engine and reason as listeners know them; empty where it is as asked for."""


class LaneStatuses:
    """The lanes of one room, in the order in which they were first needed. Those that were are remembered, within
    `LANES_SHOWN`: those parked longest go first."""

    def __init__(self) -> None:
        self._views: dict[Lane, LaneView] = {}

    def views(self) -> Sequence[LaneView]:
        """As they are now, and go on changing."""
        return list(self._views.values())

    def booth_opened(self, lane: Lane) -> None:
        one = self._view(lane)
        one.state, one.engine, one.fresh = LaneState.OPEN, "", True

    def booth_closed(self, lane: Lane) -> None:
        one = self._view(lane)
        one.state, one.engine = LaneState.PARKED, ""

    def ready(self, lane: Lane, engine: str) -> bool:
        """The booth works, by this engine; whether it is as asked for again, and that is news."""
        one = self._view(lane)
        one.engine = engine
        fresh, one.fresh = one.fresh, False
        if not fresh:
            return False
        one.reason = ""
        return self._is_news(one)

    def served(self, lane: Lane, engine: str, reason: str) -> bool:
        """The lane is served otherwise than asked for, or as asked for again; whether that is news."""
        one = self._view(lane)
        one.engine, one.reason, one.fresh = engine, "" if reason == RESTORED else reason, False
        if not engine:
            one.state = LaneState.REFUSED
        return self._is_news(one)

    def opened(self, lane: Lane) -> None:
        """An utterance is on its way."""
        one = self._view(lane)
        one.waiting += 1
        if lane.passthrough:
            one.state, one.engine = LaneState.OPEN, PASSTHROUGH

    def settled(self, entry: Entry) -> None:
        one = self._view(entry.lane)
        one.waiting = max(0, one.waiting - 1)
        if entry.lane.passthrough and not one.waiting:
            one.state = LaneState.PARKED
        if entry.kind is EntryKind.UTTERANCE and entry.ended_at is not None and entry.first_played_at is not None:
            one.spans_ms.append(round((entry.first_played_at - entry.ended_at) * 1000))

    @staticmethod
    def _is_news(one: LaneView) -> bool:
        """A lane that is parked and opened again is served as badly as before: that is told once."""
        before, one.told = one.told, (one.engine, one.reason) if one.reason else ("", "")
        return one.told != before

    def _view(self, lane: Lane) -> LaneView:
        known = self._views.get(lane)
        if known is not None:
            return known
        if len(self._views) >= LANES_SHOWN:
            idle = [one.lane for one in self._views.values() if one.state is LaneState.PARKED and not one.waiting]
            self._views.pop(idle[0] if idle else next(iter(self._views)))
        made = self._views[lane] = LaneView(lane)
        return made
