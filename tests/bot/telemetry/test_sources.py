"""What the parts of the service count by themselves is read as metrics; a meeting in `tests/contract` has the rest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from bot.calls.state_machine import CallState
from bot.errors import RequestOutcomes
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.voice_activity import DetectorPool
from bot.realtime.speech_backlog import BacklogCounters
from bot.telemetry import sources
from bot.telemetry.metrics import CounterTotals
from http_serving.refusals import Refusals
from listeners.feed import Feed
from media_streaming.stream import MediaStream
from storage.health import StoreHealth
from tests.support.media_streams import FakeSocket
from webhooks.routes import WebhookCounts


def values(readings: Any) -> dict[tuple[str, ...], float]:
    return {(one.metric.name.removeprefix("interpreter_"), *one.labels): one.value for one in readings}


def call(state: CallState, session: object) -> Any:
    return SimpleNamespace(state=state, live=SimpleNamespace(session=session))


def test_calls_that_share_a_room_are_two_calls_and_one_room() -> None:
    shared = SimpleNamespace(open_entries=[1, 2], queued_ms=1_500.0)
    alone = SimpleNamespace(open_entries=[], queued_ms=0.0)
    active = SimpleNamespace(
        all=[call(CallState.STREAMING, shared), call(CallState.STREAMING, shared), call(CallState.CONNECTED, alone)],
        accepting=False,
    )
    assert values(sources.calls(active, 3)) == {
        ("accepting_calls",): 0,
        ("calls", "streaming"): 2,
        ("calls", "connected"): 1,
        ("open_utterances",): 2,
        ("queue_seconds", "playout"): 1.5,
        ("queue_items", "call_events"): 3,
    }


async def test_audio_that_acs_does_not_read_is_waiting_and_then_dropped() -> None:
    streams: CounterTotals[MediaStream] = CounterTotals()
    stream = MediaStream(FakeSocket())
    streams.follow(stream, stream.counters)
    stream.send_audio(bytes(48_000))
    stream.send_audio(bytes(9_600))
    read = values(sources.media_streams(streams))
    assert read["queue_seconds", "media_socket"] == 0.2
    assert read["media_audio_seconds_total", "accepted"] == 1.2
    assert read["media_audio_seconds_total", "dropped"] == 1.0
    assert read["media_messages_total", "received"] == 0


def test_what_the_model_did_not_get_is_read() -> None:
    booth = cast(Any, type("Booth", (), {"held_ms": 250.0})())
    booths: CounterTotals[Any] = CounterTotals()
    booths.follow(booth, BacklogCounters(bytes_held=96_000, bytes_dropped=48_000, utterances_dropped=1))
    read = values(sources.model(booths, CounterTotals()))
    assert read["model_audio_seconds_total", "held"] == 2.0
    assert read["model_audio_seconds_total", "dropped"] == 1.0
    assert read["model_utterances_dropped_total",] == 1
    assert read["queue_seconds", "model"] == 0.25


def test_stores_and_doors_are_read() -> None:
    health, refusals = StoreHealth(), Refusals()
    health.set_aside("room", "room-1", "damaged")
    refusals.count("192.0.2.7", "/api", "unauthorized")
    recorder, deliveries = SimpleNamespace(waiting=4, lost=1), SimpleNamespace(waiting=0, lost=2)
    assert values(sources.stores(cast(Any, recorder), cast(Any, deliveries), health)) == {
        ("queue_items", "transcripts"): 4,
        ("queue_items", "webhooks"): 0,
        ("lost_items_total", "transcripts"): 1,
        ("lost_items_total", "webhooks"): 2,
        ("unreadable_records", "room"): 1,
        ("store_works",): 1,
    }
    assert values(sources.refusals(refusals)) == {("refusals_total", "/api", "unauthorized"): 1}
    assert values(sources.connections(range(7))) == {("connections",): 7}
    assert values(sources.webhook_events(WebhookCounts(stale=2)))["webhook_events_total", "stale"] == 2


def test_requests_to_other_services_are_read_by_outcome() -> None:
    outcomes = RequestOutcomes()
    outcomes.note()
    outcomes.note("timeout")
    assert values(sources.requests("acs", outcomes)) == {
        ("requests_total", "acs", "ok"): 1,
        ("requests_total", "acs", "timeout"): 1,
    }


def test_listeners_and_detectors_are_read() -> None:
    feed = Feed()
    reader = feed.read_captions("room-1", "en-US")
    assert values(sources.listeners(feed))["readers",] == 1
    reader.close()
    assert values(sources.speech_detectors(DetectorPool())) == {("detector_fallbacks_total",): 0}
    assert values(sources.frame_timer(FrameTimer().lateness)) == {("frame_lateness_seconds",): 0.0}
