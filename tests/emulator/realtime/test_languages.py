"""Reading a direction from instructions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.languages import (
    NAMES,
    Direction,
    asks_for_few_words,
    primary_subtag,
    read_direction,
    read_recital,
)


@pytest.mark.parametrize(
    ("instructions", "sources", "target"),
    [
        ("Interpret from English (en-US) into Spanish (es-ES).", ("en",), "es"),
        ("From now on translate from English or Brazilian Portuguese (pt-BR) into German.", ("en", "pt"), "de"),
        ("from English, French or German into Mandarin Chinese", ("en", "fr", "de"), "zh"),
        ("from en-US into es-ES", ("en",), "es"),
        ("from gd-GB into zh-Hant-TW", ("gd",), "zh"),
        ("from **English** into **Spanish**", ("en",), "es"),
        ("from the German language into the English language", ("de",), "en"),
        ("from Valencian (ca-ES) into English", ("ca",), "en"),
        ("from English to French", ("en",), "fr"),
        ("from English or British English into French", ("en",), "fr"),
        ("Say all of it in a calm voice.\nTranslate from\nPolish into\nCzech.", ("pl",), "cs"),
        ("Translate everything into Japanese.", (), "ja"),
    ],
)
def test_direction_is_read(instructions: str, sources: tuple[str, ...], target: str) -> None:
    assert read_direction(instructions) == Direction(sources, target)


@pytest.mark.parametrize(
    "instructions",
    [
        "",
        "You are a helpful assistant.",
        "Put it into it.",
        "I went from town into the country.",
        "Speak Spanish.",
        "Transfer callers from IT to HR.",
    ],
)
def test_no_direction_is_invented(instructions: str) -> None:
    assert read_direction(instructions) is None


def test_first_pair_wins_over_the_examples_behind_it() -> None:
    text = "Interpret from English into Spanish. Example, from French into German: ..."
    assert read_direction(text) == Direction(("en",), "es")


@given(st.sampled_from(sorted(NAMES)), st.sampled_from(sorted(NAMES)), st.text(max_size=30))
def test_every_known_name_is_read_as_its_code(source: str, target: str, noise: str) -> None:
    noise = noise.replace("from", "")
    found = read_direction(f"{noise}. Interpret from {source.title()} into {target.title()}.")
    assert found is not None
    assert (found.sources, found.target) == ((NAMES[source],), NAMES[target])


@pytest.mark.parametrize(("tag", "primary"), [("es-ES", "es"), ("zh_Hans_CN", "zh"), (" EN ", "en"), ("fil", "fil")])
def test_primary_subtag(tag: str, primary: str) -> None:
    assert primary_subtag(tag) == primary


@pytest.mark.parametrize(
    ("instructions", "language"),
    [
        ("You are a voice. Read the user's text aloud in Spanish (es-ES), word for word.", "es"),
        ("Say this aloud in German.", "de"),
        ("Interpret the user audio from English (en-US) into Spanish (es-ES).", None),
        ("Read it, in English. Never laugh aloud. In French they do.", None),
    ],
)
def test_a_recital_is_read(instructions: str, language: str | None) -> None:
    assert read_recital(instructions) == language


def test_a_wish_for_few_words_is_read() -> None:
    assert asks_for_few_words("Interpret from English into Spanish. Translate in as few\nwords".replace("\n", " "))
    assert not asks_for_few_words("Interpret from English into Spanish, word for word, in all its length.")
