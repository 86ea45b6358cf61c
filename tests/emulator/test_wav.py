from __future__ import annotations

import struct
import wave
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from emulator.wav import decode_wav, read_wav, write_wav


def sine(rate: int, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)


def wav(kind: int, bits: int, channels: int, rate: int, data: bytes, *, extensible: bool = False) -> bytes:
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", 0xFFFE if extensible else kind, channels, rate, rate * block, block, bits)
    if extensible:
        fmt += struct.pack("<HHIH", 22, bits, 0, kind) + bytes(14)
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\0"  # odd, so padded
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


def as_integers(signal: np.ndarray, bits: int) -> bytes:
    if bits == 8:
        return (signal * 127 + 128).astype(np.uint8).tobytes()
    if bits == 24:
        wide = (signal * (2**31 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)
        return wide[:, 1:].tobytes()
    whole = (signal * (2 ** (bits - 1) - 1)).astype(f"<i{bits // 8}")
    return bytes(whole.tobytes())


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_integer_file_sounds_the_same(bits: int, rate: int, channels: int) -> None:
    signal = np.repeat(sine(rate), channels)
    pcm = decode_wav(wav(1, bits, channels, rate, as_integers(signal, bits)))
    heard = np.frombuffer(pcm, "<i2") / 32768
    expected = sine(24_000)
    assert abs(len(heard) - len(expected)) <= 2
    middle = slice(1000, len(expected) - 1000)  # resampling rings at the ends
    assert np.abs(heard[middle] - expected[middle]).max() < (0.02 if bits == 8 else 0.005)


def test_floats_and_extensible_headers_are_read() -> None:
    signal = sine(24_000).astype("<f4")
    floats = decode_wav(wav(3, 32, 1, 24_000, signal.tobytes()))
    whole = decode_wav(wav(1, 16, 1, 24_000, as_integers(signal, 16), extensible=True))
    assert np.abs(np.frombuffer(floats, "<i2").astype(int) - np.frombuffer(whole, "<i2")).max() <= 1


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    pcm = as_integers(sine(24_000), 16)
    write_wav(tmp_path / "a.wav", pcm)
    assert read_wav(tmp_path / "a.wav") == pcm
    with wave.open(str(tmp_path / "a.wav")) as opened:
        assert (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (24_000, 1, 2)


def test_a_size_the_writer_never_filled_in_is_taken_as_the_rest() -> None:
    buffer = BytesIO(wav(1, 16, 1, 24_000, b"\1\0" * 100))
    broken = bytearray(buffer.getvalue())
    place = broken.index(b"data") + 4
    broken[place : place + 4] = b"\xff\xff\xff\x7f"
    assert decode_wav(bytes(broken)) == b"\1\0" * 100


@pytest.mark.parametrize(
    "data",
    [b"", b"RIFF1234WAVE", b"no wave at all", wav(7, 8, 1, 8000, b"\0" * 10), wav(1, 16, 0, 24_000, b"")],
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode_wav(data)
