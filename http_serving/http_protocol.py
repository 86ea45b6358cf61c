"""Adds limits to uvicorn's HTTP protocol: time, size and number of headers, and open connections.

uvicorn 0.54 with h11 without them, measured on 2 cores: a connection that sends nothing, or a byte of a header per
second, stays open for ever; headers of any size are accepted if they arrive in one piece; 4,000 small ones block the
loop for 28 ms, during which the audio of every call waits (1,000: 2 ms), and 10,000 trailers of a chunked body for 200
ms; upgrades with more headers than the WebSocket library reads are never answered and never closed.

Private parts that are relied on, which is why `pyproject.toml` bounds both versions:

* uvicorn `H11Protocol`: `conn`, `cycle` (`scope`, `response_started`, `response_complete`, `disconnected`,
  `message_event`), `loop`, `transport`, `handle_events`, `handle_websocket_upgrade`, `on_response_complete`,
  `send_400_response`, `pause_writing`, `resume_writing`; `FlowControl.read_paused`
* uvicorn `WebSocketsSansIOProtocol`: `handshake_initiated`, `scope`
* h11 `Connection`: `next_event`, `their_state`, `trailing_data`, `RemoteProtocolError.error_status_hint`
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, Final, NoReturn

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from http_serving.callers import network_of
from http_serving.connection_limit import ConnectionLimit, Place
from http_serving.fair_reading import FULL_READ, read_on_later
from http_serving.refusals import Refusals
from http_serving.websocket_protocol import QuickWebSocketProtocol

HEADER_TIMEOUT_S = 10.0
"""Seconds from the start of a connection or request to the end of its headers; ACS and Event Grid send them in one
packet. Also the limit for the rest of a body after the response."""
WRITE_TIMEOUT_S = 30.0
"""Seconds a peer may take to read a response; responses are small."""
LARGEST_HEADER = 32 * 1024
"""Bytes of the request line and all headers; the largest accepted token has 16 KiB."""
MOST_HEADERS = 100
"""Header lines. ACS and Event Grid send some 20; an ingress adds as many. The WebSocket library reads 128."""
LONGEST_URL = 8 * 1024
"""Bytes. URLs of this service have 200; RFC 9110, section 4.1, recommends to accept at least 8,000."""
TINY_CHUNKS = 512
"""Chunks of a body that may be smaller than `CHUNK` on average: each costs as much time as a large one."""
CHUNK = 256
"""Bytes."""
LARGEST_TRAILER = 2048
"""Bytes of an unfinished chunk header or trailer. h11 reads header lines in a time that grows with their square."""
AT_ONCE = 4096
"""Bytes passed to h11 at a time; this bounds the unfinished headers or trailers it can hold."""

_REFUSALS: Final = {
    400: ("malformed_request", "The request is not valid HTTP."),
    408: ("request_timeout", f"The headers did not arrive within {HEADER_TIMEOUT_S:g} s."),
    414: ("url_too_long", f"The URL may have {LONGEST_URL} bytes."),
    431: ("headers_too_large", f"There may be {MOST_HEADERS} headers, of {LARGEST_HEADER} bytes altogether."),
    503: ("overloaded", "Too many connections are open."),
}
_SAFE: Final = (
    "Content-Type: application/json",
    "Connection: close",
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
)


class _BoundedConnection(h11.Connection):
    """Rejects excessive headers before it parses them, since parsing is the expensive part."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, LARGEST_HEADER)
        self.refusal = 400
        """HTTP status for the error raised last."""
        self._pieces = 0
        self._bytes = 0

    def next_event(self) -> Any:
        if self.their_state is h11.IDLE:
            self._pieces = self._bytes = 0
            self._check_headers()
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            self.refusal = error.error_status_hint
            raise
        if (
            event is h11.NEED_DATA
            and self.their_state is h11.SEND_BODY
            and len(self.trailing_data[0]) > LARGEST_TRAILER
        ):
            self._fail(431, "trailer too large")
        if isinstance(event, h11.Request) and _unclear_length(event):
            self._fail(400, "unclear length")
        if isinstance(event, h11.Data):
            self._pieces += 1
            self._bytes += len(event.data)
            if self._pieces > TINY_CHUNKS + self._bytes // CHUNK:
                self._fail(400, "too many tiny chunks")
        return event

    def _check_headers(self) -> None:
        data, _ = self.trailing_data
        end, other = data.find(b"\r\n\r\n"), data.find(b"\n\n")  # h11 takes bare line feeds as well
        ends = [place for place in (end, other) if place >= 0]
        size = min(ends) if ends else len(data)
        line = data.find(b"\n", 0, size)
        if (size if line < 0 else line) > LONGEST_URL + len("OPTIONS  HTTP/1.1"):
            self._fail(414, "URL too long")
        if size > LARGEST_HEADER or data.count(b"\n", 0, size) > MOST_HEADERS:
            self._fail(431, "headers too large")

    def _fail(self, status: int, reason: str) -> NoReturn:
        self.refusal = status
        raise h11.RemoteProtocolError(reason, error_status_hint=status)


