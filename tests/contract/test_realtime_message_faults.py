"""Faults of single server messages and of the connection itself, in conversations and translations alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import pytest
from websockets.exceptions import InvalidMessage, InvalidStatus

from emulator.engine.scripted import marker_tone
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults
from emulator.realtime.wire import encode_audio
from tests.support.realtime_client import KEY, LOOPBACK, TRANSLATE_MODEL, Events, Service, realtime_service
from tests.support.realtime_sessions import end_of, quick
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time

KINDS = ["conversation", "translation"]
UPDATE: dict[str, Any] = {"conversation": {"type": "realtime"}, "translation": {}}


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with realtime_service(config=quick()) as running:
        yield running


def opening(service: Service, kind: str, **options: Any) -> AbstractAsyncContextManager[Events]:
    if kind == "translation":
        return service.translate(**options)
    return service.connect(**options)


async def updates(talk: Events, kind: str, count: int) -> list[Any]:
    """Ask for so many updates at once; the next so many events behind session.created."""
    await talk.until("session.created")
    for _ in range(count):
        await talk.connection.session.update(session=UPDATE[kind])
    return [await talk.next() for _ in range(count)]


# -- upgrades


@pytest.mark.parametrize("kind", KINDS)
async def test_hanging_up_answers_nothing(service: Service, kind: str) -> None:
    service.misbehave(FaultRule("hang_up", times=1))
    with pytest.raises((InvalidMessage, ConnectionError)):
        async with opening(service, kind):
            pass
    async with opening(service, kind) as talk:
        await talk.until("session.created")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_handshake_slower_than_the_client_waits(service: Service, kind: str) -> None:
    """The client's own limit is 10 s; with a shorter one the same happens sooner."""
    service.misbehave(FaultRule("slow_handshake", seconds=15.0))
    start = asyncio.get_running_loop().time()
    async with service.client() as client:
        options: Any = {**LOOPBACK, "open_timeout": 0.3}
        resource: Any = client.realtime if kind == "conversation" else client.realtime.translations
        with pytest.raises(TimeoutError):
            async with resource.connect(model=TRANSLATE_MODEL, websocket_connection_options=options):
                pass
    assert round(asyncio.get_running_loop().time() - start, 3) == 0.3


@pytest.mark.parametrize("kind", KINDS)
async def test_refused_with_a_wait(service: Service, kind: str) -> None:
    service.misbehave(FaultRule("refuse", status=429, retry_after_s=7, error_code="slow_down"))
    with pytest.raises(InvalidStatus) as caught:
        async with opening(service, kind):
            pass
    assert caught.value.response.headers["Retry-After"] == "7"


# -- single messages


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_is_dropped(service: Service, kind: str) -> None:
    service.misbehave(FaultRule("drop_message", nth=1))
    async with opening(service, kind) as talk:
        await talk.connection.session.update(session=UPDATE[kind])
        assert (await talk.next()).type == "session.updated"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_comes_twice(service: Service, kind: str) -> None:
    service.misbehave(FaultRule("repeat_message", event="session.updated", nth=1))
    async with opening(service, kind) as talk:
        one, again, other = await updates(talk, kind, 3)
        assert one.event_id == again.event_id != other.event_id


