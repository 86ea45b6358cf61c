"""Recognises known sentences by their sound, if the voice is like the engine's own.

Synthetic voices are where Whisper is weak: it was trained on people. They all come from one synthesiser, though, and so
a sentence sounds alike in each of them. An utterance is laid over every known sentence, in a man's and a woman's voice,
faster or slower as it fits, and the distance of their spectra decides. People's speech is far from all of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from emulator.engine.local.audio import Samples, cepstra

VERSION = 1
"""Version of the sounds, for those kept in files: it changes with `cepstra`."""

NEAR = 15.0
"""Greatest mean distance of an utterance from its sentence. The same sentence in other variants of the voice is at 2 to
14, a sentence that differs in one word at 16 or more, people's speech at 27 or more."""

CLEAR = 1.07
"""Ratio by which the nearest other sentence must be farther away: it is 1.08 or more where the nearest is right, and
less where the sentence is unknown but like a known one ("at fifteen" beside "at five")."""

VARIED = 15.0
"""Mean distance of an utterance's frames from their average: speech has 28 or more, noise 8, a tone next to none."""

EDGE = 7
"""Frames (140 ms) of a sentence that may be missing at either end: speech detection cuts soft sounds off."""

_HOP = 2
_SHORTEST = 8
"""Frames (160 ms) that an utterance must have."""


@dataclass(frozen=True, slots=True)
class Match:
    """A sentence that an utterance sounds like."""

    text: str
    distance: float


class PhraseSounds:
    """The sounds of known sentences."""

    def __init__(self, texts: Sequence[str], frames: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64]) -> None:
        self._texts = texts
        self._frames = frames  # sentence × frame × 13, padded with zeros
        self._squares = np.square(frames).sum(axis=2)
        self._lengths = lengths

    @classmethod
    def of(cls, texts: Sequence[str], spoken: Sequence[Samples]) -> Self:
        """Return the sounds of these sentences, spoken at 16 kHz. A sentence may be there in several voices."""
        shapes = [cepstra(samples, _HOP) for samples in spoken]
        lengths = np.array([len(shape) for shape in shapes])
        frames = np.zeros((len(texts), max(lengths, default=0), 13), np.float32)
        for row, shape in zip(frames, shapes, strict=True):
            row[: len(shape)] = shape
        return cls(texts, frames, lengths)

    def save(self, path: Path) -> None:
        """Write to a file, in one step: other processes may read it."""
        part = path.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as file:
            np.savez(file, texts=np.array(self._texts), frames=self._frames.astype(np.float16), lengths=self._lengths)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` has written."""
        with np.load(path) as file:
            return cls(file["texts"].tolist(), file["frames"].astype(np.float32), file["lengths"])

    def match(self, samples: Samples) -> Match | None:
        """Return the sentence that this utterance at 16 kHz is, None if it is none of them."""
        heard = cepstra(samples, _HOP)
        longest = self._frames.shape[1]
        if len(heard) < _SHORTEST or len(heard) > 2 * longest or np.linalg.norm(heard, axis=1).mean() < VARIED:
            return None
        # Each frame heard is one of the sentence: the same as the frame before, the next, or the one after that.
        none = np.full((len(self._texts), 2), np.inf, np.float32)
        total = np.full((len(self._texts), longest), np.inf, np.float32)
        for number, frame in enumerate(heard):
            squares = self._squares + np.square(frame).sum() - 2 * (self._frames @ frame)
            distance = np.sqrt(np.maximum(squares, 0))
            if number == 0:
                total[:, : EDGE + 1] = distance[:, : EDGE + 1]
                continue
            before = np.concatenate([none, total], axis=1)
            total = distance + np.minimum(np.minimum(before[:, 2:], before[:, 1:-1]), before[:, :-2])
        last = np.maximum(self._lengths[:, None] - 1 - np.arange(EDGE + 1), 0)
        mean = np.take_along_axis(total, last, axis=1).min(axis=1) / len(heard)
        nearest = int(mean.argmin())
        others = np.array([text != self._texts[nearest] for text in self._texts])
        if mean[nearest] > NEAR or mean[others].min(initial=np.inf) < CLEAR * mean[nearest]:
            return None
        return Match(self._texts[nearest], float(mean[nearest]))
