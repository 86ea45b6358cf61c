"""Other sample rates for listeners and microphones: frames of 20 ms in, frames of 20 ms out."""

from __future__ import annotations

from typing import Final

import numpy as np
import soxr

from listeners.audio_frames import pcm_bytes

DELAY_MS: Final = 20
"""By the filter of soxr's quality `LQ`. `QQ` has no delay, and lets through what is above the lower rate; `HQ` takes
37 ms. A frame takes 15 µs."""


class FrameResampler:
    """Resamples one stream of frames of PCM16 mono."""

    def __init__(self, source: int, target: int) -> None:
        """Rates are in Hz."""
        self._stream = soxr.ResampleStream(source, target, 1, dtype="int16", quality="LQ")
        self._frame = pcm_bytes(target)
        self._ready = bytearray(self._frame)  # of silence: what the filter holds back at first

    def frame(self, pcm: bytes) -> bytes:
        """Return the next frame, `DELAY_MS` behind the one given."""
        self._ready += self._stream.resample_chunk(np.frombuffer(pcm, "<i2")).tobytes()
        frame = bytes(self._ready[: self._frame])
        del self._ready[: self._frame]
        return frame
