"""Scores of utterances and directions made up by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks.interpretation.golden_set import GoldenSet, Utterance
from benchmarks.interpretation.scores import MEASURES, Direction, missed, rate
from benchmarks.interpretation.scoring import Count
from bot.interpreting.quality.language_id import identify_none
from tests.support.golden import GOOD, SILENT, direction


def test_an_utterance_that_is_interpreted_well() -> None:
    one = direction(GOOD)
    assert one.spoken == Count(1, 1)
    assert (one.recognition, one.hearing) == (Count(0, 4), Count(0, 5))
    assert one.chrf == pytest.approx(100.0)
    assert (one.numbers, one.terms, one.answered) == (Count(1, 1), Count(1, 1), Count(0, 1))
    assert one.lagging_s == 3.5
    assert one.span is not None and one.span.p50 == 1.5


def test_what_was_not_interpreted_counts_against_the_model() -> None:
    one = direction(GOOD, SILENT)
    assert one.spoken == Count(1, 2)
    assert one.chrf is not None and 40 < one.chrf < 90
    assert (one.numbers, one.terms) == (Count(1, 2), Count(1, 2))
    assert (one.recognition, one.hearing) == (Count(0, 4), Count(0, 5)), "nothing was recognised, so nothing wrongly"
    assert one.lagging_s == 3.5, "of those that were heard"


def test_without_any_rendition_nothing_is_late() -> None:
    one = direction(SILENT)
    assert (one.span, one.lagging_s, one.chrf) == (None, None, 0.0)
    assert (one.recognition.percent, one.hearing.percent) == (None, None)


def test_each_direction_of_a_set_is_judged_alone() -> None:
    there = GOOD.utterance
    back = Utterance("001", there.target, there.source, there.references[0], (there.transcript,))
    golden = GoldenSet("test", (there.source, there.target), [there, back])
    answers = [GOOD, replace(GOOD, utterance=back, recognised=None, rendition="Ticket 12?", heard=None)]
    found = rate(golden, answers, identify_none)
    assert [(one.source, one.target, len(one.scores)) for one in found] == [
        ("en-US", "es-ES", 1),
        ("es-ES", "en-US", 1),
    ]
    assert len(rate(golden, answers[:1], identify_none)) == 1


def test_bounds_hold_at_their_value_and_in_the_right_direction() -> None:
    one = direction(GOOD, SILENT)
    assert missed(one, {"spoken": 50.0, "wer": 0.0, "answered": 0.0, "span": 1.5, "lagging": 3.5}) == {}
    assert missed(one, {"spoken": 51.0, "span": 1.4}) == {"spoken": 50.0, "span": 1.5}


def test_what_was_not_measured_keeps_no_bound() -> None:
    assert missed(direction(SILENT), {"wer": 100.0, "span_p95": 99.0}) == {"wer": None, "span_p95": None}


def test_the_document_has_every_measure_and_every_utterance() -> None:
    one: Direction = direction(GOOD, SILENT)
    document = json.loads(json.dumps(one.document()))
    assert document.keys() == {"set", "source", "target", "count", "utterances", *MEASURES}
    first, second = document["utterances"]
    assert (first["rendition"], first["recognition"], first["numbers"]) == (
        "Su incidencia 12 está cerrada.",
        {"part": 0, "whole": 4},
        {"part": 1, "whole": 1},
    )
    assert (second["reasons"], second["recognition"], second["lagging_s"]) == (["no_answer"], None, None)
