"""Marks 20 ms frames so that each is recognised wherever its bytes turn up; a dither nobody hears. No clock, no I/O.

A stamp is 32 bits in the lowest bits of a frame's first 32 samples: who says it (16 bits) and the frame's number
(16 bits). Nothing on the way resamples, so the bits survive. Digital silence reads as stamp 0: nobody.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAME_SAMPLES = 480
FRAME_BYTES = 2 * FRAME_SAMPLES
"""20 ms of PCM16 mono at 24 kHz."""
LARGEST = 0xFFFF
"""Of sources and of frame numbers: 21 minutes of speech by one speaker."""

_BITS = 32

Stamps = NDArray[np.uint32]


def stamped(pcm: bytes, source: int, first: int) -> bytes:
    """The same sound with its whole frames stamped `(source, first)`, `(source, first + 1)`, …

    A last piece shorter than a frame is left as it is.

    Raises:
        ValueError: the source is not in 1..LARGEST, or the numbers go beyond LARGEST.
    """
    frames = len(pcm) // FRAME_BYTES
    if not 1 <= source <= LARGEST or first < 0 or first + frames > LARGEST + 1:
        raise ValueError(f"cannot stamp {frames} frames as ({source}, {first})")
    samples = np.frombuffer(pcm, dtype="<i2").copy()
    whole = samples[: frames * FRAME_SAMPLES].reshape(frames, FRAME_SAMPLES)
    numbers = (np.uint32(source << 16) + np.arange(first, first + frames, dtype=np.uint32)).astype(">u4")
    bits = np.unpackbits(numbers.view(np.uint8).reshape(frames, 4), axis=1)
    whole[:, :_BITS] = (whole[:, :_BITS] & ~1) | bits
    return samples.tobytes()


def read(pcm: bytes) -> Stamps:
    """The stamps of all whole frames, oldest first; 0 for a frame of digital silence."""
    frames = len(pcm) // FRAME_BYTES
    samples = np.frombuffer(pcm, dtype="<i2", count=frames * FRAME_SAMPLES).reshape(frames, FRAME_SAMPLES)
    packed = np.packbits((samples[:, :_BITS] & 1).astype(np.uint8), axis=1)
    return packed.view(">u4").astype(np.uint32).reshape(frames)


def source(stamp: int) -> int:
    """Who said it; 0 for nobody."""
    return stamp >> 16


def number(stamp: int) -> int:
    """Which of the source's frames it is, from 0."""
    return stamp & 0xFFFF
