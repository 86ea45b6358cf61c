"""Messages to listeners, in the shapes in which they are sent. Independent of the transport."""

from __future__ import annotations

from typing import Literal

import msgspec

from http_serving.websocket_protocol import TEXT, whole_frame


class CaptionMessage(msgspec.Struct, frozen=True, tag_field="event", tag="caption"):
    """A caption line.

    A higher revision of an utterance and language replaces the lower ones; after `is_final` none follows.
    """

    room_id: str
    utterance_id: str
    revision: int
    speaker_id: str
    speaker_name: str
    language: str
    """BCP 47 tag; `und` if the language is unknown."""
    text: str
    is_final: bool
    timestamp_ms: int
    """When the utterance began, since the Unix epoch."""
    original: bool = False
    """Whether these are the speaker's own words."""
    typed: bool = False
    """Whether they were typed, and not spoken."""


class Line:
    """A caption with its position, as it is sent. The JSON is made once for all readers."""

    def __init__(
        self,
        position: int,
        caption: CaptionMessage,
        languages: tuple[str, ...] = (),
        *,
        pinned: bool = False,
        history: bool = False,
    ) -> None:
        """`languages`: whose readers it is for, if not only those of its own language."""
        self.position = position
        """Microseconds since the Unix epoch, about: later lines have higher ones, whichever process published them."""
        self.caption = caption
        self.languages = languages or (caption.language,)
        self.pinned = pinned
        """Whether it is replayed while the call lasts, however late somebody comes."""
        self._history = history
        self._encoded = ""
        self._wire = b""
        self._replayed: Line | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Its utterance and its language, which all its revisions have in common."""
        return self.caption.utterance_id, self.caption.language

    @property
    def replayed(self) -> Line:
        """The same line for a reader who was not there when it was published."""
        if self._replayed is None:
            self._replayed = Line(self.position, self.caption, self.languages, pinned=self.pinned, history=True)
        return self._replayed

    @property
    def encoded(self) -> str:
        """The caption message in JSON."""
        if not self._encoded:
            fields = msgspec.structs.asdict(self.caption)
            shown = {"typed": self.caption.typed, "history": self._history, "pinned": self.pinned}
            del fields["typed"]
            fields |= {"position": str(self.position)} | {name: True for name, is_so in shown.items() if is_so}
            self._encoded = msgspec.json.encode({"event": "caption", **fields}).decode()
        return self._encoded

    @property
    def wire(self) -> bytes:
        """The same as a frame of WebSocket."""
        self._wire = self._wire or whole_frame(TEXT, self.encoded.encode())
        return self._wire


class LaneSignal(msgspec.Struct, frozen=True):
    """A change in how a speaker is interpreted into a language: worse than the room requests, or as requested again."""

    type: Literal["lane_degraded", "lane_restored"]
    speaker_id: str
    language: str
    """The language into which the speaker is interpreted."""
    engine: str
    """The engine now in use: `translation`, `conversation`, `captions` (text only); empty if there is none."""
    reason: str
    """`quota`, `usage_cap`, or the code with which the model refused; empty when restored."""


class SignalMessage(msgspec.Struct, frozen=True):
    """Asks listeners of a language to lower a speaker's own voice while the interpretation plays, or to restore it."""

    type: Literal["suppress_original", "restore_original"]
    speaker_id: str
    language: str
    """The language into which the speaker is interpreted."""
    at_us: int
    """Microseconds since the Unix epoch, by the clock of the audio frames: the first frame of the interpretation is not
    earlier, its last one not later."""


InterpreterCondition = Literal["listening", "interpreting", "behind", "captions_only", "paused", "off"]


class InterpreterSignal(msgspec.Struct, frozen=True):
    """What the interpreter of a room does now."""

    state: InterpreterCondition
    behind_ms: int = 0
    """Length of the interpretation that waits to be heard, where it waits longest."""
    reason: str = ""
    """Why it is `captions_only` or `off`; empty if there is none."""
    type: Literal["interpreter"] = "interpreter"


class SpeakingSignal(msgspec.Struct, frozen=True):
    """A person begins or ceases to speak."""

    speaker_id: str
    speaking: bool
    type: Literal["speaking"] = "speaking"


Signal = SignalMessage | LaneSignal | InterpreterSignal | SpeakingSignal
