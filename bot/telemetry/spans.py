"""The trace of an utterance: a span for its way in one lane, with a child for each stage. Made when it has ended.

Its ids follow from the utterance's id, which transcripts, captions, webhooks and the metadata of the model's responses
carry too: whoever has one of these finds the trace. Nothing in a span holds words or audio.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bot.interpreting.ledger import Entry, EntryState
from bot.log_format import redacted
from bot.outputs.transcript_writer import TYPED

ROOT_SPAN = "utterance"


@dataclass(frozen=True, slots=True)
class UtteranceStage:
    """One stage of an utterance's way, in seconds of the session's clock."""

    name: str
    began_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class UtteranceSpan:
    """A span as all exporters get it. Times are seconds of the session's clock."""

    name: str
    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 of them."""
    parent_id: str
    """Empty for the span of the whole way."""
    began_at: float
    ended_at: float
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    failed: bool = False
    """The utterance has no interpretation."""


def trace_id(utterance: str) -> str:
    """Return the id of an utterance's trace: all its lanes share it."""
    return hashlib.sha256(utterance.encode()).hexdigest()[:32]


def stages(entry: Entry) -> Iterator[UtteranceStage]:
    """Yield the stages of an utterance's way that it went, in order.

    A simultaneous interpretation begins before the speaker ends, and then has no stage that ends with the request.
    """
    ended, committed, audio = entry.ended_at, entry.committed_at, entry.first_audio_at
    if ended is not None and committed is not None:
        paused = min(ended + entry.patience_ms / 1000, committed)
        if paused >= ended:
            yield UtteranceStage("endpointing", ended, paused)
            yield UtteranceStage("commit", paused, committed)
    if audio is None:
        return
    if committed is not None and audio >= committed:
        yield UtteranceStage("first_delta", committed, audio)
    if entry.first_played_at is not None:
        yield UtteranceStage("first_frame", audio, entry.first_played_at)
        if entry.last_played_at is not None:
            yield UtteranceStage("last_frame", entry.first_played_at, entry.last_played_at)


def spans(entry: Entry, room: Mapping[str, str]) -> Iterator[UtteranceSpan]:
    """Yield the spans of an entry in its final state; `room` holds the ids of the room and its call."""
    trace = trace_id(entry.utterance)
    lane = f"{entry.utterance}\n{entry.lane.source}\n{entry.lane.target}"
    root = _span_id(lane, ROOT_SPAN)
    way = list(stages(entry))
    known = [at for at in (entry.ended_at, entry.committed_at, entry.first_audio_at, entry.last_played_at) if at]
    attributes: dict[str, str | int | float | bool] = {
        **room,
        "utterance.id": entry.utterance,
        "utterance.kind": TYPED if entry.lane.typed else entry.kind.value,
        "utterance.state": entry.state.value,
        "utterance.reason": entry.reason,
        "lane.speaker": redacted(entry.lane.speaker),
        "lane.source": entry.lane.source,
        "lane.target": entry.lane.target,
        "engine": entry.engine,
        "heard_ms": entry.heard_ms,
        "played_ms": entry.played_ms,
        "waited_ms": round(entry.waited_ms),
        "second_attempt": entry.strict,
        "condensed": entry.condensed,
        "faults": ",".join(str(fault) for fault in entry.faults),
    }
    shown = {name: value for name, value in attributes.items() if value != ""}
    failed = entry.state is EntryState.ABANDONED
    yield UtteranceSpan(ROOT_SPAN, trace, root, "", entry.began_at, max([entry.began_at, *known]), shown, failed=failed)
    for stage in way:
        yield UtteranceSpan(stage.name, trace, _span_id(lane, stage.name), root, stage.began_at, stage.ended_at)


def printed(trace: list[UtteranceSpan]) -> str:
    """Return a trace as text: each span with its begin and its duration in ms, and the attributes of the first."""
    start = trace[0].began_at
    lines = [f"trace {trace[0].trace_id}"]
    for span in trace:
        began, took = (span.began_at - start) * 1000, (span.ended_at - span.began_at) * 1000
        lines.append(f"{'  ' if span.parent_id else ''}{span.name:<14} {span.span_id} {began:6.0f} ms + {took:5.0f} ms")
        lines += [f"    {name} = {value}" for name, value in span.attributes.items()]
    return "\n".join(lines)


def _span_id(lane: str, stage: str) -> str:
    return hashlib.sha256(f"{lane}\n{stage}".encode()).hexdigest()[:16]
