"""What ends a Realtime session, and the one place that decides whether another is worth trying.

Foreign exceptions (openai, websockets, sockets) are renamed here and go no further.

InterpreterError
└── SessionError        `retryable`: open another, after `retry_after_s` if given; else the lane can never be served
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from openai import OpenAIError
from websockets.exceptions import (
    ConnectionClosed,
    InvalidStatus,
    InvalidURI,
    SecurityError,
    WebSocketException,
)

from bot.errors import InterpreterError

REFUSALS = frozenset({401, 403, 404})
"""Wrong key, no right, no such deployment: trying again soon changes nothing."""


INTERNAL = "internal_error"
"""A fault of ours, not of the service or the line."""


class SessionError(InterpreterError):
    """A session could not be had, or is gone."""

    def __init__(
        self, code: str, message: str = "", *, retryable: bool = True, retry_after_s: float | None = None
    ) -> None:
        super().__init__(code, message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


def renamed(error: Exception) -> SessionError:
    """Map whatever connecting, sending or receiving raised; the caller chains it with `from`."""
    match error:
        case SessionError():
            return error
        case InvalidStatus():
            status = error.response.status_code
            after = _seconds(error.response.headers.get("Retry-After"))
            refused = status in REFUSALS
            return SessionError(f"http_{status}", "upgrade refused", retryable=not refused, retry_after_s=after)
        case ConnectionClosed():
            code = error.rcvd.code if error.rcvd else 1006
            return SessionError(f"closed_{code}", "the connection was closed")
        case InvalidURI() | SecurityError():
            return SessionError("bad_endpoint", str(error), retryable=False)
        case TimeoutError():
            return SessionError("timeout", "the service did not answer in time")
        case OSError() | EOFError() | WebSocketException():
            return SessionError("unreachable", type(error).__name__)
        case OpenAIError():
            return SessionError("client", type(error).__name__)
        case _:
            return SessionError(INTERNAL, type(error).__name__)


def _seconds(retry_after: str | None) -> float | None:
    """Read a Retry-After header: seconds, or a date (RFC 9110, 10.2.3). None when there is nothing to obey."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
