"""Decodes client events from JSON and encodes server events.

Appends arrive ten times a second per session: those in one of the two usual spellings are parsed by slicing, everything
else goes through the JSON decoder.
"""

from __future__ import annotations

import binascii
from typing import Any

import msgspec
import pybase64

from emulator.realtime.errors import ApiError

MAX_APPEND_BYTES = 15 * 1024 * 1024
"""Maximum audio bytes of an append, from the API reference."""


def append_starts(kind: str) -> tuple[str, str]:
    """Return how the bot and `json.dumps` begin an append of this type."""
    return f'{{"type":"{kind}","audio":"', f'{{"type": "{kind}", "audio": "'


def appended_audio(text: str, starts: tuple[str, ...]) -> bytes | None:
    """Return the audio if `text` is a plain, valid append; None if it needs the JSON decoder."""
    for start in starts:
        if text.startswith(start) and text.endswith('"}'):
            try:
                return pybase64.b64decode(text[len(start) : -2], validate=True)
            except ValueError:  # includes binascii.Error: bad base64, or more members after the audio
                return None
    return None


def decode_event(frame: str | bytes) -> dict[str, Any]:
    """Decode a client event. Raises ApiError for anything that is not a JSON object."""
    try:
        event = msgspec.json.decode(frame)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ApiError("invalid_json", "We could not parse the JSON of your event. Expected a JSON object.") from error
    if not isinstance(event, dict):
        raise ApiError("invalid_json", "Expected a JSON object as the event.")
    return event


def decode_audio(audio: str, param: str) -> bytes:
    """Decode strict base64. Raises ApiError."""
    try:
        return pybase64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError("invalid_value", f"Invalid '{param}': expected base64-encoded audio.", param) from error


def check_samples(pcm: bytes, param: str) -> None:
    """Check that these are whole PCM16 samples, and not too many. Raises ApiError."""
    if len(pcm) % 2:
        raise ApiError(
            "invalid_value",
            f"Invalid '{param}': expected 16-bit samples, but got {len(pcm)} bytes, which is an odd number.",
            param,
        )
    check_length(pcm, param)


def check_length(audio: bytes, param: str) -> None:
    if len(audio) > MAX_APPEND_BYTES:
        raise ApiError(
            "string_above_max_length",
            f"Invalid '{param}': audio too long. Expected at most {MAX_APPEND_BYTES} bytes, "
            f"but got {len(audio)} instead.",
            param,
        )


def encode_audio(pcm: bytes) -> str:
    return pybase64.b64encode(pcm).decode("ascii")


def encode_event(event: dict[str, Any]) -> str:
    return msgspec.json.encode(event).decode()


def json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def without_audio(event: Any) -> Any:
    """Return the event for the journal: each `audio` string replaced by its length in characters."""
    match event:
        case dict():
            return {
                key: len(value) if key == "audio" and isinstance(value, str) else without_audio(value)
                for key, value in event.items()
            }
        case list():
            return [without_audio(item) for item in event]
        case int() if abs(event) >> 63:  # not every JSON library accepts larger integers
            return str(event)
        case _:
            return event
