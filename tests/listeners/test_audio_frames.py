"""The header of audio frames: what is encoded is decoded again, and what is no frame is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listeners.audio_frames import (
    HEADER_BYTES,
    LARGEST_OPUS,
    AudioFrame,
    Flag,
    FrameRefused,
    PayloadFormat,
    SampleRate,
    decode_frame,
    encode_frame,
    pcm_bytes,
)

RATES: tuple[SampleRate, ...] = (16_000, 24_000)


def test_a_frame_as_it_is_documented() -> None:
    frame = encode_frame(PayloadFormat.OPUS, 0x01020304, 0x0506070809101112, b"\xaa\xbb", Flag.ORIGINAL)
    assert frame == bytes.fromhex("01 02 0001 01020304 0506070809101112 aabb")


@given(
    st.sampled_from(RATES),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.sampled_from([Flag(0), Flag.ORIGINAL, Flag.AFTER_PAUSE, Flag.ORIGINAL | Flag.AFTER_PAUSE]),
    st.one_of(st.none(), st.binary(min_size=1, max_size=LARGEST_OPUS)),
)
def test_decoding_gives_what_was_encoded(
    rate: SampleRate, sequence: int, timestamp_us: int, flags: Flag, packet: bytes | None
) -> None:
    format = PayloadFormat.PCM16 if packet is None else PayloadFormat.OPUS
    payload = bytes(range(160)) * (pcm_bytes(rate) // 160) if packet is None else packet
    data = encode_frame(format, sequence, timestamp_us, payload, flags)
    assert len(data) == HEADER_BYTES + len(payload)
    assert decode_frame(data, rate) == AudioFrame(format, sequence, timestamp_us, payload, flags)


@given(st.binary(max_size=2000), st.sampled_from(RATES))
def test_any_bytes_are_a_frame_or_refused(data: bytes, rate: SampleRate) -> None:
    try:
        frame = decode_frame(data, rate)
    except FrameRefused as error:
        assert error.code in {"frame_version", "frame_format", "frame_length"}
    else:
        assert frame.payload == data[HEADER_BYTES:]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "frame_length"),
        (bytes(HEADER_BYTES), "frame_length"),
        (bytes([2]) + bytes(HEADER_BYTES), "frame_version"),
        (bytes([1, 3]) + bytes(HEADER_BYTES), "frame_format"),
        (bytes([1, 1]) + bytes(HEADER_BYTES - 2 + 640), "frame_length"),
        (bytes([1, 1]) + bytes(HEADER_BYTES - 2 + 959), "frame_length"),
        (bytes([1, 1]) + bytes(HEADER_BYTES - 2 + 961), "frame_length"),
        (bytes([1, 2]) + bytes(HEADER_BYTES - 2 + LARGEST_OPUS + 1), "frame_length"),
    ],
)
def test_what_is_no_frame_at_24_khz_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(FrameRefused) as refused:
        decode_frame(data, 24_000)
    assert refused.value.code == code


def test_unknown_flags_are_ignored() -> None:
    assert decode_frame(encode_frame(PayloadFormat.OPUS, 1, 1, b"x", 0xFFFE), 24_000).flags == Flag.AFTER_PAUSE
