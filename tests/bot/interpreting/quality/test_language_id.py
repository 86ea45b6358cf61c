from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.quality.language_id import (
    alike,
    identify_none,
    in_another_language,
    in_another_script,
    language_of,
    without_names,
)


class Identifier:
    """Names one language whatever the text, and remembers which it was asked about."""

    def __init__(self, language: str | None) -> None:
        self.language = language
        self.asked: set[str] = set()

    def __call__(self, text: str, languages: Collection[str]) -> str | None:
        self.asked = set(languages)
        return self.language


def test_a_text_is_foreign_if_it_is_clearly_in_another_language_than_the_target() -> None:
    assert in_another_language("Guten Morgen", "es", "en", Identifier("de"))
    assert in_another_language("Good morning", "es", "en", Identifier("en"))
    assert not in_another_language("Buenos días", "es", "en", Identifier("es"))
    assert not in_another_language("OK", "es", "en", Identifier(None))
    assert not in_another_language("Guten Morgen", "es", "en", identify_none)
    assert not in_another_language("Marketing.", "es", "en", Identifier("en")), "a single word is in many languages"
    assert not in_another_language("[risas] Perfect.", "es", "en", Identifier("en")), "a label is no word"


def test_both_languages_of_the_lane_are_asked_about_beside_the_usual_ones() -> None:
    identify = Identifier(None)
    in_another_language("Bore da i bawb yma", "br", "gd", identify)
    assert {"br", "gd", "en", "es", "pl"} <= identify.asked
    in_another_language("Bore da", "br", "gd", identify)
    assert identify.asked == {"br", "gd"}, "a few words are in many languages"
    assert not in_another_language("12.30 h", "br", "gd", Identifier("gd"))
    in_another_language("Bore da", "br", None, identify)
    assert "gd" not in identify.asked
    assert language_of("Good morning", Identifier("en")) == "en"


def test_neighbours_that_a_sentence_does_not_tell_apart_are_not_foreign_to_each_other() -> None:
    assert not in_another_language("Dobar dan", "hr", "en", Identifier("sr"))
    assert alike("nb", "no")
    assert not alike("no", "sv")


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


@given(st.text(), st.sampled_from(["en", "es", "ja", "zh", "sr", "xx"]))
def test_the_script_of_any_text_can_be_looked_at(text: str, language: str) -> None:
    assert isinstance(in_another_script(text, language), bool)


@pytest.mark.parametrize(
    ("text", "language", "rest"),
    [
        ("Откройте Microsoft Teams.", "ru", "Откройте    "),
        ("请打开 iPhone", "zh", "请打开  "),
        ("Microsoft Teams", "ru", "Microsoft Teams"),
        ("Open Microsoft Teams", "de", "Open Microsoft Teams"),
    ],
)
def test_names_in_latin_letters_may_stand_in_any_script(text: str, language: str, rest: str) -> None:
    assert without_names(text, language) == rest
