"""Cuts appended audio into the 200 ms frames of the translation model, however long the appends are."""

from __future__ import annotations

from collections import deque

from emulator.engine.base import BYTES_PER_MS
from emulator.realtime.errors import ApiError
from emulator.realtime.translation_model import FRAME_MS

FRAME_BYTES = FRAME_MS * BYTES_PER_MS
MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Limit of buffered audio (23 minutes). The service documents none; the emulator has to bound its memory."""


class EngineFrames:
    """Queues whole frames: short appends are joined, long ones split."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._rest = b""
        self.received = 0
        """Bytes appended during the whole session."""
        self.waiting = 0
        """Bytes not yet taken."""

    def __len__(self) -> int:
        """Return the number of frames that are ready."""
        return len(self._frames)

    def append(self, pcm: bytes) -> None:
        """Append audio. Raises ApiError when more than MAX_WAITING_BYTES would wait."""
        if self.waiting + len(pcm) > MAX_WAITING_BYTES:
            raise ApiError("input_audio_buffer_full", "Too much audio waits to be translated.", "audio")
        self.received += len(pcm)
        self.waiting += len(pcm)
        data = self._rest + pcm if self._rest else pcm
        whole = len(data) - len(data) % FRAME_BYTES
        self._frames.extend(data[start : start + FRAME_BYTES] for start in range(0, whole, FRAME_BYTES))
        self._rest = data[whole:]

    def flush(self) -> None:
        """Make the last, short frame ready too, because no more audio follows."""
        if self._rest:
            self._frames.append(self._rest)
            self._rest = b""

    def take(self) -> bytes:
        frame = self._frames.popleft()
        self.waiting -= len(frame)
        return frame
