from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speech import frame_levels, longest_pause_ms, synthesise, trimmed
from benchmarks.stamps import FRAME_BYTES

LOUD = np.full(480, 1_000, np.int16).tobytes()
QUIET = bytes(FRAME_BYTES)


def test_silence_is_cut_off_at_the_ends_only() -> None:
    assert trimmed(QUIET * 3 + LOUD + QUIET * 2 + LOUD + QUIET) == LOUD + QUIET * 2 + LOUD
    assert trimmed(QUIET * 3) == b""


def test_longest_pause() -> None:
    assert longest_pause_ms(frame_levels(LOUD + QUIET * 3 + LOUD + QUIET + LOUD)) == 60


@pytest.mark.engine
async def test_everything_said_lasts_2_to_4_seconds_without_a_pause() -> None:
    """A pause inside would be cut out on purpose, and would count as lost."""
    speech = await synthesise()
    said = [pcm for sentences in speech.values() for pcm in sentences]
    assert len(set(said)) == len(said) == 20
    for pcm in said:
        assert 2.0 <= len(pcm) / 48_000 <= 4.0
        assert longest_pause_ms(frame_levels(pcm)) < 200
