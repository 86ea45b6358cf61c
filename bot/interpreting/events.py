"""What can happen to an interpreted room (`Event`) and what it asks for in return (`Effect`): two closed unions.

Audio is PCM16 little-endian mono at 24 kHz throughout. Utterances are named by an id that is unique in the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.interpreting.ledger import Entry
from bot.interpreting.plan import SHARED_CHANNEL, Lane, Mode, RoomPlan
from bot.interpreting.plan import Order as Order  # part of what can happen
from bot.interpreting.transcript import CaptionLine

# --- events ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeakerAudio:
    """One 20 ms frame of one speaker."""

    speaker: str
    """ACS raw id."""
    pcm: bytes
    voiced: bool
    """What the speech detector makes of it."""


@dataclass(frozen=True, slots=True)
class PlanChanged:
    plan: RoomPlan


@dataclass(frozen=True, slots=True)
class SpeakerJoined:
    """A participant entered the call: its booths may be opened ahead of the first word."""

    speaker: str


@dataclass(frozen=True, slots=True)
class SpeakerLeft:
    speaker: str


@dataclass(frozen=True, slots=True)
class PlayoutReady:
    """A media stream can (or can no longer) carry the interpreter's voice."""

    ready: bool
    stream: str = SHARED_CHANNEL
    """As the plan names it."""


@dataclass(frozen=True, slots=True)
class Ordered:
    order: Order


@dataclass(frozen=True, slots=True)
class KeypadTone:
    """Somebody has pressed a key."""

    tone: str
    """`0`-`9`, `*`, `#`, `A`-`D`."""
    speaker: str | None = None
    """Raw id, if ACS says whose."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """Nothing more will be heard or said: close the books."""

    reason: str


# --- events from booths ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BoothReady:
    """The booth's session is open and configured; what was held is on its way."""

    lane: Lane
    engine: str = ""
    """What serves the lane: `translation`, `conversation` or `captions`."""


@dataclass(frozen=True, slots=True)
class BoothLost:
    """The booth's session is gone. It opens a new one by itself unless `final`.

    A session counts as gone, too, when it does not acknowledge a commit within 3 s: what a stalled model would
    answer half a minute later is of no use to anybody.
    """

    lane: Lane
    reason: str
    utterances: tuple[str, ...] = ()
    """What it was working on and will not finish; all others it still holds, unsent and no older than 3 s."""
    final: bool = False


@dataclass(frozen=True, slots=True)
class BoothDegraded:
    """The lane is served otherwise than asked for, or as asked for again: visible to admins and listeners, and no
    utterance's end."""

    lane: Lane
    engine: str
    """What serves it now: `translation`, `conversation` or `captions`."""
    reason: str
    """`quota`, `restored`, or the refusal's code."""


@dataclass(frozen=True, slots=True)
class HearingDropped:
    """An utterance could not be kept for the model, which did not take it in time (more than 3 s of audio held, or
    audio held for more than 3 s): no interpretation of it will come."""

    lane: Lane
    utterance: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourceText:
    """What the model heard, in the speaker's language. `text` is None when its transcription failed."""

    lane: Lane
    utterance: str
    text: str | None


@dataclass(frozen=True, slots=True)
class InterpretationAudio:
    lane: Lane
    utterance: str
    pcm: bytes
    """Any length."""


@dataclass(frozen=True, slots=True)
class InterpretationText:
    lane: Lane
    utterance: str
    delta: str


class Outcome(StrEnum):
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one response, as the model counted them."""

    input_text: int = 0
    input_audio: int = 0
    input_cached: int = 0
    output_text: int = 0
    output_audio: int = 0


@dataclass(frozen=True, slots=True)
class InterpretationEnded:
    """The last word on one utterance in one lane from the booth: comes exactly once per `Interpret`
    unless `BoothLost` or `HearingDropped` came instead."""

    lane: Lane
    utterance: str
    outcome: Outcome
    reason: str = ""
    usage: Usage = Usage()


BoothEvent = (
    BoothReady
    | BoothLost
    | BoothDegraded
    | HearingDropped
    | SourceText
    | InterpretationAudio
    | InterpretationText
    | InterpretationEnded
)
Event = (
    SpeakerAudio
    | PlanChanged
    | SpeakerJoined
    | SpeakerLeft
    | PlayoutReady
    | Ordered
    | KeypadTone
    | Tick
    | CallEnded
    | BoothEvent
)

# --- effects -----------------------------------------------------------------------------------


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
