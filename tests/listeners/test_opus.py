"""Opus: a voice comes back as it was said, and what is no packet is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listeners.opus import BITRATE, OpusDecoder, OpusEncoder, OpusRefused
from tests.support.voice import frames, level_db, snr_db, voice


def test_a_voice_comes_back_and_takes_few_bits() -> None:
    said = voice(4)
    encoder, decoder = OpusEncoder(), OpusDecoder()
    packets = [encoder.encode(frame) for frame in frames(said)]
    heard = b"".join(decoder.decode(packet) for packet in packets)
    assert len(heard) == len(said)
    assert snr_db(said, heard) > 10
    assert abs(level_db(heard) - level_db(said)) < 1
    assert sum(map(len, packets)) * 8 / 4 < 1.2 * BITRATE


def test_a_decoder_that_comes_late_understands_at_once() -> None:
    said = voice(2)
    encoder, decoder = OpusEncoder(), OpusDecoder()
    packets = [encoder.encode(frame) for frame in frames(said)]
    heard = b"".join(decoder.decode(packet) for packet in packets[50:])
    assert abs(level_db(heard[4_800:]) - level_db(said[48_000 + 4_800 :])) < 1


@pytest.mark.parametrize("size", [0, 1, 640, 958, 962])
def test_only_frames_of_20_ms_are_encoded(size: int) -> None:
    with pytest.raises(ValueError, match="960 bytes"):
        OpusEncoder().encode(bytes(size))


def test_what_is_no_packet_of_20_ms_is_refused_and_the_next_decoded() -> None:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    good = encoder.encode(frames(voice(1))[20])
    ten_ms, forty_ms = bytes([good[0] & 0x07 | 0xE0]) + good[1:], bytes([good[0] & 0xFC | 1]) + good[1:] * 2
    for packet in (b"", ten_ms[:1] + bytes(3), forty_ms, b"\xff" * 3):
        with pytest.raises(OpusRefused):
            decoder.decode(packet)
    assert len(decoder.decode(good)) == 960


@given(st.binary(max_size=1275))
def test_any_bytes_are_20_ms_or_refused(packet: bytes) -> None:
    try:
        assert len(OpusDecoder().decode(packet)) == 960
    except OpusRefused:
        pass
