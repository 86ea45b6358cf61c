"""The route on literal ASGI messages, and under the real server."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import Message, Scope
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from http_serving.errors import KeysUnavailable, Unauthorized
from media_streaming.messages import STOP_AUDIO, AudioData, encode_audio
from media_streaming.routes import AlreadyStreaming, MediaLimits, one_at_a_time, router
from media_streaming.stream import MediaStream

WIRE = Path(__file__).parent.parent / "wire"
Handler = Callable[[MediaStream, str], Awaitable[None]]


async def verify(authorization: str | None) -> str:
    if authorization != "Bearer good":
        raise Unauthorized("no token")
    return "claims"


async def knows(secret: str) -> bool:
    return secret in {"abc", "def"}


def application(handler: Handler, **options: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(router(handler, **{"verify": verify, "knows_secret": knows} | options))
    return app


async def echo(stream: MediaStream, secret: str) -> None:
    async for message in stream:
        if isinstance(message, AudioData):
            stream.send_audio(message.pcm)


async def unwanted(stream: MediaStream, secret: str) -> None:
    raise AssertionError("must not be reached")


# --- on literal ASGI messages


class AsgiPeer:
    """The server's side of one WebSocket: a script in, what the application said out."""

    def __init__(self, incoming: list[Message], *, denial: bool = True, refuses: type[Exception] | None = None) -> None:
        self.incoming = [{"type": "websocket.connect"}, *incoming]
        self.sent: list[Message] = []
        self.denial = denial
        self.refuses = refuses

    async def receive(self) -> Message:
        if self.incoming:
            return self.incoming.pop(0)
        return {"type": "websocket.disconnect", "code": 1005}

    async def send(self, message: Message) -> None:
        if self.refuses and message["type"] in {"websocket.send", "websocket.close"}:
            raise self.refuses
        self.sent.append(message)

    async def dial(self, app: FastAPI, path: str = "/media/abc", token: str | None = "Bearer good") -> None:
        headers = [(b"x-ms-call-connection-id", b"call-1"), (b"x-ms-call-correlation-id", b"correlation-1")]
        if token is not None:
            headers.append((b"authorization", token.encode()))
        scope: Scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}} if self.denial else {},
        }
        await app(scope, self.receive, self.send)

    def refusal(self) -> tuple[int, str]:
        start, body = self.sent
        assert start["type"] == "websocket.http.response.start"
        assert (b"content-type", b"application/json") in start["headers"]
        error = json.loads(body["body"])["error"]
        assert set(error) == {"code", "message"}
        return start["status"], error["code"]


async def test_a_stream_carries_the_headers_of_the_upgrade() -> None:
    seen: list[tuple[str, str | None, str | None]] = []

    async def handler(stream: MediaStream, secret: str) -> None:
        seen.append((secret, stream.call_connection_id, stream.correlation_id))

    peer = AsgiPeer([])
    await peer.dial(application(handler))
    assert seen == [("abc", "call-1", "correlation-1")]
    assert [message["type"] for message in peer.sent] == ["websocket.accept", "websocket.close"]
    assert peer.sent[-1]["code"] == 1000


@pytest.mark.parametrize(
    ("path", "token", "refusal"),
    [
        ("/media/guessed", "Bearer good", (404, "unknown_call")),
        ("/media/guessed", None, (404, "unknown_call")),
        ("/media/abc", None, (401, "unauthorized")),
        ("/media/abc", "Bearer forged", (401, "unauthorized")),
    ],
)
async def test_who_may_not_stream_is_refused_before_the_upgrade(
    path: str, token: str | None, refusal: tuple[int, str]
) -> None:
    peer = AsgiPeer([])
    await peer.dial(application(unwanted), path, token)
    assert peer.refusal() == refusal


async def test_a_server_without_http_refusals_closes() -> None:
    peer = AsgiPeer([], denial=False)
    await peer.dial(application(unwanted), token=None)
    assert peer.sent == [{"type": "websocket.close"}]


