from __future__ import annotations

import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media_streaming.messages import (
    MAX_MESSAGE_CHARS,
    STOP_AUDIO,
    AudioData,
    AudioMetadata,
    DtmfData,
    Malformed,
    MediaMessage,
    MediaMessageError,
    Unknown,
    decode,
    encode_audio,
)

WIRE = Path(__file__).parent.parent / "wire"
SPEAKER = "8:acs:5f9d_00000024-0001"


def at(time: str) -> datetime:
    return datetime.fromisoformat(time)


def audio(**fields: object) -> AudioData:
    """What is read from a message with these fields and two bytes of audio."""
    message = decode(json.dumps({"kind": "AudioData", "audioData": {"data": "AQA=", **fields}}))
    assert isinstance(message, AudioData)
    assert message.pcm == b"\1\0"
    return message


def capture(name: str) -> str:
    return (WIRE / name).read_text()


any_text = st.text(st.characters(), max_size=200)  # lone surrogates included


def json_with(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | st.integers() | numbers | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=10,
    )


any_json = json_with(st.floats())
valid_json = json_with(st.floats(allow_nan=False, allow_infinity=False))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "media_audio_metadata_24k.json",
            AudioMetadata(24_000, "PCM", 1, 960, "9a000000-0000-4000-8000-000000000001"),
        ),
        (
            "media_audio_data.json",
            AudioData(b"\1\0\xff\xff\2\x80\x7f\0", SPEAKER, at("2026-11-20T09:00:00.125Z")),
        ),
        ("media_audio_data_silent.json", AudioData(bytes(4), SPEAKER, at("2026-11-20T09:00:00.145Z"), silent=True)),
        ("media_audio_data_mixed.json", AudioData(b"\1\0\xff\xff", None, at("2026-11-20T09:00:00.125Z"))),
        ("media_audio_data_pascal_case.json", AudioData(b"\1\0\xff\xff", SPEAKER, at("2026-11-20T09:00:00.125Z"))),
        ("media_audio_data_js_spelling.json", AudioData(b"\1\0\xff\xff")),
        ("media_dtmf_data.json", DtmfData("3")),
        ("media_dtmf_data_with_speaker.json", DtmfData("#", SPEAKER, at("2026-11-20T09:00:01.000Z"))),
        ("media_mark_data.json", Unknown("MarkData")),
        ("media_transcription_data.json", Unknown("TranscriptionData")),
    ],
)
def test_captured_messages(name: str, message: MediaMessage) -> None:
    assert decode(capture(name)) == message


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("media_malformed_cut_off.json", Malformed.JSON),
        ("media_malformed_base64.json", Malformed.BASE64),
        ("media_malformed_half_sample.json", Malformed.ODD_LENGTH),
        ("media_malformed_no_body.json", Malformed.SHAPE),
        ("media_malformed_wrong_types.json", Malformed.SHAPE),
    ],
)
def test_captured_malformed_messages(name: str, reason: Malformed) -> None:
    with pytest.raises(MediaMessageError) as caught:
        decode(capture(name))
    assert caught.value.reason is reason
    assert str(caught.value) == reason.value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Malformed.JSON),
        ("[]", Malformed.SHAPE),
        ("null", Malformed.SHAPE),
        ("{}", Malformed.SHAPE),
        ('{"kind": 3}', Malformed.SHAPE),
        ('{"kind": "AudioData", "audioData": "AQD//w=="}', Malformed.SHAPE),
        ('{"kind": "AudioData", "audioData": {}}', Malformed.SHAPE),
        ('{"kind": "AudioData", "audioData": {"data": 7}}', Malformed.SHAPE),
        ('{"kind": "AudioData", "audioData": {"data": null}}', Malformed.SHAPE),
        ('{"kind": "AudioData", "audioData": {"data": "AQD//w==", "participantRawID": 7}}', Malformed.SHAPE),
        ('{"kind": "AudioMetadata", "audioMetadata": {"sampleRate": 24000, "channels": "two"}}', Malformed.SHAPE),
        ('{"kind": "AudioData", "audioData": {"data": "ä"}}', Malformed.BASE64),
        ('{"kind": "AudioData", "audioData": {"data": "AQD/ /w=="}}', Malformed.BASE64),
        ('{"Kind": "AudioData", "AudioData": {"Data": "AQD/"}}', Malformed.ODD_LENGTH),
        ('{"kind": "DtmfData", "dtmfData": {"data": ["3"]}}', Malformed.SHAPE),
        ('{"kind": "\ud800"}', Malformed.JSON),
        ("[" * 100_000, Malformed.JSON),
        (" " * (MAX_MESSAGE_CHARS + 1), Malformed.TOO_LARGE),
    ],
)
def test_what_is_wrong_is_said(text: str, reason: Malformed) -> None:
    with pytest.raises(MediaMessageError) as caught:
        decode(text)
    assert caught.value.reason is reason


def test_the_largest_message_allowed_is_read() -> None:
    text = '{"kind": "Future"}'
    assert decode(text.ljust(MAX_MESSAGE_CHARS)) == Unknown("Future")


def test_kind_decides_and_not_which_keys_are_there() -> None:
    both = {"kind": "DtmfData", "dtmfData": {"data": "5"}, "audioData": {"data": 3}}
    assert decode(json.dumps(both)) == DtmfData("5")


def test_fields_nobody_documented_are_ignored() -> None:
    text = '{"kind":"AudioData","audioData":{"data":"AQA=","loudness":3},"sequence":9}'
    assert decode(text) == AudioData(b"\1\0")


