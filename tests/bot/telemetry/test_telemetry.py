from __future__ import annotations

from collections.abc import Mapping

from bot.interpreting.plan import Lane
from bot.realtime.translation_messages import TranslationSettings
from bot.realtime.translation_session import TranslationSession
from bot.telemetry.telemetry import Telemetry
from media_streaming.stream import MediaStream
from tests.support.media_streams import FakeSocket
from tests.support.transcripts import TranscriptNotes


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
    assert telemetry.observed(notes) is not notes


async def test_streams_and_sessions_are_followed() -> None:
    telemetry = Telemetry()
    served: list[str] = []

    async def serve(stream: MediaStream, secret: str) -> None:
        served.append(secret)

    stream = MediaStream(FakeSocket())
    await telemetry.following(serve)(stream, "secret")
    session = TranslationSession(Lane("8:acs:ada", "en-US", "es-ES"), TranslationSettings())
    telemetry.follow(session, session.counters)
    assert served == ["secret"]
    assert telemetry.streams.owners == [stream]
    assert telemetry.sessions.owners == [session]
