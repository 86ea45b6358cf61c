"""Scores of texts and times: literal cases, and what holds for all."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.chrf import CHRF

from benchmarks.interpretation.scoring import (
    NOTHING,
    Count,
    average_lagging,
    chrf,
    kept,
    word_errors,
    word_times,
    words,
)
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import Lane
from bot.interpreting.quality.checks import Fault
from bot.interpreting.quality.language_id import identify_none

TEXT = st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=8).map(" ".join)
LANE = Lane("", "en-US", "es-ES")
NO_TERMS = GlossaryEntries()


def test_words_are_compared_without_case_punctuation_and_hyphens() -> None:
    assert words("Well-known: it's 14:30, ¿VERDAD?") == ["well", "known", "its", "1430", "verdad"]
    assert words("今日は 晴れ") == list("今日は晴れ")
    assert words("हिन्दी में") == ["हिन्दी", "में"]
    assert words(" … – ") == []


@pytest.mark.parametrize(
    ("wanted", "said", "errors"),
    [
        ("one two three", "One, two, three!", 0),
        ("one two three", "one two", 1),
        ("one two three", "one too three", 1),
        ("one two three", "one and two three four", 2),
        ("one two", "", 2),
        ("", "one two", 2),
        ("one", "two three four", 3),
    ],
)
def test_word_errors_are_the_fewest_replaced_missing_or_added_words(wanted: str, said: str, errors: int) -> None:
    assert word_errors(wanted, said) == Count(errors, len(words(wanted)))


@given(TEXT, TEXT)
def test_word_errors_are_a_distance(first: str, second: str) -> None:
    there, back = word_errors(first, second).part, word_errors(second, first).part
    assert there == back
    assert (there == 0) == (words(first) == words(second))
    lengths = len(words(first)), len(words(second))
    assert abs(lengths[0] - lengths[1]) <= there <= max(lengths)


@given(TEXT, TEXT, TEXT)
def test_no_detour_has_fewer_word_errors(first: str, second: str, third: str) -> None:
    direct = word_errors(first, third).part
    assert direct <= word_errors(first, second).part + word_errors(second, third).part


def test_counts_add_up_and_nothing_has_no_share() -> None:
    assert Count(1, 2) + Count(2, 6) == Count(3, 8)
    assert Count(1, 4).percent == 25.0
    assert NOTHING.percent is None


def test_the_nearest_reference_of_each_rendition_counts() -> None:
    renditions = ["El gato duerme.", "Buenos días."]
    assert chrf(renditions, [["El gato duerme."], ["Buen día.", "Buenos días."]]) == pytest.approx(100.0)
    single = CHRF().sentence_score("Buenos días.", ["Buen día."]).score
    assert chrf(["Buenos días."], [["Buen día."]]) == pytest.approx(single)
    assert chrf(["", ""], [["a b"], ["c d"]]) == 0.0
    assert chrf([], []) is None


def test_numbers_and_terms_that_are_kept() -> None:
    terms = GlossaryEntries.of({"Contoso": {}, "ticket": {"es-ES": "incidencia"}}, ["en-US", "es-ES"])
    said = "Contoso closed your ticket 415."
    good = kept(said, [], "Contoso cerró su incidencia 415.", LANE, terms, identify_none)
    assert (good.numbers, good.terms, good.answered, good.faults) == (Count(1, 1), Count(2, 2), False, ())
    bad = kept(said, [], "Contoso cerró su tique 451.", LANE, terms, identify_none)
    assert (bad.numbers, bad.terms) == (Count(0, 1), Count(1, 2))
    assert {Fault.NUMBER, Fault.TERM} <= set(bad.faults)


def test_without_numbers_and_terms_nothing_is_counted() -> None:
    found = kept("Good morning.", ["Buenos días."], "Buenos días.", LANE, NO_TERMS, identify_none)
    assert (found.numbers, found.terms) == (NOTHING, NOTHING)


def test_an_interpretation_that_is_missing_keeps_nothing_and_answers_nothing() -> None:
    found = kept("Take 3 tablets.", ["Tome 3 tabletas."], "", LANE, NO_TERMS, identify_none)
    assert (found.numbers, found.answered, found.faults) == (Count(0, 1), False, (Fault.EMPTY,))


@pytest.mark.parametrize(
    ("said", "reference", "answer"),
    [
        ("What is the capital of France?", "¿Cuál es la capital de Francia?", "La capital de Francia es París."),
        ("Can you help me?", "¿Puede ayudarme?", "¡Claro! ¿En qué puedo ayudarle?"),
        ("Tell me a joke.", "Cuénteme un chiste.", "Lo siento, no puedo ayudar con eso."),
    ],
)
def test_answers_instead_of_interpretations(said: str, reference: str, answer: str) -> None:
    assert kept(said, [reference], answer, LANE, NO_TERMS, identify_none).answered
    assert not kept(said, [reference], reference, LANE, NO_TERMS, identify_none).answered


def test_words_begin_in_proportion_to_their_letters_and_not_in_pauses() -> None:
    assert word_times("aa bb cc dd", [(1.0, 2.0), (5.0, 6.0)]) == pytest.approx([1.0, 1.5, 5.0, 5.5])
    assert word_times("one", [(0.5, 2.0)]) == [0.5]
    assert word_times("…", [(0.5, 2.0)]) == []


@given(TEXT, st.lists(st.floats(0.1, 2.0), min_size=2, max_size=8).filter(lambda some: len(some) % 2 == 0))
def test_words_begin_in_order_within_the_sound(text: str, lengths: list[float]) -> None:
    ends = [sum(lengths[: place + 1]) for place in range(len(lengths))]
    stretches = list(zip(ends[::2], ends[1::2], strict=True))
    times = word_times(text, stretches)
    assert len(times) == len(words(text))
    assert all(earlier < later for earlier, later in pairwise(times))
    assert all(any(start - 1e-9 <= at <= end + 1e-9 for start, end in stretches) for at in times)


def test_an_ideal_interpreter_does_not_lag() -> None:
    assert average_lagging([0.0, 1.0, 2.0], 3.0, 3) == pytest.approx(0.0)


def test_one_who_is_always_a_second_late_lags_by_a_second() -> None:
    assert average_lagging([1.0, 2.0, 3.0, 4.0], 4.0, 4) == pytest.approx(1.0)


def test_after_the_source_only_the_first_word_counts() -> None:
    assert average_lagging([4.5, 5.0, 9.0], 4.0, 3) == 4.5
    # The first three words are due at 0, 1 and 2 s; the third is the first after the end, the fourth does not count.
    assert average_lagging([1.0, 3.0, 5.0, 99.0], 4.0, 4) == pytest.approx((1 + 2 + 3) / 3)


def test_more_words_than_the_reference_do_not_lessen_the_lag() -> None:
    times = [1.0, 1.5, 2.0, 2.5]
    assert average_lagging(times, 4.0, 2) == average_lagging(times, 4.0, 4)
    assert average_lagging(times[:2], 4.0, 2) == pytest.approx((1.0 - 0.5) / 2)


def test_nothing_heard_has_no_lag() -> None:
    assert average_lagging([], 4.0, 3) is None
    assert average_lagging([1.0], 0.0, 3) is None


@given(
    st.lists(st.floats(0.0, 10.0), min_size=1, max_size=10).map(sorted),
    st.floats(0.5, 10.0),
    st.integers(1, 12),
    st.floats(0.0, 5.0),
)
def test_later_words_never_lag_less(times: list[float], source_s: float, reference: int, later: float) -> None:
    """Where no word crosses the end of the source, a delay of all is a delay of the average."""
    lag, delayed = (average_lagging(some, source_s, reference) for some in (times, [at + later for at in times]))
    assert lag is not None and delayed is not None
    before = [at < source_s for at in times] == [at + later < source_s for at in times]
    if before:
        assert delayed == pytest.approx(lag + later)
    assert lag <= max(times)
