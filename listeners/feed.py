"""Fan-out to the listeners of all rooms: captions, audio and signals, one bounded queue per reader. No sockets here.

    Feed ─room─► captions ─► log of the latest lines, then each caption reader's queue
                 audio     ─► the queues of this channel's audio readers
                 signals   ─► each signal reader's queue

Publishing never waits and never fails, whatever readers do:

| queue | bound | when a reader is slower than that |
|---|---|---|
| audio | `AUDIO_LIMIT_MS` | the oldest frames go, counted |
| captions | `CAPTION_LIMIT` lines, each in its latest revision | the oldest go; it is cut after `CAPTIONS_LOST_LIMIT` |
| signals | `SIGNAL_LIMIT` | it is cut: half of a pair is worse than none |

A room is known while a call publishes into it or somebody reads it. With nobody there only captions are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

from listeners.messages import CaptionMessage, LaneSignal, SignalMessage
from listeners.readers import AudioReader, CaptionReader, Line, Reader, SignalReader

AUDIO_LIMIT_MS = 1_000
"""Live sound that is later than this is no use: the listener would hear it over what is being said now."""
CAPTION_LIMIT = 200
"""As many lines as a late joiner may be owed at once, and half as many again would be a page nobody reads."""
CAPTIONS_LOST_LIMIT = 50
"""A reader that has missed so many lines has not read for minutes."""
SIGNAL_LIMIT = 100
REPLAYED_LINES = 200
"""Of a room, for those who join late: two languages and ten utterances a minute are ten minutes."""

PINNED_LINES = 50
"""The interpreter's own words: one or two in each language."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Over all rooms and since the start, but for `rooms` and `readers`, which are now."""

    rooms: int
    readers: int
    published: int
    """Captions, frames and signals somebody could have read."""
    dropped_frames: int
    dropped_lines: int
    cut_readers: int


@dataclass(slots=True, eq=False)
class _Room:
    calls: int
    log: OrderedDict[tuple[str, str], Line]
    captions: set[CaptionReader]
    signals: set[SignalReader]
    audio: dict[str, set[AudioReader]]
    suppressed: dict[tuple[str, str], int]
    """Speaker and language, and on how many channels the interpretation is being heard."""
    degraded: dict[tuple[str, str], LaneSignal]
    """By speaker and language: what is not interpreted as it was asked for, as last told."""
    pinned: OrderedDict[tuple[str, str], Line]
    """For everybody who joins while the call lasts, however late."""

    @property
    def readers(self) -> list[Reader[Any]]:
        audio = [reader for readers in self.audio.values() for reader in readers]
        return [*self.captions, *self.signals, *audio]


