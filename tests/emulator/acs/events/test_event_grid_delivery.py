from __future__ import annotations

import pytest

from emulator.acs.events.event_grid_delivery import wait_after


@pytest.mark.parametrize(
    ("status", "waits"),
    [
        (500, [10, 30, 60, 300, 600, 1800, 3600, 3600, 3600]),
        (0, [10, 30, 60, 300]),
        (404, [300, 300, 300, 300, 600]),
        (408, [120, 120, 120, 300]),
        (503, [30, 30, 60]),
    ],
)
def test_the_waits_are_the_documented_ones(status: int, waits: list[int]) -> None:
    assert [wait_after(status, tries) for tries in range(1, len(waits) + 1)] == waits
