"""Appended audio as the translation model takes it: in frames of 200 ms, however long the appends were."""

from __future__ import annotations

from collections import deque

from emulator.engine.base import BYTES_PER_MS
from emulator.realtime.errors import ApiError
from emulator.realtime.translation_model import FRAME_MS

FRAME_BYTES = FRAME_MS * BYTES_PER_MS
MAX_WAITING_BYTES = 64 * 1024 * 1024
"""A bound of our own (23 minutes): the service states none, and a stand-in must not eat the machine."""


class EngineFrames:
    """Short appends wait for more, long ones are split and queue up."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._rest = b""
        self.received = 0
        """Bytes appended in the whole session."""
        self.waiting = 0
        """Bytes not yet taken."""

    def __len__(self) -> int:
        """Frames ready to be taken."""
        return len(self._frames)

    def append(self, pcm: bytes) -> None:
        """Raises ApiError when too much waits already."""
        if self.waiting + len(pcm) > MAX_WAITING_BYTES:
            raise ApiError("input_audio_buffer_full", "Too much audio waits to be translated.", "audio")
        self.received += len(pcm)
        self.waiting += len(pcm)
        data = self._rest + pcm if self._rest else pcm
        whole = len(data) - len(data) % FRAME_BYTES
        self._frames.extend(data[start : start + FRAME_BYTES] for start in range(0, whole, FRAME_BYTES))
        self._rest = data[whole:]

    def flush(self) -> None:
        """No more comes: the last, short frame is ready as well."""
        if self._rest:
            self._frames.append(self._rest)
            self._rest = b""

    def take(self) -> bytes:
        frame = self._frames.popleft()
        self.waiting -= len(frame)
        return frame
