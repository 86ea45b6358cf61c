"""A sound like a voice: harmonics of a gliding pitch under two formants, with syllables and pauses. No recording."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RATE = 24_000
Sound = npt.NDArray[np.float64]


def voice(seconds: float, *, pitch: float = 120.0, rate: int = RATE) -> bytes:
    """Return PCM16 mono at `rate`; the same each time."""
    t = np.arange(round(seconds * rate)) / rate
    f0 = pitch * (1 + 0.2 * np.sin(2 * np.pi * 0.7 * t))
    phase = 2 * np.pi * np.cumsum(f0) / rate
    sound: Sound = np.zeros(len(t))
    for harmonic in range(1, int(3_500 / pitch)):
        frequency = harmonic * f0
        formants = np.exp(-(((frequency - 600) / 300) ** 2)) + 0.4 * np.exp(-(((frequency - 1_900) / 400) ** 2))
        sound += formants * np.sin(harmonic * phase)
    sound *= np.clip(np.sin(2 * np.pi * 3 * t) + 0.5, 0, 1)
    pcm: bytes = (sound / np.abs(sound).max() * 12_000).astype("<i2").tobytes()
    return pcm


def samples(pcm: bytes) -> Sound:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def frames(pcm: bytes, size: int = 960) -> list[bytes]:
    return [pcm[start : start + size] for start in range(0, len(pcm) - size + 1, size)]


def snr_db(sent: bytes, heard: bytes, *, most_delay: int = 1_200) -> float:
    """Return the signal-to-noise ratio in dB, at the delay in samples at which it is best."""
    x, y = samples(sent), samples(heard)
    size = min(len(x), len(y)) - most_delay
    spectrum = np.fft.rfft(y, 2 * len(y)) * np.conj(np.fft.rfft(x[:size], 2 * len(y)))
    delay = int(np.argmax(np.fft.irfft(spectrum)[:most_delay]))
    x, y = x[:size], y[delay : delay + size]
    gain = float(x @ y / (x @ x))
    return float(10 * np.log10(gain**2 * (x @ x) / (np.sum((y - gain * x) ** 2) + 1)))


def level_db(pcm: bytes) -> float:
    """Return the mean level in dB below full scale."""
    return float(10 * np.log10(np.mean(samples(pcm) ** 2) / 32_768**2 + 1e-12))
