from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.engine.local.phrasebook import BUILT_IN, Phrasebook, PhrasebookError, normalise

LANGUAGES = {"en", "es", "fr", "it", "pt", "de"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Good morning, everyone.", "good morning everyone"),
        ("¿Cuál es la capital de Francia?", "cuál es la capital de francia"),
        ("Y a-t-il des questions ?", "y a t il des questions"),
        ("Est-ce que tout le monde m’entend ?", "est ce que tout le monde m'entend"),
        ("the three o'clock 'quoted' train", "the three o'clock quoted train"),
        ("  \t ", ""),
        ("Cafe\u0301", "café"),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text) == expected


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.lists(st.text(alphabet="abcñé", min_size=1), min_size=1))
def test_writing_does_not_matter(words: list[str]) -> None:
    assert normalise("¡" + ", ".join(words).capitalize() + "!") == normalise(" ".join(words))


def test_built_in_sentences_are_there_in_every_language() -> None:
    book = Phrasebook.load(BUILT_IN)
    assert set(book.languages) == LANGUAGES
    for source in LANGUAGES:
        assert len(book.sentences(source)) >= 100
        for sentence in book.sentences(source):
            for target in LANGUAGES - {source}:
                assert book.translate(sentence, source, target)


def test_no_built_in_sentence_has_two_meanings() -> None:
    book = Phrasebook.load(BUILT_IN)
    for language in LANGUAGES:
        for sentence in book.sentences(language):
            other = "es" if language != "es" else "en"
            there = book.translate(sentence, language, other)
            assert there is not None
            back = book.translate(there, other, language)
            assert back is not None
            assert book.translate(back, language, other) == there


def test_a_sentence_is_found_however_it_is_written(tmp_path: Path) -> None:
    book = load(tmp_path, '[[phrase]]\nen = ["Let us begin.", "Let\'s begin."]\nes = "Vamos a empezar."')
    assert book.translate("LET'S BEGIN", "en", "es") == "Vamos a empezar."
    assert book.translate("¡vamos a empezar!", "es", "en") == "Let us begin."
    assert book.written("let’s begin", "en") == "Let's begin."
    assert book.translate("let us end", "en", "es") is None
    assert book.translate("let us begin", "en", "fr") is None
    assert book.translate("let us begin", "de", "es") is None


def test_a_word_in_braces_stands_for_each_of_its_list(tmp_path: Path) -> None:
    book = load(
        tmp_path,
        """
        [[phrase]]
        en = "We need {number} days."
        es = "Necesitamos {number} días."
        [[word.number]]
        en = "three"
        es = "tres"
        [[word.number]]
        en = "four"
        es = "cuatro"
        """,
    )
    assert book.sentences("en") == ("We need three days.", "We need four days.")
    assert book.translate("we need four days", "en", "es") == "Necesitamos cuatro días."


def test_a_later_file_wins(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[[phrase]]\nen = "See you tomorrow."\nes = "Nos vemos mañana."', encoding="utf-8")
    book = Phrasebook.load(BUILT_IN, own)
    assert book.translate("See you tomorrow.", "en", "es") == "Nos vemos mañana."
    assert book.translate("See you tomorrow.", "en", "fr") is None
    assert book.translate("How are you today?", "en", "es") == "¿Cómo está usted hoy?"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("en = ", "is not TOML"),
        ("", "has no [[phrase]]"),
        ("phrase = 1", "phrase is written [[phrase]]"),
        ('[phrase]\nen = "a"', "phrase is written [[phrase]]"),
        ("[[sentence]]\nen = 'a'", "unknown section 'sentence'"),
        ("[[phrase]]\nen = 'a'", "[[phrase]] 1: needs at least two languages"),
        ("[[phrase]]\nen = 'a'\nSpanish = 'b'", "[[phrase]] 1: 'Spanish' is no ISO 639 code"),
        ("[[phrase]]\nen = 'a'\nes = 7", "[[phrase]] 1: es must be a text"),
        ("[[phrase]]\nen = 'a'\nes = []", "[[phrase]] 1: es must be a text"),
        ("[[phrase]]\nen = 'a'\nes = ['b', '!']", "[[phrase]] 1: es must be a text"),
        ("[[phrase]]\nen = 'a'\nes = 'b'\n[[phrase]]\nen = '{n} x'\nes = 'y'", "[[phrase]] 2: every wording"),
        ("[[phrase]]\nen = '{n} {n} x'\nes = '{n} {n} y'", "[[phrase]] 1: every wording"),
        ("[[phrase]]\nen = '{n} x'\nes = '{n} y'", "there is no list [[word.n]]"),
        (
            "[[phrase]]\nen = '{n} x'\nes = '{n} y'\nfr = '{n} z'\n[[word.n]]\nen = 'one'\nes = 'uno'",
            "[[word.n]] 1 lacks 'fr'",
        ),
        ("word = 1\n[[phrase]]\nen = 'a'\nes = 'b'", "word lists are written [[word.name]]"),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(PhrasebookError) as error:
        load(tmp_path, text)
    assert complaint in str(error.value)
    assert "book.toml" in str(error.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(PhrasebookError, match="cannot be read"):
        Phrasebook.load(tmp_path / "none.toml")


def test_a_bad_file_adds_nothing(tmp_path: Path) -> None:
    book = Phrasebook()
    with pytest.raises(PhrasebookError):
        book.read(write(tmp_path, "[[phrase]]\nen = 'good'\nes = 'bueno'\n[[phrase]]\nen = 'bad'"))
    assert book.languages == ()


def write(folder: Path, text: str) -> Path:
    path = folder / "book.toml"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str) -> Phrasebook:
    return Phrasebook.load(write(folder, text))
