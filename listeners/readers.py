"""Bounded queues of a listener, one kind each for audio, captions and signals. Their limits are set in `feed.py`."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from enum import Enum
from itertools import islice
from typing import Any, Generic, TypeVar

from http_serving.websocket_protocol import BINARY, TEXT, whole_frame
from listeners.audio_frames import FRAME_MS
from listeners.messages import Line, Signal
from listeners.statistics import LatencyHistogram

Item = TypeVar("Item")
Leave = Callable[["Reader[Any]"], None]


AT_ONCE = 25
"""Readers whose messages are sent in one turn of the event loop: about a millisecond. What a room plays is due
every 20 ms, and 2,000 readers that all send in the same turn would hold it up."""


PUTS = 100
"""Readers whose queues a line is put into in one turn: half a millisecond."""
LINES_LIMIT = 50
"""Lines that wait to be put. The oldest is put at once if there are more: nothing is lost, but everybody is delayed."""


class Wakes:
    """Hands lines to the readers of all rooms, and wakes them, some in each turn of the event loop."""

    def __init__(self) -> None:
        self.dropped_lines = 0
        """Lines that readers did not get because they were too slow."""
        self._due: deque[Reader[Any]] = deque()
        self._lines: deque[tuple[Line, Iterator[CaptionReader]]] = deque()
        self._scheduled = False

    def put(self, line: Line, readers: Collection[CaptionReader]) -> None:
        """Put a line into the queues of these readers, after the lines before it; of a few at once."""
        self._lines.append((line, iter(tuple(readers))))
        if len(self._lines) > LINES_LIMIT:
            self._put_some(None)
        elif not self._scheduled:
            self._put_some(PUTS)
        self._schedule()

    def finish(self) -> None:
        """Put all lines that wait."""
        while self._lines:
            self._put_some(None)

    def _put_some(self, most: int | None) -> None:
        line, readers = self._lines[0]
        for reader in islice(readers, most):
            if not reader.reason:
                self.dropped_lines += reader.put(line)
            if most is not None:
                most -= 1
        if most != 0:
            self._lines.popleft()

    def _go_on(self) -> None:
        self._scheduled = False
        if self._lines:
            self._put_some(PUTS)
        self._schedule()

    def _schedule(self) -> None:
        if self._lines and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def wake(self, reader: Reader[Any]) -> None:
        """Wake a reader that waits, after those that are due already."""
        if reader.due or reader._ready is None:
            return
        reader.due = True
        self._due.append(reader)
        if len(self._due) == 1:
            asyncio.get_running_loop().call_soon(self._some)

    def _some(self) -> None:
        for _ in range(min(AT_ONCE, len(self._due))):
            reader = self._due.popleft()
            reader.due = False
            reader._hand_on()
        if self._due:
            asyncio.get_running_loop().call_soon(self._some)


class Reader(Generic[Item]):
    """The queue of a listener; iterate it to read. It ends when the room or the reader is closed; `reason` says why.

    Cancelling the wait for the next item loses nothing. Only one task may iterate.
    """

    def __init__(self, leave: Leave) -> None:
        self.reason = ""
        """Why it ended: `too_slow`, `left`, or the reason with which the room was closed."""
        self.dropped = 0
        """Items dropped because this reader was too slow."""
        self.on_end: Callable[[], None] | None = None
        """Called when it ends, for whoever is still busy with an earlier item."""
        self.due = False
        """Whether it is about to be woken."""
        self._leave = leave
        self._ready: asyncio.Future[None] | None = None

    def __aiter__(self) -> Reader[Item]:
        return self

    async def __anext__(self) -> Item:
        while not self._waiting():
            if self.reason:
                raise StopAsyncIteration
            if self._ready is not None:
                raise RuntimeError("another task reads already")
            self._ready = asyncio.get_running_loop().create_future()
            try:
                await self._ready
            finally:
                self._ready = None
        return self._take()

    def close(self, reason: str = "left") -> None:
        """Close the reader; waiting items can still be read. Only the first reason counts."""
        if self.reason:
            return
        self.reason = reason
        self._wake()
        self._leave(self)
        if self.on_end is not None:
            self.on_end()

    def _wake(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def _hand_on(self) -> None:
        """Have what waits sent, for it is this reader's turn."""
        self._wake()

    def _waiting(self) -> int:
        raise NotImplementedError

    def _take(self) -> Item:
        raise NotImplementedError


class AudioEncoding(Enum):
    """What a listener wants audio as. Opus is the same at any rate: a decoder chooses its own."""

    PCM16_24K = "pcm16", 24_000
    PCM16_16K = "pcm16", 16_000
    OPUS = "opus", 24_000


class SharedFrame:
    """A message to many listeners, made once: a frame of audio, or a text."""

    __slots__ = ("data", "entered_at", "wire")

    def __init__(self, data: bytes | str, entered_at: float) -> None:
        """`entered_at`: when it became due, loop time."""
        self.data = data
        self.entered_at = entered_at
        self.wire = whole_frame(BINARY, data) if isinstance(data, bytes) else whole_frame(TEXT, data.encode())
        """The same as a frame of WebSocket."""


