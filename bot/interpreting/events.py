"""What can happen to an interpreted room (`Event`) and what it asks for in return (`Effect`): two closed unions.

Audio is PCM16 little-endian mono at 24 kHz throughout. Utterances are named by an id that is unique in the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.interpreting.plan import SHARED_CHANNEL, Lane, RoomPlan
from bot.interpreting.plan import Order as Order  # part of what can happen

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
class KeypadPressed:
    """Somebody has pressed a key."""

    tone: str
    """`0`-`9`, `*`, `#`, `A`-`D`."""
    speaker: str | None = None
    """Raw id, if ACS says whose."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class MeetingEnded:
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


class InterpretationOutcome(StrEnum):
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
    outcome: InterpretationOutcome
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
    | KeypadPressed
    | Tick
    | MeetingEnded
    | BoothEvent
)

# --- effects -----------------------------------------------------------------------------------
