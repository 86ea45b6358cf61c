"""The vendor's own client holds a conversation with the emulated Realtime service over a socket."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI, omit
from openai.types.realtime import ResponseAudioDeltaEvent, ResponseDoneEvent, SessionCreatedEvent
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from emulator.engine.scripted import ScriptedEngine, marker_tone, read_markers
from emulator.realtime.config import RealtimeConfig
from tests.support.realtime_client import KEY, LOOPBACK, MODEL, SESSION, Service, realtime_service
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with realtime_service() as running:
        yield running


async def test_one_utterance_is_interpreted_out_of_band(service: Service) -> None:
    async with service.connect() as talk:
        created = await talk.next()
        assert isinstance(created, SessionCreatedEvent)
        await talk.configure()
        item_id = await talk.commit(marker_tone(9) * 5)
        completed = await talk.until("conversation.item.input_audio_transcription.completed", item_id=item_id)
        assert completed.transcript == "utterance 9"
        await talk.interpret(item_id, metadata={"turn": "17"})
        done = await talk.until("response.done")
        assert isinstance(done, ResponseDoneEvent)
        assert (done.response.status, done.response.conversation_id) == ("completed", None)
        assert done.response.metadata == {"turn": "17"}
        assert done.response.usage is not None
        assert done.response.usage.output_token_details is not None
        assert done.response.usage.output_token_details.audio_tokens == 20
        await talk.connection.conversation.item.delete(item_id=item_id)
        await talk.until("conversation.item.deleted", item_id=item_id)
    audio = [event.delta for event in talk.events if isinstance(event, ResponseAudioDeltaEvent)]
    assert read_markers(b"".join(base64.b64decode(delta) for delta in audio)) == [9]
    assert talk.kinds()[-10:] == [
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
        "conversation.item.deleted",
    ]
    assert all(event.event_id for event in talk.events)


async def test_responses_run_beside_each_other_and_are_told_apart(service: Service) -> None:
    async with service.connect() as talk:
        await talk.configure()
        items = [await talk.commit(marker_tone(number) * 5) for number in (3, 4, 5)]
        for item_id in items:
            await talk.interpret(item_id, metadata={"item": item_id})
        said: dict[str, str] = {}
        for _ in items:
            response = (await talk.until("response.done")).response
            said[response.metadata["item"]] = response.output[0].content[0].transcript
    assert [said[item_id] for item_id in items] == [f"[es] utterance {number}" for number in (3, 4, 5)]


async def test_the_default_conversation_takes_one_response_at_a_time() -> None:
    async with realtime_service(engine=ScriptedEngine(0.2)) as service, service.connect() as talk:
        await talk.configure()
        await talk.commit(marker_tone(1) * 3)
        await talk.connection.response.create()
        await talk.connection.response.create(event_id="second")
        error = await talk.until("error")
        assert error.error.code == "conversation_already_has_active_response"
        assert error.error.event_id == "second"
        await talk.connection.response.cancel()
        done = await talk.until("response.done")
        assert done.response.status == "cancelled"
        assert done.response.status_details.reason == "client_cancelled"


async def test_errors_name_what_was_wrong_and_leave_the_session_usable(service: Service) -> None:
    async with service.connect() as talk:
        connection = talk.connection
        await talk.configure()
        too_much: Any = {**SESSION, "temperature": 0.6}
        nothing: Any = {}
        await connection.session.update(session=nothing, event_id="e1")
        await connection.session.update(session=too_much, event_id="e2")
        await connection.input_audio_buffer.commit(event_id="e3")
        await connection.conversation.item.delete(item_id="item_none", event_id="e4")
        await connection.response.cancel(event_id="e5")
        await connection.send_raw('{"type":"response.pause","event_id":"e6"}')
        await connection.send_raw("{")
        found = [(await talk.until("error")).error for _ in range(7)]
        assert [(error.event_id, error.code, error.param) for error in found] == [
            ("e1", "missing_required_parameter", "session.type"),
            ("e2", "unknown_parameter", "session.temperature"),
            ("e3", "input_audio_buffer_commit_empty", None),
            ("e4", "item_not_found", "item_id"),
            ("e5", "response_cancel_not_active", None),
            ("e6", "invalid_value", "type"),
            (None, "invalid_json", None),
        ]
        assert await talk.commit(marker_tone(0))


async def test_server_vad_holds_a_turn_by_itself(service: Service) -> None:
    detection = {"type": "server_vad", "silence_duration_ms": 200}
    audio = {**SESSION["audio"], "input": {**SESSION["audio"]["input"], "turn_detection": detection}}
    async with service.connect() as talk:
        await talk.configure({**SESSION, "audio": audio})
        speech = bytes(9_600) + marker_tone(2) * 3 + bytes(24_000)
        await talk.connection.input_audio_buffer.append(audio=base64.b64encode(speech).decode())
        started = await talk.until("input_audio_buffer.speech_started")
        committed = await talk.until("input_audio_buffer.committed")
        assert started.item_id == committed.item_id
        done = await talk.until("response.done")
        assert done.response.output[0].content[0].transcript == "[es] utterance 2"


@pytest.mark.parametrize("headers", [{"api-key": KEY, "Authorization": omit}, {}])
async def test_both_ways_to_present_the_key(service: Service, headers: dict[str, object]) -> None:
    async with service.connect(extra_headers=headers) as talk:
        assert (await talk.next()).type == "session.created"
    (entry,) = service.journal.entries("realtime.connection")
    assert KEY not in str(entry)
    assert entry["target"] == f"/openai/v1/realtime?model={MODEL}"


async def test_the_beta_is_refused_in_an_open_socket(service: Service) -> None:
    """Recorded: the upgrade, an error instead of a session, close 4000."""
    async with service.connect(extra_headers={"OpenAI-Beta": "realtime=v1"}) as talk:
        error = (await talk.next()).error
        assert (error.type, error.code) == ("invalid_request_error", "beta_api_shape_disabled")
        assert error.message.endswith("Please use /v1/realtime for the GA API.")
        with pytest.raises(ConnectionClosed) as caught:
            await talk.next()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4000, "invalid_request_error.beta_api_shape_disabled")
    assert [entry["code"] for entry in service.journal.entries("realtime.closed")] == [4000]


async def test_the_old_beta_client_is_refused_too(service: Service) -> None:
    async with AsyncOpenAI(websocket_base_url=f"ws://127.0.0.1:{service.port}/v1", api_key=KEY) as client:
        manager = client.beta.realtime.connect(model=MODEL, websocket_connection_options=LOOPBACK)
        async with manager as connection:
            error: Any = await connection.recv()
            assert error.error.code == "beta_api_shape_disabled"


@pytest.mark.parametrize(
    ("path", "protocols"),
    [
        (f"v1/realtime?model={MODEL}", ["realtime", f"openai-insecure-api-key.{KEY}"]),
        (f"openai/v1/realtime?model={MODEL}&api-key={KEY}", ["realtime"]),
    ],
)
async def test_a_browser_opens_a_socket_without_headers(service: Service, path: str, protocols: list[str]) -> None:
    """The subprotocol is confirmed, and the key is in no journal."""
    async with connect(f"ws://127.0.0.1:{service.port}/{path}", subprotocols=protocols, proxy=None) as socket:  # type: ignore[arg-type]  # a subprotocol is a string
        assert json.loads(await socket.recv())["type"] == "session.created"
        assert socket.subprotocol == "realtime"
    (entry,) = service.journal.entries("realtime.connection")
    assert KEY not in str(entry)


async def test_a_wrong_key_is_refused_before_the_socket_opens(service: Service) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with service.connect(key="wrong"):
            pass
    assert caught.value.response.status_code == 401
    assert b'"message"' in caught.value.response.body


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("model=interpreter&api-version=2025-04-01-preview", 401, "401"),
        ("model=nobody", 404, "DeploymentNotFound"),
        ("", 400, "missing_required_parameter"),
        ("intent=dictation", 400, "invalid_value"),
        ("model=interpreter", 426, "upgrade_required"),
    ],
)
async def test_refused_upgrades_have_an_error_body(query: str, status: int, code: str) -> None:
    async with (
        realtime_service(deployments={MODEL}) as service,
        aiohttp.ClientSession(headers={"api-key": KEY}) as client,
        client.get(f"{service.base_url}realtime?{query}") as answer,
    ):
        assert answer.status == status
        error = (await answer.json())["error"]
        assert set(error) == {"message", "type", "code", "param"}
        assert error["code"] == code


async def test_what_is_not_served_is_404_in_the_same_shape(service: Service) -> None:
    async with aiohttp.ClientSession(headers={"api-key": KEY}) as client:
        for path in (
            "/v1/realtime/sessions",
            "/openai/v1/realtime/translations/calls",
            "/v1/live/sessions",
            "/",
        ):
            async with client.get(f"http://127.0.0.1:{service.port}{path}") as answer:
                assert answer.status == 404
                assert set((await answer.json())["error"]) == {"message", "type", "code", "param"}


async def test_the_session_expires_as_announced() -> None:
    async with realtime_service(config=RealtimeConfig(session_s=0.2)) as service, service.connect() as talk:
        error = await talk.until("error")
        assert error.error.code == "session_expired"
        with pytest.raises(ConnectionClosed) as caught:
            await talk.next()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        assert caught.value.rcvd.reason == "Your session hit the maximum duration of 60 minutes."


async def test_audio_is_paced_on_the_wire() -> None:
    async with realtime_service(config=RealtimeConfig(pace=4.0)) as service, service.connect() as talk:
        await talk.configure()
        await talk.interpret(await talk.commit(marker_tone(1) * 10))
        await talk.until("response.done")
        (entry,) = service.journal.entries("realtime.response")
    times = [entry[name] for name in ("committed_at", "created_at", "first_delta_at", "done_at")]
    assert times == sorted(times)  # type: ignore[type-var]  # all are floats
    assert (
        0.4 <= float(str(entry["done_at"])) - float(str(entry["first_delta_at"])) < 0.8
    )  # 2 s, the last delta at 1.75


async def test_the_journal_has_what_the_client_did_but_not_its_audio(service: Service) -> None:
    async with service.connect() as talk:
        await talk.configure()
        await talk.commit(marker_tone(1) * 3)
    events = [entry["event"] for entry in service.journal.entries("realtime.event")]
    assert [event["type"] for event in events] == ["session.update", "input_audio_buffer.commit"]  # type: ignore[index]  # a dict
    (committed,) = service.journal.entries("realtime.committed")
    assert committed["audio_ms"] == 600


async def test_closing_the_server_closes_every_socket_with_1001() -> None:
    async with realtime_service() as service, service.connect() as one, service.connect() as two:
        for talk in (one, two):
            await talk.next()
        await service.server.close_connections()
        for talk in (one, two):
            with pytest.raises(ConnectionClosed) as caught:
                await talk.next()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1001
    assert len(service.journal.entries("realtime.closed")) == 2


async def test_null_members_count_as_absent(service: Service) -> None:
    """Some frameworks send null for every member that their caller left out."""
    async with service.connect() as talk:
        await talk.configure({**SESSION, "tools": None, "max_output_tokens": None, "tracing": None})
        item_id = await talk.commit(marker_tone(3) * 5)
        absent = dict.fromkeys(("instructions", "tools", "tool_choice", "audio", "metadata", "max_output_tokens"))
        await talk.interpret(item_id, **absent)
        done = await talk.until("response.done")
        assert done.response.output[0].content[0].transcript == "[es] utterance 3"
