"""Names callers without proof by their network, for limits and logs. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

IPV6_PREFIX = 64
"""Bits of an IPv6 address that count. A single line gets a whole /64 at least, so its addresses are one caller."""


def caller_network(scope: Mapping[str, Any]) -> str:
    """Return the network that a request or socket came from: an IPv4 address, or a /64 of IPv6."""
    client = scope.get("client")
    return network_of(client[0]) if client else ""


@lru_cache(maxsize=1024)
def network_of(host: str) -> str:
    """Return the network of an address; a host that is no address (a local socket, a name) as it is."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), IPV6_PREFIX), strict=False))
