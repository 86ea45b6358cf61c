"""Which lanes have a booth: opened when needed, briefed when the plan changes, closed when idle or over the limit.

    (none) ──needed──► open ──idle, or its place is needed──► (none)
                        └──refused──► refused ──after a time that grows──► tried again, beside what serves the lane

A booth that has work is never closed. A booth that is no longer wanted is closed when it becomes idle.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bot.interpreting.briefing import briefing
from bot.interpreting.effects import Brief, CloseBooth, Effect, OpenBooth
from bot.interpreting.plan import MIXED, Lane, Mode, RoomPlan
from bot.interpreting.routing import Route, RoutingTable

FIRST_RETRY_S = 10.0
LONGEST_RETRY_S = 300.0
"""A refused lane is tried again after the first of these, then after twice as long each time, up to the second: a key
may be being rotated, a deployment replaced."""
LEFT_S = 10.0
"""Seconds a booth stays open after its speaker, or the last who hears it, has left: they may come right back, and the
speaker's last words may still be recognised."""


@dataclass(slots=True)
class _BoothState:
    instructions: str
    mode: Mode
    voice: bool
    used_at: float
    """When it was last needed, or last finished its work."""
    unwanted: bool = False
    """The current plan has no use for it."""
    left: bool = False
    """Its speaker, or the last who hears it, has left the call."""
    engine: str = ""
    """What serves the lane, if that is not what was asked for."""
    pace: tuple[float, bool] = 1.0, False
    """Speed, and whether in fewer words, as told to a simultaneous booth."""


