"""What is refused is told once a minute and caller, with counts, and never with a secret."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from http_serving.connection_limit import prove
from http_serving.refusals import MOST_CALLERS, REPORT_S, Refusal, Refusals, endpoint_of, is_refusal, refused
from tests.support.virtual_time import virtual_time

HERE = "192.0.2.7"


class Caller:
    """As the admin API names one in the state of a request."""

    name = "backend"


def scope(refusals: Refusals | None, path: str = "/api/rooms", **state: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "http", "path": path, "client": (HERE, 1234), "state": state}
    if refusals is not None:
        refusals.begin(made)
    return made


def test_a_line_per_caller_however_many_refusals(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    for _ in range(300):
        refused(scope(refusals), "unauthorized")
    for number in range(200):
        refused(scope(refusals, f"/api/join/{number:06}"), "not_found")
    refused(scope(refusals, caller=Caller()), "rate_limited")
    refused(scope(None), "unauthorized")  # under another server
    with caplog.at_level(logging.INFO):
        assert refusals.report() == [
            Refusal(HERE, "/api", "unauthorized", 300),
            Refusal(HERE, "/api/join", "not_found", 200),
            Refusal("backend", "/api", "rate_limited", 1),
        ]
    told = [(one.levelname, vars(one)["caller"], vars(one)["refused"]) for one in caplog.records]
    assert told == [
        ("WARNING", HERE, {"/api unauthorized": 300, "/api/join not_found": 200}),
        ("INFO", "backend", {"/api rate_limited": 1}),
    ]
    assert refusals.report() == []
    assert refusals.totals["/api", "unauthorized"] == 300, "for ever"


def test_more_callers_than_anybody_reads_are_told_together() -> None:
    refusals = Refusals()
    for number in range(MOST_CALLERS + 5):
        refusals.count(f"2600:0:0:{number:x}::/64", "/api", "unauthorized")
    found = refusals.report()
    assert len(found) == MOST_CALLERS + 1
    assert found[-1] == Refusal("others", "/api", "unauthorized", 5)


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/api/rooms/room-1", "/api"),
        ("/api/join/042117", "/api/join"),
        ("/webhooks/eventgrid", "/webhooks/eventgrid"),
        ("/webhooks/calls/a-secret", "/webhooks/calls"),
        ("/media/a-secret", "/media"),
        ("/mediation", "other"),
        ("/", "other"),
    ],
)
def test_paths_are_told_without_their_secrets(path: str, endpoint: str) -> None:
    assert endpoint_of(path) == endpoint


def test_which_error_responses_refuse_somebody() -> None:
    stranger, known = scope(None), scope(None)
    prove(known, "caller")
    assert [status for status in (200, 304, 400, 401, 403, 404, 429, 500, 503) if is_refusal(stranger, status)] == [
        400,
        401,
        403,
        404,
        429,
    ]
    assert [status for status in (200, 400, 401, 403, 404, 409, 429, 503) if is_refusal(known, status)] == [
        401,
        403,
        429,
    ]


@virtual_time
async def test_reports_come_by_the_minute_and_at_the_end() -> None:
    refusals, kept = Refusals(), []

    async def keep(found: list[Refusal]) -> None:
        kept.append(found)

    running = asyncio.create_task(refusals.run(keep))
    await asyncio.sleep(1.5 * REPORT_S)
    refusals.count(HERE, "/api", "unauthorized")
    await asyncio.sleep(REPORT_S)
    assert kept == [[Refusal(HERE, "/api", "unauthorized", 1)]]
    refusals.count(HERE, "/api", "unauthorized")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert refusals.report() == [], "it was reported at the end"
