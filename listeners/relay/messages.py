"""What replicas tell one another of a room that several of them have listeners in. Pure.

JSON, tagged by `kind`. A replica counts what it publishes of a room (`News`), and each message says the number, so that
whoever missed something notices with the next one and asks for all of it.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from listeners.messages import (
    CaptionMessage,
    InterpreterSignal,
    LaneSignal,
    Line,
    Signal,
    SignalMessage,
    SpeakingSignal,
)
from listeners.rooms import RoomState

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a message. 250 lines of 2,000 typed characters have 2 MB, as emoji; usually they have 0.1 MB."""

MOST_STREAMS: Final = 1_000
"""Streams of audio of one room between two replicas: one for each channel, and one for each speaker who listens."""

ReplicaId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
Stream = tuple[str, str]
"""A channel of audio, and the speaker whose own voice is not in it; empty for everybody's."""
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class RelayMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every message says."""

    sender: ReplicaId
    number: Annotated[int, msgspec.Meta(ge=0)] = 0
    """of the last thing the sender has published in the room"""


class LineTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of captions with what `CaptionMessage` does not say."""

    position: Annotated[int, msgspec.Meta(ge=1)]
    caption: CaptionMessage
    languages: tuple[str, ...]
    pinned: bool = False

    @classmethod
    def of(cls, line: Line) -> LineTold:
        return cls(line.position, line.caption, line.languages, line.pinned)

    def line(self) -> Line:
        return Line(self.position, self.caption, self.languages, pinned=self.pinned)


class SignalsTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """Signals by kind."""

    voices: tuple[SignalMessage, ...] = ()
    lanes: tuple[LaneSignal, ...] = ()
    speaking: tuple[SpeakingSignal, ...] = ()
    interpreter: InterpreterSignal | None = None

    @classmethod
    def of(cls, signals: list[Signal]) -> SignalsTold:
        return cls(
            tuple(one for one in signals if isinstance(one, SignalMessage)),
            tuple(one for one in signals if isinstance(one, LaneSignal)),
            tuple(one for one in signals if isinstance(one, SpeakingSignal)),
            next((one for one in signals if isinstance(one, InterpreterSignal)), None),
        )

    def signals(self) -> list[Signal]:
        interpreter = () if self.interpreter is None else (self.interpreter,)
        return [*self.voices, *self.lanes, *self.speaking, *interpreter]


class Here(RelayMessage, frozen=True, kw_only=True, tag="here"):
    """Says that the sender has a call or listeners in the room; every few seconds, and on every change."""

    owns_since_us: Annotated[int, msgspec.Meta(ge=0)] = 0
    """when its call began, µs since the Unix epoch; 0 without a call"""
    listeners: dict[str, Count] = {}
    """connected to the sender, by language"""
    streams: Annotated[tuple[Stream, ...], msgspec.Meta(max_length=MOST_STREAMS)] = ()
    """what they hear: channel, and the raw id whose voice is left out, or nobody's"""
    microphones: Annotated[tuple[ReplicaId, ...], msgspec.Meta(max_length=MOST_STREAMS)] = ()
    """open at the replica with the call"""


class MicrophoneAsked(RelayMessage, frozen=True, kw_only=True, tag="microphone"):
    """Asks the replica with the call to open a microphone (`microphones.py`)."""

    microphone: ReplicaId
    """its id, as long as one of a replica"""
    participant_id: str


class MicrophoneAnswered(RelayMessage, frozen=True, kw_only=True, tag="microphone_answered"):
    """Says that a microphone is open, or, with a reason, why not."""

    microphone: ReplicaId
    reason: str = ""
    message: str = ""


class MicrophoneOver(RelayMessage, frozen=True, kw_only=True, tag="microphone_over"):
    """Says that a microphone was ended, as `OpenMicrophone` does."""

    microphone: ReplicaId
    reason: str


class Gone(RelayMessage, frozen=True, kw_only=True, tag="gone"):
    """Says that the sender has nobody in the room any more."""


class Ask(RelayMessage, frozen=True, kw_only=True, tag="ask"):
    """Asks everybody to say `Here`, and who has the call, to say `Everything`."""


class News(RelayMessage, frozen=True, kw_only=True, tag="news"):
    """Something that was published in the room."""

    line: LineTold | None = None
    signals: SignalsTold = SignalsTold()
    state: RoomState | None = None


class Everything(RelayMessage, frozen=True, kw_only=True, tag="everything"):
    """All that a replica needs to go on from, published before anything with a higher number."""

    state: RoomState
    lines: tuple[LineTold, ...]
    known_from: int
    """position after which `lines` has every line"""
    signals: SignalsTold


class RoomOver(RelayMessage, frozen=True, kw_only=True, tag="over"):
    """Says that the room was deleted."""


AnyMessage = Here | Gone | Ask | News | Everything | RoomOver | MicrophoneAsked | MicrophoneAnswered | MicrophoneOver
_decoder: Final[msgspec.json.Decoder[AnyMessage]] = msgspec.json.Decoder(AnyMessage)
encode: Final = msgspec.json.Encoder().encode


def decode(message: bytes) -> AnyMessage:
    """Return a message. `ValueError` if it is none."""
    if len(message) > LARGEST:
        raise ValueError("the message is too large")
    try:
        return _decoder.decode(message)
    except RecursionError as error:
        raise ValueError("the message is nested too deeply") from error


def check_room(message: AnyMessage, room_id: str) -> None:
    """Raise `ValueError` if a message has lines of another room."""
    lines: tuple[LineTold, ...] = ()
    if isinstance(message, Everything):
        lines = message.lines
    elif isinstance(message, News) and message.line is not None:
        lines = (message.line,)
    if any(told.caption.room_id != room_id for told in lines):
        raise ValueError("a line is of another room")
