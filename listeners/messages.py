"""What listeners are told, in the shapes in which sockets will send it. Nothing here knows how it is carried."""

from __future__ import annotations

from typing import Literal

import msgspec


class CaptionMessage(msgspec.Struct, frozen=True, tag_field="event", tag="caption"):
    """One line as it reads now: a higher revision of an utterance and language replaces the lower, and after
    `is_final` nothing follows for that pair."""

    room_id: str
    utterance_id: str
    revision: int
    speaker_id: str
    speaker_name: str
    language: str
    """BCP 47 tag, `und` where it is not known."""
    text: str
    is_final: bool
    timestamp_ms: int
    """When the utterance began, since the epoch."""


class LaneSignal(msgspec.Struct, frozen=True):
    """How a speaker is interpreted into a language: worse than the room asks for, or as it does again."""

    type: Literal["lane_degraded", "lane_restored"]
    speaker_id: str
    language: str
    """Into which the speaker is interpreted."""
    engine: str
    """What does it now: `translation`, `conversation`, `captions` (nothing is heard); empty if nothing does."""
    reason: str
    """`quota`, `usage_cap`, or the code of the model's refusal; empty when restored."""


class SignalMessage(msgspec.Struct, frozen=True):
    """Whether listeners of a language should turn a speaker's own voice down: its interpretation is about to play."""

    type: Literal["suppress_original", "restore_original"]
    speaker_id: str
    language: str
    """Into which the speaker is interpreted."""