@pytest.mark.parametrize("key", ["participantRawId", "ParticipantRawID", "participantrawid", "PARTICIPANTRAWID"])
def test_a_speaker_spelt_otherwise_is_no_mixed_audio(key: str) -> None:
    assert audio(**{key: SPEAKER}).speaker == SPEAKER


@pytest.mark.parametrize("silent", [True, "true", "True", 1])
@pytest.mark.parametrize("key", ["silent", "Silent", "SILENT"])
def test_a_silent_frame_spelt_otherwise_is_silent(key: str, silent: object) -> None:
    assert audio(**{key: silent}).silent


@pytest.mark.parametrize("silent", ["false", "False", 0, "no", [], {"is": True}, 2.5])
def test_a_frame_that_is_not_clearly_silent_is_heard(silent: object) -> None:
    assert not audio(silent=silent).silent


@pytest.mark.parametrize("key", ["channels", "Channels"])
@pytest.mark.parametrize("channels", [2, "2"])
def test_stereo_is_stereo_in_any_spelling(key: str, channels: object) -> None:
    metadata = {"sampleRate": 24_000, "encoding": "PCM", key: channels}
    message = decode(json.dumps({"kind": "AudioMetadata", "audioMetadata": metadata}))
    assert message == AudioMetadata(24_000, "PCM", 2)


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("2026-11-20T09:00:00.125Z", 1_795_165_200_125),
        ("2026-11-20T09:00:00.1254567Z", 1_795_165_200_125),
        ("2026-11-20T10:30:00.125+01:30", 1_795_165_200_125),
        ("2026-11-20T09:00:00.125", 1_795_165_200_125),  # without an offset: UTC
        (1_795_165_200_125, 1_795_165_200_125),
        (1_795_165_200, 1_795_165_200_000),
        (1_795_165_200.125, 1_795_165_200_125),
        ("yesterday", None),
        ("", None),
        (True, None),
        (10**400, None),
        (-1e300, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_time_a_frame_was_said(written: object, ms: int | None) -> None:
    assert audio(timestamp=written).said_at_ms == ms


def test_the_time_of_a_frame_that_has_none_is_not_known() -> None:
    assert audio().said_at_ms is None


@pytest.mark.parametrize(
    "name",
    [
        "media_audio_metadata_24k.json",
        "media_audio_data.json",
        "media_audio_data_silent.json",
        "media_dtmf_data_with_speaker.json",
    ],
)
@given(data=st.data())
def test_no_field_that_can_be_spared_loses_a_message(name: str, data: st.DataObject) -> None:
    message = json.loads(capture(name))
    body = next(value for value in message.values() if isinstance(value, dict))
    good = decode(json.dumps(message))
    spared = sorted({"timestamp", "silent", "length", "subscriptionId"} & body.keys())
    for field in data.draw(st.lists(st.sampled_from(spared), unique=True)):
        body[field] = data.draw(valid_json)
    body["sentBy"] = data.draw(valid_json)
    read = decode(json.dumps(message))
    assert type(read) is type(good)
    for field in ("pcm", "speaker", "tone", "sample_rate", "encoding", "channels"):
        assert getattr(read, field, None) == getattr(good, field, None)


def test_stop_audio_is_what_the_docs_show() -> None:
    assert json.loads(STOP_AUDIO) == {"Kind": "StopAudio", "AudioData": None, "StopAudio": {}}


def read_as_acs(text: str) -> bytes:
    """An independent reader: the standard library, and the shape in Microsoft's samples."""
    message = json.loads(text)
    assert set(message) == {"Kind", "AudioData", "StopAudio"}
    assert message["Kind"] == "AudioData"
    assert message["StopAudio"] is None
    return base64.b64decode(message["AudioData"]["Data"], validate=True)


@given(pcm=st.binary(max_size=4_000).filter(lambda pcm: len(pcm) % 2 == 0))
def test_what_is_written_can_be_read(pcm: bytes) -> None:
    text = encode_audio(pcm)
    assert read_as_acs(text) == pcm
    assert decode(text) == AudioData(pcm)


@given(
    pcm=st.binary(max_size=2_000).filter(lambda pcm: len(pcm) % 2 == 0),
    speaker=st.none() | st.text(),
    silent=st.booleans(),
    upper=st.booleans(),
)
def test_both_readings_agree(pcm: bytes, speaker: str | None, silent: bool, upper: bool) -> None:
    body = {"data": base64.b64encode(pcm).decode(), "participantRawID": speaker, "silent": silent}
    message: dict[str, Any] = {"kind": "AudioData", "audioData": body}
    if upper:
        message = {"KIND": "AUDIODATA", "AUDIODATA": {key.upper(): value for key, value in body.items()}}
    assert decode(json.dumps(message)) == AudioData(pcm, speaker, None, silent)


shaped = st.fixed_dictionaries(
    {"kind": st.sampled_from(["AudioData", "AudioMetadata", "DtmfData", "audiodata", "Other"]) | any_json},
    optional=dict.fromkeys(("audioData", "audioMetadata", "dtmfData"), any_json)
    | {"AudioData": st.dictionaries(st.sampled_from(["data", "Data", "silent", "timestamp"]), any_json)},
)


@given(text=any_text | any_json.map(json.dumps) | shaped.map(json.dumps))
@example(text='{"kind":"AudioMetadata","audioMetadata":{"sampleRate":1e400}}')
@example(text='{"kind":"AudioMetadata","audioMetadata":{"sampleRate":' + "9" * 400 + "}}")
def test_garbage_raises_nothing_but_our_own_error(text: str) -> None:
    try:
        message = decode(text)
    except MediaMessageError as error:
        assert isinstance(error.reason, Malformed)
    else:
        assert isinstance(message, MediaMessage)
        if isinstance(message, AudioData):
            assert len(message.pcm) % 2 == 0