class Feed:
    """The listeners of all rooms of this process. To be used in one event loop; nothing in here waits."""

    def __init__(
        self,
        *,
        audio_limit_ms: int = AUDIO_LIMIT_MS,
        caption_limit: int = CAPTION_LIMIT,
        captions_lost_limit: int = CAPTIONS_LOST_LIMIT,
        signal_limit: int = SIGNAL_LIMIT,
        replayed_lines: int = REPLAYED_LINES,
    ) -> None:
        self._audio_limit_ms = audio_limit_ms
        self._caption_limit = max(caption_limit, replayed_lines)
        self._captions_lost_limit = captions_lost_limit
        self._signal_limit = signal_limit
        self._replayed_lines = replayed_lines
        self._rooms: dict[str, _Room] = {}
        self._position = 0
        """Of the last line of any room: it grows across calls, so that who comes back finds what came since."""
        self._published = self._dropped_frames = self._dropped_lines = self._cut = 0

    def statistics(self) -> Statistics:
        readers = sum(len(room.readers) for room in self._rooms.values())
        return Statistics(
            len(self._rooms), readers, self._published, self._dropped_frames, self._dropped_lines, self._cut
        )

    # --- publishing ------------------------------------------------------------------------------------

    def call_began(self, room_id: str) -> None:
        """Captions are kept from here on, whether or not anybody reads."""
        self._room(room_id).calls += 1

    def call_ended(self, room_id: str) -> None:
        """Original voices are heard again; readers stay, for the room's next call."""
        room = self._rooms.get(room_id)
        if room is None:
            return
        for speaker, language in list(room.suppressed):
            self._signal(room, SignalMessage("restore_original", speaker, language))
        room.suppressed.clear()
        for speaker, language in list(room.degraded):
            self._served(room, speaker, language, "", "")
        room.calls = max(0, room.calls - 1)
        if not room.calls:
            room.pinned.clear()
        self._forget_if_unused(room_id)

    def caption(self, caption: CaptionMessage, *, pinned: bool = False) -> None:
        """A line as it reads now; a pinned one is replayed while the call lasts."""
        room = self._rooms.get(caption.room_id)
        if room is None:
            return
        self._position += 1
        self._published += 1
        line = self._position, caption
        key = caption.utterance_id, caption.language
        log, limit = (room.pinned, PINNED_LINES) if pinned else (room.log, self._replayed_lines)
        log.pop(key, None)
        log[key] = line
        if len(log) > limit:
            log.popitem(last=False)
        for reader in list(room.captions):
            self._dropped_lines += reader.put(line)

    def audio(self, room_id: str, channel: str, pcm: bytes) -> None:
        """One frame of 20 ms into a channel."""
        room = self._rooms.get(room_id)
        readers = None if room is None else room.audio.get(channel)
        if not readers:
            return
        self._published += 1
        for reader in readers:
            self._dropped_frames += reader.put(pcm)

    def flush(self, room_id: str, channel: str) -> None:
        """What is still to be heard on a channel is thrown away."""
        room = self._rooms.get(room_id)
        for reader in () if room is None else room.audio.get(channel, ()):
            reader.flush()

    def voice_begins(self, room_id: str, speaker_id: str, language: str) -> None:
        """A speaker's interpretation is about to play on one channel more."""
        room = self._rooms.get(room_id)
        if room is None:
            return
        key = speaker_id, language
        room.suppressed[key] = room.suppressed.get(key, 0) + 1
        if room.suppressed[key] == 1:
            self._signal(room, SignalMessage("suppress_original", speaker_id, language))

    def voice_ends(self, room_id: str, speaker_id: str, language: str) -> None:
        room = self._rooms.get(room_id)
        key = speaker_id, language
        if room is None or key not in room.suppressed:
            return
        room.suppressed[key] -= 1
        if not room.suppressed[key]:
            del room.suppressed[key]
            self._signal(room, SignalMessage("restore_original", speaker_id, language))

    def lane_served(self, room_id: str, speaker_id: str, language: str, engine: str, reason: str) -> None:
        """A speaker is interpreted into a language by this engine (empty: by none), for this reason; without a reason
        as it was asked for again."""
        room = self._rooms.get(room_id)
        if room is not None:
            self._served(room, speaker_id, language, engine, reason)

    def _served(self, room: _Room, speaker_id: str, language: str, engine: str, reason: str) -> None:
        key = speaker_id, language
        signal = LaneSignal("lane_degraded" if reason else "lane_restored", speaker_id, language, engine, reason)
        known = room.degraded.pop(key, None)
        if reason:
            room.degraded[key] = signal
        elif known is None:
            return
        self._signal(room, signal)

    def close_room(self, room_id: str, reason: str) -> None:
        """The room is no more: its readers are let go, and nothing of it is kept."""
        room = self._rooms.pop(room_id, None)
        for reader in () if room is None else room.readers:
            reader.close(reason)

    def close(self, reason: str) -> None:
        """The service stops."""
        for room_id in list(self._rooms):
            self.close_room(room_id, reason)

    def _signal(self, room: _Room, signal: SignalMessage | LaneSignal) -> None:
        self._published += 1
        for reader in list(room.signals):
            reader.put(signal)

    # --- reading ---------------------------------------------------------------------------------------

    def read_captions(self, room_id: str, language: str | None = None, since: int = 0) -> CaptionReader:
        """Read captions, beginning with what was written after a position, each line as it is now.

        Args:
            language: only lines in it; None: all.
            since: position of the last line seen; one that was never given out counts as 0, for it is of a process
                that is gone.
        """
        room = self._room(room_id)

        kept = sorted((*room.pinned.values(), *room.log.values()), key=itemgetter(0))
        owed = [line for line in kept if line[0] > since or since > self._position]
        limit = max(self._caption_limit, len(owed))
        reader = CaptionReader(partial(self._left, room_id), language, limit, self._captions_lost_limit)
        for line in owed:
            reader.put(line)
        room.captions.add(reader)
        return reader

    def read_audio(self, room_id: str, channel: str) -> AudioReader:
        """Read what is heard on a channel from now on."""
        room = self._room(room_id)
        reader = AudioReader(partial(self._left, room_id), channel, self._audio_limit_ms)
        room.audio.setdefault(channel, set()).add(reader)
        return reader

    def read_signals(self, room_id: str) -> SignalReader:
        room = self._room(room_id)

        reader = SignalReader(partial(self._left, room_id), self._signal_limit)
        for speaker, language in room.suppressed:
            reader.put(SignalMessage("suppress_original", speaker, language))
        for degraded in room.degraded.values():
            reader.put(degraded)
        room.signals.add(reader)
        return reader

    # --- rooms -----------------------------------------------------------------------------------------

    def _room(self, room_id: str) -> _Room:
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = _Room(0, OrderedDict(), set(), set(), {}, {}, {}, OrderedDict())
        return room

    def _left(self, room_id: str, reader: Reader[Any]) -> None:
        if reader.reason == "too_slow":
            self._cut += 1
        room = self._rooms.get(room_id)
        if room is None:
            return
        if isinstance(reader, CaptionReader):
            room.captions.discard(reader)
        elif isinstance(reader, SignalReader):
            room.signals.discard(reader)
        elif isinstance(reader, AudioReader):
            readers = room.audio.get(reader.channel, set())
            readers.discard(reader)
            if not readers:
                room.audio.pop(reader.channel, None)
        self._forget_if_unused(room_id)

    def _forget_if_unused(self, room_id: str) -> None:
        room = self._rooms[room_id]
        if not room.calls and not room.readers:
            del self._rooms[room_id]
