"""Converts audio for recogniser and voice: sample rates, PCM16, and the spectra that recognition starts from."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import soxr

RECOGNISER_RATE = 16_000
"""Sample rate of the recogniser."""

HOP = RECOGNISER_RATE // 100
"""Samples from one spectrum to the next: 10 ms."""

AUDIBLE = 50.0
"""Loudness in 16-bit steps (-56 dB) that an utterance must reach, or it counts as silence."""

SHORTEST = 5
"""Frames (50 ms) of a sound that is no click."""

_EDGE = 5
"""Frames (50 ms) kept around speech, for soft beginnings and ends."""


_WINDOW = RECOGNISER_RATE // 40
_DYNAMIC = 8.0
"""Range of a spectrogram below its loudest point, in powers of ten; what is softer counts as silence."""

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
    frames = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
    rms: Samples = np.sqrt(np.mean(np.square(frames), axis=1))
    return rms


def without_edges(samples: Samples) -> Samples:
    """Return speech at 16 kHz without silence and clicks before and after it; without speech, all of it."""
    audible = np.pad(loudness(samples) >= AUDIBLE, (0, SHORTEST))
    voiced = np.flatnonzero(np.convolve(audible, np.ones(SHORTEST), "valid") == SHORTEST)
    if not len(voiced):
        return samples
    return samples[max(0, int(voiced[0]) - _EDGE) * HOP : (int(voiced[-1]) + SHORTEST + _EDGE) * HOP]


def log_mel(samples: Samples, bands: int) -> Samples:
    """Return the log mel spectrogram that Whisper knows, bands × frames, of samples at 16 kHz in 16-bit steps."""
    power = _mel_power(samples / np.float32(32768), bands)
    logs = np.log10(np.maximum(power, 1e-10))
    scaled: Samples = ((np.maximum(logs, logs.max() - _DYNAMIC) + _DYNAMIC / 2) / (_DYNAMIC / 2)).astype(np.float32)
    return scaled


def cepstra(samples: Samples, hop: int) -> Samples:
    """Return the shape of the spectrum every `hop` frames, 13 values each, without the average of line and room.

    Silence before and after is left out, so that utterances can be compared from their first sound to their last.
    """
    power = _mel_power(samples, 26)[:, ::hop]
    level = power.sum(axis=0)
    loud = np.flatnonzero(level > level.max(initial=0.0) * 10**-3.5)
    if not len(loud):
        return np.zeros((0, 13), np.float32)
    logs = np.log(power[:, loud[0] : loud[-1] + 1] + power.max() * 1e-6)
    shapes = (_cosines() @ logs).T
    centred: Samples = shapes - shapes.mean(axis=0)
    return centred


def _mel_power(samples: Samples, bands: int) -> Samples:
    edge = _WINDOW // 2
    padded = np.pad(samples, edge, mode="reflect" if len(samples) > edge else "constant")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[: max(1, len(samples)) : HOP]
    spectra = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW + 1)[:-1].astype(np.float32), axis=1)) ** 2
    power: Samples = _filters(bands) @ spectra.T.astype(np.float32)
    return power


@functools.cache
def _filters(bands: int) -> Samples:
    """Return triangular filters of the same area on Slaney's mel scale: linear below 1 kHz, then logarithmic."""
    step = np.log(6.4) / 27
    top = 15 + np.log(RECOGNISER_RATE / 2 / 1000) / step
    mels = np.linspace(0, top, bands + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * step))
    tones = np.fft.rfftfreq(_WINDOW, 1 / RECOGNISER_RATE)
    rising = (tones - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - tones) / np.diff(edges)[1:, None]
    area = 2 / (edges[2:] - edges[:-2])[:, None]
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * area, np.float32)


@functools.cache
def _cosines() -> Samples:
    angles = np.pi / 26 * (np.arange(26) + 0.5) * np.arange(1, 14)[:, None]
    return np.asarray(np.cos(angles), np.float32)
