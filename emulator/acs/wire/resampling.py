"""The one audio format of a call's inside, 24 kHz PCM16 mono in 20 ms frames, and the way to 16 kHz and back."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
import soxr
from numpy.typing import NDArray

FRAME_S = 0.02
FRAME_MS = 20
RATE = 24_000
FRAME_BYTES = 960
SILENCE = bytes(FRAME_BYTES)
# Sample rate to bytes in 20 ms: what `AudioMetadata.length` announces.
BYTES_PER_FRAME = {16_000: 640, 24_000: 960}


class _Resampler(Protocol):
    def resample_chunk(self, samples: NDArray[np.int16], last: bool = False) -> NDArray[np.int16]: ...


class RateConverter:
    """A continuous stream at one rate turned into the same stream at another, a few milliseconds later."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        # Quality "LQ" suffices for speech and keeps the delay at a few milliseconds.
        stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="int16", quality="LQ")
        self._stream = cast(_Resampler, stream)
        self._frame_bytes = BYTES_PER_FRAME[target_rate]
        self._ready = bytearray()

    def convert(self, pcm: bytes) -> bytes:
        """Whatever is ready after hearing `pcm`; over time as long as what went in."""
        return self._stream.resample_chunk(np.frombuffer(pcm, dtype=np.int16)).tobytes()

    def frame(self, pcm: bytes) -> bytes:
        """One frame in, one frame out; the first may hold some silence while the filter fills."""
        self._ready += self.convert(pcm)
        if len(self._ready) < self._frame_bytes:
            self._ready[:0] = bytes(self._frame_bytes - len(self._ready))
        frame = bytes(self._ready[: self._frame_bytes])
        del self._ready[: self._frame_bytes]
        return frame
