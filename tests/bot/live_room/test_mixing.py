from __future__ import annotations

import numpy as np
import pytest

from bot.live_room.mixing import mixed


def frame(*samples: int) -> bytes:
    return np.array(samples, np.int16).tobytes()


@pytest.mark.parametrize(
    ("interpretation", "floor", "heard"),
    [
        (b"", (frame(100, -200), frame(10, 20)), frame(110, -180)),
        (frame(1_000, -1_000), (frame(400, 800),), frame(1_100, -800)),
        (frame(1_000, -1_000), (frame(400, 800), frame(-400, 0)), frame(1_000, -800)),
        (frame(32_000, -32_000), (frame(20_000, -20_000),), frame(32_767, -32_768)),
        (b"", (frame(32_000, 1), frame(32_000, 1)), frame(32_767, 2)),
    ],
)
def test_voices_are_added_and_those_under_an_interpretation_are_softer(
    interpretation: bytes, floor: tuple[bytes, ...], heard: bytes
) -> None:
    assert mixed(interpretation, floor) == heard
