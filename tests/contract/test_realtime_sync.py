"""The vendor's synchronous client, in a thread of its own, against the emulated Realtime service."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

import pytest
from openai import OpenAI
from openai.lib.realtime_translation import TranslationSession
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus

from emulator.engine.scripted import marker_tone, read_markers
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults
from emulator.realtime.wire import encode_audio
from tests.support.realtime_client import KEY, LOOPBACK, MODEL, SESSION, TRANSLATE_MODEL, Service, realtime_service
from tests.support.realtime_sessions import COMPLETED, INTENT, quick, sentences, settings

OPTIONS: Any = {**LOOPBACK, "legacy": True}
"""The SDK calls `connect()` in a way that `websockets` deprecates since 17.1, unless it is told that this is meant."""


@pytest.fixture
def service() -> Iterator[Service]:
    """A server whose loop has a thread to itself."""
    started = threading.Event()
    found: list[Service] = []
    stop: list[Callable[[], object]] = []

    async def serve() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(stopping.set))
        async with realtime_service(config=RealtimeConfig(pace=inf, translation=quick().translation)) as running:
            found.append(running)
            started.set()
            await stopping.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(5)
    yield found[0]
    stop[0]()
    thread.join(5)
    assert not thread.is_alive()


@contextmanager
def client(service: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=service.base_url, api_key=KEY, max_retries=0) as opened:
        yield opened


def until(connection: Any, kind: str) -> Any:
    while (event := connection.recv()).type != kind:
        pass
    return event


def converse(service: Service) -> list[int]:
    """One utterance interpreted; the markers of what came back."""
    heard = b""
    with (
        client(service) as openai,
        openai.realtime.connect(model=MODEL, websocket_connection_options=OPTIONS) as connection,
    ):
        assert connection.recv().type == "session.created"
        connection.session.update(session=SESSION)
        until(connection, "session.updated")
        connection.input_audio_buffer.append(audio=encode_audio(marker_tone(6) * 5))
        connection.input_audio_buffer.commit()
        item_id = until(connection, "input_audio_buffer.committed").item_id
        response: Any = {"conversation": "none", "input": [{"type": "item_reference", "id": item_id}]}
        connection.response.create(response=response)
        while (event := connection.recv()).type != "response.done":
            if event.type == "response.output_audio.delta":
                heard += base64.b64decode(event.delta)
    return read_markers(heard)


def test_a_conversation(service: Service) -> None:
    assert converse(service) == [6]


async def test_a_conversation_beside_a_loop_that_serves_and_talks_itself() -> None:
    async with realtime_service() as service, service.connect() as talk:
        async with asyncio.timeout(30):
            assert await asyncio.to_thread(converse, service) == [6]
        assert (await talk.next()).type == "session.created"


def test_a_translation(service: Service) -> None:
    heard = b""
    with (
        client(service) as openai,
        openai.realtime.translations.connect(model=TRANSLATE_MODEL, websocket_connection_options=OPTIONS) as connection,
    ):
        until(connection, "session.created")
        connection.session.update(session={"audio": {"output": {"language": "fr"}}})
        assert until(connection, "session.updated").session.audio.output.language == "fr"
        connection.session.input_audio_buffer.append(audio=encode_audio(sentences(4, 5)))
        connection.session.close()
        while (event := connection.recv()).type != "session.closed":
            if event.type == "session.output_audio.delta":
                heard += base64.b64decode(event.delta)
        with pytest.raises(ConnectionClosedOK):
            connection.recv()
    assert read_markers(heard) == [4, 5]


def test_the_helper_of_the_sdk(service: Service) -> None:
    with client(service) as openai:
        session = TranslationSession(
            openai.realtime.translations, model=TRANSLATE_MODEL, websocket_connection_options=OPTIONS
        )
        written = ""
        with session as connection:
            connection.send({"type": "session.input_audio_buffer.append", "audio": encode_audio(sentences(3))})
            connection.send({"type": "session.close"})
            while (event := connection.recv(timeout=30)).type != "session.closed":
                if event.type == "session.output_transcript.delta":
                    written += event.delta
    assert written == "[es] utterance 3"


def test_a_transcription(service: Service) -> None:
    with (
        client(service) as openai,
        openai.realtime.connect(extra_query=INTENT, websocket_connection_options=OPTIONS) as connection,
    ):
        until(connection, "session.created")
        connection.session.update(session=settings())
        until(connection, "session.updated")
        connection.input_audio_buffer.append(audio=encode_audio(marker_tone(2) * 3))
        connection.input_audio_buffer.commit()
        assert until(connection, COMPLETED).transcript == "utterance 2"


def test_refusals_and_cuts(service: Service) -> None:
    service.server.faults = RealtimeFaults(
        (
            FaultRule("refuse", connection=1, status=429, retry_after_s=1),
            FaultRule("close", connection=2, close_code=1012, reason="as asked"),
        )
    )
    with client(service) as openai:
        with (
            pytest.raises(InvalidStatus) as refused,
            openai.realtime.translations.connect(model="m", websocket_connection_options=OPTIONS),
        ):
            pass
        assert refused.value.response.status_code == 429
        with openai.realtime.translations.connect(model="m", websocket_connection_options=OPTIONS) as connection:
            until(connection, "session.created")
            with pytest.raises(ConnectionClosedError, match="as asked"):
                connection.recv()
