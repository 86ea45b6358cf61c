"""Checks the HMAC signature of a request as the service does."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from emulator.acs.wire.errors import AcsError

_AUTHORIZATION = re.compile(
    r"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=(?P<signature>[A-Za-z0-9+/=]+)$"
)


def signature(key: bytes, method: str, target: str, date: str, host: str, content_hash: str) -> str:
    """Return the signature of a request, base64.

    Args:
        key: the access key, decoded.
        target: path and query, in the spelling that is signed.
        date: `x-ms-date`, as sent.
        host: `Host`, with its port if it has one.
        content_hash: `x-ms-content-sha256`, as sent.
    """
    signed = f"{method}\n{target}\n{date};{host};{content_hash}"
    return base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()


def content_hash(body: bytes) -> str:
    """Return the SHA-256 digest of the body, base64."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def check_signature(
    key: bytes,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    skew_s: float,
    strict: bool = False,
) -> None:
    """Check that the request is signed with `key`.

    Clients spell the signed path differently from the one they send, so three spellings are tried: as it came,
    percent-decoded, and with colons as `%3A`. `strict` tries the first alone.

    Raises:
        AcsError: 401/7509.
    """
    found = _AUTHORIZATION.match(headers.get("Authorization", ""))
    date = headers.get("x-ms-date", "")
    if found is None or not _is_recent(date, now, skew_s):
        raise _denied()
    declared = headers.get("x-ms-content-sha256", "")
    if not hmac.compare_digest(declared, content_hash(body)):
        raise _denied()
    for spelling in _spellings(target, strict):
        expected = signature(key, method, spelling, date, headers.get("Host", ""), declared)
        if hmac.compare_digest(expected, found["signature"]):
            return
    raise _denied()


def decode_key(access_key: str) -> bytes:
    """Return the bytes of an access key.

    Raises:
        ValueError: the text is not base64, or empty.
    """
    try:
        key = base64.b64decode(access_key, validate=True)
    except binascii.Error as error:
        raise ValueError("the access key is not base64") from error
    if not key:
        raise ValueError("the access key is empty")
    return key


def _spellings(target: str, strict: bool) -> list[str]:
    if strict:
        return [target]
    path, mark, query = target.partition("?")
    decoded = unquote(path)
    return [target, decoded + mark + query, decoded.replace(":", "%3A") + mark + query, unquote(target)]


def _is_recent(date: str, now: datetime, skew_s: float) -> bool:
    try:
        sent = parsedate_to_datetime(date)
    except ValueError:
        return False
    if sent.tzinfo is None:
        sent = sent.replace(tzinfo=UTC)
    return abs((now - sent).total_seconds()) <= skew_s


def _denied() -> AcsError:
    return AcsError(401, "7509", "HMAC-SHA256 validation failed")
