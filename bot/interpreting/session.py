"""One room's interpreter: events in, effects out, told the time, no I/O. Two methods, `handle` and `next_deadline`.

What happens to one utterance, in one lane:

    frames ─Endpointer─► Hear… Interpret ─booth─► text, audio ─Floor, Pacer─► Play, frame by frame
                │                                   │                          │
              HEARD            COMMITTED        TRANSLATED                   SPOKEN        (ledger)

Every utterance ends in exactly one final state of the ledger, whatever the booth, the call or the admin does: each way
out goes through `_settle`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import assert_never

from bot.interpreting.briefing import briefing
from bot.interpreting.endpointing import FRAME_MS, Began, Ended, Endpointer, Piece, Turn
from bot.interpreting.events import (
    BoothDegraded,
    BoothLost,
    BoothReady,
    CallEnded,
    Cancel,
    Caption,
    CloseBooth,
    Effect,
    Event,
    Hear,
    HearingDropped,
    Interpret,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationText,
    OpenBooth,
    Order,
    Ordered,
    Outcome,
    PlanChanged,
    Play,
    PlayoutReady,
    Settled,
    SourceText,
    SpeakerAudio,
    SpeakerJoined,
    SpeakerLeft,
    StopPlaying,
    Tick,
)
from bot.interpreting.floor import Floor, Passage, Stage
from bot.interpreting.ledger import Entry, Ledger, State
from bot.interpreting.plan import AUTO, Lane, RoomPlan
from bot.interpreting.transcript import CaptionLine, Transcript

MODEL_PATIENCE_S = 10.0
"""From the end of a turn to the model's first sign, and between two of them. Models need 0.5-2.5 s to their first audio
(realtime protocol sheet, section 8); four times the worst of it is a model that hangs."""
QUEUED_LIMIT_MS = 20_000
"""Interpretation waiting to be heard on one channel, 960 kB. Beyond it the oldest that waits is read, not heard."""
UNDETERMINED = "und"
"""BCP 47 for a language nobody has told us."""
FOLLOW_UP_S = 10.0
"""The speaker's own words may be recognised this long after their interpretation has been heard."""


@dataclass(slots=True)
class _Utterance:
    """One speaker's turn, in all its lanes."""

    id: str
    speaker: str
    lanes: list[Lane]
    began_at: float
    ended_at: float | None = None
    settled_at: float | None = None
    source_text_final: bool = False

    @property
    def duration_ms(self) -> int:
        return 0 if self.ended_at is None else round((self.ended_at - self.began_at) * 1000)


