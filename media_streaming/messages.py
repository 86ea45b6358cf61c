"""Converts ACS media streaming JSON to typed messages and back, with all quirks of the wire format. No sockets.

ACS writes camelCase and reads either case; samples and SDKs differ in the case they write. So messages are first read
as ACS documents them, in one typed pass; a body with a key or a value that does not fit is read again with case
ignored, and numbers, times and truth values in other forms than documented. `kind` decides what a message is, not which
keys are present.
"""

from __future__ import annotations

import binascii
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import pybase64

MAX_MESSAGE_CHARS = 128 * 1024
"""ACS sends 1.4 kB per frame; one page of its docs mentions 64 kB of audio, which are 86 kB in base64."""


class Malformed(StrEnum):
    """Why a message cannot be read."""

    JSON = "not JSON"
    SHAPE = "wrong shape"
    BASE64 = "bad base64"
    ODD_LENGTH = "half a sample"
    TOO_LARGE = "too large"
    NOT_TEXT = "not text"


class MediaMessageError(Exception):
    """A message that ACS would not send; `reason` says why it cannot be read."""

    def __init__(self, reason: Malformed) -> None:
        super().__init__(reason.value)
        self.reason = reason


Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its offset; one that ACS writes without is in UTC."""


class AudioMetadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The first message of each stream: the format of the audio that follows."""

    sample_rate: int
    """Hz."""
    encoding: str = "PCM"
    channels: int = 1
    length: int = 0
    """Bytes per frame; 0 if missing."""
    subscription_id: str = ""


class AudioData(
    msgspec.Struct,
    frozen=True,
    gc=False,
    forbid_unknown_fields=True,
    rename={"pcm": "data", "speaker": "participantRawID"},
):
    """Audio of one speaker, or mixed audio: 20 ms in a message of ACS."""

    pcm: bytes
    speaker: str | None = None
    """ACS raw id; None in mixed audio."""
    timestamp: Instant | None = None
    """When it was said, by ACS's clock; None if missing or unreadable."""
    silent: bool = False
    """Whether ACS marks the frame as silent."""

    @property
    def said_at_ms(self) -> int | None:
        """When it was said, by ACS's clock, in ms since 1970; None if ACS does not say."""
        return None if self.timestamp is None else round(self.timestamp.timestamp() * 1000)


class DtmfData(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"tone": "data", "speaker": "participantRawID"},
):
    """A keypad tone."""

    tone: str
    speaker: str | None = None
    timestamp: Instant | None = None


class Unknown(msgspec.Struct, frozen=True):
    """A message of a kind not read here: newer services send further kinds, such as `MarkData`."""

    kind: str


MediaMessage = AudioMetadata | AudioData | DtmfData | Unknown


class _Envelope(msgspec.Struct, gc=False, rename="camel"):
    kind: str
    audio_data: AudioData | None = None
    audio_metadata: AudioMetadata | None = None
    dtmf_data: DtmfData | None = None


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_anything = msgspec.json.Decoder().decode


def decode(text: str) -> MediaMessage:
    """Read a text frame from ACS.

    Raises:
        MediaMessageError: the message cannot be read. No other error is raised, whatever the text.
    """
    if len(text) > MAX_MESSAGE_CHARS:
        raise MediaMessageError(Malformed.TOO_LARGE)
    try:
        envelope = _decode_envelope(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _decode_leniently(text)
    audio = envelope.audio_data
    if envelope.kind == "AudioData" and audio is not None:
        if len(audio.pcm) & 1:
            raise MediaMessageError(Malformed.ODD_LENGTH)
        return audio
    if envelope.kind == "AudioMetadata" and envelope.audio_metadata is not None:
        return envelope.audio_metadata
    if envelope.kind == "DtmfData" and envelope.dtmf_data is not None:
        return envelope.dtmf_data
    return _decode_leniently(text)


# --- second reading: case ignored, values in any form that can be read ------------------

_Body = type[AudioMetadata] | type[AudioData] | type[DtmfData]

_BODIES: dict[str, _Body] = {
    "audiometadata": AudioMetadata,
    "audiodata": AudioData,
    "dtmfdata": DtmfData,
}


def _wire_names(body: _Body) -> dict[str, str]:
    return {name.lower(): name for name in body.__struct_encode_fields__}


_WIRE_NAMES = {body: _wire_names(body) for body in _BODIES.values()}
_SPARED: dict[str, Any] = {"timestamp": datetime, "silent": bool, "length": int, "subscriptionId": str}
"""Fields that count as missing if their value cannot be read, for the audio is good without them, and their types."""
_MILLISECONDS_FROM, _MILLISECONDS_TO = 1e11, 1e14
"""A time in numbers between these counts milliseconds; one below counts seconds, up to the year 5138."""


def _decode_leniently(text: str) -> MediaMessage:
    try:
        message = _decode_anything(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MediaMessageError(Malformed.JSON) from error
    if not isinstance(message, dict):
        raise MediaMessageError(Malformed.SHAPE)
    fields = _lower_keys(message)
    kind = fields.get("kind")
    if not isinstance(kind, str):
        raise MediaMessageError(Malformed.SHAPE)
    body = _BODIES.get(kind.lower())
    if body is None:
        return Unknown(kind)
    content = fields.get(kind.lower())
    if not isinstance(content, dict):
        raise MediaMessageError(Malformed.SHAPE)
    return _read_body(body, _lower_keys(content))


def _lower_keys(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with keys in lower case; a null counts as absent."""
    return {key.lower(): value for key, value in fields.items() if value is not None}


def _read_body(body: _Body, content: dict[str, Any]) -> MediaMessage:
    names = _WIRE_NAMES[body]
    known = {names[key]: value for key, value in content.items() if key in names}
    if body is AudioData and isinstance(known.get("data"), str):
        known["data"] = _pcm(known["data"])
    for name in _SPARED.keys() & known.keys():
        value = _spared(name, known.pop(name))
        if value is not None:
            known[name] = value
    try:
        return msgspec.convert(known, body, strict=False)
    except msgspec.ValidationError as error:
        raise MediaMessageError(Malformed.SHAPE) from error


def _spared(name: str, value: Any) -> object:
    """Return the value of a field in its type; None if it cannot be read."""
    if name == "timestamp" and isinstance(value, int | float) and _MILLISECONDS_FROM <= value < _MILLISECONDS_TO:
        value /= 1000
    try:
        read = msgspec.convert(value, _SPARED[name], strict=False)
    except msgspec.ValidationError:
        return None
    return read.replace(tzinfo=UTC) if isinstance(read, datetime) and read.tzinfo is None else read


def _pcm(data: str) -> bytes:
    try:
        pcm = pybase64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:  # ValueError: characters beyond ASCII
        raise MediaMessageError(Malformed.BASE64) from error
    if len(pcm) & 1:
        raise MediaMessageError(Malformed.ODD_LENGTH)
    return pcm


# --- sending ------------------------------------------------------------------------------

STOP_AUDIO = '{"Kind":"StopAudio","AudioData":null,"StopAudio":{}}'
"""Message that makes ACS discard audio that was not played yet (barge-in)."""


def encode_audio(pcm: bytes) -> str:
    """Write a piece of the interpreter's voice, with the capitalization of Microsoft's Python samples."""
    return '{"Kind":"AudioData","AudioData":{"Data":"' + pybase64.b64encode_as_string(pcm) + '"},"StopAudio":null}'
