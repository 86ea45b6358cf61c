"""Creates append events from a room's speech. Hot: 50 pieces per second for every lane of every speaker."""

from __future__ import annotations

from itertools import count

from benchmarks.hot_paths.sounds import speech_frames
from benchmarks.hot_paths.timing import HotPath
from bot.realtime.conversation_messages import append
from bot.realtime.conversation_session import APPEND_BYTES
from bot.realtime.speech_backlog import SpeechBacklog


def paths() -> list[HotPath]:
    frames = speech_frames()
    numbers = count()

    def step() -> None:
        backlog = SpeechBacklog(limit_bytes=144_000, max_age_s=3.0)
        utterance = f"u-{next(numbers)}"
        for index, pcm in enumerate(frames):
            backlog.hold(utterance, pcm, index * 0.02)
            piece = backlog.take(APPEND_BYTES)
            if piece is not None:
                append(piece.pcm)

    return [HotPath("append event, queue included", len(frames), step)]
