"""The door of all listeners' sockets: checks ticket and limits before the upgrade, refuses, and lets them drain.

What is checked, in this order: whether the process is draining; the ticket; places left for its ticket and its network;
the room; what the kind of socket asks for (a language, a format); connections left. Nothing is said about a room to
anybody who has no ticket for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from http_serving.callers import caller_network
from http_serving.connection_limit import prove
from http_serving.errors import Overloaded
from http_serving.rate_limiter import CountRequest
from http_serving.refusals import refuse_upgrade, refused
from listeners.feed import Feed
from listeners.rooms import FindRoom, ListenedRoom, MatchLanguage, RoomState
from listeners.sockets.closing import CloseCode, SocketRefused
from listeners.sockets.connection import HEARTBEAT_MS, ListenerSocket, Tag
from listeners.tickets import Ticket, TicketRefused, Tickets, TicketUse

PER_TICKET = 4
"""Sockets and streams at a time with one ticket: captions, audio and signals, and one that is being replaced."""
PER_NETWORK = 2_000
"""Sockets and streams at a time from one network: a lecture hall of 500 phones, behind one address, has 1,500."""
DRAIN_WITHIN_S = 3.0
"""Seconds in which peers have to be gone once they are asked to connect again; and within which they come back."""

_LATER_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listener with a valid ticket asks for."""

    ticket: Ticket
    room: ListenedRoom
    query: Mapping[str, str]
    match: MatchLanguage

    def language(self, *others: str) -> str | None:
        """Return the language asked for, as the room has it, or the ticket's own; None if neither is given.

        Args:
            others: what may be asked for in place of a language, such as `floor`.

        Raises:
            SocketRefused: the ticket is for another language, or the room has none like it.
        """
        wanted = self.query.get("language")
        if not wanted:
            return self.ticket.language
        found = wanted if wanted in others else self.match(wanted, self.room.languages)
        if self.ticket.language not in (None, found):
            raise SocketRefused("language", "the ticket is for another language")
        if found is None:
            raise SocketRefused("language_unknown", f"the room has {', '.join(self.room.languages)}")
        return found


class Drained(Protocol):
    """Whatever serves a listener, as far as a drain is concerned."""

    def drain(self, reconnect_after_ms: int) -> None:
        """Ask the peer to connect again, and end."""
        ...

    def tell_room_state(self, state: RoomState) -> None:
        """Tell the peer that the state of the room has changed; a room that has ended ends it."""
        ...


ServeSocket = Callable[[ListenerSocket], Awaitable[None]]
"""Serves an admitted socket; the first it does is `hello`."""
OpenSocket = Callable[[Asked], ServeSocket]
"""Reads what is asked for, before the upgrade, and returns what serves it. `SocketRefused` if it cannot be served."""


