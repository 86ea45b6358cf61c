"""Pacing: bursts in, one frame per 20 ms out. Arithmetic on instants says when each frame of a channel is due.

ACS queues what it is given and plays it in order. How much it holds is not documented, so it is given no more than the
present frame. A model answers several times faster than real time; the rest waits here, where it can be dropped.
"""

from __future__ import annotations

from array import array

from bot.interpreting.endpointing import FRAME_MS

SAMPLE_RATE = 24_000
"""Hz, the rate of the Realtime API and of `pcm24KMono`."""
BYTES_PER_MS = SAMPLE_RATE * 2 // 1000
FRAME_BYTES = FRAME_MS * BYTES_PER_MS
CATCH_UP_MS = 100
"""Most audio sent at once after a stall of this process. After longer stalls the schedule shifts: listeners have heard
the gap."""
PAUSE_LIMIT_MS = 200
"""Pauses of a late voice are shortened to this: still heard as a pause, and short for the end of a sentence."""
QUIET_PEAK_TO_PEAK = 400
"""In units of 16-bit samples: -44 dBFS. Synthetic voices pause in near silence; their softest sounds are ten times as
loud."""
_EPSILON_S = 0.0005


def quiet(pcm: bytes) -> bool:
    """Return whether a piece of PCM16 is silence, half a sample at its end aside; 10 µs for a frame of 20 ms."""
    samples = array("h", pcm[: len(pcm) & ~1])
    return not samples or max(samples) - min(samples) < QUIET_PEAK_TO_PEAK


def from_first_sound(pcm: bytes) -> bytes:
    """Return a voice without the frames before the first that is not silence; empty if all are."""
    start = 0
    while start < len(pcm) and quiet(pcm[start : start + FRAME_BYTES]):
        start += FRAME_BYTES
    return pcm[start:]


class Pacer:
    """The schedule of one voice on one channel. Every byte pushed is taken, or counted as trimmed or dropped."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        self._due_at: float | None = None
        self._ran_dry = False
        """No frame was left when frames were last taken."""
        self.finished = False
        """Nothing more will come."""
        self._pause_ms = 0
        """Silence up to and including the last frame examined."""
        self.trimmed_bytes = 0
        self.dropped_bytes = 0

    @property
    def queued_ms(self) -> float:
        return (len(self._buffer) - self._offset) / BYTES_PER_MS

    @property
    def drained(self) -> bool:
        """Whether nothing is left, and nothing more will come."""
        return self.finished and self._offset == len(self._buffer)

    @property
    def dry(self) -> bool:
        """Whether there is no whole frame to play now."""
        return len(self._buffer) - self._offset < FRAME_BYTES

    def push(self, pcm: bytes) -> None:
        """Queue audio of any length; after `finish` or `clear` it counts as dropped."""
        if self.finished:  # the padding has been added, or everything was discarded
            self.dropped_bytes += len(pcm)
            return
        self._buffer += pcm

    def finish(self) -> None:
        """Pad what is left with silence to a whole frame: no more will be pushed."""
        self.finished = True
        rest = (len(self._buffer) - self._offset) % FRAME_BYTES
        if rest:
            self._buffer += bytes(FRAME_BYTES - rest)

    def deadline(self, now: float) -> float | None:
        """When the next frame is due; None if there is none to play."""
        if len(self._buffer) - self._offset < FRAME_BYTES:
            return None
        return now if self._due_at is None else self._due_at

    def take(self, now: float, *, trim: bool = False) -> list[bytes]:
        """Take the frames that are due: one every 20 ms from the first, never early, with a bounded catch-up.

        Only delays of this process are caught up with. Frames that arrived late are not: listeners have heard the gap.
        So take at once after pushing: that sets when the first frame is due.

        Args:
            trim: leave out what is longer than `PAUSE_LIMIT_MS` of a pause; it takes no time then.
        """
        frames: list[bytes] = []
        if self._due_at is None or now - self._due_at > CATCH_UP_MS / 1000 or self._ran_dry:
            self._due_at = max(now, self._due_at or now)
        while self._due_at <= now + _EPSILON_S and len(self._buffer) - self._offset >= FRAME_BYTES:
            frame = bytes(self._buffer[self._offset : self._offset + FRAME_BYTES])
            self._offset += FRAME_BYTES
            if trim and self._too_long_a_pause(frame):
                self.trimmed_bytes += FRAME_BYTES
                continue
            frames.append(frame)
            self._due_at += FRAME_MS / 1000
        self._ran_dry = len(self._buffer) - self._offset < FRAME_BYTES
        if self._offset > 2 * len(self._buffer) // 3:  # rarely, so that what is moved is paid for by what was taken
            del self._buffer[: self._offset]
            self._offset = 0
        return frames

    def _too_long_a_pause(self, frame: bytes) -> bool:
        self._pause_ms = self._pause_ms + FRAME_MS if quiet(frame) else 0
        return self._pause_ms > PAUSE_LIMIT_MS

    def take_with(self, now: float) -> bytes:
        """Take the next frame because another voice's is due, with which it is heard; empty if there is none."""
        if self.dry:
            return b""
        frame = bytes(self._buffer[self._offset : self._offset + FRAME_BYTES])
        self._offset += FRAME_BYTES
        self._due_at = now + FRAME_MS / 1000
        return frame

    def not_before(self, at: float) -> None:
        """Play nothing before: until then another voice is heard."""
        self._due_at = max(at, self._due_at or 0.0)

    def keep(self, limit_ms: int) -> None:
        """Drop the oldest of what is queued, so that no more than this is left."""
        excess = len(self._buffer) - self._offset - limit_ms * BYTES_PER_MS
        if excess > 0:
            self._offset += excess
            self.dropped_bytes += excess

    @property
    def free_at(self) -> float:
        """When the last frame taken has been heard to its end."""
        return self._due_at or 0.0

    def discard(self) -> None:
        """Drop what is queued."""
        self.dropped_bytes += len(self._buffer) - self._offset
        self._buffer.clear()
        self._offset = 0

    def clear(self) -> None:
        """Drop what is queued, and what may still be pushed."""
        self.discard()
        self.finished = True
