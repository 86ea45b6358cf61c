"""The doctor on a running service and an emulator: each thing that is set up wrongly has a diagnosis of its own."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import SecretStr

from bot.commands.doctor import command
from bot.commands.doctor.findings import Finding
from bot.config import Settings
from bot.errors import SettingsError
from tests.support.line import ACCESS_KEY, Line, line, service_settings
from tests.support.redis_server import RedisServer, own_redis

__all__ = ["own_redis"]
pytestmark = pytest.mark.line
on_one_loop = pytest.mark.asyncio(loop_scope="module")

ALL_RIGHT = {("public address", "loopback"), ("event grid events", "no_events")}
"""What is said of a service on one machine that has never had a call."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Line]:
    deployments = ("interpreter", "writer=transcription", "translator=translation")
    async with line(deployments=deployments, azure_ai_translate_deployment="translator") as whole:
        yield whole


async def examined(whole: Line, clock_s: float = 0.0, **changes: Any) -> list[Finding]:
    changes = {"azure_ai_translate_deployment": "translator", **changes}
    settings = await asyncio.to_thread(service_settings, whole.emulator, whole.base_url, **changes)
    return await command.examine(settings, wall_clock=lambda: time.time() + clock_s)


def diagnoses(findings: list[Finding]) -> set[tuple[str, str]]:
    assert all(one.text and (one.remedy or one.outcome == "ok") for one in findings)
    return {(one.check, one.code) for one in findings if one.outcome != "ok"}


@on_one_loop
async def test_nothing_is_wrong(running: Line) -> None:
    findings = await examined(running)
    assert diagnoses(findings) == ALL_RIGHT
    assert len(findings) == 21
    assert "spoke after" in next(one.text for one in findings if one.check == "realtime")


@dataclass(frozen=True)
class Seed:
    """Something that is set up wrongly: settings, faults of the services, a clock. And what is said of it."""

    says: set[tuple[str, str]]
    settings: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, Any] = field(default_factory=dict)
    clock_s: float = 0.0


def refusing(path: str, method: str, status: int = 403) -> dict[str, Any]:
    return {"http": [{"path": path, "method": method, "status": status}]}


def failing(**rule: Any) -> dict[str, Any]:
    return {"realtime": {"rules": [rule]}}


NOWHERE = "http://127.0.0.1:9"
"""The port of a service that no machine offers any more."""
SEEDS = {
    "acs: wrong address": Seed(
        {("acs", "acs_not_reachable")},
        {"azure_communication_connection_string": SecretStr(f"endpoint={NOWHERE};accesskey={ACCESS_KEY}")},
    ),
    "acs: rooms not allowed": Seed({("acs rooms", "rooms_not_allowed")}, faults=refusing("/rooms", "POST")),
    "acs: rooms not offered": Seed({("acs rooms", "rooms_failed")}, faults=refusing("/rooms", "POST", 404)),
    "acs: identities not allowed": Seed(
        {("acs identities", "identities_not_allowed")}, faults=refusing("/identities", "POST")
    ),
    "acs: rooms stay": Seed({("acs deletion", "room_not_deleted")}, faults=refusing("/rooms/", "DELETE")),
    "acs: calls not allowed": Seed(
        {("call automation", "calls_not_allowed")}, faults=refusing("/calling/callConnections", "GET")
    ),
    "acs: calls fail": Seed(
        {("call automation", "calls_failed")}, faults=refusing("/calling/callConnections", "GET", 400)
    ),
    "acs: clock": Seed({("clock", "clock_wrong")}, clock_s=90.0),
    "acs: audience of another resource": Seed({("acs audience", "audience_wrong")}, {"acs_token_audience": "another"}),
    "acs: keys elsewhere": Seed({("acs signing keys", "keys_not_reachable")}, {"acs_token_jwks_url": NOWHERE}),
    "model: wrong address": Seed(
        {("realtime", "not_reachable"), ("translation", "not_reachable")}, {"azure_ai_endpoint": NOWHERE}
    ),
    "model: wrong key": Seed(
        {("realtime", "key_rejected"), ("translation", "key_rejected")}, {"azure_ai_key": SecretStr("another-key")}
    ),
    "model: no such deployment": Seed({("realtime", "deployment_unknown")}, {"azure_ai_realtime_deployment": "nobody"}),
    "model: another kind of deployment": Seed(
        {("realtime", "wrong_kind")}, {"azure_ai_realtime_deployment": "translator"}
    ),
    "model: no such voice": Seed({("realtime", "configuration_refused")}, {"azure_ai_voice": "nobody"}),
    "model: no speech": Seed({("realtime", "no_speech")}, faults=failing(do="fail_response")),
    "model: quota": Seed({("realtime", "quota")}, faults=failing(do="fail_response", error_code="rate_limit_exceeded")),
    "model: no transcription": Seed({("transcription", "not_transcribed")}, faults=failing(do="fail_transcription")),
    "model: no such translation deployment": Seed(
        {("translation", "deployment_unknown")}, {"azure_ai_translate_deployment": "nobody"}
    ),
    "model: languages of translation": Seed(
        {("translation", "languages_refused")}, {"azure_ai_translate_languages": ("es", "xx")}
    ),
    "entra: issuer elsewhere": Seed(
        {("admins' keys", "keys_not_reachable"), ("event grid keys", "keys_not_reachable")},
        {
            f"{who}_token_{what}": value
            for who in ("admin", "event_grid")
            for what, value in (("issuer", "us"), ("audience", "us"), ("jwks_url", NOWHERE))
        },
    ),
    "store: a folder": Seed({("store", "store_unusable")}, {"database_path": "/"}),
    "public: another secret of event grid": Seed(
        {("event grid", "secret_differs")}, {"event_grid_secret": SecretStr("another-secret")}
    ),
    "public: nobody there": Seed({("public address", "public_not_reachable")}, {"public_base_url": NOWHERE}),
}


