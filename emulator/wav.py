"""Reads uncompressed WAV files as 24 kHz PCM16 mono, and writes WAV files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

RATE = 24_000
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_HEADER = 44


def read_wav(path: Path | str) -> bytes:
    """Return the audio of a file: PCM16 little-endian mono at 24 kHz. Blocks.

    Accepts 8, 16, 24 and 32 bit integers and 32 bit floats, any rate, any number of channels, which are averaged.

    Raises:
        ValueError: the file is not such a WAV file.
    """
    return decode_wav(Path(path).read_bytes())


def decode_wav(data: bytes) -> bytes:
    """Return the audio of a WAV file given as bytes; see `read_wav`."""
    chunks = _chunks(data)
    fmt = chunks.get(b"fmt ", b"")
    if len(fmt) < 16 or b"data" not in chunks:
        raise ValueError("a WAV file needs a fmt and a data chunk")
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", fmt)
    if kind == _EXTENSIBLE and len(fmt) >= 26:
        (kind,) = struct.unpack_from("<H", fmt, 24)
    samples = _samples(chunks[b"data"], kind, bits)
    if channels == 0 or rate == 0:
        raise ValueError("a WAV file needs channels and a rate")
    whole = len(samples) // channels * channels
    mono = samples[:whole].reshape(-1, channels).mean(axis=1, dtype=np.float32)
    if rate != RATE:
        mono = soxr.resample(mono, rate, RATE, quality="HQ")
    pcm: bytes = np.clip(np.rint(mono * 32768), -32768, 32767).astype("<i2").tobytes()
    return pcm


def write_wav(path: Path | str, pcm: bytes, rate: int = RATE) -> None:
    """Write PCM16 mono to a WAV file. Blocks."""
    pcm = pcm[: len(pcm) // 2 * 2]
    head = b"RIFF" + struct.pack("<I", _HEADER - 8 + len(pcm)) + b"WAVE"
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, _PCM, 1, rate, rate * 2, 2, 16)
    Path(path).write_bytes(head + fmt + b"data" + struct.pack("<I", len(pcm)) + pcm)


def _chunks(data: bytes) -> dict[bytes, bytes]:
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("not a WAV file")
    chunks: dict[bytes, bytes] = {}
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        # A writer that could not seek leaves too large a size; slicing takes what there is.
        chunks.setdefault(name, data[place + 8 : place + 8 + size])
        place += 8 + size + size % 2
    return chunks


def _samples(raw: bytes, kind: int, bits: int) -> NDArray[np.float32]:
    """Return all samples as floats between -1 and 1."""
    width = bits // 8
    raw = raw[: len(raw) // width * width] if width else raw
    samples: NDArray[np.float32]
    match kind, bits:
        case (1, 8):
            samples = np.frombuffer(raw, np.uint8).astype(np.float32) - np.float32(128)
            samples /= 2**7
        case (1, 16):
            samples = np.frombuffer(raw, "<i2").astype(np.float32)
            samples /= 2**15
        case (1, 24):
            # Into the upper three bytes of a 32 bit integer, which keeps the sign.
            wide = np.zeros((len(raw) // 3, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
            samples = wide.reshape(-1).view("<i4").astype(np.float32)
            samples /= 2**31
        case (1, 32):
            samples = np.frombuffer(raw, "<i4").astype(np.float32)
            samples /= 2**31
        case (3, 32):
            samples = np.frombuffer(raw, "<f4").astype(np.float32)
        case _:
            raise ValueError(f"a WAV file of format {kind} with {bits} bits is not supported")
    return samples
