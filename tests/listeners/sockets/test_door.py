"""Who is admitted, and who is refused and how; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import partial
from typing import Any

import pytest

from http_serving.errors import Overloaded
from http_serving.rate_limiter import TokenBuckets
from listeners.rooms import ListenedRoom
from listeners.sockets.closing import CloseCode
from listeners.sockets.connection import ListenerSocket
from listeners.sockets.door import DRAIN_WITHIN_S, Asked, Door, ServeSocket
from listeners.tickets import Tickets, TicketUse
from tests.support.listeners import ROOM, TICKETS, Application, SocketPeer, dialled, door
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


async def serve(socket: ListenerSocket) -> None:
    await socket.hello()
    async for _ in socket:
        pass


def application(entry: Door | None = None, purposes: Collection[TicketUse] = frozenset({"captions"})) -> Application:
    def open_socket(asked: Asked) -> ServeSocket:
        asked.language("floor")
        return serve

    return partial((entry or door()).admit, purposes=purposes, open_socket=open_socket, tag="event")


def ticket(purpose: TicketUse = "captions", room_id: str = "room-1", language: str | None = None) -> str:
    return TICKETS.issue(purpose, room_id, language=language)[0]


def old_ticket() -> str:
    return Tickets("a-secret-of-tests", now=lambda: 0.0).issue("captions", "room-1")[0]


REFUSALS: list[tuple[dict[str, Any], int, str]] = [
    ({}, 401, "missing"),
    ({"ticket": "v1.x.y"}, 401, "signature"),
    ({"ticket": "nonsense"}, 401, "malformed"),
    ({"ticket": ticket()[:-2] + "AA"}, 401, "signature"),
    ({"ticket": Tickets("another-secret").issue("captions", "room-1")[0]}, 401, "signature"),
    ({"ticket": old_ticket()}, 401, "expired"),
    ({"ticket": ticket("audio")}, 403, "purpose"),
    ({"ticket": ticket(room_id="room-2")}, 403, "room"),
    ({"ticket": ticket(language="es-ES"), "language": "en-US"}, 403, "language"),
    ({"ticket": ticket(language="es-ES"), "language": "floor"}, 403, "language"),
    ({"ticket": ticket(language="es-ES"), "language": "fr"}, 403, "language"),
    ({"ticket": ticket(), "language": "fr"}, 400, "language_unknown"),
    ({str(number): "x" for number in range(30)} | {"ticket": ticket()}, 401, "missing"),
]


@pytest.mark.parametrize(("query", "status", "code"), REFUSALS)
async def test_a_stranger_is_refused_before_the_upgrade(query: dict[str, Any], status: int, code: str) -> None:
    async with dialled(application(), SocketPeer("/ws/captions/room-1", **query)) as one:
        assert await one.refusal() == (status, code)


@pytest.mark.parametrize(("query", "status", "code"), REFUSALS[:-1])
async def test_or_is_accepted_and_closed_if_it_asks_for_that(query: dict[str, Any], status: int, code: str) -> None:
    async with dialled(application(), SocketPeer("/ws/captions/room-1", **query, close=4001)) as one:
        assert (await one.hears())["type"] == "websocket.accept"
        assert await one.hears() == (CloseCode.REFUSED, code)


async def test_a_server_without_http_refusals_closes() -> None:
    peer = SocketPeer("/ws/captions/room-1")
    peer.scope["extensions"] = {}
    async with dialled(application(), peer):
        assert await peer.sent.get() == {"type": "websocket.close"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, None),
        ({"language": ""}, None),
        ({"language": "es"}, "es-ES"),
        ({"language": "es-ES"}, "es-ES"),
        ({"language": "floor"}, "floor"),
    ],
)
async def test_a_language_is_that_of_the_room(query: dict[str, str], found: str | None) -> None:
    entry = door()
    asked = await entry.asked(TICKETS.issue("captions", "room-1")[1], query)
    assert asked.language("floor") == found


async def test_a_ticket_for_a_language_needs_none_in_the_address() -> None:
    asked = await door().asked(TICKETS.issue("captions", "room-1", language="es-ES")[1], {})
    assert asked.language() == "es-ES"
    assert Asked(asked.ticket, ROOM, {"language": "es"}, asked.match).language() == "es-ES"


async def test_a_room_that_is_gone_or_over_is_unknown() -> None:
    async def over(room_id: str) -> ListenedRoom:
        return ListenedRoom(room_id, "Over", ("en-US",), "ended")

    for entry, room_id in ((door(), "room-7"), (door(find_room=over), "room-1")):
        peer = SocketPeer(f"/ws/captions/{room_id}", ticket=ticket(room_id=room_id))
        async with dialled(application(entry), peer):
            assert await peer.refusal() == (404, "room_unknown")


async def test_who_was_removed_from_the_roster_is_let_in_no_more() -> None:
    for participant_id, answer in (("p-1", None), ("p-gone", (403, "participant"))):
        peer = SocketPeer(
            "/ws/captions/room-1", ticket=TICKETS.issue("speak", "room-1", participant_id=participant_id)[0]
        )
        async with dialled(application(purposes={"speak"}), peer):
            if answer is None:
                await peer.hears_kind("hello")
            else:
                assert await peer.refusal() == answer


async def test_places_are_limited_by_ticket_and_by_network_and_are_free_again() -> None:
    app = application(door(per_ticket=2, per_network=3))
    shared = ticket()

    def peer(text: str, network: str = "192.0.2.1") -> SocketPeer:
        return SocketPeer("/ws/captions/room-1", network, ticket=text)

    async with dialled(app, peer(shared)) as first, dialled(app, peer(shared)) as second:
        await first.hears_kind("hello")
        await second.hears_kind("hello")
        async with dialled(app, peer(shared)) as third:
            assert await third.refusal() == (429, "too_many_sockets")
        async with dialled(app, peer(ticket())) as another:
            await another.hears_kind("hello")
            async with dialled(app, peer(ticket())) as one_more:
                assert await one_more.refusal() == (429, "too_many_sockets")
            async with dialled(app, peer(ticket(), "192.0.2.2")) as elsewhere:
                await elsewhere.hears_kind("hello")
    async with dialled(app, peer(shared)) as again:
        await again.hears_kind("hello")


async def test_guessing_is_slowed_down() -> None:
    buckets = TokenBuckets(1.0, 2.0, asyncio.get_running_loop().time)
    app = application(door(count_refusal=buckets.take))
    codes = []
    for _ in range(3):
        async with dialled(app, SocketPeer("/ws/captions/room-1", ticket="v1.x.y")) as one:
            codes.append(await one.refusal())
    assert codes == [(401, "signature"), (401, "signature"), (429, "rate_limited")]
    async with dialled(app, SocketPeer("/ws/captions/room-1", ticket=ticket())) as owner:
        await owner.hears_kind("hello")


async def test_without_a_free_connection_a_listener_is_refused() -> None:
    def full(proof: str) -> None:
        raise Overloaded("too many connections are open", retry_after_ms=1000)

    peer = SocketPeer("/ws/captions/room-1", ticket=ticket())
    peer.scope["extensions"]["interpreter.prove"] = full
    async with dialled(application(), peer):
        assert await peer.refusal() == (503, "overloaded")


async def test_a_drain_asks_everybody_to_come_back_at_different_times_and_admits_nobody() -> None:
    entry = door()
    app = application(entry)
    async with asyncio.TaskGroup() as group:
        peers = [SocketPeer("/ws/captions/room-1", ticket=ticket()) for _ in range(120)]
        for one in peers:
            group.create_task(app(one.scope, one.receive, one.send))
        for one in peers:
            await one.hears_kind("hello")
        peers[7].reads.clear()
        began = asyncio.get_running_loop().time()
        await entry.drain()
        assert asyncio.get_running_loop().time() - began <= DRAIN_WITHIN_S
        del peers[7]
        waits = [(await one.hears_kind("draining"))["reconnect_after_ms"] for one in peers]
        assert waits == sorted(set(waits))
        assert waits[-1] < DRAIN_WITHIN_S * 1000
        assert {await one.closed() for one in peers} == {(CloseCode.DRAINING, "draining")}
    late = SocketPeer("/ws/captions/room-1", ticket=ticket())
    async with dialled(app, late):
        assert await late.refusal() == (503, "draining")


async def test_a_drain_without_sockets_takes_no_time() -> None:
    began = asyncio.get_running_loop().time()
    await door().drain()
    assert asyncio.get_running_loop().time() == began
