"""Other rates: a frame for a frame, 20 ms later, and the same voice."""

from __future__ import annotations

import pytest

from listeners.audio_frames import pcm_bytes
from listeners.resampling import DELAY_MS, FrameResampler
from tests.support.voice import frames, level_db, snr_db, voice


@pytest.mark.parametrize(("source", "target"), [(24_000, 16_000), (16_000, 24_000)])
def test_a_frame_comes_for_each_and_is_the_same_voice(source: int, target: int) -> None:
    said, expected = voice(4, rate=source), voice(4, rate=target)
    resampler = FrameResampler(source, target)
    heard = [resampler.frame(frame) for frame in frames(said, pcm_bytes(source))]
    assert {len(frame) for frame in heard} == {pcm_bytes(target)}
    assert len(heard) == 200
    assert snr_db(expected, b"".join(heard)) > 15  # 17.7; the clocks of both differ by a fraction of a sample
    silence = heard[: DELAY_MS // 20]
    assert silence == [bytes(pcm_bytes(target))]
    assert abs(level_db(b"".join(heard)) - level_db(expected)) < 1
