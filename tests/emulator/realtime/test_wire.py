"""Client text to events, and the fast way for audio."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.errors import ApiError
from emulator.realtime.wire import (
    MAX_APPEND_BYTES,
    append_starts,
    appended_audio,
    check_samples,
    decode_audio,
    decode_event,
    encode_audio,
    without_audio,
)

APPEND = append_starts("input_audio_buffer.append")


@given(st.binary(max_size=300), st.sampled_from(["input_audio_buffer.append", "session.input_audio_buffer.append"]))
def test_both_ways_of_reading_an_append_agree(pcm: bytes, kind: str) -> None:
    event = {"type": kind, "audio": encode_audio(pcm)}
    compact, spaced = json.dumps(event, separators=(",", ":")), json.dumps(event)
    starts = append_starts(kind)
    assert appended_audio(compact, starts) == appended_audio(spaced, starts) == pcm
    assert decode_event(compact) == decode_event(spaced.encode()) == event


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"input_audio_buffer.append","audio":"AAAA","event_id":"e1"}',
        '{"type":"input_audio_buffer.append","audio":"A"}',
        '{"type":"input_audio_buffer.append","audio":"AA\\u003d="}',
        '{"type":"input_audio_buffer.append","audio":"AAAA"',
        '{"event_id":"e1","type":"input_audio_buffer.append","audio":"AAAA"}',
        '{"type":"input_audio_buffer.append","audio":"ÄÄÄÄ"}',
        '{"type":"session.input_audio_buffer.append","audio":"AAAA"}',
        "",
    ],
)
def test_anything_unusual_takes_the_long_way(text: str) -> None:
    assert appended_audio(text, APPEND) is None


@pytest.mark.parametrize("audio", ["A", "AA", "AAA", "AA AA===", "AAA\n", "ÄÄÄÄ", "AAA=AAA="])
def test_base64_is_strict(audio: str) -> None:
    with pytest.raises(ApiError) as caught:
        decode_audio(audio, "audio")
    assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ApiError, match="odd number"):
        check_samples(b"abc", "audio")


def test_an_append_is_limited_to_15_mib() -> None:
    check_samples(bytes(MAX_APPEND_BYTES), "audio")
    with pytest.raises(ApiError) as caught:
        check_samples(bytes(MAX_APPEND_BYTES + 2), "audio")
    assert caught.value.code == "string_above_max_length"


@pytest.mark.parametrize("frame", ["", "null", "[]", '"text"', "{", b"\xff\xfe", "{}x", "[" * 100_000, "\ud800"])
def test_what_is_not_an_object_is_refused(frame: str | bytes) -> None:
    with pytest.raises(ApiError) as caught:
        decode_event(frame)
    assert caught.value.code == "invalid_json"


def test_the_journal_sees_lengths_instead_of_audio() -> None:
    event = {
        "type": "x",
        "item": {"content": [{"audio": "AAAA", "text": "hi"}]},
        "audio": {"input": None},
        "n": 1 << 64,
    }
    assert without_audio(event) == {
        "type": "x",
        "item": {"content": [{"audio": 4, "text": "hi"}]},
        "audio": {"input": None},
        "n": str(1 << 64),
    }
