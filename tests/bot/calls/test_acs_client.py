from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from azure.communication.callautomation import (
    AudioFormat,
    MediaStreamingAudioChannelType,
    MediaStreamingOptions,
    StreamingTransportType,
)
from azure.communication.callautomation.aio import CallAutomationClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceRequestError, ServiceResponseError

from bot.calls.acs_client import (
    ATTEMPT_TIMEOUT_S,
    BACKOFF_LIMIT_S,
    CONNECT_ATTEMPTS,
    HANG_UP_TIMEOUT_S,
    AcsCalls,
    CallLook,
    build_client,
)
from bot.errors import CallError
from tests.support.virtual_time import virtual_time


class _Response:
    """As much of an HTTP response as the SDK's errors read."""

    def __init__(self, status: int, code: str | None, headers: dict[str, str]) -> None:
        self.status_code = status
        self.reason = "Because"
        self.headers = headers
        self._body = json.dumps({"error": {"code": code, "message": "secret"}} if code else {})

    def text(self, encoding: str | None = None) -> str:
        return self._body


def refused(status: int, code: str | None = None, **headers: str) -> HttpResponseError:
    kind = ResourceNotFoundError if status == 404 else HttpResponseError
    response = _Response(status, code, {name.replace("_", "-"): value for name, value in headers.items()})
    return kind(response=cast(Any, response))  # the SDK's own class is abstract


HANGS = object()


@dataclass
class _Properties:
    call_connection_id: str | None
    call_connection_state: object = "connected"


@dataclass
class _Identifier:
    raw_id: str


@dataclass
class _Participant:
    identifier: _Identifier | None


class FakeClient:
    """Answers each request with the next item of its script, an exception by raising it."""

    def __init__(self, *script: object) -> None:
        self._script = list(script)
        self._began = asyncio.get_running_loop().time()
        self.asked: list[tuple[float, dict[str, Any]]] = []
        self.closed = False

    async def connect_call(self, callback_url: str, **options: Any) -> object:
        # What the SDK is given it may keep, and change.
        given = {"callback_url": callback_url, **options, "headers": dict(options["headers"])}
        options["headers"].clear()
        return await self._next(given)

    def get_call_connection(self, call_connection_id: str) -> FakeConnection:
        return FakeConnection(self, call_connection_id)

    async def close(self) -> None:
        self.closed = True

    async def _next(self, asked: dict[str, Any]) -> object:
        self.asked.append((round(asyncio.get_running_loop().time() - self._began, 3), asked))
        answer = self._script.pop(0)
        if answer is HANGS:
            await asyncio.sleep(3_600)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def asked_at(self) -> list[float]:
        return [at for at, _ in self.asked]


@dataclass
class FakeConnection:
    client: FakeClient
    call_connection_id: str

    async def hang_up(self, is_for_everyone: bool) -> None:
        await self.client._next({"hang_up": self.call_connection_id, "is_for_everyone": is_for_everyone})

    async def stop_media_streaming(self, **options: object) -> None:
        await self.client._next({"stop": self.call_connection_id})

    async def start_media_streaming(self, **options: object) -> None:
        await self.client._next({"start": self.call_connection_id})

    async def get_call_properties(self) -> object:
        return await self.client._next({"get": self.call_connection_id})

    def list_participants(self) -> AsyncIterator[object]:
        return self._participants()

    async def _participants(self) -> AsyncIterator[object]:
        for raw_id in cast("list[str]", await self.client._next({"list": self.call_connection_id})):
            yield _Participant(_Identifier(raw_id))


JOINED = _Properties("connection-1")
REQUEST = "11111111-2222-4333-8444-555555555555"


def calls(client: FakeClient) -> AcsCalls:
    return AcsCalls(cast("CallAutomationClient", client), jitter=lambda: 1.0)


async def connect(client: FakeClient) -> str:
    return await calls(client).connect("99", "https://bot/webhooks/calls/s", "wss://bot/media/s", "room-1", REQUEST)


@virtual_time
async def test_joining_may_ask_for_one_stream_of_everybody() -> None:
    client = FakeClient(JOINED)
    await calls(client).connect("99", "https://bot/c", "wss://bot/m", "room-1", REQUEST, mixed=True)
    ((_, asked),) = client.asked
    assert asked["media_streaming"].audio_channel_type == "mixed"


