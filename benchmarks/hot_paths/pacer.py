"""`Pacer`. Hot: 50 frames a second for every call in which an interpretation is heard, out of bursts from the model."""

from __future__ import annotations

from benchmarks.hot_paths.sounds import speech_frames
from benchmarks.hot_paths.timing import HotPath
from bot.interpreting.playout.pacer import Pacer

DELTA_BYTES = 12_000
"""250 ms: the emulated model's, and the real one's as far as captured."""
PACE = 4
"""The model is so many times faster than real time."""


def paths() -> list[HotPath]:
    pcm = b"".join(speech_frames())
    deltas = [pcm[start : start + DELTA_BYTES] for start in range(0, len(pcm), DELTA_BYTES)]
    frames = len(pcm) // 960

    def step() -> None:
        pacer = Pacer()
        waiting = list(reversed(deltas))
        for index in range(frames):
            now = index * 0.02
            while waiting and (len(deltas) - len(waiting)) * 0.25 / PACE <= now:
                pacer.push(waiting.pop())
            pacer.take(now)
            pacer.deadline(now)

    return [HotPath("pacer", frames, step)]
