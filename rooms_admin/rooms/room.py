"""Rooms and the protocol of their store. Knows neither REST nor ACS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec

from storage.documents import Whole

ParticipantRole = Literal["Presenter", "Attendee", "Consumer", "Collaborator"]
RoomMode = Literal["consecutive", "simultaneous"]
BargeIn = Literal["ignore", "stop"]
RoomLayout = Literal["shared", "channels", "sister"]
RoomMedia = Literal["acs", "web"]
CaptionStability = Literal["fast", "balanced", "aggressive"]
KeypadAction = Literal["hush", "pause", "resume"]
UsageKind = Literal["money", "tokens", "minutes"]
Validity = Literal["scheduled", "open", "expired"]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Sort = Literal["created_at", "-created_at", "name", "-name", "valid_until", "-valid_until"]


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """How the interpreter behaves in a room; times in milliseconds."""

    end_of_turn_ms: Whole = 500
    """A pause of this length ends an utterance."""
    end_of_turn_after_long_ms: Whole = 250
    """The pause that ends an utterance after `long_speech_ms`."""
    end_of_turn_unfinished_ms: Whole = 800
    """Maximum pause within a sentence that does not sound finished; no more than the others: every pause ends alike."""
    long_speech_ms: Whole = 3_000
    max_utterance_ms: Whole = 10_000
    """Maximum length of an utterance."""
    barge_in: BargeIn = "ignore"
    """Whether a speaker who talks over the interpreter stops it."""
    layout: RoomLayout = "shared"
    """Where interpretations are heard: in the room itself, in a channel per language, or in a room per language."""
    announcement: bool = False
    """Announce at the start, in every language, that a machine interprets."""
    captions: CaptionStability = "fast"
    """How early captions are shown: every piece of text, whole words, or whole clauses that never change."""
    max_lanes: Whole = 24
    """Maximum of open model sessions; another one replaces the one idle longest."""
    pivot: str = ""
    """Language used as relay for pairs the model refuses; empty for none."""
    chair: str = ""
    """Id of the participant interpreted with priority; empty for nobody."""
    keypad: Mapping[str, KeypadAction] = field(default_factory=lambda: {"*": "hush"})
    """Action of each keypad tone."""
    bots: tuple[str, ...] = ()
    """Ids of participants that are machines; they are never interpreted, and nothing is interpreted for them."""
    separate_varieties: bool = False
    """Interpret into each variety of a language by itself, instead of one voice per language."""
    mixed: bool = False
    """Receive the call as one mixed stream that does not identify speakers, instead of one per speaker."""
    usage_cap: Mapping[UsageKind, float] = field(default_factory=dict)
    """Usage after which interpretation is text only; an omitted kind is unlimited."""
    guests: bool = True
    """Whether the join code lets people in who are not on the roster, to speak from a browser."""
    waits_for_start: bool = False
    """Without ACS: nothing is interpreted before an admin starts the interpreter, though people speak."""
    speak_messages: bool = False
    """Whether translations of typed messages are also spoken."""
    save_transcript: bool = True
    """Whether the page of the meeting offers the captions it has shown as a file."""


PHONE_PREFIX = "4:"
"""Begins the raw ids of phones."""
WEB_PREFIX = "web:"
"""Begins the raw ids of people who have no ACS identity: they take part by browser."""
NOT_ACS_USERS = (PHONE_PREFIX, WEB_PREFIX)
"""Prefixes of the raw ids that are no users of ACS: there is nothing of them to create or delete there."""


@dataclass(frozen=True, slots=True)
class Participant:
    """An entry of a room's roster."""

    participant_id: str
    """Id of this service; later ids sort after earlier ones."""
    acs_user_id: str
    """Raw id: `8:acs:…`, `4:+15551234567` of a phone, or `web:{participant_id}` of somebody without ACS identity."""
    display_name: str
    role: ParticipantRole
    speaks: str
    """One of the room's languages, or `auto`."""
    hears: str
    """One of the room's languages."""
    request_key: str | None = None
    """Identifies the request that added the participant, so that repeating it does not add another."""
    phone_number: str | None = None
    """Number (E.164) of a phone that people in the call dial; None for a user of ACS."""
    guest: bool = False
    """Came by the join code, and was not added by an admin."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the glossary and its translations by language; without any, it stays as it is."""

    term: str
    translations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Glossary:
    """Terms of a room, versioned."""

    version: Whole
    """Incremented with every change; 0 if no glossary was ever stored."""
    terms: tuple[Term, ...]


NO_GLOSSARY = Glossary(0, ())


