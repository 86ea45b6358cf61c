from __future__ import annotations

import gc
from dataclasses import dataclass

import pytest
from prometheus_client.exposition import choose_encoder

from bot.telemetry import catalogue
from bot.telemetry.metrics import MOST_SERIES, OTHER, CounterTotals, Metrics, Reading


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_counters_and_histograms_are_recorded() -> None:
    metrics = Metrics()
    metrics.record(catalogue.TOKENS, catalogue.EAR_VOICE_SPAN)
    metrics.add(catalogue.TOKENS, 3, "input_audio")
    metrics.add(catalogue.TOKENS, 4, "input_audio")
    metrics.observe(catalogue.EAR_VOICE_SPAN, 1.7)
    assert value(metrics, "interpreter_model_tokens_total", kind="input_audio") == 7
    assert value(metrics, "interpreter_ear_voice_span_seconds_bucket", le="1.5") == 0
    assert value(metrics, "interpreter_ear_voice_span_seconds_bucket", le="2.0") == 1


def test_what_was_not_announced_cannot_be_recorded() -> None:
    with pytest.raises(KeyError):
        Metrics().add(catalogue.TOKENS, 1, "input_audio")


def test_an_example_is_named_by_its_trace() -> None:
    metrics = Metrics()
    metrics.record(catalogue.STAGES)
    metrics.observe(catalogue.STAGES, 0.7, "first_delta", trace="ab" * 16)
    encode, _ = choose_encoder("application/openmetrics-text; version=1.0.0")
    assert f'# {{trace_id="{"ab" * 16}"}} 0.7' in encode(metrics.registry).decode()


def test_reasons_of_others_make_no_endless_series() -> None:
    metrics = Metrics()
    metrics.record(catalogue.EVENTS)
    for number in range(MOST_SERIES + 5):
        metrics.add(catalogue.EVENTS, 1, "interpreter.degraded", f"code_{number}")
    assert value(metrics, "interpreter_events_total", event=OTHER, reason=OTHER) == 5
    metrics.add(catalogue.EVENTS, 1, "interpreter.degraded", "code_3")
    assert value(metrics, "interpreter_events_total", event="interpreter.degraded", reason="code_3") == 2


def test_what_is_read_is_as_it_is_now() -> None:
    metrics, rooms = Metrics(), ["a"]
    metrics.read(lambda: [Reading(catalogue.LISTENED_ROOMS, len(rooms))])
    metrics.read(lambda: [Reading(catalogue.LISTENER_DROPS, 4, ("frames",))])
    assert value(metrics, "interpreter_listened_rooms") == 1
    rooms.append("b")
    assert value(metrics, "interpreter_listened_rooms") == 2
    assert value(metrics, "interpreter_listener_drops_total", kind="frames") == 4


def test_a_histogram_that_is_read_has_cumulative_buckets() -> None:
    metrics = Metrics()
    counts = (5, 0, 2) + (0,) * 7 + (1,)
    metrics.read(lambda: [Reading(catalogue.TICKS, 1.25, counts=counts)])
    buckets = {le: value(metrics, "interpreter_frame_lateness_seconds_bucket", le=le) for le in ("0.001", "0.005")}
    assert buckets == {"0.001": 5, "0.005": 7}
    assert value(metrics, "interpreter_frame_lateness_seconds_bucket", le="+Inf") == 8
    assert value(metrics, "interpreter_frame_lateness_seconds_sum") == 1.25


def test_every_metric_is_shown_before_anything_has_happened() -> None:
    metrics = Metrics()
    metrics.record(catalogue.UTTERANCES)
    shown = {family.name for family in metrics.registry.collect()}
    assert shown == {one.name.removesuffix("_total") for one in catalogue.METRICS}


@dataclass
class Counts:
    sent: int = 0
    lost: int = 0


class Stream:
    pass


def test_counts_stay_when_their_owner_is_gone() -> None:
    totals: CounterTotals[Stream] = CounterTotals()
    first, second = Stream(), Stream()
    totals.follow(first, counts := Counts(sent=3))
    totals.follow(second, Counts(sent=10, lost=1))
    counts.sent += 1
    assert totals.owners == [first, second]
    assert totals.read() == {"sent": 14, "lost": 1}
    del first
    gc.collect()
    assert totals.owners == [second]
    assert totals.read() == {"sent": 14, "lost": 1}
