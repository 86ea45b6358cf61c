"""`/metrics`: open, or for whoever knows the token; never read more often than once a second."""

from __future__ import annotations

import httpx2
import pytest
from fastapi import FastAPI

from bot.error_responses import install_error_handlers
from bot.telemetry import catalogue
from bot.telemetry.metrics import Metrics, Reading
from bot.telemetry.routes import FRESH_S, router


class Site:
    """The route alone, with a metric that says how often it was read."""

    def __init__(self, token: str | None = None) -> None:
        self.reads = 0
        self.now = 100.0
        metrics = Metrics()
        metrics.read(self._read)
        self._app = FastAPI()
        install_error_handlers(self._app)
        self._app.include_router(router(metrics, token, lambda: self.now))

    def _read(self) -> list[Reading]:
        self.reads += 1
        return [Reading(catalogue.READERS, self.reads)]

    async def get(self, **headers: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(self._app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/metrics", headers=headers)


async def test_prometheus_gets_its_own_format() -> None:
    answer = await Site().get()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "interpreter_readers 1.0" in answer.text


async def test_whoever_asks_for_open_metrics_gets_them() -> None:
    answer = await Site().get(accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer wrong"}, {"authorization": "right"}])
async def test_with_a_token_strangers_are_refused(given: dict[str, str]) -> None:
    site = Site("right")
    answer = await site.get(**given)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert site.reads == 0
    assert (await site.get(authorization="Bearer right")).status_code == 200


async def test_no_header_makes_an_answer_of_its_own() -> None:
    site = Site()
    asked = [f"application/openmetrics-text; version=1.0.{number}" for number in range(20)]
    answers = [await site.get(accept=one) for one in (*asked, "application/openmetrics-text; version=\x00", ";;=,")]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["content-type"] for answer in answers}) == 2
    assert site.reads == 2


async def test_an_answer_is_given_again_within_a_second() -> None:
    site = Site()
    first, again = await site.get(), await site.get()
    assert (first.text, site.reads) == (again.text, 1)
    site.now += FRESH_S
    assert "interpreter_readers 2.0" in (await site.get()).text
