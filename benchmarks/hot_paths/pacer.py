"""Paces the model's bursts with `Pacer`. Hot: 50 frames per second for every call with an interpretation."""

from __future__ import annotations

from benchmarks.hot_paths.sounds import speech_frames
from benchmarks.hot_paths.timing import HotPath
from bot.interpreting.playout.pacer import Pacer

DELTA_BYTES = 12_000
"""Delta size (250 ms) of the emulated model, and of the real one as captured."""
PACE = 4
"""Speed of the model in multiples of real time."""


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
