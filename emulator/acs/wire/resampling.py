"""The audio format inside a call, 24 kHz PCM16 mono in 20 ms frames, and resampling to 16 kHz and back."""

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
# Bytes in 20 ms by sample rate; `AudioMetadata.length` announces them.
BYTES_PER_FRAME = {16_000: 640, 24_000: 960}


class _Resampler(Protocol):
    def resample_chunk(self, samples: NDArray[np.int16], last: bool = False) -> NDArray[np.int16]: ...


class RateConverter:
    """Converts a continuous stream from one rate to another, with a delay of a few milliseconds."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        # Quality "LQ" suffices for speech and keeps the delay at a few milliseconds.
        stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="int16", quality="LQ")
        self._stream = cast(_Resampler, stream)
        self._frame_bytes = BYTES_PER_FRAME[target_rate]
        self._ready = bytearray()

    def convert(self, pcm: bytes) -> bytes:
        """Convert audio and return what is ready; over time, output is as long as input."""
        return self._stream.resample_chunk(np.frombuffer(pcm, dtype=np.int16)).tobytes()

    def frame(self, pcm: bytes) -> bytes:
        """Convert one frame; the first result may begin with silence while the filter fills."""
        self._ready += self.convert(pcm)
        if len(self._ready) < self._frame_bytes:
            self._ready[:0] = bytes(self._frame_bytes - len(self._ready))
        frame = bytes(self._ready[: self._frame_bytes])
        del self._ready[: self._frame_bytes]
        return frame
