"""What the translation deployment can do, asked of the emulated service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from math import inf

import pytest

from bot.realtime.capabilities import NOT_LISTED, NOT_OFFERED, Capabilities
from bot.realtime.client import ModelSockets, build_client
from bot.realtime.translation_messages import TARGETS
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.rules import FaultRule
from tests.support.realtime_client import KEY, TRANSLATE_MODEL, Service, realtime_service

build_client("http://127.0.0.1:1", KEY)  # the SDK reads files when it builds its first client


@asynccontextmanager
async def asking(
    service: Service, languages: Sequence[str] = TARGETS, deployment: str = TRANSLATE_MODEL
) -> AsyncIterator[Capabilities]:
    async with build_client(f"http://127.0.0.1:{service.port}", KEY) as client:
        sockets = ModelSockets(client, open_s=1.0, close_s=0.2)
        yield Capabilities(sockets, deployment, languages, first_pause_s=0.02)


async def test_each_target_is_asked_for() -> None:
    async with realtime_service() as service, asking(service, (*TARGETS, "xx")) as capabilities:
        assert capabilities.report()["state"] == "not_asked"
        assert capabilities.refusal("xx") is None  # nobody knows yet
        await capabilities.run()
        assert capabilities.report() == {
            "deployment": TRANSLATE_MODEL,
            "state": "offered",
            "reason": "",
            "offered": sorted(TARGETS),
            "refused": ["xx"],
        }
        assert capabilities.refusal("es-ES") is None
        assert capabilities.refusal("xx") == NOT_OFFERED
        assert capabilities.refusal("pl-PL") == NOT_LISTED
        assert not [entry for entry in service.journal.entries("realtime.event") if "append" in str(entry["event"])]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_deployment_that_is_refused_is_asked_again_and_told_once(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with realtime_service() as service, asking(service) as capabilities:
        service.misbehave(FaultRule("refuse", status=status, times=3))
        assert await capabilities.ask() == "refused"
        assert (capabilities.report()["state"], capabilities.report()["reason"]) == ("refused", f"http_{status}")
        assert capabilities.refusal("es-ES") == f"http_{status}"
        async with asyncio.timeout(30):
            await capabilities.run()
        assert (capabilities.report()["state"], capabilities.refusal("es-ES")) == ("offered", None)
        assert len(service.journal.entries("realtime.connection")) == 4
    levels = [record.levelname for record in caplog.records if record.name == "bot.realtime.capabilities"]
    assert [level for level in levels if level != "INFO"] == ["WARNING"]


async def test_a_conversation_deployment_is_no_translation() -> None:
    config = RealtimeConfig(pace=inf)
    async with realtime_service(config=config, deployments=["gpt-realtime"]) as service:
        async with asking(service, deployment="gpt-realtime") as capabilities:
            await capabilities.ask()
            assert capabilities.report()["reason"] == "http_400"


@pytest.mark.parametrize(
    "rule",
    [
        FaultRule("refuse", status=503, times=2),
        FaultRule("refuse", status=429, times=2),
        FaultRule("close", at="created", times=2),
        FaultRule("error_event", at="created", times=2),
    ],
    ids=lambda rule: f"{rule.do} {rule.status}",
)
async def test_what_tells_nothing_is_asked_again(rule: FaultRule) -> None:
    async with realtime_service() as service, asking(service) as capabilities:
        service.misbehave(rule)
        async with asyncio.timeout(30):
            await capabilities.run()
        assert capabilities.report()["state"] == "offered"
        assert len(service.journal.entries("realtime.connection")) == 3


async def test_asking_can_be_cancelled() -> None:
    async with realtime_service() as service, asking(service) as capabilities:
        service.misbehave(FaultRule("stall", at="connect", seconds=0.5))
        task = asyncio.create_task(capabilities.run())
        async with asyncio.timeout(30):
            while True:
                if service.journal.entries("realtime.connection"):
                    break
                await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert capabilities.report()["state"] == "not_asked"


async def test_it_is_known_whether_the_model_can_be_reached() -> None:
    async with build_client("http://127.0.0.1:1", KEY) as client:
        sockets = ModelSockets(client, open_s=1.0, close_s=0.2)
        assert sockets.outcomes.last == "unknown"
        with pytest.raises(OSError):
            await sockets.conversation("realtime")
        assert sockets.outcomes.counts == {"unreachable": 1}
