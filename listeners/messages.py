"""Messages to listeners, in the shapes in which they are sent. Independent of the transport."""

from __future__ import annotations

from typing import Literal

import msgspec


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
