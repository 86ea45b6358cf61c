"""The floor of a room: what people say themselves, mixed for listeners, without each listener's own voice.

    hear ─► a short queue per speaker ─► every 20 ms one frame of each ─► one mix for everybody, and one more for each
                                                                          who speaks at that moment

Runs only while somebody listens. Silence is not mixed, and nothing is published while nobody speaks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from bot.interpreting.endpointing import FRAME_MS
from bot.interpreting.playout.pacer import FRAME_BYTES, quiet
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.mixing import mixed, without_each

HELD = 2
"""Frames of a speaker that are collected before the first is heard: frames may come this much late."""
QUEUED = 10
"""Frames of a speaker that wait at most, 200 ms; the oldest are dropped."""
TRAILING = 25
"""Frames of silence after sound that are mixed as well: pauses between words are part of speech."""


class FloorAudience(Protocol):
    """Those who listen to the floor."""

    def floor_heard(self) -> bool:
        """Return whether anybody does."""
        ...

    def floor(self, pcm: bytes, without: dict[str, bytes]) -> None:
        """Publish a frame. `without`: by raw id, what those hear instead whose own voice is in it."""
        ...


class _FloorSpeaker:
    """The frames of one speaker that wait to be mixed."""

    __slots__ = ("frames", "held", "silent", "started")

    def __init__(self) -> None:
        self.frames: deque[bytes] = deque(maxlen=QUEUED)
        self.started = False
        """Whether they are being heard, which they are until no frame is left."""
        self.held = 0
        """For how many frames of time they wait to be heard."""
        self.silent = TRAILING
        """Silent frames in a row."""


class FloorMix:
    """Mixes the frames of all speakers; knows no clock."""

    def __init__(self) -> None:
        self._speakers: dict[str, _FloorSpeaker] = {}

    def push(self, speaker: str, pcm: bytes, silent: bool) -> bool:
        """Take a frame of 20 ms; return whether it will be heard."""
        found = self._speakers.get(speaker)
        if found is None:
            found = self._speakers[speaker] = _FloorSpeaker()
        found.silent = found.silent + 1 if silent or quiet(pcm) else 0
        if found.silent > TRAILING or len(pcm) != FRAME_BYTES:
            return False
        found.frames.append(pcm)
        return True

    def take(self) -> tuple[bytes, dict[str, bytes]] | None:
        """Return the next frame, and by speaker what is left of it without that speaker; None if nobody is heard."""
        frames: dict[str, bytes] = {}
        for speaker, waiting in self._speakers.items():
            if not waiting.frames:
                waiting.started, waiting.held = False, 0
                continue
            waiting.started = waiting.started or len(waiting.frames) > HELD or waiting.held >= HELD
            if waiting.started:
                frames[speaker] = waiting.frames.popleft()
            else:
                waiting.held += 1
        if not frames:
            return None
        return mixed(b"", tuple(frames.values())), without_each(b"", frames)

    @property
    def waiting(self) -> bool:
        """Whether any frames wait."""
        return any(speaker.frames for speaker in self._speakers.values())

    def clear(self) -> None:
        self._speakers.clear()


class FloorMixer:
    """Mixes the floor of a live room in its rhythm while somebody listens to it."""

    def __init__(self, frame_timer: FrameTimer, audience: FloorAudience, clock: Callable[[], float]) -> None:
        self._audience = audience
        self._clock = clock
        self._alarm = frame_timer.alarm(self._ring)
        self._mix = FloorMix()
        self._due: float | None = None
        """When the next frame is to be mixed; None while nothing waits."""

    def hear(self, speaker: str, pcm: bytes, silent: bool) -> None:
        """Take a frame of 20 ms of somebody on the roster."""
        if not self._audience.floor_heard():
            if self._due is not None:
                self.close()
            return
        if self._mix.push(speaker, pcm, silent) and self._due is None:
            self._due = self._clock() + FRAME_MS / 1000
            self._alarm.set(self._due)

    def close(self) -> None:
        """Forget what waits."""
        self._mix.clear()
        self._due = None

    def _ring(self, now: float) -> None:
        while self._due is not None and self._due <= now + 0.0005:
            frame = self._mix.take()
            if frame is not None:
                self._audience.floor(*frame)
            self._due = self._due + FRAME_MS / 1000 if frame is not None or self._mix.waiting else None
        self._alarm.set(self._due)