@pytest.mark.parametrize("kind", KINDS)
async def test_two_messages_change_places(service: Service, kind: str) -> None:
    service.misbehave(FaultRule("reorder_message", event="session.created"))
    async with opening(service, kind) as talk:
        await talk.connection.session.update(session=UPDATE[kind])
        assert [(await talk.next()).type for _ in range(2)] == ["session.updated", "session.created"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_comes_late_and_the_others_do_not_wait(service: Service, kind: str) -> None:
    service.misbehave(FaultRule("delay_message", event="session.updated", nth=1, seconds=0.3))
    async with opening(service, kind) as talk:
        start = asyncio.get_running_loop().time()
        await talk.connection.session.update(session=UPDATE[kind])
        await talk.connection.send_raw('{"type":"nonsense"}')
        await talk.until("error")
        await talk.until("session.updated")
        assert round(asyncio.get_running_loop().time() - start, 3) >= 0.3


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_is_garbled(service: Service, kind: str) -> None:
    service.misbehave(FaultRule("garble_message", nth=1))
    async with opening(service, kind) as talk:
        with pytest.raises(ValueError, match="JSON|char|Expecting|delimiter|Unterminated|Extra"):
            talk.connection.parse_event(await talk.connection.recv_bytes())
        await talk.connection.session.update(session=UPDATE[kind])
        await talk.until("session.updated")


@pytest.mark.parametrize("kind", KINDS)
async def test_every_message_has_members_nobody_knows(service: Service, kind: str) -> None:
    service.misbehave(FaultRule("extend_message"))
    async with opening(service, kind) as talk:
        for event in await updates(talk, kind, 2):
            assert (event.type, event.region) == ("session.updated", "atlantis")


@pytest.mark.parametrize("kind", KINDS)
async def test_messages_without_an_id(service: Service, kind: str) -> None:
    service.misbehave(FaultRule("anonymise_message", event="session.updated"))
    async with opening(service, kind) as talk:
        (event,) = await updates(talk, kind, 1)
        assert not hasattr(event, "event_id") or event.event_id is None


async def test_messages_that_do_not_say_what_they_answer(service: Service) -> None:
    service.misbehave(FaultRule("unlink_message"), FaultRule("refuse_response", response=2))
    async with service.connect() as talk:
        await talk.configure()
        item = await talk.commit(marker_tone(1))
        await talk.interpret(item, metadata={"utterance": "u-1"})
        done = await talk.until("response.done")
        assert done.response.metadata is None
        await talk.interpret(item, metadata={"utterance": "u-2"})
        refused = await talk.until("error")
        assert refused.error.event_id is None


async def test_chance_repeats_with_its_seed(service: Service) -> None:
    async def which() -> list[bool]:
        service.server.faults = RealtimeFaults((FaultRule("extend_message", probability=0.5),), seed=3)
        async with opening(service, "translation") as talk:
            return [hasattr(event, "region") for event in await updates(talk, "translation", 12)]

    first = await which()
    assert first == await which()
    assert set(first) == {True, False}


# -- errors


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", ["rate_limit_exceeded", "server_error", "session_expired", None])
async def test_error_events_leave_the_connection_open(service: Service, kind: str, code: str | None) -> None:
    service.misbehave(FaultRule("error_event", error_code=code, error_type="server_error", message="as asked"))
    async with opening(service, kind) as talk:
        error = (await talk.until("error")).error
        assert (error.code, error.type, error.message) == (code, "server_error", "as asked")
        await talk.connection.session.update(session=UPDATE[kind])
        await talk.until("session.updated")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_then_the_end(service: Service, kind: str) -> None:
    reason = "Your session hit the maximum duration of 60 minutes."
    service.misbehave(
        FaultRule("error_event", error_code="session_expired", message=reason),
        FaultRule("close", close_code=1001, reason=reason),
    )
    async with opening(service, kind) as talk:
        end = await end_of(talk)
    assert talk.events[-1].error.code == "session_expired"
    assert end.rcvd is not None
    assert (end.rcvd.code, end.rcvd.reason) == (1001, reason)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 4000])
async def test_every_close_code(service: Service, kind: str, code: int) -> None:
    service.misbehave(FaultRule("close", close_code=code, reason="as asked"))
    async with opening(service, kind) as talk:
        end = await end_of(talk)
    assert talk.kinds() == ["session.created"]
    assert end.rcvd is not None
    assert (end.rcvd.code, end.rcvd.reason) == (code, "as asked")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cut_so_long_after_its_point(service: Service, kind: str) -> None:
    service.misbehave(FaultRule("abort", at="created", after_s=0.3))
    start = asyncio.get_running_loop().time()
    async with opening(service, kind) as talk:
        end = await end_of(talk)
    assert end.rcvd is None
    assert round(asyncio.get_running_loop().time() - start, 3) >= 0.25