async def test_a_second_stream_for_a_live_call_is_refused() -> None:
    second = AsgiPeer([])
    other = AsgiPeer([])

    async def handler(stream: MediaStream, secret: str) -> None:
        if secret == "abc":
            await second.dial(app)
            await other.dial(app, "/media/def")

    app = application(handler)
    await AsgiPeer([]).dial(app)
    assert second.refusal() == (409, "already_streaming")
    assert other.sent[0] == {"type": "websocket.accept"}
    again = AsgiPeer([])
    await again.dial(app, "/media/def")
    assert again.sent[0] == {"type": "websocket.accept"}


def test_a_claim_is_given_back_even_after_an_error() -> None:
    claim = one_at_a_time()
    with pytest.raises(ValueError, match="handler"), claim("abc"):
        with pytest.raises(AlreadyStreaming), claim("abc"):
            pass
        raise ValueError("handler")
    with claim("abc"), claim("def"):
        pass


@pytest.mark.parametrize("error", [OSError, RuntimeError])
async def test_a_peer_gone_while_we_write_ends_the_stream_quietly(error: type[Exception]) -> None:
    async def handler(stream: MediaStream, secret: str) -> None:
        stream.send_audio(bytes(960))
        async with asyncio.timeout(30):
            while True:
                if stream.ended:
                    return
                await asyncio.sleep(0)

    peer = AsgiPeer([], refuses=error)
    await peer.dial(application(handler))
    assert [message["type"] for message in peer.sent] == ["websocket.accept"]


async def test_binary_messages_are_not_audio() -> None:
    streams: list[MediaStream] = []

    async def handler(stream: MediaStream, secret: str) -> None:
        streams.append(stream)
        await echo(stream, secret)

    peer = AsgiPeer([{"type": "websocket.receive", "bytes": bytes(960)}])
    await peer.dial(application(handler))
    assert streams[0].counters.malformed == 1
    assert [message["type"] for message in peer.sent] == ["websocket.accept"]


async def test_an_error_in_the_handler_closes_with_1011() -> None:
    async def handler(stream: MediaStream, secret: str) -> None:
        raise LookupError("bug")

    peer = AsgiPeer([])
    with pytest.raises(ExceptionGroup):
        await peer.dial(application(handler))
    assert peer.sent[-1]["code"] == 1011


# --- under the real server


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[int]:
    """Serve on a free port, as the product does."""
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_max_size=256 * 1024,
        ws_per_message_deflate=False,
        log_level="critical",
        lifespan="off",
    )
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listening]))
            async with asyncio.timeout(30):
                while not server.started:  # noqa: ASYNC110  (uvicorn offers no event to wait for)
                    await asyncio.sleep(0.005)
            yield listening.getsockname()[1]
            server.should_exit = True


def dial(port: int, secret: str = "abc", token: str = "Bearer good") -> connect:
    headers = {"Authorization": token, "x-ms-call-connection-id": "call-1"}
    return connect(f"ws://127.0.0.1:{port}/media/{secret}", additional_headers=headers, proxy=None, compression=None)


async def closed(acs: ClientConnection) -> tuple[int | None, str | None]:
    with pytest.raises(ConnectionClosed):
        while True:
            await acs.recv()
    return acs.close_code, acs.close_reason


async def test_audio_there_and_back() -> None:
    pcm = bytes(range(256)) * 3 + bytes(192)
    async with serving(application(echo)) as port, dial(port) as acs:
        await acs.send((WIRE / "media_audio_metadata_24k.json").read_text())
        for _ in range(20):
            data = base64.b64encode(pcm).decode()
            await acs.send(json.dumps({"kind": "AudioData", "audioData": {"data": data}}))
        assert [await acs.recv() for _ in range(20)] == [encode_audio(pcm)] * 20


async def test_stop_audio_reaches_acs() -> None:
    async def handler(stream: MediaStream, secret: str) -> None:
        stream.stop_audio()
        async for _ in stream:
            pass

    async with serving(application(handler)) as port, dial(port) as acs:
        assert await acs.recv() == STOP_AUDIO


