"""Counting words, and assigning sounds to interpretations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.recording_analysis import Span
from demo.scoring import Expected, Words, attribute, compare, enough, splits, total

sentence = st.lists(st.sampled_from(["uno", "dos", "tres", "cuatro"]), max_size=6).map(" ".join)


@pytest.mark.parametrize(
    ("heard", "right"),
    [
        ("¡Buenos días a todos!", 4),
        ("buenos dias a todos", 3),
        ("buenos días todos", 3),
        ("buenos días a todos ustedes", 3),
        ("hasta mañana", 0),
        (None, 0),
    ],
)
def test_words_right(heard: str | None, right: int) -> None:
    assert compare("Buenos días a todos.", heard, "es") == Words(4, right)


@given(sentence, sentence)
def test_as_many_right_as_there_are_only_for_the_same_words(wanted: str, heard: str) -> None:
    words = compare(wanted, heard, "es")
    assert 0 <= words.right <= words.wanted
    if words.wanted:
        assert (words.right == words.wanted) == (wanted == heard)


@pytest.mark.parametrize(
    ("wanted", "heard", "language"),
    [
        ("Forty chairs at ten.", "40 chairs at 10", "en"),
        ("It costs three hundred and fifty euros.", "It costs 350 euros.", "en"),
        ("Es kostet dreihundertfünfzig Euro.", "es kostet 350 Euro", "de"),
    ],
)
def test_numbers_in_words_are_those_in_digits(wanted: str, heard: str, language: str) -> None:
    words = compare(wanted, heard, language)
    assert words.right == words.wanted > 0
    assert compare(wanted, heard.replace("0", "1"), language).right < words.wanted


def test_nothing_wanted_is_nothing_heard_right() -> None:
    assert not enough(compare("", "", "en"))
    assert enough(Words(4, 3)) and not enough(Words(4, 2))
    assert enough(Words(4, 2), 0.5) and not enough(total([Words(4, 2), Words(4, 1)]), 0.5)
    assert total([]) == Words(0, 0)


@given(st.integers(0, 6), st.integers(1, 3))
def test_splits_deal_everything_out_in_order_and_once(count: int, parts: int) -> None:
    found = splits(count, parts)
    assert len(set(found)) == len(found) > 0
    for split in found:
        assert len(split) == parts
        assert [place for start, end in split for place in range(start, end)] == list(range(count))
        if count >= parts:
            assert all(end > start for start, end in split)


SOUNDS = [Span(0, 10), Span(20, 30), Span(40, 50)]


async def heard_as(span: Span, language: str) -> str | None:
    """A recogniser for three sounds: two Spanish halves of a sentence, then an English one."""
    return {
        (0, 30, "es"): "tenemos que decidir hoy",
        (40, 50, "en"): "we need more time",
        (0, 10, "es"): "tenemos que",
        (0, 50, "es"): "tenemos que decidir hoy no",
    }.get((span.start, span.end, language))


ANA, LUIS = Expected("Tenemos que decidir hoy.", "es"), Expected("We need more time.", "en")


async def test_each_interpretation_gets_the_sounds_that_fit_it_best() -> None:
    ana, luis = await attribute(SOUNDS, [ANA, LUIS], heard_as)
    assert (ana.span, ana.text, ana.words) == (Span(0, 30), "tenemos que decidir hoy", Words(4, 4))
    assert (luis.span, luis.words) == (Span(40, 50), Words(4, 4))


async def test_alone_an_interpretation_has_to_answer_for_all_that_was_heard() -> None:
    (ana,) = await attribute(SOUNDS, [ANA], heard_as)
    assert (ana.span, ana.words) == (Span(0, 50), Words(4, 3))


async def test_no_sound_is_nothing_heard() -> None:
    ana, luis = await attribute([], [ANA, LUIS], heard_as)
    assert ana.span is luis.span is None
    assert (ana.words, luis.words) == (Words(4, 0), Words(4, 0))


async def test_of_two_interpretations_one_may_be_missing() -> None:
    ana, luis = await attribute(SOUNDS[2:], [ANA, LUIS], heard_as)
    assert (ana.span, luis.words) == (None, Words(4, 4))


async def test_each_stretch_is_recognised_once() -> None:
    asked: list[tuple[Span, str]] = []

    async def nothing(span: Span, language: str) -> None:
        asked.append((span, language))

    await attribute(SOUNDS, [ANA, ANA], nothing)
    assert len(asked) == len(set(asked))
