"""What a room asks of its interpreter, as plain data; who is heard where follows from it in `routing.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.interpreting.glossary import GlossaryEntries

AUTO = "auto"
"""A speaker whose language is not known: the model detects it among the room's languages."""

MIXED = "mixed"
"""The speaker of mixed audio, which names none: whoever it is. No raw id looks like it."""

SHARED_CHANNEL = "room"
"""The channel that everybody in the shared room hears."""


class Mode(StrEnum):
    CONSECUTIVE = "consecutive"
    """The utterance ends, then its interpretation is spoken."""
    SIMULTANEOUS = "simultaneous"
    """The interpretation runs while the speaker speaks."""


class Layout(StrEnum):
    """Where interpretations are heard."""

    SHARED = "shared"
    """One room, one channel: everybody hears every interpretation."""
    CHANNELS = "channels"
    """The shared room, and beside it a channel per language for listeners."""
    SISTER = "sister"
    """One room per language: each is a channel, and everybody sits in the room of the language they hear."""


class Stability(StrEnum):
    """How much of a caption is shown before it is certain."""

    FAST = "fast"
    """Every piece as it comes."""
    BALANCED = "balanced"
    """Whole words, four times a second at most."""
    AGGRESSIVE = "aggressive"
    """Whole clauses: what is shown never changes."""


class Order(StrEnum):
    """What an admin, or a keypad tone, may tell the interpreter."""

    HUSH = "hush"
    """Stop what is being said now; go on interpreting what comes next."""
    PAUSE = "pause"
    """Stop, and interpret nothing until `resume`."""
    RESUME = "resume"


def primary(tag: str) -> str:
    """The language without script and region: `en` of `en-US`."""
    return tag.split("-", 1)[0].lower()


@dataclass(frozen=True, slots=True)
class Lane:
    """One speaker into one target language: the unit of interpreting work, one booth."""

    speaker: str
    """ACS raw id."""
    source: str
    """BCP 47 tag, or `auto`."""
    target: str

    @property
    def passthrough(self) -> bool:
        """The speaker's own voice, brought to another channel as it is: no booth works on it."""
        return self.source == self.target


@dataclass(frozen=True, slots=True)
class Attendee:
    """One person of the roster, as far as interpreting cares."""

    speaker: str
    """ACS raw id."""
    name: str
    speaks: str
    """BCP 47 tag, or `auto`."""
    hears: str = ""
    """BCP 47 tag of a room language; what the person speaks, if empty."""

    @property
    def listens_to(self) -> str:
        return self.hears or self.speaks


@dataclass(frozen=True, slots=True)
class Endpointing:
    """When an utterance begins and ends; all in milliseconds but `max_bytes`. Values: product page, section 4."""

    onset_ms: int = 100
    """Speech this long within `onset_window_ms` begins an utterance: shorter noises are coughs and clicks."""
    onset_window_ms: int = 200
    preroll_ms: int = 300
    """Audio kept from before the onset: detectors notice speech 150-180 ms late."""
    end_of_turn_ms: int = 500
    end_of_turn_after_long_ms: int = 250
    """Patience once `long_speech_ms` have been spoken."""
    long_speech_ms: int = 3_000
    max_utterance_ms: int = 10_000
    max_bytes: int = 1_000_000
    tail_ms: int = 200
    """Silence sent after the last speech; the rest of the pause is kept from the model, which bills by duration."""


@dataclass(frozen=True, slots=True)
class UsageCap:
    """How much a room may use before its interpretations are only read. What is None has no limit."""

    money: float | None = None
    """In the currency of the price table; without one it is never reached."""
    tokens: int | None = None
    """Input and output of all kinds."""
    minutes: float | None = None
    """Of speech that went to the model, added up over the lanes."""


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """What a room asks of its interpreter."""

    languages: tuple[str, ...]
    attendees: Mapping[str, Attendee] = field(default_factory=dict)
    """By raw id."""
    mode: Mode = Mode.CONSECUTIVE
    endpointing: Endpointing = Endpointing()
    glossary: GlossaryEntries = GlossaryEntries()
    barge_in_stops: bool = False
    layout: Layout = Layout.SHARED
    streams: Mapping[str, str] = field(default_factory=dict)
    """Which media stream carries a channel, by channel. Those not named: see `routing.stream`."""
    max_lanes: int = 24
    """Booths open at a time. Six people and four languages need 18; each is a session that is paid for."""
    park_after_s: float = 120.0
    """A lane that has had nothing to do for so long closes its booth, and opens one on the next word."""
    pivot: str | None = None
    """The language through which a lane goes whose booth was refused; None: it is not interpreted then."""
    chair: str | None = None
    """Raw id of whoever is interpreted before all others."""
    keypad: Mapping[str, Order] = field(default_factory=lambda: {"*": Order.HUSH})
    """What a keypad tone means."""
    stability: Stability = Stability.FAST
    announcement: bool = False
    """Say at the start, in every language, that a machine interprets."""
    announcements: Mapping[str, str] = field(default_factory=dict)
    """Other words for it than the usual ones, by room language."""
    usage_cap: UsageCap = UsageCap()
    bots: frozenset[str] = frozenset()
    """Raw ids on the roster that are no people: never interpreted."""
    mixed: bool = False
    """One stream of everybody is heard instead of one for each: `MIXED` is the speaker, and speaks `auto`."""

    def speaks(self, speaker: str) -> str:
        """The language a speaker speaks, `auto` for somebody the roster does not know."""
        attendee = self.attendees.get(speaker)
        return attendee.speaks if attendee else AUTO

    def name(self, speaker: str) -> str:
        attendee = self.attendees.get(speaker)
        return attendee.name if attendee else "" if speaker == MIXED else speaker

    def listens(self, speaker: str | None) -> str | None:
        """Whose voice a frame is for us, given the raw id it carries; None: it is not to be interpreted."""
        if speaker is None:
            return MIXED if self.mixed else None
        return speaker if speaker in self.attendees and speaker not in self.bots else None
