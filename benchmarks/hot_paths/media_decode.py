"""Decodes a frame from ACS. Hot: 50 times per second for every participant of every call, speaking or not."""

from __future__ import annotations

from benchmarks.hot_paths.sounds import speech_frames
from benchmarks.hot_paths.timing import HotPath
from emulator.acs.wire.media_messages import audio_message, speaker_part
from media_streaming.messages import decode


def paths() -> list[HotPath]:
    speaker = speaker_part("8:acs:8f1d3c52-6f0e-4b8e-9a57-2d1c4e7b9a10_00000020-aaaa-bbbb-cccc-0123456789ab")
    texts = [audio_message(b"2026-11-20T09:00:00.125", speaker, pcm, False).decode() for pcm in speech_frames()]

    def step() -> None:
        for text in texts:
            decode(text)

    return [HotPath("media decode", len(texts), step)]
