"""What a session leaves undone and says so: the words of whoever echoes it, and voices beyond what a room may use."""

from __future__ import annotations

from dataclasses import replace

from bot.interpreting.effects import Interpret, LaneReady, OpenBooth, Opened, Restricted, Say, Settled
from bot.interpreting.events import BoothReady, BoothUsed, MeetingEnded, OwnVoiceHeard, PlanChanged, Usage
from bot.interpreting.ledger import EntryKind
from bot.interpreting.plan import Attendee, Lane, RoomPlan, UsageCap
from bot.interpreting.quality.echo_loops import LOOP_LENGTH, SUSPECTED_ECHO, TOLD_AFTER, TOLD_S
from bot.interpreting.usage_meter import notice
from tests.support.meeting import (
    ADA,
    ADA_INTO_SPANISH,
    BENITO,
    BENITO_INTO_ENGLISH,
    PEOPLE,
    TWO_LANGUAGES,
    Answers,
    Meeting,
    Script,
)

TEXT = "El informe llega el martes por la tarde"
BOT = "8:acs:bot"


def capped(**cap: float) -> RoomPlan:
    return replace(TWO_LANGUAGES, usage_cap=UsageCap(**cap))  # type: ignore[arg-type]  # tokens are whole in these tests


# --- meetings ------------------------------------------------------------------------------------------


class Translator:
    """Knows both languages of one sentence, and hears what is really said."""

    SENTENCES = {"en-US": "The report arrives on Tuesday afternoon", "es-ES": TEXT}

    def __init__(self) -> None:
        self.asked: list[Lane] = []

    def __call__(self, request: Interpret | Say) -> Script:
        lane = request.lane
        self.asked.append(lane)
        source = "en-US" if lane.target == "es-ES" else "es-ES"
        return Answers(text=self.SENTENCES[lane.target], heard=self.SENTENCES[source], seconds=2.0)(request)


class TwoInterpreters(Meeting):
    """A second interpreter sits in the room: whatever ours says in Spanish, it says in English."""

    turns = 0

    def follow(self, until: float) -> None:
        answered = 0
        while self.now < until:
            self.run(self.now + 1.0)
            voices = [entry for entry in self.settled() if entry.played_ms]
            if len(voices) > answered:
                answered = len(voices)
                self.turns += 1
                self.says(BOT, self.now + 0.5, 2.0)


def test_two_interpreters_that_hear_each_other_fall_silent_and_nothing_is_lost() -> None:
    plan = replace(TWO_LANGUAGES, attendees={**PEOPLE, BOT: Attendee(BOT, "Another bot", "en-US")})
    translator = Translator()
    meeting = TwoInterpreters(plan, translator)
    meeting.says(ADA, 0.5, 2.0)
    meeting.follow(120.0)
    ends = [(entry.lane.speaker, entry.state.value, entry.reason, entry.faults) for entry in meeting.settled()]
    assert ends == [
        (ADA, "spoken", "", ()),
        *[(BOT, "spoken", "", ())] * LOOP_LENGTH,
        (BOT, "caption_only", "echo", (SUSPECTED_ECHO,)),
    ]
    last = [(line.is_original, line.flags) for line in meeting.captions() if line.utterance == f"u-{LOOP_LENGTH + 2}"]
    assert (True, (SUSPECTED_ECHO,)) in last
    assert (False, (SUSPECTED_ECHO,)) in last


# --- echo ----------------------------------------------------------------------------------------------


