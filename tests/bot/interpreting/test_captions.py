from __future__ import annotations

from dataclasses import replace

import pytest

from bot.interpreting.caption_text import REVISIONS_EVERY_S, CaptionLine
from bot.interpreting.captions import FOLLOW_UP_S, UNDETERMINED, Captions, Utterance
from bot.interpreting.effects import Caption, Effect
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import AUTO, RoomPlan, Stability

ES = "es-ES"
PLAN = RoomPlan(("en-US", ES))


class Read:
    """Captions, and the lines that came of them."""

    def __init__(self, plan: RoomPlan = PLAN) -> None:
        self.out: list[Effect] = []
        self.captions = Captions(plan, 100.0, self.out)

    @property
    def lines(self) -> list[CaptionLine]:
        return [effect.line for effect in self.out if isinstance(effect, Caption)]

    def texts(self) -> list[tuple[str, str, bool]]:
        return [(line.language, line.text, line.is_final) for line in self.lines]


def spoken(source: str = "en-US") -> Utterance:
    return Utterance("u-1", "8:acs:ada", "Ada", source, 101.5)


def test_lines_say_whose_words_they_are_and_when_they_were_said() -> None:
    read, one = Read(), spoken()
    one.ended_at = 103.75
    one.source_text = "Good morning"
    read.captions.original(one)
    (line,) = read.lines
    assert (line.speaker, line.speaker_name, line.timestamp_ms, line.duration_ms) == ("8:acs:ada", "Ada", 1_500, 2_250)
    assert (line.is_original, line.is_final, line.flags, line.pinned) == (True, True, (), False)


@pytest.mark.parametrize(
    ("silent", "language"), [([], UNDETERMINED), ([ES], ES), ([ES, "es-MX"], ES), ([ES, "en-US"], UNDETERMINED)]
)
def test_words_of_unknown_language_wait_until_their_lanes_are_settled_which_may_tell_it(
    silent: list[str], language: str
) -> None:
    read, one = Read(), spoken(AUTO)
    read.captions.begin(one)
    one.source_text = "Buenos días"
    read.captions.original(one)
    read.captions.forget(103.0, {"u-1"})
    assert read.lines == []
    one.silent += silent
    read.captions.forget(104.0, ())
    assert read.texts() == [(language, "Buenos días", True)]


def test_words_whose_language_is_recognised_are_shown_under_it_at_once() -> None:
    read, one = Read(), spoken(AUTO)
    one.source_text, one.recognised = "Buenos días", ES
    read.captions.original(one)
    read.captions.original(one)
    assert read.texts() == [(ES, "Buenos días", True)]


@pytest.mark.parametrize(("source", "language"), [("en-US", "en-US"), (AUTO, UNDETERMINED)])
def test_words_of_a_language_nobody_spoke_are_flagged(source: str, language: str) -> None:
    read, one = Read(), spoken(source)
    one.source_text, one.doubtful = "ご視聴ありがとうございました", True
    read.captions.original(one)
    assert [(line.language, line.flags) for line in read.lines] == [(language, ("language",))]


def test_an_interpretation_grows_and_is_finished_with_what_is_wrong_with_it() -> None:
    read, one = Read(), spoken()
    for delta in ("Buenos", "", " días"):
        read.captions.grow(one, ES, delta, 102.0)
    assert read.captions.text("u-1", ES) == "Buenos días"
    assert read.captions.finish(one, ES, ("number",)) == "Buenos días"
    assert read.texts() == [(ES, "Buenos", False), (ES, "Buenos días", False), (ES, "Buenos días", True)]
    assert [line.revision for line in read.lines] == [1, 2, 3]
    assert read.lines[-1].flags == ("number",)
    assert read.captions.finish(one, ES) == "", "nothing follows a final line"


def test_one_that_breaks_off_is_closed_and_says_so_once_if_anybody_has_read_of_it() -> None:
    read, one = Read(), spoken()
    read.captions.close(one, "fr-FR", "abandoned")
    assert read.lines == []
    read.captions.grow(one, ES, "Buenos", 102.0)
    read.captions.close(one, ES, "abandoned")
    read.captions.close(one, ES, "abandoned")
    assert [(line.text, line.is_final, line.flags) for line in read.lines] == [
        ("Buenos", False, ()),
        ("Buenos", True, ("abandoned",)),
    ]


def test_an_empty_original_is_not_shown() -> None:
    read = Read()
    silent = spoken()
    silent.source_text = ""
    read.captions.original(silent)
    read.captions.announce(spoken(), "")
    assert read.lines == []


