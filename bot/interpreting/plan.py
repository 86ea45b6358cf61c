"""Who speaks what, who hears what, and the lanes that follow from it; languages are checked here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.interpreting.glossary import Terms

AUTO = "auto"
"""A speaker whose language is not known: the model detects it among the room's languages."""

SHARED_CHANNEL = "room"
"""The channel that everybody in the shared room hears."""

# BCP 47 as far as interpreting needs it: language, then optional script, region and variants.
_TAG = re.compile(r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*", re.ASCII)


class Mode(StrEnum):
    CONSECUTIVE = "consecutive"


def language_tag(tag: str) -> str:
    """Return a BCP 47 tag in its usual spelling (`en-US`, `zh-Hant-TW`).

    Raises:
        ValueError: not a well-formed tag.
    """
    lowered = tag.lower()
    if not _TAG.fullmatch(lowered):
        raise ValueError(f"not a BCP 47 language tag: {tag!r}")
    first, *rest = lowered.split("-")
    shaped = [part.title() if len(part) == 4 and part.isalpha() else part for part in rest]
    return "-".join([first, *(part.upper() if len(part) == 2 else part for part in shaped)])


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


@dataclass(frozen=True, slots=True)
class Attendee:
    """One person of the roster, as far as interpreting cares."""

    speaker: str
    """ACS raw id."""
    name: str
    speaks: str
    """BCP 47 tag, or `auto`."""


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
class RoomPlan:
    """What a room asks of its interpreter."""

    languages: tuple[str, ...]
    attendees: Mapping[str, Attendee] = field(default_factory=dict)
    """By raw id."""
    mode: Mode = Mode.CONSECUTIVE
    endpointing: Endpointing = Endpointing()
    glossary: Terms = Terms()
    barge_in_stops: bool = False

    def speaks(self, speaker: str) -> str:
        """The language a speaker speaks, `auto` for somebody the roster does not know."""
        attendee = self.attendees.get(speaker)
        return attendee.speaks if attendee else AUTO

    def name(self, speaker: str) -> str:
        attendee = self.attendees.get(speaker)
        return attendee.name if attendee else speaker

    def lanes(self, speaker: str) -> tuple[Lane, ...]:
        """The lanes one speaker's words go through: every room language but the speaker's own.

        With `auto` every room language is a target; the booth stays silent where it is already spoken.
        """
        source = self.speaks(speaker)
        own = primary(source)
        targets = dict.fromkeys(target for target in self.languages if primary(target) != own)  # each once
        return tuple(Lane(speaker, source, target) for target in targets)

    def channel(self, lane: Lane) -> str:
        """Where a lane's interpretation is heard. The shared room has a single channel."""
        return SHARED_CHANNEL
