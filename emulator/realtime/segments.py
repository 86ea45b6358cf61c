"""Cuts continuous speech into segments to interpret: at short pauses, or at a maximum length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emulator.engine.base import BYTES_PER_MS
from emulator.realtime.input_buffer import InputBuffer
from emulator.realtime.vad import WINDOW_BYTES, WINDOW_MS, EnergyDetector, SpeechStarted, SpeechStopped, level

THRESHOLD = 0.5
PREFIX_MS = 300
"""Audio kept before the onset, so that a soft beginning of a word is included."""
SEARCHED_MS = 1_500
"""A long segment is cut at the quietest 20 ms of this much of its end."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech, PCM16 mono 24 kHz."""

    start_ms: int
    """Position on the time line of all input, like `end_ms`."""
    end_ms: int
    pcm: bytes


class Segmenter:
    """Segments all input: each byte ends up in one segment or counts as silence."""

    def __init__(self, pause_ms: int, cap_ms: int) -> None:
        self._cap_ms = max(cap_ms, 2 * WINDOW_MS)
        self._buffer = InputBuffer()
        self._detector = EnergyDetector(
            {
                "type": "server_vad",
                "threshold": THRESHOLD,
                "prefix_padding_ms": PREFIX_MS,
                "silence_duration_ms": pause_ms,
            }
        )
        self.cut = 0
        """Bytes returned in segments."""

    @property
    def waiting(self) -> int:
        """Return the bytes that may still become part of a segment."""
        return self._buffer.size

    @property
    def dropped(self) -> int:
        """Return the bytes dropped as silence."""
        return self._buffer.dropped

    @property
    def unfinished(self) -> Segment | None:
        """Return the segment that is being spoken, as far as it has come."""
        if not self._detector.speaking:
            return None
        start_ms, end_ms = self._buffer.start_ms, self._buffer.end_ms
        return Segment(start_ms, end_ms, self._buffer.peek_until(end_ms))

    def feed(self, pcm: bytes) -> list[Segment]:
        """Add audio and return the segments that it completes."""
        self._buffer.append(pcm)
        found: list[Segment] = []
        for change in self._detector.feed(pcm):
            match change:
                case SpeechStarted(start_ms):
                    self._buffer.drop_until(start_ms)
                case SpeechStopped(end_ms):
                    found += self._segment(end_ms)
        if not self._detector.speaking:
            self._buffer.drop_until(self._buffer.end_ms - PREFIX_MS)
        while self._detector.speaking and self._buffer.end_ms - self._buffer.start_ms >= self._cap_ms:
            found += self._segment(self._quietest_place())
        return found

    def flush(self) -> list[Segment]:
        """End the input and return the unfinished segment, if any."""
        found = self._segment(self._buffer.end_ms + 1) if self._detector.speaking else []
        self._buffer.clear()
        return found

    def _segment(self, end_ms: int) -> list[Segment]:
        start_ms = self._buffer.start_ms
        pcm = self._buffer.take_until(end_ms)
        if not (_power(pcm) > level(THRESHOLD) ** 2).any():  # the pause after a cut
            self._buffer.dropped += len(pcm)
            return []
        self.cut += len(pcm)
        return [Segment(start_ms, start_ms + len(pcm) // BYTES_PER_MS, pcm)]

    def _quietest_place(self) -> int:
        """Return the quietest position between SEARCHED_MS before the cap and the cap, on the time line."""
        start_ms = self._buffer.start_ms
        power = _power(self._buffer.peek_until(start_ms + self._cap_ms))
        first = max(1, len(power) - SEARCHED_MS // WINDOW_MS)
        return start_ms + (first + int(power[first:].argmin())) * WINDOW_MS


def _power(pcm: bytes) -> npt.NDArray[np.float32]:
    """Return the mean square of each whole window."""
    whole = len(pcm) - len(pcm) % WINDOW_BYTES
    windows = np.frombuffer(pcm, dtype="<i2", count=whole // 2).reshape(-1, WINDOW_BYTES // 2)
    power: npt.NDArray[np.float32] = np.square(windows.astype(np.float32)).mean(axis=1)
    return power
