"""Decides to which addresses webhooks may be sent: public ones, and private ones in networks that the operator allows.

A receiver is chosen by an admin, but the connection is made from inside the operator's network. What a name resolves to
is therefore checked when a connection is opened, on the very address that is connected to: a name that resolves to
another address later (DNS rebinding) and every spelling of an address (`127.1`, `0x7f000001`) meet the same check.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_FOR_US = [
    ipaddress.ip_network(one)
    for one in (
        "168.63.129.16/32",  # Azure's own services on every virtual machine: public by number only
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # former 6to4 relays (RFC 7526)
        "3fff::/20",  # documentation (RFC 9637)
    )
]


class ForbiddenTarget(OSError):
    """The address is neither public nor in an allowed network."""


class WebhookTargets:
    """The addresses to which webhooks may be sent. `allowed`: networks of the operator."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def permits(self, address: Address) -> bool:
        """Say whether webhooks may be sent to this address."""
        inner = _embedded(address)
        return _is_in(inner, self._allowed) or _is_public(inner)

    def problem(self, url: str) -> str | None:
        """Return what is wrong with the host of a URL, as far as it can be said without resolving it."""
        host = (urlsplit(url).hostname or "").rstrip(".")
        if host == "localhost" or host.endswith(".localhost"):
            host = "127.0.0.1"
        try:
            permitted = self.permits(ipaddress.ip_address(host))
        except ValueError:
            last = host.rpartition(".")[2]
            # Resolvers take more spellings of an address than there should be (WHATWG URL, "ends in a number").
            return (
                "must be a host name or an address of four numbers" if re.fullmatch(r"\d+|0x[\da-f]*", last) else None
            )
        return None if permitted else "must be a public address"

    def open_socket(self, info: Any) -> socket.socket:
        """Open a socket for an entry of `getaddrinfo`, to be connected to its address. `ForbiddenTarget` if it may not.

        Anything but an address is refused too: the system would resolve it once more.
        """
        family, kind, protocol, _, address = info
        try:
            permitted = self.permits(ipaddress.ip_address(address[0]))
        except ValueError:
            permitted = False
        if not permitted:
            raise ForbiddenTarget("the address is not allowed")
        return socket.socket(family, kind, protocol)


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address leads to, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast and not _is_in(address, _NOT_FOR_US)


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
