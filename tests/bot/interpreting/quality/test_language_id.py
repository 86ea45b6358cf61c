from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.quality.language_id import (
    evidence,
    in_another_language,
    in_another_script,
    language_of,
    told_apart,
)

SENTENCES = {
    "en": "We have been waiting for the results since yesterday.",
    "es": "Hemos estado esperando los resultados desde ayer.",
    "fr": "Nous attendons les résultats depuis hier.",
    "de": "Wir warten seit gestern auf die Ergebnisse.",
    "it": "Aspettiamo i risultati da ieri, ma non sono ancora arrivati.",
    "pt": "Estamos esperando os resultados desde ontem.",
    "nl": "We wachten al sinds gisteren op de resultaten.",
    "ca": "Esperem els resultats des d'ahir, però encara no han arribat.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_eight_languages_are_told_apart(language: str) -> None:
    assert told_apart(language)
    assert language_of(SENTENCES[language]) == language
    for target in SENTENCES:
        assert in_another_language(SENTENCES[language], target, None) == (target != language)


@pytest.mark.parametrize("text", ["", "Contoso", "Zzyzx", "OK", "会議", "a"])
def test_too_little_to_tell(text: str) -> None:
    assert language_of(text) is None
    assert not in_another_language(text, "es", "en")


def test_neighbours_are_not_told_apart_by_what_they_share() -> None:
    assert language_of("como está") is None


def test_of_a_target_that_is_not_known_only_the_source_language_is_looked_for() -> None:
    assert not told_apart("sv")
    assert in_another_language(SENTENCES["en"], "sv", "en")
    assert not in_another_language(SENTENCES["en"], "sv", "de")
    assert not in_another_language("Vi har väntat på resultaten sedan i går.", "sv", "en")


def test_endings_and_letters_tell_too() -> None:
    assert evidence("Besprechungen")["de"] > 0
    assert evidence("reunião")["pt"] > 0
    assert evidence("la, la: d'ahir")["ca"] > 0


@pytest.mark.parametrize(
    ("text", "language", "script", "other"),
    [
        ("会議は始まります", "ja", None, False),
        ("会议马上就要开始了吧朋友们", "ja", None, True),
        ("会議開始", "ja", None, False),
        ("会议马上就要开始了", "zh", None, False),
        ("会議は始まります", "zh", None, True),
        ("Добрый день, это мы.", "ru", None, False),
        ("Добрый день, это мы.", "uk", None, True),
        ("Добрий день, це ми є.", "uk", None, False),
        ("Добрий день, це ми є.", "ru", None, True),
        ("Good morning", "ru", None, True),
        ("Καλημέρα σας", "el", None, False),
        ("صباح الخير", "ar", None, False),
        ("Good morning", "he", None, True),
        ("שלום לכולם", "he", None, False),
        ("नमस्ते सबको", "hi", None, False),
        ("Dobar dan", "sr", "Latn", False),
        ("Добар дан", "sr", "Latn", True),
        ("Dobar dan", "sr", "Cyrl", True),
        ("Добар дан", "sr", None, False),
        ("Good morning", "xx", None, False),
        ("Ada", "ru", None, False),
        ("안녕하세요", "ko", None, False),
    ],
)
def test_scripts(text: str, language: str, script: str | None, other: bool) -> None:
    assert in_another_script(text, language, script) is other


@given(st.text(), st.sampled_from([*SENTENCES, "ja", "zh", "sr", "xx"]))
def test_any_text_can_be_looked_at(text: str, language: str) -> None:
    assert isinstance(in_another_script(text, language), bool)
    assert isinstance(in_another_language(text, language, "en"), bool)
    assert all(weight > 0 for weight in evidence(text).values())
