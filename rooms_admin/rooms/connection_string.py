"""Reads `endpoint=…;accesskey=…`, the text the Azure portal hands out; knows no SDK.

The SDK's own reader throws the scheme away and always uses https, so that a service on http://127.0.0.1 could
not be reached; this one keeps it.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple
from urllib.parse import urlsplit


class AcsAddress(NamedTuple):
    endpoint: str
    """scheme, host and port, no slash at the end: with one, two of the three SDK clients sign wrongly"""
    access_key: str
    """base64"""


def parse_connection_string(text: str) -> AcsAddress:
    """Endpoint and key of a connection string; names of parts in any case and order.

    Raises:
        ValueError: with a reason that never repeats the key.
    """
    parts: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or name not in ("endpoint", "accesskey"):
            raise ValueError("a connection string has the form endpoint=https://…;accesskey=…")
        if name in parts:
            raise ValueError(f"the connection string says {name} twice")
        parts[name] = value.strip()
    for name in ("endpoint", "accesskey"):
        if not parts.get(name):
            raise ValueError(f"the connection string says no {name}")
    return AcsAddress(acs_endpoint(parts["endpoint"]), _base64(parts["accesskey"]))


def acs_endpoint(text: str) -> str:
    """The endpoint without a slash at the end.

    Raises:
        ValueError: not an http or https address of a host alone.
    """
    try:
        address = urlsplit(text)
        has_port_or_none = address.port is None or address.port > 0
    except ValueError as error:
        raise ValueError("the ACS endpoint is not an address") from error
    if address.scheme not in ("http", "https") or not address.hostname or not has_port_or_none:
        raise ValueError("the ACS endpoint has the form https://name.communication.azure.com")
    if address.path.strip("/") or address.query or address.fragment or "@" in address.netloc:
        raise ValueError("the ACS endpoint is a host alone, without a path")
    return f"{address.scheme}://{address.netloc}"


def _base64(key: str) -> str:
    try:
        base64.b64decode(key, validate=True)
    except binascii.Error as error:
        raise ValueError("the access key is not base64") from error
    return key
