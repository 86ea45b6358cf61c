"""Sample rates and the noise floor of whole utterances, as plain functions on PCM16 mono; no streams."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from emulator.engine.base import SAMPLE_RATE

RECOGNISER_RATE = 16_000
"""What the acoustic model was trained on."""

SILENCE_RMS = 1.5
"""Noise floor, in 16-bit steps, under which pauses are digital silence, which no microphone gives. Dither of a
resampler stays under 1; recordings of people start at 2.4, but for those that went through a noise gate."""

NOISE_SIGMA = 40.0
"""White noise laid over an utterance with digital silence, in 16-bit steps: the acoustic model never saw exact zeros
and fails on them."""

PAD = 0.3
"""Seconds of that noise before and after it: speech that starts or ends with the utterance loses words there."""

_SEED = 0x5EED
_FRAME = RECOGNISER_RATE // 100

Samples = npt.NDArray[np.float32]


def resample(samples: Samples, source: int, target: int) -> Samples:
    """The same sound at another rate. In floating point: the integer path dithers, and digital silence stops being."""
    if source == target or not len(samples):
        return samples
    resampled: Samples = soxr.resample(samples, source, target, quality="HQ")
    return resampled


def read_pcm(pcm: bytes) -> Samples:
    """PCM16 little-endian as floats in 16-bit steps; an odd last byte is not a sample."""
    return np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2).astype(np.float32)


def write_pcm(samples: Samples) -> bytes:
    """Floats in 16-bit steps as PCM16 little-endian, clipped."""
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


def noise_floor(samples: Samples) -> float:
    """What the quietest 3 % of 10 ms frames stay under, as RMS in 16-bit steps; 0.0 for less than one frame."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    if not len(frames):
        return 0.0
    loudness = np.sqrt(np.mean(np.square(frames), axis=1))
    return float(np.percentile(loudness, 3))


def loudest(samples: Samples) -> float:
    """Loudness of the loudest 10 ms frame, as RMS in 16-bit steps."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return float(np.sqrt(np.mean(np.square(frames), axis=1).max())) if len(frames) else 0.0


def for_recogniser(pcm: bytes) -> bytes:
    """An utterance of 24 kHz as the recogniser wants it: 16 kHz, digital silence filled with faint noise.

    The same bytes give the same bytes. What a microphone recorded is resampled and otherwise left alone.
    """
    samples = resample(read_pcm(pcm), SAMPLE_RATE, RECOGNISER_RATE)
    if noise_floor(samples) < SILENCE_RMS:
        samples = np.pad(samples, int(PAD * RECOGNISER_RATE))
        noise = np.random.default_rng(_SEED).normal(0.0, NOISE_SIGMA, len(samples))
        samples = samples + noise.astype(np.float32)
    return write_pcm(samples)
