"""The telemetry of one service: what its parts report to, and what is read from them when somebody asks."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sized
from functools import partial
from typing import TYPE_CHECKING

from bot.calls.call import Call
from bot.calls.environment import room_of
from bot.calls.service import CallService
from bot.interpreting.ledger import Entry, EntryState
from bot.interpreting.usage_meter import Price
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.ports import TranscriptSink
from bot.outputs.webhook_events import EmitEvent
from bot.realtime.booth import RealtimeBooth
from bot.realtime.session_base import SessionRules
from bot.resources import Resources
from bot.telemetry import catalogue, sources
from bot.telemetry.export import SendSpan
from bot.telemetry.metrics import CounterTotals, Metrics
from bot.telemetry.spans import spans, trace_id
from bot.telemetry.utterances import RECORDED, UtteranceMetrics
from http_serving.refusals import Refusals
from media_streaming.stream import MediaStream
from rooms_admin.integrations.subscriptions import EventKind
from webhooks.routes import WebhookCounts

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

logger = logging.getLogger(__name__)


class Telemetry:
    """Collects the metrics of a service. For use in its event loop."""

    def __init__(self, price: Price | None = None, currency: str = "") -> None:
        """`price`: cost of tokens by kind, in the currency."""
        self.metrics = Metrics()
        self.metrics.record(*RECORDED, catalogue.EVENTS)
        self.webhook_counts = WebhookCounts()
        self.send_span: SendSpan | None = None
        """Sends a span; None without a place to send it to."""
        self._active_calls: Callable[[], list[Call]] = list
        self._price = price
        self._currency = currency
        self.streams: CounterTotals[MediaStream] = CounterTotals()
        self.booths: CounterTotals[RealtimeBooth] = CounterTotals()
        self.sessions: CounterTotals[SessionRules] = CounterTotals()

    # --- what is recorded ------------------------------------------------------------------------

    def observed(self, sink: TranscriptSink, room_id: str) -> TranscriptSink:
        """Return a sink that passes on what a room records, counts it, and sends its traces."""
        return UtteranceMetrics(sink, self.metrics, self._price, self._currency, partial(self._send_trace, room_id))

    def _send_trace(self, room_id: str, entry: Entry) -> None:
        if entry.state is EntryState.ABANDONED:
            ids = {"room_id": room_id, "utterance_id": entry.utterance, "trace_id": trace_id(entry.utterance)}
            logger.info("utterance abandoned", extra={**ids, "target": entry.lane.target, "reason": entry.reason})
        if self.send_span is not None:
            for span in spans(entry, self._room(room_id, entry.lane.speaker)):
                self.send_span(span)

    def _room(self, room_id: str, speaker: str) -> dict[str, str]:
        """Return the ids of a room and of the call in which somebody speaks."""
        calls = [call for call in self._active_calls() if room_of(call.room.room_id) == room_id]
        calls.sort(key=lambda call: speaker not in call.present)
        connection_id = calls[0].connection.id if calls else None
        ids = (one.correlation_id for one in self.streams.owners if one.call_connection_id == connection_id)
        known = {"acs.call_connection_id": connection_id, "acs.correlation_id": next(ids, None)}
        return {"room.id": room_id} | {name: value for name, value in known.items() if value}

    def counting(self, emit: EmitEvent) -> EmitEvent:
        """Return a function that emits webhook events, and counts those about calls and lanes."""

        def counted(kind: EventKind, room_id: str, data: Mapping[str, object]) -> None:
            if kind != "utterance.final":
                self.metrics.add(catalogue.EVENTS, 1, kind, str(data.get("reason") or ""))
            emit(kind, room_id, data)

        return counted

    def following(
        self, serve: Callable[[MediaStream, str], Awaitable[None]]
    ) -> Callable[[MediaStream, str], Awaitable[None]]:
        """Return a function that serves a media stream and has its counters included."""

        async def followed(stream: MediaStream, call_secret: str) -> None:
            self.streams.follow(stream, stream.counters)
            await serve(stream, call_secret)

        return followed

    def follow(self, owner: object, counters: DataclassInstance) -> None:
        """Include the counters of a booth or of a session of the model."""
        if isinstance(owner, RealtimeBooth):
            self.booths.follow(owner, counters)
        else:
            assert isinstance(owner, SessionRules)
            self.sessions.follow(owner, counters)

    # --- what is read ----------------------------------------------------------------------------

    def watch(self, resources: Resources, calls: CallService, timer: FrameTimer, connections: Sized) -> None:
        """Read these parts from now on."""
        self._active_calls = lambda: calls.active_calls.all
        storage, clients = resources.storage, resources.clients
        for read in (
            lambda: sources.calls(calls.active_calls, calls.dispatcher.waiting),
            lambda: sources.media_streams(self.streams),
            lambda: sources.model(self.booths, self.sessions),
            lambda: sources.speech_detectors(resources.detectors),
            lambda: sources.frame_timer(timer.lateness),
            lambda: sources.stores(storage.transcripts, resources.deliveries, storage.health),
            lambda: sources.listeners(resources.feed),
            lambda: sources.connections(connections),
            lambda: sources.requests("acs", clients.acs_calls.outcomes),
            lambda: sources.requests("model", clients.model_sockets.outcomes),
        ):
            self.metrics.read(read)

    def watch_refusals(self, refusals: Refusals) -> None:
        """Read what the server refuses, and what became of webhook events."""
        self.metrics.read(lambda: sources.refusals(refusals))
        self.metrics.read(lambda: sources.webhook_events(self.webhook_counts))
