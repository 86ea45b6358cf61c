from __future__ import annotations

import numpy as np
import pytest

from bot.live_room.mixing import mixed, without_each


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


def test_everybody_is_left_out_once() -> None:
    one, two, three = (frame(1 << bit, 0) for bit in (4, 5, 6))
    voice = frame(1_000, 0)
    assert without_each(b"", {"a": one}) == {"a": frame(0, 0)}
    assert without_each(voice, {"a": one}) == {"a": voice}
    assert without_each(b"", {"a": one, "b": two}) == {"a": two, "b": one}
    assert without_each(voice, {"a": one, "b": two}) == {"a": mixed(voice, (two,)), "b": mixed(voice, (one,))}
    assert without_each(b"", {"a": one, "b": two, "c": three})["b"] == mixed(b"", (one, three))
