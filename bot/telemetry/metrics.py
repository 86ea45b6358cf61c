"""Keeps the metrics of the catalogue: some are recorded as things happen, others are read when somebody asks."""

from __future__ import annotations

import threading
import weakref
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Generic, TypeVar

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector, CollectorRegistry

from bot.telemetry.catalogue import METRICS, Metric, MetricKind

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MOST_SERIES = 200
"""Label sets of a recorded metric; further ones are counted together. Reasons may hold codes of other services."""
OTHER = "other"

Owner = TypeVar("Owner")


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of a metric that is read."""

    metric: Metric
    value: float
    """Of a histogram: the sum."""
    labels: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    """Of a histogram: observations by bucket, one more than it has bounds."""


Recorder = prometheus_client.Counter | prometheus_client.Histogram
ReadMetrics = Callable[[], Iterable[Reading]]


class Metrics(Collector):
    """The metrics of one service. For use in the event loop; may be collected in any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._recorded: dict[Metric, Recorder] = {}
        self._series: dict[Metric, dict[tuple[str, ...], Recorder]] = defaultdict(dict)
        """By metric and labels: looking them up in the library takes ten times as long."""
        self._sources: list[ReadMetrics] = []
        self.registry.register(self)

    def record(self, *metrics: Metric) -> None:
        """Have `add` and `observe` work with these; all others are read."""
        for metric in metrics:
            if metric.kind is MetricKind.HISTOGRAM:
                self._recorded[metric] = prometheus_client.Histogram(
                    metric.name, metric.meaning, metric.labels, registry=self.registry, buckets=metric.buckets
                )
            else:
                self._recorded[metric] = prometheus_client.Counter(
                    metric.name, metric.meaning, metric.labels, registry=self.registry
                )

    def read(self, source: ReadMetrics) -> None:
        """Read metrics from this function whenever they are asked for."""
        self._sources.append(source)

    def add(self, metric: Metric, amount: float, *labels: str, trace: str = "") -> None:
        """Add to a counter. `trace`: id of the trace that is an example of it."""
        counter = self._of(metric, labels)
        assert isinstance(counter, prometheus_client.Counter)
        counter.inc(amount, _exemplar(trace))

    def observe(self, metric: Metric, value: float, *labels: str, trace: str = "") -> None:
        """Count a value in a histogram."""
        histogram = self._of(metric, labels)
        assert isinstance(histogram, prometheus_client.Histogram)
        histogram.observe(value, _exemplar(trace))

    def _of(self, metric: Metric, labels: tuple[str, ...]) -> Recorder:
        if not labels:
            return self._recorded[metric]
        known = self._series[metric]
        found = known.get(labels)
        if found is None:
            if len(known) >= MOST_SERIES:
                labels = (OTHER,) * len(labels)
            found = known[labels] = self._recorded[metric].labels(*labels)
        return found

    def collect(self) -> Iterator[Family]:
        """Yield what is read, without values where there is none (implements `Collector`)."""
        families = {
            metric: _FAMILIES[metric.kind](metric.name, metric.meaning, labels=metric.labels)
            for metric in METRICS
            if metric not in self._recorded
        }
        for reading in (reading for source in self._sources for reading in source()):
            metric, family = reading.metric, families[reading.metric]
            if isinstance(family, HistogramMetricFamily):
                bounds = [*(str(bound) for bound in metric.buckets), "+Inf"]
                counts = zip(bounds, accumulate(reading.counts), strict=True)
                family.add_metric(reading.labels, list(counts), reading.value)
            elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
                family.add_metric(reading.labels, reading.value)
        yield from families.values()


_FAMILIES: dict[MetricKind, Callable[..., Family]] = {
    MetricKind.COUNTER: CounterMetricFamily,
    MetricKind.GAUGE: GaugeMetricFamily,
    MetricKind.HISTOGRAM: HistogramMetricFamily,
}


def _exemplar(trace: str) -> dict[str, str] | None:
    return {"trace_id": trace} if trace else None


class CounterTotals(Generic[Owner]):
    """Sums the counters of what comes and goes, streams or sessions. What was counted stays when its owner is gone."""

    def __init__(self) -> None:
        self._present: dict[int, tuple[weakref.ref[Owner], DataclassInstance]] = {}
        self._gone: Counter[str] = Counter()
        self._lock = threading.RLock()
        """An owner may be collected in any thread."""
        self._number = 0

    def follow(self, owner: Owner, counters: DataclassInstance) -> None:
        """Include the counters of an owner, all of whose fields are numbers, from now on."""
        self._number += 1
        with self._lock:
            self._present[self._number] = weakref.ref(owner), counters
        weakref.finalize(owner, self._keep, self._number).atexit = False

    def _keep(self, number: int) -> None:
        with self._lock:
            self._gone.update(asdict(self._present.pop(number)[1]))

    @property
    def owners(self) -> list[Owner]:
        """Those that are still there."""
        with self._lock:
            return [owner for reference, _ in self._present.values() if (owner := reference()) is not None]

    def read(self) -> Counter[str]:
        """Return the sums, by field."""
        with self._lock:
            total = Counter(self._gone)
            for _, counters in list(self._present.values()):
                total.update(asdict(counters))
            return total
