from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bot.interpreting.booth_events import DOUBT_S, HEAR_OUT_S, BoothEvents
from bot.interpreting.booths import Booths
from bot.interpreting.captions import Captions, Utterance
from bot.interpreting.effects import (
    Cancel,
    Caption,
    Effect,
    Hear,
    Interpret,
    LaneReady,
    LaneServed,
    Release,
    Settled,
    Translate,
)
from bot.interpreting.events import (
    BoothDegraded,
    BoothLost,
    BoothReady,
    BoothUsed,
    HearingDropped,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    SourceDelta,
    SourceText,
    Usage,
)
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.lane_status import RESTORED
from bot.interpreting.ledger import Entry, EntryState
from bot.interpreting.plan import AUTO, Lane, Mode, RoomPlan
from bot.interpreting.quality.checks import Fault, Guard
from bot.interpreting.quality.echo_loops import LOOP_LENGTH, EchoLoopBreaker
from bot.interpreting.quality.language_id import identify_none
from bot.interpreting.rendition import MODEL_SHARE_S, STALE_S, Rendition
from bot.interpreting.renditions import Renditions
from bot.interpreting.routing import Route, RoutingTable
from bot.interpreting.spoken_language import LANGUAGE_S, SpokenLanguages
from bot.interpreting.usage_meter import UsageMeter
from tests.support.audio import numbered
from tests.support.meeting import ADA, ADA_INTO_SPANISH, BENITO, THREE_LANGUAGES, TWO_LANGUAGES

LANE, ROOM = ADA_INTO_SPANISH, ("room",)
BEFORE = Lane(BENITO, "en-US", "es-ES")
ORIGINAL = "Good morning everybody, let us begin with the budget."
SPOKEN_S = 2.0


