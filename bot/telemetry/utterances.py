"""Records each utterance that has ended in the metrics, on the way of its records to the transcript."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.ledger import BYTES_PER_MS, Entry, EntryKind, EntryState
from bot.interpreting.plan import Lane
from bot.live_room.ports import TranscriptSink
from bot.outputs.transcript_writer import TYPED, ledger_record
from bot.telemetry import catalogue
from bot.telemetry.metrics import Metrics
from bot.telemetry.spans import stages, trace_id

RECORDED = (
    catalogue.UTTERANCES,
    catalogue.EAR_VOICE_SPAN,
    catalogue.STAGES,
    catalogue.OWN_SHARE,
    catalogue.FLOOR_WAIT,
    catalogue.REVISIONS,
    catalogue.FAULTS,
    catalogue.SECOND_ATTEMPTS,
    catalogue.CONDENSED,
    catalogue.SPEECH,
    catalogue.UNDERRUNS,
    catalogue.UNDERRUN_TIME,
    catalogue.TOKENS,
    catalogue.MODEL_TIME,
    catalogue.COST,
)
LEAST_GAP_S = 0.04
"""Two frames: less is the rhythm of the pacer, and no interruption."""
FRAME_S = 0.02


@dataclass(frozen=True, slots=True)
class UtteranceMetrics(TranscriptSink):
    """Counts what passes through it to another sink (implements `bot.live_room.ports.TranscriptSink`)."""

    sink: TranscriptSink
    metrics: Metrics
    price: Callable[[Mapping[str, int]], float] | None
    """Cost of tokens by kind; None without prices in the settings."""
    currency: str = ""
    send: Callable[[Entry], None] = lambda entry: None
    """Sends the trace of an entry."""

    def opened(self, lane: Lane, utterance: str) -> None:
        self.sink.opened(lane, utterance)

    def caption(self, line: CaptionLine) -> None:
        self.sink.caption(line)
        if line.is_final:
            self.metrics.observe(catalogue.REVISIONS, line.revision)

    def settled(self, entry: Entry) -> None:
        self.sink.settled(entry)
        self._count_use(entry)
        if entry.kind is EntryKind.USAGE:
            return  # nobody's words
        self.send(entry)
        add = self.metrics.add
        observe = partial(self.metrics.observe, trace=trace_id(entry.utterance))
        add(catalogue.UTTERANCES, 1, TYPED if entry.lane.typed else entry.kind, entry.state, entry.reason)
        for playout in entry.playouts.values():
            for fate, size in ("played", playout.played), ("trimmed", playout.trimmed), ("dropped", playout.dropped):
                add(catalogue.SPEECH, size / BYTES_PER_MS / 1000, fate)
        if entry.kind is not EntryKind.UTTERANCE:
            return
        for fault in entry.faults:
            add(catalogue.FAULTS, 1, str(fault), "yes" if entry.state is EntryState.SPOKEN else "no")
        add(catalogue.SECOND_ATTEMPTS, entry.strict)
        add(catalogue.CONDENSED, entry.condensed)
        for stage in stages(entry):
            observe(catalogue.STAGES, stage.ended_at - stage.began_at, stage.name)
        record = ledger_record(entry)
        if record.ear_voice_span_ms is not None and record.own_share_ms is not None:
            observe(catalogue.EAR_VOICE_SPAN, record.ear_voice_span_ms / 1000)
            observe(catalogue.OWN_SHARE, max(0.0, record.own_share_ms / 1000))
            observe(catalogue.FLOOR_WAIT, record.waited_ms / 1000)
        if gap := underrun_s(entry):
            add(catalogue.UNDERRUNS, 1)
            add(catalogue.UNDERRUN_TIME, gap)

    def _count_use(self, entry: Entry) -> None:
        self.metrics.add(catalogue.SPEECH, entry.heard_ms / 1000, "heard")
        for kind, used in entry.tokens.items():
            if kind.endswith("_ms"):
                self.metrics.add(catalogue.MODEL_TIME, used / 1000, kind.removesuffix("_ms"))
            else:
                self.metrics.add(catalogue.TOKENS, used, kind)
        if self.price is not None and entry.tokens:
            self.metrics.add(catalogue.COST, self.price(entry.tokens), self.currency)


def underrun_s(entry: Entry) -> float:
    """Return how long an interpretation was interrupted while it was heard, in seconds.

    It is not known of a voice on several channels, where it begins at several times.
    """
    if len(entry.playouts) != 1 or entry.first_played_at is None or entry.last_played_at is None:
        return 0.0
    gap = entry.last_played_at + FRAME_S - entry.first_played_at - entry.played_ms / 1000
    return gap if gap >= LEAST_GAP_S else 0.0