# -- sessions


@pytest.mark.parametrize("kind", KINDS)
async def test_expiry_is_told_by_a_wrong_clock(service: Service, kind: str) -> None:
    service.misbehave(FaultRule("expires_in", seconds=0.3), FaultRule("expires_skew", seconds=-600))
    async with opening(service, kind) as talk:
        created = await talk.until("session.created")
        assert created.session.expires_at < time.time() - 500
        end = await end_of(talk)
    assert end.rcvd is not None
    assert end.rcvd.code == 1001


# -- keepalive


async def pinged(service: Service, *, answers: bool) -> aiohttp.WSMsgType:
    """What comes last to a client that does or does not answer pings, in ten seconds."""
    async with aiohttp.ClientSession(headers={"api-key": KEY}) as client:
        socket = await client.ws_connect(service.socket_url, autoping=answers)
        try:
            async with asyncio.timeout(10):
                while True:
                    message = await socket.receive()
                    if message.type is aiohttp.WSMsgType.CLOSE:
                        assert (message.data, message.extra) == (1011, "keepalive ping timeout")
                        return message.type
        except TimeoutError:
            return aiohttp.WSMsgType.PING
        finally:
            await socket.close()


async def test_a_client_that_answers_no_ping_is_closed() -> None:
    config = RealtimeConfig(ping_interval_s=1.0, ping_timeout_s=2.0)
    async with realtime_service(config=config) as service:
        assert await pinged(service, answers=False) is aiohttp.WSMsgType.CLOSE
        assert await pinged(service, answers=True) is aiohttp.WSMsgType.PING
        async with service.connect() as talk:  # the SDK's client answers as well
            await asyncio.sleep(6.0)
            await talk.connection.session.update(session={"type": "realtime"})
            await talk.until("session.updated")
    reasons = [entry["reason"] for entry in service.journal.entries("realtime.closed")]
    assert reasons.count("keepalive ping timeout") == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_the_server_answers_pings_unless_it_reads_nothing(service: Service, kind: str) -> None:
    options: Any = {**LOOPBACK, "ping_interval": 0.1, "ping_timeout": 0.2}
    async with service.client() as client:
        resource: Any = client.realtime if kind == "conversation" else client.realtime.translations
        async with resource.connect(
            model=TRANSLATE_MODEL if kind == "translation" else "m", websocket_connection_options=options
        ) as connection:
            talk = Events(connection)
            await talk.until("session.created")
            await asyncio.sleep(0.4)
            service.misbehave(FaultRule("stall", at="updated", seconds=1.0, direction="reads"))
            await connection.session.update(session=UPDATE[kind])
            end = await end_of(talk)
    assert end.sent is not None
    assert (end.sent.code, end.sent.reason) == (1011, "keepalive ping timeout")


async def test_a_server_that_reads_nothing_presses_back(service: Service) -> None:
    """The client's writes come to a halt, nothing is lost, and all goes on behind the stall."""
    service.misbehave(FaultRule("stall", at="updated", seconds=1.0, direction="reads", times=1))
    append = '{"type":"session.input_audio_buffer.append","audio":"' + encode_audio(bytes(4_800_000)) + '"}'
    async with service.translate() as stream:
        start = asyncio.get_running_loop().time()
        await stream.configure("fr")
        for _ in range(4):  # 26 MB: more than sockets and buffers hold
            await stream.connection.send_raw(append)
        assert round(asyncio.get_running_loop().time() - start, 3) >= 0.6
    await service.server.close_connections()
    (closed,) = service.journal.entries("realtime.closed")
    assert closed["audio_in"] == 4 * 4_800_000
