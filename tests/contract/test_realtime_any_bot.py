"""A bot that is no interpreter, by the vendor's own client: any prompt gets an answer, and tools are called."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from emulator.app import Emulator
from emulator.config import Config
from emulator.engine.local import LocalEngine, Synthesiser
from emulator.engine.scripted import marker_tone, read_markers
from emulator.realtime.audio_formats import AudioDecoder, encoded
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.wire import encode_audio
from tests.support.acs_emulator import signing_key
from tests.support.realtime_client import KEY, SESSION, Service, Talk, realtime_service

ASSISTANT = {**SESSION, "instructions": "You are a friendly assistant."}
TOOLS: Any = [
    {
        "type": "function",
        "name": "count_utterances",
        "description": "Counts.",
        "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
    }
]


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with realtime_service() as running:
        yield running


async def answer(talk: Talk) -> str:
    """Ask for a response; what it says."""
    await talk.connection.response.create()
    done = await talk.until("response.done")
    assert done.response.status == "completed", done.response.status_details
    said: str = done.response.output[0].content[0].transcript
    return said


async def test_a_session_that_is_not_configured_at_all_answers(service: Service) -> None:
    async with service.connect() as talk:
        assert await answer(talk) == "I am listening."


async def test_an_assistant_says_back_what_was_understood(service: Service) -> None:
    async with service.connect() as talk:
        await talk.configure(ASSISTANT)
        await talk.commit(marker_tone(7) * 5)
        assert await answer(talk) == "You said: utterance 7"


async def test_server_vad_has_the_assistant_answer_by_itself(service: Service) -> None:
    async with service.connect() as talk:
        speech = bytes(9_600) + marker_tone(4) * 3 + bytes(24_000)
        await talk.connection.input_audio_buffer.append(audio=encode_audio(speech))
        done = await talk.until("response.done")
        assert done.response.output[0].content[0].transcript == "You said: utterance 4"


async def test_the_model_speaks_by_itself_when_nobody_does(service: Service) -> None:
    detection = {"type": "server_vad", "idle_timeout_ms": 100}
    async with service.connect() as talk:
        await talk.configure({"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
        assert await answer(talk) == "I am listening."
        triggered = await talk.until("input_audio_buffer.timeout_triggered")
        committed = await talk.until("input_audio_buffer.committed")
        assert triggered.item_id == committed.item_id
        done = await talk.until("response.done")
        assert done.response.output[0].content[0].transcript == "I am listening."


@pytest.mark.parametrize("audio_format", ["audio/pcmu", "audio/pcma"])
async def test_telephony_formats_both_ways(service: Service, audio_format: str) -> None:
    """A marker tone comes in at 8 kHz, is recognised by its number, and the answer's tone comes out at 8 kHz."""
    told: Any = {"format": {"type": audio_format}}
    session = {"type": "realtime", "audio": {"input": {**told, "turn_detection": None}, "output": told}}
    async with service.connect() as talk:
        await talk.connection.session.update(session=session)  # type: ignore[arg-type]  # a dict of the right shape
        updated = (await talk.until("session.updated")).session
        assert updated.audio.input.format.to_dict() == updated.audio.output.format.to_dict() == {"type": audio_format}
        item_id = await talk.commit(encoded(marker_tone(9) * 5, audio_format))
        (committed,) = service.journal.entries("realtime.committed")
        assert committed["audio_ms"] == 1_000
        await talk.connection.conversation.item.retrieve(item_id=item_id)
        item = (await talk.until("conversation.item.retrieved")).item
        assert len(base64.b64decode(item.content[0].audio)) == 8_000
        assert await answer(talk) == "You said: utterance 9"
        (note,) = service.journal.entries("realtime.response")
    deltas = [base64.b64decode(event.delta) for event in talk.events if event.type == "response.output_audio.delta"]
    assert [len(delta) for delta in deltas[:3]] == [800, 1_200, 2_000]
    said = b"".join(deltas)
    assert len(said) == 8 * int(str(note["audio_ms"]))
    assert len(read_markers(AudioDecoder().decode(said, audio_format, "audio"))) == 1


async def test_a_function_is_called_and_its_output_is_said(service: Service) -> None:
    async with service.connect() as talk:
        await talk.configure({**ASSISTANT, "tools": TOOLS, "tool_choice": "auto"})
        await talk.connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Please count 17 utterances."}],
            }
        )
        await talk.connection.response.create()
        called = await talk.until("response.function_call_arguments.done")
        assert (called.name, json.loads(called.arguments)) == ("count_utterances", {"number": 17})
        done = await talk.until("response.done")
        assert [item.type for item in done.response.output] == ["function_call"]
        await talk.connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": called.call_id, "output": "There are three."}
        )
        assert await answer(talk) == "There are three."


async def test_the_persona_is_set_over_rest_while_sessions_run() -> None:
    config = Config(realtime_key=KEY, acs_port=0, realtime_port=0, engine="scripted")
    async with Emulator(config, key=signing_key()) as emulator, aiohttp.ClientSession() as http:
        service = Service(emulator.realtime, emulator.journal, int(emulator.realtime_url.rpartition(":")[2]))

        async def put(realtime: dict[str, object]) -> int:
            async with http.put(emulator.acs_url + "/emulator/faults", json={"realtime": realtime}) as reply:
                return reply.status

        async with service.connect() as talk:
            await talk.configure()
            item_id = await talk.commit(marker_tone(2) * 5)
            assert await put({"persona": "echo"}) == 200
            assert await answer(talk) == "You said: utterance 2"
            assert await put({"answers": ["Of course.", {"name": "hang_up", "arguments": {}}]}) == 200
            assert await answer(talk) == "Of course."
            await talk.connection.response.create()
            assert (await talk.until("response.function_call_arguments.done")).name == "hang_up"
            await talk.until("response.done")
            async with http.delete(emulator.acs_url + "/emulator/faults"):
                pass
            await talk.interpret(item_id)
            said = (await talk.until("response.done")).response.output[0].content[0].transcript
            assert said == "[es] utterance 2"
        assert await put({"persona": "clown"}) == 400
        assert await put({"answers": [1]}) == 400


@pytest.mark.engine
async def test_real_speech_is_said_back_in_the_language_it_was_spoken_in() -> None:
    """Nothing is canned: a recogniser hears what a voice says, and the answer is heard again."""
    sentence = "¿Podría repetirlo, por favor?"
    config = RealtimeConfig(default_languages=("en", "es"))
    async with (
        LocalEngine() as engine,
        Synthesiser() as voice,
        realtime_service(config=config, engine=engine) as service,
        service.connect() as talk,
    ):
        await talk.configure({"type": "realtime", "audio": {"input": {"turn_detection": None}}})
        await talk.commit(await voice.say(sentence, "es"))
        assert await answer(talk) == f"Ha dicho: {sentence}"
        (note,) = service.journal.entries("realtime.response")
    assert (note["source"], note["heard"]) == ("es", sentence)
    assert int(str(note["audio_ms"])) > 1_000