def test_a_corrected_glossary_changes_lines_that_still_grow() -> None:
    before = GlossaryEntries.of({"budget": {"es": "presupuesto"}}, ["es-ES"])
    after = GlossaryEntries.of({"budget": {"es": "dotación"}}, ["es-ES"])
    plan = replace(PLAN, glossary=before)
    read, one, other = Read(plan), spoken(), Utterance("u-2", "8:acs:bo", "Bo", "en-US", 102.0)
    read.captions.begin(one)
    read.captions.begin(other)
    read.captions.grow(one, ES, "El presupuesto ", 102.0)
    read.captions.grow(other, ES, "Otra cosa ", 102.0)
    read.captions.follow(plan, 102.4)
    assert read.texts()[2:] == []
    read.captions.follow(replace(plan, glossary=after), 102.5)
    assert read.texts()[2:] == [(ES, "El dotación", False)]


def test_announcements_are_kept_for_whoever_comes_late() -> None:
    read = Read()
    read.captions.announce(spoken(), "A machine interprets.")
    assert [(line.text, line.is_final, line.pinned) for line in read.lines] == [("A machine interprets.", True, True)]


def test_what_was_withheld_is_shown_when_it_may_be() -> None:
    read, one = Read(replace(PLAN, stability=Stability.BALANCED)), spoken()
    read.captions.begin(one)
    read.captions.grow(one, ES, "Buenos ", 102.0)
    read.captions.grow(one, ES, "días ", 102.01)
    assert len(read.lines) == 1
    due_at = read.captions.deadline()
    assert due_at == 102.0 + REVISIONS_EVERY_S
    read.captions.tick(due_at)
    assert [line.text.strip() for line in read.lines] == ["Buenos", "Buenos días"]


def test_an_interpretation_begins_again_unless_readers_were_promised_that_it_does_not_change() -> None:
    read, one = Read(), spoken()
    read.captions.grow(one, ES, "Como modelo", 102.0)
    assert read.captions.restart("u-1", ES)
    assert read.captions.text("u-1", ES) == ""
    read.captions.follow(replace(PLAN, stability=Stability.AGGRESSIVE), 102.5)
    read.captions.grow(one, ES, "Hola. ", 103.0)
    assert not read.captions.restart("u-1", ES)


def test_an_utterance_is_kept_for_its_own_words_as_long_as_they_may_come() -> None:
    read, one = Read(), spoken()
    read.captions.begin(one)
    read.captions.forget(103.0, {"u-1"})
    assert (one.settled_at, read.captions.deadline()) == (None, None), "a lane is open"
    read.captions.forget(104.0, set())
    read.captions.forget(105.0, set())
    assert read.captions.find("u-1") is one
    assert read.captions.deadline() == 104.0 + FOLLOW_UP_S
    read.captions.forget(104.0 + FOLLOW_UP_S, set())
    assert (read.captions.find("u-1"), read.captions.deadline()) == (None, None)


def test_an_utterance_whose_own_words_have_come_is_forgotten_with_its_lines() -> None:
    read, one = Read(), spoken()
    read.captions.begin(one)
    one.source_text = "Good morning"
    read.captions.grow(one, ES, "Hola", 103.0)
    read.captions.forget(104.0, set())
    assert (read.captions.find("u-1"), read.captions.text("u-1", ES)) == (None, "")


@pytest.mark.parametrize(
    ("languages", "source", "targets", "line", "wanted"),
    [
        (("en-US", ES, "es-MX"), "en-US", {ES}, ES, (ES, "es-MX", "es")),
        (("en-US", ES, "es-MX"), "en-US", {ES}, "en-US", ("en-US", "en")),
        (("en-US", ES, "es-MX"), "en-US", {ES, "es-MX"}, ES, (ES, "es")),
        (("en-US", ES, "es-MX"), "en-US", {ES, "es-MX"}, "es-MX", ("es-MX",)),
        (("en-US", ES, "es-MX"), "es-MX", {"en-US"}, "es-MX", ("es-MX", ES, "es")),
        (("en", "zh-CN", "zh-Hant", "zh-TW", "zh-SG"), "en", {"zh-CN", "zh-Hant"}, "zh-CN", ("zh-CN", "zh-SG", "zh")),
        (("en", "zh-CN", "zh-Hant", "zh-TW", "zh-SG"), "en", {"zh-CN", "zh-Hant"}, "zh-Hant", ("zh-Hant", "zh-TW")),
        (("en", "zh-Hant", "zh-CN"), "en", {"zh-Hant"}, "zh-Hant", ("zh-Hant", "zh-CN", "zh")),
        (("en-US", "fr-FR"), "en-US", set(), ES, (ES, "es")),
    ],
)
def test_a_line_is_for_its_readers_and_those_of_varieties_that_have_none(
    languages: tuple[str, ...], source: str, targets: set[str], line: str, wanted: tuple[str, ...]
) -> None:
    read, one = Read(RoomPlan(languages)), spoken(source)
    one.targets = frozenset(targets)
    for delta in ("a", "b"):
        read.captions.grow(one, line, delta, 102.0)
    assert [each.languages for each in read.lines] == [wanted, wanted]