def test_people_who_greet_answer_vote_and_read_back_are_all_interpreted() -> None:
    voters = [f"8:acs:voter-{number}" for number in range(6)]
    plan = replace(
        TWO_LANGUAGES, attendees={**PEOPLE, **{voter: Attendee(voter, voter[6:], "en-US") for voter in voters}}
    )
    said = {
        (ADA, 0.5): ("Good morning, everyone.", "Buenos días a todos."),
        (BENITO, 5.6): ("Buenos días a todos.", "Good morning, everyone."),  # 0.5 s after its interpretation ends
        (ADA, 11.0): ("On Monday or on Tuesday?", "¿El lunes o el martes?"),
        (BENITO, 14.6): ("El martes.", "On Tuesday."),  # over the end of it
        **{(voter, 20.0 + 5.0 * turn): ("I vote in favour.", "Voto a favor.") for turn, voter in enumerate(voters)},
        (ADA, 52.0): ("The code is four seven one one.", "El código es cuatro siete uno uno."),
        (BENITO, 57.0): ("Cuatro siete uno uno.", "Four seven one one."),
        (ADA, 62.0): ("Four seven one one.", "Cuatro siete uno uno."),
        (BENITO, 67.0): ("Cuatro siete uno uno.", "Four seven one one."),
    }
    texts = iter(said.values())

    def translate(request: Interpret | Say) -> Script:
        original, interpretation = next(texts)
        return Answers(text=interpretation, heard=original, seconds=1.5)(request)

    meeting = Meeting(plan, translate)
    for speaker, at in said:
        meeting.says(speaker, at, 2.0)
    meeting.run(90.0)
    assert [entry.state.value for entry in meeting.settled()] == ["spoken"] * len(said)
    assert not any(entry.faults for entry in meeting.settled())
    assert [line.text for line in meeting.captions() if line.is_original] == [original for original, _ in said.values()]
    assert meeting.effects(Restricted) == []


def test_our_voice_out_of_a_loudspeaker_is_in_the_ledger_each_time_and_nobody_is_muted() -> None:
    meeting = Meeting(TWO_LANGUAGES, Answers(heard="Hola a todos"))
    for turn in range(TOLD_AFTER + 1):
        meeting.says(BENITO, 5.0 * turn, 0.9)
        meeting.happens(5.0 * turn + 0.85, OwnVoiceHeard(BENITO, 0.95, 800))
    meeting.happens(5.0, OwnVoiceHeard(ADA, 0.95, 800))  # of whom nothing is under way
    meeting.says(BENITO, 5.0 * turn + 4.0, 0.9)
    meeting.run(5.0 * turn + 10.0)
    ends = [(entry.state.value, entry.reason) for entry in meeting.settled()]
    assert ends == [("not_needed", "echo")] * (TOLD_AFTER + 1) + [("spoken", "")]
    assert [line.text for line in meeting.captions() if line.is_original] == ["Hola a todos"]
    told = f"echo: {BENITO} returns the interpreter's voice"
    assert meeting.session.restriction == told
    meeting.run(5.0 * turn + 10.0 + TOLD_S)
    assert meeting.effects(Restricted) == [Restricted(told, BENITO), Restricted("", BENITO)]


def test_a_person_who_speaks_right_after_our_voice_begins_an_utterance_of_their_own() -> None:
    meeting = Meeting(TWO_LANGUAGES, Answers(heard="Hola a todos"))
    meeting.says(BENITO, 0.0, 4.0)
    for at in (0.8, 1.6):
        meeting.happens(at, OwnVoiceHeard(BENITO, 0.9, 800))
    for at in (2.4, 3.2):
        meeting.happens(at, OwnVoiceHeard(BENITO, 0.1, 800))
    meeting.run(15.0)
    assert [(entry.state.value, entry.reason) for entry in meeting.settled()] == [
        ("not_needed", "echo"),
        ("spoken", ""),
    ]


def test_what_may_be_our_voice_is_interpreted_and_flagged() -> None:
    meeting = Meeting(TWO_LANGUAGES, Answers(heard="Hola a todos", text="Hello everybody"))
    meeting.says(BENITO, 0.0, 1.0)
    meeting.happens(0.85, OwnVoiceHeard(BENITO, 0.6, 800))
    meeting.run(10.0)
    assert [(entry.state.value, entry.faults) for entry in meeting.settled()] == [("spoken", (SUSPECTED_ECHO,))]
    assert {line.flags for line in meeting.captions() if line.is_final} == {(SUSPECTED_ECHO,)}


# --- the cap -------------------------------------------------------------------------------------------


def test_a_cap_that_is_reached_leaves_captions_and_says_so_in_each_language() -> None:
    meeting = Meeting(capped(tokens=50), Answers(seconds=1.0))
    for at in (0.5, 5.0, 10.0):
        meeting.says(ADA, at, 1.0)
    meeting.run(20.0)
    assert meeting.states() == {"u-1": ("spoken", ""), "u-2": ("spoken", ""), "u-3": ("caption_only", "usage_cap")}
    assert meeting.voices() == [1, 2]
    notices = {line.language: line.text for line in meeting.captions() if line.speaker == "interpreter"}
    assert notices == {tag: notice(tag) for tag in ("en-US", "es-ES")}
    assert notices["en-US"] != notices["es-ES"]
    assert [line.text for line in meeting.captions() if line.utterance == "u-3" and line.is_final] == ["Hello", "Hola"]
    assert meeting.session.restriction == "usage_cap: tokens"
    assert meeting.session.usage.total.total_tokens >= 50
    assert meeting.effects(Restricted) == [Restricted("usage_cap: tokens")]


