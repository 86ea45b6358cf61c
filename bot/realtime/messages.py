"""The Realtime wire format (GA) that all kinds of sessions share. No rules about the order of messages.

What is sent is built as text, what is received is read into typed Structs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
import orjson

from bot.interpreting.events import Usage

logger = logging.getLogger(__name__)

RATE = 24_000
"""Hz: the only PCM rate of conversation sessions."""

BYTES_PER_MS = RATE // 1000 * 2


def session_update(event_id: str, session: dict[str, Any]) -> str:
    return text({"type": "session.update", "event_id": event_id, "session": session})


def text(message: dict[str, Any]) -> str:
    return orjson.dumps(message).decode()


# --- what is received ------------------------------------------------------------------------------

_NOTHING = msgspec.Raw(b"null")


class ServerMessage(msgspec.Struct, gc=False):
    """Any server message: the fields of all types that are read here."""

    type: str
    response_id: str | None = None
    item_id: str | None = None
    delta: str = ""
    transcript: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    format: str | None = None
    elapsed_ms: float | None = None
    session: msgspec.Raw = _NOTHING
    response: msgspec.Raw = _NOTHING
    item: msgspec.Raw = _NOTHING
    error: msgspec.Raw = _NOTHING
    usage: msgspec.Raw = _NOTHING


class MessageType(msgspec.Struct):
    """The type of a message whose other fields do not have the expected shape."""

    type: str


class _Code(msgspec.Struct):
    type: str | None = None
    code: str | None = None


class _StatusDetails(msgspec.Struct):
    reason: str | None = None
    error: _Code | None = None


class Response(msgspec.Struct):
    """`response` of `response.created` and `response.done`."""

    id: str
    status: str | None = None
    status_details: _StatusDetails | None = None
    metadata: dict[str, Any] | None = None
    usage: msgspec.Raw = _NOTHING

    @property
    def utterance(self) -> str | None:
        """Id of the utterance, read from the metadata the request carried."""
        value = (self.metadata or {}).get("utterance")
        return value if isinstance(value, str) else None

    @property
    def attempt(self) -> str:
        """Number of the attempt, read from the metadata; `1` for the first, which carries none."""
        value = (self.metadata or {}).get("attempt")
        return value if isinstance(value, str) else "1"

    @property
    def reason(self) -> str:
        """Short code of why the response is not `completed`; empty if the service gives none."""
        details = self.status_details
        if details is None:
            return ""
        if details.error is not None:
            return details.error.code or details.error.type or ""
        return details.reason or ""


class ErrorDetail(msgspec.Struct):
    """`error` of an `error` event."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    event_id: str | None = None


class ConversationItem(msgspec.Struct):
    """`item` of `response.output_item.added`."""

    id: str | None = None
    phase: str | None = None
    """Of 2.x models: `commentary` precedes the `final_answer` and is not the interpretation."""


class _InputDetails(msgspec.Struct):
    text_tokens: int = 0
    audio_tokens: int = 0
    cached_tokens: int = 0


class _OutputDetails(msgspec.Struct):
    text_tokens: int = 0
    audio_tokens: int = 0


class _Usage(msgspec.Struct):
    input_token_details: _InputDetails | None = None
    output_token_details: _OutputDetails | None = None


class _TranscriptionUsage(msgspec.Struct):
    """By tokens or, for some models, by duration."""

    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: _InputDetails | None = None
    seconds: float = 0.0


_Part = TypeVar("_Part", bound=msgspec.Struct)


def _sparing(part: type[_Part]) -> Callable[[msgspec.Raw], _Part]:
    """Return a reader to which fields that are not as documented are missing, so that no answer is lost for them."""
    exact = msgspec.json.Decoder(part).decode
    fields = {field.name: msgspec.json.Decoder(field.type).decode for field in msgspec.structs.fields(part)}

    def read(raw: msgspec.Raw) -> _Part:
        try:
            return exact(raw)
        except msgspec.ValidationError:
            found = {}
            for name, value in _read_fields(raw).items():
                with suppress(msgspec.ValidationError, KeyError):
                    found[name] = fields[name](value)
            return msgspec.convert(found, part)

    return read


_read_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
read_message = msgspec.json.Decoder(ServerMessage).decode
read_type = msgspec.json.Decoder(MessageType).decode
read_response = _sparing(Response)
read_error = _sparing(ErrorDetail)
read_item = msgspec.json.Decoder(ConversationItem).decode
read_object = msgspec.json.Decoder(dict[str, Any]).decode
_read_usage = msgspec.json.Decoder(_Usage | None).decode
_read_transcription_usage = msgspec.json.Decoder(_TranscriptionUsage | None).decode


MOST_TOKENS = 131_072
"""The largest context of any model: a response that is said to have more has been miscounted."""
MOST_SECONDS = 3_600.0
"""The longest session."""


def usage(raw: msgspec.Raw) -> Usage:
    """Return the tokens of a response; zeros where the model reports none, or not as documented."""
    try:
        counted = _read_usage(raw)
    except msgspec.MsgspecError:
        counted = None
    if counted is None:
        return Usage()
    heard = counted.input_token_details or _InputDetails()
    spoken = counted.output_token_details or _OutputDetails()
    counts = (heard.text_tokens, heard.audio_tokens, heard.cached_tokens, spoken.text_tokens, spoken.audio_tokens)
    return Usage(*_bounded(*counts))


def transcription_usage(raw: msgspec.Raw) -> Usage:
    """Return what the transcription of an utterance has used: tokens or a duration."""
    try:
        counted = _read_transcription_usage(raw)
    except msgspec.MsgspecError:
        counted = None
    if counted is None:
        return Usage()
    details = counted.input_token_details or _InputDetails(audio_tokens=counted.input_tokens)
    text, audio, written = _bounded(details.text_tokens, details.audio_tokens, counted.output_tokens)
    seconds = min(max(counted.seconds, 0.0), MOST_SECONDS)
    return Usage(
        transcription_input_text=text,
        transcription_input_audio=audio,
        transcription_output_text=written,
        transcription_ms=round(seconds * 1000),
    )


def _bounded(*counts: int) -> list[int]:
    """Return counts of tokens, each within what is possible."""
    possible = [min(max(count, 0), MOST_TOKENS) for count in counts]
    if possible != list(counts):
        shown = [min(max(count, -MOST_TOKENS * 10), MOST_TOKENS * 10) for count in counts]  # they may have any length
        logger.warning("impossible token counts corrected", extra={"reported": shown, "counted": possible})
    return possible


def differences(asked: object, answered: object, path: str = "") -> list[str]:
    """Return the paths at which a configuration differs from the requested one; other fields may have any value.

    A requested null may be absent in the answer, and a list must be equal as a whole.
    """
    if isinstance(asked, dict):
        if not isinstance(answered, dict):
            return [path]
        return [
            difference
            for key, value in asked.items()
            for difference in differences(value, answered.get(key), f"{path}.{key}" if path else key)
        ]
    return [] if asked == answered else [path]
