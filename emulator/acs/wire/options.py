"""Options of a connect, create or answer request, and the call that a request names, after checking."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Locator:
    """The call that a request names; exactly one field is set."""

    room_id: str | None = None
    server_call_id: str | None = None
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """The `mediaStreamingOptions` of a request."""

    url: str
    rate: int
    unmixed: bool
    start: bool
    bidirectional: bool
    tones: bool = False


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """The `transcriptionOptions` of a request."""

    url: str
    locale: str
    start: bool
    intermediate: bool = False


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """The options that connect, create and answer share.

    Attributes:
        version: api-version of the request, repeated in events.
        speech: whether a Cognitive Services endpoint was named.
    """

    callback_uri: str
    version: str
    operation_context: str | None = None
    media: MediaOptions | None = None
    transcription: TranscriptionOptions | None = None
    speech: bool = False
