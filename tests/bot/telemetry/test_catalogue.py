"""Names follow the rules of Prometheus, and nothing in the table can name a room or a person."""

from __future__ import annotations

import re

import pytest

from bot.telemetry.catalogue import METRICS, SHORT, Metric, MetricKind
from listeners.statistics import BOUNDS_S


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_name_says_unit_and_kind(metric: Metric) -> None:
    assert re.fullmatch(r"interpreter_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is MetricKind.COUNTER)
    assert (metric.unit == "seconds") == ("_seconds" in metric.name)
    assert bool(metric.buckets) == (metric.kind is MetricKind.HISTOGRAM)
    assert list(metric.buckets) == sorted(metric.buckets)
    assert metric.meaning.endswith(".")


def test_names_are_given_once() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_no_label_names_a_room_a_person_or_a_call() -> None:
    labels = {label for metric in METRICS for label in metric.labels}
    assert not {label for label in labels if re.search("room|person|speaker|call|utterance|language|name", label)}


def test_histograms_that_are_read_have_the_bounds_of_what_they_are_read_from() -> None:
    assert SHORT == BOUNDS_S