class Door:
    """Admits listeners, and knows their open sockets."""

    def __init__(
        self,
        tickets: Tickets,
        find_room: FindRoom,
        match: MatchLanguage,
        feed: Feed,
        *,
        count_refusal: CountRequest = lambda network: 0.0,
        per_ticket: int = PER_TICKET,
        per_network: int = PER_NETWORK,
        heartbeat_ms: int = HEARTBEAT_MS,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`count_refusal` counts refusals of a network, and says how long it has to wait if there were too many."""
        self._tickets = tickets
        self._find_room = find_room
        self._match = match
        self._feed = feed
        self._count_refusal = count_refusal
        self._per_ticket = per_ticket
        self._per_network = per_network
        self._heartbeat_ms = heartbeat_ms
        self._wall_clock = wall_clock
        self._by_ticket: Counter[str] = Counter()
        self._by_network: Counter[str] = Counter()
        self._open: dict[Drained, None] = {}
        """Oldest first."""
        self._draining = False
        self._empty = asyncio.Event()

    def close(self) -> None:
        """Admit nobody any more; those who are in stay."""
        self._draining = True

    async def drain(self) -> None:
        """Ask all peers to connect again, each a little later than the one before, and wait until they are gone."""
        self.close()
        sockets = list(self._open)
        for place, socket in enumerate(sockets):
            socket.drain(round(DRAIN_WITHIN_S * 1000 * place / len(sockets)))
            if place % 50 == 49:
                await asyncio.sleep(0)  # calls are being left meanwhile
        if self._open:
            try:
                await asyncio.wait_for(self._empty.wait(), DRAIN_WITHIN_S)
            except TimeoutError:
                pass  # the server closes the rest

    @contextmanager
    def place(self, scope: Scope, ticket: str) -> Iterator[None]:
        """Hold one of the places of this ticket and of the caller's network. `SocketRefused` if there is none left."""
        network = caller_network(scope)
        if self._by_ticket[ticket] >= self._per_ticket or self._by_network[network] >= self._per_network:
            raise SocketRefused("too_many_sockets", "too many sockets are open", retry_after_ms=_LATER_MS)
        self._by_ticket[ticket] += 1
        self._by_network[network] += 1
        try:
            yield
        finally:
            for counts, key in ((self._by_ticket, ticket), (self._by_network, network)):
                counts[key] -= 1
                if not counts[key]:
                    del counts[key]

    def check_ticket(self, scope: Scope, text: str | None, purposes: Collection[TicketUse], room_id: str) -> Ticket:
        """Return a valid ticket. `SocketRefused` if it is none, or the process is draining."""
        if self._draining:
            raise SocketRefused("draining", "this process ends: connect again", retry_after_ms=1000)
        try:
            return self._tickets.check(text, purposes=purposes, room_id=room_id)
        except TicketRefused as error:
            if wait_s := self._count_refusal(caller_network(scope)):
                wait_ms = max(1, round(wait_s * 1000))
                raise SocketRefused("rate_limited", "too many requests", retry_after_ms=wait_ms) from error
            raise SocketRefused(error.reason, str(error)) from error

    async def asked(self, ticket: Ticket, query: Mapping[str, str]) -> Asked:
        """Return what is asked for. `SocketRefused` if the room is unknown or over, or the person not in it."""
        room = await self._find_room(ticket.room_id)
        if room is None or room.state == "ended":
            raise SocketRefused("room_unknown", "there is no such room, or it has ended")
        if ticket.participant_id is not None and ticket.participant_id not in room.people:
            raise SocketRefused("participant", "the ticket is for somebody who is not on the roster any more")
        return Asked(ticket, room, query, self._match)

    async def admit(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        purposes: Collection[TicketUse],
        open_socket: OpenSocket,
        tag: Tag,
    ) -> None:
        """Admit and serve the socket of an upgrade request, or refuse it; returns when it has ended."""
        query = query_of(scope)
        try:
            text = query.get("ticket", "")
            ticket = self.check_ticket(scope, text, purposes, scope["path_params"]["room_id"])
            with self.place(scope, text):
                asked = await self.asked(ticket, query)
                serve = open_socket(asked)
                prove_listener(scope)
                await self._serve(scope, receive, send, asked, serve, tag)
        except SocketRefused as refusal:
            refused(scope, refusal.code)
            if query.get("close") == str(int(CloseCode.REFUSED)):
                await receive()  # websocket.connect
                await send({"type": "websocket.accept"})
                await send({"type": "websocket.close", "code": int(CloseCode.REFUSED), "reason": refusal.code})
                return
            wait_s = None if refusal.retry_after_ms is None else refusal.retry_after_ms / 1000
            await refuse_upgrade(scope, send, refusal.status, refusal.code, refusal.message, retry_after_s=wait_s)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, asked: Asked, serve: ServeSocket, tag: Tag
    ) -> None:
        socket = ListenerSocket(
            scope,
            receive,
            send,
            ticket=asked.ticket,
            room=asked.room,
            tag=tag,
            heartbeat_ms=self._heartbeat_ms,
            wall_clock=self._wall_clock,
        )
        with self.inside(asked.room.room_id, socket):
            await socket.serve(serve)

    @contextmanager
    def inside(self, room_id: str, listener: Drained) -> Iterator[None]:
        """Count a listener among those who are told of the room and of a drain."""
        leave = self._feed.watch_room(room_id, listener.tell_room_state)
        self._open[listener] = None
        self._empty.clear()
        try:
            yield
        finally:
            leave()
            del self._open[listener]
            if not self._open:
                self._empty.set()


def prove_listener(scope: Scope) -> None:
    """Note the proof of a listener for the limit of connections. `SocketRefused` if there are too many."""
    try:
        prove(scope, "caller")
    except Overloaded as error:
        raise SocketRefused("overloaded", error.message, retry_after_ms=error.retry_after_ms) from error


def query_of(scope: Scope) -> dict[str, str]:
    """Return the parameters of a request, of one that is given twice the last; none if there are far too many."""
    raw: bytes = scope.get("query_string", b"")
    try:
        return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        return {}
