from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.acs.wire.times import event_time, read_time, wire_time

MOMENT = datetime(2026, 11, 20, 7, 59, 17, 815913, tzinfo=UTC)


def test_each_service_writes_in_its_way() -> None:
    assert wire_time(MOMENT) == "2026-11-20T07:59:17.8159130+00:00"
    assert wire_time(MOMENT.replace(microsecond=0)) == "2026-11-20T07:59:17+00:00"
    assert event_time(MOMENT.astimezone(timezone(timedelta(hours=2)))) == "2026-11-20T07:59:17.8159130Z"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T08:00:00Z", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20T10:00:00+02:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20T08:00:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20T07:59:17.8159131+00:00", MOMENT),
        ("2026-11-20T08:00:00.5Z", datetime(2026, 11, 20, 8, microsecond=500_000, tzinfo=UTC)),
    ],
)
def test_any_spelling_of_rfc_3339_is_read(text: str, moment: datetime) -> None:
    assert read_time(text) == moment


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)))
def test_what_is_written_is_read_back(moment: datetime) -> None:
    assert read_time(wire_time(moment)) == moment
    assert read_time(event_time(moment)) == moment
