"""Appends of any length become frames of 200 ms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.engine_frames import FRAME_BYTES, MAX_WAITING_BYTES, EngineFrames
from emulator.realtime.errors import ApiError
from tests.support.realtime_driver import pcm_of


def test_a_frame_is_9600_bytes() -> None:
    assert FRAME_BYTES == 9_600


def test_short_appends_wait_and_long_ones_are_split() -> None:
    frames = EngineFrames()
    for _ in range(9):
        frames.append(pcm_of(20))
    assert (len(frames), frames.waiting) == (0, len(pcm_of(180)))
    frames.append(pcm_of(450))
    assert len(frames) == 3
    assert [len(frames.take()) for _ in range(3)] == [FRAME_BYTES] * 3
    assert frames.waiting == len(pcm_of(30))


@given(st.lists(st.binary(max_size=25_000), max_size=8))
def test_frames_join_to_what_was_appended(appends: list[bytes]) -> None:
    frames = EngineFrames()
    for pcm in appends:
        frames.append(pcm)
    frames.flush()
    taken = [frames.take() for _ in range(len(frames))]
    assert b"".join(taken) == b"".join(appends)
    assert all(len(frame) == FRAME_BYTES for frame in taken[:-1])
    assert (frames.waiting, frames.received) == (0, sum(map(len, appends)))


def test_they_do_not_pile_up_without_end() -> None:
    frames = EngineFrames()
    frames.append(bytes(MAX_WAITING_BYTES))
    with pytest.raises(ApiError):
        frames.append(bytes(2))
    frames.take()
    frames.append(bytes(2))
