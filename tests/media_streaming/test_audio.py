from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_streaming.audio import FRAME_MS, PCM_24K_MONO, AudioFormat


def test_frame_sizes_are_those_acs_documents() -> None:
    assert AudioFormat(16_000).frame_bytes == 640
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
