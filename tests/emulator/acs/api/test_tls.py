"""The emulator's certificate, seen by a client that knows the authority and by others; two ends, no network."""

from __future__ import annotations

import ssl

import pytest

from emulator.acs.api.tls import make_authority
from tests.support.acs_emulator import authority


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """A whole handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    assert ends[0].version() == "TLSv1.3"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "::1"])
def test_who_knows_the_authority_believes_this_machine(name: str) -> None:
    trusting = ssl.create_default_context(cadata=authority().certificate.decode())
    shake_hands(authority().context, trusting, name)


def test_nobody_else_does_and_no_other_name_is_covered() -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(authority().context, ssl.create_default_context(), "localhost")
    trusting = ssl.create_default_context(cadata=authority().certificate.decode())
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(authority().context, trusting, "example.org")


def test_another_host_can_be_named() -> None:
    made = make_authority("emulator.test")
    shake_hands(made.context, ssl.create_default_context(cadata=made.certificate.decode()), "emulator.test")
