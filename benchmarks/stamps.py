"""Stamps 20 ms frames inaudibly, so that each can be identified by its bytes.

A stamp is 32 bits in the lowest bits of a frame's first 32 samples: the source (16 bits) and the frame's number (16
bits). Nothing resamples the audio, so the bits survive. Digital silence has stamp 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAME_SAMPLES = 480
FRAME_BYTES = 2 * FRAME_SAMPLES
"""20 ms of PCM16 mono at 24 kHz."""
LARGEST = 0xFFFF
"""Maximum of sources and frame numbers, which is 21 minutes of speech per speaker."""

_BITS = 32

Stamps = NDArray[np.uint32]


def stamped(pcm: bytes, source: int, first: int) -> bytes:
    """Stamp the whole frames of a sound with `(source, first)`, `(source, first + 1)`, …

    A last piece shorter than a frame is unchanged.

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
    """Return the stamps of all whole frames in order; 0 for digital silence."""
    frames = len(pcm) // FRAME_BYTES
    samples = np.frombuffer(pcm, dtype="<i2", count=frames * FRAME_SAMPLES).reshape(frames, FRAME_SAMPLES)
    packed = np.packbits((samples[:, :_BITS] & 1).astype(np.uint8), axis=1)
    return packed.view(">u4").astype(np.uint32).reshape(frames)


def source(stamp: int) -> int:
    """Return the source of a stamp; 0 for none."""
    return stamp >> 16


def number(stamp: int) -> int:
    """Return the frame number of a stamp, from 0."""
    return stamp & 0xFFFF