@dataclass(frozen=True, slots=True)
class Room:
    """A room with its roster, settings and glossary, and the ACS rooms behind it."""

    room_id: str
    """Id of this service; later ids sort after earlier ones."""
    acs_room_id: str
    """With layout `sister`, the ACS room of the first language; empty if there is none (media `web`)."""
    join_code: str
    """Six digits: a lookup, not a credential."""
    name: str
    languages: tuple[str, ...]
    mode: RoomMode
    participants: tuple[Participant, ...]
    """In the order they were added."""
    valid_from: Moment
    valid_until: Moment
    created_at: Moment
    settings: RoomSettings = RoomSettings()
    version: Whole = 1
    """Incremented with every change."""
    glossary: Glossary = NO_GLOSSARY
    retention_days: Whole | None = None
    """Days the transcript and ledger are kept; None for the service's setting."""
    request_key: str | None = None
    """Identifies the request that created the room, so that repeating it does not create another."""
    sisters: Mapping[str, str] = field(default_factory=dict)
    """With layout `sister`, the ACS room of each language, in the order of the languages; otherwise empty. An ACS room
    of a removed language is listed until ACS has deleted it."""
    chosen: Mapping[str, str] = field(default_factory=dict)
    """Why `mode` and `layout` are what they are, where the service chose them."""
    media: RoomMedia = "acs"
    """How people come: into an ACS room (some of them by browser), or, without one, all by browser."""

    @property
    def acs_room_ids(self) -> tuple[str, ...]:
        """Ids of all ACS rooms, without duplicates."""
        return tuple(dict.fromkeys(one for one in (self.acs_room_id, *self.sisters.values()) if one))

    def acs_room_of(self, participant: Participant) -> str:
        """Return the ACS room the participant joins: that of the language they hear, if each has its own."""
        return self.sisters.get(participant.hears, self.acs_room_id)

    def participant(self, participant_id: str) -> Participant | None:
        return next((one for one in self.participants if one.participant_id == participant_id), None)


@dataclass(frozen=True, slots=True)
class RoomQuery:
    """Filter, order and position of a listing of rooms. Filters that are None are not applied."""

    limit: int
    sort: Sort = "created_at"
    """Field to sort by, descending with `-`; ties are sorted by id."""
    after: tuple[str, str] | None = None
    """`sort_key` and id of the last room of the previous page."""
    name: str | None = None
    """Part of the name, case-insensitive."""
    language: str | None = None
    mode: RoomMode | None = None
    validity: Validity | None = None
    now: datetime | None = None
    """Current time; required with `validity`."""

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")

    def sort_key(self, room: Room) -> str:
        """Return the sort key of a room, as text that sorts in the same order."""
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
    """Return the name for case-insensitive comparison."""
    return name.casefold()


def milliseconds(moment: datetime) -> int:
    """Return milliseconds since the Unix epoch."""
    return round(moment.timestamp() * 1000)


def validity(room: Room, now: datetime) -> Validity:
    if now < room.valid_from:
        return "scheduled"
    return "open" if now < room.valid_until else "expired"


@dataclass(frozen=True, slots=True)
class Deletion:
    """Proof that a room was deleted: how many items of each kind were removed, and how many were found afterwards."""

    room_id: str
    deleted_at: datetime
    removed: Mapping[str, int]
    left: Mapping[str, int]


class UnknownRoom(LookupError):
    """There is no such room."""


class JoinCodeTaken(Exception):
    """Another valid room has this join code."""


class RoomStore(Protocol):
    """Stores rooms. Each method is atomic, for stores shared by several processes too.

    A stored room that cannot be read is set aside: to every method but `remove` it does not exist, and it stays stored.
    """

    async def add(self, room: Room) -> None:
        """Store a new room.

        Raises:
            JoinCodeTaken: a room still valid when this one was created has its code.
            UnstorableValue: as `update`.
        """

    async def get(self, room_id: str) -> Room | None: ...

    async def find_by_acs_room(self, acs_room_id: str) -> Room | None:
        """Return the room that has this ACS room."""

    async def find_by_request(self, request_key: str) -> Room | None: ...

    async def find_by_join_code(self, join_code: str) -> Room | None:
        """Return the most recent room with this code, expired or not."""

    def changing(self, room_id: str) -> AbstractAsyncContextManager[None]:
        """Exclude other holders of the same room, those of other processes too, while something outside is changed.

        Within, a room that was read does not change, unless the connection to the store is lost for seconds. Raises
        `StoreUnavailable` if the room is not free in time. Not to be entered twice.
        """

    async def update(self, room_id: str, change: Callable[[Room], Room]) -> Room:
        """Replace the room by `change(room)` with the next version, and return it.

        `change` is pure and may be called more than once. If it raises, the room is not changed.

        Raises:
            UnknownRoom: there is no such room.
            UnstorableValue: the changed room could not be read again.
        """

    async def remove(self, room_id: str, now: datetime) -> Deletion:
        """Delete the room and everything stored of it; store and return the proof. `UnknownRoom` if there is none."""

    async def deletion(self, room_id: str) -> Deletion | None:
        """Return the proof that a room was deleted."""

    async def glossary(self, room_id: str, version: int) -> Glossary | None:
        """Return a version of a room's glossary, current or earlier."""

    async def page(self, query: RoomQuery) -> Sequence[Room]: ...
