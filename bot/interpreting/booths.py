"""Which lanes have a booth: opened when first needed, briefed anew, parked when idle, closed for others when many.

    (none) ──needed──► open ──idle, or its place is needed──► (none)
                        └──refused for good──► refused: asked no more, until the plan drops the lane

A booth that works is never closed under the utterance: what is no longer wanted is closed when it falls idle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.interpreting.briefing import briefing
from bot.interpreting.effects import Brief, CloseBooth, Effect, OpenBooth
from bot.interpreting.plan import Lane, Mode, RoomPlan
from bot.interpreting.routing import routes

LEFT_S = 10.0
"""A speaker who has left may come right back; and what they said last may still be recognised."""


@dataclass(slots=True)
class _BoothState:
    instructions: str
    mode: Mode
    voice: bool
    used_at: float
    """When it was last needed, or last had its work done."""
    unwanted: bool = False
    """Not by the plan as it is now."""
    speaker_left: bool = False
    engine: str = ""
    """What serves the lane, where it is not what was asked for."""


class Booths:
    """The booths of one room. `working` tells whether a lane has an utterance that its booth is not done with."""

    def __init__(self, plan: RoomPlan, out: list[Effect], working: Callable[[Lane], bool]) -> None:
        self.refused: set[Lane] = set()
        self.voice = True
        """Whether booths that are opened are to be heard."""
        self._plan = plan
        self._out = out
        self._working = working
        self._open: dict[Lane, _BoothState] = {}

    def __contains__(self, lane: Lane) -> bool:
        return lane in self._open

    @property
    def lanes(self) -> list[Lane]:
        return list(self._open)

    def need(self, lane: Lane, now: float) -> str:
        """See that there is a booth; returns why there cannot be one: `booth_refused` or `lane_limit`.

        When there are as many as the plan allows, the one that has been idle longest gives way; those that work do
        not.
        """
        booth = self._open.get(lane)
        another = booth is not None and (booth.mode is not self._plan.mode or booth.voice is not self.voice)
        if another and not self._working(lane):
            self._close(lane)
            booth = None
        if booth is not None:
            booth.used_at, booth.unwanted, booth.speaker_left = now, False, False
            return ""
        if lane in self.refused:
            return "booth_refused"
        while len(self._open) >= self._plan.max_lanes:
            idle = [lane for lane in self._open if not self._working(lane)]
            if not idle:
                return "lane_limit"
            self._close(min(idle, key=lambda lane: self._open[lane].used_at))
        self._open_one(lane, now)
        return ""

    def ahead(self, lanes: Iterable[Lane], now: float) -> None:
        """Open booths that will be needed, as far as nobody has to give way for them."""
        for lane in lanes:
            if lane in self._open:
                self._open[lane].speaker_left = False
            elif lane not in self.refused and len(self._open) < self._plan.max_lanes:
                self._open_one(lane, now)

    def done(self, lane: Lane, now: float) -> None:
        """The booth has finished a piece of work."""
        booth = self._open.get(lane)
        if booth is not None:
            booth.used_at = now

    def refuse(self, lane: Lane) -> None:
        """No booth can ever serve this lane."""
        if lane in self._open:
            self.refused.add(lane)
            self._close(lane)

    def served(self, lane: Lane, engine: str) -> bool:
        """Take note of what serves a lane; False if nobody does any more."""
        booth = self._open.get(lane)
        if booth is not None:
            booth.engine = engine
        return booth is not None

    def engine(self, lane: Lane) -> str:
        booth = self._open.get(lane)
        return booth.engine if booth else ""

    def runs_along(self, lane: Lane) -> bool:
        """Whether the booth speaks while the speaker does."""
        booth = self._open.get(lane)
        return booth is not None and booth.mode is Mode.SIMULTANEOUS

    def follow(self, plan: RoomPlan) -> None:
        """Brief anew whoever stays; those nobody wants any more are closed when they are idle."""
        self._plan = plan
        wanted = {speaker: self._wanted(speaker) for speaker in {lane.speaker for lane in [*self._open, *self.refused]}}
        self.refused = {lane for lane in self.refused if lane in wanted[lane.speaker]}
        for lane, booth in self._open.items():
            booth.unwanted = lane not in wanted[lane.speaker]
            instructions = self._briefing(lane)
            if not booth.unwanted and instructions != booth.instructions:
                booth.instructions = instructions
                self._out.append(Brief(lane, instructions))

    def left(self, speaker: str) -> None:
        for lane, booth in self._open.items():
            booth.speaker_left = booth.speaker_left or lane.speaker == speaker

    def park(self, now: float) -> None:
        """Close those that have been idle long enough."""
        for lane in sorted(self._open, key=lambda lane: self._open[lane].used_at):
            if now >= self._parks_at(lane) and not self._working(lane):
                self._close(lane)

    def deadline(self) -> float | None:
        """When `park` has something to do."""
        at = min((self._parks_at(lane) for lane in self._open if not self._working(lane)), default=math.inf)
        return None if at == math.inf else at

    def close_all(self) -> None:
        for lane in self.lanes:
            self._close(lane)

    def _parks_at(self, lane: Lane) -> float:
        booth = self._open[lane]
        if booth.unwanted or len(self._open) > self._plan.max_lanes:
            return -math.inf
        return booth.used_at + (min(LEFT_S, self._plan.park_after_s) if booth.speaker_left else self._plan.park_after_s)

    def _wanted(self, speaker: str) -> set[Lane]:
        """The lanes as they are, those that relays stand in for included: their refusal is remembered."""
        relayed = routes(self._plan, speaker, self.refused)
        return {route.lane for route in (*routes(self._plan, speaker), *relayed)}

    def _briefing(self, lane: Lane) -> str:
        return briefing(lane, self._plan.languages, self._plan.glossary)

    def _open_one(self, lane: Lane, now: float) -> None:
        booth = self._open[lane] = _BoothState(self._briefing(lane), self._plan.mode, self.voice, now)
        self._out.append(OpenBooth(lane, booth.instructions, booth.mode, booth.voice))

    def _close(self, lane: Lane) -> None:
        del self._open[lane]
        self._out.append(CloseBooth(lane))
