"""Detects speech by its energy, as `server_vad` does.

`semantic_vad` is approximated by its documented maximum waits: 8, 4 and 2 s for low, medium and high eagerness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emulator.engine.base import BYTES_PER_MS

WINDOW_MS = 20
WINDOW_BYTES = WINDOW_MS * BYTES_PER_MS
ONSET_WINDOWS = 3
"""Consecutive loud windows (60 ms) that count as speech; shorter sounds are clicks."""
SEMANTIC_WAIT_MS = {"low": 8_000, "medium": 4_000, "auto": 4_000, "high": 2_000}
SEMANTIC_THRESHOLD = 0.5
SEMANTIC_PREFIX_MS = 300


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    start_ms: int
    """Start on the time line of all appended audio, prefix padding included."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    end_ms: int
    """End of the committed audio, silence included."""


def level(threshold: float) -> float:
    """Return the RMS of int16 samples above which a window is loud: -60 dBFS at 0, -40 at 0.5, -20 at 1."""
    return float(32_768 * 10 ** ((-60 + 40 * threshold) / 20))


class EnergyDetector:
    """Detects speech for one configuration; `position_ms` is the length of the audio appended before."""

    def __init__(self, turn_detection: dict[str, Any], position_ms: int = 0) -> None:
        if turn_detection["type"] == "semantic_vad":
            self._silence_ms = SEMANTIC_WAIT_MS[turn_detection["eagerness"]]
            threshold, self._prefix_ms = SEMANTIC_THRESHOLD, SEMANTIC_PREFIX_MS
        else:
            self._silence_ms = int(turn_detection["silence_duration_ms"])
            threshold, self._prefix_ms = turn_detection["threshold"], int(turn_detection["prefix_padding_ms"])
        self._level = level(threshold)
        self._position_ms = position_ms
        self._rest = b""
        self._loud_windows = 0
        self._quiet_ms = 0
        self.speaking = False

    def feed(self, pcm: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Add audio and return the changes it causes; a partial window waits for the rest."""
        data = self._rest + pcm if self._rest else pcm
        whole = len(data) - len(data) % WINDOW_BYTES
        self._rest = data[whole:]
        if not whole:
            return []
        windows = np.frombuffer(data, dtype="<i2", count=whole // 2).reshape(-1, WINDOW_BYTES // 2)
        power = np.square(windows.astype(np.float32)).mean(axis=1)
        found: list[SpeechStarted | SpeechStopped] = []
        for loud in power > self._level**2:
            self._position_ms += WINDOW_MS
            if (change := self._window(bool(loud))) is not None:
                found.append(change)
        return found

    def _window(self, loud: bool) -> SpeechStarted | SpeechStopped | None:
        self._loud_windows = self._loud_windows + 1 if loud else 0
        self._quiet_ms = 0 if loud else self._quiet_ms + WINDOW_MS
        if not self.speaking and self._loud_windows >= ONSET_WINDOWS:
            self.speaking = True
            onset = self._position_ms - ONSET_WINDOWS * WINDOW_MS
            return SpeechStarted(max(0, onset - self._prefix_ms))
        if self.speaking and self._quiet_ms >= max(self._silence_ms, WINDOW_MS):
            self.speaking = False
            return SpeechStopped(self._position_ms)
        return None
