"""A jitter buffer: audio arrives in pieces of any length at any time and leaves as one frame per tick."""

from __future__ import annotations

from collections import deque

from emulator.acs.wire.resampling import FRAME_BYTES, FRAME_MS

# Two frames: the least that bridges one late frame.
START_MS = 40
# Audio that resumes this soon after the buffer ran dry counts as an underrun; a longer gap ends an utterance.
_SAME_SPEECH_S = 0.2
_BYTES_PER_MS = FRAME_BYTES // FRAME_MS


class PlayoutBuffer:
    """A buffer of audio until it is played; the caller passes the time.

    It starts to play once it holds `START_MS`, or `START_MS` after the first piece. When it runs dry, a last part
    shorter than a frame is padded with silence. Beyond `limit_ms` the oldest audio is dropped.

    Attributes:
        underruns: number of times it ran dry in the middle of speech.
        received_ms, played_ms, dropped_ms, cleared_ms: totals of all audio, in milliseconds.
        deepest_ms: the most it ever held, in milliseconds.
    """

    def __init__(self, limit_ms: int) -> None:
        self.underruns = 0
        self.deepest_ms = 0.0
        self._limit = limit_ms * _BYTES_PER_MS
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._playing = False
        self._waiting_since: float | None = None
        self._dry_since: float | None = None
        self._received = 0
        self._played = 0
        self._dropped = 0
        self._cleared = 0

    @property
    def depth_ms(self) -> float:
        """Audio held, in milliseconds."""
        return self._held / _BYTES_PER_MS

    @property
    def playing(self) -> bool:
        """Whether the next tick is expected to yield audio."""
        return self._playing

    @property
    def received_ms(self) -> float:
        return self._received / _BYTES_PER_MS

    @property
    def played_ms(self) -> float:
        return self._played / _BYTES_PER_MS

    @property
    def dropped_ms(self) -> float:
        return self._dropped / _BYTES_PER_MS

    @property
    def cleared_ms(self) -> float:
        return self._cleared / _BYTES_PER_MS

    def push(self, pcm: bytes, now: float) -> float:
        """Add audio and return how many milliseconds were dropped to make room."""
        if not pcm:
            return 0.0
        if self._dry_since is not None:
            if now - self._dry_since < _SAME_SPEECH_S:
                self.underruns += 1
            self._dry_since = None
        if not self._playing and self._waiting_since is None:
            self._waiting_since = now
        self._pieces.append(pcm)
        self._held += len(pcm)
        self._received += len(pcm)
        dropped = self._take(self._held - self._limit) if self._held > self._limit else b""
        self._dropped += len(dropped)
        self.deepest_ms = max(self.deepest_ms, self.depth_ms)
        return len(dropped) / _BYTES_PER_MS

    def pull(self, now: float) -> bytes | None:
        """Return the frame for this tick, or None when there is nothing to play."""
        if not self._playing:
            if self._waiting_since is None:
                return None
            if self.depth_ms < START_MS and now - self._waiting_since < START_MS / 1000:
                return None
            self._playing, self._waiting_since = True, None
        if self._held >= FRAME_BYTES:
            self._played += FRAME_BYTES
            return self._take(FRAME_BYTES)
        self._playing, self._dry_since = False, now
        if not self._held:
            return None
        rest = self._take(self._held)
        self._played += len(rest)
        return rest + bytes(FRAME_BYTES - len(rest))

    def clear(self) -> float:
        """Empty the buffer and return how many milliseconds were not played."""
        cleared = self._held
        self._cleared += cleared
        self._pieces.clear()
        self._held = 0
        self._playing, self._waiting_since, self._dry_since = False, None, None
        return cleared / _BYTES_PER_MS

    def _take(self, size: int) -> bytes:
        """Remove and return exactly `size` bytes from the front; the caller has checked that they are there."""
        self._held -= size
        first = self._pieces.popleft()
        if len(first) == size:  # a bot that sends whole frames: nothing is copied
            return first
        taken = bytearray()
        while True:
            missing = size - len(taken)
            if len(first) > missing:
                self._pieces.appendleft(first[missing:])
                first = first[:missing]
            taken += first
            if len(taken) == size:
                return bytes(taken)
            first = self._pieces.popleft()
