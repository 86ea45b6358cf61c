from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import stamps
from benchmarks.stamps import FRAME_BYTES, LARGEST


def sound(frames: int, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).integers(-20_000, 20_000, frames * 480, dtype=np.int16).tobytes()


@given(st.integers(1, LARGEST), st.integers(0, LARGEST - 5), st.integers(0, 5), st.integers(0, 100))
def test_every_frame_is_recognised(source: int, first: int, frames: int, seed: int) -> None:
    read = stamps.read(stamps.stamped(sound(frames, seed), source, first)).tolist()
    assert [stamps.source(stamp) for stamp in read] == [source] * frames
    assert [stamps.number(stamp) for stamp in read] == list(range(first, first + frames))


def test_nobody_hears_it() -> None:
    before = sound(10)
    after = stamps.stamped(before, 4711, 0)
    difference = np.frombuffer(after, np.int16).astype(int) - np.frombuffer(before, np.int16)
    assert len(after) == len(before)
    assert np.abs(difference).max() == 1


def test_silence_is_from_nobody() -> None:
    assert stamps.read(bytes(2 * FRAME_BYTES)).tolist() == [0, 0]
    assert stamps.source(0) == 0


def test_a_rest_is_left_alone() -> None:
    pcm = sound(1) + b"\x01\x02"
    marked = stamps.stamped(pcm, 1, 0)
    assert marked[-2:] == b"\x01\x02"
    assert len(stamps.read(marked)) == 1


@pytest.mark.parametrize(("source", "first"), [(0, 0), (LARGEST + 1, 0), (1, -1), (1, LARGEST)])
def test_numbers_that_do_not_fit_are_refused(source: int, first: int) -> None:
    with pytest.raises(ValueError, match="cannot stamp"):
        stamps.stamped(sound(2), source, first)
