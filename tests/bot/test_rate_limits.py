"""Rates that whole crowds need. That a limit holds: `tests/access/`."""

from __future__ import annotations

from bot.config import Settings
from bot.rate_limits import JOIN_CODES_AT_ONCE, JOIN_CODES_PER_S, RateLimits

PHONES = 500


def test_a_hall_of_phones_behind_one_address_joins_at_once_and_a_flood_from_there_waits() -> None:
    now = 0.0
    codes = RateLimits(Settings.model_construct(), lambda: now).join_codes()
    assert not any(codes.take("192.0.2.1") for _ in range(4 * PHONES)), "a page and three tickets each"
    assert [bool(codes.take("192.0.2.1")), bool(codes.take("192.0.2.2"))] == [True, False]
    now += 10.0
    waits = [codes.take("192.0.2.1") for _ in range(round(10 * JOIN_CODES_PER_S) + 1)]
    assert [wait > 0 for wait in waits].count(True) == 1
    assert JOIN_CODES_AT_ONCE == 4 * PHONES
