"""Mixes the audio of one tick: levels, dominant speakers, and what each participant hears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from emulator.acs.wire.resampling import FRAME_BYTES, SILENCE

_SAMPLES = FRAME_BYTES // 2
_LOWEST, _HIGHEST = -32768, 32767


class Mix:
    """The mix of one tick's frames, each 960 bytes, None for a silent voice.

    Attributes:
        levels: root mean square of each frame, in units of 1/32768 of full scale; 0 for none.
    """

    def __init__(self, frames: Sequence[bytes | None]) -> None:
        self._frames = frames
        self._rows = {
            index: row
            for row, index in enumerate(
                index for index, frame in enumerate(frames) if frame is not None and frame != SILENCE
            )
        }
        self.levels = [0.0] * len(frames)
        self._total: NDArray[np.int32] | None = None
        self._all: bytes | None = None
        if not self._rows:
            return
        heard = b"".join([frames[index] or SILENCE for index in self._rows])
        self._samples = np.frombuffer(heard, dtype=np.int16).reshape(len(self._rows), _SAMPLES)
        exact = self._samples.astype(np.float32)
        powers = np.einsum("ij,ij->i", exact, exact)
        for index, level in zip(self._rows, np.sqrt(powers / _SAMPLES).tolist(), strict=True):
            self.levels[index] = level

    def everyone(self) -> bytes:
        """Return the mix of all voices."""
        if self._all is None:
            if not self._rows:
                self._all = SILENCE
            elif len(self._rows) == 1:
                (index,) = self._rows
                self._all = self._frames[index] or SILENCE
            else:
                self._all = _clipped(self._sum())
        return self._all

    def without(self, index: int) -> bytes:
        """Return the mix of all voices except one: what that participant hears."""
        row = self._rows.get(index)
        if row is None:
            return self.everyone()
        if len(self._rows) == 1:
            return SILENCE
        if len(self._rows) == 2:
            (other,) = (each for each in self._rows if each != index)
            return self._frames[other] or SILENCE
        return _clipped(self._sum() - self._samples[row])

    def _sum(self) -> NDArray[np.int32]:
        if self._total is None:
            self._total = self._samples.sum(axis=0, dtype=np.int32)
        return self._total


def added(first: bytes, second: bytes) -> bytes:
    """Return the sum of two frames."""
    if first == SILENCE:
        return second
    total = np.frombuffer(first, dtype=np.int16).astype(np.int32) + np.frombuffer(second, dtype=np.int16)
    return _clipped(total)


def _clipped(total: NDArray[np.int32]) -> bytes:
    clipped: NDArray[np.int16] = np.clip(total, _LOWEST, _HIGHEST).astype(np.int16)
    return clipped.tobytes()


class DominantSpeakers:
    """Picks the few voices that unmixed streaming carries.

    A voice's standing is its level; it rises at once and halves in about a third of a second. A chosen voice stays
    until another stands twice as high, so that two equal voices do not alternate every frame.
    """

    _DECAY = 0.96  # per tick of 20 ms: half after 17 ticks
    _AHEAD = 2.0

    def __init__(self) -> None:
        self._standing: dict[str, float] = {}
        self._chosen: list[str] = []

    def choose(self, levels: Mapping[str, float], limit: int) -> list[str]:
        """Return the ids to carry in this tick: all of them, or the `limit` most dominant."""
        standing = {voice: max(level, self._standing.get(voice, 0.0) * self._DECAY) for voice, level in levels.items()}
        self._standing = standing
        if len(standing) <= limit:
            self._chosen = list(standing)
            return self._chosen
        ranked = sorted(standing, key=standing.__getitem__, reverse=True)
        chosen = [voice for voice in self._chosen if voice in standing][:limit]
        for voice in ranked:
            if voice in chosen:
                continue
            if len(chosen) < limit:
                chosen.append(voice)
                continue
            weakest = min(chosen, key=standing.__getitem__)
            if standing[voice] <= standing[weakest] * self._AHEAD:
                break
            chosen[chosen.index(weakest)] = voice
        self._chosen = chosen
        return chosen
