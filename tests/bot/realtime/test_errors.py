from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from openai import OpenAIError
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    SecurityError,
)
from websockets.frames import Close
from websockets.http11 import Response

from bot.realtime.errors import SessionError, session_error


def refused(status: int, **headers: str) -> InvalidStatus:
    return InvalidStatus(Response(status, "", Headers({name.replace("_", "-"): v for name, v in headers.items()})))


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (refused(401), "http_401", False),
        (refused(403), "http_403", False),
        (refused(404), "http_404", False),
        (refused(400), "http_400", False),
        (refused(429), "quota", True),
        (refused(503), "http_503", True),
        (ConnectionClosedOK(Close(1000, ""), Close(1000, ""), True), "closed_1000", True),
        (ConnectionClosedOK(Close(1001, "60 minutes"), None), "closed_1001", True),
        (ConnectionClosedError(Close(1011, ""), None), "closed_1011", True),
        (ConnectionClosedError(None, None), "closed_1006", True),
        (InvalidURI("ftp://x", "scheme"), "bad_endpoint", False),
        (SecurityError("redirect"), "bad_endpoint", False),
        (InvalidMessage("no HTTP"), "unreachable", True),
        (ConnectionRefusedError(), "unreachable", True),
        (EOFError(), "unreachable", True),
        (TimeoutError(), "timeout", True),
        (OpenAIError("no key"), "client", True),
        (KeyError("bug"), "internal_error", True),
    ],
)
def test_foreign_errors_get_our_name(error: Exception, code: str, retryable: bool) -> None:
    ours = session_error(error)
    assert ours.code == code
    assert ours.retryable is retryable
    assert ours.retry_after_s is None


def test_our_own_stay_as_they_are() -> None:
    error = SessionError("stalled")
    assert session_error(error) is error


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("0.25", 0.25), ("-3", 0.0), ("soon", None), ("nan", None)])
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    assert session_error(refused(429, Retry_After=value)).retry_after_s == seconds


def test_retry_after_as_a_date() -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    after = session_error(refused(503, Retry_After=format_datetime(at, usegmt=True))).retry_after_s
    assert after is not None
    assert 3_000 < after <= 3_600
    past = datetime.now(UTC) - timedelta(days=1)
    naive = past.strftime("%a, %d %b %Y %H:%M:%S -0000")
    assert session_error(refused(503, Retry_After=naive)).retry_after_s == 0.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after_ms": "250", "Retry_After": "7"}, 0.25),
        ({"x_ratelimit_reset_requests": "1s", "x_ratelimit_reset_tokens": "6m0.5s"}, 360.5),
        ({"x_ratelimit_reset_tokens": "120ms"}, 0.12),
        ({"Retry_After": "2", "x_ratelimit_reset_tokens": "9s"}, 2.0),
        ({"x_ratelimit_reset_tokens": "soon"}, None),
    ],
)
def test_other_ways_to_ask_for_patience(headers: dict[str, str], seconds: float | None) -> None:
    assert session_error(refused(429, **headers)).retry_after_s == seconds
