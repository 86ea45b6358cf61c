"""Fan-out to the listeners of all rooms: captions, audio and signals, with a bounded queue per reader. No sockets.

    Feed ─room─► captions ─► log of the latest lines, then the queue of each caption reader
                 audio     ─► encoded once (`audio_channels.py`), then the queues of the channel's audio readers
                 signals   ─► the queue of each signal reader

Publishing never waits and never fails, whatever readers do:

| queue | limit | if a reader is slower |
|---|---|---|
| audio | `AUDIO_LIMIT_MS` | the oldest frames are dropped and counted |
| captions | `CAPTION_LIMIT` lines | the oldest are dropped and counted; closed after `CAPTIONS_LOST_LIMIT` |
| signals | `SIGNAL_LIMIT` | it is closed: half of a pair of signals is worse than none |

A room is known while a call publishes into it or a listener reads it. Without readers only captions are kept, for an
hour after everybody has gone.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from listeners.audio_channels import FLOOR, AudioChannel, FanOut, Nobody
from listeners.messages import CaptionMessage, InterpreterSignal, Line, Signal
from listeners.readers import AudioEncoding, AudioReader, CaptionReader, Reader, SignalReader, Wakes
from listeners.room_signals import RoomSignals
from listeners.rooms import RoomState, UnusedRooms
from listeners.statistics import Statistics

AUDIO_LIMIT_MS = 1_000
"""Later audio is useless: the listener would hear it while something else is being said."""
CAPTION_LIMIT = 200
"""Lines that may wait for a reader: as many as are replayed to a late joiner."""
CAPTIONS_LOST_LIMIT = 50
"""Dropped lines after which a reader is closed: it has not read for minutes."""
SIGNAL_LIMIT = 100
"""Signals that may wait for a reader."""
REPLAYED_LINES = 200
"""Lines of a room that late joiners get: ten minutes with two languages and ten utterances a minute."""

PINNED_LINES = 50
"""Pinned lines of a room: the interpreter's announcements, one or two in each language."""


_Kept = tuple[Line, tuple[str, ...]]
"""A line, and the languages whose readers it is for."""
StateChanged = Callable[[RoomState], None]
"""Takes the new state of a room."""
WantedChanged = Callable[[frozenset[str], frozenset[str]], None]
"""Takes the languages of which somebody reads captions or hears audio, and those of which somebody hears audio."""


@dataclass(slots=True, eq=False)
class _Room:
    calls: int
    log: OrderedDict[tuple[str, str], _Kept]
    captions: set[CaptionReader]
    signals: set[SignalReader]
    audio: dict[str, AudioChannel]
    pinned: OrderedDict[tuple[str, str], _Kept]
    """Lines replayed to everybody who joins during the call, however late."""
    wanted: Counter[str]
    """How many readers there are of the captions or the audio of each language."""
    watchers: list[WantedChanged]
    sockets: set[StateChanged]
    known_from: int
    """Position after which every line of the room is kept."""
    state: RoomSignals = field(default_factory=RoomSignals)
    told: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())  # what the watchers were told last

    @property
    def readers(self) -> list[Reader[Any]]:
        channels = self.audio.values()
        audio = [reader for channel in channels for readers in channel.readers.values() for reader in readers]
        return [*self.captions, *self.signals, *audio]


