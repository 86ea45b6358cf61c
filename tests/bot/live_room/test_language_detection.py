from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.live_room.language_detection import load

SENTENCES = {
    "en": "We have been waiting for the results since yesterday.",
    "es": "Hemos estado esperando los resultados desde ayer.",
    "fr": "Nous attendons les résultats depuis hier.",
    "de": "Wir warten seit gestern auf die Ergebnisse.",
    "it": "Aspettiamo i risultati da ieri, ma non sono ancora arrivati.",
    "pt": "Estamos esperando os resultados desde ontem.",
    "nl": "We wachten al sinds gisteren op de resultaten.",
    "ca": "Esperem els resultats des d'ahir, però encara no han arribat.",
    "pl": "Od wczoraj czekamy na wyniki, ale jeszcze nie przyszły.",
    "sv": "Vi har väntat på resultaten sedan i går.",
    "tr": "Dünden beri sonuçları bekliyoruz ama henüz gelmedi.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_is_in_its_language(language: str) -> None:
    assert load()(SENTENCES[language], SENTENCES.keys()) == language


@pytest.mark.parametrize("text", ["", "Contoso", "Zzyzx", "OK", "a", "123", "..."])
def test_too_little_text_is_in_no_language(text: str) -> None:
    assert load()(text, SENTENCES.keys()) is None


def test_only_the_languages_in_question_are_named() -> None:
    assert load()(SENTENCES["pt"], ["es", "pt"]) == "pt"
    assert load()(SENTENCES["pt"], []) is None


def test_nothing_is_said_where_a_language_in_question_is_not_known() -> None:
    assert load()(SENTENCES["en"], ["en", "xx"]) is None


def test_languages_are_named_as_they_were_asked_about() -> None:
    assert load()("Vi har ventet på resultatene siden i går.", ["en", "nb"]) == "nb"


def test_the_model_is_loaded_once() -> None:
    assert load() is load()


@given(st.text())
def test_any_text_can_be_identified(text: str) -> None:
    assert load()(text, ["en", "es"]) in {None, "en", "es"}
