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
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from listeners.audio_channels import FLOOR, AudioChannel, FanOut, Nobody
from listeners.messages import CaptionMessage, InterpreterSignal, Line, Signal
from listeners.readers import AudioEncoding, AudioReader, CaptionReader, Reader, SharedFrame, SignalReader, Wakes
from listeners.room_signals import RoomSignals
from listeners.rooms import CaptionLog, FollowedRoom, FollowedRooms, RoomState, StateChanged, WantedChanged
from listeners.statistics import Statistics

AUDIO_LIMIT_MS = 1_000
"""Later audio is useless: the listener would hear it while something else is being said."""
CAPTION_LIMIT = 250
"""Lines that may wait for a reader: as many as are kept of a room, pinned ones too, for another process tells all at
once."""
CAPTIONS_LOST_LIMIT = 50
"""Dropped lines after which a reader is closed: it has not read for minutes."""
SIGNAL_LIMIT = 100
"""Signals that may wait for a reader."""
REPLAYED_LINES = 200
"""Lines of a room that late joiners get: ten minutes with two languages and ten utterances a minute."""

Published = Line | Signal | RoomState


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
        self._rooms = FollowedRooms(self._new_room, wall_clock)
        self.listeners_changed: Callable[[str], None] = lambda room_id: None
        """Called with the id of a room when a reader of captions or of audio has come or gone."""
        self.tap: Callable[[str, Published], None] = lambda room_id, published: None
        """Takes the id of a room and what this process publishes in it, but audio, for other processes."""
        self._wall_clock = wall_clock
        self._wakes = Wakes()
        self._position = 0
        """Position of the last line of any room. It grows across calls and processes, since it follows the wall clock:
        returning readers get what they missed."""
        self._published = self._cut = 0
        self.dropped_uplink = 0
        """Frames of microphones that came faster than real time."""
        self.fan_out = FanOut()
        """Hands audio to its listeners."""

    def statistics(self) -> Statistics:
        rooms, lost, latencies = self._rooms, self.fan_out.dropped_frames, self.fan_out.latencies.read()
        used, readers = rooms.used, sum(len(room.readers) for room in rooms.values())
        return Statistics(
            used, readers, self._published, lost, self._wakes.dropped_lines, self._cut, self.dropped_uplink, latencies
        )

    # --- publishing ------------------------------------------------------------------------------------

    def call_began(self, room_id: str, readers_changed: WantedChanged = lambda languages, listened: None) -> None:
        """Keep captions from now on, with or without readers.

        Args:
            readers_changed: called whenever a language gets its first reader or loses its last; at once if there are
                readers. A reader without a language reads what there is, and asks for none.
        """
        room = self._rooms.opened(room_id)
        if not room.calls:  # another process may have signalled what nobody will end
            self._publish(room_id, room.state.call_ended(self.now_us()))
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
        self._publish(room_id, room.state.call_ended(self.now_us()))
        room.calls = max(0, room.calls - 1)
        if not room.calls:
            room.log.unpin()
        self._rooms.forget_if_unused(room_id)

    def caption(self, caption: CaptionMessage, languages: tuple[str, ...] = (), *, pinned: bool = False) -> None:
        """Publish the latest revision of a line; a pinned line is replayed while the call lasts.

        Args:
            languages: whose readers it is for, if not only those of its own language.
        """
        room = self._rooms.get(caption.room_id)
        if room is None:
            return
        line = Line(self._next_position(), caption, languages, pinned=pinned)
        room.log.keep(line)
        self._put(room, line)
        self.tap(caption.room_id, line)

    def _put(self, room: FollowedRoom, line: Line) -> None:
        self._published += 1
        self._wakes.put(line, room.captions)

    def _new_room(self) -> FollowedRoom:
        log = CaptionLog(self._replayed_lines, self._next_position())
        return FollowedRoom(0, log, set(), set(), {}, Counter(), [], set())

    def _next_position(self) -> int:
        self._position = max(self._position + 1, self.now_us())
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
        self.fan_out.publish(found, pcm, found.stamp(self.now_us(), original=original), without)

    def flush(self, room_id: str, channel: str) -> None:
        """Discard the audio of a channel that readers have not read yet, and tell them."""
        room = self._rooms.get(room_id)
        if room is not None and channel in room.audio:
            self.fan_out.flush(room.audio[channel])

    def floor_heard(self, room_id: str) -> bool:
        """Return whether anybody listens to the floor of a room."""
        room = self._rooms.get(room_id)
        return room is not None and FLOOR in room.audio

    def due_us(self, room_id: str, channel: str) -> int:
        """Return the timestamp of a frame published on the channel now, in µs since the Unix epoch."""
        room = self._rooms.get(room_id)
        found = None if room is None else room.audio.get(channel)
        return self.now_us() if found is None else found.next_due_us(self.now_us())

    def voice_begins(self, room_id: str, speaker_id: str, language: str) -> None:
        """Note that a speaker's interpretation is about to play on one more channel."""
        if (room := self._rooms.get(room_id)) is not None:
            at_us = self.due_us(room_id, language)
            self._publish(room_id, room.state.voice_begins(speaker_id, language, at_us))

    def voice_ends(self, room_id: str, speaker_id: str, language: str) -> None:
        if (room := self._rooms.get(room_id)) is not None:
            at_us = self.due_us(room_id, language)
            self._publish(room_id, room.state.voice_ends(speaker_id, language, at_us))

    def lane_served(self, room_id: str, speaker_id: str, language: str, engine: str, reason: str) -> None:
        """Signal that a lane is served by another engine (empty: by none), or, without a reason, as requested again."""
        if (room := self._rooms.get(room_id)) is not None:
            self._publish(room_id, room.state.lane_served(speaker_id, language, engine, reason))

    def interpreter(self, room_id: str, signal: InterpreterSignal) -> None:
        """Signal what the interpreter does, if that is news."""
        if (room := self._rooms.get(room_id)) is not None:
            self._publish(room_id, room.state.interpreter_does(signal))

    def speaking(self, room_id: str, speakers: frozenset[str]) -> None:
        """Signal who has begun or ceased to speak."""
        if (room := self._rooms.get(room_id)) is not None:
            self._publish(room_id, room.state.speak(speakers))

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
        self.tap(room_id, state)

    def close_room(self, room_id: str, reason: str) -> None:
        """Close the readers of a room that has ended, and forget it."""
        self.room_state(room_id, "ended")
        self._close(room_id, reason)

    def close(self, reason: str) -> None:
        """Close all rooms, when the service stops."""
        for room_id in list(self._rooms):
            self._close(room_id, reason)

    def _close(self, room_id: str, reason: str) -> None:
        self._wakes.finish()
        room = self._rooms.closed(room_id)
        for reader in () if room is None else room.readers:
            reader.close(reason)

    def _publish(self, room_id: str, signals: Sequence[Signal]) -> None:
        self._signal(self._rooms[room_id], signals)
        for signal in signals:
            self.tap(room_id, signal)

    def _signal(self, room: FollowedRoom, signals: Sequence[Signal]) -> None:
        for signal in signals:
            self._published += 1
            for reader in list(room.signals):
                reader.put(signal)

    def now_us(self) -> int:
        return round(self._wall_clock() * 1_000_000)

    # --- other processes -------------------------------------------------------------------------------

    def in_use(self) -> list[str]:
        """Return the rooms that have a call or listeners here."""
        return [room_id for room_id, room in self._rooms.items() if room.used]

    def hold(self, room_id: str, held: bool) -> None:
        """Keep a room, used or not, for what other processes publish in it; or no longer."""
        self._rooms.opened(room_id).held = held
        self._rooms.forget_if_unused(room_id)

    def find(self, room_id: str) -> FollowedRoom | None:
        """Return a room that is known here."""
        return self._rooms.get(room_id)

    def has_call(self, room_id: str) -> bool:
        """Return whether a call publishes into a room here."""
        return (room := self._rooms.get(room_id)) is not None and room.calls > 0

    def kept(self, room_id: str) -> tuple[list[Line], int, list[Signal]]:
        """Return what another process needs to go on from: lines, the position since which all are here, signals."""
        room = self._rooms.get(room_id)
        return ([], 0, []) if room is None else (room.log.since(0), room.log.known_from, room.state.everything())

    def take(self, room_id: str, lines: Sequence[Line], known_from: int | None = None) -> None:
        """Publish lines of another process. With `known_from` they are all it has kept, some of which may be known."""
        room = self._rooms.get(room_id)
        if room is None:
            return
        for line in room.log.take(lines, known_from):
            self._position = max(self._position, line.position)
            self._put(room, line)

    def take_signals(self, room_id: str, signals: Sequence[Signal], *, complete: bool = False) -> None:
        """Publish signals of another process; those that are complete say all that holds now."""
        if (room := self._rooms.get(room_id)) is not None:
            self._signal(room, room.state.take(signals, self.now_us() if complete else None))

    def count_elsewhere(self, room_id: str, by_language: Mapping[str, int]) -> None:
        """Note how many listen at other processes: they count, and want their languages, as those here do."""
        room = self._rooms.get(room_id)
        if room is None or room.elsewhere == by_language:
            return
        before, room.elsewhere = room.elsewhere, by_language
        for language in before.keys() ^ by_language.keys():
            room.count(language, 1 if language in by_language else -1)
        self.listeners_changed(room_id)

    # --- reading ---------------------------------------------------------------------------------------

    def read_captions(self, room_id: str, language: str | None = None, since: int = 0) -> CaptionReader:
        """Read captions published after a position, each line in its latest revision.

        Args:
            language: only lines for its readers: in this language, else in another variety of it; None: all lines.
            since: position of the last line seen; 0 for none.
        """
        room = self._rooms.opened(room_id)
        missed = room.log.since(since)
        limit = max(self._caption_limit, len(missed))
        leave, lost_limit = partial(self._left, room_id), self._captions_lost_limit
        reader = CaptionReader(leave, self._wakes, language, limit, lost_limit, since)
        for line in missed:
            reader.put(line.replayed)
        room.captions.add(reader)
        self.listeners_changed(room_id)
        room.count(language, 1)
        return reader

    def keeps_all_since(self, room_id: str, position: int) -> bool:
        """Return whether all lines of a room after a position are still kept."""
        room = self._rooms.get(room_id)
        return room is not None and room.log.known_from <= position

    def read_audio(
        self,
        room_id: str,
        channel: str,
        encoding: AudioEncoding = AudioEncoding.PCM16_24K,
        own_voice: str = "",
        relay: Callable[[SharedFrame], None] | None = None,
    ) -> AudioReader:
        """Read the audio of a channel from now on, a language's or `FLOOR`, without what `own_voice` says.

        Args:
            relay: takes the frames for listeners of another process.
        """
        room = self._rooms.opened(room_id)
        leave, latencies = partial(self._left, room_id), self.fan_out.latencies
        reader = AudioReader(leave, channel, encoding, own_voice, self._audio_limit_ms, latencies)
        reader.relay = relay
        room.audio.setdefault(channel, AudioChannel()).readers.setdefault(encoding, {})[reader] = None
        self.listeners_changed(room_id)
        room.count(None if channel == FLOOR else channel, 1)
        return reader

    def listeners(self, room_id: str) -> dict[str, int]:
        """Count who follows a room by language; somebody who hears and reads a language counts once."""
        room = self._rooms.get(room_id)
        return {} if room is None else dict(sorted((room.here() + Counter(room.elsewhere)).items()))

    def read_signals(self, room_id: str) -> SignalReader:
        """Read signals, beginning with those that describe the current state."""
        room = self._rooms.opened(room_id)
        reader = SignalReader(partial(self._left, room_id), self._wakes, self._signal_limit)
        for signal in room.state.current():
            reader.put(signal)
        room.signals.add(reader)
        return reader

    def is_followed(self, room_id: str) -> bool:
        """Return whether anybody reads or watches a room, or is about to."""
        room = self._rooms.get(room_id)
        return room is not None and bool(room.sockets or room.readers or room.held)

    def watch_room(self, room_id: str, changed: StateChanged) -> Callable[[], None]:
        """Call `changed` with each new state of a room, until the function that is returned is called."""
        self._rooms.opened(room_id).sockets.add(changed)

        def leave() -> None:
            if (room := self._rooms.get(room_id)) is not None:
                room.sockets.discard(changed)
                self._rooms.forget_if_unused(room_id)

        return leave

    def _left(self, room_id: str, reader: Reader[Any]) -> None:
        if reader.reason == "too_slow":
            self._cut += 1
        room = self._rooms.get(room_id)
        if room is None:
            return
        self.listeners_changed(room_id)
        if isinstance(reader, CaptionReader):
            room.captions.discard(reader)
            room.count(reader.language, -1)
        elif isinstance(reader, SignalReader):
            room.signals.discard(reader)
        elif isinstance(reader, AudioReader):
            channel = room.audio[reader.channel]
            channel.remove(reader)
            if not channel.readers:
                del room.audio[reader.channel]
            room.count(None if reader.channel == FLOOR else reader.channel, -1)
        self._rooms.forget_if_unused(room_id)