def _unclear_length(request: h11.Request) -> bool:
    """Say whether another server could take the end of the body to be elsewhere, and what follows for a request."""
    lengths = sum(name in (b"content-length", b"transfer-encoding") for name, _ in request.headers)
    return lengths > 1 or (request.http_version < b"1.1" and any(n == b"transfer-encoding" for n, _ in request.headers))


class BoundedHttpProtocol(H11Protocol):
    """A connection with a deadline between requests; while a request is carried out, the application is responsible.

    Connections are counted when they are opened (`limit`); uvicorn counts them when a request that is no upgrade has
    arrived.
    """

    conn: _BoundedConnection

    def __init__(self, *args: Any, limit: ConnectionLimit, refusals: Refusals, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = _BoundedConnection()
        self._refusals = refusals
        self._limit = limit
        self._place: Place | None = None
        """None: there was none, and the connection is closing."""
        self._waits = False
        """Whether no request is being carried out."""
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._place = self._limit.open(self._give_way)
        if self._place is None:
            self._refuse(503)
            return
        self._waits = True
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._waits = False
        if self._place is not None:
            self._place.close()
        self._expect_nothing()
        self._stop_write_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if len(data) >= FULL_READ and not self.transport.is_closing():
            read_on_later(self.loop, self.transport, lambda: self.flow.read_paused or self._upgraded)
        for start in range(0, len(data), AT_ONCE):
            if self.transport.is_closing() or self._upgraded:
                return
            super().data_received(data[start : start + AT_ONCE])
        if self._waits and not self.transport.is_closing():
            self._expect_request()

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._waits = False
            self._expect_nothing()
            self._refusals.begin(self.cycle.scope)
            if self._place is not None:
                self._place.begin(self.cycle.scope)

    def on_response_complete(self) -> None:
        self._waits = True
        if self._place is not None:
            self._place.served()
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._upgraded = True
        self._waits = False
        self._expect_nothing()
        self._stop_write_deadline()
        super().handle_websocket_upgrade(event)
        after = self.transport.get_protocol()
        if not isinstance(after, QuickWebSocketProtocol) or self._place is None:
            return
        self._place.give_way = self.transport.abort
        after.on_close = self._place.close
        if (scope := getattr(after, "scope", None)) is not None:  # the library has not refused the upgrade
            self._refusals.begin(scope)
            self._place.begin(scope)
        if not after.handshake_initiated:
            # The library could not parse the upgrade (a line over 8 KiB, a method other than GET) and would not
            # respond.
            self._write_refusal(400)

    def send_400_response(self, msg: str) -> None:
        self._refuse(self.conn.refusal if self.conn.refusal in _REFUSALS else 400)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_deadline is None:
            self._write_deadline = self.loop.call_later(WRITE_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_write_deadline()

    # --- deadlines

    def _expect_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_TIMEOUT_S, self._refuse, 408)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_write_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    # --- refusals

    def _give_way(self) -> None:
        """Close at once in favour of another connection; say so to a caller that is waiting for a response."""
        # Without a request it is waiting for one, or closing, as it was refused.
        if self._waits or self.cycle is None or self.cycle.response_started:
            self._waits = False
            self._expect_nothing()
            self.transport.abort()
        else:
            self._refuse(503)

    def _refuse(self, status: int) -> None:
        """Send an error response unless a response has begun, and close."""
        self._waits = False
        self._expect_nothing()
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self._write_refusal(status)
        else:
            self.transport.close()
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _write_refusal(self, status: int) -> None:
        code, message = _REFUSALS[status]
        self._refusals.count(network_of(self.client[0]) if self.client else "", "connection", code)
        error: dict[str, object] = {"code": code, "message": message}
        headers = list(_SAFE)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            error["retry_after_ms"] = 1000
            headers.append("Retry-After: 1")
        body = json.dumps({"error": error})
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *headers, f"Content-Length: {len(body)}", "", body]
        self.transport.write("\r\n".join(lines).encode())
        self.transport.close()
