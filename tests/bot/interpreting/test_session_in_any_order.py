"""Whatever comes in whatever order, from people, admins and booths that keep no promise: the books are in order."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.interpreting.effects import (
    Brief,
    Cancel,
    Caption,
    CloseBooth,
    Effect,
    Hear,
    Interpret,
    LaneReady,
    LaneServed,
    OpenBooth,
    Opened,
    Pace,
    Play,
    Release,
    Restricted,
    Say,
    Settled,
    StopPlaying,
    Translate,
    VoiceBegins,
    VoiceEnds,
)
from bot.interpreting.endpointing import FRAME_MS
from bot.interpreting.events import (
    BoothDegraded,
    BoothEvent,
    BoothLost,
    BoothReady,
    Event,
    HearingDropped,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
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
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.ledger import FINAL
from bot.interpreting.open_ends import GOES_ON
from bot.interpreting.plan import AUTO, WEB, Attendee, Lane, Layout, Mode, RoomPlan, Stability
from bot.interpreting.playout.catch_up import FASTEST, VOICE_LIMIT_MS
from bot.interpreting.playout.floor import FloorStage
from bot.interpreting.playout.lateness import LATE_S
from bot.interpreting.playout.pacer import CATCH_UP_MS, FRAME_BYTES
from bot.interpreting.routing import RoutingTable
from bot.interpreting.session import InterpreterSession
from tests.support.audio import numbered, numbers
from tests.support.clock import after
from tests.support.meeting import ADA, BENITO, GUEST, PEOPLE

KNOWN = {**PEOPLE, GUEST: Attendee(GUEST, "Guest", AUTO, "en-US")}
SPANIARD = Attendee("8:acs:elena", "Elena", "es-ES")
SEATED = {**KNOWN, BENITO: replace(PEOPLE[BENITO], hears="en-US"), SPANIARD.speaker: SPANIARD}
"""Benito sits with the English, and is passed through to a Spaniard."""
WORDS = GlossaryEntries.of({"Hola": {"en-US": "Hello", "es-ES": "Buenas"}})
THREE = ("en-US", "es-ES", "fr-FR")
PLANS = (
    RoomPlan(("en-US", "es-ES"), KNOWN),
    RoomPlan(THREE, KNOWN, park_after_s=2.0, stability=Stability.BALANCED),
    RoomPlan(("en-US", "es-ES"), KNOWN, barge_in_stops=True, chair=BENITO, stability=Stability.AGGRESSIVE),
    RoomPlan(("en-US", "en-GB"), KNOWN),
    RoomPlan(("es-ES", "fr-FR"), {}),
    RoomPlan(THREE, KNOWN, pivot="en-US", max_lanes=2, glossary=WORDS),
    RoomPlan(THREE, KNOWN, mode=Mode.SIMULTANEOUS, max_lanes=1, announcement=True),
    RoomPlan(THREE, KNOWN, layout=Layout.CHANNELS, announcement=True, park_after_s=0.5),
    RoomPlan(THREE, SEATED, layout=Layout.SISTER, pivot="fr-FR"),
    RoomPlan(("en-US", "es-ES"), SEATED, pivot="fr-FR"),
    RoomPlan(THREE, SEATED, layout=Layout.SISTER, mode=Mode.SIMULTANEOUS),
    RoomPlan(THREE, KNOWN, layout=Layout.CHANNELS, web=True),
)
STREAMS = ("room", *THREE)
ROUTES = [way for plan in PLANS for who in (ADA, BENITO, GUEST) for way in RoutingTable(plan).routes(who)]
LANES = tuple(dict.fromkeys(way.lane for way in ROUTES if not way.lane.passthrough))
OWN_VOICES = {ADA: 60_001, BENITO: 60_002, GUEST: 60_003}
"""The number of everybody's own frames."""
OWN = min(OWN_VOICES.values())
Key = tuple[Lane, str]

