"""The vendor's own client has speech translated continuously by the emulated Realtime service."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI, omit
from openai.lib.realtime_translation import AsyncTranslationSession
from openai.types.realtime import (
    RealtimeTranslationInputTranscriptDeltaEvent,
    RealtimeTranslationOutputAudioDeltaEvent,
    RealtimeTranslationOutputTranscriptDeltaEvent,
    RealtimeTranslationSessionClosedEvent,
    RealtimeTranslationSessionCreatedEvent,
    RealtimeTranslationSessionUpdatedEvent,
)
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus

from emulator.engine.base import Heard
from emulator.engine.scripted import ScriptedEngine, marker_tone, read_markers, tone
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.deployments import read_deployments
from emulator.realtime.translation_model import OUTPUT_MODES, TranslationModel
from emulator.realtime.wire import encode_audio
from tests.support.realtime_client import KEY, LOOPBACK, TRANSLATE_MODEL, Service, realtime_service
from tests.support.realtime_sessions import PAUSE, quick, sentences
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with realtime_service(config=quick()) as running:
        yield running


async def test_what_is_said_arrives_once_and_in_order(service: Service) -> None:
    async with service.translate() as stream:
        created = await stream.next()
        assert isinstance(created, RealtimeTranslationSessionCreatedEvent)
        assert created.session.audio.output is not None
        assert (created.session.type, created.session.audio.output.language) == ("translation", "es")
        await stream.configure("fr", transcription="gpt-realtime-whisper")
        await stream.append(sentences(3, 4, 5))
        await stream.close()
        with pytest.raises(ConnectionClosedOK) as caught:
            await stream.next()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1000
    assert read_markers(stream.audio) == [3, 4, 5]
    assert stream.text() == "[fr] utterance 3 [fr] utterance 4 [fr] utterance 5"
    assert stream.text("session.input_transcript.delta") == " utterance 3 utterance 4 utterance 5"
    assert {type(event) for event in stream.events} == {
        RealtimeTranslationSessionCreatedEvent,
        RealtimeTranslationSessionUpdatedEvent,
        RealtimeTranslationInputTranscriptDeltaEvent,
        RealtimeTranslationOutputTranscriptDeltaEvent,
        RealtimeTranslationOutputAudioDeltaEvent,
        RealtimeTranslationSessionClosedEvent,
    }
    assert all(event.event_id for event in stream.events)


async def test_the_first_sentence_is_heard_before_the_second_has_ended(service: Service) -> None:
    async with service.translate() as stream:
        await stream.configure("fr")
        await stream.append(sentences(1), pace=8)
        second = marker_tone(2) * 20
        await stream.append(second[: len(second) // 2], pace=8)
        await stream.until("session.output_transcript.delta")
        while not read_markers(stream.audio):
            await stream.until("session.output_audio.delta")
        assert read_markers(stream.audio) == [1]
        await stream.append(second[len(second) // 2 :], pace=20)
        await stream.close()
    assert read_markers(stream.audio) == [1, 2]


async def test_in_time_with_its_input_and_at_its_own_lag() -> None:
    """At four times speed, and with a third of the lag of the real model."""
    config = RealtimeConfig(seed=1, translation=TranslationModel(lag_ms=(1_600, 1_600)))
    async with realtime_service(config=config) as service, service.translate() as stream:
        await stream.append(sentences(1) + bytes(2_000 * 48), pace=4)
        while not read_markers(stream.audio):
            await stream.until("session.output_audio.delta")
        heard_ms = len(stream.audio) / 48
        assert stream.events[-1].elapsed_ms == heard_ms
        assert 1_600 <= heard_ms <= 2_000
        await stream.close()
    (entry,) = service.journal.entries("realtime.interpretation")
    assert (entry["start_ms"], entry["due_ms"], entry["status"]) == (0, 1_600, "spoken")


@pytest.mark.parametrize("name", OUTPUT_MODES)
async def test_every_output_mode_carries_the_same_speech(name: str) -> None:
    async with (
        realtime_service(config=quick(output=OUTPUT_MODES[name])) as service,
        service.translate() as stream,
    ):
        await stream.append(sentences(7), pace=4)
        await stream.close()
    assert read_markers(stream.audio) == [7]
    samples = np.abs(np.frombuffer(stream.audio, dtype="<i2").astype(np.int32))
    assert 0 < (samples[samples < 1_024]).max()
    loud = np.flatnonzero(samples >= 1_024)
    assert loud[-1] - loud[0] >= 24_000
    assert samples[: loud[0]].max() <= 63


async def test_the_target_language_can_change_and_its_own_speech_is_left_alone() -> None:
    engine = ScriptedEngine(0.0, languages={2: "es"})
    async with realtime_service(config=quick(), engine=engine) as service, service.translate() as stream:
        for language, number in (("fr", 1), ("es", 2), ("de", 3)):
            await stream.configure(language)
            await stream.append(sentences(number))
            while len(service.journal.entries("realtime.interpretation")) < number:
                await stream.append(bytes(9_600))
                await stream.next()
        await stream.close()
    assert stream.text() == "[fr] utterance 1 [de] utterance 3"
    assert read_markers(stream.audio) == [1, 3]


class Eager(ScriptedEngine):
    """Understands speech that goes on."""

    async def overhear(self, pcm: bytes, languages: Sequence[str]) -> Heard:
        return Heard(languages[0], "one two three")


async def test_words_of_the_source_come_while_the_speaker_goes_on() -> None:
    async with realtime_service(config=quick(), engine=Eager()) as service, service.translate() as stream:
        await stream.configure("fr", transcription="gpt-realtime-whisper")
        await stream.append(tone(180, 3_000, 3_000))
        async with asyncio.timeout(10):
            while stream.text("session.input_transcript.delta") != " one two three":
                await stream.next()
        await stream.append(tone(180, 1_000, 3_000))
        assert service.journal.entries("realtime.interpretation") == []
        await stream.close()
        assert len(service.journal.entries("realtime.interpretation")) == 1


async def test_errors_leave_the_session_usable(service: Service) -> None:
    async with service.translate() as stream:
        connection = stream.connection
        await connection.send_raw('{"type":"response.create","event_id":"e1"}')
        await connection.send_raw('{"type":"input_audio_buffer.append","audio":"AAAA","event_id":"e2"}')
        await connection.session.update(session={"audio": {"output": {"language": "zho"}}}, event_id="e3")
        typed: Any = {"type": "translation"}
        await connection.session.update(session=typed, event_id="e4")
        await connection.send_raw('{"type":"session.update","event_id":"e5"}')
        await connection.session.input_audio_buffer.append(audio="AAAA", event_id="e6")
        found = [(await stream.until("error")).error for _ in range(6)]
        assert [(error.event_id, error.code, error.param) for error in found] == [
            ("e1", "invalid_value", "type"),
            ("e2", "invalid_value", "type"),
            ("e3", "invalid_value", "session.audio.output.language"),
            ("e4", "unknown_parameter", "session.type"),
            ("e5", "missing_required_parameter", "session"),
            ("e6", "invalid_value", "audio"),
        ]
        await stream.append(sentences(1))
        await stream.close()
    assert read_markers(stream.audio) == [1]


async def test_the_helper_of_the_sdk_drains_a_session(service: Service) -> None:
    async with service.client() as client:
        session = AsyncTranslationSession(
            client.realtime.translations, model=TRANSLATE_MODEL, websocket_connection_options=LOOPBACK
        )
        async with session as connection:
            assert (await connection.recv()).type == "session.created"
            await connection.send({"type": "session.update", "session": {"audio": {"output": {"language": "fr"}}}})
            for start in range(0, len(sentences(9)), 9_600):
                audio = encode_audio(sentences(9)[start : start + 9_600])
                await connection.send({"type": "session.input_audio_buffer.append", "audio": audio})
            await connection.send({"type": "session.close"})
            heard = b""
            while (event := await connection.recv()).type != "session.closed":
                if event.type == "session.output_audio.delta":
                    heard += base64.b64decode(event.delta)
            with pytest.raises(ConnectionClosed):
                await connection.recv()
    assert read_markers(heard) == [9]


async def test_closing_the_socket_early_loses_the_rest() -> None:
    async with realtime_service(config=quick(output=OUTPUT_MODES["real_time"])) as service:
        async with service.translate() as stream:
            await stream.append(marker_tone(1) * 20 + PAUSE)
            while not read_markers(stream.audio):
                await stream.append(bytes(9_600))
                await stream.until("session.output_audio.delta")
        await service.server.close_connections()
    (closed,) = service.journal.entries("realtime.closed")
    assert int(str(closed["speech_waiting"])) > 2 * 48_000
    assert closed["audio_in"] == sum(int(str(closed[f"audio_in_{part}"])) for part in ("heard", "dropped", "waiting"))


# -- connecting


async def test_both_ways_to_present_the_key(service: Service) -> None:
    for headers in ({"api-key": KEY, "Authorization": omit}, {}):
        async with service.translate(extra_headers=headers) as stream:
            assert (await stream.next()).type == "session.created"
    targets = [entry["target"] for entry in service.journal.entries("realtime.connection")]
    assert targets == [f"/openai/v1/realtime/translations?model={TRANSLATE_MODEL}"] * 2


async def test_the_wrong_path_for_a_deployment() -> None:
    deployments = read_deployments(["talk", "live=translation:gpt-realtime-translate-2026-05-06"])
    async with realtime_service(config=RealtimeConfig(deployments=deployments)) as service:
        for opening in (
            service.connect(model="live"),
            service.translate(model="talk"),
        ):
            with pytest.raises(InvalidStatus) as caught:
                async with opening:
                    pass
            assert caught.value.response.status_code == 400
            assert b'"OpperationNotSupported"' in caught.value.response.body
        async with service.translate(model="live") as stream:
            assert (await stream.next()).session.model == "gpt-realtime-translate-2026-05-06"


async def test_the_preview_api_is_refused_to_the_azure_client(service: Service) -> None:
    client = AsyncAzureOpenAI(
        api_key=KEY,
        api_version="2025-04-01-preview",
        websocket_base_url=f"ws://127.0.0.1:{service.port}/openai",
        azure_endpoint=f"http://127.0.0.1:{service.port}",
        max_retries=0,
    )
    async with client:
        openings: list[Any] = [
            client.realtime.connect(model="talk", websocket_connection_options=LOOPBACK),
            client.realtime.translations.connect(model="live", websocket_connection_options=LOOPBACK),
        ]
        for opening in openings:
            with pytest.raises(InvalidStatus) as caught:
                async with opening:
                    pass
            assert caught.value.response.status_code == 400
            assert b"/openai/v1/realtime" in caught.value.response.body
    targets = [str(entry["target"]) for entry in service.journal.entries("realtime.connection")]
    assert [target.split("?")[0] for target in targets] == ["/openai/realtime", "/openai/realtime/translations"]


async def test_openai_paths_are_served_as_well(service: Service) -> None:
    base_url = f"http://127.0.0.1:{service.port}/v1"
    async with AsyncOpenAI(base_url=base_url, api_key=KEY) as client:
        opening = client.realtime.translations.connect(model="m", websocket_connection_options=LOOPBACK)
        async with opening as connection:
            assert (await connection.recv()).type == "session.created"
