"""Generates speech-like and noise-like frames, the same in every run."""

from __future__ import annotations

from functools import cache

import numpy as np

FRAME_SAMPLES = 480
_RATE = 24_000


def _cut(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[bytes]:
    pcm = np.clip(samples, -32768, 32767).astype("<i2").tobytes()
    return [pcm[start : start + 960] for start in range(0, len(pcm), 960)]


@cache
def speech_frames() -> list[bytes]:
    """Return 3 s of a buzz with formants and four syllables per second, which detectors take for a voice."""
    time = np.arange(3 * _RATE) / _RATE
    pitch = 120 + 15 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / _RATE
    formants = ((500, 1.0), (1500, 0.5), (2500, 0.25))
    voice = np.zeros_like(time)
    for harmonic in range(1, 28):
        at = 120.0 * harmonic
        strength = sum(gain / (1 + ((at - formant) / 150) ** 2) for formant, gain in formants) + 0.02
        voice += strength * np.sin(harmonic * phase)
    syllables = 0.35 + 0.65 * np.abs(np.sin(2 * np.pi * 2 * time))
    return _cut(4_000 * voice * syllables)


@cache
def noise_frames() -> list[bytes]:
    """Return 2 s of a quiet room, -58 dBFS: loud enough not to be flagged as silent."""
    return _cut(np.random.default_rng(1).normal(0.0, 40.0, 2 * _RATE))