def together() -> list[list[str]]:
    """Seeds that are examined together, since they do not touch each other: one of each service."""
    services = [list(names) for _, names in itertools.groupby(SEEDS, lambda name: name.partition(":")[0])]
    return [list(filter(None, names)) for names in itertools.zip_longest(*services)]


@on_one_loop
@pytest.mark.parametrize("names", together(), ids=", ".join)
async def test_each_has_a_diagnosis_of_its_own(running: Line, names: list[str]) -> None:
    seeds = [SEEDS[name] for name in names]
    await running.put_faults({kind: faults for seed in seeds for kind, faults in seed.faults.items()})
    settings = {name: value for seed in seeds for name, value in seed.settings.items()}
    found = await examined(running, sum(seed.clock_s for seed in seeds), **settings)
    without_store = {("event grid events", "no_events")} if "store: a folder" in names else set()
    assert diagnoses(found) == (ALL_RIGHT - without_store).union(*(seed.says for seed in seeds))
    await running.put_faults({})


def test_no_two_diagnoses_are_the_same() -> None:
    for name, seed in SEEDS.items():
        assert not any(seed.says <= other.says for another, other in SEEDS.items() if another != name), name


@on_one_loop
async def test_an_access_key_that_is_wrong(running: Line) -> None:
    wrong = SecretStr(f"endpoint={running.emulator.acs_url};accesskey=c29tZXRoaW5nIGVsc2U=")
    found = diagnoses(await examined(running, azure_communication_connection_string=wrong))
    assert found == ALL_RIGHT | {("acs rooms", "rooms_key_rejected"), ("call automation", "calls_not_allowed")}


@on_one_loop
async def test_an_address_of_somebody_else(running: Line) -> None:
    found = diagnoses(await examined(running, public_base_url=running.emulator.acs_url))
    assert found == ALL_RIGHT | {("public address", "somebody_else")}


@pytest.mark.parametrize(
    ("ready", "status", "says"),
    [
        ({"status": "draining"}, 503, {("service", "not_ready")}),
        ({"status": "ready", "ticket_secret": "differs"}, 200, {("service", "ticket_secrets_differ")}),
    ],
)
@on_one_loop
async def test_an_ingress_that_passes_little(
    running: Line, ready: dict[str, str], status: int, says: set[tuple[str, str]]
) -> None:
    """Health is passed on, and nothing else."""
    application = web.Application()

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/healthz":
            return web.json_response({"status": "ok"})
        return web.json_response(ready, status=status) if request.path == "/readyz" else web.Response(status=403)

    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        found = diagnoses(await examined(running, public_base_url=f"http://{host}:{port}"))
    finally:
        await runner.cleanup()
    blocked = {
        ("callbacks", "callbacks_blocked"),
        ("media socket", "media_blocked"),
        ("sockets", "sockets_blocked"),
        ("event grid", "event_grid_blocked"),
    }
    assert found == ALL_RIGHT | blocked | says


@on_one_loop
async def test_a_redis_that_may_lose_data(running: Line, own_redis: RedisServer) -> None:
    redis: dict[str, Any] = {"redis_url": SecretStr(own_redis.url), "ticket_secret": SecretStr("a-secret-of-tickets")}
    assert diagnoses(await examined(running, **redis)) == ALL_RIGHT | {("redis", "appendonly_unsafe")}


def test_settings_that_are_wrong_are_all_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load() -> Settings:
        raise SettingsError(["PORT: is not a number", "HOST: is not set"])

    monkeypatch.setattr(command, "load_settings", load)
    monkeypatch.setattr(logging, "disable", lambda: None)
    assert command.run(argparse.Namespace(json=True)) == 1
    document = json.loads(capsys.readouterr().out)
    assert [one["text"] for one in document["findings"]] == ["PORT: is not a number", "HOST: is not set"]
    assert not document["ok"]
    assert command.run(argparse.Namespace(json=False)) == 1
    assert "2 failed" in capsys.readouterr().out
