from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from bot.interpreting.booths import Booths
from bot.interpreting.captions import Captions, Utterance
from bot.interpreting.effects import Caption, Effect, Play, Settled
from bot.interpreting.plan import AUTO, WEB, Lane, Layout, RoomPlan
from bot.interpreting.rendition import Rendition
from bot.interpreting.renditions import Renditions
from bot.interpreting.routing import Route, RoutingTable
from bot.interpreting.spoken_language import SpokenLanguages, is_foreign, recognise
from bot.interpreting.usage_meter import UsageMeter
from tests.support.audio import numbered, numbers
from tests.support.meeting import GUEST, TWO_LANGUAGES

EN, ES, FR = "en-US", "es-ES", "fr-FR"
INTO_ENGLISH, INTO_SPANISH = Lane(GUEST, AUTO, EN), Lane(GUEST, AUTO, ES)
LISTENERS = replace(TWO_LANGUAGES, layout=Layout.CHANNELS)
WORDS = {"en": "the and good morning everybody thank you", "es": "buenos días a todos gracias", "fr": "bonjour à tous"}
VOICE = numbered(7)


def identify(text: str, languages: Collection[str]) -> str | None:
    """Knows a few words of three languages."""
    said = set(text.lower().rstrip(".").split())
    found = [language for language in sorted(languages) if said & set(WORDS.get(language, "").split())]
    return found[0] if len(found) == 1 else None


class Desk:
    """A guest who speaks for 2 s, and two booths. Its sound is frame 7, that of interpretations frame 2."""

    def __init__(self, plan: RoomPlan = LISTENERS, source: str = AUTO, *, by_browser: bool = False) -> None:
        self.out: list[Effect] = []
        table = RoutingTable(plan)
        if by_browser:
            table.seat((GUEST,), WEB)
        booths = Booths(plan, RoutingTable(plan), self.out)
        self.captions = Captions(plan, 0.0, self.out)
        self.books = Renditions(plan, self.out, UsageMeter(plan.usage_cap), booths, self.captions)
        self.books.set_stream("room", ready=True)
        self.languages = SpokenLanguages(plan, self.books, self.captions, identify)
        self.spoken = Utterance("u-1", GUEST, "Guest", source, 0.0)
        self.captions.begin(self.spoken)
        for route in table.routes(GUEST):
            self.books.begin(self.spoken, route, VOICE, 0.0)
        self.books.hear("u-1", VOICE)

    def stops(self) -> Desk:
        self.spoken.ended_at = 2.0
        self.books.commit(self.spoken, 500, 2.5)
        return self

    def one(self, lane: Lane) -> Rendition:
        found = self.books.open.find(lane, "u-1")
        assert found is not None
        return found

    def answered(self, lane: Lane, text: str, *, complete: bool = True) -> Rendition:
        one = self.one(lane)
        self.captions.grow(self.spoken, lane.target, text, 3.0)
        self.books.voice(one, numbered(2) * 50, 3.0)
        if complete:
            one.final_flags = ()
            self.books.complete(one)
        return one

    def said(self, text: str | None) -> None:
        self.spoken.source_text = text
        self.languages.recognised(self.spoken, 3.1)

    def plays(self) -> dict[str, set[int]]:
        """What is heard on each channel."""
        for frame in range(200):
            self.books.play(3.2 + frame * 0.02, quiet=True)
        found: dict[str, set[int]] = {}
        for effect in self.out:
            if isinstance(effect, Play):
                found.setdefault(effect.channel, set()).add(numbers(effect.pcm)[0])
        return found

    def ends(self) -> dict[tuple[str, str], tuple[str, str]]:
        entries = [effect.entry for effect in self.out if isinstance(effect, Settled)]
        return {(one.lane.source, one.lane.target): (one.state.value, one.reason) for one in entries}

    def kinds(self) -> dict[str, str]:
        return {effect.entry.lane.target: effect.entry.kind.value for effect in self.out if isinstance(effect, Settled)}

    def lines(self) -> list[tuple[str, str, bool]]:
        """The final captions."""
        lines = [effect.line for effect in self.out if isinstance(effect, Caption)]
        return [(line.language, line.text, line.is_original) for line in lines if line.is_final]


