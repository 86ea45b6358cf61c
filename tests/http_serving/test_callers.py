"""Whoever may choose among many addresses is still one caller."""

from __future__ import annotations

import pytest

from http_serving.callers import caller_network, network_of


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("x" * 100, "x" * 64),
    ],
)
def test_the_network_of_an_address(host: str, network: str) -> None:
    assert network_of(host) == network
    assert caller_network({"client": (host, 1234)}) == network


def test_nobody_has_no_network() -> None:
    assert caller_network({"client": None}) == ""
    assert caller_network({}) == ""
