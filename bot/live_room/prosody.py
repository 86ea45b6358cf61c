"""Tells by the sound of the last words whether a sentence is finished: their pitch and level against those before.

At the end of a statement the voice falls to its lowest pitch and loses its strength; before a pause for breath or
thought it does neither. That is no more than likely: of sentences it was not trained with, it takes one end in eight
for unfinished, and nearly half of the pauses inside for ends. `WEIGHTS` are made by
`benchmarks/turns/prosody_training.py`. About 1 ms, once in a pause.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

HEARD_FRAMES = 75
"""1.5 s are looked at."""
CLEAR_DB = 25
"""A voice is clear if its softest moments are so much softer than its loud ones, or the pause is."""
LOUD_PERCENTILE = 80
NAMES = ("drop", "low", "tail", "end", "middle", "syllable")
WEIGHTS = (-0.185, -0.189, 1.593, 0.205, 0.144, -1.824)
BIAS = -1.129

_RATE = 8_000
_HOP = 160
_WINDOW = 320
"""40 ms every 20 ms: two periods of a voice of 50 Hz."""
_FFT = 512
"""Windows and the longest lag fit into it."""
_SHORTEST_LAG, _LONGEST_LAG = 20, 115
"""Pitch from 400 Hz down to 70."""
_PERIODIC = 0.55
"""Autocorrelation of a window that has a pitch, at its lag."""
_AUDIBLE = 10 ** (-30 / 10)
"""Windows within 30 dB of the loudest count, the last of them is the end."""
_LEAST_WINDOWS = 20
_LEAST_PITCHED = 6

_TAPER = np.hanning(_WINDOW).astype(np.float32)
_OF_TAPER = np.fft.irfft(np.abs(np.fft.rfft(_TAPER, _FFT)) ** 2)[: _LONGEST_LAG + 1]
_OF_TAPER /= _OF_TAPER[0]

Floats = NDArray[np.float64]


def likely_finished(pcm: bytes) -> float | None:
    """Return how likely the last words finish a sentence, from 0 to 1.

    None if there is too little voice to tell, or so much noise beside it that its fall cannot be heard.

    Args:
        pcm: PCM16 mono 24 kHz, 1.5 s up to the pause or into it.
    """
    level, pitch, floor = _contour(pcm)
    heard = _features(level, pitch)
    if heard is None or float(np.percentile(level, LOUD_PERCENTILE)) - floor < CLEAR_DB:
        return None
    return 1 / (1 + math.exp(-BIAS - sum(weight * value for weight, value in zip(WEIGHTS, heard, strict=True))))


def features(pcm: bytes) -> tuple[float, ...] | None:
    """Return what is known of the last words, in the order of `NAMES`; None if there is too little voice."""
    level, pitch, _ = _contour(pcm)
    return _features(level, pitch)


def _features(level: Floats, pitch: Floats) -> tuple[float, ...] | None:
    pitched = np.flatnonzero(pitch)
    if len(level) < _LEAST_WINDOWS or len(pitched) < _LEAST_PITCHED:
        return None
    heard = pitch[pitched]
    usual = np.median(heard)
    heard = np.where(heard > usual + 9, heard - 12, np.where(heard < usual - 9, heard + 12, heard))  # wrong octaves
    final = float(np.median(heard[-4:]))
    loud = float(np.percentile(level, LOUD_PERCENTILE))
    return (
        final - float(np.median(heard[:-4])),  # semitones by which the voice has fallen
        final - float(np.percentile(heard, 10)),  # semitones above its lowest
        min(float(len(level) - 1 - pitched[-1]), 20.0) / 10,  # 200 ms without pitch at the end
        (float(level[-5:].mean()) - loud) / 10,  # 10 dB: the last 100 ms
        (float(level[-15:-5].mean()) - loud) / 10,  # the 200 ms before
        (float(level[-15:].max()) - float(level.max())) / 10,  # the last syllable against the loudest
    )


def _contour(pcm: bytes) -> tuple[Floats, Floats, float]:
    """Return level in dB and pitch in semitones, 0 where there is none, every 20 ms up to the last sound.

    And the level of the softest 40 ms, those after the last sound included.
    """
    samples = np.frombuffer(pcm[: len(pcm) // 6 * 6], np.int16).reshape(-1, 3).mean(axis=1, dtype=np.float32)
    samples = samples[len(samples) % _HOP :]
    if len(samples) < 2 * _WINDOW:
        return np.empty(0), np.empty(0), 0.0
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    windows = (windows - windows.mean(axis=1, keepdims=True)) * _TAPER
    power = np.square(windows).mean(axis=1)
    floor = 10 * np.log10(float(power.min()) + 1e-3)
    audible = power > power.max() * _AUDIBLE
    end = len(power) - int(audible[::-1].argmax()) if audible.any() else 0
    windows, power, audible = windows[:end], power[:end], audible[:end]
    correlated = np.fft.irfft(np.square(np.abs(np.fft.rfft(windows, _FFT))))[:, : _LONGEST_LAG + 1]
    correlated = (correlated / (correlated[:, :1] + 1e-9) / _OF_TAPER)[:, _SHORTEST_LAG:]
    best = correlated.max(axis=1, initial=0.0)
    # Multiples of a period fit as well as the period: of the peaks that are nearly the best, the first counts.
    inner = correlated[:, 1:-1]
    peaks = (inner >= correlated[:, :-2]) & (inner >= correlated[:, 2:]) & (inner > 0.85 * best[:, None])
    lag = _SHORTEST_LAG + 1 + peaks.argmax(axis=1)
    pitched = (best > _PERIODIC) & peaks.any(axis=1) & audible
    pitch = np.where(pitched, 12 * np.log2(_RATE / lag / 55.0), 0.0)
    return 10 * np.log10(power.astype(np.float64) + 1e-3), pitch, float(floor)