@virtual_time
async def test_joining_asks_for_each_speaker_apart_at_the_models_rate_and_for_a_voice() -> None:
    client = FakeClient(JOINED)
    assert await connect(client) == "connection-1"
    ((_, asked),) = client.asked
    assert (asked["callback_url"], asked["room_id"], asked["operation_context"]) == (
        "https://bot/webhooks/calls/s",
        "99",
        "room-1",
    )
    streaming = asked["media_streaming"]
    assert isinstance(streaming, MediaStreamingOptions)
    assert streaming.transport_url == "wss://bot/media/s"
    assert streaming.transport_type is StreamingTransportType.WEBSOCKET
    assert streaming.audio_channel_type is MediaStreamingAudioChannelType.UNMIXED
    assert streaming.audio_format is AudioFormat.PCM24_K_MONO
    assert streaming.start_media_streaming is True
    assert streaming.enable_bidirectional is True


@pytest.mark.parametrize(
    "failure",
    [
        *(refused(status) for status in (408, 429, 500, 502, 503, 504)),
        ServiceRequestError("refused"),
        ServiceResponseError("reset"),
    ],
    ids=str,
)
def test_what_may_pass_is_tried_again(failure: Exception) -> None:
    @virtual_time
    async def script() -> None:
        client = FakeClient(failure, failure, failure, JOINED)
        assert await connect(client) == "connection-1"
        assert client.asked_at == [0.0, 0.5, 1.5, 3.5]

    script()


@virtual_time
async def test_all_attempts_are_one_request() -> None:
    client, another = FakeClient(refused(503), refused(503), JOINED), FakeClient(JOINED)
    await connect(client)
    await connect(another)
    ((_, other),) = another.asked
    first, second, third = (asked for _, asked in client.asked)
    assert first["headers"] == second["headers"] == third["headers"]
    assert set(first["headers"]) == {"Repeatability-Request-ID", "Repeatability-First-Sent"}
    assert first["headers"]["Repeatability-First-Sent"].endswith(" GMT")
    assert first["headers"]["Repeatability-Request-ID"] == other["headers"]["Repeatability-Request-ID"] == REQUEST
    assert {asked["retry_total"] for _, asked in client.asked} == {0}, "the SDK does not repeat on its own account"


@virtual_time
async def test_an_attempt_that_is_never_answered_is_given_up_and_repeated() -> None:
    client = FakeClient(HANGS, JOINED)
    assert await connect(client) == "connection-1"
    assert client.asked_at == [0.0, ATTEMPT_TIMEOUT_S + 0.5]


@virtual_time
async def test_acs_says_when_to_come_back() -> None:
    client = FakeClient(refused(429, Retry_After="7"), JOINED)
    await connect(client)
    assert client.asked_at == [0.0, 7.0]


@virtual_time
async def test_a_date_to_come_back_at_is_not_read() -> None:
    client = FakeClient(refused(429, Retry_After="Fri, 20 Nov 2026 09:00:00 GMT"), JOINED)
    await connect(client)
    assert client.asked_at == [0.0, 0.5]


@virtual_time
async def test_nobody_waits_a_minute_for_the_interpreter() -> None:
    client = FakeClient(refused(429, "8516", Retry_After="60"))
    with pytest.raises(CallError) as caught:
        await connect(client)
    error = caught.value
    assert (error.code, error.retryable, error.retry_after_s) == ("acs_8516", True, 60)
    assert BACKOFF_LIMIT_S < 60
    assert client.asked_at == [0.0]


@pytest.mark.parametrize(("status", "code"), [(400, "8523"), (401, "7509"), (403, "7504"), (404, "8522"), (409, None)])
def test_what_is_refused_for_good_is_not_asked_again(status: int, code: str | None) -> None:
    @virtual_time
    async def script() -> None:
        client = FakeClient(refused(status, code))
        with pytest.raises(CallError) as caught:
            await connect(client)
        assert (caught.value.code, caught.value.retryable) == (f"acs_{code or status}", False)
        assert caught.value.message == "Because", "not the body, which may say anything"
        assert client.asked_at == [0.0]

    script()


@virtual_time
async def test_it_is_known_whether_acs_answers() -> None:
    client = FakeClient(
        refused(503), JOINED, refused(404, "8522"), refused(401, "7509"), ServiceRequestError("refused"), None, HANGS
    )
    acs = calls(client)
    assert acs.outcomes.last == "unknown"
    for expected in ("ok", "ok", "acs_7509", "unreachable", "ok", "timeout"):
        try:
            if client.asked:
                await acs.hang_up("connection-1")
            else:
                await acs.connect("99", "https://bot/webhooks/calls/s", "wss://bot/media/s", "room-1", REQUEST)
        except CallError:
            pass
        assert acs.outcomes.last == expected
    assert acs.outcomes.counts == {"acs_503": 1, "ok": 3, "acs_7509": 1, "unreachable": 1, "timeout": 1}


