"""One turn of a conversation session: what is known of an utterance, and how long its interpretation may get."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from bot.realtime.messages import BYTES_PER_MS

ENDLESS_FACTOR = 3
"""Interpretations are up to half as long again as what was said; three times is a model that does not stop."""
ENDLESS_EXTRA_MS = 5_000
"""On top of it, for short utterances."""
READING_MS_PER_CHARACTER = 100
"""Slow speech is 10 characters a second; in scripts with a word to a character, four times less."""


def longest_interpretation(source_bytes: int) -> int:
    """Bytes of audio after which the interpretation of so much speech is cut."""
    return ENDLESS_FACTOR * source_bytes + ENDLESS_EXTRA_MS * BYTES_PER_MS


class TurnStage(Enum):
    HEARING = auto()
    COMMITTING = auto()
    ANSWERING = auto()
    KEPT = auto()
    """Its last word is said; it may be asked for again."""
    ENDED = auto()


@dataclass(slots=True)
class ResponseTurn:
    utterance: str
    stage: TurnStage = TurnStage.HEARING
    appended: int = 0
    """Bytes of source audio."""
    committed_at: float = 0.0
    ended_at: float = 0.0
    instructions: str = ""
    """Of its next response."""
    speed: float = 1.0
    text: str | None = None
    """To be read aloud: there is no audio then."""
    attempt: int = 0
    item_id: str | None = None
    response_id: str | None = None
    cutting: str | None = None
    """A response of this turn that was cancelled and whose end has not come."""
    transcribed: bool = False
    released: bool = False
    cancelled: bool = False
    spoken: int = 0
    """Bytes of the present attempt."""
    odd_byte: bytes = b""
    """Half a sample at the end of the last delta."""
    commentary: set[str] = field(default_factory=set)
    """Output items that are not the interpretation."""

    @property
    def longest(self) -> int:
        """Bytes its interpretation may have."""
        if self.text is None:
            return longest_interpretation(self.appended)
        return longest_interpretation(len(self.text) * READING_MS_PER_CHARACTER * BYTES_PER_MS)

    def begin_attempt(self, instructions: str, speed: float) -> None:
        self.attempt += 1
        self.instructions = instructions
        self.speed = speed
        self.spoken = 0
        self.odd_byte = b""
        self.response_id = None
