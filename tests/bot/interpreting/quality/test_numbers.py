from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.quality.numbers import differ

SAME = [
    ("en", "2.5 percent", "es", "un 2,5 por ciento"),
    ("en", "at 14:30", "de", "um vierzehn Uhr dreißig"),
    ("en", "at 3 pm", "es", "a las 15"),
    ("en", "at 11 pm", "de", "um 23 Uhr"),
    ("en", "at half past eight", "de", "um halb neun"),
    ("en", "at a quarter to five", "fr", "à 16 h 45"),
    ("en", "ten to five", "es", "las cinco menos diez"),
    ("de", "zehn vor fünf", "en", "4:50 pm"),
    ("en", "an hour and a half", "es", "una hora y media"),
    ("en", "May the fourth, 2026", "de", "04.05.2026"),
    ("de", "am 24.12. um acht", "en", "on December 24 at eight"),
    ("en", "Version 3.5. Then", "de", "Version 3,5. Dann"),
    ("en", "two weeks", "fr", "quinze jours"),
    ("en", "five five five one two three", "es", "555123"),
    ("en", "one of us, at first", "it", "uno di noi, in un primo momento"),
    ("it", "grazie mille", "en", "thank you very much"),
    ("it", "tu sei qui", "en", "you are here"),
    ("it", "Milano", "en", "Milan"),
    ("fr", "un nouvel appartement neuf", "en", "a new flat"),
    ("de", "Achten Sie auf den Hund", "en", "mind the dog"),
    ("pt", "na segunda-feira", "en", "on Monday"),
    ("en", "one hundred hundred", "de", "100"),
    ("en", "y media", "es", "media"),
    ("en", "at 16:50", "es", "a las 5 menos 10"),
    ("en", "$12.50", "es", "doce dólares con cincuenta"),
    ("en", "109", "es", "uno cero nueve"),
    ("en", "01 42 68 53 00", "fr", "0142685300"),
    ("en", "4, 7, 1, 1", "de", "4711"),
    ("en", "half past three", "de", "halb vier"),
    ("en", "half past fifty", "es", "cincuenta"),
    ("de", "drei Viertel vier", "en", "3:45"),
    ("de", "viertel vier", "en", "3:15"),
    ("ja", "6月3日", "it", "3 giugno"),
    ("ja", "3本と5本", "zh", "三根和五根"),
]


@pytest.mark.parametrize(("source", "original", "target", "interpretation"), SAME)
def test_the_same_numbers_in_other_words(source: str, original: str, target: str, interpretation: str) -> None:
    assert not differ(original, source, interpretation, target)
    assert not differ(interpretation, target, original, source)


@pytest.mark.parametrize(
    ("source", "original", "target", "interpretation"),
    [
        ("en", "at 14:30", "es", "a las 14:50"),
        ("en", "twenty people", "es", "treinta personas"),
        ("en", "1,250,000", "de", "1.260.000"),
        ("en", "3.5", "de", "3,6"),
        ("en", "in 1984", "es", "en 1985"),
        ("en", "seventy-six", "fr", "soixante-six"),
        ("en", "two weeks", "de", "Wochen"),
        ("en", "weeks", "de", "drei Wochen"),
        ("en", "5 million", "es", "5 mil"),
        ("en", "three, five", "es", "treinta y cinco"),
        ("en", "twenty and three", "en", "26"),
        ("pt", "duas e dez", "en", "at five"),
        ("de", "fünfzehn", "en", "fifty"),
        ("en", "trillion trillion trillion point five", "de", "7"),
        ("en", "25,000", "ja", "2500人です"),
        ("en", "300", "zh", "500欧元"),
        ("de", "halb vier", "en", "half past four"),
        ("es", "cuatro menos cuarto", "en", "quarter past four"),
        ("en", "third quarter", "de", "im vierten Quartal"),
        ("pl", "865", "zh", "365"),
        ("ja", "25", "ru", "85"),
        ("en", "12", "es", "1 y 2"),
    ],
)
def test_other_numbers(source: str, original: str, target: str, interpretation: str) -> None:
    assert differ(original, source, interpretation, target)


def test_the_words_of_other_languages_are_not_read() -> None:
    assert not differ("three people", "en", "trzy osoby", "pl")
    assert not differ("trzy osoby", "pl", "three people", "en")
    assert not differ("3 people", "en", "trzy osoby", "pl")
    assert differ("three people", "en", "4 osoby", "pl")
    assert differ("4 osoby", "pl", "people", "en")
    assert not differ("drei Leute", None, "three people", "en")
    assert not differ("the limit per page", "en", "1ページあたりの上限", "ja")


# --- laws -----------------------------------------------------------------------------------------


@given(st.integers(100, 999_999_999), st.integers(100, 999_999_999))
def test_two_whole_numbers_agree_only_if_they_are_one(one: int, other: int) -> None:
    assert differ(f"There were {one} of them.", "en", f"Il y en avait {other}.", "fr") == (one != other)


@given(st.decimals(2, 10_000, places=2, allow_nan=False, allow_infinity=False))
def test_points_and_commas(number: object) -> None:
    assert not differ(f"{number}", "en", f"{number}".replace(".", ","), "de")


@given(st.text(), st.sampled_from(["en", "es", "fr", "de", "it", "pt", "pl", None]))
def test_any_text_says_the_numbers_it_says(text: str, language: str | None) -> None:
    assert not differ(text, language, text, language or "en") or language is None
