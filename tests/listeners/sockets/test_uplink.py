"""A microphone's frames: in order, in real time, at 24 kHz; anything else is refused or dropped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listeners.audio_frames import FrameRefused, PayloadFormat, encode_frame
from listeners.opus import OpusEncoder
from listeners.sockets.uplink import AHEAD_S, CAUGHT_UP_S, TOO_FAST_S, MicrophoneTooFast, Uplink
from tests.support.voice import frames, snr_db, voice

SILENCE = bytes(960)


def pcm(sequence: int, payload: bytes = SILENCE, captured_us: int | None = None) -> bytes:
    return encode_frame(
        PayloadFormat.PCM16, sequence, sequence * 20_000 if captured_us is None else captured_us, payload
    )


def test_frames_in_order_and_in_real_time_are_taken_as_they_are() -> None:
    uplink, said = Uplink(24_000), frames(voice(1))
    taken = [uplink.take(pcm(number, frame), number * 0.02) for number, frame in enumerate(said)]
    assert taken == [(frame, number * 20_000) for number, frame in enumerate(said)]


def test_frames_at_16_khz_become_24_khz() -> None:
    uplink, heard = Uplink(16_000), []
    for number, frame in enumerate(frames(voice(2, rate=16_000), 640)):
        taken = uplink.take(pcm(number, frame), number * 0.02)
        assert taken is not None
        heard.append(taken[0])
    assert {len(frame) for frame in heard} == {960}
    assert snr_db(voice(2), b"".join(heard)) > 15


def test_opus_is_decoded_whatever_the_rate() -> None:
    for uplink in (Uplink(16_000), Uplink(24_000)):
        encoder, said = OpusEncoder(), voice(2)
        heard = b""
        for number, frame in enumerate(frames(said)):
            taken = uplink.take(encode_frame(PayloadFormat.OPUS, number, 0, encoder.encode(frame)), number * 0.02)
            assert taken is not None
            heard += taken[0]
        assert snr_db(said, heard) > 10


def test_a_packet_that_is_none_is_refused_and_the_next_is_taken() -> None:
    uplink = Uplink(24_000)
    with pytest.raises(FrameRefused) as refused:
        uplink.take(encode_frame(PayloadFormat.OPUS, 1, 0, b"\xff\xff\xff"), 0.0)
    assert refused.value.code == "frame_format"
    assert uplink.take(encode_frame(PayloadFormat.OPUS, 2, 0, OpusEncoder().encode(SILENCE)), 0.02) is not None


def test_a_frame_of_the_wrong_rate_is_refused() -> None:
    with pytest.raises(FrameRefused) as refused:
        Uplink(16_000).take(pcm(1), 0.0)
    assert refused.value.code == "frame_length"


def test_duplicates_and_stragglers_are_refused_and_gaps_are_not() -> None:
    uplink, refused = Uplink(24_000), []
    for number, sequence in enumerate([5, 6, 6, 4, 9, 8, 10]):
        try:
            assert uplink.take(pcm(sequence), number * 0.02) is not None
        except FrameRefused as error:
            refused.append((sequence, error.code))
    assert refused == [(6, "frame_sequence"), (4, "frame_sequence"), (8, "frame_sequence")]


def test_captured_times_never_fall() -> None:
    uplink = Uplink(24_000)
    taken = [uplink.take(pcm(n, captured_us=at), n * 0.02) for n, at in enumerate([100, 50, 120, 2**64 - 1, 0])]
    assert [one[1] for one in taken if one] == [100, 100, 120, 2**64 - 1, 2**64 - 1]


def test_a_peer_that_is_ahead_of_real_time_loses_what_is_too_much() -> None:
    uplink = Uplink(24_000)
    taken = [uplink.take(pcm(number), 1.0) for number in range(100)]
    assert sum(one is not None for one in taken) == AHEAD_S / 0.02
    assert uplink.take(pcm(200), 3.0) is not None


def test_a_peer_that_goes_on_too_fast_is_too_fast() -> None:
    uplink, taken = Uplink(24_000), 0
    with pytest.raises(MicrophoneTooFast):
        for number in range(10_000):
            taken += uplink.take(pcm(number), 1.0 + number * 0.01) is not None  # twice as fast
    assert taken * 0.02 < TOO_FAST_S * 1.1 + AHEAD_S


def test_what_a_network_held_up_is_taken_when_it_comes() -> None:
    uplink = Uplink(24_000)
    for number in range(50):
        uplink.take(pcm(number), number * 0.02)
    late = [uplink.take(pcm(50 + number), 1.0 + CAUGHT_UP_S) for number in range(int(CAUGHT_UP_S / 0.02))]
    assert None not in late


def test_a_sound_card_that_runs_one_percent_fast_is_never_too_fast() -> None:
    uplink = Uplink(24_000)
    assert all(uplink.take(pcm(number), number * 0.02 / 1.01) for number in range(50 * 600))


@given(st.lists(st.tuples(st.binary(max_size=1300), st.integers(0, 50)), max_size=40))
def test_whatever_comes_is_20_ms_or_refused(sent: list[tuple[bytes, int]]) -> None:
    uplink, now = Uplink(24_000), 0.0
    for data, passed_ms in sent:
        now += passed_ms / 1000
        try:
            taken = uplink.take(data, now)
        except FrameRefused:
            continue
        assert taken is None or len(taken[0]) == 960
