"""Reads metrics from the parts of the service that count by themselves. Nothing here is called before somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import asdict
from typing import Protocol

from bot.calls.call import Call
from bot.errors import RequestOutcomes
from bot.live_room.voice_activity import DetectorPool
from bot.realtime.booth import RealtimeBooth
from bot.realtime.session_base import SessionRules
from bot.telemetry import catalogue
from bot.telemetry.catalogue import Metric
from bot.telemetry.metrics import CounterTotals, Reading
from http_serving.refusals import Refusals
from listeners.feed import Feed
from listeners.statistics import LatencyHistogram
from media_streaming.stream import MediaStream
from rooms_admin.integrations.webhook_delivery import WebhookDeliveries
from rooms_admin.transcripts.recorder import TranscriptRecorder
from storage.health import StoreHealth
from webhooks.routes import WebhookCounts

BYTES_PER_S = 48_000
"""PCM16 at 24 kHz."""


class CallsOfReplica(Protocol):
    """The calls of this replica (`bot.calls.active_calls.ActiveCalls`)."""

    @property
    def all(self) -> list[Call]: ...

    accepting: bool


def calls(active: CallsOfReplica, waiting_events: int) -> Iterator[Reading]:
    """Read the calls and their rooms; calls that share a room are counted one by one, their room once."""
    present = active.all
    yield Reading(catalogue.ACCEPTING, active.accepting)
    for state, number in Counter(str(call.state) for call in present).items():
        yield Reading(catalogue.CALLS, number, (state,))
    sessions = {id(session): session for session in (call.live.session for call in present)}.values()
    yield Reading(catalogue.OPEN_UTTERANCES, sum(len(session.open_entries) for session in sessions))
    longest = max((session.queued_ms for session in sessions), default=0.0)
    yield Reading(catalogue.QUEUED_AUDIO, longest / 1000, ("playout",))
    yield Reading(catalogue.QUEUED_ITEMS, waiting_events, ("call_events",))


def media_streams(streams: CounterTotals[MediaStream]) -> Iterator[Reading]:
    """Read the media sockets of ACS."""
    total = streams.read()
    yield from _by_label(
        catalogue.MEDIA_MESSAGES,
        {"received": total["messages_received"], "malformed": total["malformed"], "unknown": total["unknown"]},
    )
    yield from _by_label(catalogue.MEDIA_AUDIO, _seconds(total, "audio_bytes_"))
    longest = max((stream.outbound_ms for stream in streams.owners), default=0.0)
    yield Reading(catalogue.QUEUED_AUDIO, longest / 1000, ("media_socket",))


def model(booths: CounterTotals[RealtimeBooth], sessions: CounterTotals[SessionRules]) -> Iterator[Reading]:
    """Read the booths and sessions of the model."""
    total = booths.read()
    yield from _by_label(catalogue.BACKLOG, _seconds(total, "bytes_"))
    yield Reading(catalogue.BACKLOG_DROPS, total["utterances_dropped"])
    longest = max((booth.held_ms for booth in booths.owners), default=0.0)
    yield Reading(catalogue.QUEUED_AUDIO, longest / 1000, ("model",))
    yield from _by_label(catalogue.MODEL_MESSAGES, sessions.read())


def speech_detectors(pool: DetectorPool) -> Iterator[Reading]:
    """Read how often the better detectors were all in use."""
    yield Reading(catalogue.DETECTOR_FALLBACKS, pool.fallbacks)


def frame_timer(lateness: LatencyHistogram) -> Iterator[Reading]:
    """Read how late the timer of all rooms woke."""
    yield _histogram(catalogue.TICKS, lateness)


def stores(recorder: TranscriptRecorder, deliveries: WebhookDeliveries, health: StoreHealth) -> Iterator[Reading]:
    """Read what waits for the store, what was lost on the way, and what cannot be read in it."""
    yield from _by_label(catalogue.QUEUED_ITEMS, {"transcripts": recorder.waiting, "webhooks": deliveries.waiting})
    yield from _by_label(catalogue.LOST_ITEMS, {"transcripts": recorder.lost, "webhooks": deliveries.lost})
    yield Reading(catalogue.STORE_WORKS, not health.problem)
    yield from _by_label(catalogue.STORE_UNREADABLE, health.unreadable)


def requests(to: str, outcomes: RequestOutcomes) -> Iterator[Reading]:
    """Read how requests to another service ended."""
    return (Reading(catalogue.REQUESTS, number, (to, outcome)) for outcome, number in outcomes.counts.items())


def connections(opened: Sized) -> Iterator[Reading]:
    """Read how many connections are open."""
    yield Reading(catalogue.CONNECTIONS, len(opened))


def refusals(refused: Refusals) -> Iterator[Reading]:
    """Read what the server refused."""
    return (Reading(catalogue.REFUSALS, number, what) for what, number in refused.totals.items())


def webhook_events(counts: WebhookCounts) -> Iterator[Reading]:
    """Read what became of events."""
    yield from _by_label(catalogue.WEBHOOK_EVENTS, asdict(counts))


def listeners(feed: Feed) -> Iterator[Reading]:
    """Read what listeners outside the calls get."""
    now = feed.statistics()
    yield Reading(catalogue.LISTENED_ROOMS, now.rooms)
    yield Reading(catalogue.READERS, now.readers)
    yield Reading(catalogue.PUBLISHED, now.published)
    yield from _by_label(
        catalogue.LISTENER_DROPS,
        {"frames": now.dropped_frames, "lines": now.dropped_lines, "readers": now.cut_readers},
    )
    yield Reading(catalogue.UPLINK_DROPS, now.dropped_uplink)
    yield Reading(catalogue.LISTENER_DELAY, now.audio.sum_s, counts=now.audio.counts)


def _histogram(metric: Metric, histogram: LatencyHistogram) -> Reading:
    now = histogram.read()
    return Reading(metric, now.sum_s, counts=now.counts)


def _by_label(metric: Metric, values: Mapping[str, float]) -> Iterable[Reading]:
    return (Reading(metric, value, (label,)) for label, value in values.items())


def _seconds(total: Mapping[str, int], prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix): size / BYTES_PER_S for name, size in total.items() if name.startswith(prefix)}
