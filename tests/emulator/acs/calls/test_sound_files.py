"""Sound files as bots name them: what is taken, and what it becomes."""

from __future__ import annotations

import io
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.acs.calls.sound_files import BAD_FORMAT, Unplayable, frames_of
from tests.support.acs_emulator import samples, tone


def wav(pcm: bytes, *, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(pcm)
    return out.getvalue()


def test_a_file_becomes_frames_of_the_call_as_long_and_as_loud() -> None:
    frames = frames_of(wav(tone(1000, rate=16_000)))
    assert len(frames) == 50
    assert {len(frame) for frame in frames} == {960}
    assert 9000 < max(samples(b"".join(frames))) < 10_500


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        wav(b""),
        wav(bytes(640), rate=8_000),
        wav(bytes(640), rate=24_000),
        wav(bytes(640), channels=2),
        wav(bytes(640), width=1),
        wav(bytes(640), width=4),
    ],
)
def test_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(Unplayable) as refused:
        frames_of(data)
    assert refused.value.result == BAD_FORMAT


@given(st.binary(max_size=200), st.integers(0, 60))
def test_broken_files_are_refused_and_nothing_else_happens(noise: bytes, place: int) -> None:
    whole = wav(bytes(64))
    try:
        frames_of(whole[:place] + noise)
    except Unplayable as refused:
        assert refused.result.sub_code == 8535
