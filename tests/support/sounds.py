"""Sounds for tests of measurements: distinct noise bursts in place of speech, and silence."""

from __future__ import annotations

import numpy as np

from demo.recording_analysis import RATE, Samples


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.int16)


def speech(seconds: float, seed: int, level: float = 3_000) -> Samples:
    """Noise: as loud throughout, and like nothing else but itself."""
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE)).astype(np.int16)


def joined(*pieces: Samples) -> Samples:
    return np.concatenate(pieces)


def mixed(*voices: Samples) -> Samples:
    """All at once, as a room adds them up; the shorter ones are silent at the end."""
    total = np.zeros(max(map(len, voices)), np.int32)
    for voice in voices:
        total[: len(voice)] += voice
    return np.clip(total, -32768, 32767).astype(np.int16)
