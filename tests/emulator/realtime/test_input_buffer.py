"""The input buffer keeps every byte on one time line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.errors import ApiError
from emulator.realtime.input_buffer import MAX_BUFFERED_BYTES, InputBuffer
from tests.support.realtime_driver import pcm_of


def test_less_than_100_ms_cannot_be_committed_and_is_kept() -> None:
    buffer = InputBuffer()
    with pytest.raises(ApiError, match=r"buffer only has 0\.00ms of audio\."):
        buffer.commit()
    buffer.append(pcm_of(99))
    with pytest.raises(ApiError) as caught:
        buffer.commit()
    assert caught.value.code == "input_audio_buffer_commit_empty"
    assert caught.value.message.endswith("buffer only has 99.00ms of audio.")
    buffer.append(pcm_of(1))
    assert buffer.commit() == pcm_of(100)
    assert buffer.duration_ms == 0


def test_audio_at_16_khz_shows_as_two_thirds_of_its_length() -> None:
    buffer = InputBuffer()
    buffer.append(bytes(16_000 * 2 * 3))  # three seconds, had it been 24 kHz
    assert buffer.duration_ms == 2000


def test_clearing_keeps_the_time_line() -> None:
    buffer = InputBuffer()
    buffer.append(pcm_of(500))
    buffer.clear()
    assert (buffer.duration_ms, buffer.end_ms) == (0, 500)


def test_it_does_not_grow_without_end() -> None:
    buffer = InputBuffer()
    buffer.append(bytes(MAX_BUFFERED_BYTES))
    with pytest.raises(ApiError):
        buffer.append(bytes(2))
    assert len(buffer.commit()) == MAX_BUFFERED_BYTES


@given(st.lists(st.binary(max_size=500)), st.lists(st.integers(0, 40)))
def test_taking_in_pieces_gives_what_was_appended(chunks: list[bytes], ends: list[int]) -> None:
    buffer = InputBuffer()
    for chunk in chunks:
        buffer.append(chunk)
    pieces = [buffer.take_until(end_ms) for end_ms in ends]
    assert b"".join(pieces) + buffer.take_until(10**6) == b"".join(chunks)
