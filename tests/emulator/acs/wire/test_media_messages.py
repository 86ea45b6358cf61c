from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.acs.wire.media_messages import (
    Audio,
    Malformed,
    StopAudio,
    Unknown,
    audio_message,
    metadata_message,
    read_message,
    speaker_part,
)

STAMP = b"2026-11-20T09:00:00.125"


@pytest.mark.parametrize(("rate", "length"), [(24_000, 960), (16_000, 640)])
def test_metadata_has_the_documented_form(rate: int, length: int) -> None:
    assert json.loads(metadata_message("9a00", rate)) == {
        "kind": "AudioMetadata",
        "audioMetadata": {
            "subscriptionId": "9a00",
            "encoding": "PCM",
            "sampleRate": rate,
            "channels": 1,
            "length": length,
        },
    }


def test_a_frame_has_the_documented_form() -> None:
    pcm = bytes(range(240)) * 4
    assert json.loads(audio_message(STAMP, speaker_part('8:acs:a"b'), pcm, False)) == {
        "kind": "AudioData",
        "audioData": {
            "timestamp": "2026-11-20T09:00:00.125Z",
            "participantRawID": '8:acs:a"b',
            "data": base64.b64encode(pcm).decode(),
            "silent": False,
        },
    }


def test_a_silent_frame_carries_its_samples_all_the_same() -> None:
    quiet = b"\1\0" * 480
    for pcm in (quiet, bytes(960), bytes(640)):
        audio = json.loads(audio_message(STAMP, speaker_part("8:acs:a"), pcm, True))["audioData"]
        assert audio["silent"] is True
        assert base64.b64decode(audio["data"]) == pcm


def test_mixed_audio_names_nobody() -> None:
    absent = json.loads(audio_message(STAMP, speaker_part(None), bytes(960), False))["audioData"]
    null = json.loads(audio_message(STAMP, speaker_part(None, null=True), bytes(960), False))["audioData"]
    assert absent.keys() == {"timestamp", "data", "silent"}
    assert null["participantRawID"] is None


@pytest.mark.parametrize(
    "message",
    [
        {"Kind": "AudioData", "AudioData": {"Data": "AQI="}, "StopAudio": None},
        {"Kind": "AudioData", "AudioData": {"Data": "AQI=", "Timestamp": "x", "Mark": {"Id": "m1"}}},
        {"kind": "audioData", "audioData": {"data": "AQI="}, "stopAudio": {}},
        {"KIND": "AUDIODATA", "audiodata": {"DATA": "AQI="}},
    ],
)
def test_audio_is_read_in_any_spelling(message: object) -> None:
    read = read_message(json.dumps(message))
    assert isinstance(read, Audio)
    assert read.pcm == b"\1\2"


@pytest.mark.parametrize(
    "message",
    [
        {"Kind": "StopAudio", "AudioData": None, "StopAudio": {}},
        {"kind": "stopAudio"},
        {"Kind": "StopAudio", "AudioData": {"Data": "AQI="}},
    ],
)
def test_the_kind_decides(message: object) -> None:
    assert read_message(json.dumps(message)) == StopAudio()


def test_other_kinds_are_told_apart_from_garbage() -> None:
    assert read_message('{"Kind":"MarkData","MarkData":{"Id":"m1"}}') == Unknown("MarkData")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "null",
        '{"Kind":3}',
        '{"AudioData":{"Data":"AQI="}}',
        '{"Kind":"AudioData"}',
        '{"Kind":"AudioData","AudioData":[]}',
        '{"Kind":"AudioData","AudioData":{"Data":7}}',
        '{"Kind":"AudioData","AudioData":{"Data":"@@@@"}}',
        '{"Kind":"AudioData","AudioData":{"Data":"AQ=="}}',
    ],
)
def test_garbage_is_called_so(text: str) -> None:
    with pytest.raises(Malformed):
        read_message(text)


@given(st.text(max_size=200))
def test_no_text_does_worse_than_malformed(text: str) -> None:
    try:
        read_message(text)
    except Malformed:
        pass


@given(st.binary(max_size=2000).filter(lambda pcm: len(pcm) % 2 == 0))
def test_audio_survives_the_way(pcm: bytes) -> None:
    message = {"Kind": "AudioData", "AudioData": {"Data": base64.b64encode(pcm).decode()}}
    assert read_message(json.dumps(message)) == Audio(pcm)
