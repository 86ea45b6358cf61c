from __future__ import annotations

import logging
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock

import pytest

from bot.interpreting.ledger import Entry, EntryState
from bot.interpreting.plan import Lane
from bot.realtime.translation_messages import TranslationSettings
from bot.realtime.translation_session import TranslationSession
from bot.telemetry.spans import UtteranceSpan, trace_id
from bot.telemetry.telemetry import Telemetry
from media_streaming.stream import MediaStream
from tests.support.media_streams import FakeSocket
from tests.support.transcripts import TranscriptNotes

LANE = Lane("8:acs:ada", "en-US", "es-ES")


def call(key: str, connection_id: str, *present: str) -> Any:
    room, connection = SimpleNamespace(room_id=key), SimpleNamespace(id=connection_id)
    return SimpleNamespace(room=room, connection=connection, present=frozenset(present))


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.metrics.registry.get_sample_value(name, labels)


def test_events_of_calls_are_counted_and_emitted() -> None:
    telemetry, emitted = Telemetry(), list[tuple[str, str, Mapping[str, object]]]()
    emit = telemetry.counting(lambda *event: emitted.append(event))
    emit("interpreter.left", "room-1", {"reason": "everybody_left"})
    emit("interpreter.joined", "room-1", {"call_connection_id": "c-1"})
    emit("utterance.final", "room-1", {"reason": ""})
    assert [kind for kind, _, _ in emitted] == ["interpreter.left", "interpreter.joined", "utterance.final"]
    name = "interpreter_events_total"
    assert value(telemetry, name, event="interpreter.left", reason="everybody_left") == 1
    assert value(telemetry, name, event="interpreter.joined", reason="") == 1
    assert value(telemetry, name, event="utterance.final", reason="") is None


def test_what_records_a_room_is_counted() -> None:
    notes, telemetry = TranscriptNotes(), Telemetry()
    sink = telemetry.observed(notes, "room-1")
    sink.settled(Entry("u-1", LANE, EntryState.SPOKEN, 1.0))
    assert [entry.utterance for entry in notes.entries] == ["u-1"]
    assert value(telemetry, "interpreter_utterances_total", kind="utterance", state="spoken", reason="") == 1


def test_a_trace_names_the_call_and_an_abandoned_utterance_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """One id leads from ACS to the log line and the trace."""
    telemetry, sent = Telemetry(), list[UtteranceSpan]()
    telemetry.send_span = sent.append
    stream = MediaStream(FakeSocket(), call_connection_id="call-1", correlation_id="corr-1")
    telemetry.streams.follow(stream, stream.counters)
    elsewhere, here = call("room-1/fr-FR", "call-0"), call("room-1/en-US", "call-1", LANE.speaker)
    active = SimpleNamespace(all=[call("room-2", "call-2"), elsewhere, here])
    parts = cast(Any, MagicMock())
    telemetry.watch(parts, cast(Any, SimpleNamespace(active_calls=active)), parts, ())
    with caplog.at_level(logging.INFO):
        telemetry.observed(TranscriptNotes(), "room-1").settled(
            Entry("u-1", LANE, EntryState.ABANDONED, 1.0, "timeout")
        )
    assert sent[0].attributes["acs.call_connection_id"] == "call-1"
    assert sent[0].attributes["acs.correlation_id"] == "corr-1"
    (line,) = [vars(record) for record in caplog.records]
    assert (line["message"], line["reason"], line["room_id"]) == ("utterance abandoned", "timeout", "room-1")
    assert line["trace_id"] == sent[0].trace_id == trace_id("u-1")


async def test_streams_and_sessions_are_followed() -> None:
    telemetry = Telemetry()
    served: list[str] = []

    async def serve(stream: MediaStream, secret: str) -> None:
        served.append(secret)

    stream = MediaStream(FakeSocket())
    await telemetry.following(serve)(stream, "secret")
    session = TranslationSession(LANE, TranslationSettings())
    telemetry.follow(session, session.counters)
    assert served == ["secret"]
    assert telemetry.streams.owners == [stream]
    assert telemetry.sessions.owners == [session]
