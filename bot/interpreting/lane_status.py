"""How each lane of a room is served and how well, for admins to look at. Decides nothing, and holds no words.

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
"""Most lanes remembered for a room. Ten people and eight languages make 70; two or three people speak at a time."""
SPANS_SHOWN = 5
"""How many ear-voice spans are remembered for a lane."""
PASSTHROUGH = "passthrough"
RESTORED = "restored"


class LaneState(StrEnum):
    OPEN = "open"
    PARKED = "parked"
    REFUSED = "refused"


@dataclass(slots=True)
class LaneView:
    """The present state of one lane."""

    lane: Lane
    state: LaneState = LaneState.PARKED
    engine: str = ""
    """`translation`, `conversation`, `captions` or `passthrough`; empty while unknown, or if nothing serves it."""
    reason: str = ""
    """Why it is not served as asked for; empty while it is."""
    note: str = ""
    """What its engine does not do, though it is the one asked for: `glossary`. For admins."""
    spans_ms: deque[int] = field(default_factory=lambda: deque(maxlen=SPANS_SHOWN))
    """Ear-voice spans of its last utterances, oldest first."""
    waiting: int = 0
    """Utterances that are not settled."""
    fresh: bool = False
    """Its booth has been opened, and its engine is not known yet."""
    reported: tuple[str, str] = ("", "")
    """Engine and reason as last reported to listeners; empty if it was served as asked for."""

    @property
    def told(self) -> str:
        """What admins are told."""
        return self.reason or self.note


class LaneStatuses:
    """The lanes of one room, in the order in which they were first needed.

    Beyond `LANES_SHOWN` the lanes that were parked longest are forgotten.
    """

    def __init__(self) -> None:
        self._views: dict[Lane, LaneView] = {}

    def views(self) -> Sequence[LaneView]:
        """Return the lanes of what is said, not of what is typed; they change later."""
        return [view for view in self._views.values() if not view.lane.typed]

    def booth_opened(self, lane: Lane) -> None:
        view = self._view(lane)
        view.state, view.engine, view.fresh = LaneState.OPEN, "", True

    def booth_closed(self, lane: Lane) -> None:
        view = self._view(lane)
        view.state, view.engine = LaneState.PARKED, ""

    def ready(self, lane: Lane, engine: str, note: str = "") -> bool:
        """Note the engine of a working booth; returns whether listeners must learn that it is as asked for again."""
        view = self._view(lane)
        view.engine, view.note = engine, note
        fresh, view.fresh = view.fresh, False
        if not fresh:
            return False
        view.reason = ""
        return self._is_news(view)

    def served(self, lane: Lane, engine: str, reason: str) -> bool:
        """Note what serves the lane, and why; returns whether listeners must learn of it."""
        view = self._view(lane)
        view.engine, view.reason, view.fresh = engine, "" if reason == RESTORED else reason, False
        if not engine:
            view.state = LaneState.REFUSED
        return self._is_news(view)

    def opened(self, lane: Lane) -> None:
        """Count an utterance that has begun."""
        view = self._view(lane)
        view.waiting += 1
        if lane.passthrough:
            view.state, view.engine = LaneState.OPEN, PASSTHROUGH

    def settled(self, entry: Entry) -> None:
        view = self._view(entry.lane)
        view.waiting = max(0, view.waiting - 1)
        if entry.lane.passthrough and not view.waiting:
            view.state = LaneState.PARKED
        if entry.kind is EntryKind.UTTERANCE and entry.ended_at is not None and entry.first_played_at is not None:
            view.spans_ms.append(round((entry.first_played_at - entry.ended_at) * 1000))

    @staticmethod
    def _is_news(view: LaneView) -> bool:
        """Return whether the state differs from the last one reported: being parked and opened again is no news."""
        before, view.reported = view.reported, (view.engine, view.reason) if view.reason else ("", "")
        return view.reported != before and not view.lane.typed

    def _view(self, lane: Lane) -> LaneView:
        known = self._views.get(lane)
        if known is not None:
            return known
        if len(self._views) >= LANES_SHOWN:
            idle = [view.lane for view in self._views.values() if view.state is LaneState.PARKED and not view.waiting]
            self._views.pop(idle[0] if idle else next(iter(self._views)))
        made = self._views[lane] = LaneView(lane)
        return made
