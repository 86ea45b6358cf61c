"""Captions, over WS /ws/captions/{room_id} and as server-sent events, and the text that participants type."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from operator import attrgetter
from typing import Any, Final

from http_serving.errors import ServiceError
from listeners.feed import Feed
from listeners.messages import Line
from listeners.readers import CaptionReader
from listeners.rooms import RoomState
from listeners.sockets.closing import SocketRefused
from listeners.sockets.connection import HEARTBEAT_MS, OUTBOX_LIMIT, ListenerSocket, Message, encode
from listeners.sockets.door import Asked, ServeSocket
from listeners.tickets import TicketUse

PURPOSES: Final[frozenset[TicketUse]] = frozenset({"captions", "speak"})
LONGEST_CLIENT_ID = 64
"""Characters of the id that a client gives a message of its own."""
KNOWN_MESSAGES = 1_000
"""Messages that are known by what their clients call them, of all rooms."""
RETRY_MS = 2_000
"""Milliseconds after which a browser connects again to a stream of server-sent events."""

TakeMessage = Callable[[str, str, str, str | None], Awaitable[str]]
"""Takes what a participant typed: room id, participant id, text, language. Returns the utterance id; `ServiceError`."""

_encoded: Callable[[Line], str] = attrgetter("encoded")


def position_of(text: str | None) -> int:
    """Return the position that a client has been given before; 0 for none.

    Raises:
        SocketRefused: it is none of ours.
    """
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise SocketRefused("after", "after is no position that was given with a caption")
    return int(text)


class CaptionSockets:
    """Serves the captions of all rooms."""

    def __init__(self, feed: Feed, take_message: TakeMessage | None = None) -> None:
        """`take_message`: None if text cannot be typed."""
        self._feed = feed
        self._take_message = take_message
        self._known: OrderedDict[tuple[str | None, ...], asyncio.Future[str]] = OrderedDict()
        """Utterance ids of messages that have a `client_id`, by whatever makes two of them the same."""

    def open(self, asked: Asked) -> ServeSocket:
        """Return what serves a socket with these parameters. `SocketRefused` if they are not valid."""
        language, after = asked.language(), position_of(asked.query.get("after"))

        async def serve(socket: ListenerSocket) -> None:
            resumed = self._feed.keeps_all_since(asked.room.room_id, after) if after else None
            with closing(self._feed.read_captions(asked.room.room_id, language, after)) as reader:
                await socket.hello(language=language, resumed=resumed)
                reader.direct = socket.write_directly()
                socket.follow(reader, _encoded)
                async for message in socket:
                    await self._take(socket, message)

        return serve

    def stream(self, asked: Asked, last_event_id: str | None, heartbeat_ms: int = HEARTBEAT_MS) -> CaptionStream:
        """Return a stream of the same captions. `SocketRefused` if the parameters are not valid."""
        language, after = asked.language(), position_of(last_event_id or asked.query.get("after"))
        resumed = self._feed.keeps_all_since(asked.room.room_id, after) if after else None
        hello = {
            "event": "hello",
            "room_id": asked.room.room_id,
            "room_state": asked.room.state,
            "languages": asked.room.languages,
            "heartbeat_ms": heartbeat_ms,
            "language": language,
            "resumed": resumed,
        }
        return CaptionStream(self._feed.read_captions(asked.room.room_id, language, after), hello, heartbeat_ms / 1000)

    async def _take(self, socket: ListenerSocket, message: Message | bytes) -> None:
        if isinstance(message, bytes) or message["event"] != "message":
            socket.unknown(message)
            return
        text, language, client_id = (message.get(name) for name in ("text", "language", "client_id"))
        if client_id is not None and not (isinstance(client_id, str) and len(client_id) <= LONGEST_CLIENT_ID):
            socket.error("malformed", f"client_id is text of at most {LONGEST_CLIENT_ID} characters")
            return
        named = {} if client_id is None else {"client_id": client_id}
        ticket = socket.ticket
        if not isinstance(text, str) or not (language is None or isinstance(language, str)):
            socket.error("malformed", "text is required, and language is a tag", **named)
        elif ticket.purpose != "speak" or ticket.participant_id is None:
            socket.error("not_allowed", "only a ticket to speak allows messages", **named)
        elif self._take_message is None:
            socket.error("not_available", "typed messages are not available", **named)
        else:
            try:
                take = partial(self._take_message, ticket.room_id, ticket.participant_id, text, language)
                key = ticket.room_id, ticket.participant_id, client_id, text, language
                utterance_id = await (take() if client_id is None else self._once(key, take))
            except ServiceError as error:
                socket.error(error.code, error.message, **named)
            else:
                socket.post(socket.message("message_accepted", utterance_id=utterance_id, **named))

    async def _once(self, key: tuple[str | None, ...], take: Callable[[], Awaitable[str]]) -> str:
        """Take a message that has not been taken yet, over whichever socket; what was refused may come again."""
        while (known := self._known.get(key)) is not None:
            await asyncio.wait((known,))
            if not known.cancelled():
                return known.result()
        taken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._known[key] = taken
        if len(self._known) > KNOWN_MESSAGES:
            self._known.popitem(last=False)
        try:
            taken.set_result(await take())
        finally:
            if not taken.done():
                self._known.pop(key, None)
                taken.cancel()
        return taken.result()


class CaptionStream:
    """Server-sent events: iterate it for the bytes to send. It ends with the reader, the room, or a drain."""

    def __init__(self, reader: CaptionReader, hello: dict[str, Any], heartbeat_s: float) -> None:
        self._reader = reader
        self._notices = deque([f"retry: {RETRY_MS}\n\n", _event(encode(hello).decode())], OUTBOX_LIMIT)
        self._heartbeat_s = heartbeat_s
        self._waiting: asyncio.Timeout | None = None

    def drain(self, reconnect_after_ms: int) -> None:
        """Ask the peer to connect again, and end."""
        self._note({"event": "draining", "reconnect_after_ms": reconnect_after_ms})
        self._notices.append(f"retry: {max(1, reconnect_after_ms)}\n\n")
        self._reader.close("draining")

    def tell_room_state(self, state: RoomState) -> None:
        """Tell the peer that the state of the room has changed."""
        self._note({"event": "room", "state": state})
        if state == "ended":
            self._reader.close("room_ended")

    def _note(self, message: dict[str, object]) -> None:
        self._notices.append(_event(encode(message).decode()))
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(0.0)

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()

    def __aiter__(self) -> CaptionStream:
        return self

    async def __anext__(self) -> bytes:
        while True:
            if self._notices:
                return self._notices.popleft().encode()
            try:
                async with asyncio.timeout(self._heartbeat_s) as self._waiting:
                    line = await anext(self._reader)
                return f"id: {line.position}\n{_event(line.encoded)}".encode()
            except TimeoutError:
                if not self._notices:
                    return b": heartbeat\n\n"
            except StopAsyncIteration:
                if not self._notices:
                    raise
            finally:
                self._waiting = None


def _event(json: str) -> str:
    return f"data: {json}\n\n"
