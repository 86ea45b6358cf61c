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
resampler stays under 1; recordings of people start at 2, but for those that went through a noise gate."""

NOISE_SIGMA = 40.0
"""White noise that makes digital silence a room, in 16-bit steps: the acoustic model never saw exact zeros and fails
on them."""

PAD = 0.3
"""Seconds of such noise before and after an utterance that was cut tight: words at its edges are lost otherwise."""

TIGHT = 0.1
"""An utterance is cut tight when the 30 ms at an edge are louder than this share of its loudest moment: synthesised
speech is at 0.1 to 0.6, recordings with their pauses under 0.08."""

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


def loudness(samples: Samples) -> Samples:
    """RMS of each whole 10 ms frame at 16 kHz, in 16-bit steps."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    rms: Samples = np.sqrt(np.mean(np.square(frames), axis=1))
    return rms


def for_recogniser(pcm: bytes) -> bytes:
    """An utterance of 24 kHz as the recogniser wants it: 16 kHz, faint noise where there is digital silence.

    The same bytes give the same bytes. What a microphone recorded, pauses included, is resampled and left alone.
    """
    samples = resample(read_pcm(pcm), SAMPLE_RATE, RECOGNISER_RATE)
    levels = loudness(samples)
    if not len(levels):
        return write_pcm(samples)
    silent = np.percentile(levels, 1) < SILENCE_RMS
    tight = max(np.mean(levels[:3]), np.mean(levels[-3:])) > TIGHT * levels.max()
    pad = int(PAD * RECOGNISER_RATE) if silent or tight else 0
    noise = np.random.default_rng(_SEED).normal(0.0, NOISE_SIGMA, len(samples) + 2 * pad).astype(np.float32)
    if not silent:
        noise[pad : len(noise) - pad] = 0.0
    return write_pcm(np.pad(samples, pad) + noise)
