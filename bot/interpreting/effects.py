"""What the interpreting session asks its shell to do."""

from __future__ import annotations

from dataclasses import dataclass

from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.ledger import Entry
from bot.interpreting.plan import Lane, Mode
from bot.interpreting.plan import Order as Order  # part of what can happen


@dataclass(frozen=True, slots=True)
class OpenBooth:
    lane: Lane
    instructions: str
    mode: Mode = Mode.CONSECUTIVE
    voice: bool = True
    """Whether it is to be heard: else text is all that is wanted of it, and paid for."""


@dataclass(frozen=True, slots=True)
class CloseBooth:
    lane: Lane


@dataclass(frozen=True, slots=True)
class Brief:
    """New instructions for an open booth, for utterances that are not complete yet."""

    lane: Lane
    instructions: str


@dataclass(frozen=True, slots=True)
class Hear:
    """Let the booth hear this piece of this utterance."""

    lane: Lane
    utterance: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Interpret:
    """The utterance is complete: interpret it. A booth that interprets while somebody speaks has begun already, and now
    comes to the end.

    A second time for the same utterance: what came first was no interpretation, and none of it has been heard.
    """

    lane: Lane
    utterance: str
    strict: bool = False
    """Be reminded, for this once, that it is to be translated and nothing else."""
    speed: float = 1.0
    """Of the voice: faster where the channel lags."""


@dataclass(frozen=True, slots=True)
class Release:
    """The utterance will not have to be interpreted again."""

    lane: Lane
    utterance: str


@dataclass(frozen=True, slots=True)
class Say:
    """Read this text aloud, word for word, as if it were the interpretation of this utterance."""

    lane: Lane
    utterance: str
    text: str


@dataclass(frozen=True, slots=True)
class LaneServed:
    """A lane is served otherwise than asked for, or as asked for again: for admins and listeners to see."""

    lane: Lane
    engine: str
    """Empty where nothing serves it any more."""
    reason: str


@dataclass(frozen=True, slots=True)
class LaneReady:
    """A lane's booth works: for admins to see by which engine."""

    lane: Lane
    engine: str


@dataclass(frozen=True, slots=True)
class Restricted:
    """From here on something is not interpreted as it was asked for, or again is: for admins to see."""

    reason: str
    speaker: str = ""
    """Raw id, if it is about one speaker."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Forget this utterance, whatever has become of it."""

    lane: Lane
    utterance: str


@dataclass(frozen=True, slots=True)
class Play:
    """One 20 ms frame into the channel, now."""

    channel: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class StopPlaying:
    """Whatever ACS still holds of the channel is to be thrown away."""

    channel: str


@dataclass(frozen=True, slots=True)
class VoiceBegins:
    """A speaker's interpretation is about to be heard on a channel: its first frame comes next."""

    channel: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class VoiceEnds:
    """It has been heard to its end, or was stopped. Comes once for every `VoiceBegins`."""

    channel: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class Caption:
    line: CaptionLine


@dataclass(frozen=True, slots=True)
class Opened:
    """The books for one utterance in one lane have been opened: one `Settled` follows."""

    lane: Lane
    utterance: str


@dataclass(frozen=True, slots=True)
class Settled:
    """One utterance in one lane has reached its final state."""

    entry: Entry


Effect = (
    OpenBooth
    | CloseBooth
    | Brief
    | Hear
    | Interpret
    | Release
    | Cancel
    | Say
    | LaneServed
    | LaneReady
    | Restricted
    | Play
    | StopPlaying
    | VoiceBegins
    | VoiceEnds
    | Caption
    | Opened
    | Settled
)
