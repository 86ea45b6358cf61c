"""The binary frames of audio sockets: 20 ms of audio behind a header of 16 bytes, the same in both directions. Pure.

| bytes | field | |
|---|---|---|
| 0 | version | `VERSION` |
| 1 | format | `PayloadFormat` |
| 2-3 | flags | `Flag`, all other bits 0 and to be ignored |
| 4-7 | sequence | strictly rising; downstream by 1, so that a gap tells how many frames were lost |
| 8-15 | timestamp | µs since the Unix epoch: downstream when the frame is due, upstream when it was captured |
| 16- | payload | mono; PCM16 little-endian, 640 bytes at 16 kHz and 960 at 24 kHz, or one Opus packet |

Numbers are big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final, Literal

VERSION: Final = 1
FRAME_MS: Final = 20
FRAME_US: Final = 20_000
ROOM_RATE: Final = 24_000
"""Hz of all audio in a room."""
LARGEST_OPUS: Final = 1275
"""Bytes of an Opus packet of one frame (RFC 6716, 3.4)."""
_HEADER: Final = struct.Struct(">BBHIQ")
HEADER_BYTES: Final = _HEADER.size

SampleRate = Literal[16_000, 24_000]


class PayloadFormat(IntEnum):
    """What the payload is."""

    PCM16 = 1
    OPUS = 2


class Flag(IntFlag):
    """What a frame says of itself."""

    ORIGINAL = 1
    """Only speakers' own voices, no interpretation."""
    AFTER_PAUSE = 2
    """The first frame after a pause or a flush: a player may wait a little to build its buffer again."""


class FrameRefused(ValueError):
    """A frame that is none; `code` is `frame_version`, `frame_format` or `frame_length`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """A decoded frame."""

    format: PayloadFormat
    sequence: int
    timestamp_us: int
    payload: bytes
    flags: Flag = Flag(0)


def pcm_bytes(rate: int) -> int:
    """Return the bytes of a frame of PCM16 at a rate in Hz."""
    return rate * FRAME_MS // 1000 * 2


def encode_frame(format: PayloadFormat, sequence: int, timestamp_us: int, payload: bytes, flags: int = 0) -> bytes:
    """Return header and payload. The sequence wraps at 2^32, after 2.7 years of audio."""
    return _HEADER.pack(VERSION, format, flags, sequence & 0xFFFFFFFF, timestamp_us) + payload


def decode_frame(data: bytes, rate: SampleRate) -> AudioFrame:
    """Return a frame that a peer has sent; an Opus packet in it may still be invalid.

    Args:
        rate: Hz of PCM16, as agreed when the socket was opened. A packet of Opus can be decoded at any rate.

    Raises:
        FrameRefused: version, format or length are wrong.
    """
    if len(data) <= HEADER_BYTES:
        raise FrameRefused("frame_length", f"a frame is a header of {HEADER_BYTES} bytes and a payload")
    version, kind, flags, sequence, timestamp_us = _HEADER.unpack_from(data)
    if version != VERSION:
        raise FrameRefused("frame_version", f"the version of a frame is {VERSION}")
    if kind not in (PayloadFormat.PCM16, PayloadFormat.OPUS):
        raise FrameRefused("frame_format", "the format of a frame is 1 (pcm16) or 2 (opus)")
    payload = data[HEADER_BYTES:]
    if kind == PayloadFormat.PCM16 and len(payload) != pcm_bytes(rate):
        raise FrameRefused("frame_length", f"{FRAME_MS} ms of pcm16 at {rate} Hz are {pcm_bytes(rate)} bytes")
    if len(payload) > LARGEST_OPUS:
        raise FrameRefused("frame_length", f"an Opus packet has at most {LARGEST_OPUS} bytes")
    return AudioFrame(PayloadFormat(kind), sequence, timestamp_us, payload, Flag(flags & 3))
