"""PCM16 mono audio formats: conversion between milliseconds and bytes. No wire format."""

from __future__ import annotations

from dataclasses import dataclass

FRAME_MS = 20
"""Length of a frame: ACS sends one per 20 ms, and advises to send the same (docs: audio streaming concept)."""

BYTES_PER_SAMPLE = 2
"""16-bit little-endian samples, one channel: the only encoding ACS streams."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """PCM16 mono at a sample rate that is a whole number of samples per millisecond."""

    sample_rate: int
    """Hz."""

    def __post_init__(self) -> None:
        if self.sample_rate <= 0 or self.sample_rate % 1000:
            raise ValueError(f"not a sample rate in whole kHz: {self.sample_rate}")

    @property
    def bytes_per_ms(self) -> int:
        return self.sample_rate // 1000 * BYTES_PER_SAMPLE

    @property
    def frame_bytes(self) -> int:
        """Size of one 20 ms frame: 640 at 16 kHz, 960 at 24 kHz."""
        return self.bytes_per_ms * FRAME_MS

    def bytes_in(self, ms: int) -> int:
        return self.bytes_per_ms * ms

    def ms_in(self, size: int) -> float:
        """Duration of `size` bytes, in milliseconds."""
        return size / self.bytes_per_ms


PCM_24K_MONO = AudioFormat(24_000)
"""The format requested from ACS (`pcm24KMono`): the model's own rate, so that nothing has to be resampled."""
