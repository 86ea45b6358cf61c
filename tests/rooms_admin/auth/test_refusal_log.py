"""Admins see what was refused within the last hour, whichever replica refused it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from http_serving.refusals import Refusal
from rooms_admin.auth.refusal_log import KEPT_S, RecentRefusals, RefusalLog
from storage.errors import StoreUnavailable
from tests.support.in_memory_stores import InMemoryKeyValue

NOW = 1_800_000_000.0
KEY = Refusal("192.0.2.7", "/api", "unauthorized", 300)
CODE = Refusal("192.0.2.7", "/api/join", "not_found", 5)


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def seen(refusal: Refusal, count: int, at: float) -> RecentRefusals:
    return RecentRefusals(refusal.caller, refusal.endpoint, refusal.reason, count, datetime.fromtimestamp(at, UTC))


async def test_reports_of_replicas_are_added_up_and_kept_for_an_hour() -> None:
    clock = Clock()
    store = InMemoryKeyValue(clock)
    one, other = RefusalLog(store, now=clock), RefusalLog(store, now=clock)
    await one.keep([CODE, KEY])
    clock.now += 60
    await other.keep([CODE])
    assert await one.recent() == [seen(KEY, 300, NOW), seen(CODE, 10, NOW + 60)]
    clock.now = NOW + KEPT_S
    assert await one.recent() == [seen(CODE, 5, NOW + 60)]


async def test_a_report_that_cannot_be_read_hides_no_other() -> None:
    store = InMemoryKeyValue(Clock())
    await store.put({"refusals:1": b"\xff", "refusals:2": b'{"at": "soon"}'})
    log = RefusalLog(store, now=Clock())
    await log.keep([KEY])
    assert await log.recent() == [seen(KEY, 300, NOW)]


async def test_a_store_that_is_away_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Away(InMemoryKeyValue):
        async def put(self, values: Mapping[str, bytes], ttl_s: float | None = None) -> None:
            raise StoreUnavailable("the store is not available")

    with caplog.at_level(logging.ERROR):
        await RefusalLog(Away()).keep([KEY])
    assert [record.message for record in caplog.records] == ["refusals not stored"]