class InterpreterSession:
    """The interpreter of one room. A caller in one event loop needs no lock: nothing here waits."""

    def __init__(self, plan: RoomPlan, now: float, name: str = "u") -> None:
        """`name` begins every utterance id, and is unique to the call."""
        self._plan = plan
        self._began_at = now
        self._name = name
        self._count = 0
        self._ledger = Ledger()
        self._transcript = Transcript()
        self._endpointers: dict[str, Endpointer] = {}
        self._utterances: dict[str, _Utterance] = {}
        self._current: dict[str, _Utterance] = {}
        self._booths: dict[Lane, bool] = {}
        """Lanes with a booth; False once it can never serve."""
        self._floors: dict[str, Floor] = {}
        self._playout_ready = False
        self._paused = False
        self._ended = False
        self._due_at: float | None = None
        """What is due by the clock, but for the ends of turns: those move with every frame."""

    # --- the two methods -------------------------------------------------------------------

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take note of what happened, and say what is to be done. `now` is in seconds and never goes back."""
        if self._ended:
            return []
        effects: list[Effect] = []
        match event:
            case SpeakerAudio(speaker, pcm, voiced):
                turns = self._listen(speaker, pcm, voiced, now)
                effects += self._turns(speaker, turns, now)
                if not turns or isinstance(turns[-1], Piece):
                    return effects  # 50 a second from everybody in the call: nothing below is moved by them
            case InterpretationAudio(lane, utterance, pcm):
                effects += self._interpretation_audio(lane, utterance, pcm, now)
            case InterpretationText(lane, utterance, delta):
                effects += self._interpretation_text(lane, utterance, delta, now)
            case InterpretationEnded():
                effects += self._interpretation_ended(event)
            case SourceText(_, utterance, text):
                effects += self._source_text(utterance, text)
            case HearingDropped(lane, utterance, reason):
                effects += self._abandon(self._found(lane, [utterance]), reason)
            case BoothReady() | BoothDegraded():
                pass
            case BoothLost():
                effects += self._booth_lost(event)
            case SpeakerJoined(speaker):
                effects += self._open_booths(self._plan.lanes(speaker))
            case SpeakerLeft(speaker):
                effects += self._speaker_left(speaker, now)
            case PlanChanged(plan):
                effects += self._plan_changed(plan)
            case PlayoutReady(ready):
                self._playout_ready = ready
            case Ordered(order):
                effects += self._ordered(order)
            case Tick():
                effects += self._tick(now)
            case CallEnded(reason):
                effects += self._end(reason)
            case _:
                assert_never(event)
        effects += self._play(now)
        self._forget(now)
        self._due_at = None if self._ended else self._next_due(now)
        return effects

    def next_deadline(self) -> float | None:
        """When `Tick` is wanted next; None while nothing depends on the clock. In the past means now."""
        due_at = self._due_at
        for endpointer in self._endpointers.values():
            turn_ends_at = endpointer.deadline
            if turn_ends_at is not None and (due_at is None or turn_ends_at < due_at):
                due_at = turn_ends_at
        return due_at

    # --- what others may ask -----------------------------------------------------------------

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def open_entries(self) -> list[Entry]:
        return self._ledger.entries()

    @property
    def queued_ms(self) -> float:
        """Interpretation that waits to be heard, over all channels."""
        return sum(floor.queued_ms for floor in self._floors.values())

    # --- hearing -----------------------------------------------------------------------------

    def _listen(self, speaker: str, pcm: bytes, voiced: bool, now: float) -> list[Turn]:
        if self._paused:
            return []
        endpointer = self._endpointers.get(speaker)
        if endpointer is None:
            endpointer = self._endpointers[speaker] = Endpointer(self._plan.endpointing)
        return endpointer.frame(pcm, voiced, now)

    def _turns(self, speaker: str, turns: Iterable[Turn], now: float) -> list[Effect]:
        effects: list[Effect] = []
        for turn in turns:
            match turn:
                case Began(pcm):
                    effects += self._begin(speaker, pcm, now)
                case Piece(pcm):
                    utterance = self._current[speaker]
                    effects += [Hear(entry.lane, utterance.id, pcm) for entry in self._heard(utterance)]
                case Ended(last_voiced_at, patience_ms, _):
                    effects += self._commit(speaker, last_voiced_at, patience_ms, now)
                case _:
                    assert_never(turn)
        return effects

    def _begin(self, speaker: str, pcm: bytes, now: float) -> list[Effect]:
        effects: list[Effect] = []
        if self._plan.barge_in_stops:
            # What the model has yet to answer was said before, and not over the interpreter: it will be heard.
            effects += self._hush("barge_in", (Stage.SPEAKING, Stage.READY))
        lanes = list(self._plan.lanes(speaker))
        effects += self._open_booths(lanes)
        self._count += 1
        utterance = _Utterance(f"{self._name}-{self._count}", speaker, lanes, now)
        self._utterances[utterance.id] = self._current[speaker] = utterance
        for lane in lanes:
            entry = self._ledger.open(utterance.id, lane, now)
            if self._booths[lane]:
                effects.append(Hear(lane, utterance.id, pcm))
            else:
                effects += self._settle(entry, State.ABANDONED, "booth_refused")
        return effects

    def _commit(self, speaker: str, last_voiced_at: float, patience_ms: int, now: float) -> list[Effect]:
        utterance = self._current.pop(speaker)
        utterance.ended_at = last_voiced_at
        effects: list[Effect] = []
        for entry in self._heard(utterance):
            self._ledger.advance(entry, State.COMMITTED)
            entry.ended_at = last_voiced_at
            entry.committed_at = now
            entry.patience_ms = patience_ms
            self._floor(entry).enter(entry, now)
            effects.append(Interpret(entry.lane, utterance.id))
        return effects

    def _heard(self, utterance: _Utterance) -> list[Entry]:
        """The lanes in which this utterance is still being listened to."""
        return [entry for entry in self._found_all(utterance) if entry.state is State.HEARD]

    # --- what the booth says --------------------------------------------------------------------

    def _interpretation_audio(self, lane: Lane, utterance: str, pcm: bytes, now: float) -> list[Effect]:
        passage = self._expected(lane, utterance)
        if passage is None or not pcm:
            return []
        entry = passage.entry
        passage.last_sign_at = now
        if entry.state is State.COMMITTED:
            self._ledger.advance(entry, State.TRANSLATED)
            entry.first_audio_at = now
        floor = self._floor(entry)
        floor.audio(passage, pcm, now)
        return self._bound(floor) if floor.queued_ms > QUEUED_LIMIT_MS else []

    def _expected(self, lane: Lane, utterance: str) -> Passage | None:
        """The passage this is about, if the model was asked for it and has not said its last word."""
        entry = self._ledger.find(utterance, lane)
        passage = None if entry is None else self._floor(entry).find(entry)
        return None if passage is None or passage.complete else passage

    def _bound(self, floor: Floor) -> list[Effect]:
        """Too much waits on this channel: the oldest that waits is read, not heard."""
        effects: list[Effect] = []
        while floor.queued_ms > QUEUED_LIMIT_MS:
            voices = [passage for passage in floor.passages if passage.pacer.queued_ms]
            oldest = next((passage for passage in voices if passage.stage is Stage.READY), voices[0])
            if oldest.stage is Stage.SPEAKING:
                effects.append(StopPlaying(self._plan.channel(oldest.entry.lane)))
            floor.mute(oldest)
            if oldest.complete:  # else its text is still to come
                effects += self._settle_unheard(oldest.entry, "queue_full")
        return effects

    def _interpretation_text(self, lane: Lane, utterance: str, delta: str, now: float) -> list[Effect]:
        passage = self._expected(lane, utterance)
        if passage is None:
            return []
        passage.last_sign_at = now
        grown = self._transcript.grow((utterance, lane.target), delta)
        return [self._caption(self._utterances[utterance], lane.target, grown, final=False)] if grown else []

    def _interpretation_ended(self, event: InterpretationEnded) -> list[Effect]:
        passage = self._expected(event.lane, event.utterance)
        if passage is None:
            return []
        entry = passage.entry
        usage = event.usage
        entry.tokens = {
            "input_text": usage.input_text,
            "input_audio": usage.input_audio,
            "input_cached": usage.input_cached,
            "output_text": usage.output_text,
            "output_audio": usage.output_audio,
        }
        if event.outcome not in (Outcome.COMPLETED, Outcome.INCOMPLETE):
            return self._abandon([entry], event.reason or event.outcome)
        effects: list[Effect] = []
        finished = self._transcript.finish((event.utterance, event.lane.target))
        if finished:
            spoken = self._utterances[event.utterance]
            effects.append(self._caption(spoken, event.lane.target, finished, final=True))
        if passage.stage in (Stage.READY, Stage.SPEAKING):
            entry.reason = "" if event.outcome is Outcome.COMPLETED else event.reason or event.outcome
            self._floor(entry).complete(passage)
            return effects  # it is settled when it has been heard
        if passage.stage is Stage.MUTED:
            return effects + self._settle_unheard(entry, "queue_full")
        if event.outcome is Outcome.INCOMPLETE:
            return effects + self._settle_unheard(entry, event.reason or event.outcome)
        if event.lane.source == AUTO and not finished:
            return effects + self._settle(entry, State.NOT_NEEDED)
        return effects + self._settle_unheard(entry, "no_audio" if finished else "empty")

    def _settle_unheard(self, entry: Entry, reason: str) -> list[Effect]:
        """There will be no voice: what has text can be read."""
        text = self._transcript.text((entry.utterance, entry.lane.target))
        return self._settle(entry, State.CAPTION_ONLY if text else State.ABANDONED, reason)

    def _source_text(self, utterance: str, text: str | None) -> list[Effect]:
        spoken = self._utterances.get(utterance)
        if spoken is None or spoken.source_text_final or not text:
            return []
        spoken.source_text_final = True
        finished = self._transcript.finish((utterance, self._source(spoken)), text)
        return [self._caption(spoken, self._source(spoken), finished, final=True, original=True)] if finished else []

    def _booth_lost(self, event: BoothLost) -> list[Effect]:
        lost = self._found(event.lane, event.utterances)
        if event.final and event.lane in self._booths:  # else it was closed before it could say so
            self._booths[event.lane] = False
            lost = self._ledger.of_lane(event.lane)
        return self._abandon((entry for entry in lost if not self._all_said(entry)), event.reason)

    def _all_said(self, entry: Entry) -> bool:
        """Whether the model has said its last word: then only its playing is left."""
        passage = self._floor(entry).find(entry)
        return passage is not None and passage.complete

    # --- speaking -------------------------------------------------------------------------------

    def _play(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        if not self._playout_ready:
            return effects
        for channel, floor in self._floors.items():
            begun = floor.next_turn(now)
            if begun is not None:
                begun.entry.waited_ms = (now - begun.ready_at) * 1000
            passage = floor.speaking
            if passage is None:
                continue
            frames = passage.pacer.take(now)
            if frames:
                entry = passage.entry
                entry.last_played_at = now
                if entry.first_played_at is None:
                    entry.first_played_at = now
                entry.played_ms += len(frames) * FRAME_MS
                effects += [Play(channel, pcm) for pcm in frames]
            if passage.pacer.drained:
                floor.drop(passage)
                effects += self._settle(passage.entry, State.SPOKEN, passage.entry.reason)
        return effects

    def _hush(self, reason: str, stages: Container[Stage]) -> list[Effect]:
        """Stop at once what is being said, and let go of all that has come as far as one of these stages."""
        effects: list[Effect] = []
        for floor in self._floors.values():
            effects += self._abandon([p.entry for p in floor.passages if p.stage in stages], reason)
        return effects

    # --- orders and changes ------------------------------------------------------------------------

    def _ordered(self, order: Order) -> list[Effect]:
        match order:
            case Order.HUSH:
                return self._hush("hushed", tuple(Stage))
            case Order.PAUSE:
                self._paused = True
                self._endpointers.clear()
                self._current.clear()
                return self._abandon(self._ledger.entries(), "paused")
            case Order.RESUME:
                self._paused = False
                return []
            case _:
                assert_never(order)

    def _plan_changed(self, plan: RoomPlan) -> list[Effect]:
        """Lanes nobody needs any more are closed once; new ones open when first needed."""
        for endpointer in self._endpointers.values():
            endpointer.settings = plan.endpointing
        self._plan = plan
        effects: list[Effect] = []
        for lane in [lane for lane in self._booths if lane not in plan.lanes(lane.speaker)]:
            effects += self._abandon(self._ledger.of_lane(lane), "plan_changed")
            effects.append(CloseBooth(lane))
            del self._booths[lane]
        return effects

    def _speaker_left(self, speaker: str, now: float) -> list[Effect]:
        """What was said to the end is still interpreted."""
        endpointer = self._endpointers.pop(speaker, None)
        return self._turns(speaker, endpointer.stop(), now) if endpointer else []

    def _open_booths(self, lanes: Iterable[Lane]) -> list[Effect]:
        effects: list[Effect] = []
        for lane in lanes:
            if lane not in self._booths:
                self._booths[lane] = True
                effects.append(OpenBooth(lane, briefing(lane, self._plan.languages, self._plan.glossary)))
        return effects

    def _end(self, reason: str) -> list[Effect]:
        effects = self._abandon(self._ledger.entries(), reason)
        effects += [CloseBooth(lane) for lane in self._booths]
        self._endpointers.clear()  # or they would go on asking for ticks
        self._ended = True
        return effects

    # --- time -------------------------------------------------------------------------------------

    def _tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for speaker, endpointer in self._endpointers.items():
            effects += self._turns(speaker, endpointer.expire(now), now)
        for entry in self._ledger.entries():
            deadline = self._model_deadline(entry)
            if deadline is not None and now >= deadline:
                effects += self._abandon([entry], "model_timeout")
        return effects

    def _model_deadline(self, entry: Entry) -> float | None:
        """When to give up waiting for the model; None while it is not its turn, or when it has said its last word."""
        if entry.committed_at is None:
            return None
        passage = self._floor(entry).find(entry)
        if passage is None or passage.complete:
            return None
        return max(entry.committed_at, passage.last_sign_at) + MODEL_PATIENCE_S

    def _next_due(self, now: float) -> float | None:
        deadlines = [floor.deadline(now) for floor in self._floors.values()] if self._playout_ready else []
        deadlines += [self._model_deadline(entry) for entry in self._ledger.entries()]
        deadlines += [
            utterance.settled_at + FOLLOW_UP_S
            for utterance in self._utterances.values()
            if utterance.settled_at is not None
        ]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    # --- the books ----------------------------------------------------------------------------------

    def _found(self, lane: Lane, utterances: Iterable[str]) -> list[Entry]:
        found = (self._ledger.find(utterance, lane) for utterance in utterances)
        return [entry for entry in found if entry is not None]

    def _found_all(self, utterance: _Utterance) -> list[Entry]:
        found = (self._ledger.find(utterance.id, lane) for lane in utterance.lanes)
        return [entry for entry in found if entry is not None]

    def _abandon(self, entries: Iterable[Entry], reason: str) -> list[Effect]:
        effects: list[Effect] = []
        for entry in entries:
            floor = self._floor(entry)
            passage = floor.find(entry)
            if passage is not None:
                if passage.stage is Stage.SPEAKING:
                    effects.append(StopPlaying(self._plan.channel(entry.lane)))
                floor.drop(passage)
            effects.append(Cancel(entry.lane, entry.utterance))
            effects += self._settle(entry, State.ABANDONED, reason)
        return effects

    def _settle(self, entry: Entry, state: State, reason: str = "") -> list[Effect]:
        """The only way into a final state."""
        floor = self._floor(entry)
        passage = floor.find(entry)
        if passage is not None:
            floor.drop(passage)
        self._ledger.advance(entry, state, reason)
        return [Settled(entry)]

    def _forget(self, now: float) -> None:
        """Utterances whose every lane is settled are kept only as long as their own text may still come."""
        for utterance in list(self._utterances.values()):
            if utterance.settled_at is None and not self._found_all(utterance):
                utterance.settled_at = now
            if utterance.settled_at is None:
                continue
            if utterance.source_text_final or now >= utterance.settled_at + FOLLOW_UP_S:
                del self._utterances[utterance.id]
                self._transcript.forget(utterance.id)

    def _floor(self, entry: Entry) -> Floor:
        return self._floors.setdefault(self._plan.channel(entry.lane), Floor())

    def _source(self, utterance: _Utterance) -> str:
        spoken = utterance.lanes[0].source if utterance.lanes else self._plan.speaks(utterance.speaker)
        return UNDETERMINED if spoken == AUTO else spoken

    def _caption(
        self,
        utterance: _Utterance,
        language: str,
        grown: tuple[str, int],
        *,
        final: bool,
        original: bool = False,
    ) -> Effect:
        text, revision = grown
        return Caption(
            CaptionLine(
                utterance=utterance.id,
                revision=revision,
                speaker=utterance.speaker,
                speaker_name=self._plan.name(utterance.speaker),
                language=language,
                text=text,
                is_final=final,
                is_original=original,
                timestamp_ms=round((utterance.began_at - self._began_at) * 1000),
                duration_ms=utterance.duration_ms,
            )
        )