speakers = st.sampled_from([ADA, ADA, BENITO, BENITO, GUEST])
milliseconds = st.sampled_from([0, 20, 100, 500, 3_000, 11_000])
frames = st.sampled_from([1, 10, 60, 400, 1100])
texts = st.sampled_from(["", " ", "Hola, buenos días.", "I am an AI language model.", "¿Qué, cuándo y dónde?"])
reasons = st.sampled_from(["", "session_expired"])


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.ended = False
        self.ready: set[str] = set()
        self.booths: set[Lane] = set()
        self.heard: set[Key] = set()
        self.asked: set[Key] = set()
        self.forgotten: set[Key] = set()
        self.settled: set[Key] = set()
        self.opened: set[Key] = set()
        self.said: set[Key] = set()
        self.revisions: dict[tuple[str, str], tuple[int, bool]] = {}
        self.texts = 0
        self.keys: list[Key] = []
        """By number: the frames of a voice carry it."""
        self.played: dict[str, list[tuple[float, int]]] = {}
        self.silent: dict[str, set[int]] = {}
        self.voices: dict[str, Lane] = {}
        """By channel: what listeners have been told is about to be heard."""
        """Voices that are over, by channel: another has spoken since, or they were stopped."""

    @initialize(plan=st.sampled_from(PLANS))
    def open(self, plan: RoomPlan) -> None:
        self.session = InterpreterSession(plan, self.now, "u")
        for name in STREAMS:
            self.playout(True, name)

    # --- what happens ----------------------------------------------------------------------------

    def handle(self, event: Event) -> list[Effect]:
        effects = self.session.handle(event, self.now)
        assert not (self.ended and effects)
        for effect in effects:
            self.check(effect)
        taken_back = {one.entry.lane for one in effects if isinstance(one, Settled) and one.entry.reason == GOES_ON}
        assert taken_back <= {one.lane for one in effects if isinstance(one, Opened)}, "the next one contains it"
        return effects

    def pass_time(self, ms: int) -> None:
        """As the frame timer does it: a tick at each deadline, of which something must come."""
        until = after(self.now, ms)
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
                self.pass_time(FRAME_MS)
            self.handle(SpeakerAudio(speaker, numbered(OWN_VOICES[speaker]), voiced))

    @rule(speaker=speakers)
    def utter(self, speaker: str) -> None:
        """A short and complete utterance."""
        for number in range(40):
            self.pass_time(FRAME_MS)
            self.handle(SpeakerAudio(speaker, numbered(OWN_VOICES[speaker]), number < 12))

    @rule(speaker=speakers, share=st.sampled_from([0.0, 0.6, 1.0]), voiced_ms=st.sampled_from([100, 800]))
    def hear_own_voice(self, speaker: str, share: float, voiced_ms: int) -> None:
        self.handle(OwnVoiceHeard(speaker, share, voiced_ms))

    @rule(later_ms=milliseconds)
    def wait(self, later_ms: int) -> None:
        self.pass_time(later_ms)

    @rule(later_ms=milliseconds)
    def stall(self, later_ms: int) -> None:
        """Our own clock stands still."""
        self.now = after(self.now, later_ms)

    @rule(ready=st.sampled_from([True, True, False]), name=st.sampled_from(STREAMS))
    def playout(self, ready: bool, name: str) -> None:
        (self.ready.add if ready else self.ready.discard)(name)
        self.handle(PlayoutReady(ready, name))

    @rule(people=st.frozensets(speakers), name=st.sampled_from([*STREAMS, WEB]))
    def come_or_go(self, people: frozenset[str], name: str) -> None:
        self.handle(PresenceChanged(people, name))

    @rule(languages=st.frozensets(st.sampled_from(THREE)), listened=st.frozensets(st.sampled_from(THREE)))
    def read(self, languages: frozenset[str], listened: frozenset[str]) -> None:
        self.handle(ReadersChanged(languages | listened, listened))

    @rule(speaker=speakers)
    def mute(self, speaker: str) -> None:
        self.handle(SpeakerMuted(speaker))

    @rule(order=st.sampled_from([Order.HUSH, Order.PAUSE, *[Order.RESUME] * 3]))
    def order(self, order: Order) -> None:
        self.handle(Ordered(order))

    @rule(speaker=speakers, language=st.sampled_from(["en-US", "es-ES"]))
    def write(self, speaker: str, language: str) -> None:
        self.texts += 1
        self.handle(TextTyped(f"u-text-{self.texts}", speaker, "Somebody", "Hello", language))

    @rule(tone=st.sampled_from("*#"))
    def press(self, tone: str) -> None:
        self.handle(KeypadPressed(tone))

    @rule(lane=st.sampled_from(LANES), engine=st.sampled_from(["captions", "conversation", "translation"]))
    def degrade(self, lane: Lane, engine: str) -> None:
        self.handle(BoothDegraded(lane, engine, "quota"))

    @precondition(lambda self: self.booths)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        self.handle(BoothLost(data.draw(st.sampled_from(sorted(self.booths, key=str))), "unauthorized", final=True))

    @rule(plan=st.sampled_from(PLANS), end_of_turn_ms=st.sampled_from([100, 500]))
    def change_plan(self, plan: RoomPlan, end_of_turn_ms: int) -> None:
        self.handle(PlanChanged(replace(plan, endpointing=replace(plan.endpointing, end_of_turn_ms=end_of_turn_ms))))

    # Booths: about what they were asked, about anything else, in any order and as often as they like.

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), count=frames, text=texts, outcome=st.sampled_from(InterpretationOutcome))
    def answer(self, data: st.DataObject, count: int, text: str, outcome: InterpretationOutcome) -> None:
        """An answer as it should be, to an utterance that may be long settled."""
        lane, utterance = data.draw(st.sampled_from(sorted(self.asked, key=str)))
        self.handle(InterpretationText(lane, utterance, text))
        self.voice(lane, utterance, count)
        self.handle(InterpretationEnded(lane, utterance, outcome))

    @rule(speaker=speakers, count=frames, later_ms=milliseconds, in_full=st.booleans())
    def converse(self, speaker: str, count: int, later_ms: int, in_full: bool) -> None:
        """As it mostly goes: somebody says something, and the model answers."""
        before = set(self.asked)
        self.utter(speaker)
        for lane, utterance in sorted(self.asked - before, key=str):
            self.handle(InterpretationText(lane, utterance, "Hola"))
            self.voice(lane, utterance, count)
            if in_full:
                self.handle(InterpretationEnded(lane, utterance, InterpretationOutcome.COMPLETED))
        self.pass_time(later_ms)

    @rule(data=st.data())
    def anything(self, data: st.DataObject) -> None:
        known = sorted(self.heard, key=str)
        nonsense = st.tuples(st.sampled_from(LANES), st.sampled_from(["u-1", "u-2", "u-3", "u-es-ES", "nobody's"]))
        lane, utterance = data.draw(st.sampled_from(known) | nonsense if known else nonsense)
        event: BoothEvent = data.draw(
            st.one_of(
                st.just(BoothReady(lane)),
                st.builds(BoothLost, st.just(lane), reasons, st.just((utterance,)), st.booleans()),
                st.just(HearingDropped(lane, utterance, "backlog")),
                st.builds(SourceText, st.just(lane), st.just(utterance), st.sampled_from([None, " ", "Hello"])),
                st.builds(SourceDelta, st.just(lane), st.just(utterance), texts),
                st.builds(InterpretationText, st.just(lane), st.just(utterance), texts),
                st.builds(
                    InterpretationEnded,
                    st.just(lane),
                    st.just(utterance),
                    st.sampled_from(InterpretationOutcome),
                    reasons,
                ),
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
            self.handle(MeetingEnded("call_ended"))
            self.ended = True

    def teardown(self) -> None:
        if not hasattr(self, "session"):
            return
        self.handle(MeetingEnded("call_ended"))
        self.ended = True
        self.the_books_agree()
        assert self.settled >= self.heard, "an utterance without a final state"
        assert self.booths == set()
        assert self.voices == {}
        assert self.session.open_entries == []
        assert self.session.queued_ms == 0
        assert self.session.next_deadline() is None

    # --- what must hold of each effect -----------------------------------------------------------

    def check(self, effect: Effect) -> None:
        match effect:
            case OpenBooth(lane):
                assert lane not in self.booths
                assert not lane.passthrough
                self.booths.add(lane)
            case CloseBooth(lane):
                self.booths.remove(lane)
            case Hear(lane, utterance, pcm):
                assert lane in self.booths
                assert pcm
                assert (lane, utterance) not in self.asked | self.forgotten | self.settled
                self.heard.add((lane, utterance))
            case Interpret(lane, utterance, strict, speed, condensed):
                assert lane in self.booths
                assert 1.0 <= speed <= FASTEST
                assert speed > 1.0 or not condensed
                before = self.heard & self.asked if strict else self.heard - self.asked
                assert (lane, utterance) in before - self.forgotten - self.settled
                self.asked.add((lane, utterance))
            case Translate(lane, utterance, _, strict, speed, _):
                assert lane in self.booths
                assert lane.typed
                assert 1.0 <= speed <= FASTEST
                assert strict is ((lane, utterance) in self.asked)
                assert (lane, utterance) not in self.forgotten | self.settled
                self.heard.add((lane, utterance))
                self.asked.add((lane, utterance))
            case Cancel(lane, utterance):
                assert lane in self.booths
                self.forgotten.add((lane, utterance))
            case Opened(lane, utterance):
                assert (lane, utterance) not in self.opened
                self.opened.add((lane, utterance))
            case Settled(entry):
                assert entry.state in FINAL
                assert (entry.lane, entry.utterance) in self.opened
                assert (entry.lane, entry.utterance) not in self.settled
                self.settled.add((entry.lane, entry.utterance))
                for playout in entry.playouts.values():
                    padding = playout.played + playout.trimmed + playout.dropped - entry.received
                    assert 0 <= padding < FRAME_BYTES, "every byte is played, or accounted for"
            case Caption(line):
                revision, final = self.revisions.get((line.utterance, line.language), (0, False))
                assert not final
                assert line.text
                assert line.revision > revision
                self.revisions[line.utterance, line.language] = line.revision, line.is_final
            case Play(channel, pcm, floor, speakers):
                assert effect.original == (not pcm or numbers(pcm)[0] >= OWN)
                owners = [number for number in (numbers(one)[0] for one in floor or (pcm,)) if number >= OWN]
                assert owners == [OWN_VOICES[speaker] for speaker in speakers], "it is known whose voices they are"
                assert len(set(owners)) == len(owners)
                for own in floor:
                    assert numbers(own)[0] >= OWN
                (number,) = numbers(pcm or floor[0])
                if number < OWN:
                    assert self.keys[number - 1] in (self.heard | self.said) - self.settled
                played, silent = self.played.setdefault(channel, []), self.silent.setdefault(channel, set())
                assert number not in silent, "two voices interleave"
                if played and number != played[-1][1] < OWN:
                    silent.add(played[-1][1])
                played.append((self.now, number))
            case Say(lane, utterance, text):
                assert lane in self.booths
                assert text
                assert (lane, utterance) not in self.said
                self.said.add((lane, utterance))
            case Brief(lane) | Release(lane) | Pace(lane):
                assert lane in self.booths
            case LaneServed(lane, engine) | LaneReady(lane, engine):
                assert lane in self.booths or not engine
            case VoiceBegins(channel, lane):
                assert channel not in self.voices, "two voices at once"
                self.voices[channel] = lane
            case VoiceEnds(channel, lane):
                assert self.voices.pop(channel) == lane
            case Restricted(reason):
                assert reason == self.session.restriction
            case StopPlaying(channel):
                number = self.played[channel][-1][1] if channel in self.played else OWN
                if number < OWN:
                    self.silent.setdefault(channel, set()).add(number)

    # --- what must hold at all times -------------------------------------------------------------

    @invariant()
    def the_books_agree(self) -> None:
        open_keys = {(entry.lane, entry.utterance) for entry in self.session.open_entries}
        assert not open_keys & self.settled
        assert open_keys | self.settled >= self.heard
        assert open_keys | self.settled == self.opened, "a process that is killed leaves none unknown"
        for floor in self.session._renditions._channels.floors.values():
            keys = [(passage.entry.lane, passage.entry.utterance) for passage in floor.passages]
            assert len(set(keys)) == len(keys)
            assert set(keys) <= open_keys
            assert sum(passage.stage is FloorStage.SPEAKING for passage in floor.passages) <= 1

    @invariant()
    def what_waits_is_bounded(self) -> None:
        for floor in self.session._renditions._channels.floors.values():
            waiting = [
                each.pacer.queued_ms for each in floor.passages if each.stage is FloorStage.READY and not each.yields
            ]
            assert sum(waiting[:-1]) <= LATE_S * 1000, "or the last would be too late"
            assert all(passage.pacer.queued_ms <= VOICE_LIMIT_MS for passage in floor.passages)

    @invariant()
    def the_pace_is_kept(self) -> None:
        """Over any stretch that ends now no more than one frame per 20 ms, but for what a stall of ours allows.

        0.6 ms of tolerance: the pacer plays a frame that is due within 0.5 ms.
        """
        allowed = CATCH_UP_MS // FRAME_MS + 1
        for played in self.played.values():
            for count, (at, _) in enumerate(reversed(played[-200:]), 1):
                assert count <= math.ceil(((played[-1][0] - at) * 1000 + 0.6) / FRAME_MS) + allowed


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=30, stateful_step_count=40)