async def test_refusals_are_http_answers() -> None:
    async with serving(application(echo)) as port:
        answers = []
        for secret, token in [("guessed", "Bearer good"), ("abc", "Bearer forged")]:
            with pytest.raises(InvalidStatus) as caught:
                async with dial(port, secret, token):
                    pass
            response = caught.value.response
            answers.append((response.status_code, json.loads(response.body or b"")["error"]["code"]))
        async with dial(port):
            with pytest.raises(InvalidStatus) as caught:
                async with dial(port):
                    pass
            answers.append((caught.value.response.status_code, "already_streaming"))
        async with dial(port):
            pass
    assert answers == [(404, "unknown_call"), (401, "unauthorized"), (409, "already_streaming")]


async def test_the_socket_is_closed_when_the_handler_returns() -> None:
    async def handler(stream: MediaStream, secret: str) -> None:
        await anext(stream)

    async with serving(application(handler)) as port, dial(port) as acs:
        await acs.send('{"kind":"DtmfData","dtmfData":{"data":"1"}}')
        assert await closed(acs) == (1000, "")


@pytest.mark.parametrize("size", [200_000, 300_000])
async def test_a_message_too_large_is_refused_by_us_or_by_the_server(size: int) -> None:
    async with serving(application(echo)) as port, dial(port) as acs:
        await acs.send(" " * size)
        code, _ = await closed(acs)
        assert code == 1009


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (" " * 200_000, "message too large"),
        (" " * 300_000, "closed with 1009: message too large"),
        (b"\x81\x82\0\0\0\0\xff\xff", "closed with 1007: invalid data"),
    ],
)
async def test_why_a_socket_was_closed_is_known_and_logged(
    sent: str | bytes, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    faults: asyncio.Queue[str] = asyncio.Queue()

    async def handler(stream: MediaStream, secret: str) -> None:
        async for _ in stream:
            pass
        faults.put_nowait(stream.fault)

    async with serving(application(handler)) as port, dial(port) as acs:
        if isinstance(sent, bytes):
            acs.transport.write(sent)
        else:
            await acs.send(sent)
        async with asyncio.timeout(30):
            assert await faults.get() == fault
    (record,) = [one for one in caplog.records if one.getMessage() == "media stream refused"]
    assert (record.__dict__["reason"], record.__dict__["call_connection_id"]) == (fault, "call-1")


@pytest.mark.parametrize(("wait_s", "seconds", "ms"), [(0.2, "1", 200), (2.0, "2", 2000), (2.001, "3", 2001)])
async def test_a_refusal_says_when_to_come_again(wait_s: float, seconds: str, ms: int) -> None:
    limits = MediaLimits(unauthenticated=lambda _: wait_s, connections=lambda _: wait_s)
    async with serving(application(echo, limits=limits)) as port:
        for secret in ("abc", "guessed"):
            with pytest.raises(InvalidStatus) as caught:
                async with dial(port, secret):
                    pass
            response = caught.value.response
            assert response.status_code == 429
            assert response.headers["retry-after"] == seconds
            assert json.loads(response.body or b"")["error"]["retry_after_ms"] == ms


async def test_a_refusal_because_the_keys_are_unknown_says_when_to_come_again() -> None:
    async def verify(_: str | None) -> object:
        raise KeysUnavailable("the issuer's keys could not be fetched", retry_after_ms=2000)

    async with serving(application(echo, verify=verify)) as port:
        with pytest.raises(InvalidStatus) as caught:
            async with dial(port):
                pass
    response = caught.value.response
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert json.loads(response.body or b"")["error"]["retry_after_ms"] == 2000


async def test_another_format_is_refused() -> None:
    async with serving(application(echo)) as port, dial(port) as acs:
        await acs.send((WIRE / "media_audio_metadata_16k.json").read_text())
        assert await closed(acs) == (1003, "sample rate is not 24000")


async def test_acs_cutting_the_line_ends_the_handler() -> None:
    ended = asyncio.Event()

    async def handler(stream: MediaStream, secret: str) -> None:
        async for _ in stream:
            pass
        ended.set()

    async with serving(application(handler)) as port:
        async with dial(port) as acs:
            acs.transport.abort()
        async with asyncio.timeout(30):
            await ended.wait()
