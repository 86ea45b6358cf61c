"""How listeners' sockets are refused and closed: codes, and the error that refuses a request."""

from __future__ import annotations

from enum import IntEnum

from http_serving.errors import ServiceError


class CloseCode(IntEnum):
    """Codes with which the service closes listeners' sockets. 4000 and up are ours, the others are of RFC 6455."""

    DONE = 1000
    """The peer has left, or what the socket was for is done."""
    NOT_ALLOWED = 1008
    """The peer does what it may not: too many errors, too fast, audio on a socket that only listens."""
    TOO_LARGE = 1009
    """A text message larger than `LARGEST_TEXT`."""
    FAILED = 1011
    """The service failed."""
    DRAINING = 1012
    """The process ends: connect again."""
    REFUSED = 4001
    """Refused, as the peer asked for with `close=4001`; the reason is the code of the error."""
    ROOM_ENDED = 4002
    """The room is deleted or has expired: do not connect again."""
    TOO_SLOW = 4003
    """The peer did not take what was sent: it may connect again, for captions with `after`."""
    REPLACED = 4004
    """Another socket has taken its place."""


STATUS = {
    "missing": 401,
    "malformed": 401,
    "signature": 401,
    "expired": 401,
    "purpose": 403,
    "room": 403,
    "language": 403,
    "participant": 403,
    "room_unknown": 404,
    "language_unknown": 400,
    "after": 400,
    "format_unknown": 400,
    "rate_unknown": 400,
    "too_many_sockets": 429,
    "rate_limited": 429,
    "overloaded": 503,
    "draining": 503,
}
"""HTTP status by code of the error; what a kind of socket finds wrong with its own parameters is 400."""


class SocketRefused(ServiceError):
    """A socket, or a stream of captions, that may not be opened; `code` is one of a closed set."""

    def __init__(self, code: str, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(message, retry_after_ms=retry_after_ms)
        self.code = code
        self.status = STATUS.get(code, 400)
