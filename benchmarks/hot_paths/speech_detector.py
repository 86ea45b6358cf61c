"""`SpeechDetector.voiced`. Hot: 50 times a second for every participant of every call; the good detector costs several
times the socket, so what counts is how rarely it is asked."""

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
