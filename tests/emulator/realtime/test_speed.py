from __future__ import annotations

import numpy as np
import pytest

from emulator.engine.base import SAMPLE_RATE, Spoken
from emulator.engine.scripted import marker_tone, read_markers, tone
from emulator.realtime.speed import shortened, stretched


@pytest.mark.parametrize("speed", [0.25, 0.8, 1.0, 1.1, 1.25, 1.5])
def test_speech_gets_as_long_as_its_speed_says(speed: float) -> None:
    pcm = tone(220, 2_000, 8_000)
    assert len(stretched(pcm, speed)) == pytest.approx(len(pcm) / speed, abs=2)


@pytest.mark.parametrize("speed", [0.8, 1.25, 1.5])
def test_its_pitch_and_level_stay(speed: float) -> None:
    samples = np.frombuffer(stretched(tone(220, 2_000, 8_000), speed), dtype="<i2")[2_400:-2_400]
    loudest = np.abs(np.fft.rfft(samples)).argmax() * SAMPLE_RATE / len(samples)
    assert loudest == pytest.approx(220, abs=3)
    assert np.sqrt(np.square(samples.astype(float)).mean()) == pytest.approx(8_000 / 2**0.5, rel=0.1)


def test_a_marker_is_still_read() -> None:
    assert read_markers(stretched(marker_tone(7) + tone(180, 800, 3_000), 1.25)) == [7]


def test_what_is_too_short_to_be_cut_stays_as_it_is() -> None:
    assert stretched(bytes(960), 1.5) == bytes(960)
    assert stretched(b"", 1.5) == b""


def test_half_of_the_words_have_half_of_the_voice() -> None:
    assert shortened(Spoken("Uno dos tres.", bytes(1_002), True)) == Spoken("Uno dos", bytes(500), True)
    assert shortened(Spoken("", b"", True)) == Spoken("", b"", True)
