"""What the listeners' sockets need to know of rooms, how they are told, and how long rooms are remembered."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from listeners.audio_channels import FLOOR, AudioChannel
from listeners.messages import Line
from listeners.readers import CaptionReader, Reader, SignalReader
from listeners.room_signals import RoomSignals

KEPT_ROOMS = 100
"""Rooms nobody uses whose lines are kept for those who come back."""
KEPT_S = 3600.0
"""Seconds for which they are kept."""

PINNED_LINES = 50
"""Pinned lines of a room: the interpreter's announcements, one or two in each language."""

RoomState = Literal["created", "active", "paused", "ended"]
"""`created`: nothing was interpreted yet, or nobody is there now; `ended`: the room is deleted or has expired."""

StateChanged = Callable[[RoomState], None]
"""Takes the new state of a room."""
WantedChanged = Callable[[frozenset[str], frozenset[str]], None]
"""Takes the languages of which somebody reads captions or hears audio, and those of which somebody hears audio."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the roster of a room."""

    participant_id: str
    name: str
    speaks: str
    hears: str
    speaker_id: str = ""
    """Raw id with which they speak; empty if unknown."""


@dataclass(frozen=True, slots=True)
class ListenedRoom:
    """A room as listeners see it."""

    room_id: str
    name: str
    languages: tuple[str, ...]
    state: RoomState
    people: Mapping[str, Person] = field(default_factory=dict)
    """By participant id."""


FindRoom = Callable[[str], Awaitable[ListenedRoom | None]]
"""Finds a room by its id; None if there is none."""
MatchLanguage = Callable[[str, Sequence[str]], str | None]
"""Returns the one of a room's languages that serves a reader of this tag; None if none does."""


class CaptionLog:
    """The latest lines of a room, each in its latest revision, and the pinned ones."""

    def __init__(self, limit: int, known_from: int) -> None:
        self.known_from = known_from
        """Position after which every line of the room is kept."""
        self._limit = limit
        self._lines: OrderedDict[tuple[str, str], Line] = OrderedDict()
        self._pinned: OrderedDict[tuple[str, str], Line] = OrderedDict()

    def __bool__(self) -> bool:
        """Say whether there are lines worth keeping after a call."""
        return bool(self._lines)

    def keep(self, line: Line) -> None:
        """Keep a line in place of its earlier revision; the oldest is forgotten if there are too many."""
        lines, limit = (self._pinned, PINNED_LINES) if line.pinned else (self._lines, self._limit)
        lines.pop(line.key, None)
        lines[line.key] = line
        if len(lines) > limit:
            forgotten = lines.popitem(last=False)[1]
            self.known_from = max(self.known_from, forgotten.position)

    def since(self, position: int) -> list[Line]:
        """Return the lines after a position, in order."""
        lines = (line for line in (*self._pinned.values(), *self._lines.values()) if line.position > position)
        return sorted(lines, key=lambda line: line.position)

    def take(self, lines: Sequence[Line], known_from: int | None) -> list[Line]:
        """Keep lines of another process; return those that are news here.

        Args:
            known_from: the lines are all after this position, and the pinned ones; None: there are others.
        """
        mine = {line.key: line.position for line in self.since(0)}
        last = max(mine.values(), default=0)
        news = [line for line in lines if line.position > mine.get(line.key, 0)]
        if known_from is not None:
            self.unpin()
        for line in lines:
            if line.pinned or line.position > mine.get(line.key, 0):
                self.keep(line)
        if known_from is None:
            return news
        if not mine:
            self.known_from = known_from
        elif known_from > last:  # what was said between is known to nobody here
            self.known_from = max(self.known_from, known_from)
        return news

    def unpin(self) -> None:
        """Forget the pinned lines: the call has ended."""
        self._pinned.clear()


@dataclass(slots=True, eq=False)
class FollowedRoom:
    """Who follows a room, and what is kept for those who come."""

    calls: int
    log: CaptionLog
    captions: set[CaptionReader]
    signals: set[SignalReader]
    audio: dict[str, AudioChannel]
    wanted: Counter[str]
    """How many readers there are of the captions or the audio of each language."""
    watchers: list[WantedChanged]
    sockets: set[StateChanged]
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Listeners at other processes, by language."""
    held: bool = False
    """Whether it is kept for what other processes publish."""
    state: RoomSignals = field(default_factory=RoomSignals)
    told: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())  # what the watchers were told last

    @property
    def used(self) -> bool:
        """Whether a call publishes into it, or somebody follows it."""
        return bool(self.calls or self.sockets or self.readers)

    @property
    def readers(self) -> list[Reader[Any]]:
        channels = self.audio.values()
        audio = [reader for channel in channels for readers in channel.readers.values() for reader in readers]
        return [*self.captions, *self.signals, *audio]

    @property
    def streams(self) -> set[tuple[str, str]]:
        """Channels and mixes that listeners of this process hear: whose voice is left out, or nobody's."""
        return {(name, voice) for name, channel in self.audio.items() for voice in channel.voices}

    def count(self, language: str | None, by: int) -> None:
        """Count a reader of a language in or out, and tell the calls if it is the first or was the last of its kind."""
        if language is None:
            return
        self.wanted[language] += by
        if not self.wanted[language]:
            del self.wanted[language]
        before, self.told = self.told, (frozenset(self.wanted), frozenset(self.audio))
        for changed in list(self.watchers) if self.told != before else ():
            changed(*self.told)

    def here(self) -> Counter[str]:
        """Count listeners of this process by language; somebody who hears and reads a language counts once."""
        reading = Counter(reader.language for reader in self.captions if reader.language is not None)
        hearing = Counter({name: channel.listeners for name, channel in self.audio.items() if name != FLOOR})
        return reading | hearing


class FollowedRooms(dict[str, FollowedRoom]):
    """The rooms that are followed, and those known for their lines alone: at most `KEPT_ROOMS`, each for `KEPT_S`."""

    def __init__(self, new: Callable[[], FollowedRoom], wall_clock: Callable[[], float]) -> None:
        super().__init__()
        self._new = new
        self._wall_clock = wall_clock
        self._unused_since: OrderedDict[str, float] = OrderedDict()

    @property
    def used(self) -> int:
        """How many are followed."""
        return len(self) - len(self._unused_since)

    def opened(self, room_id: str) -> FollowedRoom:
        """Return a room that is used from now on."""
        self._forget_old()
        self._unused_since.pop(room_id, None)
        room = self.get(room_id)
        if room is None:
            room = self[room_id] = self._new()
        return room

    def closed(self, room_id: str) -> FollowedRoom | None:
        """Forget a room, and return it."""
        self._unused_since.pop(room_id, None)
        return self.pop(room_id, None)

    def forget_if_unused(self, room_id: str) -> None:
        """Forget a room that nobody uses any more, at once or, if it has lines, after a while."""
        room = self[room_id]
        if room.used or room.held:
            return
        if room.log:
            self._unused_since[room_id] = self._wall_clock()
            self._forget_old()
        else:
            del self[room_id]

    def _forget_old(self) -> None:
        oldest, unused = self._wall_clock() - KEPT_S, self._unused_since
        while unused and (len(unused) > KEPT_ROOMS or next(iter(unused.values())) < oldest):
            del self[unused.popitem(last=False)[0]]
