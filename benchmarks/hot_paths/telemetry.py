"""Counts utterances, makes their traces, and answers `/metrics`. Hot: it is beside everything else, and must be little.

Frames are those of 100 people speaking, in utterances of 3 s; `/metrics` is read every 15 s.
"""

from __future__ import annotations

from itertools import count

from prometheus_client.exposition import generate_latest

from benchmarks.hot_paths.timing import FRAMES_PER_SECOND, SPEAKING, HotPath
from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.ledger import ChannelPlayout, Entry, EntryState
from bot.interpreting.plan import Lane
from bot.telemetry.otel import OpenTelemetryExport
from bot.telemetry.spans import spans
from bot.telemetry.telemetry import Telemetry
from listeners.statistics import LatencyHistogram

UTTERANCE_FRAMES = 3 * FRAMES_PER_SECOND
REVISIONS = 12
READ_EVERY_S = 15
TICKS_PER_S = 200
LANE = Lane("8:acs:ada", "en-US", "es-ES")
ROOM = {"room.id": "room-1", "acs.call_connection_id": "call-1", "acs.correlation_id": "correlation-1"}
_numbers = count()


class _Nowhere:
    """A transcript that is not kept."""

    def opened(self, lane: Lane, utterance: str) -> None: ...

    def caption(self, line: CaptionLine) -> None: ...

    def settled(self, entry: Entry) -> None: ...


def paths() -> list[HotPath]:
    telemetry, lateness = Telemetry(), LatencyHistogram()
    sink = telemetry.observed(_Nowhere(), "room-1")
    export = OpenTelemetryExport([], {"service.name": "interpreter"})

    def utterance() -> None:
        for revision in range(1, REVISIONS + 1):
            sink.caption(_line(revision))
        sink.settled(_entry())

    def trace() -> None:
        for span in spans(_entry(), ROOM):
            export.span(span, 1_700_000_000.0)

    frames_per_s = FRAMES_PER_SECOND * SPEAKING
    return [
        HotPath("telemetry: an utterance is counted", UTTERANCE_FRAMES, utterance),
        HotPath("telemetry: its trace", UTTERANCE_FRAMES, trace),
        HotPath("telemetry: a tick of the timer", frames_per_s // TICKS_PER_S, lambda: lateness.observe(0.0004)),
        HotPath(
            "telemetry: /metrics is read",
            frames_per_s * READ_EVERY_S,
            lambda: generate_latest(telemetry.metrics.registry),
        ),
    ]


def _line(revision: int) -> CaptionLine:
    return CaptionLine("u-1", revision, LANE.speaker, "Ada", "es-ES", "Hola", revision == REVISIONS, False, 0, 0)


def _entry() -> Entry:
    return Entry(
        f"u-{next(_numbers)}",
        LANE,
        EntryState.SPOKEN,
        10.0,
        ended_at=13.0,
        committed_at=13.5,
        first_audio_at=14.3,
        first_played_at=14.3,
        last_played_at=16.8,
        patience_ms=500,
        played_ms=2_500,
        tokens={"input_audio": 40, "output_audio": 60, "input_text": 300, "output_text": 20},
        heard=3_200 * 48,
        playouts={"room": ChannelPlayout(played=120_000)},
    )
