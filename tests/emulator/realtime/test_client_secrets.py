"""Client secrets: how long they hold, how many are remembered."""

from __future__ import annotations

from emulator.realtime import client_secrets
from emulator.realtime.client_secrets import ClientSecrets


def test_a_secret_opens_its_session_until_it_expires() -> None:
    secrets = ClientSecrets(1)
    secret = secrets.issue("conversation", "m", {"type": "realtime"}, 600, 1_000.5)
    assert secret.value.startswith("ek_")
    assert secret.expires_at == 1_600
    assert secrets.find(secret.value, 1_599.9) == secret
    assert secrets.find(secret.value, 1_600.0) is None
    assert secrets.find("ek_other", 1_000.0) is None


def test_the_oldest_secret_is_forgotten_first() -> None:
    secrets = ClientSecrets(None)
    values = [secrets.issue("conversation", "m", {}, 600, 0).value for _ in range(client_secrets.MOST + 1)]
    assert [secrets.find(value, 1) is not None for value in (values[0], values[1], values[-1])] == [False, True, True]
