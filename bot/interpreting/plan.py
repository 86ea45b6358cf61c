"""The room plan: what a room asks of its interpreter, as plain data. `routing.py` derives who is heard where."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.interpreting.glossary import GlossaryEntries

AUTO = "auto"
"""A speaker whose language is not known: the model detects it among the room's languages."""

MIXED = "mixed"
"""The speaker of mixed audio, which does not say who speaks. No raw id looks like it."""

SHARED_CHANNEL = "room"
"""The channel that everybody in the shared room hears."""

WEB = "web"
"""Stands for the media stream of a call in reports of who is there by browser."""

_TRADITIONAL = frozenset({"TW", "HK", "MO"})
"""Regions in which Chinese is written in traditional characters."""


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
    """How much of a caption is shown before it is final."""

    FAST = "fast"
    """Every piece as it comes."""
    BALANCED = "balanced"
    """Whole words, four times a second at most."""
    AGGRESSIVE = "aggressive"
    """Whole clauses: what is shown never changes."""


class Order(StrEnum):
    """Commands to the interpreter, from an admin or by a keypad tone."""

    HUSH = "hush"
    """Stop the interpretation of what was said so far; interpret what comes next."""
    PAUSE = "pause"
    """Stop, and interpret nothing until `resume`."""
    RESUME = "resume"


def primary(tag: str) -> str:
    """Return the language without script and region: `en` of `en-US`."""
    return tag.split("-", 1)[0].lower()


def script(tag: str) -> str:
    """Return the script (ISO 15924) that tells how a variety is written; empty if it is the usual one."""
    named = next((part.title() for part in tag.split("-")[1:] if len(part) == 4 and part.isalpha()), "")
    if named or primary(tag) != "zh":
        return named
    return "Hant" if _TRADITIONAL.intersection(tag.upper().split("-")) else "Hans"


@dataclass(frozen=True, slots=True)
class Lane:
    """One speaker into one target language: the unit of interpreting work, one booth."""

    speaker: str
    """ACS raw id."""
    source: str
    """BCP 47 tag, or `auto`."""
    target: str
    typed: bool = False
    """What the speaker types instead of saying it: a booth apart, which hears nothing."""

    @property
    def passthrough(self) -> bool:
        """The speaker's own voice, brought to another channel as it is: no booth works on it."""
        return self.source == self.target


@dataclass(frozen=True, slots=True)
class Attendee:
    """One person of the roster: languages and name."""

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
    """Speech within `onset_window_ms` that begins an utterance; shorter noises are coughs and clicks."""
    onset_window_ms: int = 200
    preroll_ms: int = 300
    """Audio kept from before the onset: detectors notice speech 150-180 ms late."""
    end_of_turn_ms: int = 500
    end_of_turn_after_long_ms: int = 250
    """The pause that ends a turn once `long_speech_ms` have been spoken."""
    end_of_turn_unfinished_ms: int = 800
    """An utterance is taken back if its speaker goes on after a shorter pause, and nothing has come of it yet. Pauses
    within sentences are mostly shorter, and those between sentences longer."""
    long_speech_ms: int = 3_000
    max_utterance_ms: int = 10_000
    max_bytes: int = 1_000_000
    tail_ms: int = 200
    """Silence sent after the last speech; the rest of the pause is kept from the model, which bills by duration."""


@dataclass(frozen=True, slots=True)
class UsageCap:
    """How much a room may use before its interpretations are only read. None means no limit."""

    money: float | None = None
    """In the currency of the price table; without one it is never reached."""
    tokens: int | None = None
    """Input and output of all kinds."""
    minutes: float | None = None
    """Speech that went to the model, summed over the lanes."""


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """What a room asks of its interpreter."""

    languages: tuple[str, ...]
    attendees: Mapping[str, Attendee] = field(default_factory=dict)
    """The people of the roster by raw id; bots are nobody's audience and not among them."""
    mode: Mode = Mode.CONSECUTIVE
    endpointing: Endpointing = Endpointing()
    glossary: GlossaryEntries = GlossaryEntries()
    barge_in_stops: bool = False
    layout: Layout = Layout.SHARED
    streams: Mapping[str, str] = field(default_factory=dict)
    """Media stream by channel. `routing.stream` says which stream carries a channel that is not named."""
    max_lanes: int = 24
    """Most booths open at a time. Six people and four languages need 18. Each is a session that is paid for."""
    park_after_s: float = 120.0
    """Seconds without work after which a lane closes its booth. The next word opens one again."""
    pivot: str | None = None
    """Language through which a lane is relayed if its booth was refused; None: such a lane is not interpreted."""
    chair: str | None = None
    """Raw id of the person who is interpreted before all others."""
    keypad: Mapping[str, Order] = field(default_factory=lambda: {"*": Order.HUSH})
    """Commands by keypad tone."""
    stability: Stability = Stability.FAST
    announcement: bool = False
    """Whether the interpreter says at the start, in every language, that it is a machine."""
    announcements: Mapping[str, str] = field(default_factory=dict)
    """Words of the announcement in place of the usual ones, by room language."""
    usage_cap: UsageCap = UsageCap()
    separate_varieties: bool = False
    """Interpret into each variety of a language, such as pt-BR and pt-PT, by itself; otherwise they share one voice."""
    speak_messages: bool = False
    """Whether translations of typed texts are heard, where the speaker's interpretation would be; else only read."""
    mixed: bool = False
    """Everybody is heard as a single stream: its speaker is `MIXED`, and speaks `auto`."""
    web: bool = False
    """There is no call: everybody is there by browser, and hears the channel of a language."""
    open_until: float = math.inf
    """When a room without a call ends, in seconds since 1970."""

    def speaks(self, speaker: str) -> str:
        """Return the language a speaker speaks; `auto` for a speaker who is not on the roster."""
        attendee = self.attendees.get(speaker)
        return attendee.speaks if attendee else AUTO

    def name(self, speaker: str) -> str:
        attendee = self.attendees.get(speaker)
        return attendee.name if attendee else "" if speaker == MIXED else speaker

    def listens(self, speaker: str | None) -> str | None:
        """Return the speaker of a frame that carries this raw id; None if it is not interpreted."""
        if speaker is None:
            return MIXED if self.mixed else None
        return speaker if speaker in self.attendees else None
