"""A listener's socket once it is admitted: what all sockets have in common, whatever they carry.

    peer ──text──► heartbeat answered here; every other message is iterated ──► the kind of socket
    peer ──binary─► iterated
    peer ◄─────── outbox: hello, heartbeats, answers, states; never waits ◄── `post`, from anywhere
    peer ◄─────── `send`: waits for a slow peer                          ◄── a task beside, from a reader of the feed

A socket that says nothing and reads nothing costs two tasks and a timer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Literal

import msgspec
from starlette.types import Receive, Scope, Send

from http_serving.refusals import refused
from http_serving.websocket_protocol import EXTENSION, SharedFrames
from listeners.readers import Item, Reader
from listeners.rooms import ListenedRoom, RoomState
from listeners.sockets.closing import CloseCode
from listeners.tickets import Ticket

logger = logging.getLogger(__name__)

HEARTBEAT_MS = 10_000
"""Interval of heartbeats: phones keep their radio awake for some 10 s after each packet anyway while they listen."""
LARGEST_TEXT = 16 * 1024
"""Bytes of a text message from a peer; a session description of WebRTC has 2 to 8 kB."""
OUTBOX_LIMIT = 100
"""Messages that may wait for a peer, what a reader of the feed holds not among them; more close the socket."""
ERRORS_LIMIT = 10
"""Errors of a peer within `ERRORS_WITHIN_S` that close its socket."""
ERRORS_WITHIN_S = 60.0
LAST_WORDS_S = 2.0
"""Seconds in which a peer has to take its last messages and the close frame."""

Tag = Literal["event", "type"]
"""Name of the field that says what kind of message it is."""
Message = Mapping[str, Any]
encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


class PeerGone(Exception):
    """The peer has closed the socket, or cannot be reached."""


class ListenerSocket:
    """An accepted socket. Iterate it for what the peer sends; it ends when the peer has gone."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        ticket: Ticket,
        room: ListenedRoom,
        tag: Tag = "event",
        heartbeat_ms: int = HEARTBEAT_MS,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.ticket = ticket
        self.room = room
        self.room_state: RoomState = room.state
        self.tag = tag
        self.round_trip_ms: int | None = None
        """From a heartbeat to its answer, the last time; None as long as the peer answers none."""
        self.closed: tuple[CloseCode, str] | None = None
        """Code and reason with which it is, or will be, closed; None while it is open."""
        self.scope = scope
        self._receive = receive
        self._send = send
        self._heartbeat_ms = heartbeat_ms
        self._wall_clock = wall_clock
        self._loop = asyncio.get_running_loop()
        self._outbox: deque[str] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._beside: list[asyncio.Task[None]] = []
        self._group: asyncio.TaskGroup | None = None
        self._greeted = False
        self._until: asyncio.Timeout | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._beat_sent: tuple[int, float] | None = None
        """The last heartbeat: what it said, and when that was in loop time."""
        self._errors: deque[float] = deque(maxlen=ERRORS_LIMIT)

    # --- sending ---------------------------------------------------------------------------------------

    def message(self, kind: str, **fields: object) -> str:
        """Return a message as it is sent: `fields`, and its kind under this socket's tag."""
        return encode({self.tag: kind, **fields}).decode()

    def post(self, text: str) -> None:
        """Send a message, after what was posted before. Never waits; a peer that takes nothing is closed."""
        if self.closed is not None:
            return
        if len(self._outbox) >= OUTBOX_LIMIT:
            self.close(CloseCode.TOO_SLOW, "too_slow")
            return
        self._outbox.append(text)
        self._write_later()

    async def send(self, data: str | bytes) -> None:
        """Send a message or a frame, and wait until there is room for it. `PeerGone` if the peer has gone."""
        kind = "text" if isinstance(data, str) else "bytes"
        try:
            await self._send({"type": "websocket.send", kind: data})
        except (OSError, RuntimeError) as error:
            # OSError: required by ASGI 2.4 when the peer has disconnected. RuntimeError: raised by uvicorn between its
            # own closing (unanswered pings, a message too large) and the end of the connection.
            raise PeerGone from error

    def write_directly(self) -> Callable[[bytes], bool] | None:
        """Return what writes a whole frame at once, or returns False if the peer is slow or the socket closes.

        A slow peer is noticed soon from then on. None if the server does not offer it.
        """
        frames: SharedFrames | None = self.scope.get("extensions", {}).get(EXTENSION)
        if frames is None:
            return None
        frames.keep_little()

        def write(frame: bytes) -> bool:
            return self.closed is None and frames.write_frame(frame)

        return write

    async def hello(self, **fields: object) -> None:
        """Send the first message; heartbeats and what was posted follow it."""
        room = self.room
        await self.send(
            self.message(
                "hello",
                room_id=room.room_id,
                room_state=self.room_state,
                languages=room.languages,
                heartbeat_ms=self._heartbeat_ms,
                **fields,
            )
        )
        self._greeted = True
        self._write_later()

    def error(self, code: str, message: str, **fields: object) -> None:
        """Tell the peer what was wrong with something it sent; too often within a minute closes the socket."""
        refused(self.scope, code)
        self.post(self.message("error", error={"code": code, "message": message}, **fields))
        now = self._loop.time()
        self._errors.append(now)
        if len(self._errors) == ERRORS_LIMIT and now - self._errors[0] < ERRORS_WITHIN_S:
            self.close(CloseCode.NOT_ALLOWED, "too_many_errors")

    def tell_room_state(self, state: RoomState) -> None:
        """Tell the peer that the state of the room has changed; a room that has ended closes the socket."""
        self.room_state = state
        self.post(self.message("room", state=state))
        if state == "ended":
            self.close(CloseCode.ROOM_ENDED, "room_ended")

    def drain(self, reconnect_after_ms: int) -> None:
        """Ask the peer to connect again, to another process or the next, and close."""
        self.post(self.message("draining", reconnect_after_ms=reconnect_after_ms))
        self.close(CloseCode.DRAINING, "draining")

    def close(self, code: CloseCode, reason: str) -> None:
        """Close the socket after what was posted has been sent. Only the first close counts."""
        if self.closed is None:
            self.closed = code, reason
            if self._until is not None:
                self._until.reschedule(self._loop.time())

    def follow(self, reader: Reader[Item], encode: Callable[[Item], str | bytes]) -> None:
        """Send what a reader reads, for as long as the socket is served; a reader that was too slow closes it."""

        def ended() -> None:
            if reader.reason == "too_slow":
                self.close(CloseCode.TOO_SLOW, "too_slow")

        async def send_all() -> None:
            async for item in reader:
                await self.send(encode(item))

        reader.on_end = ended
        self.beside(send_all(), "listener reader")

    # --- serving ---------------------------------------------------------------------------------------

    def beside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a task for as long as the socket is served. An error in it closes the socket."""
        if self._group is None:
            work.close()
            raise RuntimeError("the socket is not being served")
        self._beside.append(self._group.create_task(work, name=name))

    async def serve(self, work: Callable[[ListenerSocket], Awaitable[None]]) -> None:
        """Accept the upgrade and serve the socket until the work is done, the peer has gone, or it is closed."""
        await self._receive()  # websocket.connect, always the first
        await self._send({"type": "websocket.accept"})
        try:
            async with asyncio.timeout(None) as self._until, asyncio.TaskGroup() as self._group:
                if self.closed is not None:
                    self._until.reschedule(self._loop.time())
                self._beat = self._loop.call_later(self._heartbeat_ms / 1000, self._send_heartbeat)
                try:
                    await work(self)
                finally:
                    self._group = None  # what is posted from now on is among the last words
                    for task in (*self._beside, self._writing):
                        if task is not None:
                            task.cancel()
        except* (PeerGone, TimeoutError):
            pass
        except* Exception as errors:  # the socket's error boundary: others are not affected
            logger.error("listener socket failed", exc_info=errors, extra={"room_id": self.room.room_id})
            self.closed = self.closed or (CloseCode.FAILED, "internal_error")
        finally:
            self._until = None
            if self._beat is not None:
                self._beat.cancel()
        await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        """Send what is still in the outbox, then the close frame; a peer that takes nothing goes without."""
        code, reason = self.closed = self.closed or (CloseCode.DONE, "")
        with suppress(PeerGone, TimeoutError, OSError, RuntimeError):
            async with asyncio.timeout(LAST_WORDS_S):
                while self._outbox:
                    await self.send(self._outbox.popleft())
                await self._send({"type": "websocket.close", "code": int(code), "reason": reason})

    def _write_later(self) -> None:
        if self._greeted and self._outbox and self._group is not None and self._writing is None:
            self._writing = self._group.create_task(self._write(), name="listener outbox")

    async def _write(self) -> None:
        while self._outbox:
            await self.send(self._outbox[0])
            self._outbox.popleft()
        self._writing = None

    def _send_heartbeat(self) -> None:
        self._beat = self._loop.call_later(self._heartbeat_ms / 1000, self._send_heartbeat)
        if not self._outbox:  # otherwise the peer has not taken the last one yet
            sent_ms = round(self._wall_clock() * 1000)
            self._beat_sent = sent_ms, self._loop.time()
            self.post(self.message("heartbeat", sent_ms=sent_ms, round_trip_ms=self.round_trip_ms))

    # --- receiving -------------------------------------------------------------------------------------

    def __aiter__(self) -> ListenerSocket:
        return self

    async def __anext__(self) -> Message | bytes:
        """Return what the peer sends next: a JSON object with its kind, or a binary frame. Heartbeats are answered."""
        while self.closed is None:
            received = await self._receive()
            if received["type"] != "websocket.receive":
                break
            text: str | None = received.get("text")
            if text is None:
                frame: bytes = received["bytes"]
                return frame
            if (message := self._read(text)) is not None:
                return message
        raise StopAsyncIteration

    def _read(self, text: str) -> Message | None:
        """Return a message of the peer; None if it was dealt with."""
        if len(text) > LARGEST_TEXT or len(text.encode()) > LARGEST_TEXT:
            self.close(CloseCode.TOO_LARGE, "too_large")
            return None
        try:
            message: Any = decode(text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or not isinstance(message.get(self.tag), str):
            self.error("malformed", f"a message is a JSON object with its kind in the field {self.tag}")
            return None
        found: Message = message
        if found[self.tag] != "heartbeat":
            return found
        if self._beat_sent is not None and found.get("sent_ms") == self._beat_sent[0]:
            self.round_trip_ms = round((self._loop.time() - self._beat_sent[1]) * 1000)
            self._beat_sent = None
        return None

    def unknown(self, message: Message | bytes) -> None:
        """Tell the peer that this socket takes no such message, or no frames."""
        kind = "binary frame" if isinstance(message, bytes) else f"message {message[self.tag][:40]!r}"
        self.error("unknown_message", f"this socket takes no {kind}")
