"""Bursts in, one frame per 20 ms out: when each frame of a channel is due, as arithmetic on instants.

ACS queues what it is given and plays it in order; how much it holds is not documented, so it is never given more than
the present frame. A model answers several times faster than real time; the rest waits here, where it can be dropped.
"""

from __future__ import annotations

from array import array

from bot.interpreting.endpointing import FRAME_MS

SAMPLE_RATE = 24_000
"""Hz, the rate of the Realtime API and of `pcm24KMono`."""
BYTES_PER_MS = SAMPLE_RATE * 2 // 1000
FRAME_BYTES = FRAME_MS * BYTES_PER_MS
CATCH_UP_MS = 100
"""After a stall of our own, at most this much is sent at once; what is older than that shifts the schedule, since the
listener has already heard the gap."""
PAUSE_LIMIT_MS = 200
"""A pause in a voice that is late is shortened to this: still heard as one, and short for the end of a sentence."""
QUIET_PEAK_TO_PEAK = 400
"""Of 16-bit samples: -44 dBFS. Synthetic voices pause in near silence; their softest sounds are ten times as loud."""
_EPSILON_S = 0.0005


def quiet(pcm: bytes) -> bool:
    """Whether nothing is to be heard in a piece of PCM16: 10 µs for a frame of 20 ms."""
    samples = array("h", pcm)
    return not samples or max(samples) - min(samples) < QUIET_PEAK_TO_PEAK


class Pacer:
    """The schedule of one voice on one channel. Every byte pushed is taken, or counted as trimmed or dropped."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        self._due_at: float | None = None
        self._ran_dry = False
        """When frames were last taken, there was not one left."""
        self._finished = False
        self._pause_ms = 0
        """How long it has been quiet, up to the last frame that was looked at."""
        self.trimmed_bytes = 0
        self.dropped_bytes = 0

    @property
    def queued_ms(self) -> float:
        return (len(self._buffer) - self._offset) / BYTES_PER_MS

    @property
    def drained(self) -> bool:
        """Nothing left, and nothing more to come."""
        return self._finished and self._offset == len(self._buffer)

    @property
    def dry(self) -> bool:
        """Not a frame left to play, for now."""
        return len(self._buffer) - self._offset < FRAME_BYTES

    def push(self, pcm: bytes) -> None:
        if self._finished:  # its padding is at the end already, or everything was thrown away
            self.dropped_bytes += len(pcm)
            return
        self._buffer += pcm

    def finish(self) -> None:
        """No more will be pushed: what is left is padded with silence to a whole frame."""
        self._finished = True
        rest = (len(self._buffer) - self._offset) % FRAME_BYTES
        if rest:
            self._buffer += bytes(FRAME_BYTES - rest)

    def deadline(self, now: float) -> float | None:
        """When the next frame is due; None if there is none to play."""
        if len(self._buffer) - self._offset < FRAME_BYTES:
            return None
        return now if self._due_at is None else self._due_at

    def take(self, now: float, *, trim: bool = False) -> list[bytes]:
        """The frames that are due: one every 20 ms from the first, never early, a bounded catch-up when late.

        Late means that we were: frames that had not come yet when they were due are not caught up with, the gap has
        been heard. So whoever pushes takes at once as well, that it be known since when there is something to take.

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

    @property
    def free_at(self) -> float:
        """When the last frame taken has been heard."""
        return self._due_at or 0.0

    def discard(self) -> None:
        """Throw away what is queued."""
        self.dropped_bytes += len(self._buffer) - self._offset
        self._buffer.clear()
        self._offset = 0

    def clear(self) -> None:
        """Throw away what is queued, and what may still come."""
        self.discard()
        self._finished = True