class DeskGuard(Guard):
    """Knows what is wrong with which texts, and remembers what they were compared with."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def begins_in_source(self, beginning: str, lane: Lane) -> bool:
        return beginning in self._desk.source_words

    def examine(self, original: str | None, interpretation: str, lane: Lane, terms: GlossaryEntries) -> tuple[str, ...]:
        self._desk.originals.append(original)
        self._desk.terms.append(terms)
        return self._desk.faults.get(interpretation, ())

    def shows_early(self, original: str | None, beginning: str, lane: Lane, terms: GlossaryEntries) -> bool:
        return bool({"language", "assistant", "invented"} & set(self.examine(original, beginning, lane, terms)))

    def is_doubtful(self, original: str | None, beginning: str, lane: Lane) -> bool:
        return beginning in self._desk.doubtful


class Desk:
    """`BoothEvents` with its books, and what it asks for. Ada speaks from 0 to 2 s; it is with the model at 2.5 s."""

    def __init__(self, plan: RoomPlan = TWO_LANGUAGES, faults: dict[str, tuple[str, ...]] | None = None) -> None:
        self.out: list[Effect] = []
        self.faults = faults or {}
        self.source_words: set[str] = set()
        self.booths = Booths(plan, RoutingTable(plan), self.out)
        self.captions = Captions(plan, 0.0, self.out)
        self.usage = UsageMeter(plan.usage_cap)
        self.books = Renditions(plan, self.out, self.usage, self.booths, self.captions)
        self.books.set_stream("room", ready=True)
        self.loops = EchoLoopBreaker()
        self.doubtful: set[str] = set()
        self.originals: list[str | None] = []
        self.terms: list[GlossaryEntries] = []
        languages = SpokenLanguages(plan, self.books, self.captions, identify_none)
        parts = (self.books, self.booths, self.captions, self.loops, DeskGuard(self))
        self.answers = BoothEvents(plan, self.out, *parts, languages, self.usage)

    def hears(
        self,
        *routes: Route,
        speaker: str = ADA,
        voiced_ms: int = 2_000,
        name: str = "u-1",
        began_at: float = 0.0,
        source: str = "en-US",
    ) -> Utterance:
        spoken = Utterance(name, speaker, speaker, source, began_at)
        self.captions.begin(spoken)
        for route in routes or (Route(LANE, ROOM),):
            self.books.begin(spoken, route, numbered(1), began_at)
        spoken.ended_at, spoken.voiced_ms = began_at + SPOKEN_S, voiced_ms
        self.books.commit(spoken, 500, began_at + 2.5)
        return spoken

    def one(self, lane: Lane = LANE, name: str = "u-1") -> Rendition:
        found = self.books.open.find(lane, name)
        assert found is not None
        return found

    def says(self, text: str, frames: int, now: float, lane: Lane = LANE) -> None:
        if text:
            self.answers.text(InterpretationText(lane, "u-1", text), now)
        if frames:
            self.answers.audio(InterpretationAudio(lane, "u-1", numbered(1) * frames), now)

    def ends(
        self,
        now: float,
        outcome: InterpretationOutcome = InterpretationOutcome.COMPLETED,
        reason: str = "",
        lane: Lane = LANE,
        name: str = "u-1",
    ) -> None:
        usage = Usage(input_audio=20, output_audio=40)
        self.answers.ended(InterpretationEnded(lane, name, outcome, reason, usage), now)

    def plays(self, begin: float, end: float) -> None:
        now = begin
        while now < end:
            self.books.play(now, quiet=True)
            now += 0.02

    def settled(self) -> list[tuple[str, str]]:
        return [(entry.state.value, entry.reason) for entry in self.entries()]

    def entries(self) -> list[Entry]:
        return [effect.entry for effect in self.out if isinstance(effect, Settled)]

    def asked(self) -> list[bool]:
        """Each time, whether it was to be strict."""
        return [effect.strict for effect in self.out if isinstance(effect, Interpret)]

    def flags(self) -> tuple[str, ...]:
        return [effect.line for effect in self.out if isinstance(effect, Caption)][-1].flags


def test_a_good_answer_is_read_heard_and_released() -> None:
    desk = Desk()
    desk.hears()
    desk.says("Hola", 10, 3.0)
    desk.ends(3.2)
    desk.plays(3.2, 4.0)
    assert desk.settled() == [("spoken", "")]
    (entry,) = desk.entries()
    assert entry.tokens == {"input_text": 0, "input_audio": 20, "input_cached": 0, "output_text": 0, "output_audio": 40}
    assert [effect for effect in desk.out if isinstance(effect, Release)] == [Release(LANE, "u-1")]


def test_what_was_held_up_on_its_way_is_read_however_quick_the_answer() -> None:
    desk = Desk()
    spoken = desk.hears()
    spoken.age_s = 4.0
    desk.says("Hola", 10, 2.6)
    desk.ends(2.7)
    assert desk.settled() == [("caption_only", "stale")]


def test_what_was_asked_for_in_fewer_words_says_so_and_may_be_short() -> None:
    desk = Desk(faults={"Hola": ("length",), "Nada": ("length", "number")})
    for name, text, flags in [("u-1", "Hola", ("condensed",)), ("u-2", "Nada", ("number", "condensed"))]:
        desk.hears(name=name)
        entry = desk.one(name=name).entry
        entry.condensed = entry.strict = True
        desk.answers.text(InterpretationText(LANE, name, text), 3.0)
        desk.ends(3.2, name=name)
        assert desk.flags() == flags


def test_nobody_listens_to_answers_that_were_not_asked_for() -> None:
    desk = Desk()
    desk.says("Hola", 10, 1.0)
    desk.ends(1.0)
    desk.answers.dropped(HearingDropped(LANE, "u-1", "model_backlog"))
    desk.answers.lost(BoothLost(LANE, "closed_1011", ("u-1",)), 4.0)
    assert desk.out == []
    desk.hears()
    before = list(desk.out)
    desk.answers.audio(InterpretationAudio(LANE, "u-1", b""), 3.0)
    assert desk.out == before


@pytest.mark.parametrize(("first_at", "heard"), [(SPOKEN_S + STALE_S - 0.1, True), (2.5 + MODEL_SHARE_S + 0.1, False)])
def test_sound_that_comes_too_late_is_read(first_at: float, heard: bool) -> None:
    desk = Desk()
    desk.hears()
    desk.says("Hola", 10, first_at)
    desk.ends(first_at + 0.1)
    desk.plays(first_at, first_at + 1)
    assert desk.settled() == [("spoken", "") if heard else ("caption_only", "stale")]


def test_a_voice_under_way_is_late_by_what_has_come_already() -> None:
    desk = Desk()
    desk.hears()
    desk.says("Hola", 100, 3.0)
    desk.answers.audio(InterpretationAudio(LANE, "u-1", numbered(1)), 3.0 + 2.0 + MODEL_SHARE_S - 0.1)
    assert desk.one().unheard == ""
    desk.answers.audio(InterpretationAudio(LANE, "u-1", numbered(1)), 3.0 + 2.1 + MODEL_SHARE_S + 0.1)
    assert desk.one().unheard == "stale"


def test_what_runs_along_is_late_later() -> None:
    desk = Desk(replace(TWO_LANGUAGES, mode=Mode.SIMULTANEOUS))
    spoken = Utterance("u-1", ADA, "Ada", "en-US", 0.0)
    desk.captions.begin(spoken)
    desk.books.begin(spoken, Route(LANE, ROOM), numbered(1), 0.0)
    desk.says("Hola", 1, 1.0)
    spoken.ended_at = SPOKEN_S
    desk.books.commit(spoken, 500, 2.5)
    desk.faults = {"Hola": ("language",)}
    desk.answers.audio(InterpretationAudio(LANE, "u-1", numbered(1)), 6.0)
    assert desk.one().unheard == ""
    desk.ends(6.5)
    assert desk.asked() == [False], "who runs along cannot begin again"


@pytest.mark.parametrize(
    ("outcome", "reason", "told"),
    [
        (InterpretationOutcome.FAILED, "content_filter", "content_filter"),
        (InterpretationOutcome.CANCELLED, "", "cancelled"),
    ],
)
def test_a_failure_is_the_end_of_it(outcome: InterpretationOutcome, reason: str, told: str) -> None:
    desk = Desk()
    desk.hears()
    desk.ends(3.0, outcome, reason)
    assert desk.settled() == [("abandoned", told)]
    assert desk.asked() == [False]


def test_what_failed_in_passing_is_asked_for_once_more() -> None:
    desk = Desk()
    desk.hears()
    desk.says("Ho", 0, 2.7)
    desk.ends(2.8, InterpretationOutcome.FAILED, "server_error")
    assert (desk.settled(), desk.asked()) == ([], [False, True])
    desk.says("Hola", 10, 3.2)
    desk.ends(3.3)
    desk.plays(3.3, 4.0)
    (entry,) = desk.entries()
    assert (entry.state.value, entry.strict, entry.tokens["output_audio"]) == ("spoken", True, 80)
    assert [effect.line.text for effect in desk.out if isinstance(effect, Caption)][-1] == "Hola"


def test_what_fails_again_or_too_late_or_when_it_is_heard_is_given_up() -> None:
    for failures, heard in [((2.8, 3.0), False), ((4.9,), False), ((2.9,), True)]:
        desk = Desk()
        desk.hears()
        if heard:
            desk.says("Ho", 10, 2.7)
            desk.plays(2.7, 2.8)
        for at in failures:
            desk.ends(at, InterpretationOutcome.FAILED, "server_error")
        assert desk.settled() == [("abandoned", "server_error")]
        assert len(desk.asked()) == len(failures)


def test_what_was_cut_is_heard_and_flagged() -> None:
    desk = Desk()
    desk.hears()
    desk.says("Hola a", 10, 3.0)
    desk.ends(3.1, InterpretationOutcome.INCOMPLETE, "max_output_tokens")
    desk.plays(3.1, 4.0)
    assert desk.settled() == [("spoken", "max_output_tokens")]
    assert desk.flags() == ("incomplete",)


@pytest.mark.parametrize(("text", "reason"), [("Hola", "no_audio"), ("", "empty")])
def test_without_sound_it_is_read_if_at_all(text: str, reason: str) -> None:
    desk = Desk()
    desk.hears()
    desk.says(text, 0, 3.0)
    desk.ends(3.1)
    assert desk.settled() == [("caption_only" if text else "abandoned", reason)]


def test_what_begins_wrong_is_held_back_and_asked_for_again() -> None:
    desk = Desk(faults={"I'm": ("assistant",), "I'm sorry": ("assistant",)})
    desk.hears()
    desk.says("I'm", 10, 2.8)
    desk.plays(2.8, 2.9)
    assert not desk.one().begun
    desk.says(" sorry", 10, 2.9)
    desk.ends(3.0)
    assert desk.asked() == [False, True]
    assert desk.one().doubted_until == 0.0


def test_what_begins_in_the_source_language_is_held_back_and_heard_once_it_is_found_right() -> None:
    desk = Desk()
    desk.source_words = {"Dashboard"}
    desk.hears()
    desk.says("Dashboard", 10, 2.8)
    desk.plays(2.8, 2.9)
    assert not desk.one().begun
    desk.says(" de Power BI", 10, 2.9)
    desk.plays(2.92, 2.98)
    assert desk.one().begun, "a clean text takes the doubt back at once"
    desk.ends(3.0)
    desk.plays(3.0, 3.1)
    assert desk.asked() == [False]
    assert desk.one().begun


def test_a_line_that_nothing_may_follow_is_not_begun_anew() -> None:
    desk = Desk(faults={"Nada": ("number",)})
    spoken = desk.hears()
    desk.says("Nada", 10, 2.8)
    desk.captions.finish(spoken, "es-ES")
    desk.ends(2.9)
    assert desk.asked() == [False]


def test_our_own_words_are_neither_judged_nor_remembered() -> None:
    desk = Desk(faults={"Una máquina": ("number",)})
    own = Utterance("u-1", "interpreter", "Interpreter", "es-ES", 1.0)
    desk.hears(name="u-0")
    desk.books.say(own, Route(LANE, ROOM), 3.0)
    desk.says("Una máquina", 10, 3.1)
    desk.ends(3.2)
    assert desk.one().entry.faults == ()
    assert not desk.loops._ours


def test_what_is_still_wrong_the_second_time_is_read_and_flagged() -> None:
    desk = Desk(faults={"Nada": ("number",)})
    desk.hears()
    desk.says("Nada", 10, 2.8)
    desk.ends(2.9)
    desk.says("Nada", 10, 3.2)
    desk.ends(3.3)
    desk.plays(3.3, 4.0)
    assert (desk.settled(), desk.flags(), desk.asked()) == ([("caption_only", "faulty")], ("number",), [False, True])


def test_a_fault_that_misleads_nobody_is_heard_and_flagged() -> None:
    desk = Desk(faults={"Nada": ("length",)})
    desk.hears()
    for at in (2.8, 3.2):
        desk.says("Nada", 10, at)
        desk.ends(at + 0.1)
    desk.plays(3.3, 4.0)
    assert (desk.settled(), desk.flags()) == ([("spoken", "")], ("length",))


@pytest.mark.parametrize(("fault", "stopped"), [("question", True), ("number", False)])
def test_a_voice_that_is_found_to_answer_is_stopped_and_a_wrong_number_is_flagged(fault: str, stopped: bool) -> None:
    desk = Desk(faults={"Son las tres": (fault,)})
    desk.hears()
    desk.says("Son las tres", 100, 2.8)
    desk.plays(2.8, 3.2)
    desk.ends(3.2)
    desk.plays(3.2, 8.0)
    assert desk.settled() == [("caption_only", "faulty") if stopped else ("spoken", "")]
    assert desk.entries()[0].played_ms < 500 if stopped else desk.entries()[0].played_ms == 2_000
    assert desk.flags() == (fault,)


def test_a_voice_whose_text_turns_out_wrong_is_stopped_at_once() -> None:
    desk = Desk(faults={"Como modelo de lenguaje, no puedo hacerlo": ("assistant",)})
    desk.hears()
    desk.says("Como modelo", 50, 2.8)
    desk.plays(2.8, 3.0)
    desk.says(" de lenguaje,", 0, 3.0)
    assert desk.one().passages, "too little to be sure"
    desk.says(" no puedo hacerlo", 50, 3.1)
    assert desk.one().passages == []
    desk.says(" ya no", 0, 3.2)
    desk.ends(3.3)
    assert desk.settled() == [("caption_only", "faulty")]


def test_a_voice_is_judged_once_while_it_is_heard() -> None:
    desk = Desk()
    desk.hears()
    desk.says("Hola", 50, 2.8)
    desk.plays(2.8, 3.0)
    before = len(desk.originals)
    for _ in range(10):
        desk.says(" y buenos días", 0, 3.0)
    assert len(desk.originals) == before + 1
    assert desk.one().passages


def test_what_begins_wrong_and_stays_so_is_never_heard_however_long_it_takes() -> None:
    desk = Desk(faults={"As an AI": ("assistant",), "As an AI model": ("assistant",)})
    desk.hears()
    desk.says("As an AI", 10, 4.8)
    desk.plays(4.8, 6.0)
    desk.says(" model", 10, 6.0)
    desk.ends(6.1)
    desk.plays(6.1, 9.0)
    assert (desk.settled(), desk.entries()[0].played_ms) == ([("caption_only", "faulty")], 0)


def test_where_the_text_is_doubtful_the_first_of_the_voice_is_held_back_and_no_more() -> None:
    desk = Desk()
    desk.doubtful = {"Sí", "Sí,"}
    desk.hears()
    desk.says("Sí", 50, 2.8)
    desk.says(",", 0, 2.9)
    desk.plays(2.8, 2.8 + DOUBT_S - 0.02)
    assert not desk.one().begun
    desk.plays(2.8 + DOUBT_S + 0.001, 3.3)
    assert desk.one().begun
    desk = Desk()
    desk.doubtful = {"Sí"}
    desk.hears()
    desk.says("Sí", 50, 2.8)
    desk.says(", ¿a qué hora?", 0, 2.85)
    desk.plays(2.86, 2.9)
    assert desk.one().begun


# --- the original ------------------------------------------------------------------------------------


def test_where_no_words_were_heard_it_is_examined_as_such() -> None:
    for heard_first in (True, False):
        desk = Desk()
        desk.hears()
        if heard_first:
            desk.faults = {"¡Hola! ¿En qué puedo ayudarte?": ("invented",)}
            desk.answers.source_text(SourceText(LANE, "u-1", ""), 2.6)
        desk.says("¡Hola! ¿En qué puedo ayudarte?", 100, 2.8)
        desk.plays(2.8, 3.0)
        if not heard_first:
            desk.faults = {"¡Hola! ¿En qué puedo ayudarte?": ("invented",)}
            desk.answers.source_text(SourceText(LANE, "u-1", ""), 3.0)
        desk.plays(3.0, 9.0)
        desk.ends(9.0)
        assert desk.settled() == [("caption_only", "faulty")]
        assert (desk.entries()[0].played_ms == 0) is heard_first
        assert desk.originals[-1] == ""
    desk.answers.source_text(SourceText(LANE, "u-1", " "), 9.1)  # a lane that is settled


def test_an_unknown_language_that_yields_nothing_needed_no_interpreting() -> None:
    desk = Desk()
    lane = Lane(ADA, AUTO, "es-ES")
    desk.hears(Route(lane, ROOM), source=AUTO)
    desk.ends(3.0, lane=lane)
    desk.ends(3.4, lane=lane)
    assert desk.settled() == [("not_needed", "")]


# --- relay -------------------------------------------------------------------------------------------

FRENCH = Lane(ADA, "es-ES", "fr-FR")


@pytest.mark.parametrize(("frames", "end"), [(10, None), (0, ("abandoned", "relay_silent"))])
def test_a_relay_hears_the_interpretation_and_is_asked_when_it_is_complete(
    frames: int, end: tuple[str, str] | None
) -> None:
    desk = Desk(THREE_LANGUAGES)
    desk.hears(Route(LANE, ROOM), Route(FRENCH, ROOM, via=LANE))
    desk.says("Hola", frames, 3.0)
    desk.ends(3.1)
    relayed = [effect for effect in desk.out if isinstance(effect, Hear) and effect.lane == FRENCH]
    assert len(relayed) == bool(frames)
    assert (FRENCH in [one.lane for one in desk.out if isinstance(one, Interpret)]) is bool(frames)
    assert (end in desk.settled()) is (end is not None)


def test_a_relay_is_given_nothing_that_misleads_and_judged_by_what_it_has_heard() -> None:
    for faults in ((), ("number",)):
        desk = Desk(THREE_LANGUAGES, {"A las nueve": faults})
        desk.hears(Route(LANE, ROOM), Route(FRENCH, ROOM, via=LANE))
        desk.one().entry.strict = True
        desk.says("A las nueve", 10, 3.0)
        desk.ends(3.1)
        assert (("abandoned", "relay_faulty") in desk.settled()) is bool(faults)
        desk.answers.text(InterpretationText(FRENCH, "u-1", "À neuf heures"), 3.5)
        desk.answers.ended(InterpretationEnded(FRENCH, "u-1", InterpretationOutcome.COMPLETED), 3.6)
        assert desk.originals[-1] == (None if faults else "A las nueve")


# --- the speaker's own words -------------------------------------------------------------------------


def test_the_original_is_read_once_whoever_hears_it_first() -> None:
    desk = Desk(THREE_LANGUAGES)
    spoken = desk.hears()
    desk.answers.source_text(SourceText(LANE, "u-1", None), 2.6)
    desk.answers.source_text(SourceText(LANE, "u-1", "  "), 2.6)
    desk.answers.source_text(SourceText(FRENCH, "u-1", "Buenos días"), 2.6)
    assert spoken.source_text is None
    desk.answers.source_text(SourceText(LANE, "u-1", ORIGINAL), 2.7)
    desk.answers.source_text(SourceText(LANE, "u-1", "Something else"), 2.8)
    desk.answers.source_text(SourceText(LANE, "u-9", "Nobody's"), 2.8)
    assert [effect.line.text for effect in desk.out if isinstance(effect, Caption)] == [ORIGINAL]


def test_a_mere_sign_of_listening_is_not_interpreted() -> None:
    desk = Desk(THREE_LANGUAGES)
    desk.hears(Route(LANE, ROOM), Route(FRENCH, ROOM, via=LANE), voiced_ms=300)
    desk.says("Sí", 10, 2.7)
    assert desk.one().passages[0].held_until == pytest.approx(2.7 + HEAR_OUT_S)
    desk.answers.source_text(SourceText(LANE, "u-1", "Mm-hm"), 2.8)
    assert set(desk.settled()) == {("not_needed", "backchannel")}
    assert len(desk.settled()) == 2
    assert Cancel(LANE, "u-1") in desk.out


def test_it_is_known_by_the_interpretation_where_the_words_are_late() -> None:
    desk = Desk()
    desk.hears(voiced_ms=300)
    desk.says("Ajá", 10, 2.7)
    desk.ends(2.8)
    assert desk.settled() == [("not_needed", "backchannel")]


@pytest.mark.parametrize(
    ("text", "states"),
    [("No.", []), ("Ajá", [("not_needed", "backchannel")]), ("Gracias por ver", [("not_needed", "no_words")])],
)
def test_where_no_word_was_recognised_the_interpretation_tells_what_it_was(
    text: str, states: list[tuple[str, str]]
) -> None:
    desk = Desk()
    desk.hears(voiced_ms=300)
    desk.answers.source_text(SourceText(LANE, "u-1", ""), 2.6)
    desk.says(text, 10, 2.7)
    assert desk.one().passages[0].held_until == pytest.approx(2.7 + HEAR_OUT_S)
    desk.ends(2.8)
    assert desk.settled() == states


def test_a_short_word_that_matters_is_heard_as_soon_as_it_is_known() -> None:
    desk = Desk()
    desk.hears(voiced_ms=300)
    desk.says("Alto", 10, 2.7)
    desk.answers.source_text(SourceText(LANE, "u-1", "Stop"), 2.8)
    assert desk.one().passages[0].held_until == 0.0


def test_an_answer_to_a_question_is_interpreted_however_short() -> None:
    """Said while the other goes on talking, which is when a word of assent is none."""
    for question, states in [("Is it ready?", []), ("It is ready.", [("not_needed", "backchannel")])]:
        desk = Desk()
        desk.hears(Route(Lane(BENITO, "en-US", "es-ES"), ROOM), speaker=BENITO)
        desk.answers.source_text(SourceText(Lane(BENITO, "en-US", "es-ES"), "u-1", "What about it?"), 2.6)
        desk.hears(Route(Lane(BENITO, "en-US", "es-ES"), ROOM), speaker=BENITO, name="u-2", began_at=3.0)
        desk.answers.source_text(SourceText(Lane(BENITO, "en-US", "es-ES"), "u-2", question), 5.6)
        spoken = desk.hears(name="u-3", began_at=6.0, voiced_ms=300)
        spoken.talked_over = True
        desk.answers.source_text(SourceText(LANE, "u-3", "Yes"), 8.6)
        assert desk.settled() == states


def test_what_comes_back_from_us_is_let_go_of() -> None:
    for heard, end in [(False, ("not_needed", "echo")), (True, ("abandoned", "echo"))]:
        desk = Desk()
        passed = Lane(ADA, "en-US", "en-US")
        spoken = desk.hears(Route(LANE, ROOM), Route(passed, ("en-US",)))
        spoken.own_voice_ms, spoken.measured_ms = 1_200.0, 2_000
        if heard:
            desk.says("Hola", 10, 2.6)
            desk.plays(2.6, 2.7)
        ours = Entry("u-0", LANE, EntryState.SPOKEN, 0.0, first_played_at=0.0, last_played_at=1.0)
        desk.loops.spoke(ORIGINAL, ours, 0.0)
        desk.answers.source_text(SourceText(LANE, "u-1", ORIGINAL), 2.8)
        assert end in desk.settled()
        assert all(not effect.line.is_original for effect in desk.out if isinstance(effect, Caption))


def test_what_sounds_like_us_is_not_even_asked_for_and_its_words_are_nobodys() -> None:
    desk = Desk()
    spoken = Utterance("u-1", ADA, ADA, "en-US", 0.0, voiced_ms=800, own_voice_ms=800.0, measured_ms=800)
    desk.captions.begin(spoken)
    for route in (Route(LANE, ROOM), Route(Lane(ADA, "en-US", "en-US"), ("en-US",))):
        desk.books.begin(spoken, route, numbered(1), 0.0)
    desk.answers.turn_ended(spoken, 1.0)
    assert desk.settled() == [("not_needed", "echo")]
    desk.answers.source_text(SourceText(LANE, "u-1", "Hola"), 2.8)
    assert not any(isinstance(effect, Caption) for effect in desk.out)


def test_what_another_interpreter_would_answer_is_read_and_not_heard() -> None:
    desk = Desk()
    desk.hears(Route(LANE, ROOM), Route(Lane(ADA, "en-US", "en-US"), ("en-US",)))
    desk.says("Hola", 10, 2.6)
    for turn in range(LOOP_LENGTH):
        spoken = Utterance(f"u-0{turn}", ADA, ADA, "en-US", 0.0)
        desk.loops.by_words(spoken, ORIGINAL, 0.0)
        entry = Entry("u-0", LANE, EntryState.SPOKEN, 0.0, first_played_at=0.0, last_played_at=0.0)
        desk.loops.spoke("Hola", entry, 0.0)
    desk.answers.source_text(SourceText(LANE, "u-1", ORIGINAL), 2.8)
    desk.ends(3.0)
    assert ("caption_only", "echo") in desk.settled()


# --- booths ------------------------------------------------------------------------------------------


def test_what_a_booth_has_lost_is_abandoned() -> None:
    desk = Desk()
    desk.hears()
    desk.answers.lost(BoothLost(LANE, "closed_1011", ("u-1", "u-7")), 4.0)
    assert desk.settled() == [("abandoned", "closed_1011")]
    assert LANE in desk.booths


def test_a_booth_that_is_refused_closes_and_takes_all_with_it_that_is_not_complete() -> None:
    desk = Desk()
    desk.hears()
    desk.hears(name="u-2", began_at=3.0)
    desk.says("Hola", 50, 3.0)
    desk.ends(3.1)
    desk.answers.lost(BoothLost(LANE, "http_401", (), final=True), 4.0)
    assert desk.settled() == [("abandoned", "http_401")]
    assert desk.out[-1] == LaneServed(LANE, "", "http_401")
    assert desk.booths.refused == {LANE}
    assert desk.booths.deadline() == 14.0, "tried again"
    desk.answers.lost(BoothLost(LANE, "http_401", ("u-1",), final=True), 4.0)
    assert len(desk.settled()) == 1, "what is complete is played to its end"


def test_what_a_booth_could_not_keep_is_abandoned_unless_it_is_complete() -> None:
    desk = Desk()
    desk.hears()
    desk.says("Hola", 10, 3.0)
    desk.ends(3.1)
    desk.answers.dropped(HearingDropped(LANE, "u-1", "model_backlog"))
    assert desk.settled() == []
    desk.hears(name="u-2", began_at=3.0)
    desk.answers.dropped(HearingDropped(LANE, "u-2", "model_backlog"))
    assert desk.settled() == [("abandoned", "model_backlog")]


def test_what_serves_a_lane_is_noted_where_it_matters() -> None:
    desk = Desk()
    desk.answers.degraded(BoothDegraded(LANE, "captions", "quota"))
    assert desk.out == []
    desk.hears()
    desk.says("Hola", 10, 3.0)
    desk.ends(3.1)
    desk.hears(name="u-2", began_at=3.0)
    desk.answers.degraded(BoothDegraded(LANE, "captions", "quota"))
    assert desk.out[-1] == LaneServed(LANE, "captions", "quota")
    assert (desk.one().entry.engine, desk.one(name="u-2").entry.engine) == ("", "captions")


def test_the_engine_of_a_booth_that_works_is_reported_unless_it_is_closed_or_says_none() -> None:
    desk = Desk()
    desk.answers.ready(BoothReady(LANE, "conversation"))
    assert desk.out == []
    desk.hears()
    desk.answers.ready(BoothReady(LANE))
    desk.answers.ready(BoothReady(LANE, "conversation"))
    assert [effect for effect in desk.out if isinstance(effect, LaneReady)] == [LaneReady(LANE, "conversation")]


def test_interpretations_are_judged_by_the_present_glossary() -> None:
    desk = Desk()
    terms = GlossaryEntries.of({"Contoso": {}})
    desk.answers.follow(replace(TWO_LANGUAGES, glossary=terms))
    desk.hears()
    desk.says("Hola", 10, 3.0)
    desk.ends(3.1)
    assert desk.terms[-1] is terms


# --- speakers whose language is not known ----------------------------------------------------------

GUESSED = Lane(ADA, AUTO, "es-ES")


def test_the_first_sound_is_held_back_until_the_language_spoken_is_known_or_for_a_second() -> None:
    desk = Desk()
    desk.hears(Route(GUESSED, ROOM), source=AUTO)
    desk.says("Hola", 50, 3.0, lane=GUESSED)
    desk.ends(3.1, lane=GUESSED)
    assert {passage.held_until for passage in desk.one(GUESSED).passages} == {3.0 + LANGUAGE_S}
    assert not any(isinstance(effect, Caption) and effect.line.is_final for effect in desk.out)
    desk.plays(3.1, 5.5)
    (entry,) = desk.entries()
    assert entry.first_played_at == pytest.approx(4.0, abs=0.03)
    assert desk.flags() == ()
    assert [effect.line.is_final for effect in desk.out if isinstance(effect, Caption)] == [False, True]


def test_words_that_do_not_tell_the_language_hold_nothing_back_once_the_interpretation_differs_from_them() -> None:
    desk = Desk()
    desk.hears(Route(GUESSED, ROOM), source=AUTO)
    desk.says("Hola", 50, 3.0, lane=GUESSED)
    desk.answers.source_text(SourceText(GUESSED, "u-1", "Hello"), 3.05)
    desk.ends(3.1, lane=GUESSED)
    assert {passage.held_until for passage in desk.one(GUESSED).passages} == {0.0}


def test_an_interpretation_that_repeats_the_words_is_not_heard() -> None:
    desk = Desk()
    desk.hears(Route(GUESSED, ROOM), source=AUTO)
    desk.says("Hola", 50, 3.0, lane=GUESSED)
    desk.answers.source_text(SourceText(GUESSED, "u-1", "¡Hola!"), 3.05)
    desk.ends(3.1, lane=GUESSED)
    assert desk.settled() == [("not_needed", "")]


def test_nothing_is_judged_by_words_that_nobody_said() -> None:
    desk = Desk()
    desk.hears()
    desk.answers.source_text(SourceText(LANE, "u-1", "ご視聴ありがとうございました"), 2.9)
    desk.says("Buenos días.", 10, 3.0)
    desk.ends(3.1)
    assert set(desk.originals) == {None}


def test_what_is_used_is_counted_whether_or_not_somebody_waits_for_it() -> None:
    desk = Desk()
    desk.answers.ended(
        InterpretationEnded(LANE, "gone", InterpretationOutcome.COMPLETED, usage=Usage(output_audio=20)), 1.0
    )
    desk.answers.used(BoothUsed(LANE, Usage(translation_ms=5_000)))
    assert desk.usage.total.tokens == {"output_audio": 20, "translation_ms": 5_000}


def test_a_lane_whose_booth_works_is_refused_no_more() -> None:
    desk = Desk()
    desk.hears()
    desk.answers.lost(BoothLost(LANE, "http_401", (), final=True), 4.0)
    desk.booths.park(14.0)
    assert (LANE in desk.booths, desk.booths.refused) == (True, {LANE})
    desk.answers.ready(BoothReady(LANE, "conversation"))
    assert desk.booths.refused == set()
    assert desk.out[-1] == LaneReady(LANE, "conversation")


def test_what_was_held_up_on_its_way_to_us_is_late() -> None:
    desk = Desk()
    desk.hears().age_s = STALE_S + 0.1
    desk.says("Hola", 10, 2.6)
    desk.ends(2.7)
    assert desk.settled() == [("caption_only", "stale")]


def test_what_the_speaker_says_is_shown_as_the_first_lane_understands_it() -> None:
    desk = Desk(THREE_LANGUAGES)
    french = Lane(ADA, "en-US", "fr-FR")
    desk.hears()
    desk.answers.source_delta(SourceDelta(LANE, "u-1", "Good"), 1.0)
    desk.answers.source_delta(SourceDelta(french, "u-1", "God"), 1.1)
    desk.answers.source_delta(SourceDelta(Lane(ADA, "de-DE", "es-ES"), "u-1", "Gut"), 1.1)
    desk.answers.source_delta(SourceDelta(LANE, "u-1", " morning"), 1.2)
    desk.answers.source_delta(SourceDelta(LANE, "nobody's", "x"), 1.2)
    desk.answers.source_text(SourceText(french, "u-1", "Good morning."), 2.0)
    desk.answers.source_delta(SourceDelta(LANE, "u-1", " late"), 2.1)
    lines = [effect.line for effect in desk.out if isinstance(effect, Caption) and effect.line.is_original]
    assert [(line.text, line.is_final) for line in lines] == [
        ("Good", False),
        ("Good morning", False),
        ("Good morning.", True),
    ]


@pytest.mark.parametrize(("engine", "note"), [("translation", "glossary"), ("conversation", "")])
def test_a_glossary_that_the_engine_does_not_take_is_told_and_checked(engine: str, note: str) -> None:
    terms = GlossaryEntries.of({"Contoso": {}})
    desk = Desk(replace(TWO_LANGUAGES, glossary=terms), {"Hola": (Fault.TERM,)})
    desk.hears()
    desk.answers.ready(BoothReady(LANE, engine))
    assert desk.out[-1] == LaneReady(LANE, engine, note)
    desk.says("Hola", 10, 3.0)
    desk.ends(9.0)
    (line,) = [effect.line for effect in desk.out if isinstance(effect, Caption) and effect.line.is_final]
    assert line.flags == (Fault.TERM,)


def test_words_that_come_after_the_interpretation_is_complete_hold_nothing_back_for_ever() -> None:
    """The first words showed a fault, the complete text has none, and another voice is being heard meanwhile."""
    desk = Desk(faults={"Hello": (Fault.LANGUAGE,)})
    desk.hears(Route(BEFORE, ROOM), name="u-0")
    desk.answers.text(InterpretationText(BEFORE, "u-0", "Buenas"), 2.6)
    desk.answers.audio(InterpretationAudio(BEFORE, "u-0", numbered(3) * 50), 2.6)
    desk.hears()
    desk.plays(2.6, 2.7)
    desk.says("Hello", 10, 2.8)
    assert math.isinf(desk.one().doubted_until)
    desk.faults.clear()
    desk.ends(2.9)
    desk.answers.source_text(SourceText(LANE, "u-1", ORIGINAL), 3.0)
    desk.ends(3.0, lane=BEFORE, name="u-0")
    desk.plays(2.9, 5.0)
    assert desk.settled() == [("spoken", ""), ("spoken", "")]


def test_an_interpretation_that_was_cut_and_shows_that_it_is_none_is_not_heard() -> None:
    desk = Desk(faults={"Hello": (Fault.LANGUAGE, Fault.NUMBER)})
    desk.hears()
    desk.says("Hello", 50, 3.0)
    desk.ends(3.1, InterpretationOutcome.INCOMPLETE, "endless")
    desk.plays(3.1, 5.0)
    assert desk.settled() == [("caption_only", "faulty")]
    assert desk.flags() == ("language", "incomplete")


def test_a_repetition_that_only_those_hear_who_do_not_hear_the_speaker_is_heard_to_its_end() -> None:
    """The words do not tell the language, until the interpretation says the same."""
    desk = Desk(faults={"Vale, vale, Ana, vale": (Fault.ECHO,)})
    desk.hears(Route(GUESSED, ROOM, passed_through=ROOM), source=AUTO)
    desk.says("Vale, vale, Ana, vale", 50, 3.0, lane=GUESSED)
    desk.plays(3.0 + LANGUAGE_S, 3.2 + LANGUAGE_S)
    desk.answers.source_text(SourceText(GUESSED, "u-1", "Vale, vale, Ana, vale."), 3.2 + LANGUAGE_S)
    desk.ends(3.3 + LANGUAGE_S, lane=GUESSED)
    desk.plays(3.3 + LANGUAGE_S, 6.0)
    assert desk.settled() == [("spoken", "")]
    assert [entry.faults for entry in desk.entries()] == [()]


def test_a_lane_that_is_served_as_asked_for_again_has_no_other_engine_in_the_ledger() -> None:
    desk = Desk()
    for name, engine, reason in [("u-1", "captions", "quota"), ("u-2", "conversation", RESTORED)]:
        desk.hears(name=name)
        desk.answers.degraded(BoothDegraded(LANE, engine, reason))
        desk.answers.text(InterpretationText(LANE, name, "Hola"), 3.0)
        desk.ends(3.1, name=name)
    desk.hears(name="u-3")
    desk.ends(3.2, name="u-3")
    assert [entry.engine for entry in desk.entries()] == ["captions", "", ""]


def test_a_typed_text_is_sent_again_when_its_session_is_lost_but_not_when_it_is_refused() -> None:
    desk, typed = Desk(), Lane(ADA, "en-US", "es-ES", typed=True)
    desk.hears(Route(typed, (), spoken=False)).source_text = "Hello"
    desk.answers.lost(BoothLost(typed, "closed_1011", ("u-1",)), 60.0)
    assert desk.out[-1] == Translate(typed, "u-1", "Hello", strict=True), "late is no matter: it is read"
    assert desk.settled() == []
    desk.answers.lost(BoothLost(typed, "http_401", (), final=True), 61.0)
    assert desk.settled() == [("abandoned", "http_401")]
