"""Joins the frames of several ticks into one media message, for the switch `media_frame_ms`."""

from __future__ import annotations

from dataclasses import dataclass, field

from emulator.acs.wire.media_messages import audio_message


@dataclass(slots=True)
class _Batch:
    timestamp: bytes
    silent: bool = True
    frames: list[bytes] = field(default_factory=list)


class FrameBatches:
    """The frames of one bot's stream that wait for their message, by speaker."""

    def __init__(self) -> None:
        self._batches: dict[str, _Batch] = {}

    def add(self, speaker: str, timestamp: bytes, part: bytes, pcm: bytes, silent: bool, frames: int) -> bytes | None:
        """Add a frame; return the message once it holds so many, with the timestamp of the first."""
        batch = self._batches.setdefault(speaker, _Batch(timestamp))
        batch.frames.append(pcm)
        batch.silent = batch.silent and silent
        if len(batch.frames) < frames:
            return None
        del self._batches[speaker]
        return audio_message(batch.timestamp, part, b"".join(batch.frames), batch.silent)
