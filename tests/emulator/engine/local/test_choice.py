from __future__ import annotations

import pytest

from emulator.engine.local.choice import free_english, known_sentence, words
from emulator.engine.local.grammars import Grammar
from emulator.engine.local.messages import DecoderSettings, Hypothesis

GRAMMAR = Grammar(DecoderSettings(), {("w1", "w0"): "hasta mañana", ("w2", "w2"): "a-t-il"})
FREE = Hypothesis("SIL AH S", -20.0)


def grammar_says(text: str | None, score: float | None, covered: float = 1.0, slowest: float = 0.1) -> Hypothesis:
    return Hypothesis(text, score, covered, slowest)


def test_a_sentence_that_fits_is_taken() -> None:
    found = known_sentence("es", GRAMMAR, grammar_says("w1(2) w0", -24.0), FREE)
    assert (found.language, found.text, found.fit) == ("es", "hasta mañana", -4.0)


def test_english_has_to_fit_better_for_it_gets_a_second_hearing() -> None:
    found = grammar_says("w1 w0", -32.0)
    assert known_sentence("es", GRAMMAR, found, FREE).text == "hasta mañana"
    assert known_sentence("en", GRAMMAR, found, FREE).text is None


def test_its_text_is_normalised() -> None:
    assert known_sentence("fr", GRAMMAR, grammar_says("w2 <sil> w2", -20.0), FREE).text == "a t il"


@pytest.mark.parametrize(
    "found",
    [
        grammar_says("w1 w0", -34.5),  # fits hardly better than anything
        grammar_says("w1 w0", -20.0, covered=0.6),  # leaves speech unexplained
        grammar_says("w1 w0", -20.0, slowest=0.34),  # stretches a word over others
        grammar_says("w1", -18.0),  # broke off
        grammar_says("", -18.0),
        grammar_says(None, None),
    ],
)
def test_anything_else_is_refused(found: Hypothesis) -> None:
    assert known_sentence("es", GRAMMAR, found, FREE).text is None


def test_nothing_is_taken_without_free_phones_to_measure_against() -> None:
    assert known_sentence("es", GRAMMAR, grammar_says("w1 w0", -20.0), Hypothesis(None, None)).text is None


@pytest.mark.parametrize(
    ("general", "domain", "expected"),
    [
        (-30.0, -25.0, "domain words"),  # clearly better
        (-30.0, -28.0, "general words"),  # not by enough
        (-45.0, -35.0, "domain words"),  # the general model is lost
        (-50.0, -41.0, None),  # both are
        (-44.0, -43.0, None),  # not English
        (None, -25.0, "domain words"),
        (-25.0, None, "general words"),
        (None, None, None),
    ],
)
def test_english_by_two_models(general: float | None, domain: float | None, expected: str | None) -> None:
    found = free_english(
        Hypothesis("<s> general [NOISE] words(2) </s>" if general else None, general),
        Hypothesis("domain words" if domain else None, domain),
        FREE,
    )
    assert found.text == expected
    assert found.language == "en"


def test_marks_are_taken_out_of_a_hypothesis() -> None:
    assert words(Hypothesis("<s> the(2) [NOISE] end ++UM++ <sil> </s>", -1.0)) == "the end"
    assert words(Hypothesis(None, None)) == ""
