"""The doctor's checks of ACS that no emulator is needed for: clocks, and the managed identity."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from bot.commands.doctor import acs_checks
from bot.config import Settings, load_settings
from tests.support.settings import REQUIRED

NOW = datetime(2026, 12, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("off_s", "outcome", "code"),
    [(0.0, "ok", "ok"), (-29.0, "ok", "ok"), (45.0, "warning", "clock_wrong"), (-61.0, "failed", "clock_wrong")],
)
def test_clocks_may_differ_as_much_as_tokens_allow(off_s: float, outcome: str, code: str) -> None:
    finding = acs_checks._clock(NOW, NOW.timestamp() + off_s)
    assert (finding.outcome, finding.code) == (outcome, code)
    if code != "ok":
        assert f"{abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} that of ACS" in finding.text


def test_a_clock_that_cannot_be_compared() -> None:
    assert acs_checks._clock(None, 0.0).code == "clock_unknown"


@pytest.fixture
def settings() -> Settings:
    given = {name.lower(): value for name, value in REQUIRED.items() if "CONNECTION" not in name}
    endpoint = "https://contoso.communication.azure.com"
    return load_settings(_env_file=None, azure_communication_endpoint=endpoint, **given)


async def test_a_machine_without_an_identity(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoIdentity:
        async def get_token(self, scope: str) -> None:
            assert scope == "https://communication.azure.com//.default"
            raise PermissionError("no identity")

    async def answers(endpoint: str) -> datetime:
        return NOW

    monkeypatch.setattr(acs_checks, "_date_of", answers)
    clients: Any = SimpleNamespace(identity=NoIdentity())
    found = [one async for one in acs_checks.check_acs(settings, clients, NOW.timestamp)]
    assert [(one.check, one.code) for one in found] == [("acs", "ok"), ("clock", "ok"), ("acs identity", "no_identity")]
    assert found[-1].text == "no token: PermissionError"
