"""Effects: what the interpreting session asks its caller to do. A closed union of plain data.

Audio is PCM16 little-endian mono at 24 kHz throughout.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.ledger import Entry
from bot.interpreting.plan import Lane, Mode


@dataclass(frozen=True, slots=True)
class OpenBooth:
    lane: Lane
    instructions: str
    mode: Mode = Mode.CONSECUTIVE
    voice: bool = True
    """Without a voice the booth only writes, and only text is paid for."""
    voiceless: str = ""
    """Why it has no voice although it is heard; empty if nobody is there to hear it."""
    terms: bool = False
    """The instructions hold terms of the room's glossary."""


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
    """Let the booth hear the next piece of an utterance."""

    lane: Lane
    utterance: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Interpret:
    """Interpret an utterance, which is complete. A simultaneous booth has begun already, and now comes to the end.

    It comes a second time for an utterance if the first result was no interpretation, and none of it was heard.
    """

    lane: Lane
    utterance: str
    strict: bool = False
    """Remind the model, this time only, that it translates and does nothing else."""
    speed: float = 1.0
    """Speed of the voice: above 1.0 where the channel lags."""
    condensed: bool = False
    """Say it in fewer words, because the channel lags."""


@dataclass(frozen=True, slots=True)
class Translate:
    """Interpret a text that was typed, apart from all speech. It comes a second time as `Interpret` does."""

    lane: Lane
    utterance: str
    text: str
    strict: bool = False
    speed: float = 1.0
    condensed: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """Interpret so what a simultaneous booth interprets before the end of the utterance."""

    lane: Lane
    speed: float
    condensed: bool


@dataclass(frozen=True, slots=True)
class Release:
    """Drop what was kept for another attempt: the utterance will not be interpreted again."""

    lane: Lane
    utterance: str


@dataclass(frozen=True, slots=True)
class Say:
    """Read a text aloud, word for word, as the interpretation of an utterance."""

    lane: Lane
    utterance: str
    text: str


@dataclass(frozen=True, slots=True)
class LaneServed:
    """Tell admins and listeners that a lane is served by less than was asked for, or as asked for again."""

    lane: Lane
    engine: str
    """Empty if nothing serves it any more."""
    reason: str


@dataclass(frozen=True, slots=True)
class LaneReady:
    """Tell admins that a lane's booth works, and by which engine."""

    lane: Lane
    engine: str
    note: str = ""
    """What the engine does not do although it is the one asked for."""


@dataclass(frozen=True, slots=True)
class Restricted:
    """Tell admins that something is not interpreted as it was asked for, or is so again."""

    reason: str
    speaker: str = ""
    """Raw id, if a single speaker is concerned."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Make the booth forget an utterance, whatever its state."""

    lane: Lane
    utterance: str


@dataclass(frozen=True, slots=True)
class Play:
    """Play one frame of 20 ms on a channel now."""

    channel: str
    pcm: bytes
    """Empty if only `floor` is to be heard."""
    floor: tuple[bytes, ...] = ()
    """Frames of speakers' own voices to be heard with it: quieter than the interpretation, if there is one."""
    speakers: tuple[str, ...] = field(default=(), compare=False)
    """Raw ids of those whose own voices are in `floor`, in its order; without it, of whose own voice `pcm` is."""

    @property
    def original(self) -> bool:
        """Whether it is only speakers' own voices."""
        return bool(self.speakers) and not (self.pcm and self.floor)


@dataclass(frozen=True, slots=True)
class StopPlaying:
    """Discard what ACS still holds of a channel."""

    channel: str


@dataclass(frozen=True, slots=True)
class VoiceBegins:
    """Announce that a speaker's interpretation begins on a channel: its first frame comes next."""

    channel: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class VoiceEnds:
    """Announce that it ended or was stopped. Comes once for every `VoiceBegins`."""

    channel: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class Caption:
    line: CaptionLine


@dataclass(frozen=True, slots=True)
class Opened:
    """Record that an utterance has begun in a lane: one `Settled` follows."""

    lane: Lane
    utterance: str


@dataclass(frozen=True, slots=True)
class Settled:
    """Record that an utterance in a lane has reached its final state."""

    entry: Entry


Effect = (
    OpenBooth
    | CloseBooth
    | Brief
    | Hear
    | Interpret
    | Translate
    | Pace
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
