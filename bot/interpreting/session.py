"""One room's interpreter: events in, effects out, told the time, no I/O. Two methods, `handle` and `next_deadline`.

    frames ─hearing─► utterances ─routing─► lanes ─booths─► text, audio ─speaking─► frames, channel by channel

Here is what the parts have to do with one another; each part is a file of its own:

| file | holds |
|---|---|
| `hearing.py` | whose utterance is under way |
| `routing.py` | which lanes it goes through, and where they are heard |
| `booths.py` | which lanes have a booth |
| `renditions.py` | the way of an utterance in a lane, to its one final state |
| `answers.py` | what booths answer, and whether it is to be heard |
| `speaking.py` | whose voice is on which channel, frame by frame |
| `captions.py` | what can be read |
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import assert_never

from bot.interpreting import announcement
from bot.interpreting.booth_events import BoothEvents
from bot.interpreting.captions import Utterance
from bot.interpreting.effects import Effect, LaneReady, LaneServed, Restricted, Say
from bot.interpreting.endpointing import TurnAudio, TurnBegan, TurnEnded, TurnEvent
from bot.interpreting.events import (
    BoothDegraded,
    BoothLost,
    BoothReady,
    Event,
    HearingDropped,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationText,
    KeypadPressed,
    MeetingEnded,
    Order,
    Ordered,
    PlanChanged,
    PlayoutReady,
    SourceText,
    SpeakerAudio,
    SpeakerJoined,
    SpeakerLeft,
    Tick,
)
from bot.interpreting.ledger import Entry
from bot.interpreting.plan import RoomPlan
from bot.interpreting.quality.echo_loops import EchoLoopBreaker
from bot.interpreting.renditions import Renditions
from bot.interpreting.routing import routes
from bot.interpreting.turns import Turns
from bot.interpreting.usage_meter import CAPTIONS_ONLY, UsageMeter, notice


class InterpreterSession:
    """The interpreter of one room. A caller in one event loop needs no lock: nothing here waits."""

    def __init__(self, plan: RoomPlan, now: float, name: str = "u", meter: UsageMeter | None = None) -> None:
        """`name` begins every utterance id, and is unique to the call. `meter`: what the room has used before, and what
        it costs; nothing, if not given."""
        self._plan = plan
        self._name = name
        self._out: list[Effect] = []
        self._hearing = Turns(plan, name)
        self._usage = meter or UsageMeter(plan.usage_cap)
        self._renditions = Renditions(plan, now, self._out, self._usage)
        self._loops = EchoLoopBreaker()
        self._answers = BoothEvents(self._renditions, self._out, self._loops)
        self._passing_through: set[str] = set()
        """Speakers whose own voice is being brought to other rooms."""
        self._announced: set[str] | None = None
        """Languages in which the announcement has been read aloud; None before it was due."""
        self._muted: list[str] = []
        """Speakers who only repeat what was interpreted, as far as it has been told."""
        self._cap_reached = ""
        """Which part of the usage cap, as far as it has been told."""
        self._paused = False
        self._ended = False
        self._due_at: float | None = None
        """What is due by the clock, but for the ends of turns: those move with every frame."""
        self._other_than_frames_due_at = math.inf
        """The same without the frames to be played."""

    # --- the two methods -------------------------------------------------------------------

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take note of what happened, and say what is to be done. `now` is in seconds and never goes back."""
        if self._ended:
            return []
        renditions, answers = self._renditions, self._answers
        match event:
            case SpeakerAudio(speaker) if self._loops.is_muted(speaker):
                return []
            case SpeakerAudio(speaker, pcm, voiced):
                turns = [] if self._paused else self._hearing.frame(speaker, pcm, voiced, now)
                if speaker in self._passing_through:
                    renditions.pass_through(self._hearing.current[speaker].id, pcm, now)
                elif not turns:
                    return []  # 50 a second from everybody in the call: nothing below is moved by them
                self._turns(speaker, turns, now)
                if speaker not in self._passing_through and isinstance(turns[-1], TurnAudio):
                    return self._effects()
            case InterpretationAudio(lane, utterance, pcm):
                answers.audio(lane, utterance, pcm, now)
            case InterpretationText(lane, utterance, delta):
                answers.text(lane, utterance, delta, now)
            case InterpretationEnded():
                answers.ended(event, now)
            case SourceText(lane, utterance, text):
                answers.source_text(lane, utterance, text, now)
                self._mind_the_muted(now)
            case HearingDropped(lane, utterance, reason):
                answers.dropped(lane, utterance, reason)
            case BoothReady(lane, engine):
                if engine and lane in renditions.booths:
                    self._out.append(LaneReady(lane, engine))
            case BoothLost(lane, reason):
                known = lane in renditions.booths
                answers.lost(event)
                if event.final and known:
                    self._out.append(LaneServed(lane, "", reason))
            case BoothDegraded():
                self._degraded(event)
            case SpeakerJoined(speaker):
                lanes = (route.lane for route in routes(self._plan, speaker, renditions.booths.refused))
                renditions.booths.ahead((lane for lane in lanes if not lane.passthrough), now)
            case SpeakerLeft(speaker):
                self._turns(speaker, self._hearing.stop(speaker), now)  # said to the end, and still interpreted
                renditions.booths.left(speaker)
            case PlanChanged(plan):
                self._plan_changed(plan, now)
            case PlayoutReady(ready, carrier):
                (renditions.streams.add if ready else renditions.streams.discard)(carrier)
                if ready and self._announced is None:
                    self._caption_announcement(now)
            case Ordered(order):
                self._ordered(order)
            case KeypadPressed(tone):
                if tone in self._plan.keypad:
                    self._ordered(self._plan.keypad[tone])
            case Tick() if self._only_frames_are_due(now):
                return self._play_on(now)
            case Tick():
                for speaker, turns in self._hearing.expired(now):
                    self._turns(speaker, turns, now)
                self._loops.release(now)
                self._mind_the_muted(now)
                renditions.tick(now)
            case MeetingEnded(reason):
                return self._end(reason)
            case _:
                assert_never(event)
        if self._announced is not None:
            self._announce(now)
        self._mind_the_cap(now)
        quiet = self._hearing.quiet
        renditions.play(now, quiet=quiet)
        renditions.tidy(now)
        self._set_other_deadlines()
        self._set_alarm(now)
        return self._effects()

    def _only_frames_are_due(self, now: float) -> bool:
        turn_ends_at = self._hearing.deadline()
        return now < self._other_than_frames_due_at and (turn_ends_at is None or now < turn_ends_at)

    def _play_on(self, now: float) -> list[Effect]:
        """50 a second for every voice: unless one has ended, nothing but its next frame has to be thought of."""
        renditions, entries = self._renditions, len(self._renditions.ledger)
        renditions.play(now, quiet=self._hearing.quiet)
        if len(renditions.ledger) < entries:
            self._mind_the_cap(now)
            renditions.tidy(now)
            self._set_other_deadlines()
        self._set_alarm(now)
        return self._effects()

    def _set_other_deadlines(self) -> None:
        due_at = (at for at in (self._renditions.deadline(), self._loops.deadline()) if at is not None)
        self._other_than_frames_due_at = min(due_at, default=math.inf)

    def _set_alarm(self, now: float) -> None:
        frame_at = self._renditions.next_frame_at(now, quiet=self._hearing.quiet)
        due_at = self._other_than_frames_due_at if frame_at is None else min(frame_at, self._other_than_frames_due_at)
        self._due_at = None if due_at == math.inf else due_at

    def next_deadline(self) -> float | None:
        """When `Tick` is wanted next; None while nothing depends on the clock. In the past means now."""
        turn_ends_at = self._hearing.deadline()
        if self._due_at is None or turn_ends_at is None:
            return turn_ends_at if self._due_at is None else self._due_at
        return min(self._due_at, turn_ends_at)

    def _effects(self) -> list[Effect]:
        effects = self._out.copy()
        self._out.clear()
        return effects

    # --- what others may ask -----------------------------------------------------------------

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def open_entries(self) -> list[Entry]:
        return self._renditions.ledger.entries()

    @property
    def usage(self) -> UsageMeter:
        """What the room has used so far."""
        return self._usage

    @property
    def restriction(self) -> str:
        """Why not everything is interpreted as it was asked for; empty while it is."""
        found = [f"{CAPTIONS_ONLY}: {self._cap_reached}"] if self._cap_reached else []
        return "; ".join([*found, *(f"echo: {speaker} is muted" for speaker in self._muted)])

    @property
    def queued_ms(self) -> float:
        """Interpretation that is still to be heard, over all channels."""
        return self._renditions.speaking.queued_ms

    # --- hearing -----------------------------------------------------------------------------

    def _turns(self, speaker: str, turns: Iterable[TurnEvent], now: float) -> None:
        for turn in turns:
            match turn:
                case TurnBegan(pcm):
                    self._begin(speaker, pcm, now)
                case TurnAudio(pcm):
                    self._renditions.hear(self._hearing.current[speaker].id, pcm)
                case TurnEnded(last_voiced_at, patience_ms, _, voiced_ms):
                    spoken = self._hearing.end(speaker, last_voiced_at, voiced_ms)
                    self._passing_through.discard(speaker)
                    self._renditions.commit(spoken, patience_ms, now)
                case _:
                    assert_never(turn)

    def _begin(self, speaker: str, pcm: bytes, now: float) -> None:
        renditions = self._renditions
        if self._plan.barge_in_stops:
            # What the model has yet to answer was said before, and not over the interpreter: it will be heard.
            renditions.hush("barge_in", answered=True)
        spoken = self._hearing.begin(speaker, now)
        renditions.utterances[spoken.id] = spoken
        for route in routes(self._plan, speaker, renditions.booths.refused):
            renditions.begin(spoken, route, pcm, now)
            if route.lane.passthrough:
                self._passing_through.add(speaker)

    # --- orders and changes ------------------------------------------------------------------------

    def _ordered(self, order: Order) -> None:
        match order:
            case Order.HUSH:
                self._renditions.hush("hushed")
            case Order.PAUSE:
                self._paused = True
                self._hearing.clear()
                self._passing_through.clear()
                self._renditions.abandon(self._renditions.all(), "paused")
            case Order.RESUME:
                self._paused = False
            case _:
                assert_never(order)

    def _plan_changed(self, plan: RoomPlan, now: float) -> None:
        """From the next utterance on: one under way keeps its lanes and channels to its end."""
        self._plan = plan
        self._hearing.follow(plan)
        self._renditions.follow(plan, now)

    def _degraded(self, event: BoothDegraded) -> None:
        """A lane is served by less than what was asked for, or by that again."""
        if self._answers.served(event.lane, event.engine):
            self._out.append(LaneServed(event.lane, event.engine, event.reason))

    # --- the interpreter's own words ------------------------------------------------------------------

    def _caption_announcement(self, now: float) -> None:
        """Readers have it at once; it is read aloud as soon as there is a booth for it."""
        self._announced = set()
        for language in announcement.languages(self._plan):
            self._renditions.captions.announce(
                self._announcement(language, language, now), announcement.text(self._plan, language)
            )

    def _announce(self, now: float) -> None:
        booths = self._renditions.booths
        if self._announced is None or self._paused or not booths.voice:
            return
        due = [tag for tag in announcement.languages(self._plan) if tag not in self._announced]
        for lane in booths.lanes if due else ():
            route = next((one for one in routes(self._plan, lane.speaker, booths.refused) if one.lane == lane), None)
            if lane.target in due and lane.target not in self._announced and route is not None and route.channels:
                self._announced.add(lane.target)
                spoken = self._announcement(lane.target, lane.target, now)
                self._renditions.say(spoken, route, now)
                self._out.append(Say(lane, spoken.id, announcement.text(self._plan, lane.target)))

    def _announcement(self, name: str, language: str, now: float) -> Utterance:
        spoken = Utterance(f"{self._name}-{name}", announcement.SPEAKER, announcement.NAME, language, now)
        spoken.ended_at, spoken.source_text = now, ""
        return spoken

    def _mind_the_muted(self, now: float) -> None:
        """Let go of what somebody who is not listened to any more is saying, and tell admins of every change."""
        muted = self._loops.muted
        if muted == self._muted:
            return
        changed = sorted(set(muted) ^ set(self._muted))
        self._muted = muted
        for speaker in changed:
            self._turns(speaker, self._hearing.stop(speaker), now)
            self._out.append(Restricted(self.restriction, speaker))

    def _mind_the_cap(self, now: float) -> None:
        """Admins are told of every change, readers once: that nothing more will be heard."""
        if self._usage.reached == self._cap_reached:
            return
        self._cap_reached = self._usage.reached
        self._out.append(Restricted(self.restriction))
        if self._cap_reached:
            for language in dict.fromkeys(self._plan.languages):
                spoken = self._announcement(f"cap-{language}", language, now)
                self._renditions.captions.announce(spoken, notice(language))

    # --- the end ----------------------------------------------------------------------------------

    def _end(self, reason: str) -> list[Effect]:
        self._renditions.abandon(self._renditions.all(), reason)
        self._renditions.booths.close_all()
        self._hearing.clear()  # or they would go on asking for ticks
        self._passing_through.clear()
        self._ended = True
        self._due_at = None
        return self._effects()
