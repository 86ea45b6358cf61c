from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.engine.local import grammars
from emulator.engine.local.grammars import approximate_pronunciations, english_pronunciations, phrase_grammar, tokens

Sentences = set[tuple[str, ...]]


def sentences_of(text: str) -> Sentences:
    """Every word sequence a grammar file accepts."""
    lines = text.splitlines()
    final = int(lines[3].split()[1])
    transitions: dict[int, list[tuple[int, str]]] = {}
    for line in lines:
        if line.startswith("TRANSITION"):
            _, source, target, probability, word = line.split()
            assert probability == "1.0"
            transitions.setdefault(int(source), []).append((int(target), word))
    assert max([final, *(target for steps in transitions.values() for target, _ in steps)]) < int(lines[1].split()[1])
    found: Sentences = set()
    paths: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    while paths:
        state, words = paths.pop()
        if state == final:
            found.add(words)
        paths += [(target, (*words, word)) for target, word in transitions.get(state, [])]
    return found


@given(st.sets(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(tuple), min_size=1, max_size=12))
def test_a_grammar_accepts_its_sentences_and_no_other(sentences: Sentences) -> None:
    assert sentences_of(grammars._automaton(sentences)) == sentences


def test_common_beginnings_and_ends_are_shared() -> None:
    sentences = [("we", "need", number, "more", "days") for number in ("two", "three", "four")]
    text = grammars._automaton(sentences)
    assert text.count("TRANSITION") == 7  # we need {two three four} more days


def test_a_sentence_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    grammar = phrase_grammar(
        "es", [["hasta", "mañana"], ["hasta", "luego"]], {"hasta": ["A"], "mañana": ["B"]}, tmp_path
    )
    assert list(grammar.sentences.values()) == ["hasta mañana"]  # "luego" has no pronunciation
    (numbered,) = grammar.sentences
    assert grammar.read(" ".join(numbered)) == "hasta mañana"
    assert grammar.read(numbered[0]) is None
    assert grammar.decoder.fsg is not None
    assert sentences_of(Path(grammar.decoder.fsg).read_text()) == {numbered}


def test_the_dictionary_numbers_the_variants(tmp_path: Path) -> None:
    grammar = phrase_grammar("xx", [["sí"]], {"sí": ["S IY", "S IH"]}, tmp_path)
    assert grammar.decoder.dict is not None
    assert Path(grammar.decoder.dict).read_text() == "w0 S IY\nw0(2) S IH\n"


def test_english_words_are_looked_up_with_all_their_variants() -> None:
    found = english_pronunciations(["the", "o'clock", "zzyzzx"])
    assert found["the"] == ["DH AH", "DH IY"]
    assert found["o'clock"] == ["AH K L AA K"]
    assert "zzyzzx" not in found


def test_pronunciations_of_several_voices_are_joined() -> None:
    found = approximate_pronunciations([(["gracias"], ["ɡɾˈaθjas"]), (["gracias"], ["ɡɾˈasjas"]), (["x"], ["ǂ"])])
    assert {"G R AA TH Y AA S", "G R AA S Y AA S"} <= set(found["gracias"])
    assert "x" not in found


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("¿Cómo está usted hoy?", ["cómo", "está", "usted", "hoy"]),
        ("Y a-t-il des questions ?", ["y", "a-t-il", "des", "questions"]),
        ("Qu'en pensez-vous ?", ["qu'en", "pensez-vous"]),
    ],
)
def test_tokens_are_what_the_voice_says_as_words(sentence: str, expected: list[str]) -> None:
    assert tokens(sentence) == expected
