from __future__ import annotations

import numpy as np
import pytest

from emulator.acs.wire.resampling import BYTES_PER_FRAME, RateConverter
from tests.support.acs_emulator import samples, tone


@pytest.mark.parametrize(("source", "target"), [(24_000, 16_000), (16_000, 24_000)])
def test_a_stream_keeps_its_length_and_sound(source: int, target: int) -> None:
    converter = RateConverter(source, target)
    pcm = tone(1000, rate=source)
    size = BYTES_PER_FRAME[source]
    frames = [converter.frame(pcm[start : start + size]) for start in range(0, len(pcm), size)]
    assert {len(frame) for frame in frames} == {BYTES_PER_FRAME[target]}
    heard = np.array(samples(b"".join(frames)), dtype=float)[target // 2 :]
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) * target / len(heard) == pytest.approx(440, abs=3)
    assert np.abs(heard).max() == pytest.approx(0.3 * 32767, rel=0.03)
