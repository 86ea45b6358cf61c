"""Stored records of a meeting: transcript lines and ledger records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from storage.documents import Whole


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """Text of an utterance in a language: the original or an interpretation."""

    utterance_id: str
    revision: Whole
    """A higher revision replaces a lower one of the same utterance and language."""
    speaker_id: str
    speaker_name: str
    language: str
    text: str
    is_final: bool
    timestamp_ms: Whole
    """Start of the utterance, in milliseconds since the Unix epoch."""
    is_original: bool
    duration_ms: Whole = 0
    """How long the speaker spoke; 0 while not known."""
    flags: tuple[str, ...] = ()
    """Remarks: `typed` if it was typed and not said, `abandoned` if the rest will never come, `condensed` if it was
    requested in fewer words, or what is wrong with the interpretation."""


@dataclass(frozen=True, slots=True)
class PlayoutTimes:
    """How much of an interpretation was played on a channel."""

    played_ms: Whole
    trimmed_ms: Whole
    """Pauses cut because playout lagged behind the speaker."""
    dropped_ms: Whole


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """Final state of an utterance in a target language, and how long each step took."""

    utterance_id: str
    speaker_id: str
    source: str
    target: str
    state: str
    """`spoken`, `caption_only`, `not_needed` or `abandoned`."""
    reason: str
    """Why it was not spoken; empty if it was."""
    spoken_ms: Whole | None
    """How much of the speaker was sent to the model: speech, and the pauses around it. Of a voice that was passed
    through, how long the speaker spoke."""
    played_ms: Whole
    """How much of the interpretation was played into the call."""
    ear_voice_span_ms: Whole | None
    """From the speaker's last word to the first word of the interpretation; None if there was none."""
    model_ms: Whole | None
    """Model latency: from the end of the turn to the first audio."""
    waited_ms: Whole
    """Waiting time for another interpretation to end."""
    own_share_ms: float | None
    """Processing time: the span without the end-of-turn pause, the model and the wait."""
    tokens: Mapping[str, Whole] = field(default_factory=dict)
    """Tokens by kind as counted by the model: `input_audio`, `output_text`, ..., and milliseconds where it bills by
    duration: `translation_ms`, `transcription_ms`."""
    closed_at_ms: Whole = 0
    """Since the Unix epoch."""
    kind: str = "utterance"
    """`utterance`, `typed` (a typed message), `passthrough` (original voice in another room) or `announcement` (by the
    interpreter)."""
    faults: tuple[str, ...] = ()
    """Problems of the interpretation found by automatic checks."""
    strict: bool = False
    """True if it was requested a second time, because the first output was no interpretation."""
    speed: float = 1.0
    """Requested speed of the voice."""
    condensed: bool = False
    """True if it was requested in fewer words, because listeners would have heard it too late."""
    engine: str = ""
    """Engine that served the lane, if it was not the requested one."""
    playouts: Mapping[str, PlayoutTimes] = field(default_factory=dict)
    """Playout by channel."""
