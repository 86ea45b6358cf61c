"""What all listeners' sockets have in common, in virtual time."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from listeners.feed import Feed
from listeners.sockets.closing import CloseCode
from listeners.sockets.connection import ERRORS_LIMIT, LARGEST_TEXT, OUTBOX_LIMIT, ListenerSocket
from listeners.sockets.door import Asked, Door, ServeSocket
from tests.support.listeners import TICKETS, Application, SocketPeer, dialled, door
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


async def echo(socket: ListenerSocket) -> None:
    await socket.hello(channel="es-ES")
    async for message in socket:
        if isinstance(message, bytes):
            await socket.send(message)
        elif message[socket.tag] == "fail":
            raise ZeroDivisionError
        elif message[socket.tag] == "bye":
            return
        elif message[socket.tag] == "burst":
            for number in range(message["count"]):
                socket.post(socket.message("number", number=number))
        else:
            socket.unknown(message)


def application(served: ServeSocket = echo, entry: Door | None = None) -> Application:
    def open_socket(asked: Asked) -> ServeSocket:
        return served

    return partial((entry or door()).admit, purposes={"captions"}, open_socket=open_socket, tag="event")


def peer(**query: Any) -> SocketPeer:
    return SocketPeer("/ws/captions/room-1", **{"ticket": TICKETS.issue("captions", "room-1")[0], **query})


async def accepted(one: SocketPeer) -> dict[str, Any]:
    assert (await one.hears())["type"] == "websocket.accept"
    hello: dict[str, Any] = await one.hears()
    return hello


async def test_hello_comes_first_and_what_was_posted_meanwhile_after_it() -> None:
    async def serve(socket: ListenerSocket) -> None:
        socket.post(socket.message("early"))
        await asyncio.sleep(1)
        await echo(socket)

    async with dialled(application(serve), peer()) as one:
        assert await accepted(one) == {
            "event": "hello",
            "room_id": "room-1",
            "room_state": "active",
            "languages": ["en-US", "es-ES"],
            "heartbeat_ms": 10_000,
            "channel": "es-ES",
        }
        assert await one.hears() == {"event": "early"}
        one.says(b"\x01\x02")
        assert await one.hears() == b"\x01\x02"
        one.says({"event": "bye"})
        assert await one.closed() == (CloseCode.DONE, "")


async def test_heartbeats_tell_the_round_trip_of_the_one_before() -> None:
    async with dialled(application(), peer()) as one:
        await accepted(one)
        first = await one.hears()
        assert first["round_trip_ms"] is None
        await asyncio.sleep(0.12)
        one.says({"event": "heartbeat", "sent_ms": first["sent_ms"]})
        one.says({"event": "heartbeat", "sent_ms": first["sent_ms"]})  # once more says nothing
        second = await one.hears()
        assert second["round_trip_ms"] == 120
        one.says({"event": "heartbeat", "sent_ms": "never sent"})
        assert (await one.hears())["round_trip_ms"] == 120


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("{", "malformed"),
        ("[]", "malformed"),
        ("1" * 5000, "malformed"),
        ("[" * 10_000, "malformed"),
        ({"type": "bye"}, "malformed"),
        ({"event": 7}, "malformed"),
        ({"event": "dance"}, "unknown_message"),
    ],
)
async def test_what_cannot_be_understood_is_answered_and_the_tenth_within_a_minute_closes(
    said: object, code: str
) -> None:
    async with dialled(application(), peer()) as one:
        await accepted(one)
        for _ in range(ERRORS_LIMIT - 1):
            one.says(said)
            assert (await one.hears())["error"]["code"] == code
        await asyncio.sleep(61)  # those are forgiven
        for _ in range(ERRORS_LIMIT):
            one.says(said)
            assert (await one.hears_kind("error"))["error"]["code"] == code
        assert await one.closed() == (CloseCode.NOT_ALLOWED, "too_many_errors")


@pytest.mark.parametrize("text", ["x" * (LARGEST_TEXT + 1), "é" * (LARGEST_TEXT // 2 + 1)])
async def test_a_text_that_is_too_large_closes(text: str) -> None:
    async with dialled(application(), peer()) as one:
        await accepted(one)
        one.says(text)
        assert await one.closed() == (CloseCode.TOO_LARGE, "too_large")


async def test_a_peer_that_does_not_read_is_closed_and_nobody_waits_for_it() -> None:
    feed = Feed()
    app = application(entry=door(feed))
    async with dialled(app, peer()) as slow, dialled(app, peer()) as quick:
        await accepted(slow)
        await accepted(quick)
        slow.reads.clear()
        for _ in range(OUTBOX_LIMIT + 1):
            feed.room_state("room-1", "paused")
            assert await quick.hears() == {"event": "room", "state": "paused"}
        await asyncio.sleep(60)
        assert slow.sent.empty()  # no heartbeats were piled up either, and it was left without last words
        slow.reads.set()
        assert (await quick.hears())["event"] == "heartbeat"


async def test_one_that_reads_again_in_time_learns_why_it_is_closed() -> None:
    async with dialled(application(), peer()) as one:
        await accepted(one)
        one.reads.clear()
        one.says({"event": "burst", "count": OUTBOX_LIMIT + 5})
        await asyncio.sleep(1)
        one.reads.set()
        assert [(await one.hears())["number"] for _ in range(OUTBOX_LIMIT)] == list(range(OUTBOX_LIMIT))
        assert await one.hears() == (CloseCode.TOO_SLOW, "too_slow")


async def test_a_peer_that_has_gone_ends_the_socket_whoever_notices() -> None:
    async with dialled(application(), peer()) as one:
        await accepted(one)
        one.gone = True
        await asyncio.sleep(11)  # the heartbeat fails


async def test_an_error_closes_this_socket_alone(caplog: pytest.LogCaptureFixture) -> None:
    app = application()
    async with dialled(app, peer()) as one, dialled(app, peer()) as other:
        await accepted(one)
        await accepted(other)
        one.says({"event": "fail"})
        assert await one.closed() == (CloseCode.FAILED, "internal_error")
        other.says(b"still there")
        assert await other.hears() == b"still there"
    assert "listener socket failed" in caplog.text


async def test_a_task_beside_lives_as_long_as_the_socket() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    async def serve(socket: ListenerSocket) -> None:
        socket.beside(work(), "work")
        await echo(socket)

    async with dialled(application(serve), peer()) as one:
        await accepted(one)
        one.says({"event": "bye"})
        await one.closed()
        assert ended == ["work"]


async def test_the_end_of_the_room_closes_and_says_so() -> None:
    feed = Feed()
    async with dialled(application(entry=door(feed)), peer()) as one:
        await accepted(one)
        feed.room_state("room-1", "paused")
        feed.close_room("room-1", "room_deleted")
        assert await one.hears() == {"event": "room", "state": "paused"}
        assert await one.hears() == {"event": "room", "state": "ended"}
        assert await one.hears() == (CloseCode.ROOM_ENDED, "room_ended")


async def test_a_socket_that_was_closed_before_it_was_served_is_closed_at_once() -> None:
    feed = Feed()

    async def serve(socket: ListenerSocket) -> None:
        socket.close(CloseCode.REPLACED, "replaced")
        socket.close(CloseCode.TOO_SLOW, "too_slow")  # too late: only the first counts
        await echo(socket)

    async with dialled(application(serve, door(feed)), peer()) as one:
        assert await one.closed() == (CloseCode.REPLACED, "replaced")
    assert feed.statistics().rooms == 0


async def test_what_is_posted_while_it_ends_is_among_the_last_words() -> None:
    async def work(socket: ListenerSocket) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            socket.post(socket.message("late"))

    async def serve(socket: ListenerSocket) -> None:
        socket.beside(work(socket), "work")
        await echo(socket)
        with pytest.raises(RuntimeError):
            ListenerSocket.beside(unserved(socket), work(socket), "too late")

    async with dialled(application(serve), peer()) as one:
        await accepted(one)
        one.says({"event": "bye"})
        assert await one.hears() == {"event": "late"}
        assert await one.closed() == (CloseCode.DONE, "")


def unserved(socket: ListenerSocket) -> ListenerSocket:
    """A socket of the same ticket that nobody serves."""
    return ListenerSocket({}, socket._receive, socket._send, ticket=socket.ticket, room=socket.room)
