from __future__ import annotations

import pytest

from bot.interpreting.announcement import ATTEMPTS, SPEAKER, ReadAloud, languages, text
from bot.interpreting.ledger import Entry, EntryState
from bot.interpreting.plan import AUTO, Lane, RoomPlan


def plan(*tags: str, announcement: bool = True, **words: str) -> RoomPlan:
    return RoomPlan(tags, announcement=announcement, announcements={key.replace("_", "-"): words[key] for key in words})


@pytest.mark.parametrize("tag", ["de-DE", "en-US", "es-ES", "fr-FR", "it-IT", "pt-BR"])
def test_there_are_words_for_the_usual_languages_each_its_own(tag: str) -> None:
    others = {text(RoomPlan((other,)), other) for other in ("de", "en", "es", "fr", "it", "pt") if other != tag[:2]}
    assert text(RoomPlan((tag,)), tag)
    assert text(RoomPlan((tag,)), tag) not in others


def test_a_room_may_have_words_of_its_own_by_tag_or_by_language() -> None:
    own = plan("es-ES", "es-MX", "ja-JP", es="Hola.", es_MX="Qué tal.", ja="通訳は機械です。")
    assert [text(own, tag) for tag in own.languages] == ["Hola.", "Qué tal.", "通訳は機械です。"]


def test_it_is_due_in_every_language_that_has_words_for_it_once() -> None:
    assert languages(plan("en-US", "ja-JP", "es-ES", "en-US")) == ["en-US", "es-ES"]
    assert languages(plan("en-US", announcement=False)) == []
    assert languages(plan("es-ES", "es-MX", "pt-BR")) == ["es-ES", "pt-BR"], "varieties share their words"
    assert languages(plan("es-ES", "es-MX", es_MX="Qué tal.")) == ["es-ES", "es-MX"], "unless they have their own"


ES, MX, OWN = Lane("8:acs:ada", "en-US", "es-ES"), Lane("8:acs:ben", "en-US", "es-MX"), Lane(SPEAKER, AUTO, "es-ES")


def attempt(aloud: ReadAloud, lane: Lane, state: EntryState = EntryState.COMMITTED, reason: str = "") -> None:
    aloud.asked("es-ES", lane, Entry("u-es-ES", lane, state, 0.0, reason))


def test_each_booth_into_the_language_is_asked_once_and_at_last_one_of_its_own() -> None:
    aloud = ReadAloud()
    assert aloud.next("es-ES", [Lane("8:acs:ada", "en-US", "fr-FR")]) is None
    for number, lane in enumerate((ES, MX, OWN)):
        assert aloud.attempts("es-ES") == number
        assert aloud.next("es-ES", [ES, MX]) == lane
        attempt(aloud, lane, EntryState.ABANDONED, "not_supported")
    assert aloud.next("es-ES", [ES, MX]) is None


def test_no_more_booths_than_so_many_are_asked() -> None:
    aloud = ReadAloud()
    many = [Lane(f"8:acs:{number}", "en-US", "es-ES") for number in range(9)]
    for lane in many[:ATTEMPTS]:
        assert aloud.next("es-ES", many) == lane
        attempt(aloud, lane, EntryState.ABANDONED)
    assert aloud.next("es-ES", many) is None


@pytest.mark.parametrize(
    ("state", "reason"),
    [(EntryState.COMMITTED, ""), (EntryState.SPOKEN, ""), (EntryState.ABANDONED, "hushed")],
)
def test_what_is_under_way_was_heard_or_was_stopped_is_not_said_again(state: EntryState, reason: str) -> None:
    aloud = ReadAloud()
    attempt(aloud, ES, state, reason)
    assert aloud.next("es-ES", [ES, MX]) is None
