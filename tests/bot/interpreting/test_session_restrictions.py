"""What a session leaves undone and says so: the words of whoever echoes it, and voices beyond what a room may use."""

from __future__ import annotations

from dataclasses import replace

from bot.interpreting.effects import Interpret, LaneReady, OpenBooth, Restricted, Say
from bot.interpreting.events import BoothReady, PlanChanged
from bot.interpreting.ledger import EntryState
from bot.interpreting.plan import Attendee, Lane, RoomPlan, UsageCap
from bot.interpreting.quality.echo_loops import LOOP_LENGTH, MUTE_S, REMEMBERED_S, SUPPRESSED_BEFORE_MUTE
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


def test_two_interpreters_that_hear_each_other_fall_silent() -> None:
    plan = replace(TWO_LANGUAGES, attendees={**PEOPLE, BOT: Attendee(BOT, "Another bot", "en-US")})
    translator = Translator()
    meeting = TwoInterpreters(plan, translator)
    meeting.says(ADA, 0.5, 2.0)
    meeting.follow(120.0)
    assert meeting.turns <= LOOP_LENGTH
    ends = [(entry.lane.speaker, entry.state.value, entry.reason) for entry in meeting.settled()]
    assert ends == [(ADA, "spoken", ""), (BOT, "spoken", ""), (BOT, ends[-1][1], "echo")]
    assert ends[-1][1] in ("not_needed", "abandoned")
    originals = [line.utterance for line in meeting.captions() if line.is_original]
    assert originals == ["u-1", "u-2"], "what is suppressed is not written down as anybody's words"


def test_one_that_does_not_fall_silent_is_muted_where_admins_see_it_and_heard_again_later() -> None:
    plan = replace(TWO_LANGUAGES, attendees={**PEOPLE, BOT: Attendee(BOT, "Another bot", "en-US")})
    meeting = Meeting(plan, Translator())
    for turn in range(8):
        meeting.says((ADA, BOT)[turn > 0], 0.5 + 5.0 * turn, 2.0)
    meeting.run(45.0)
    assert meeting.session.restriction == f"echo: {BOT} is muted"
    assert len([entry for entry in meeting.settled() if entry.reason == "echo"]) == SUPPRESSED_BEFORE_MUTE
    assert len(meeting.settled()) == 2 + SUPPRESSED_BEFORE_MUTE, "what is said while muted is not even an utterance"
    meeting.run(45.0 + MUTE_S)
    assert meeting.session.restriction == ""
    assert meeting.effects(Restricted) == [Restricted(f"echo: {BOT} is muted", BOT), Restricted("", BOT)]
    meeting.says(BOT, meeting.now + REMEMBERED_S, 2.0)
    meeting.run(meeting.now + REMEMBERED_S + 10.0)
    assert meeting.settled()[-1].state is EntryState.SPOKEN


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


def test_which_engine_serves_a_lane_is_told_of_lanes_that_are_open() -> None:
    meeting = Meeting()
    meeting.says(ADA, 0.5, 1.0)
    meeting.run(1.0)
    assert meeting.handle(BoothReady(ADA_INTO_SPANISH, "conversation")) == [LaneReady(ADA_INTO_SPANISH, "conversation")]
    assert meeting.handle(BoothReady(ADA_INTO_SPANISH)) == []
    assert meeting.handle(BoothReady(BENITO_INTO_ENGLISH, "conversation")) == []