class Feed:
    """Publishes to the listeners of all rooms of this process. For use in a single event loop; never waits."""

    def __init__(
        self,
        *,
        audio_limit_ms: int = AUDIO_LIMIT_MS,
        caption_limit: int = CAPTION_LIMIT,
        captions_lost_limit: int = CAPTIONS_LOST_LIMIT,
        signal_limit: int = SIGNAL_LIMIT,
        replayed_lines: int = REPLAYED_LINES,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._audio_limit_ms = audio_limit_ms
        self._caption_limit = max(caption_limit, replayed_lines)
        self._captions_lost_limit = captions_lost_limit
        self._signal_limit = signal_limit
        self._replayed_lines = replayed_lines
        self._rooms: dict[str, _Room] = {}
        self._unused = UnusedRooms(wall_clock)
        self.listeners_changed: Callable[[str], None] = lambda room_id: None
        """Called with the id of a room when a reader of captions or of audio has come or gone."""
        self._wall_clock = wall_clock
        self._wakes = Wakes()
        self._position = 0
        """Position of the last line of any room. It grows across calls and processes, since it follows the wall clock:
        returning readers get what they missed."""
        self._published = self._dropped_lines = self._cut = 0
        self._fan_out = FanOut()

    def statistics(self) -> Statistics:
        rooms, lost, latencies = self._rooms, self._fan_out.dropped_frames, self._fan_out.latencies.read()
        used, readers = len(rooms) - len(self._unused), sum(len(room.readers) for room in rooms.values())
        return Statistics(used, readers, self._published, lost, self._dropped_lines, self._cut, latencies)

    # --- publishing ------------------------------------------------------------------------------------

    def call_began(self, room_id: str, readers_changed: WantedChanged = lambda languages, listened: None) -> None:
        """Keep captions from now on, with or without readers.

        Args:
            readers_changed: called whenever a language gets its first reader or loses its last; at once if there are
                readers. A reader without a language reads what there is, and asks for none.
        """
        room = self._room(room_id)
        room.calls += 1
        room.watchers.append(readers_changed)
        if room.wanted:
            readers_changed(*room.told)

    def call_ended(self, room_id: str, readers_changed: WantedChanged | None = None) -> None:
        """Restore original voices and lanes. Readers stay for the room's next call."""
        room = self._rooms.get(room_id)
        if room is None:
            return
        if readers_changed in room.watchers:
            room.watchers.remove(readers_changed)
        self._signal(room, room.state.call_ended(self._now_us()))
        room.calls = max(0, room.calls - 1)
        if not room.calls:
            room.pinned.clear()
        self._forget_if_unused(room_id)

    def caption(
        self, caption: CaptionMessage, languages: tuple[str, ...] = (), *, pinned: bool = False, position: int = 0
    ) -> None:
        """Publish the latest revision of a line; a pinned line is replayed while the call lasts.

        Args:
            languages: whose readers it is for, if not only those of its own language.
            position: that which another process has given it; 0 for a line of this process.
        """
        room = self._rooms.get(caption.room_id)
        if room is None:
            return
        self._position = max(self._position, position) if position else self._next_position()
        self._published += 1
        line = Line(position or self._position, caption, pinned=pinned)
        languages = languages or (caption.language,)
        key = caption.utterance_id, caption.language
        log, limit = (room.pinned, PINNED_LINES) if pinned else (room.log, self._replayed_lines)
        log.pop(key, None)
        log[key] = line, languages
        if len(log) > limit:
            forgotten, _ = log.popitem(last=False)[1]
            room.known_from = max(room.known_from, forgotten.position)
        for reader in list(room.captions):
            self._dropped_lines += reader.put(line, languages)

    def _next_position(self) -> int:
        self._position = max(self._position + 1, self._now_us())
        return self._position

    def audio(
        self, room_id: str, channel: str, pcm: bytes, *, original: bool = False, without: Mapping[str, bytes] = Nobody
    ) -> None:
        """Publish a frame of 20 ms on a channel: PCM16 mono 24 kHz.

        Args:
            original: it is only speakers' own voices.
            without: by raw id, what those hear instead who are heard in it and do not want their own voice.
        """
        room = self._rooms.get(room_id)
        found = None if room is None else room.audio.get(channel)
        if found is None:
            return
        self._published += 1
        self._fan_out.publish(found, pcm, found.stamp(self._now_us(), original=original), without)

    def flush(self, room_id: str, channel: str) -> None:
        """Discard the audio of a channel that readers have not read yet, and tell them."""
        room = self._rooms.get(room_id)
        if room is not None and channel in room.audio:
            self._fan_out.flush(room.audio[channel])

    def floor_heard(self, room_id: str) -> bool:
        """Return whether anybody listens to the floor of a room."""
        room = self._rooms.get(room_id)
        return room is not None and FLOOR in room.audio

    def due_us(self, room_id: str, channel: str) -> int:
        """Return the timestamp of a frame published on the channel now, in µs since the Unix epoch."""
        room = self._rooms.get(room_id)
        found = None if room is None else room.audio.get(channel)
        return self._now_us() if found is None else found.next_due_us(self._now_us())

    def voice_begins(self, room_id: str, speaker_id: str, language: str) -> None:
        """Note that a speaker's interpretation is about to play on one more channel."""
        if (room := self._rooms.get(room_id)) is not None:
            self._signal(room, room.state.voice_begins(speaker_id, language, self.due_us(room_id, language)))

    def voice_ends(self, room_id: str, speaker_id: str, language: str) -> None:
        if (room := self._rooms.get(room_id)) is not None:
            self._signal(room, room.state.voice_ends(speaker_id, language, self.due_us(room_id, language)))

    def lane_served(self, room_id: str, speaker_id: str, language: str, engine: str, reason: str) -> None:
        """Signal that a lane is served by another engine (empty: by none), or, without a reason, as requested again."""
        if (room := self._rooms.get(room_id)) is not None:
            self._signal(room, room.state.lane_served(speaker_id, language, engine, reason))

    def interpreter(self, room_id: str, signal: InterpreterSignal) -> None:
        """Signal what the interpreter does, if that is news."""
        if (room := self._rooms.get(room_id)) is not None:
            self._signal(room, room.state.interpreter_does(signal))

    def speaking(self, room_id: str, speakers: frozenset[str]) -> None:
        """Signal who has begun or ceased to speak."""
        if (room := self._rooms.get(room_id)) is not None:
            self._signal(room, room.state.speak(speakers))

    def present(self, room_id: str) -> tuple[InterpreterSignal, frozenset[str]]:
        """Return what the interpreter of a room does, and who speaks."""
        room = self._rooms.get(room_id)
        state = RoomSignals() if room is None else room.state
        return state.interpreter, state.speaking

    def room_state(self, room_id: str, state: RoomState) -> None:
        """Tell everybody who watches a room that its state has changed."""
        room = self._rooms.get(room_id)
        for changed in () if room is None else list(room.sockets):
            changed(state)

    def close_room(self, room_id: str, reason: str) -> None:
        """Close the readers of a room that has ended, and forget it."""
        self.room_state(room_id, "ended")
        self._close(room_id, reason)

    def close(self, reason: str) -> None:
        """Close all rooms, when the service stops."""
        for room_id in list(self._rooms):
            self._close(room_id, reason)

    def _close(self, room_id: str, reason: str) -> None:
        room = self._rooms.pop(room_id, None)
        self._unused.discard(room_id)
        for reader in () if room is None else room.readers:
            reader.close(reason)

    def _signal(self, room: _Room, signals: Sequence[Signal]) -> None:
        for signal in signals:
            self._published += 1
            for reader in list(room.signals):
                reader.put(signal)

    def _now_us(self) -> int:
        return round(self._wall_clock() * 1_000_000)

    # --- reading ---------------------------------------------------------------------------------------

    def read_captions(self, room_id: str, language: str | None = None, since: int = 0) -> CaptionReader:
        """Read captions published after a position, each line in its latest revision.

        Args:
            language: only lines for its readers: in this language, else in another variety of it; None: all lines.
            since: position of the last line seen; 0 for none.
        """
        room = self._room(room_id)
        kept = sorted((*room.pinned.values(), *room.log.values()), key=lambda kept: kept[0].position)
        missed = [(line.replayed, languages) for line, languages in kept if line.position > since]
        limit = max(self._caption_limit, len(missed))
        reader = CaptionReader(partial(self._left, room_id), self._wakes, language, limit, self._captions_lost_limit)
        for line, languages in missed:
            reader.put(line, languages)
        room.captions.add(reader)
        self.listeners_changed(room_id)
        self._count(room, language, 1)
        return reader

    def keeps_all_since(self, room_id: str, position: int) -> bool:
        """Return whether all lines of a room after a position are still kept."""
        room = self._rooms.get(room_id)
        return room is not None and room.known_from <= position

    def read_audio(
        self,
        room_id: str,
        channel: str,
        encoding: AudioEncoding = AudioEncoding.PCM16_24K,
        own_voice: str = "",
    ) -> AudioReader:
        """Read the audio of a channel from now on, a language's or `FLOOR`, without what `own_voice` says."""
        room = self._room(room_id)
        leave, latencies = partial(self._left, room_id), self._fan_out.latencies
        reader = AudioReader(leave, channel, encoding, own_voice, self._audio_limit_ms, latencies)
        room.audio.setdefault(channel, AudioChannel()).readers.setdefault(encoding, {})[reader] = None
        self.listeners_changed(room_id)
        self._count(room, None if channel == FLOOR else channel, 1)
        return reader

    def listeners(self, room_id: str) -> dict[str, int]:
        """Count who follows a room by language; somebody who hears and reads a language counts once."""
        room = self._rooms.get(room_id)
        if room is None:
            return {}
        reading = Counter(reader.language for reader in room.captions if reader.language is not None)
        hearing = Counter({name: channel.listeners for name, channel in room.audio.items() if name != FLOOR})
        return dict(sorted((reading | hearing).items()))

    def read_signals(self, room_id: str) -> SignalReader:
        """Read signals, beginning with those that describe the current state."""
        room = self._room(room_id)
        reader = SignalReader(partial(self._left, room_id), self._wakes, self._signal_limit)
        for signal in room.state.current():
            reader.put(signal)
        room.signals.add(reader)
        return reader

    def is_followed(self, room_id: str) -> bool:
        """Return whether anybody reads or watches a room."""
        room = self._rooms.get(room_id)
        return room is not None and bool(room.sockets or room.readers)

    def watch_room(self, room_id: str, changed: StateChanged) -> Callable[[], None]:
        """Call `changed` with each new state of a room, until the function that is returned is called."""
        self._room(room_id).sockets.add(changed)

        def leave() -> None:
            if (room := self._rooms.get(room_id)) is not None:
                room.sockets.discard(changed)
                self._forget_if_unused(room_id)

        return leave

    # --- rooms -----------------------------------------------------------------------------------------

    def _room(self, room_id: str) -> _Room:
        self._forget(self._unused.too_old())
        self._unused.discard(room_id)
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = _Room(
                0, OrderedDict(), set(), set(), {}, OrderedDict(), Counter(), [], set(), self._next_position()
            )
        return room

    @staticmethod
    def _count(room: _Room, language: str | None, by: int) -> None:
        """Count a reader of a language in or out, and tell the calls if it is the first or was the last of its kind."""
        if language is None:
            return
        room.wanted[language] += by
        if not room.wanted[language]:
            del room.wanted[language]
        before, room.told = room.told, (frozenset(room.wanted), frozenset(room.audio))
        for changed in list(room.watchers) if room.told != before else ():
            changed(*room.told)

    def _left(self, room_id: str, reader: Reader[Any]) -> None:
        if reader.reason == "too_slow":
            self._cut += 1
        room = self._rooms.get(room_id)
        if room is None:
            return
        self.listeners_changed(room_id)
        if isinstance(reader, CaptionReader):
            room.captions.discard(reader)
            self._count(room, reader.language, -1)
        elif isinstance(reader, SignalReader):
            room.signals.discard(reader)
        elif isinstance(reader, AudioReader):
            channel = room.audio[reader.channel]
            channel.remove(reader)
            if not channel.readers:
                del room.audio[reader.channel]
            self._count(room, None if reader.channel == FLOOR else reader.channel, -1)
        self._forget_if_unused(room_id)

    def _forget_if_unused(self, room_id: str) -> None:
        room = self._rooms[room_id]
        if room.calls or room.readers or room.sockets:
            return
        self._forget(self._unused.add(room_id) if room.log else [room_id])

    def _forget(self, room_ids: list[str]) -> None:
        for room_id in room_ids:
            del self._rooms[room_id]
