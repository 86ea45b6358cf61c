"""What ends a Realtime session, and the one place that decides whether to open another.

Exceptions of openai, websockets and sockets are mapped to `SessionError` here and go no further.

InterpreterError
└── SessionError        `retryable`: open another, after `retry_after_s` if given; else give this engine up
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from openai import OpenAIError
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, SecurityError, WebSocketException

from bot.errors import InterpreterError

REFUSALS = frozenset({400, 401, 403, 404})
"""HTTP statuses for a wrong model, a wrong key, a missing right, an unknown deployment: trying again would not help."""

QUOTA = "quota"
"""Our code for exhausted quota: the one reason for a loss that an admin can remedy."""
QUOTA_CODES = frozenset({QUOTA, "rate_limit_exceeded", "insufficient_quota", "slow_down", "tokens", "requests"})
"""The service's codes for exhausted quota (protocol sheet, 2.10)."""

INTERNAL = "internal_error"
"""Our code for a fault in this program, not in the service or the network."""


class SessionError(InterpreterError):
    """A session could not be opened, or was lost."""

    def __init__(
        self, code: str, message: str = "", *, retryable: bool = True, retry_after_s: float | None = None
    ) -> None:
        super().__init__(code, message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


def session_error(error: Exception) -> SessionError:
    """Map whatever connecting, sending or receiving raised; the caller chains it with `from`."""
    match error:
        case SessionError():
            return error
        case InvalidStatus():
            status = error.response.status_code
            after = requested_pause_s(error.response.headers)
            if status == 429:
                return SessionError(QUOTA, "upgrade refused", retry_after_s=after)
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


def requested_pause_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds the service asks to wait; None if it does not ask.

    Read from `retry-after-ms`, else `Retry-After`, else the latest of the `x-ratelimit-reset-*` headers (`6m0s`,
    `120ms`).
    """
    exact = _seconds(headers.get("retry-after-ms"))
    if exact is not None:
        return exact / 1000
    asked = _seconds(headers.get("Retry-After"))
    if asked is not None:
        return asked
    resets = (_duration(headers.get(f"x-ratelimit-reset-{what}")) for what in ("requests", "tokens"))
    return max((reset for reset in resets if reset is not None), default=None)


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|h|m|s))+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)", re.ASCII)


def _duration(text: str | None) -> float | None:
    if text is None or not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def _seconds(retry_after: str | None) -> float | None:
    """Read a Retry-After header: seconds, or a date (RFC 9110, 10.2.3). None if it is missing or unreadable."""
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
