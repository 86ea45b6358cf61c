"""PCM16 mono audio as numbers: milliseconds to bytes and back, bytes into frames. No wire format."""

from __future__ import annotations

from dataclasses import dataclass

FRAME_MS = 20
"""ACS sends, and best plays, one frame per 20 ms (docs: audio streaming concept)."""

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


PCM_16K_MONO = AudioFormat(16_000)
PCM_24K_MONO = AudioFormat(24_000)
"""What the interpreter asks ACS for (`pcm24KMono`): the model's own rate, so nothing needs resampling."""


class FrameCutter:
    """Cuts pieces of any length into frames of one size; what is left over waits for the next piece."""

    def __init__(self, frame_bytes: int = PCM_24K_MONO.frame_bytes) -> None:
        if frame_bytes <= 0:
            raise ValueError(f"a frame has a positive size, not {frame_bytes}")
        self._frame_bytes = frame_bytes
        self._rest = b""

    @property
    def held(self) -> int:
        """Bytes waiting to become a whole frame."""
        return len(self._rest)

    def push(self, piece: bytes) -> list[bytes]:
        """Take a piece, return every frame it completes."""
        size = self._frame_bytes
        if not self._rest and len(piece) == size:
            return [piece]
        joined = self._rest + piece
        whole = len(joined) - len(joined) % size
        self._rest = joined[whole:]
        return [joined[start : start + size] for start in range(0, whole, size)]

    def flush(self) -> bytes:
        """Return what is left over, shorter than a frame, and forget it."""
        rest, self._rest = self._rest, b""
        return rest

    def flush_padded(self) -> bytes:
        """Return what is left over as a whole frame ending in silence, or nothing if nothing is left."""
        rest = self.flush()
        return rest.ljust(self._frame_bytes, b"\0") if rest else b""
