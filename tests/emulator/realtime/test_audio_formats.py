"""G.711 to the engine's audio and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from emulator.realtime.audio_formats import G711, PCM_BYTES, AudioDecoder, encoded
from emulator.realtime.errors import ApiError
from emulator.realtime.wire import MAX_APPEND_BYTES


def sine(hertz: float, seconds: float = 0.5, level: int = 8_000) -> bytes:
    wave = level * np.sin(2 * np.pi * hertz / 24_000 * np.arange(int(seconds * 24_000)))
    pcm: bytes = wave.astype("<i2").tobytes()
    return pcm


def samples(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


@pytest.mark.parametrize(
    ("audio_format", "code", "level"),
    [
        ("audio/pcmu", 0x00, -32_124),
        ("audio/pcmu", 0x80, 32_124),
        ("audio/pcmu", 0xFF, 0),
        ("audio/pcmu", 0xE0, 372),
        ("audio/pcma", 0x2A, -32_256),
        ("audio/pcma", 0xAA, 32_256),
        ("audio/pcma", 0xD5, 8),
        ("audio/pcma", 0xE0, 1_376),
    ],
)
def test_codes_have_the_levels_of_the_standard(audio_format: str, code: int, level: int) -> None:
    """A constant level stays what it is between the samples."""
    pcm = AudioDecoder().decode(bytes([code]) * 100, audio_format, "audio")
    assert abs(samples(pcm)[100:] - level).max() <= 1


@pytest.mark.parametrize("audio_format", G711)
@pytest.mark.parametrize("hertz", [200, 1_000, 3_000])
def test_a_tone_survives_the_way_there_and_back(audio_format: str, hertz: float) -> None:
    sent = sine(hertz)
    codes = encoded(sent, audio_format)
    assert len(codes) == len(sent) // PCM_BYTES
    back = samples(AudioDecoder().decode(codes, audio_format, "audio"))
    assert len(back) == len(sent) // 2
    spectrum = np.abs(np.fft.rfft(back[2_400:-2_400] * np.hanning(len(back) - 4_800)))
    peak = int(spectrum.argmax())
    assert abs(peak * 24_000 / (len(back) - 4_800) - hertz) < 5
    spectrum[max(0, peak - 5) : peak + 6], at_peak = 0, spectrum[peak]
    assert spectrum.max() < at_peak / 30
    assert 0.8 < np.sqrt(np.square(back).mean()) / np.sqrt(np.square(samples(sent)).mean()) < 1.1


@given(st.binary(min_size=1, max_size=400), st.integers(0, 400), st.sampled_from(G711))
def test_a_stream_in_parts_is_the_stream_in_one(codes: bytes, cut: int, audio_format: str) -> None:
    whole, parts = AudioDecoder(), AudioDecoder()
    expected = whole.decode(codes, audio_format, "audio")
    found = b"".join(parts.decode(part, audio_format, "audio") for part in (codes[:cut], codes[cut:]))
    assert np.abs(samples(found) - samples(expected)).max(initial=0) <= 1
    assert len(found) == PCM_BYTES * len(codes)


def test_another_format_begins_another_stream() -> None:
    decoder = AudioDecoder()
    decoder.decode(b"\x00" * 50, "audio/pcmu", "audio")
    assert decoder.decode(b"\x01\x02", "audio/pcm", "audio") == b"\x01\x02"
    assert abs(samples(decoder.decode(b"\xd5", "audio/pcma", "audio"))).max() <= 8


def test_what_cannot_be_audio_is_refused() -> None:
    with pytest.raises(ApiError, match="odd number"):
        AudioDecoder().decode(b"abc", "audio/pcm", "audio")
    with pytest.raises(ApiError, match="too long"):
        AudioDecoder().decode(bytes(MAX_APPEND_BYTES + 1), "audio/pcmu", "audio")


def test_nothing_is_nothing() -> None:
    assert encoded(b"", "audio/pcmu") == b""
    assert encoded(b"abcd", "audio/pcm") == b"abcd"