def test_lines_are_addressed_to_the_languages_of_the_present_plan() -> None:
    read, one = Read(), spoken()
    read.captions.follow(RoomPlan(("en-US", ES, "es-MX")), 102.0)
    read.captions.grow(one, ES, "a", 102.0)
    assert read.lines[0].languages == (ES, "es-MX", "es")


def test_how_much_of_the_speech_is_the_interpreters_own_voice() -> None:
    one = spoken()
    assert one.own_share == 0.0
    one.voiced_ms, one.measured_ms, one.own_voice_ms = 1_000, 400, 350.0
    assert one.own_share == pytest.approx(350 / 700)


def test_the_share_of_our_own_voice_is_of_the_speech_that_could_be_compared() -> None:
    one = Utterance("u-1", "8:acs:ada", "Ada", "en-US", 0.0)
    assert one.own_share == 0.0
    one.voiced_ms, one.measured_ms, one.own_voice_ms = 2_000, 1_600, 1_200.0
    assert one.own_share == 0.75
    one.measured_ms, one.own_voice_ms = 700, 700.0
    assert one.own_share == 0.5, "the rest was said while the interpreter was silent"


def test_the_speakers_own_words_grow_and_are_replaced_by_the_whole() -> None:
    read, one = Read(), spoken()
    read.captions.begin(one)
    read.captions.grow_original(one, "Good", 102.0)
    read.captions.grow_original(one, " mourning", 102.2)
    one.source_text = "Good morning"
    read.captions.original(one)
    read.captions.grow_original(one, " late", 103.0)
    assert read.texts() == [
        ("en-US", "Good", False),
        ("en-US", "Good mourning", False),
        ("en-US", "Good morning", True),
    ]
    assert all(line.is_original for line in read.lines)


def test_growing_words_whose_language_is_not_known_are_not_shown() -> None:
    read = Read()
    read.captions.grow_original(spoken(AUTO), "Buenos", 102.0)
    assert read.lines == []


def test_own_words_that_break_off_are_made_final_and_flagged() -> None:
    read, one = Read(), spoken()
    read.captions.begin(one)
    read.captions.grow_original(one, "Good mor", 102.0)
    read.captions.forget(103.0, ())
    read.captions.forget(103.0 + FOLLOW_UP_S, ())
    (_, last) = read.lines
    assert (last.text, last.is_final, last.is_original, last.flags) == ("Good mor", True, True, ("abandoned",))


@pytest.mark.parametrize(
    ("source", "known", "grown", "shown"),
    [
        ("en-US", "Good", "", ["Good"]),
        ("en-US", "Good", "Good mor", ["Good mor", "Good mor"]),
        ("en-US", "", "", []),
        (AUTO, "Good", "", []),
    ],
)
def test_of_words_that_never_come_those_before_a_pause_are_shown(
    source: str, known: str, grown: str, shown: list[str]
) -> None:
    read, one = Read(), spoken(source)
    one.before = replace(one, source_text=known)
    read.captions.begin(one)
    read.captions.grow_original(one, grown, 102.0)
    read.captions.forget(103.0, ())
    read.captions.forget(103.0 + FOLLOW_UP_S, ())
    assert [line.text for line in read.lines] == shown
    assert all(line.is_final == (line.flags == ("abandoned",)) for line in read.lines)


def test_what_was_said_before_a_pause_is_no_part_of_the_own_share() -> None:
    one = spoken()
    one.before = replace(one, voiced_ms=800)
    assert one.own_share == 0.0, "it is under way"
    one.own_voice_ms, one.measured_ms, one.voiced_ms = 700.0, 700, 1_800
    assert one.own_share == 1.0


def test_own_words_stay_own_words_when_they_are_withheld_or_corrected() -> None:
    read, one = Read(replace(PLAN, stability=Stability.BALANCED)), spoken()
    read.captions.begin(one)
    read.captions.grow_original(one, "The Kontoso ", 102.0)
    read.captions.grow_original(one, "report ", 102.05)
    read.captions.tick(102.05 + REVISIONS_EVERY_S)
    assert [(line.text, line.is_original) for line in read.lines] == [
        ("The Kontoso", True),
        ("The Kontoso report", True),
    ]
