"""When Event Grid delivered something last, as it is read from the store that a service has written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.calls.replicas.registry import Registry
from bot.commands.doctor.store_checks import check_store
from bot.config import Settings, load_settings
from bot.resources import opened_storage
from tests.support.settings import REQUIRED
from webhooks.events import CallStarted


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return load_settings(**{name.lower(): value for name, value in REQUIRED.items()})


async def test_the_last_event_of_a_service_on_the_same_store(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.calls.replicas.registry.time.time", lambda: 1_000.0)
    async with opened_storage(settings) as stores:
        registry = Registry(stores.key_value, "replica")
        await registry.promise(CallStarted("event", "room", "call"))
        await registry.done(CallStarted("event", "room", "call"))
    found = [one async for one in check_store(settings, lambda: 1_000.0 + 7 * 60)]
    assert [(one.check, one.code) for one in found] == [("store", "ok"), ("event grid events", "ok")]
    assert found[1].text == "the last one came 7 min ago"