class Booths:
    """The booths of one room."""

    def __init__(self, plan: RoomPlan, routing: RoutingTable, out: list[Effect]) -> None:
        self.refused: set[Lane] = set()
        """Lanes that nothing serves; a booth may be open that tries whether it can."""
        self._retries: dict[Lane, tuple[float, float]] = {}
        """When a refused lane is tried again, and after how many seconds if it is refused again."""
        self.voiceless = ""
        """Why new booths are opened without a voice and only write; empty while they have one."""
        self._plan = plan
        self._routing = routing
        self._out = out
        self._open: dict[Lane, _BoothState] = {}
        self._work: Counter[Lane] = Counter()
        """Unfinished utterances by lane."""

    def __contains__(self, lane: Lane) -> bool:
        return lane in self._open

    @property
    def lanes(self) -> list[Lane]:
        return list(self._open)

    def need(self, route: Route, now: float) -> str:
        """Make sure that a lane has a booth; returns why it cannot have one: `booth_refused` or `lane_limit`.

        At the limit of the plan, the booth that has been idle longest is closed; a booth that has work is not.
        """
        lane, voice = route.lane, route.spoken and not self.voiceless
        booth = self._open.get(lane)
        outdated = booth is not None and (booth.mode is not self._mode(lane) or booth.voice is not voice)
        if outdated and lane not in self._work:
            self._close(lane)
            booth = None
        if booth is not None:
            booth.used_at, booth.unwanted, booth.left = now, False, False
            return ""
        if lane in self.refused:
            return "booth_refused"
        while len(self._open) >= self._plan.max_lanes:
            idle = [lane for lane in self._open if lane not in self._work]
            if not idle:
                return "lane_limit"
            self._close(min(idle, key=lambda lane: self._open[lane].used_at))
        self._open_booth(route, now)
        return ""

    def people_changed(self, now: float) -> None:
        """Open booths for those who are there, as far as the limit allows without closing another.

        Booths that nobody needs any more close soon: after `LEFT_S` instead of the plan's `park_after_s`.
        """
        for lane, booth in self._open.items():
            booth.left = not self._routing.is_there(lane.speaker) or lane not in self._wanted(lane.speaker)
        for speaker in [MIXED] if self._plan.mixed else sorted(self._routing.present):
            if len(self._open) >= self._plan.max_lanes:
                return
            self.open_ahead(self._routing.routes(speaker, self.refused), now)

    def open_ahead(self, routes: Iterable[Route], now: float) -> None:
        """Open booths that will be needed soon, as far as the limit allows without closing another."""
        for route in routes:
            lane = route.lane
            known = lane.passthrough or lane in self._open or lane in self.refused
            if not known and len(self._open) < self._plan.max_lanes:
                self._open_booth(route, now)

    def open_for_words(self, lane: Lane, now: float) -> bool:
        """Open a booth that reads the interpreter's own words aloud; returns whether there was a place for it."""
        if lane in self.refused or len(self._open) >= self._plan.max_lanes:
            return False
        self._open[lane] = _BoothState(self._briefing(lane), Mode.CONSECUTIVE, True, now, left=True)
        self._out.append(OpenBooth(lane, self._open[lane].instructions, Mode.CONSECUTIVE))
        return True

    def begin_work(self, lane: Lane) -> None:
        """Note that the lane has another utterance to interpret."""
        self._work[lane] += 1

    def end_work(self, lane: Lane) -> None:
        """Note that the booth has finished with an utterance, or will not finish it."""
        self._work[lane] -= 1
        if not self._work[lane]:
            del self._work[lane]

    def mark_used(self, lane: Lane, now: float) -> None:
        """Count idle time from now on."""
        booth = self._open.get(lane)
        if booth is not None:
            booth.used_at = now

    def refuse(self, lane: Lane, now: float) -> None:
        """Close the lane's booth, and open no other for a time: none can serve this lane at present."""
        if lane in self._open:
            self.refused.add(lane)
            _, pause_s = self._retries.get(lane, (0.0, FIRST_RETRY_S))
            self._retries[lane] = now + pause_s, min(2 * pause_s, LONGEST_RETRY_S)
            self._close(lane)

    def ready(self, lane: Lane) -> None:
        """Note that a booth works: its lane is refused no more."""
        self.refused.discard(lane)
        self._retries.pop(lane, None)

    def served(self, lane: Lane, engine: str) -> bool:
        """Note which engine serves a lane; returns whether the lane has a booth."""
        booth = self._open.get(lane)
        if booth is not None:
            booth.engine = engine
        return booth is not None

    def engine(self, lane: Lane) -> str:
        """Return what serves the lane; empty if that is what was asked for, or nothing."""
        booth = self._open.get(lane)
        return booth.engine if booth else ""

    def set_pace(self, lane: Lane, speed: float, *, condensed: bool) -> bool:
        """Note the pace of a simultaneous booth; returns whether that is another one than before."""
        booth = self._open.get(lane)
        if booth is None or booth.pace == (speed, condensed):
            return False
        booth.pace = speed, condensed
        return True

    def simultaneous(self, lane: Lane) -> bool:
        """Return whether the booth speaks while the speaker does."""
        booth = self._open.get(lane)
        return booth is not None and booth.mode is Mode.SIMULTANEOUS

    def follow(self, plan: RoomPlan) -> None:
        """Brief the booths that stay, and mark those that the plan no longer wants: they close when idle."""
        self._plan = plan
        wanted = {speaker: self._wanted(speaker) for speaker in {lane.speaker for lane in [*self._open, *self.refused]}}
        self.refused = {lane for lane in self.refused if lane in wanted[lane.speaker]}
        self._retries = {lane: retry for lane, retry in self._retries.items() if lane in self.refused}
        for lane, booth in self._open.items():
            booth.unwanted = lane not in wanted[lane.speaker]
            instructions = self._briefing(lane)
            if not booth.unwanted and instructions != booth.instructions:
                booth.instructions = instructions
                self._out.append(Brief(lane, instructions))

    def park(self, now: float) -> None:
        """Close the booths that have been idle long enough, and try again what was refused long enough ago."""
        self._try_again(now)
        for lane in sorted(self._open, key=lambda lane: self._open[lane].used_at):
            if now >= self._parks_at(lane) and lane not in self._work:
                self._close(lane)

    def deadline(self) -> float | None:
        """When `park` has something to do."""
        idle = (self._parks_at(lane) for lane in self._open if lane not in self._work)
        retries = (self._retries[lane][0] for lane in self.refused if lane not in self._open)
        at = min(min(idle, default=math.inf), min(retries, default=math.inf))
        return None if at == math.inf else at

    def _try_again(self, now: float) -> None:
        """Open booths for refused lanes whose time has come; where there is no place, the next utterance does."""
        due = [lane for lane in self.refused if lane not in self._open and now >= self._retries[lane][0]]
        for lane in due:
            route = next((route for route in self._routing.routes(lane.speaker) if route.lane == lane), None)
            if route is None or not self._routing.is_there(lane.speaker) or len(self._open) >= self._plan.max_lanes:
                self.refused.discard(lane)
            else:
                self._open_booth(route, now)

    def close_all(self) -> None:
        for lane in self.lanes:
            self._close(lane)

    def _parks_at(self, lane: Lane) -> float:
        booth = self._open[lane]
        needless = booth.unwanted or (booth.voice and bool(self.voiceless))  # some are paid by the minute
        if needless or len(self._open) > self._plan.max_lanes:
            return -math.inf
        return booth.used_at + (min(LEFT_S, self._plan.park_after_s) if booth.left else self._plan.park_after_s)

    def _wanted(self, speaker: str) -> set[Lane]:
        """Return the speaker's direct lanes and those of relays: a refused direct lane stays remembered as refused.

        Lanes for what the speaker types are wanted as long as the room has their languages.
        """
        relayed = self._routing.routes(speaker, self.refused)
        typed = {
            lane
            for lane in (*self._open, *self.refused)
            if lane.typed and lane.speaker == speaker and {lane.source, lane.target} <= set(self._plan.languages)
        }
        return typed.union(route.lane for route in (*self._routing.routes(speaker), *relayed))

    def _briefing(self, lane: Lane) -> str:
        return briefing(lane, self._plan.languages, self._plan.glossary)

    def _open_booth(self, route: Route, now: float) -> None:
        lane, voice = route.lane, route.spoken and not self.voiceless
        booth = self._open[lane] = _BoothState(self._briefing(lane), self._mode(lane), voice, now)
        terms = bool(self._plan.glossary.into(lane.source, lane.target))
        self._out.append(OpenBooth(lane, booth.instructions, booth.mode, voice, self.voiceless, terms))

    def _mode(self, lane: Lane) -> Mode:
        """Return how the lane is interpreted: a typed text is complete when it comes."""
        return Mode.CONSECUTIVE if lane.typed else self._plan.mode

    def _close(self, lane: Lane) -> None:
        del self._open[lane]
        self._out.append(CloseBooth(lane))