# --- recognising -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "languages", "wanted"),
    [
        ("Buenos días a todos.", (EN, ES), ES),
        ("Buenos días a todos.", (EN, "es-MX", ES), "es-MX"),
        ("Ok.", (EN, ES), ""),
        ("おはようございます。", (EN, "ja-JP"), "ja-JP"),
        ("Good morning.", (EN, "ja-JP"), EN),
        ("おはようございます。", (EN, ES), None),
        ("Здравствуйте.", ("sr-Latn", EN), None),
        ("Good morning.", (EN,), ""),
    ],
)
def test_a_text_is_in_one_of_the_languages_of_the_room_or_in_none(
    text: str, languages: tuple[str, ...], wanted: str | None
) -> None:
    assert recognise(text, languages, identify) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Good morning everybody.", False),
        ("ご視聴ありがとうございました", True),
        ("Buenos días a todos.", True),
        ("A todos.", False),
        ("", False),
    ],
)
def test_a_text_in_another_script_or_clearly_in_another_language_is_foreign(text: str, wanted: bool) -> None:
    assert is_foreign(text, EN, identify) is wanted


# --- what follows ----------------------------------------------------------------------------------


def test_where_the_language_is_spoken_already_the_speakers_passed_through_is_heard_and_not_an_interpretation() -> None:
    desk = Desk().stops()
    desk.answered(INTO_ENGLISH, "Good morning.")
    desk.answered(INTO_SPANISH, "Buenos días.")
    desk.said("Buenos días a todos.")
    assert desk.plays() == {"room": {2}, EN: {2}, ES: {7}}
    assert desk.ends() == {(AUTO, EN): ("spoken", ""), (AUTO, ES): ("spoken", "")}
    assert desk.kinds() == {ES: "passthrough", EN: "utterance"}
    assert desk.lines() == [(ES, "Buenos días a todos.", True), (EN, "Good morning.", False)]


def test_in_a_shared_room_where_the_speaker_is_heard_a_repetition_is_not_needed() -> None:
    desk = Desk(TWO_LANGUAGES).stops()
    desk.answered(INTO_SPANISH, "Buenos días.", complete=False)
    desk.answered(INTO_ENGLISH, "Good morning.")
    desk.said("Buenos días a todos.")
    assert desk.plays() == {"room": {2}}
    assert desk.ends() == {(AUTO, ES): ("not_needed", ""), (AUTO, EN): ("spoken", "")}


def test_a_repetition_that_is_being_heard_is_broken_off() -> None:
    desk = Desk(TWO_LANGUAGES).stops()
    desk.answered(INTO_SPANISH, "Buenos días.")
    desk.books.play(5.6, quiet=True)
    desk.said("Buenos días a todos.")
    assert desk.ends() == {(AUTO, ES): ("abandoned", "own_language")}


def test_a_repetition_that_is_being_heard_goes_on_where_the_speaker_is_not_heard() -> None:
    desk = Desk().stops()
    desk.answered(INTO_SPANISH, "Buenos días.")
    desk.books.play(5.6, quiet=True)
    desk.said("Buenos días a todos.")
    assert {passage.channel for passage in desk.one(INTO_SPANISH).passages} == {ES}
    for frame in range(100):
        desk.books.play(5.62 + frame * 0.02, quiet=True)
    assert desk.ends()[AUTO, ES] == ("spoken", "")
    assert desk.lines()[0] == (ES, "Buenos días a todos.", True)


def test_a_language_recognised_while_the_speaker_goes_on_is_passed_through_to_the_end() -> None:
    desk = Desk()
    desk.said("Buenos días a todos.")
    desk.books.hear("u-1", VOICE)
    desk.stops()
    assert desk.one(INTO_SPANISH).entry.received == 3 * len(VOICE)
    assert desk.plays()[ES] == {7}


@pytest.mark.parametrize("first", ["words", "answer"])
def test_what_says_the_same_as_the_speaker_is_in_the_speakers_language(first: str) -> None:
    desk = Desk().stops()
    if first == "words":
        desk.said("Vale, Ana!")
        assert desk.lines() == []
        desk.answered(INTO_SPANISH, "Vale, Ana.", complete=False)
        assert desk.languages.repeats(desk.one(INTO_SPANISH), 3.2)
    else:
        assert not desk.languages.repeats(desk.answered(INTO_SPANISH, "Vale, Ana."), 3.0), "nothing is known yet"
        desk.said("Vale, Ana!")
    assert desk.lines() == [(ES, "Vale, Ana!", True)]
    assert desk.plays()[ES] == {7}
    assert not desk.languages.repeats(desk.answered(INTO_ENGLISH, "Vale, Ana."), 3.3)


