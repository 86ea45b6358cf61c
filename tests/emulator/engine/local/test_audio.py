from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.engine.local.audio import (
    NOISE_SIGMA,
    PAD,
    RECOGNISER_RATE,
    Samples,
    for_recogniser,
    loudness,
    read_pcm,
    resample,
    write_pcm,
)

RATE = 24_000


def speech(seconds: float, floor: float, edge: float = 0.25) -> bytes:
    """A loud tone between pauses of `edge` seconds, over white noise of RMS `floor`."""
    samples = int(seconds * RATE)
    time = np.arange(samples) / RATE
    tone = 8000.0 * np.sin(2 * np.pi * 220 * time)
    tone[(time < edge) | (time > seconds - edge)] = 0.0
    return write_pcm((tone + np.random.default_rng(1).normal(0, floor, samples)).astype(np.float32))


def heard(pcm: bytes) -> Samples:
    return read_pcm(for_recogniser(pcm))


def test_digital_silence_becomes_a_faint_room() -> None:
    levels = loudness(heard(speech(2.0, floor=0.0)))
    assert levels.min() == pytest.approx(NOISE_SIGMA, rel=0.4)


def test_what_a_microphone_recorded_is_left_alone() -> None:
    pcm = speech(2.0, floor=12.0)
    plain = resample(read_pcm(pcm), RATE, RECOGNISER_RATE)
    assert np.abs(heard(pcm) - plain).max() <= 0.5


def test_a_tight_cut_gets_room_at_both_ends_and_keeps_its_samples() -> None:
    pcm = speech(1.0, floor=12.0, edge=0.0)
    plain = resample(read_pcm(pcm), RATE, RECOGNISER_RATE)
    pad = int(PAD * RECOGNISER_RATE)
    padded = heard(pcm)
    assert len(padded) == len(plain) + 2 * pad
    assert np.abs(padded[pad:-pad] - plain).max() <= 0.5
    assert loudness(padded[:pad]).max() < 2 * NOISE_SIGMA


@given(st.binary(max_size=4000))
def test_the_same_bytes_give_the_same_bytes(pcm: bytes) -> None:
    assert for_recogniser(pcm) == for_recogniser(pcm)


@pytest.mark.parametrize("pcm", [b"", b"\1", bytes(100)])
def test_next_to_nothing_is_no_error(pcm: bytes) -> None:
    assert len(for_recogniser(pcm)) <= 100 + 2 * 2 * PAD * RECOGNISER_RATE


def test_resampling_keeps_digital_silence() -> None:
    assert not resample(np.zeros(2205, np.float32), 22_050, RATE).any()


@given(st.lists(st.integers(-32768, 32767)))
def test_pcm_survives_being_read_and_written(values: list[int]) -> None:
    pcm = np.array(values, dtype="<i2").tobytes()
    assert write_pcm(read_pcm(pcm)) == pcm


def test_too_loud_is_clipped_not_wrapped() -> None:
    assert read_pcm(write_pcm(np.array([40000.0, -40000.0], np.float32))).tolist() == [32767.0, -32768.0]
