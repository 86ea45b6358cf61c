"""Adds to uvicorn's WebSocket protocol a fast path for whole messages, shared frames, and a limit of small frames.

The library handles everything else. The fast path saves 5 % of the service's CPU time (20 calls, both variants side by
side on one core; uvicorn 0.54, websockets 17): uvicorn pauses and resumes reading around every message, which takes two
system calls, and parses in nested generators.

Private parts that are relied on, which is why `pyproject.toml` bounds both versions:

* uvicorn `WebSocketsSansIOProtocol`: `conn`, `config`, `loop`, `scope`, `queue`, `transport`, `writable`,
  `read_paused`, `handshake_initiated`, `handshake_complete`, `close_sent`, `close_timer`, `close_timeout`,
  `disconnected`, `handle_connect`, `send`
* websockets `Protocol` (as `conn`): `state`, `fail`, `data_to_send`, `current_size`, `extensions`; and
  `speedups.apply_mask`
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

from http_serving.fair_reading import FULL_READ, read_on_later
from http_serving.refusals import refused

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiled extension on this platform
    from websockets.utils import apply_mask

WAITING_MESSAGES = 64
"""Messages read but not yet taken by the application, 0.6 s of two speakers. At the limit, reading pauses until all are
taken."""
POLICY_VIOLATION = 1008
SMALL = 256
"""Bytes of a frame. Each costs as much time as a large one, and a frame of audio has 1.4 kB. Pings and the like are
always small."""
SMALL_PER_S = 500
"""Small frames per second and connection; more close it. These take 5 ms of the event loop, 50,000 took 0.6 s."""

STALLED_S = 30.0
"""Seconds in which a peer may take nothing of what waits for it. Closing alone would wait for it for ever."""

EXTENSION: Final = "websocket.shared_frames"
"""Extension of the scope under which a connection is found as `SharedFrames`."""
TEXT: Final = 0x81
"""First byte of a whole text message (RFC 6455, 5.2)."""
BINARY: Final = 0x82
KEPT_BYTES: Final = 16 * 1024
"""Send buffer of a connection that wants to be told soon if its peer is slow. By itself Linux lets it grow to
megabytes, which are minutes of Opus."""
_DATA: Final = frozenset({0x00, 0x01, 0x02, 0x80, 0x81, 0x82})
_CONTROL: Final = frozenset({0x88, 0x89, 0x8A})
"""First bytes of all valid frames; close, ping and pong are never fragmented."""
_MASKED: Final = 0x80


class SharedFrames(Protocol):
    """Writes messages that go to many connections alike, each made once, without a task for each connection."""

    def write_frame(self, frame: bytes) -> bool:
        """Write a frame at once; False, and nothing is written, if the peer is slow or the connection is closing."""
        ...

    def keep_little(self) -> None:
        """Hold back little for a slow peer, so that `write_frame` and `send` soon refuse and wait."""
        ...


def whole_frame(kind: int, payload: bytes) -> bytes:
    """Return a message of a server as one frame, unmasked (RFC 6455, 5.2); `kind` is `TEXT` or `BINARY`."""
    size = len(payload)
    if size < 126:
        return bytes((kind, size)) + payload
    if size < 65_536:
        return bytes((kind, 126, size >> 8, size & 0xFF)) + payload
    return bytes((kind, 127)) + size.to_bytes(8, "big") + payload


class QuickWebSocketProtocol(WebSocketsSansIOProtocol):
    """Behaves like its base class for applications and peers, except for how many messages are read ahead.

    The library is passed whole frames only. It is always between two frames, so that text messages can bypass it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rest = b""
        """The beginning of an incomplete frame, or what came before the handshake was answered."""
        self._small = 0
        """Small frames since `_second`."""
        self._second = 0.0
        """Loop time."""
        self._plain = False
        """True once something unusual was received: the library then handles the connection to its end."""
        self.on_close: Callable[[], None] | None = None
        """Called when the connection has ended."""
        self._stalled: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._takes_again()

    def _takes_again(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._takes_again()
        if self.on_close is not None:
            self.on_close()
        super().connection_lost(exc)

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:  # otherwise the request was refused, and there is no scope
            extensions: Any = self.scope["extensions"]  # uvicorn types it for its own only
            extensions[EXTENSION] = self

    def data_received(self, data: bytes) -> None:
        if len(data) >= FULL_READ:
            read_on_later(self.loop, self.transport, lambda: self.read_paused or not self.handshake_complete)
        if self._plain or not self.handshake_initiated:
            super().data_received(data)
            return
        if not self.handshake_complete:
            self._rest += data
            self.transport.pause_reading()
            return
        if self._rest:
            data = self._rest + data
        start, end = 0, len(data)
        while end - start >= 2:
            body, stop = self._frame(data, start)
            if body < 0 or self.conn.state is not OPEN:
                self._plain, self._rest = True, b""
                super().data_received(data[start:])
                return
            if stop > end:
                break
            if stop - start < SMALL and not self._allow_small():
                return
            if not (data[start] == TEXT and self.conn.current_size is None and self._text(data, body, stop)):
                super().data_received(data[start:stop])
            start = stop
        self._rest = data[start:]

    def _allow_small(self) -> bool:
        """Count a small frame; close the connection and return False if there were too many."""
        now = self.loop.time()
        if now - self._second >= 1.0:
            self._second, self._small = now, 0
        self._small += 1
        if self._small <= SMALL_PER_S:
            return True
        refused(self.scope, "rate_limited")
        self._plain, self._rest = True, b""
        self.conn.fail(POLICY_VIOLATION, "too many small frames")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": POLICY_VIOLATION})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        # The library discards what still comes. Closing on unread bytes would reset the connection and lose the reason.
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        return False

    def _frame(self, data: bytes, start: int) -> tuple[int, int]:
        """Return where the payload of the frame begins and ends; (-1, 0) for an invalid frame."""
        kind, length = data[start], data[start + 1] - _MASKED
        if length < 0 or kind not in _DATA and (kind not in _CONTROL or length >= 126):
            return -1, 0
        body = start + 6
        if length >= 126:
            size = 2 if length == 126 else 8
            body += size
            if len(data) < body:
                return body, body  # the rest of the header is still to come
            length = int.from_bytes(data[start + 2 : start + 2 + size], "big")
        if self.config.ws_max_size and length > self.config.ws_max_size:
            return -1, 0
        return body, body + length

    def _text(self, data: bytes, body: int, stop: int) -> bool:
        """Pass a text message to the application; False if it is not UTF-8."""
        if self.close_sent:
            return True
        try:
            text = apply_mask(data[body:stop], data[body - 4 : body]).decode()
        except UnicodeDecodeError:
            return False
        self.queue.put_nowait({"type": "websocket.receive", "text": text})
        if self.queue.qsize() >= WAITING_MESSAGES and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
        return True

    def _writes_at_once(self) -> bool:
        return (
            self.writable.is_set()
            and self.handshake_complete
            and not self.close_sent
            and not self.disconnected
            and self.conn.state is OPEN
            and not self.conn.extensions
        )

    def write_frame(self, frame: bytes) -> bool:
        """See `SharedFrames`."""
        if not self._writes_at_once():
            return False
        self.transport.write(frame)
        return True

    def keep_little(self) -> None:
        """See `SharedFrames`."""
        self.transport.set_write_buffer_limits(high=0)
        found = self.transport.get_extra_info("socket")
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KEPT_BYTES)

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.send" and self._writes_at_once():
            text = message.get("text")
            self.transport.write(
                whole_frame(BINARY, message["bytes"]) if text is None else whole_frame(TEXT, text.encode())
            )
            return
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            # A rejected upgrade is a completed handshake too: otherwise each would log an error.
            self.handshake_complete = True
        elif message["type"] == "websocket.accept" and self._rest:
            early, self._rest = self._rest, b""
            self.transport.resume_reading()
            self.data_received(early)
