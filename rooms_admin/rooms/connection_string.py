"""Parses ACS connection strings, `endpoint=…;accesskey=…`. Knows no SDK.

The SDK's own parser drops the scheme and always uses https, so that a service on http://127.0.0.1 could not be reached.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple
from urllib.parse import urlsplit


class AcsAddress(NamedTuple):
    """Endpoint and access key of an ACS resource."""

    endpoint: str
    """Scheme, host and port without a trailing slash: with one, two of the three SDK clients sign requests wrongly."""
    access_key: str
    """Base64."""


def parse_connection_string(text: str) -> AcsAddress:
    """Parse a connection string; the names of its parts may be in any case and order.

    Raises:
        ValueError: malformed. The message does not contain the key.
    """
    parts: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or name not in ("endpoint", "accesskey"):
            raise ValueError("a connection string has the form endpoint=https://…;accesskey=…")
        if name in parts:
            raise ValueError(f"the connection string has {name} twice")
        parts[name] = value.strip()
    for name in ("endpoint", "accesskey"):
        if not parts.get(name):
            raise ValueError(f"the connection string has no {name}")
    return AcsAddress(acs_endpoint(parts["endpoint"]), _base64(parts["accesskey"]))


def acs_endpoint(text: str) -> str:
    """Check an endpoint and return it without a trailing slash.

    Raises:
        ValueError: not an http or https URL without a path.
    """
    try:
        address = urlsplit(text)
        has_port_or_none = address.port is None or address.port > 0
    except ValueError as error:
        raise ValueError("the ACS endpoint is not a URL") from error
    if address.scheme not in ("http", "https") or not address.hostname or not has_port_or_none:
        raise ValueError("the ACS endpoint has the form https://name.communication.azure.com")
    if address.path.strip("/") or address.query or address.fragment or "@" in address.netloc:
        raise ValueError("the ACS endpoint must have no path, query or user name")
    return f"{address.scheme}://{address.netloc}"


def _base64(key: str) -> str:
    try:
        base64.b64decode(key, validate=True)
    except binascii.Error as error:
        raise ValueError("the access key is not base64") from error
    return key
