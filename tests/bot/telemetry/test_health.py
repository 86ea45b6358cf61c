"""A load balancer learns from `/readyz` when to send nothing new; `/healthz` says only that the process is alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import httpx2
from fastapi import FastAPI

from bot.calls.active_calls import ActiveCalls
from bot.calls.replicas.load import ReplicaLoad
from bot.errors import RequestOutcomes
from bot.realtime.capabilities import Capabilities
from bot.tasks import Background
from bot.telemetry.health import router
from storage.health import StoreHealth
from tests.support.in_memory_stores import InMemoryKeyValue


@dataclass
class Calls:
    accepting: bool = True

    def __len__(self) -> int:
        return 2


class TranslationDeployment:
    def report(self) -> dict[str, str]:
        return {"state": "available"}


FINE = {"store": "ok", "acs": "unknown", "model": "unknown"}
"""What is known of the services before anything was asked of them."""


async def ask(
    path: str,
    calls: Calls,
    deployment: TranslationDeployment | None = None,
    store: StoreHealth | None = None,
    background: Background | None = None,
    load: ReplicaLoad | None = None,
    services: Mapping[str, RequestOutcomes] | None = None,
) -> tuple[int, object]:
    app = FastAPI()
    services = services or {"acs": RequestOutcomes(), "model": RequestOutcomes()}
    capabilities = cast(Capabilities | None, deployment)
    app.include_router(
        router(
            cast(ActiveCalls, calls),
            capabilities,
            store or StoreHealth(),
            background or Background(),
            services,
            load=load,
        )
    )
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get(path)
    return answer.status_code, answer.json()


async def test_the_load_of_all_replicas_is_told() -> None:
    load = ReplicaLoad(InMemoryKeyValue(), "a", StoreHealth(), range(7), range(9))
    assert await ask("/load", Calls(), load=load) == (200, {"calls": 0, "connections": 0})
    await load.add_up()
    assert await ask("/load", Calls(), load=load) == (200, {"calls": 7, "connections": 9})


async def test_a_replica_that_accepts_calls_is_ready() -> None:
    assert await ask("/readyz", Calls()) == (200, {"status": "ready", "live_calls": 2, **FINE})


async def test_a_draining_replica_is_alive_and_not_ready() -> None:
    calls = Calls(accepting=False)
    assert await ask("/readyz", calls) == (503, {"status": "draining", "live_calls": 2, **FINE})
    assert await ask("/healthz", calls) == (200, {"status": "ok"})


async def test_a_replica_that_has_failed_is_not_ready_while_it_ends() -> None:
    background = Background()
    background.failed.set()
    assert await ask("/readyz", Calls(), background=background) == (503, {"status": "failed", "live_calls": 2, **FINE})


async def test_readiness_reports_what_the_translation_deployment_offers() -> None:
    status, body = await ask("/readyz", Calls(), TranslationDeployment())
    assert (status, body) == (200, {"status": "ready", "live_calls": 2, **FINE, "translation": {"state": "available"}})


async def test_a_replica_whose_store_fails_is_not_ready() -> None:
    store = StoreHealth()
    store.failed("SQLITE_FULL")
    assert await ask("/readyz", Calls(), store=store) == (
        503,
        {"status": "store_unavailable", "live_calls": 2, **FINE, "store": "SQLITE_FULL"},
    )


async def test_replicas_stay_ready_while_the_store_they_share_fails() -> None:
    """If none were, ACS could not dial again for media, and calls under way need no store."""
    store = StoreHealth(shared=True)
    store.failed("ConnectionError")
    assert await ask("/readyz", Calls(), store=store) == (
        200,
        {"status": "ready", "live_calls": 2, **FINE, "store": "ConnectionError"},
    )


async def test_readiness_counts_records_that_cannot_be_read_and_names_none() -> None:
    store = StoreHealth()
    store.set_aside("room", "room-1", "ValidationError")
    assert await ask("/readyz", Calls(), store=store) == (
        200,
        {"status": "ready", "live_calls": 2, **FINE, "unreadable_records": {"room": 1}},
    )


async def test_readiness_reports_how_the_last_requests_to_acs_and_the_model_ended() -> None:
    """It stays ready: another replica would fare no better, and ACS has to reach one for the calls that go on."""
    acs, model = RequestOutcomes(), RequestOutcomes()
    acs.note("unreachable")
    model.note("http_401")
    model.note()
    assert await ask("/readyz", Calls(), services={"acs": acs, "model": model}) == (
        200,
        {"status": "ready", "live_calls": 2, "store": "ok", "acs": "unreachable", "model": "ok"},
    )
