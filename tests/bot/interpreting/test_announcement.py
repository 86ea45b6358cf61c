from __future__ import annotations

import pytest

from bot.interpreting.announcement import languages, text
from bot.interpreting.plan import RoomPlan


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
