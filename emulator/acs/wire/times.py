"""Reads and writes dates in the form of each service."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def wire_time(moment: datetime) -> str:
    """Return `2026-11-20T07:59:17.8159130+00:00`: seven fraction digits, left out when all are zero."""
    fraction = f".{moment.microsecond:06}0" if moment.microsecond else ""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") + fraction + "+00:00"


def event_time(moment: datetime) -> str:
    """Return `2026-11-20T08:00:03.1234560Z`, the form of Event Grid."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def read_time(text: str) -> datetime:
    """Read a date of RFC 3339 with any number of fraction digits; without offset it is taken as UTC.

    Raises:
        ValueError: the text is no such date.
    """
    moment = datetime.fromisoformat(_FRACTION.sub(lambda found: "." + found[1].ljust(6, "0"), text))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
