"""Reads and writes the media streaming messages of both directions."""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
import pybase64

from emulator.acs.wire.resampling import BYTES_PER_FRAME, FRAME_MS

# Most frames of most calls are digital silence, so it is encoded once.
_SILENCES = {bytes(size): pybase64.b64encode(bytes(size)) for size in BYTES_PER_FRAME.values()}


def metadata_message(subscription_id: str, rate: int, frame_ms: int = FRAME_MS) -> bytes:
    """Return AudioMetadata, the first message on every media socket."""
    return orjson.dumps(
        {
            "kind": "AudioMetadata",
            "audioMetadata": {
                "subscriptionId": subscription_id,
                "encoding": "PCM",
                "sampleRate": rate,
                "channels": 1,
                "length": BYTES_PER_FRAME[rate] * frame_ms // FRAME_MS,
            },
        }
    )


def speaker_part(raw_id: str | None, *, null: bool = False) -> bytes:
    """Return the middle part of an audio message, which is the same in all messages of a speaker.

    Args:
        raw_id: the speaker; None in mixed audio.
        null: in mixed audio, write `null` instead of leaving the key out.
    """
    if raw_id is None:
        named = b'"participantRawID":null,' if null else b""
    else:
        named = b'"participantRawID":' + orjson.dumps(raw_id) + b","
    return b'Z",' + named + b'"data":"'


def audio_message(timestamp: bytes, speaker: bytes, pcm: bytes, silent: bool) -> bytes:
    """Return the message of a frame. `timestamp`: UTC with milliseconds, no `Z`; `speaker`: a `speaker_part`."""
    data = (_SILENCES.get(pcm) if silent else None) or pybase64.b64encode(pcm)
    return b"".join(
        (
            b'{"kind":"AudioData","audioData":{"timestamp":"',
            timestamp,
            speaker,
            data,
            b'","silent":true}}' if silent else b'","silent":false}}',
        )
    )


def tone_message(timestamp: str, raw_id: str, key: str) -> bytes:
    """Return the message of a pressed key: `0` to `9`, `a` to `d`, `#` or `*`."""
    data = {"data": key, "timestamp": timestamp, "participantRawID": raw_id}
    return orjson.dumps({"kind": "DtmfData", "dtmfData": data})


def mark_message(mark_id: str, status: str) -> bytes:
    """Return the message that says whether the audio before a mark was played: `Completed` or `Cancelled`."""
    return orjson.dumps({"kind": "MarkData", "markData": {"id": mark_id, "status": status}})


@dataclass(frozen=True, slots=True)
class Audio:
    """Audio to play into the call: PCM16 at the stream's rate, of any length; `mark` names its end."""

    pcm: bytes
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class StopAudio:
    """An order to drop all audio that has not been played."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A well-formed message of a kind that is ignored."""

    kind: str


class Malformed(ValueError):
    """A message that cannot be read."""


class _MarkBody(msgspec.Struct):
    Id: str


class _AudioBody(msgspec.Struct):
    Data: str
    Mark: _MarkBody | None = None


class _Pascal(msgspec.Struct):
    """A message in the spelling of the Python and .NET samples, which is decoded fast."""

    Kind: str
    AudioData: _AudioBody | None = None
    Mark: _MarkBody | None = None


_PASCAL = msgspec.json.Decoder(_Pascal)


def read_message(text: str | bytes) -> Audio | StopAudio | Unknown:
    """Read a message. Keys may be in any case; `kind` decides, not which key is present.

    A mark may stand beside the audio, in it, or alone as `MarkData`: which of them the service accepts is not known.

    Raises:
        Malformed: the text is not JSON, has no kind, or its audio is not base64.
    """
    try:
        message = _PASCAL.decode(text)
        kind = message.Kind
        body = message.AudioData
        data: object = body.Data if body is not None else None
        named = message.Mark or (body.Mark if body is not None else None)
        mark = named.Id if named is not None else None
    except msgspec.MsgspecError:
        kind, data, mark = _read_any_case(text)
    match kind.lower():
        case "audiodata":
            return Audio(_samples(data), mark)
        case "markdata" if mark is not None:
            return Audio(b"", mark)
        case "stopaudio":
            return StopAudio()
        case _:
            return Unknown(kind)


def _read_any_case(text: str | bytes) -> tuple[str, object, str | None]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Malformed("not JSON") from error
    top = _lower_keys(document)
    kind = top.get("kind")
    if not isinstance(kind, str):
        raise Malformed("no kind")
    body = _lower_keys(top.get("audiodata"))
    mark = _lower_keys(top.get("mark") or body.get("mark") or top.get("markdata")).get("id")
    return kind, body.get("data"), mark if isinstance(mark, str) else None


def _lower_keys(value: object) -> dict[str, Any]:
    return {key.lower(): inner for key, inner in value.items()} if isinstance(value, dict) else {}


def _samples(data: object) -> bytes:
    if not isinstance(data, str):
        raise Malformed("audio without data")
    try:
        pcm = pybase64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("audio is not base64") from error
    if len(pcm) % 2:
        raise Malformed("audio is not whole samples")
    return pcm
