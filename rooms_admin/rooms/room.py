"""What a room is, the RoomStore protocol and the store in memory; knows neither REST nor ACS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

ParticipantRole = Literal["Presenter", "Attendee", "Consumer", "Collaborator"]
RoomMode = Literal["consecutive", "simultaneous"]
BargeIn = Literal["ignore", "stop"]
RoomLayout = Literal["shared", "channels", "sister"]
CaptionStability = Literal["fast", "balanced", "aggressive"]
KeypadAction = Literal["hush", "pause", "resume"]
UsageKind = Literal["money", "tokens", "minutes"]
Validity = Literal["scheduled", "open", "expired"]
Sort = Literal["created_at", "-created_at", "name", "-name", "valid_until", "-valid_until"]


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """How the interpreter behaves in a room; times in milliseconds."""

    end_of_turn_ms: int = 500
    """a pause of this length ends an utterance"""
    end_of_turn_after_long_ms: int = 250
    """once `long_speech_ms` have been spoken, this is enough"""
    long_speech_ms: int = 3_000
    max_utterance_ms: int = 10_000
    """an utterance ends here in any case"""
    barge_in: BargeIn = "ignore"
    """whether a voice that speaks over the interpreter stops it"""
    layout: RoomLayout = "shared"
    """where interpretations are heard: in the one room, in a channel per language besides, in a room per language"""
    announcement: bool = False
    """say at the start, in every language, that a machine interprets"""
    captions: CaptionStability = "fast"
    """how much is shown before it is certain: every piece, whole words, whole clauses that never change"""
    max_lanes: int = 24
    """model sessions at a time; whoever needs one more takes the place of the one idle longest"""
    pivot: str = ""
    """language through which a pair goes that the model refuses; empty: none"""
    chair: str = ""
    """participant who is interpreted before all others; empty: nobody"""
    keypad: Mapping[str, KeypadAction] = field(default_factory=lambda: {"*": "hush"})
    """what a keypad tone does"""
    bots: tuple[str, ...] = ()
    """participants that are no people: never interpreted"""
    mixed: bool = False
    """hear the call as one stream in which nobody is told apart, instead of one for each who speaks"""
    usage_cap: Mapping[UsageKind, float] = field(default_factory=dict)
    """how much is interpreted aloud before it is only read; a kind left out has no limit"""


@dataclass(frozen=True, slots=True)
class Participant:
    participant_id: str
    """ours; later ones sort after earlier ones"""
    acs_user_id: str
    """raw id, `8:acs:…`"""
    display_name: str
    role: ParticipantRole
    speaks: str
    """one of the room's languages, or `auto`"""
    hears: str
    """one of the room's languages"""


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the glossary and what it is to become, by language; without translations it stays as it is."""

    term: str
    translations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Glossary:
    version: int = 0
    """grows by one with every change; 0: there never was one"""
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    room_id: str
    """ours; later ones sort after earlier ones"""
    acs_room_id: str
    """with layout `sister` the one of the first language"""
    join_code: str
    """6 digits: a lookup, never a credential"""
    name: str
    languages: tuple[str, ...]
    mode: RoomMode
    participants: tuple[Participant, ...]
    """in the order they were added"""
    valid_from: datetime
    valid_until: datetime
    created_at: datetime
    settings: RoomSettings = RoomSettings()
    version: int = 1
    """grows by one with every change"""
    glossary: Glossary = Glossary()
    retention_days: int | None = None
    """how long transcript and ledger are kept; None: as long as the service's setting says"""
    request_key: str | None = None
    """names the request that created it, so that the same request finds it instead of creating another"""
    sisters: Mapping[str, str] = field(default_factory=dict)
    """with layout `sister` the ACS room of each language, in the order of the languages; empty otherwise. One of a
    language that is no longer the room's is there until ACS has deleted it"""

    @property
    def acs_room_ids(self) -> tuple[str, ...]:
        """All of them; none twice."""
        return tuple(dict.fromkeys((self.acs_room_id, *self.sisters.values())))

    def acs_room_of(self, participant: Participant) -> str:
        """The ACS room the participant sits in: that of the language they hear, if each has its own."""
        return self.sisters.get(participant.hears, self.acs_room_id)

    def participant(self, participant_id: str) -> Participant | None:
        return next((one for one in self.participants if one.participant_id == participant_id), None)


@dataclass(frozen=True, slots=True)
class RoomQuery:
    """Which rooms to list, in which order, from where on. What is None does not matter."""

    limit: int
    sort: Sort = "created_at"
    """the field to go by, descending with `-`; rooms alike in it follow their ids"""
    after: tuple[str, str] | None = None
    """`sort_key` and id of the last room seen"""
    name: str | None = None
    """a part of the name, in any case"""
    language: str | None = None
    mode: RoomMode | None = None
    validity: Validity | None = None
    now: datetime | None = None
    """what `validity` is judged by; needed with it"""

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")

    def sort_key(self, room: Room) -> str:
        """What the room is sorted by, as text that sorts the same way."""
        match self.sort.removeprefix("-"):
            case "name":
                return folded(room.name)
            case "valid_until":
                return f"{milliseconds(room.valid_until):015}"
            case _:
                return room.room_id  # ids follow one another in time

    def matches(self, room: Room) -> bool:
        return (
            (self.name is None or folded(self.name) in folded(room.name))
            and (self.language is None or self.language in room.languages)
            and (self.mode is None or self.mode == room.mode)
            and (self.validity is None or self.now is None or self.validity == validity(room, self.now))
        )


def folded(name: str) -> str:
    """For comparing names whatever their case."""
    return name.casefold()


def milliseconds(moment: datetime) -> int:
    """Since the Unix epoch."""
    return round(moment.timestamp() * 1000)


def validity(room: Room, now: datetime) -> Validity:
    if now < room.valid_from:
        return "scheduled"
    return "open" if now < room.valid_until else "expired"


@dataclass(frozen=True, slots=True)
class Deletion:
    """Proof that a room is gone: how much of each kind was removed, and how much was found afterwards."""

    room_id: str
    deleted_at: datetime
    removed: Mapping[str, int]
    left: Mapping[str, int]


class UnknownRoom(LookupError):
    """No such room, or no longer."""


class JoinCodeTaken(Exception):
    """Another room that is still valid has this join code."""


class RoomStore(Protocol):
    """Where rooms are kept. Each method is atomic; a store shared by several processes must see to it."""

    async def add(self, room: Room) -> None:
        """Keep a new room; `JoinCodeTaken` if a room still valid when this one was created has its code."""

    async def get(self, room_id: str) -> Room | None: ...

    async def find_by_acs_room(self, acs_room_id: str) -> Room | None:
        """The room that has this ACS room, alone or among others."""

    async def find_by_request(self, request_key: str) -> Room | None: ...

    async def find_by_join_code(self, join_code: str) -> Room | None:
        """The youngest room with this code, expired or not."""

    async def update(self, room_id: str, change: Callable[[Room], Room]) -> Room:
        """Put `change(room)` in the place of the room and return it, with the version grown by one.

        `change` is pure, may be called more than once, and may raise, which leaves the room as it was.
        `UnknownRoom` if there is none.
        """

    async def remove(self, room_id: str, now: datetime) -> Deletion:
        """Forget the room and everything kept of it, and keep the proof; `UnknownRoom` if there is none."""

    async def deletion(self, room_id: str) -> Deletion | None:
        """The proof that a room was deleted."""

    async def glossary(self, room_id: str, version: int) -> Glossary | None:
        """One version of a room's glossary, the current one included."""

    async def page(self, query: RoomQuery) -> Sequence[Room]: ...
