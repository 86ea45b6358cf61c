"""Detects speech with `SpeechDetector`. Hot: 50 times per second for every participant of every call.

The neural detector costs several times as much as the socket, so the cost depends on how rarely it is called.
"""

from __future__ import annotations

from benchmarks.hot_paths.sounds import noise_frames, speech_frames
from benchmarks.hot_paths.timing import HotPath
from bot.live_room.voice_activity import DetectorPool


def paths() -> list[HotPath]:
    pool = DetectorPool(size=1)
    pool.load()
    silence, noise, speech = [bytes(960)] * 100, noise_frames(), speech_frames()

    def run(frames: list[bytes], silent: bool) -> None:
        detector = pool.detector()
        for pcm in frames:
            detector.voiced(pcm, silent)
        detector.close()

    return [
        HotPath("detector, flagged silent", len(silence), lambda: run(silence, True)),
        HotPath("detector, faint noise", len(noise), lambda: run(noise, False)),
        HotPath("detector, speech", len(speech), lambda: run(speech, False)),
    ]
