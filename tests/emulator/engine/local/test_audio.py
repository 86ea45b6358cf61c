from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.engine.local.audio import (
    RECOGNISER_RATE,
    Samples,
    cepstra,
    log_mel,
    read_pcm,
    resample,
    without_edges,
    write_pcm,
)

BANDS = 80


def tone(hertz: float, seconds: float = 1.0) -> Samples:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RECOGNISER_RATE)) / RECOGNISER_RATE)).astype("f4")


def test_a_spectrogram_has_a_column_every_ten_milliseconds() -> None:
    assert log_mel(tone(440, 1.5), BANDS).shape == (BANDS, 150)
    assert log_mel(np.zeros(10, np.float32), BANDS).shape == (BANDS, 1)


def test_silence_and_clicks_around_speech_are_cut_off() -> None:
    silence, click = np.zeros(RECOGNISER_RATE, np.float32), tone(440, 0.03)
    speech = np.concatenate([tone(440), silence, tone(300)])
    cut = without_edges(np.concatenate([click, silence, speech, silence, click]))
    assert len(cut) == pytest.approx(len(speech) + RECOGNISER_RATE // 10, abs=RECOGNISER_RATE // 50)
    assert without_edges(speech).tolist() == speech.tolist()
    for nothing in (silence, click, silence[:0]):
        assert without_edges(nothing) is nothing


def test_a_higher_tone_is_in_a_higher_band() -> None:
    bands = [int(log_mel(tone(hertz), BANDS)[:, 50].argmax()) for hertz in (200, 400, 1000, 2000, 4000)]
    assert bands == sorted(set(bands))
    # Below 1 kHz a band is 37.4 Hz wide, so that these are known by heart.
    assert bands[:2] == [4, 10]


def test_a_spectrogram_reaches_from_its_loudest_point_eight_powers_of_ten_down() -> None:
    spectrogram = log_mel(np.concatenate([tone(440), np.zeros(RECOGNISER_RATE, np.float32)]), BANDS)
    assert spectrogram.max() - spectrogram.min() == pytest.approx(2.0, abs=1e-3)


def test_cepstra_depend_neither_on_loudness_nor_on_silence_around() -> None:
    sound = np.concatenate([tone(300, 0.3), tone(900, 0.3)])
    silence = np.zeros(RECOGNISER_RATE // 5, np.float32)
    soft = cepstra(np.concatenate([silence, sound * 0.1, silence]), 2)
    loud = cepstra(sound, 2)
    assert len(soft) == pytest.approx(len(loud), abs=2)
    assert np.abs(soft[5:10] - loud[5:10]).mean() < 1.0
    assert len(cepstra(silence, 2)) == len(cepstra(silence[:0], 2)) == 0


def test_resampling_keeps_digital_silence() -> None:
    assert not resample(np.zeros(2205, np.float32), 22_050, 24_000).any()


@given(st.lists(st.integers(-32768, 32767)))
def test_pcm_survives_being_read_and_written(values: list[int]) -> None:
    pcm = np.array(values, dtype="<i2").tobytes()
    assert write_pcm(read_pcm(pcm)) == pcm


def test_too_loud_is_clipped_not_wrapped() -> None:
    assert read_pcm(write_pcm(np.array([40000.0, -40000.0], np.float32))).tolist() == [32767.0, -32768.0]