def test_signs_without_words_repeat_nothing() -> None:
    desk = Desk().stops()
    desk.said("...")
    assert not desk.languages.repeats(desk.answered(INTO_SPANISH, "...", complete=False), 3.2)
    assert not desk.languages.repeats(desk.answered(INTO_ENGLISH, "Ok."), 3.2)


@pytest.mark.parametrize(("words", "heard"), [(None, {7}), ("Ok.", {7}), ("", None)])
def test_a_lane_that_says_nothing_tells_the_language(words: str | None, heard: set[int] | None) -> None:
    """Unless nothing was said."""
    desk = Desk().stops()
    if words is not None:
        desk.said(words)
    assert desk.languages.said_nothing(desk.one(INTO_SPANISH), 3.0)
    assert desk.plays().get(ES) == heard
    assert desk.spoken.silent == [ES]


def test_a_voice_that_is_heard_as_it_is_stays_when_its_language_is_recognised() -> None:
    desk = Desk().stops()
    desk.languages.said_nothing(desk.one(INTO_SPANISH), 3.0)
    desk.said("Buenos días a todos.")
    assert desk.plays()[ES] == {7}
    assert desk.ends() == {(AUTO, ES): ("spoken", "")}


def test_a_lane_that_says_nothing_about_another_language_has_failed() -> None:
    desk = Desk().stops()
    desk.said("Buenos días a todos.")
    assert not desk.languages.said_nothing(desk.one(INTO_ENGLISH), 3.2)
    assert not Desk(TWO_LANGUAGES, source=EN).languages.said_nothing(
        Rendition(desk.one(INTO_ENGLISH).entry, replace(desk.spoken, doubtful=True), ()), 3.2
    )


def test_a_suspect_interpretation_stays_held_back_when_the_language_is_known() -> None:
    desk = Desk().stops()
    one = desk.answered(INTO_ENGLISH, "Good morning.", complete=False)
    one.doubted_until, one.unknown_until = 9.0, 12.0
    one.hold()
    desk.said("Buenos días a todos.")
    assert {passage.held_until for passage in one.passages} == {9.0}


def test_who_speaks_the_language_of_the_roster_is_believed_unless_the_words_are_foreign() -> None:
    desk = Desk(source=EN)
    desk.said("Good morning everybody.")
    assert not desk.spoken.doubtful
    assert desk.lines() == [(EN, "Good morning everybody.", True)]
    desk = Desk(source=EN)
    desk.said("ご視聴ありがとうございました")
    assert desk.spoken.doubtful
    assert desk.lines() == [(EN, "ご視聴ありがとうございました", True)]


def test_words_in_no_language_of_the_room_withdraw_nothing() -> None:
    desk = Desk().stops()
    desk.said("ご視聴ありがとうございました")
    assert desk.spoken.doubtful
    assert not desk.languages.awaited(desk.one(INTO_SPANISH))
    assert desk.lines() == [("und", "ご視聴ありがとうございました", True)]
    desk.said(None)
    assert desk.ends() == {}


def test_the_languages_of_a_changed_plan_are_recognised() -> None:
    desk = Desk().stops()
    desk.languages.follow(replace(LISTENERS, languages=(EN, ES, FR)))
    desk.said("Bonjour à tous.")
    assert desk.spoken.recognised == FR
    assert desk.languages.awaited(desk.one(INTO_ENGLISH)) is False


def test_nothing_waits_for_the_interpretation_of_what_is_passed_through_instead() -> None:
    desk = Desk()
    leg = Lane(GUEST, ES, FR)
    desk.books.begin(desk.spoken, Route(leg, ("room",), via=INTO_SPANISH), b"", 0.0)
    desk.stops()
    desk.said("Buenos días a todos.")
    desk.plays()
    assert desk.ends()[AUTO, ES] == ("spoken", "")
    assert desk.ends()[ES, FR] == ("abandoned", "relay_failed")


def test_the_own_voice_of_who_is_brought_into_the_call_goes_on_whatever_the_language() -> None:
    desk = Desk(by_browser=True).stops()
    desk.said("Buenos días a todos.")
    desk.answered(INTO_ENGLISH, "Good morning everybody.")
    desk.plays()
    assert desk.kinds()[AUTO] == "passthrough"
    assert desk.ends()[AUTO, AUTO] == ("spoken", "")