@virtual_time
async def test_after_the_last_attempt_the_last_failure_is_told() -> None:
    client = FakeClient(refused(503), refused(503), refused(503), ServiceRequestError("refused"))
    with pytest.raises(CallError) as caught:
        await connect(client)
    assert caught.value.code == "unreachable"
    assert isinstance(caught.value.__cause__, ServiceRequestError)
    assert len(client.asked) == CONNECT_ATTEMPTS


@virtual_time
async def test_an_answer_without_a_call_is_no_answer() -> None:
    with pytest.raises(CallError, match="bad_answer"):
        await connect(FakeClient(_Properties(None)))


@virtual_time
async def test_pauses_have_jitter() -> None:
    client = FakeClient(refused(503), refused(503), JOINED)
    await AcsCalls(cast("CallAutomationClient", client), jitter=lambda: 0.5).connect("99", "u", "m", "c", REQUEST)
    assert client.asked_at == [0.0, 0.25, 0.75]


@virtual_time
async def test_leaving_does_not_end_the_call_for_the_others() -> None:
    client = FakeClient(None)
    await calls(client).hang_up("connection-1")
    assert [asked for _, asked in client.asked] == [{"hang_up": "connection-1", "is_for_everyone": False}]


@pytest.mark.parametrize("answer", [refused(404, "8522"), refused(400, "8528")], ids=["unknown", "terminated"])
def test_a_call_that_is_gone_has_been_left(answer: Exception) -> None:
    @virtual_time
    async def script() -> None:
        await calls(client := FakeClient(answer)).hang_up("connection-1")
        assert len(client.asked) == 1

    script()


@pytest.mark.parametrize(
    ("answer", "code"),
    [(HANGS, "timeout"), (refused(403, "7504"), "acs_7504"), (ServiceRequestError("refused"), "unreachable")],
)
def test_a_call_that_could_not_be_left_is_told(answer: object, code: str) -> None:
    @virtual_time
    async def script() -> None:
        began = asyncio.get_running_loop().time()
        with pytest.raises(CallError) as caught:
            await calls(FakeClient(answer)).hang_up("connection-1")
        assert caught.value.code == code
        assert asyncio.get_running_loop().time() - began <= HANG_UP_TIMEOUT_S + 0.001

    script()


@virtual_time
async def test_closing_closes_the_client() -> None:
    client = FakeClient()
    await calls(client).close()
    assert client.closed


@pytest.mark.line  # azure-core asks `uname`
async def test_a_client_is_built_without_a_request() -> None:
    """An http endpoint works, as long as the key does not have to be protected: on loopback."""
    client = await asyncio.to_thread(build_client, "http://127.0.0.1:9", AzureKeyCredential("a2V5"))
    assert isinstance(client, CallAutomationClient)
    await client.close()


# --- a call we are in ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stopped", [None, refused(400, "8501"), refused(409)])
def test_streaming_is_stopped_if_it_can_be_and_started(stopped: object) -> None:
    @virtual_time
    async def script() -> None:
        client = FakeClient(stopped, None)
        await calls(client).restart_streaming("connection-1")
        assert [asked for _, asked in client.asked] == [{"stop": "connection-1"}, {"start": "connection-1"}]

    script()


@pytest.mark.parametrize(
    ("failure", "code"),
    [(refused(404, "8522"), "acs_8522"), (ServiceRequestError("refused"), "unreachable"), (HANGS, "timeout")],
)
def test_streaming_that_cannot_be_started_is_told(failure: object, code: str) -> None:
    @virtual_time
    async def script() -> None:
        client = FakeClient(None, failure)
        with pytest.raises(CallError, match=code):
            await calls(client).restart_streaming("connection-1")

    script()


@virtual_time
async def test_a_call_is_looked_at() -> None:
    client = FakeClient(_Properties("connection-1"), ["8:acs:ada", "28:us"])
    assert await calls(client).look("connection-1") == CallLook("connected", frozenset({"8:acs:ada", "28:us"}))


@pytest.mark.parametrize(
    "answer",
    [refused(404, "8522"), refused(400, "8528"), _Properties("connection-1", "disconnected")],
)
def test_a_call_that_is_gone_is_none(answer: object) -> None:
    @virtual_time
    async def script() -> None:
        assert await calls(FakeClient(answer)).look("connection-1") is None

    script()


@pytest.mark.parametrize(
    "answer",
    [
        refused(503),
        refused(204),
        ServiceResponseError("reset"),
        HANGS,
        _Properties(None, "odd"),
        _Properties(None, None),
        None,
        AttributeError("'list' object has no attribute 'get'"),
    ],
)
def test_a_call_acs_cannot_tell_of_is_not_taken_for_gone(answer: object) -> None:
    @virtual_time
    async def script() -> None:
        with pytest.raises(CallError):
            await calls(FakeClient(answer)).look("connection-1")

    script()
