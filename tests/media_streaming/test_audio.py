from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_streaming.audio import FRAME_MS, PCM_16K_MONO, PCM_24K_MONO, AudioFormat, FrameCutter


def test_frame_sizes_are_those_acs_documents() -> None:
    assert PCM_16K_MONO.frame_bytes == 640
    assert PCM_24K_MONO.frame_bytes == 960


def test_milliseconds_and_bytes() -> None:
    assert PCM_24K_MONO.bytes_in(100) == 4_800
    assert PCM_24K_MONO.ms_in(4_800) == 100.0
    assert PCM_24K_MONO.ms_in(2) == pytest.approx(1 / 24)


@pytest.mark.parametrize("rate", [0, -8000, 44_100, 11_025])
def test_a_rate_that_does_not_fit_milliseconds_is_refused(rate: int) -> None:
    with pytest.raises(ValueError, match="whole kHz"):
        AudioFormat(rate)


@given(khz=st.integers(1, 192), ms=st.integers(0, 60_000))
def test_milliseconds_survive_the_way_to_bytes_and_back(khz: int, ms: int) -> None:
    audio_format = AudioFormat(khz * 1000)
    assert audio_format.ms_in(audio_format.bytes_in(ms)) == ms
    assert audio_format.frame_bytes == audio_format.bytes_in(FRAME_MS)


def test_cutting_keeps_what_does_not_fill_a_frame() -> None:
    cutter = FrameCutter(4)
    assert cutter.push(b"abcdef") == [b"abcd"]
    assert cutter.held == 2
    assert cutter.push(b"ghijkl") == [b"efgh", b"ijkl"]
    assert cutter.push(b"mn") == []
    assert cutter.flush_padded() == b"mn\0\0"
    assert cutter.flush_padded() == b""


def test_a_frame_has_a_size() -> None:
    with pytest.raises(ValueError, match="positive"):
        FrameCutter(0)


@given(pieces=st.lists(st.binary(max_size=50)), frame_bytes=st.integers(1, 17))
def test_cutting_then_joining_gives_the_input(pieces: list[bytes], frame_bytes: int) -> None:
    cutter = FrameCutter(frame_bytes)
    frames: list[bytes] = []
    for piece in pieces:
        frames += cutter.push(piece)
        assert cutter.held < frame_bytes
    assert all(len(frame) == frame_bytes for frame in frames)
    assert b"".join(frames) + cutter.flush() == b"".join(pieces)
    assert cutter.held == 0
