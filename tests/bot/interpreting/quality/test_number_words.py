from __future__ import annotations

import pytest

from bot.interpreting.quality.number_words import WORDS, NumberWord, NumberWordKind, fold, numeral


@pytest.mark.parametrize(
    ("language", "word", "value"),
    [
        ("en", "Seventeen", 17),
        ("es", "veintidós", 22),
        ("es", "veintidos", 22),
        ("fr", "seize", 16),
        ("pt", "dezessete", 17),
        ("de", "dreiundvierzig", 43),
        ("de", "zweitausendfünf", 2_005),
        ("de", "tausendundeins", 1_001),
        ("de", "dreiundzwanzigste", 23),
        ("it", "ventuno", 21),
        ("it", "duemilacinque", 2_005),
        ("it", "duemila", 2_000),
        ("it", "millenovecento", 1_900),
    ],
)
def test_a_word_is_a_number_below_a_million(language: str, word: str, value: float) -> None:
    found = numeral(word, language)
    assert found is not None
    assert (found.kind, found.values) == (NumberWordKind.ADDEND, (value,))


@pytest.mark.parametrize(
    ("language", "word", "kind"),
    [
        ("en", "hundred", NumberWordKind.HUNDRED),
        ("en", "million", NumberWordKind.SCALE),
        ("en", "and", NumberWordKind.CONNECTOR),
        ("en", "point", NumberWordKind.POINT),
        ("en", "half", NumberWordKind.LOOSE),
    ],
)
def test_words_have_parts_in_a_number(language: str, word: str, kind: NumberWordKind) -> None:
    found = numeral(word, language)
    assert found is not None
    assert found.kind is kind


@pytest.mark.parametrize(
    ("language", "word"),
    [
        ("en", "table"),
        ("de", "Tisch"),
        ("de", "beste"),
        ("de", "blautausend"),
        ("de", "tausendblau"),
        ("it", "tavola"),
        ("it", "milanese"),
        ("it", "millefoglie"),
        ("ja", "seventeen"),
        (None, "seventeen"),
    ],
)
def test_other_words_are_none(language: str | None, word: str) -> None:
    assert numeral(word, language) is None


def test_words_are_kept_without_case_and_accents() -> None:
    assert fold("Veintidós") == "veintidos"
    assert {word for table in WORDS.values() for word in table if word != fold(word)} == set()


def test_what_is_often_no_number_is_not_asked_for() -> None:
    article = numeral("un", "es")
    assert article is not None
    assert not article.required
    assert numeral("dos", "es") == NumberWord(NumberWordKind.ADDEND, (2,))
