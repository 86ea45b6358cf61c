"""What is kept of a meeting: transcript lines and ledger entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """What one speaker said in one utterance, in one language: the original, or a translation of it."""

    utterance_id: str
    revision: int
    """a higher one replaces a lower one of the same utterance and language"""
    speaker_id: str
    speaker_name: str
    language: str
    text: str
    is_final: bool
    timestamp_ms: int
    """when the utterance began, in milliseconds since the Unix epoch"""
    is_original: bool
    duration_ms: int = 0
    """how long the speaker spoke; 0 while that is not known"""
    flags: tuple[str, ...] = ()
    """what a reader should know: `abandoned` if the rest will never come, or what is wrong with the interpretation"""


@dataclass(frozen=True, slots=True)
class PlayoutTimes:
    """What became of an interpretation on one channel."""

    played_ms: int
    trimmed_ms: int
    """of pauses that were shortened, because listeners were far behind"""
    dropped_ms: int


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """What became of one utterance in one target language: its final state, and how long each step took."""

    utterance_id: str
    speaker_id: str
    source: str
    target: str
    state: str
    """`spoken`, `caption_only`, `not_needed` or `abandoned`"""
    reason: str
    """why it was not spoken; empty when it was"""
    spoken_ms: int | None
    """how long the speaker spoke"""
    played_ms: int
    """how much of the interpretation went into the call"""
    ear_voice_span_ms: int | None
    """from the speaker's last word to the first of the interpretation; None if there was none"""
    model_ms: int | None
    """the model's part of it: from the end of the turn to its first audio"""
    waited_ms: int
    """for somebody else's interpretation to end"""
    own_share_ms: float | None
    """what is left of the span without the pause that ends a turn, the model and the wait"""
    tokens: Mapping[str, int] = field(default_factory=dict)
    """as the model counted them, by kind: `input_audio`, `output_text`, ..."""
    closed_at_ms: int = 0
    """since the Unix epoch"""
    kind: str = "utterance"
    """`utterance`, `passthrough` (the speaker's own voice in another room) or `announcement` (the interpreter's own)"""
    faults: tuple[str, ...] = ()
    """what is wrong with the interpretation, as far as a machine can tell"""
    strict: bool = False
    """interpreted a second time, because the first was no interpretation"""
    speed: float = 1.0
    """of the voice, as asked for"""
    engine: str = ""
    """what served the lane, where it was not what had been asked for"""
    playouts: Mapping[str, PlayoutTimes] = field(default_factory=dict)
    """by channel"""
