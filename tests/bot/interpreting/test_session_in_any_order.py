"""Whatever comes in whatever order, from people, admins and booths that keep no promise: the books are in order."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.interpreting.events import (
    BoothEvent,
    BoothLost,
    BoothReady,
    Brief,
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
    LaneServed,
    OpenBooth,
    Order,
    Ordered,
    Outcome,
    PlanChanged,
    Play,
    PlayoutReady,
    Release,
    Say,
    Settled,
    SourceText,
    SpeakerAudio,
    SpeakerJoined,
    SpeakerLeft,
    StopPlaying,
    Tick,
)
from bot.interpreting.floor import Stage
from bot.interpreting.lag import VOICE_LIMIT_MS, WAITING_LIMIT_MS
from bot.interpreting.ledger import FINAL
from bot.interpreting.pacing import CATCH_UP_MS
from bot.interpreting.plan import AUTO, Attendee, Lane, RoomPlan
from bot.interpreting.routing import routes
from bot.interpreting.session import InterpreterSession
from tests.support.audio import numbered, numbers
from tests.support.meeting import ADA, BENITO, GUEST, PEOPLE

KNOWN = {**PEOPLE, GUEST: Attendee(GUEST, "Guest", AUTO)}
PLANS = (
    RoomPlan(("en-US", "es-ES"), KNOWN),
    RoomPlan(("en-US", "es-ES", "fr-FR"), KNOWN),
    RoomPlan(("en-US", "es-ES"), KNOWN, barge_in_stops=True),
    RoomPlan(("en-US", "en-GB"), KNOWN),
    RoomPlan(("es-ES", "fr-FR"), {}),
)
LANES = tuple(
    dict.fromkeys(route.lane for plan in PLANS for who in (ADA, BENITO, GUEST) for route in routes(plan, who))
)
FRAME_S = 0.02
Key = tuple[Lane, str]

speakers = st.sampled_from([ADA, ADA, BENITO, BENITO, GUEST])
seconds = st.sampled_from([0.0, 0.02, 0.1, 0.5, 3.0, 11.0])
frames = st.sampled_from([1, 10, 60, 400, 1100])
reasons = st.sampled_from(["", "session_expired"])


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.ended = False
        self.ready = False
        self.booths: set[Lane] = set()
        self.heard: set[Key] = set()
        self.asked: set[Key] = set()
        self.forgotten: set[Key] = set()
        self.settled: set[Key] = set()
        self.revisions: dict[tuple[str, str], tuple[int, bool]] = {}
        self.keys: list[Key] = []
        """By number: the frames of a voice carry it."""
        self.played: list[tuple[float, int]] = []
        self.silent: set[int] = set()
        """Voices that are over: another has spoken since, or they were stopped."""

    @initialize(plan=st.sampled_from(PLANS))
    def open(self, plan: RoomPlan) -> None:
        self.session = InterpreterSession(plan, self.now, "u")
        self.playout(True)

    # --- what happens ----------------------------------------------------------------------------

    def handle(self, event: Event) -> list[Effect]:
        effects = self.session.handle(event, self.now)
        assert not (self.ended and effects)
        for effect in effects:
            self.check(effect)
        return effects

    def pass_time(self, until: float) -> None:
        """As the metronome does it: a tick at each deadline, of which something must come."""
        while True:
            deadline = self.session.next_deadline()
            if deadline is None or deadline > until:
                break
            self.now = max(self.now, deadline)
            effects = self.handle(Tick())
            following = self.session.next_deadline()
            assert effects or following is None or following > self.now, "woken for nothing, and at once again"
        self.now = until

    @rule(speaker=speakers, voiced=st.booleans(), count=st.sampled_from([1, 5, 30, 200]), burst=st.booleans())
    def speak(self, speaker: str, voiced: bool, count: int, burst: bool) -> None:
        for _ in range(count):
            if not burst:
                self.pass_time(self.now + FRAME_S)
            self.handle(SpeakerAudio(speaker, bytes(960), voiced))

    @rule(speaker=speakers)
    def utter(self, speaker: str) -> None:
        """A short and complete utterance."""
        for number in range(40):
            self.pass_time(self.now + FRAME_S)
            self.handle(SpeakerAudio(speaker, bytes(960), number < 12))

    @rule(later=seconds)
    def wait(self, later: float) -> None:
        self.pass_time(self.now + later)

    @rule(later=seconds)
    def stall(self, later: float) -> None:
        """Our own clock stands still."""
        self.now += later

    @rule(ready=st.sampled_from([True, True, False]))
    def playout(self, ready: bool) -> None:
        self.ready = ready
        self.handle(PlayoutReady(ready))

    @rule(speaker=speakers, joined=st.booleans())
    def come_or_go(self, speaker: str, joined: bool) -> None:
        self.handle(SpeakerJoined(speaker) if joined else SpeakerLeft(speaker))

    @rule(order=st.sampled_from([Order.HUSH, Order.PAUSE, *[Order.RESUME] * 3]))
    def order(self, order: Order) -> None:
        self.handle(Ordered(order))

    @rule(plan=st.sampled_from(PLANS), end_of_turn_ms=st.sampled_from([100, 500]))
    def change_plan(self, plan: RoomPlan, end_of_turn_ms: int) -> None:
        self.handle(PlanChanged(replace(plan, endpointing=replace(plan.endpointing, end_of_turn_ms=end_of_turn_ms))))

    # Booths: about what they were asked, about anything else, in any order and as often as they like.

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), count=frames, text=st.sampled_from(["", "Hola"]), outcome=st.sampled_from(Outcome))
    def answer(self, data: st.DataObject, count: int, text: str, outcome: Outcome) -> None:
        """An answer as it should be, to an utterance that may be long settled."""
        lane, utterance = data.draw(st.sampled_from(sorted(self.asked, key=str)))
        self.handle(InterpretationText(lane, utterance, text))
        self.voice(lane, utterance, count)
        self.handle(InterpretationEnded(lane, utterance, outcome))

    @rule(speaker=speakers, count=frames, later=seconds, in_full=st.booleans())
    def converse(self, speaker: str, count: int, later: float, in_full: bool) -> None:
        """As it mostly goes: somebody says something, and the model answers."""
        before = set(self.asked)
        self.utter(speaker)
        for lane, utterance in sorted(self.asked - before, key=str):
            self.handle(InterpretationText(lane, utterance, "Hola"))
            self.voice(lane, utterance, count)
            if in_full:
                self.handle(InterpretationEnded(lane, utterance, Outcome.COMPLETED))
        self.pass_time(self.now + later)

    @rule(data=st.data())
    def anything(self, data: st.DataObject) -> None:
        known = sorted(self.heard, key=str)
        nonsense = st.tuples(st.sampled_from(LANES), st.sampled_from(["u-1", "u-2", "u-3", "nobody's"]))
        lane, utterance = data.draw(st.sampled_from(known) | nonsense if known else nonsense)
        event: BoothEvent = data.draw(
            st.one_of(
                st.just(BoothReady(lane)),
                st.builds(BoothLost, st.just(lane), reasons, st.just((utterance,)), st.booleans()),
                st.just(HearingDropped(lane, utterance, "backlog")),
                st.builds(SourceText, st.just(lane), st.just(utterance), st.sampled_from([None, " ", "Hello"])),
                st.builds(InterpretationText, st.just(lane), st.just(utterance), st.sampled_from(["", " ", "Hola"])),
                st.builds(InterpretationEnded, st.just(lane), st.just(utterance), st.sampled_from(Outcome), reasons),
            )
        )
        self.handle(event)

    @precondition(lambda self: self.heard)
    @rule(data=st.data(), count=frames)
    def talk(self, data: st.DataObject, count: int) -> None:
        lane, utterance = data.draw(st.sampled_from(sorted(self.heard, key=str)))
        self.voice(lane, utterance, count)

    def voice(self, lane: Lane, utterance: str, count: int) -> None:
        if (lane, utterance) not in self.keys:
            self.keys.append((lane, utterance))
        number = self.keys.index((lane, utterance)) + 1
        self.handle(InterpretationAudio(lane, utterance, numbered(number) * count))

    @rule(luck=st.integers(0, 19))
    def end(self, luck: int) -> None:
        """Seldom, or most meetings would be short."""
        if not luck:
            self.handle(CallEnded("call_ended"))
            self.ended = True

    def teardown(self) -> None:
        if not hasattr(self, "session"):
            return
        self.handle(CallEnded("call_ended"))
        self.ended = True
        self.the_books_agree()
        assert self.settled >= self.heard, "an utterance without a final state"
        assert self.booths == set()
        assert self.session.open_entries == []
        assert self.session.queued_ms == 0
        assert self.session.next_deadline() is None

    # --- what must hold of each effect -----------------------------------------------------------

    def check(self, effect: Effect) -> None:
        match effect:
            case OpenBooth(lane):
                assert lane not in self.booths
                self.booths.add(lane)
            case CloseBooth(lane):
                self.booths.remove(lane)
            case Hear(lane, utterance, pcm):
                assert lane in self.booths
                assert pcm
                assert (lane, utterance) not in self.asked | self.forgotten | self.settled
                self.heard.add((lane, utterance))
            case Interpret(lane, utterance):
                assert lane in self.booths
                assert (lane, utterance) in self.heard - self.asked - self.forgotten - self.settled
                self.asked.add((lane, utterance))
            case Cancel(lane, utterance):
                assert lane in self.booths
                self.forgotten.add((lane, utterance))
            case Settled(entry):
                assert entry.state in FINAL
                assert (entry.lane, entry.utterance) not in self.settled
                self.settled.add((entry.lane, entry.utterance))
            case Caption(line):
                revision, final = self.revisions.get((line.utterance, line.language), (0, False))
                assert not final
                assert line.text
                assert line.revision > revision
                self.revisions[line.utterance, line.language] = line.revision, line.is_final
            case Play(_, pcm):
                (number,) = numbers(pcm)
                assert self.ready
                assert self.keys[number - 1] in self.asked - self.settled
                assert number not in self.silent, "two voices interleave"
                if self.played and self.played[-1][1] != number:
                    self.silent.add(self.played[-1][1])
                self.played.append((self.now, number))
            case Brief(lane) | Say(lane) | Release(lane):
                assert lane in self.booths
            case LaneServed(lane):
                assert lane in self.booths
            case StopPlaying():
                if self.played:
                    self.silent.add(self.played[-1][1])

    # --- what must hold at all times -------------------------------------------------------------

    @invariant()
    def the_books_agree(self) -> None:
        open_keys = {(entry.lane, entry.utterance) for entry in self.session.open_entries}
        assert not open_keys & self.settled
        assert open_keys | self.settled >= self.heard
        on_floor = [
            passage for floor in self.session._renditions.speaking.floors.values() for passage in floor.passages
        ]
        assert {(p.entry.lane, p.entry.utterance) for p in on_floor} <= open_keys & self.asked
        assert sum(passage.stage is Stage.SPEAKING for passage in on_floor) <= 1

    @invariant()
    def what_waits_is_bounded(self) -> None:
        assert self.session.queued_ms <= WAITING_LIMIT_MS + VOICE_LIMIT_MS

    @invariant()
    def the_pace_is_kept(self) -> None:
        """Over any stretch that ends now no more than one frame per 20 ms, but for what a stall of ours allows."""
        allowed = CATCH_UP_MS / 1000 / FRAME_S + 1
        for count, (at, _) in enumerate(reversed(self.played[-200:]), 1):
            assert count <= math.ceil((self.played[-1][0] - at + 0.0006) / FRAME_S) + allowed


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
