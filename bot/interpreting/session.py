"""One room's interpreter: events in, effects out. It is told the time and does no I/O: `handle`, `next_deadline`.

    frames ─turns─► utterances ─routing─► lanes ─booths─► text, audio ─playout─► frames, channel by channel

This file says how the parts work together; each part is a file of its own:

| file | holds |
|---|---|
| `speaker_turns.py` | whose utterance is under way |
| `routing.py` | which lanes an utterance goes through, and where they are heard |
| `booths.py` | which lanes have a booth |
| `renditions.py` | each utterance in each lane, to its one final state |
| `booth_events.py` | what booths say, and whether it is heard |
| `open_ends.py` | which ends may be taken back, because the speaker goes on |
| `playout/channels.py` | whose voice is on which channel, frame by frame |
| `captions.py` | what can be read |
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import assert_never

from bot.interpreting import announcement
from bot.interpreting.booth_events import BoothEvents
from bot.interpreting.booths import Booths
from bot.interpreting.captions import Captions, Utterance
from bot.interpreting.effects import Effect, Opened, Restricted, Say, Settled
from bot.interpreting.endpointing import TurnAudio, TurnBegan, TurnEnded, TurnEvent
from bot.interpreting.events import (
    BoothDegraded,
    BoothLost,
    BoothReady,
    BoothUsed,
    Event,
    HearingDropped,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationText,
    KeypadPressed,
    MeetingEnded,
    Order,
    Ordered,
    OwnVoiceHeard,
    PlanChanged,
    PlayoutReady,
    PresenceChanged,
    ReadersChanged,
    SourceDelta,
    SourceText,
    SpeakerAudio,
    SpeakerMuted,
    TextTyped,
    Tick,
)
from bot.interpreting.ledger import Entry, EntryKind, EntryState
from bot.interpreting.open_ends import GOES_ON, OpenEnds
from bot.interpreting.plan import MIXED, Lane, RoomPlan, primary
from bot.interpreting.quality.checks import Guard
from bot.interpreting.quality.echo_loops import SURE, EchoLoopBreaker
from bot.interpreting.quality.language_id import IdentifyLanguage, identify_none
from bot.interpreting.renditions import Renditions
from bot.interpreting.routing import Route, RoutingTable
from bot.interpreting.speaker_turns import SpeakerTurns
from bot.interpreting.spoken_language import SpokenLanguages
from bot.interpreting.usage_meter import CAPTIONS_ONLY, UsageMeter, notice

SURELY_OURS_MS = 1_000
"""Speech after which an utterance that is our own voice ends without a pause."""

_STREAMED = SpeakerAudio | InterpretationAudio | InterpretationText | SourceDelta
"""Events that come many times a second, and say nothing about which booths there are."""


class InterpreterSession:
    """The interpreter of one room. A caller in one event loop needs no lock: nothing here waits."""

    def __init__(
        self,
        plan: RoomPlan,
        now: float,
        name: str = "u",
        meter: UsageMeter | None = None,
        identify: IdentifyLanguage = identify_none,
    ) -> None:
        """Start a meeting.

        Args:
            now: in seconds, on the clock that `handle` is given.
            name: prefix of every utterance id, unique to the call.
            meter: what the room used before, and what tokens cost; without it nothing was used, at no price.
            identify: names the language of a text, for the quality checks.
        """
        self._plan = plan
        self._name = name
        self._out: list[Effect] = []
        self._turns = SpeakerTurns(plan, name)
        self._open_ends = OpenEnds()
        self._usage = meter or UsageMeter(plan.usage_cap)
        self._routing = RoutingTable(plan)
        self._booths = Booths(plan, self._routing, self._out)
        self._captions = Captions(plan, now, self._out)
        self._renditions = Renditions(plan, self._out, self._usage, self._booths, self._captions)
        self._loops = EchoLoopBreaker()
        languages = SpokenLanguages(plan, self._renditions, self._captions, identify)
        self._booth_events = BoothEvents(
            plan,
            self._out,
            self._renditions,
            self._booths,
            self._captions,
            self._loops,
            Guard(identify),
            languages,
            self._usage,
        )
        self._passing_through: set[str] = set()
        """Speakers whose own voice is brought to other rooms."""
        self._not_passed: dict[str, int] = {}
        """By speaker whose last utterance was brought there: bytes that have come since."""
        self._cut_short: set[str] = set()
        """Speakers whose last utterance was ended amid their speech, by its length."""
        self._announcement: announcement.ReadAloud | None = None
        """What was asked to be read aloud; None before the announcement is due."""
        self._echoing: list[str] = []
        """Speakers with whom our own voice comes back, as last reported."""
        self._caps_reached = 0
        """How often the cap was reached: each time readers are told."""
        self._cap_reached = ""
        """Which part of the usage cap is reached, as last reported."""
        self._paused = False
        self._ended = False
        self._due_at: float | None = None
        """The next deadline, except the ends of turns: those move with every frame."""
        self._other_than_frames_due_at = math.inf
        """The same, except the frames to be played as well."""

    # --- the two methods -------------------------------------------------------------------

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take an event into account and return the effects, in order. `now` is in seconds and never goes back."""
        if self._ended:
            return []
        booth_events = self._booth_events
        match event:
            case SpeakerAudio(speaker, pcm, voiced, age_s):
                turns = [] if self._paused else self._turns.frame(speaker, pcm, voiced, now, age_s)
                passing = speaker in self._passing_through
                if passing:
                    self._renditions.pass_through(self._turns.current[speaker].id, pcm, age_s, now)
                elif speaker in self._not_passed:
                    self._not_passed[speaker] += len(pcm)
                if not turns and not passing:
                    return []  # 50 a second from everybody in the call: they change nothing below
                self._take_turns(speaker, turns, now)
                if not turns or isinstance(turns[-1], TurnAudio):
                    return self._play_on(now) if passing else self._effects()
            case InterpretationAudio():
                self._close_end(event.utterance, now)
                booth_events.audio(event, now)
            case InterpretationText():
                self._close_end(event.utterance, now)
                booth_events.text(event, now)
            case InterpretationEnded():
                self._close_end(event.utterance, now)
                booth_events.ended(event, now)
            case SourceDelta() | SourceText() if self._open_ends.withholds(event, now):
                pass
            case SourceDelta():
                booth_events.source_delta(event, now)
            case SourceText():
                booth_events.source_text(event, now)
            case HearingDropped():
                booth_events.dropped(event)
            case BoothReady():
                booth_events.ready(event)
            case BoothLost():
                booth_events.lost(event, now)
            case BoothUsed():
                booth_events.used(event)
            case BoothDegraded():
                booth_events.degraded(event)
            case OwnVoiceHeard():
                self._own_voice(event, now)
            case PresenceChanged(people, carrier, no_call):
                for speaker in sorted(self._routing.seat(people, carrier, no_call=no_call)):
                    self._take_turns(speaker, self._turns.stop(speaker), now)  # what was said is still interpreted
                self._booths.people_changed(now)
            case SpeakerMuted(speaker):
                self._take_turns(speaker, self._turns.stop(speaker), now)
            case ReadersChanged(languages, listened):
                self._routing.read_outside(languages, listened)
                self._renditions.listened = listened
                self._booths.people_changed(now)
            case PlanChanged(plan):
                self._plan_changed(plan, now)
            case PlayoutReady(ready, carrier):
                self._renditions.set_stream(carrier, ready=ready)
                if ready and self._announcement is None:
                    self._caption_announcement(now)
            case TextTyped():
                self._typed(event, now)
            case Ordered(order):
                self._ordered(order)
            case KeypadPressed(tone):
                if tone in self._plan.keypad:
                    self._ordered(self._plan.keypad[tone])
            case Tick() if self._only_frames_are_due(now):
                return self._play_on(now)
            case Tick():
                for speaker, turns in self._turns.expired(now):
                    self._take_turns(speaker, turns, now)
                for utterance in self._open_ends.due(now):
                    self._close_end(utterance, now)
                self._loops.release(now)
                self._renditions.tick(now)
                self._captions.tick(now)
            case MeetingEnded(reason):
                return self._end(reason, now)
            case _:
                assert_never(event)
        if self._announcement is not None and not isinstance(event, _STREAMED):
            self._announce(self._announcement, now)
        self._check_echo()
        self._check_cap(now)
        self._renditions.play(now, quiet=self._turns.quiet)
        self._tidy(now)
        self._set_alarm(now)
        return self._effects()

    def _only_frames_are_due(self, now: float) -> bool:
        turn_ends_at = self._turns.deadline()
        return now < self._other_than_frames_due_at and (turn_ends_at is None or now < turn_ends_at)

    def _play_on(self, now: float) -> list[Effect]:
        """Play the next frame of each voice, 50 a second; nothing else changes unless a voice ends."""
        if self._renditions.play(now, quiet=self._turns.quiet):
            self._check_cap(now)
            self._tidy(now)
        self._set_alarm(now)
        return self._effects()

    def _tidy(self, now: float) -> None:
        """Let idle parts go, and set the deadlines that do not concern frames."""
        self._booths.park(now)
        self._renditions.tidy(now)
        parts = (self._renditions, self._captions, self._booths, self._loops, self._open_ends)
        due_at = [at for part in parts if (at := part.deadline()) is not None]
        self._other_than_frames_due_at = min(due_at, default=math.inf)

    def _set_alarm(self, now: float) -> None:
        frame_at = self._renditions.next_frame_at(now, quiet=self._turns.quiet)
        due_at = self._other_than_frames_due_at if frame_at is None else min(frame_at, self._other_than_frames_due_at)
        self._due_at = None if due_at == math.inf else due_at

    def next_deadline(self) -> float | None:
        """When `Tick` is wanted next; None while nothing depends on the clock. In the past means now."""
        turn_ends_at = self._turns.deadline()
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

    def is_by_browser(self, speaker: str) -> bool:
        """Return whether a speaker is there by browser alone, and not in a call."""
        return self._routing.is_by_browser(speaker)

    @property
    def speaking(self) -> frozenset[str]:
        """Who speaks now."""
        return frozenset(self._turns.current)

    @property
    def open_entries(self) -> list[Entry]:
        return self._renditions.entries()

    @property
    def usage(self) -> UsageMeter:
        """What the room has used so far."""
        return self._usage

    @property
    def restriction(self) -> str:
        """Why not everything is interpreted as it was asked for; empty while it is."""
        found = [f"{CAPTIONS_ONLY}: {self._cap_reached}"] if self._cap_reached else []
        return "; ".join([*found, *(f"echo: {speaker} returns the interpreter's voice" for speaker in self._echoing)])

    @property
    def queued_ms(self) -> float:
        """Interpretation still to be heard, over all channels."""
        return self._renditions.queued_ms

    # --- hearing -----------------------------------------------------------------------------

    def _take_turns(self, speaker: str, turns: Iterable[TurnEvent], now: float) -> None:
        for turn in turns:
            match turn:
                case TurnBegan():
                    self._begin(speaker, turn, now)
                case TurnAudio(pcm):
                    self._renditions.hear(self._turns.current[speaker].id, pcm)
                case TurnEnded(last_voiced_at, patience_ms, reason, voiced_ms):
                    (self._cut_short.add if reason == "cap" else self._cut_short.discard)(speaker)
                    spoken = self._turns.end(speaker, last_voiced_at, voiced_ms)
                    if speaker in self._passing_through:
                        self._passing_through.remove(speaker)
                        self._not_passed[speaker] = 0
                    returned = self._booth_events.turn_ended(spoken, now)
                    self._renditions.commit(spoken, patience_ms, now)
                    if returned and spoken.before is not None:
                        self._give_back(spoken.before, spoken.before_pcm, patience_ms, now)
                    simultaneous = any(one.simultaneous for one in self._renditions.open.of(spoken.id))
                    if reason == "pause" and not simultaneous:
                        self._open_ends.open(spoken.id, self._turns.may_go_on_until(last_voiced_at), now)
                case _:
                    assert_never(turn)

    def _begin(self, speaker: str, turn: TurnBegan, now: float) -> None:
        """Begin an utterance; one whose end has proved to be a pause, with nothing come of it yet, is part of it."""
        self._routing.heard_from(speaker)
        found = self._routing.routes(speaker, self._booths.refused)
        before = self._turns.last(speaker) if turn.before else None
        if before is not None and not self._is_taken_back(before, {route.lane for route in found}):
            before = None
        if self._plan.barge_in_stops:
            # What the model has not voiced yet was said before the interpreter spoke: it will still be heard.
            # Nobody interrupts the interpretation of their own words by going on.
            goes_on = speaker != MIXED or speaker in self._cut_short
            self._renditions.hush("barge_in", sounding_only=True, spare=speaker if goes_on else "")
        spoken = self._turns.begin(speaker, now - turn.ago_ms / 1000)
        if before is not None:
            self._turns.go_on(speaker, before, turn.before)
        self._captions.begin(spoken)
        spoken.targets = frozenset(route.lane.target for route in found)
        pcm = turn.pcm
        heard_there = max(0, len(pcm) - self._not_passed.pop(speaker, len(pcm)))  # with the utterance before
        whole = turn.before + pcm if before is not None else pcm
        for route in found:
            self._renditions.begin(spoken, route, pcm[heard_there:] if route.lane.passthrough else whole, now)
            if route.lane.passthrough:
                self._passing_through.add(speaker)

    def _is_taken_back(self, before: Utterance, lanes: set[Lane]) -> bool:
        """Withdraw an utterance whose speaker goes on in all its lanes, if nothing has come of it yet; returns whether.

        Args:
            before: the utterance.
            lanes: those through which the speaker's words go now.
        """
        interpreted = self._renditions.open.interpreted(before.id)
        if not interpreted or not lanes.issuperset(rendition.lane for rendition in interpreted):
            return False
        words = self._open_ends.take_back(before.id)
        if words is None:
            return False
        texts = [one.text for one in words if isinstance(one, SourceText) and one.lane.source == before.source]
        earlier = before.before.source_text if before.before is not None else None
        before.source_text = next(filter(None, texts), earlier or "")
        for rendition in interpreted:
            self._renditions.withdraw(rendition, EntryState.NOT_NEEDED, GOES_ON)
        return True

    def _give_back(self, before: Utterance, pcm: bytes, patience_ms: int, now: float) -> None:
        """Interpret by itself what was taken back, since what came behind the pause was our own voice."""
        spoken = self._turns.say_again(before)
        self._captions.begin(spoken)
        for route in self._routing.routes(spoken.speaker, self._booths.refused):
            if not route.lane.passthrough:  # those have heard it
                self._renditions.begin(spoken, route, pcm, now)
        self._renditions.commit(spoken, patience_ms, now)

    def _close_end(self, utterance: str, now: float) -> None:
        """Make the end of an utterance final: the speaker's words, which were withheld, are shown and judged by."""
        for words in self._open_ends.close(utterance):
            if isinstance(words, SourceDelta):
                self._booth_events.source_delta(words, now)
            else:
                self._booth_events.source_text(words, now)

    def _own_voice(self, event: OwnVoiceHeard, now: float) -> None:
        """Note how much of an utterance is our own voice; one that surely is ends, so that a person begins another."""
        spoken = self._turns.current.get(event.speaker)
        if spoken is None:
            return
        spoken.own_voice_ms += event.share * event.voiced_ms
        spoken.measured_ms += event.voiced_ms
        if spoken.measured_ms >= SURELY_OURS_MS and spoken.own_share >= SURE:
            self._take_turns(event.speaker, self._turns.stop(event.speaker), now)

    def _typed(self, event: TextTyped, now: float) -> None:
        """Interpret a typed text: it is complete, belongs to no turn, and interrupts nobody."""
        if self._paused:
            return
        spoken = Utterance(event.utterance, event.speaker, event.name, event.language, now, now, typed=True)
        spoken.source_text = event.text
        found = self._routing.typed(event.speaker, event.language)
        spoken.targets = frozenset(route.lane.target for route in found)
        self._captions.begin(spoken)
        self._captions.original(spoken)
        for route in found:
            self._renditions.begin(spoken, route, b"", now)
        self._renditions.commit(spoken, 0, now)

    # --- orders and changes ------------------------------------------------------------------------

    def _ordered(self, order: Order) -> None:
        match order:
            case Order.HUSH:
                self._renditions.hush("hushed")
            case Order.PAUSE:
                self._paused = True
                self._turns.clear()
                self._passing_through.clear()
                self._not_passed.clear()
                self._renditions.abandon(self._renditions.open.all(), "paused")
            case Order.RESUME:
                self._paused = False
            case _:
                assert_never(order)

    def _plan_changed(self, plan: RoomPlan, now: float) -> None:
        """Apply a plan from the next utterance on: one under way keeps its lanes and channels to its end."""
        self._plan = plan
        self._usage.cap = plan.usage_cap
        self._routing.follow(plan)
        self._turns.follow(plan)
        self._renditions.follow(plan)
        self._booth_events.follow(plan)
        self._captions.follow(plan, now)
        self._booths.follow(plan)

    # --- the interpreter's own words ------------------------------------------------------------------

    def _caption_announcement(self, now: float) -> None:
        """Show the announcement to readers at once; it is read aloud as soon as a booth for it is open."""
        self._announcement = announcement.ReadAloud()
        due = announcement.languages(self._plan)
        for language in due:
            own = self._own_words(language, language, now, due)
            self._captions.announce(own, announcement.text(self._plan, language))

    def _announce(self, aloud: announcement.ReadAloud, now: float) -> None:
        """Have the announcement read aloud in the languages in which it was not heard yet."""
        due = announcement.languages(self._plan)
        if not due or self._paused or self._booths.voiceless:
            return
        heard = {
            route.lane: route
            for lane in self._booths.lanes
            for route in self._routing.routes(lane.speaker, self._booths.refused)
            if route.lane == lane and any(map(self._renditions.carried, route.channels))
        }
        for language in due:
            lane = aloud.next(language, heard)
            if lane is None or (lane not in heard and not self._booths.open_for_words(lane, now)):
                continue
            where = next(route.channels for route in heard.values() if route.lane.target == lane.target)
            attempt = aloud.attempts(language)
            spoken = self._own_words(f"{language}-{attempt}" if attempt else language, language, now, due)
            self._captions.announce(spoken, "")  # its caption is shown already
            aloud.asked(language, lane, self._renditions.say(spoken, Route(lane, where), now))
            self._out.append(Say(lane, spoken.id, announcement.text(self._plan, language)))

    def _own_words(self, name: str, language: str, now: float, languages: Iterable[str]) -> Utterance:
        spoken = Utterance(f"{self._name}-{name}", announcement.SPEAKER, announcement.NAME, language, now)
        spoken.ended_at, spoken.source_text, spoken.targets = now, "", frozenset(languages)
        return spoken

    # --- restrictions ------------------------------------------------------------------------------

    def _check_echo(self) -> None:
        """Report to admins who lets our voice come back, at every change."""
        echoing = self._loops.echoing
        changed = sorted(set(echoing) ^ set(self._echoing))
        self._echoing = echoing
        self._out += [Restricted(self.restriction, speaker) for speaker in changed]

    def _check_cap(self, now: float) -> None:
        """Report every change of the usage cap to admins, and to readers that nothing more will be heard."""
        if self._usage.reached == self._cap_reached:
            return
        self._cap_reached = self._usage.reached
        self._booths.voiceless = CAPTIONS_ONLY if self._cap_reached else ""
        self._out.append(Restricted(self.restriction))
        if self._cap_reached:
            self._caps_reached += 1
            by_primary = {primary(tag): tag for tag in reversed(self._plan.languages)}  # varieties share the first's
            for language in reversed(by_primary.values()):
                own = self._own_words(f"cap-{self._caps_reached}-{language}", language, now, ())
                self._captions.announce(own, notice(language))

    # --- the end ----------------------------------------------------------------------------------

    def _end(self, reason: str, now: float) -> list[Effect]:
        for utterance in self._open_ends.all():
            self._close_end(utterance, now)
        self._renditions.abandon(self._renditions.open.all(), reason)
        self._captions.forget(math.inf, ())  # no more words will come
        for number, (lane, tokens) in enumerate(self._usage.rest().items(), 1):
            name = f"{self._name}-usage-{number}"
            entry = Entry(name, lane, EntryState.NOT_NEEDED, now, "usage", tokens=tokens, kind=EntryKind.USAGE)
            self._out += [Opened(lane, name), Settled(entry)]
        self._booths.close_all()
        self._turns.clear()  # or they would go on asking for ticks
        self._passing_through.clear()
        self._ended = True
        self._due_at = None
        return self._effects()
