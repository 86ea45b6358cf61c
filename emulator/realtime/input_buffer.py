"""Buffers the input audio of a session on one time line that starts with the first append."""

from __future__ import annotations

from collections import deque

from emulator.engine.base import BYTES_PER_MS
from emulator.realtime.errors import ApiError

MIN_COMMIT_MS = 100
MAX_BUFFERED_BYTES = 64 * 1024 * 1024
"""Limit of buffered audio (23 minutes). The service documents none; the emulator has to bound its memory."""


class InputBuffer:
    """Audio that was appended and not yet committed."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._start = 0  # bytes of the time line before the first chunk
        self.dropped = 0
        """Bytes discarded: cleared audio and unneeded silence."""

    @property
    def size(self) -> int:
        """Return the number of buffered bytes."""
        return self._size

    @property
    def appended(self) -> int:
        """Return the number of bytes appended during the whole session."""
        return self._start + self._size

    @property
    def start_ms(self) -> int:
        """Return the start of the buffered audio on the time line."""
        return self._start // BYTES_PER_MS

    @property
    def duration_ms(self) -> float:
        return self._size / BYTES_PER_MS

    @property
    def end_ms(self) -> int:
        """Return the length of all audio appended during the session."""
        return self.appended // BYTES_PER_MS

    def append(self, pcm: bytes) -> None:
        if self._size + len(pcm) > MAX_BUFFERED_BYTES:
            raise ApiError(
                "input_audio_buffer_full", "The input audio buffer is full; commit or clear it first.", "audio"
            )
        self._chunks.append(pcm)
        self._size += len(pcm)

    def commit(self) -> bytes:
        """Remove and return all buffered audio. Raises ApiError for less than 100 ms."""
        if self.duration_ms < MIN_COMMIT_MS:
            raise ApiError(
                "input_audio_buffer_commit_empty",
                f"Error committing input audio buffer: buffer too small. Expected at least {MIN_COMMIT_MS}ms "
                f"of audio, but buffer only has {self.duration_ms:.2f}ms of audio.",
            )
        return self.take_until(self.end_ms + 1)

    def take_until(self, end_ms: int) -> bytes:
        """Remove and return the audio before `end_ms` of the time line."""
        wanted = min(self._size, max(0, end_ms * BYTES_PER_MS - self._start))
        taken: list[bytes] = []
        self._start += wanted
        self._size -= wanted
        while wanted:
            chunk = self._chunks.popleft()
            if len(chunk) > wanted:
                self._chunks.appendleft(chunk[wanted:])
                chunk = chunk[:wanted]
            taken.append(chunk)
            wanted -= len(chunk)
        return b"".join(taken)

    def peek_until(self, end_ms: int) -> bytes:
        """Return the buffered audio before `end_ms` of the time line without removing it."""
        return b"".join(self._chunks)[: max(0, end_ms * BYTES_PER_MS - self._start)]

    def drop_until(self, end_ms: int) -> None:
        """Discard the audio before `end_ms` of the time line."""
        self.dropped += len(self.take_until(end_ms))

    def clear(self) -> None:
        self.dropped += self._size
        self._start += self._size
        self._size = 0
        self._chunks.clear()
