"""Events: what can happen to an interpreted room. A closed union of plain data.

Audio is PCM16 little-endian mono at 24 kHz throughout. Utterances are named by an id that is unique in the process.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
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
    """Whether the speech detector hears speech in it."""
    age_s: float = 0.0
    """Seconds for which it was held up on its way: it was said that much earlier."""


@dataclass(frozen=True, slots=True)
class OwnVoiceHeard:
    """A piece of a speaker's audio, while the interpreter was heard, was compared with the interpreter's voice.

    Delivered before the frame that completes the piece.
    """

    speaker: str
    share: float
    """Of the power, that is the interpreter's own voice, come back: 0 to 1."""
    voiced_ms: int
    """Speech in the piece."""


@dataclass(frozen=True, slots=True)
class PlanChanged:
    plan: RoomPlan


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """It was reported who of the roster is in a call: their booths may be opened ahead of the first word."""

    people: frozenset[str]
    """All of them, by raw id."""
    stream: str = SHARED_CHANNEL
    """Name of the call's media stream in the plan; `WEB` if it was reported who is there by browser."""
    no_call: bool = False
    """Whether there is no call at all, so that nobody hears what would be played into it."""


@dataclass(frozen=True, slots=True)
class SpeakerMuted:
    """A speaker has muted the microphone: what was said until then is an utterance."""

    speaker: str


@dataclass(frozen=True, slots=True)
class ReadersChanged:
    """Other languages than before are read, or listened to, outside the call."""

    languages: frozenset[str]
    """Those that are read or listened to."""
    listened: frozenset[str] = frozenset()
    """Those of which somebody listens to the channel."""


@dataclass(frozen=True, slots=True)
class PlayoutReady:
    """A media stream can carry the interpreter's voice, or no longer can."""

    ready: bool
    stream: str = SHARED_CHANNEL
    """Name of the stream in the plan."""


@dataclass(frozen=True, slots=True)
class TextTyped:
    """Somebody has typed a text that is to be read in every language of the room."""

    utterance: str
    """Id, unique to the call."""
    speaker: str
    """Raw id, or another name that no raw id looks like."""
    name: str
    text: str
    language: str
    """BCP 47 tag: one of the room's."""


@dataclass(frozen=True, slots=True)
class Ordered:
    order: Order


@dataclass(frozen=True, slots=True)
class KeypadPressed:
    """A participant has pressed a key."""

    tone: str
    """`0`-`9`, `*`, `#`, `A`-`D`."""
    speaker: str | None = None
    """Raw id of the participant, if ACS names it."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class MeetingEnded:
    """The meeting is over: every open entry is settled, every booth closed."""

    reason: str


# --- events from booths ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BoothReady:
    """The booth's session is open and configured; held audio is on its way."""

    lane: Lane
    engine: str = ""
    """What serves the lane: `translation`, `conversation` or `captions`."""


@dataclass(frozen=True, slots=True)
class BoothLost:
    """The booth's session is gone. The booth opens another by itself unless `final`: no engine accepts it at present.

    A session also counts as gone when it does not acknowledge a commit within 3 s: an answer that a stalled model gives
    half a minute later is of no use.
    """

    lane: Lane
    reason: str
    utterances: tuple[str, ...] = ()
    """Utterances it will not finish. It still holds all others, unsent and no older than 3 s."""
    final: bool = False


@dataclass(frozen=True, slots=True)
class BoothDegraded:
    """The lane is served by less than was asked for, or as asked for again. Ends no utterance."""

    lane: Lane
    engine: str
    """What serves the lane now: `translation`, `conversation` or `captions`."""
    reason: str
    """`quota`, `restored`, or the refusal's code."""


@dataclass(frozen=True, slots=True)
class HearingDropped:
    """An utterance was dropped because the model did not take it in time; no interpretation of it will come.

    In time: no more than 3 s of audio are held, and none for more than 3 s.
    """

    lane: Lane
    utterance: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourceText:
    """What the model heard, in the speaker's language. `text` is None if the transcription failed."""

    lane: Lane
    utterance: str
    text: str | None


@dataclass(frozen=True, slots=True)
class SourceDelta:
    """More of what the model hears, in the speaker's language; `SourceText` follows with all of it."""

    lane: Lane
    utterance: str
    delta: str


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
    """What is paid for: tokens as the model counted them, and milliseconds where it bills by duration."""

    input_text: int = 0
    input_audio: int = 0
    input_cached: int = 0
    output_text: int = 0
    output_audio: int = 0
    transcription_input_text: int = 0
    transcription_input_audio: int = 0
    transcription_output_text: int = 0
    transcription_ms: int = 0
    translation_ms: int = 0
    """Audio streamed to a translation session, silence included."""

    def by_kind(self) -> dict[str, int]:
        """Return the counts that are not 0."""
        return {name: count for name in _KINDS if (count := getattr(self, name))}

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) + getattr(other, name) for name in _KINDS))


_KINDS = tuple(field.name for field in fields(Usage))


@dataclass(frozen=True, slots=True)
class InterpretationEnded:
    """The booth's last word on an utterance.

    Comes exactly once per `Interpret` unless `BoothLost` or `HearingDropped` came instead.
    """

    lane: Lane
    utterance: str
    outcome: InterpretationOutcome
    reason: str = ""
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class BoothUsed:
    """The booth has used something that no `InterpretationEnded` reports.

    Transcripts, streamed silence, responses that were cut or cancelled.
    """

    lane: Lane
    usage: Usage


BoothEvent = (
    BoothReady
    | BoothLost
    | BoothDegraded
    | BoothUsed
    | HearingDropped
    | SourceDelta
    | SourceText
    | InterpretationAudio
    | InterpretationText
    | InterpretationEnded
)
Event = (
    SpeakerAudio
    | OwnVoiceHeard
    | PlanChanged
    | PresenceChanged
    | ReadersChanged
    | SpeakerMuted
    | PlayoutReady
    | TextTyped
    | Ordered
    | KeypadPressed
    | Tick
    | MeetingEnded
    | BoothEvent
)
