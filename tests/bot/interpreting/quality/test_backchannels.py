from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.plan import AUTO
from bot.interpreting.quality.backchannels import (
    QUESTION_S,
    SHORT_MS,
    OpenQuestion,
    is_a_word,
    is_backchannel,
    is_question,
)


def is_one(
    text: str, language: str = "en-US", voiced_ms: int = 300, talked_over: bool = False, asked: bool = False
) -> bool:
    return is_backchannel(text, language, voiced_ms=voiced_ms, talked_over=talked_over, asked=asked)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Mm-hm.", "en-US"),
        ("Uh-huh, mhm", "en-GB"),
        ("Ajá.", "es-ES"),
        ("Hum…", "fr-FR"),
        ("Ähm", "de-DE"),
        ("Ehm", "it-IT"),
        ("Aham!", "pt-BR"),
        ("Mhm", AUTO),
    ],
)
def test_hums_need_no_interpretation(text: str, language: str) -> None:
    assert is_one(text, language)


@pytest.mark.parametrize("text", ["Ok.", "Yes", "Right, sure."])
def test_an_assent_is_one_only_under_the_words_of_another_who_has_not_asked(text: str) -> None:
    assert not is_one(text)
    assert is_one(text, talked_over=True)
    assert not is_one(text, talked_over=True, asked=True)


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [("Uh-huh.", "en-US", False), ("Ajá.", "es-ES", False), ("Um…", "en-US", True), ("Euh, hm", "fr-FR", True)],
)
def test_a_hum_that_answers_a_question_has_content_and_a_filler_has_not(text: str, language: str, wanted: bool) -> None:
    assert is_one(text, language, asked=True) is wanted


@pytest.mark.parametrize("text", ["", " … "])
def test_what_was_not_recognised_may_be_anything(text: str) -> None:
    assert not is_one(text)


@pytest.mark.parametrize(
    ("text", "wanted"), [("No.", True), ("Sí, claro.", True), ("いいえ", True), ("", False), ("Gracias por ver", False)]
)
def test_a_word_or_two_are_not_a_sentence(text: str, wanted: bool) -> None:
    assert is_a_word(text) is wanted


def test_an_assent_in_a_language_of_its_own() -> None:
    assert is_one("Sí, vale.", "es-MX", talked_over=True)
    assert not is_one("Sí, vale.", "de-DE", talked_over=True)


@pytest.mark.parametrize("text", ["No.", "Nein", "Stop", "Ok?", "Mm-hm, no", "Tuesday", "Hm?"])
@pytest.mark.parametrize("talked_over", [True, False])
def test_what_has_content_is_interpreted(text: str, talked_over: bool) -> None:
    assert not is_one(text, talked_over=talked_over)


def test_whatever_is_longer_is_interpreted() -> None:
    assert is_one("Mm-hm", voiced_ms=SHORT_MS)
    assert not is_one("Mm-hm", voiced_ms=SHORT_MS + 20)


@given(st.text(), st.sampled_from(["en-US", "es-ES", "fr-FR", "de-DE", "it-IT", "pt-PT", "ja-JP"]))
def test_an_answer_to_a_question_is_swallowed_only_if_it_is_a_hum(text: str, language: str) -> None:
    if is_one(text, language, talked_over=True, asked=True):
        assert is_one(text, language)


@pytest.mark.parametrize(("text", "asks"), [("Really?", True), ("¿Sí? »", True), ("Really.", False), ("", False)])
def test_a_question_ends_as_one(text: str, asks: bool) -> None:
    assert is_question(text) is asks


def test_a_question_waits_for_the_others_and_for_ten_seconds() -> None:
    question = OpenQuestion()
    assert not question.awaits("ada", 0.0)
    question.said("ada", "Is that so?", 1.0)
    assert question.awaits("ben", 1.0 + QUESTION_S) and not question.awaits("ben", 1.1 + QUESTION_S)
    assert not question.awaits("ada", 2.0)
    question.said("ben", "Hm.", 2.0)
    assert question.awaits("cleo", 3.0), "it may still be answered"
    question.said("ada", "I think so.", 4.0)
    assert not question.awaits("ben", 5.0)
