"""A store that fails is known to fail until it has worked for a while, and fills no log."""

from __future__ import annotations

import logging

import pytest

from storage.health import LOG_EVERY_S, MOST_NAMED, SETTLED_S, StoreHealth


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_reads_that_succeed_on_a_full_disk_do_not_hide_that_it_is_full() -> None:
    clock = Clock()
    health = StoreHealth(clock)
    assert health.problem == ""
    for _ in range(20):
        health.failed("SQLITE_FULL")
        clock.now += 1.5
        health.worked()
        assert health.problem == "SQLITE_FULL"
    clock.now += SETTLED_S
    health.worked()
    assert health.problem == ""


def test_a_failing_store_is_logged_once_a_minute_with_a_count(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    health = StoreHealth(clock)
    with caplog.at_level(logging.INFO):
        for _ in range(int(LOG_EVERY_S) + 2):
            health.failed("SQLITE_FULL")
            clock.now += 1.0
        clock.now += SETTLED_S
        health.worked()
        health.worked()
    assert [(one.message, one.__dict__["failures"]) for one in caplog.records] == [
        ("store failed", 1),
        ("store failed", 60),
        ("store works again", 1),
    ]


def test_unreadable_records_that_are_remembered_are_bounded() -> None:
    health = StoreHealth()
    for number in range(MOST_NAMED + 5):
        health.set_aside("room", str(number), "ValidationError")
    assert health.unreadable == {"room": MOST_NAMED}


def test_records_that_are_not_stored_are_logged_once_a_minute_with_a_count(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    health = StoreHealth(clock)
    for number in range(3):
        health.refused("ledger record", f"u-{number}", "a value of the ledger record cannot be stored")
    clock.now += LOG_EVERY_S
    health.refused("ledger record", "u-3", "a value of the ledger record cannot be stored")
    assert [(one.__dict__["record"], one.__dict__["failures"]) for one in caplog.records] == [("u-0", 1), ("u-3", 3)]
