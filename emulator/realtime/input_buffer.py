"""The input audio buffer of a session: audio on one time line, from the first append on; finds no speech."""

from __future__ import annotations

from collections import deque

from emulator.engine.base import BYTES_PER_MS
from emulator.realtime.errors import ApiError

MIN_COMMIT_MS = 100
MAX_BUFFERED_BYTES = 64 * 1024 * 1024
"""A bound of our own (23 minutes): the service states none, and a stand-in must not eat the machine."""


class InputBuffer:
    """Appended and not yet committed audio."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._start = 0  # bytes of the time line before the first chunk
        self.dropped = 0
        """Bytes that were thrown away: cleared, or silence nobody needed."""

    @property
    def size(self) -> int:
        """Bytes buffered."""
        return self._size

    @property
    def appended(self) -> int:
        """Bytes appended in the whole session."""
        return self._start + self._size

    @property
    def start_ms(self) -> int:
        """Where on the time line the buffered audio begins."""
        return self._start // BYTES_PER_MS

    @property
    def duration_ms(self) -> float:
        return self._size / BYTES_PER_MS

    @property
    def end_ms(self) -> int:
        """How much audio was appended in the whole session."""
        return self.appended // BYTES_PER_MS

    def append(self, pcm: bytes) -> None:
        if self._size + len(pcm) > MAX_BUFFERED_BYTES:
            raise ApiError(
                "input_audio_buffer_full", "The input audio buffer is full; commit or clear it first.", "audio"
            )
        self._chunks.append(pcm)
        self._size += len(pcm)

    def commit(self) -> bytes:
        """Everything buffered; raises ApiError when that is less than 100 ms."""
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
        """The buffered audio before `end_ms` of the time line; it stays."""
        return b"".join(self._chunks)[: max(0, end_ms * BYTES_PER_MS - self._start)]

    def drop_until(self, end_ms: int) -> None:
        """Throw away the audio before `end_ms` of the time line."""
        self.dropped += len(self.take_until(end_ms))

    def clear(self) -> None:
        self.dropped += self._size
        self._start += self._size
        self._size = 0
        self._chunks.clear()
