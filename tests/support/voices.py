"""Sound that is like a voice as far as correlation goes, in frames, and late."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SILENCE = bytes(960)
Audio = NDArray[np.float64]


def babble(seed: int, seconds: float = 4.0) -> Audio:
    """Like a voice as far as correlation goes: low noise that swells and fades a few times a second."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * 24_000)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum[np.fft.rfftfreq(samples, 1 / 24_000) > 1_500] = 0
    times = np.arange(samples) / 24_000
    voice: Audio = np.fft.irfft(spectrum, samples) * (0.6 + 0.4 * np.sin(2 * np.pi * (3 + seed % 3) * times + seed))
    return voice / np.std(voice) * 2_000


def late(audio: Audio, delay_ms: float) -> Audio:
    delay = round(delay_ms * 24)
    return np.concatenate([np.zeros(delay), audio[: len(audio) - delay]])


def frames(audio: Audio) -> list[bytes]:
    pcm = audio.clip(-32768, 32767).astype(np.int16).tobytes()
    return [pcm[start : start + 960] for start in range(0, len(pcm) - 959, 960)]