FLUSH = SharedFrame('{"event":"flush"}', 0.0)
"""Tells listeners to discard what they have not played yet."""


class AudioReader(Reader[SharedFrame]):
    """Audio of a channel in one encoding, in frames of 20 ms that are shared by all its readers.

    Frames go to `direct` as long as it takes them and none waits; the others are queued to be iterated.
    """

    def __init__(
        self, leave: Leave, channel: str, encoding: AudioEncoding, own_voice: str, limit_ms: int, sent: LatencyHistogram
    ) -> None:
        super().__init__(leave)
        self.channel = channel
        self.encoding = encoding
        self.own_voice = own_voice
        """Raw id of the speaker whose voice is left out; empty for none."""
        self.direct: Callable[[bytes], bool] | None = None
        """Writes a frame to the listener's connection at once, or returns False. Used only while the reader waits."""
        self.relay: Callable[[SharedFrame], None] | None = None
        """Takes every frame in place of the queue, for the listeners of another process, who are not counted here."""
        self._frames: deque[SharedFrame] = deque()
        self._limit = max(1, limit_ms // FRAME_MS)
        self._latencies = sent

    @property
    def queued_ms(self) -> int:
        return len(self._frames) * FRAME_MS

    def put(self, frame: SharedFrame) -> int:
        """Write or queue a frame; return how many were dropped for it."""
        if self.relay is not None:
            self.relay(frame)
            return 0
        frames, lost = self._frames, 0
        # While no task waits, a frame may be on its way that was taken before this.
        if not frames and self._ready is not None and self.direct is not None and self.direct(frame.wire):
            self.sent(frame)
            return 0
        if len(frames) >= self._limit:
            frames.popleft()
            self.dropped += 1
            lost = 1
        frames.append(frame)
        self._wake()
        return lost

    def sent(self, frame: SharedFrame) -> None:
        """Note that a frame has been handed to the listener's connection."""
        if frame.entered_at:
            self._latencies.observe(asyncio.get_running_loop().time() - frame.entered_at)

    def flush(self) -> None:
        """Discard the waiting audio, and tell the listener to do the same: the interpreter was stopped."""
        self._frames.clear()
        self.put(FLUSH)

    def _waiting(self) -> int:
        return len(self._frames)

    def _take(self) -> SharedFrame:
        return self._frames.popleft()


class CaptionReader(Reader[Line]):
    """Lines of one language or of all. Their positions only increase. They go to `direct` as long as it takes them."""

    def __init__(
        self, leave: Leave, wakes: Wakes, language: str | None, limit: int, lost_limit: int, since: int
    ) -> None:
        """`since`: position of the last line that is known to the reader."""
        super().__init__(leave)
        self._wakes = wakes
        self.language = language
        self.direct: Callable[[bytes], bool] | None = None
        """Writes a line to the listener's connection at once, or returns False. Used only while the reader waits."""
        self._since = since
        self._lines: OrderedDict[tuple[str, str], Line] = OrderedDict()
        self._limit = limit
        self._lost_limit = lost_limit

    def put(self, line: Line) -> int:
        """Add a line, if it is for this reader; return how many were dropped."""
        if line.position <= self._since or (self.language is not None and self.language not in line.languages):
            return 0
        self._lines.pop(line.key, None)  # an earlier revision that was not read is replaced, which loses nothing
        self._lines[line.key] = line
        lost = 0
        if len(self._lines) > self._limit:
            self._lines.popitem(last=False)
            self.dropped += 1
            lost = 1
        if self.dropped >= self._lost_limit:
            self._lines.clear()
            self.close("too_slow")
        else:
            self._wakes.wake(self)
        return lost

    def _hand_on(self) -> None:
        if self._ready is not None and self.direct is not None:
            while self._lines and self.direct(next(iter(self._lines.values())).wire):
                self._take()
        if self._lines:
            self._wake()

    def _waiting(self) -> int:
        return len(self._lines)

    def _take(self) -> Line:
        return self._lines.popitem(last=False)[1]


class SignalReader(Reader[Signal]):
    """Signals of a room, beginning with those that describe the current state."""

    def __init__(self, leave: Leave, wakes: Wakes, limit: int) -> None:
        super().__init__(leave)
        self._wakes = wakes
        self._signals: deque[Signal] = deque()
        self._limit = limit

    def put(self, signal: Signal) -> None:
        if len(self._signals) >= self._limit:
            self.dropped += len(self._signals)
            self._signals.clear()
            self.close("too_slow")
            return
        self._signals.append(signal)
        self._wakes.wake(self)

    def _waiting(self) -> int:
        return len(self._signals)

    def _take(self) -> Signal:
        return self._signals.popleft()
