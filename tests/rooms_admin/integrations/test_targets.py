"""Webhooks go to public addresses, and inside only where the operator says so."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from rooms_admin.integrations.targets import ForbiddenTarget, WebhookTargets

PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e", "2002:5db8:d70e::1"]
INSIDE = [
    "0.0.0.0",
    "10.0.0.5",
    "100.100.100.200",
    "127.0.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.31.0.1",
    "192.0.0.170",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:10.0.0.5",
    "64:ff9b::a00:5",
    "64:ff9b:1::1",
    "2001::1",
    "2001:db8::1",
    "2002:a00:5::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    targets = WebhookTargets()
    assert targets.permits(ipaddress.ip_address(address))
    assert targets.problem(f"https://{bracketed(address)}/hook") is None


@pytest.mark.parametrize("address", INSIDE)
def test_others_are_not(address: str) -> None:
    targets = WebhookTargets()
    assert not targets.permits(ipaddress.ip_address(address))
    assert targets.problem(f"https://{bracketed(address)}/hook") == "must be a public address"


@pytest.mark.parametrize("address", ["10.2.0.5", "::ffff:10.2.0.5", "64:ff9b::a02:5", "fd12::5"])
def test_what_the_operator_allows_is_permitted(address: str) -> None:
    targets = WebhookTargets([ipaddress.ip_network("10.2.0.0/16"), ipaddress.ip_network("fd12::/16")])
    assert targets.permits(ipaddress.ip_address(address))
    assert not targets.permits(ipaddress.ip_address("10.3.0.5"))


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.0x1", "1.1.1.1.1", "10."])
def test_other_spellings_of_addresses_are_refused_at_once(host: str) -> None:
    assert WebhookTargets().problem(f"https://{host}/") == "must be a host name or an address of four numbers"


@pytest.mark.parametrize("host", ["localhost", "localhost.", "api.localhost", "127.0.0.1."])
def test_this_machine_by_name(host: str) -> None:
    assert WebhookTargets().problem(f"https://{host}/") == "must be a public address"
    assert WebhookTargets([ipaddress.ip_network("127.0.0.0/8")]).problem(f"https://{host}/") is None


@pytest.mark.parametrize("host", ["contoso.com", "hooks.internal", "1and1.com", "x7f.0x7g"])
def test_names_are_looked_at_when_they_are_connected_to(host: str) -> None:
    assert WebhookTargets().problem(f"https://{host}/") is None


def test_a_socket_is_opened_for_what_is_permitted_alone() -> None:
    targets = WebhookTargets([ipaddress.ip_network("127.0.0.1/32")])
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    with targets.open_socket((*info, ("127.0.0.1", 80))) as opened:
        assert opened.family == socket.AF_INET
    for other in ("127.0.0.2", "127.1", "a name"):
        with pytest.raises(ForbiddenTarget):
            targets.open_socket((*info, (other, 80)))