def test_it_is_told_as_soon_as_the_last_sound_has_been_heard() -> None:
    meeting = Meeting(capped(tokens=1), Answers(seconds=1.0))
    meeting.says(ADA, 0.5, 1.0)
    meeting.run(20.0)
    told_at = next(at for at, effect in meeting.done if isinstance(effect, Restricted))
    assert told_at - meeting.played()[-1][0] < 0.03


def test_from_then_on_text_is_all_that_booths_are_asked_for() -> None:
    meeting = Meeting(capped(tokens=1), Answers(seconds=1.0))
    meeting.says(ADA, 0.5, 1.0)
    meeting.says(ADA, 5.0, 1.0)
    meeting.run(20.0)
    assert [opened.voice for opened in meeting.effects(OpenBooth)] == [True, False]


def test_what_is_being_said_when_the_cap_is_reached_is_said_to_the_end() -> None:
    meeting = Meeting(capped(tokens=30), Answers(seconds=4.0))
    meeting.says(ADA, 0.5, 1.0)
    meeting.says(BENITO, 1.0, 1.0)
    meeting.says(ADA, 12.0, 1.0)
    meeting.run(30.0)
    assert meeting.states() == {
        "u-1": ("spoken", ""),
        "u-2": ("spoken", ""),  # it had begun before the first was closed
        "u-3": ("caption_only", "usage_cap"),
    }
    assert len(meeting.played()) == 2 * 200


def test_a_cap_that_is_raised_gives_the_voice_back() -> None:
    meeting = Meeting(capped(tokens=1), Answers(seconds=1.0))
    meeting.says(ADA, 0.5, 1.0)
    meeting.says(ADA, 5.0, 1.0)
    meeting.happens(10.0, PlanChanged(capped(tokens=1_000)))
    meeting.says(ADA, 11.0, 1.0)
    meeting.run(20.0)
    assert [state for state, _ in meeting.states().values()] == ["spoken", "caption_only", "spoken"]
    assert [one.reason for one in meeting.effects(Restricted)] == ["usage_cap: tokens", ""]
    assert meeting.session.restriction == ""


def test_readers_are_told_each_time_the_cap_is_reached() -> None:
    meeting = Meeting(capped(tokens=1), Answers(seconds=1.0))
    for at in (1.0, 11.0):
        meeting.says(ADA, at=at, seconds=1.0)
    meeting.happens(10.0, PlanChanged(capped(tokens=31)))
    meeting.run(until=20.0)
    assert [one.reason for one in meeting.effects(Restricted)] == ["usage_cap: tokens", "", "usage_cap: tokens"]
    told = [line.language for line in meeting.captions() if line.speaker == "interpreter"]
    assert told == ["en-US", "es-ES"] * 2


def test_which_engine_serves_a_lane_is_told_of_lanes_that_are_open() -> None:
    meeting = Meeting()
    meeting.says(ADA, 0.5, 1.0)
    meeting.run(1.0)
    assert meeting.handle(BoothReady(ADA_INTO_SPANISH, "conversation")) == [LaneReady(ADA_INTO_SPANISH, "conversation")]
    assert meeting.handle(BoothReady(ADA_INTO_SPANISH)) == []
    assert meeting.handle(BoothReady(BENITO_INTO_ENGLISH, "conversation")) == []


def test_the_rest_is_written_down_at_the_end_of_the_meeting() -> None:
    meeting = Meeting()
    meeting.says(ADA, 0.5, 1.0)
    meeting.run(10.0)
    meeting.handle(BoothUsed(ADA_INTO_SPANISH, Usage(translation_ms=9_000)))
    meeting.handle(BoothUsed(BENITO_INTO_ENGLISH, Usage()))
    meeting.handle(MeetingEnded("call_ended"))
    last = meeting.settled()[-1]
    assert (last.kind, last.lane, last.tokens) == (EntryKind.USAGE, ADA_INTO_SPANISH, {"translation_ms": 9_000})
    assert len(meeting.effects(Opened)) == len(meeting.effects(Settled))
