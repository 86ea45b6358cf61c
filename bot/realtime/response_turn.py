"""A turn of a conversation session: the state of an utterance, and how long its interpretation may get."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from bot.realtime.messages import BYTES_PER_MS

ENDLESS_FACTOR = 3
"""An interpretation this many times as long as its source comes from a model that does not stop; 1.5 is usual."""
ENDLESS_EXTRA_MS = 5_000
"""Added to the limit, for short utterances."""
READING_MS_PER_CHARACTER = 100
"""Slow speech in alphabetic scripts has 10 characters a second."""


def longest_interpretation(source_bytes: int) -> int:
    """Return the bytes of audio after which the interpretation of `source_bytes` of speech is cut."""
    return ENDLESS_FACTOR * source_bytes + ENDLESS_EXTRA_MS * BYTES_PER_MS


class TurnStage(Enum):
    """Stage of a turn; the diagram is in `conversation_session.py`."""

    HEARING = auto()
    COMMITTING = auto()
    ANSWERING = auto()
    KEPT = auto()
    """The interpretation has ended; the utterance may be interpreted again."""
    ENDED = auto()


@dataclass(slots=True)
class ResponseTurn:
    """One utterance in a conversation session, and the response that interprets it."""

    utterance: str
    stage: TurnStage = TurnStage.HEARING
    appended: int = 0
    """Bytes of source audio."""
    committed_at: float = 0.0
    ended_at: float = 0.0
    instructions: str = ""
    """Instructions of the next response."""
    speed: float = 1.0
    text: str | None = None
    """Text to read aloud instead of interpreting audio; None for heard utterances."""
    attempt: int = 0
    item_id: str | None = None
    response_id: str | None = None
    cutting: str | None = None
    """Id of a response that was cut and whose end was not received yet."""
    transcribed: bool = False
    released: bool = False
    cancelled: bool = False
    spoken: int = 0
    """Bytes of audio received in the current attempt."""
    odd_byte: bytes = b""
    """Half a sample at the end of the last delta."""
    commentary: set[str] = field(default_factory=set)
    """Ids of output items that are not the interpretation."""

    @property
    def longest(self) -> int:
        """Bytes of audio the interpretation may have."""
        if self.text is None:
            return longest_interpretation(self.appended)
        return longest_interpretation(len(self.text) * READING_MS_PER_CHARACTER * BYTES_PER_MS)

    def begin_attempt(self, instructions: str, speed: float) -> None:
        """Reset what belongs to one response, before another is requested."""
        self.attempt += 1
        self.instructions = instructions
        self.speed = speed
        self.spoken = 0
        self.odd_byte = b""
        self.response_id = None
