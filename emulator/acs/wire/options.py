"""What a bot asked for when it came into a call, checked; reading it from a request is `requests`' business."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """`mediaStreamingOptions` of a request."""

    url: str
    rate: int
    unmixed: bool
    start: bool
    bidirectional: bool
    tones: bool = False


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """`transcriptionOptions` of a request."""

    url: str
    locale: str
    start: bool
    intermediate: bool = False


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """What is said in connect, create and answer alike.

    Attributes:
        version: api-version of the request; events repeat it.
        speech: whether a Cognitive Services endpoint was named.
    """

    callback_uri: str
    version: str
    operation_context: str | None = None
    media: MediaOptions | None = None
    transcription: TranscriptionOptions | None = None
    speech: bool = False
