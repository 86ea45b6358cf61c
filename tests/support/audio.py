"""20 ms frames that tell which one they are, so that tests can see what became of each."""

from __future__ import annotations

import numpy as np

FRAME_BYTES = 960
"""20 ms of PCM16 mono at 24 kHz."""


_LOUD = (8_000).to_bytes(2, "little")


def numbered(number: int) -> bytes:
    """Frame `number`, from 1, loud enough to be no pause; silence has the number 0."""
    return (number.to_bytes(2, "little") + _LOUD) * (FRAME_BYTES // 4) if number else bytes(FRAME_BYTES)


def soft(number: int) -> bytes:
    """Frame `number` as in a gap between words: much softer than `numbered`."""
    return (number.to_bytes(2, "little") + bytes(2)) * (FRAME_BYTES // 4)


def numbers(pcm: bytes) -> list[int]:
    """The numbers of the frames in `pcm`, which must be whole ones."""
    frames = [pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm), FRAME_BYTES)]
    found = [int.from_bytes(frame[:2], "little") for frame in frames]
    whole = all(frame in (numbered(number), soft(number)) for frame, number in zip(frames, found, strict=True))
    assert whole, "not made of whole numbered frames"
    return found


def quieter(speech: bytes, gain: float) -> bytes:
    """The same words, so that a recogniser that knows audio by its bytes takes them for others."""
    return (np.frombuffer(speech, dtype="<i2") * gain).astype("<i2").tobytes()
