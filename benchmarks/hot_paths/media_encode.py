"""Encodes a frame for ACS. Hot: 50 times per second for every call with an interpretation."""

from __future__ import annotations

from benchmarks.hot_paths.sounds import speech_frames
from benchmarks.hot_paths.timing import HotPath
from media_streaming.messages import encode_audio


def paths() -> list[HotPath]:
    frames = speech_frames()

    def step() -> None:
        for pcm in frames:
            encode_audio(pcm)

    return [HotPath("media encode", len(frames), step)]
