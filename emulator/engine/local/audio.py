"""Prepares whole utterances for the recogniser: sample rate and noise floor of PCM16 mono."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from emulator.engine.base import SAMPLE_RATE

RECOGNISER_RATE = 16_000
"""Sample rate of the acoustic model."""

SILENCE_RMS = 1.5
"""Noise floor, in 16-bit steps, below which pauses count as digital silence, which no microphone produces. A
resampler's dither stays below 1; recordings of people start at 2, except after a noise gate."""

NOISE_SIGMA = 40.0
"""Standard deviation, in 16-bit steps, of the white noise added to digital silence: the acoustic model was not trained
on exact zeros and fails on them."""

PAD = 0.3
"""Seconds of noise added before and after a tightly cut utterance; words at its edges are lost otherwise."""

TIGHT = 0.1
"""An utterance is tightly cut if the 30 ms at an edge are louder than this share of its loudest frame: synthesised
speech has 0.1 to 0.6, recordings with pauses less than 0.08."""

_SEED = 0x5EED
_FRAME = RECOGNISER_RATE // 100

Samples = npt.NDArray[np.float32]


def resample(samples: Samples, source: int, target: int) -> Samples:
    """Resample in floating point: the integer path dithers and would change digital silence."""
    if source == target or not len(samples):
        return samples
    resampled: Samples = soxr.resample(samples, source, target, quality="HQ")
    return resampled


def read_pcm(pcm: bytes) -> Samples:
    """Convert PCM16 little-endian to floats in 16-bit steps; an odd last byte is ignored."""
    return np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2).astype(np.float32)


def write_pcm(samples: Samples) -> bytes:
    """Convert floats in 16-bit steps to PCM16 little-endian, clipped."""
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


def loudness(samples: Samples) -> Samples:
    """Return the RMS of each whole 10 ms frame at 16 kHz, in 16-bit steps."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    rms: Samples = np.sqrt(np.mean(np.square(frames), axis=1))
    return rms


def for_recogniser(pcm: bytes) -> bytes:
    """Convert an utterance from 24 kHz to the recogniser's 16 kHz, with faint noise in place of digital silence.

    The result is deterministic. Microphone recordings with pauses are only resampled.
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
