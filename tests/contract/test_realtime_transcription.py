"""The vendor's own client has speech written down by the emulated Realtime service."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai.types.realtime import ConversationItemInputAudioTranscriptionCompletedEvent
from websockets.exceptions import ConnectionClosed

from emulator.engine.scripted import ScriptedEngine, marker_tone
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.rules import FaultRule
from tests.support.realtime_client import Service, Talk, realtime_service
from tests.support.realtime_sessions import COMPLETED, INTENT, settings
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time

FAILED = "conversation.item.input_audio_transcription.failed"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with realtime_service(engine=ScriptedEngine(0.0, languages={8: "es"})) as running:
        yield running


@pytest.fixture
async def talk(service: Service) -> AsyncIterator[Talk]:
    async with service.connect(model=None, extra_query=INTENT) as opened:
        yield opened


async def test_a_committed_turn_is_written_down_with_its_language(talk: Talk) -> None:
    created = await talk.next()
    assert (created.type, created.session.type) == ("session.created", "transcription")
    await talk.configure(settings(languages=["en", "es"]))
    for number, language in ((7, "en"), (8, "es")):
        item_id = await talk.commit(marker_tone(number) * 5)
        completed = await talk.until(COMPLETED, item_id=item_id)
        assert isinstance(completed, ConversationItemInputAudioTranscriptionCompletedEvent)
        assert completed.transcript == f"utterance {number}"
        assert completed.languages is not None
        assert [one.code for one in completed.languages] == [language]
        assert completed.usage.type == "tokens"
    assert not [kind for kind in talk.kinds() if kind.startswith("response.")]


async def test_whisper_commits_by_hand_and_bills_by_duration(talk: Talk) -> None:
    await talk.connection.session.update(session=settings("gpt-realtime-whisper", {"type": "server_vad"}))
    assert (await talk.until("error")).error.param == "session.audio.input.turn_detection"
    await talk.configure(settings("gpt-realtime-whisper", delay="low"))
    await talk.commit(marker_tone(1) * 5)
    completed = await talk.until(COMPLETED)
    assert (completed.usage.type, completed.usage.seconds) == ("duration", 1.0)


async def test_server_vad_finds_the_turns(talk: Talk) -> None:
    await talk.configure(settings(detection={"type": "server_vad", "silence_duration_ms": 200}))
    speech = bytes(9_600) + marker_tone(2) * 3 + bytes(24_000) + marker_tone(3) * 3 + bytes(24_000)
    await talk.connection.input_audio_buffer.append(audio=base64.b64encode(speech).decode())
    assert [(await talk.until(COMPLETED)).transcript for _ in range(2)] == ["utterance 2", "utterance 3"]


async def test_transcriptions_late_out_of_order_and_failed(service: Service, talk: Talk) -> None:
    service.misbehave(FaultRule("delay_transcription", seconds=0.3, times=1), FaultRule("fail_transcription", times=1))
    await talk.configure(settings())
    first, second, third = [await talk.commit(marker_tone(number) * 3) for number in range(3)]
    ends = [event for event in talk.events if event.type in (COMPLETED, FAILED)]
    while len(ends) < 3:
        event = await talk.next()
        ends += [event] if event.type in (COMPLETED, FAILED) else []
    assert [(event.type, event.item_id) for event in ends] == [(FAILED, second), (COMPLETED, third), (COMPLETED, first)]


async def test_nothing_can_be_asked_of_a_transcription(talk: Talk) -> None:
    await talk.connection.response.create(event_id="e1")
    assert (await talk.until("error")).error.code == "invalid_value"
    realtime: Any = {"type": "realtime"}
    await talk.connection.session.update(session=realtime)
    assert "is not allowed" in (await talk.until("error")).error.message
    await talk.configure(settings())


async def test_a_conversation_refuses_to_become_one(service: Service) -> None:
    async with service.connect() as talk:
        await talk.connection.session.update(session=settings())
        assert (await talk.until("error")).error.message == (
            "Passing a transcription session update event to a realtime session is not allowed."
        )


async def test_the_model_may_stand_in_the_url(service: Service) -> None:
    async with service.connect(model="gpt-realtime-whisper") as talk:
        created = await talk.next()
        assert created.session.type == "transcription"
        assert created.session.audio.input.transcription.model == "gpt-realtime-whisper"


async def test_it_expires_like_any_session() -> None:
    config = RealtimeConfig(session_s=0.1)
    async with (
        realtime_service(config=config) as service,
        service.connect(model=None, extra_query=INTENT) as talk,
    ):
        assert (await talk.until("error")).error.code == "session_expired"
        with pytest.raises(ConnectionClosed):
            await talk.next()
