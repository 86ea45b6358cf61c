"""A participant inside the server that speaks a recording and counts what it hears: load without sockets."""

from __future__ import annotations

from typing import Any

from emulator.acs.calls.leg import EnteredCall
from emulator.acs.wire.resampling import FRAME_BYTES, FRAME_MS, SILENCE
from emulator.randomness import uuid4


class RobotLeg:
    """A participant without a socket.

    Attributes:
        spoken, heard, heard_sound: number of frames spoken, heard, and heard that were not digital silence.
        rounds: how often the recording was spoken to the end.
    """

    def __init__(self, raw_id: str, display_name: str, pcm: bytes, *, loop: bool, start_after_ms: int) -> None:
        self.leg_id = uuid4()
        self.raw_id = raw_id
        self.display_name = display_name
        self.muted = False
        self.here = True
        self.call: EnteredCall | None = None
        self.spoken = 0
        self.heard = 0
        self.heard_sound = 0
        self.rounds = 0
        padded = pcm + bytes(-len(pcm) % FRAME_BYTES)
        self._frames = [padded[start : start + FRAME_BYTES] for start in range(0, len(padded), FRAME_BYTES)]
        self._loop = loop
        self._wait = start_after_ms // FRAME_MS
        self._next = 0

    def speak(self, now: float) -> bytes | None:
        if self._wait > 0:
            self._wait -= 1
            return None
        if self._next >= len(self._frames):
            return None
        frame = self._frames[self._next]
        self._next += 1
        self.spoken += 1
        if self._next == len(self._frames):
            self.rounds += 1
            if self._loop:
                self._next = 0
        return frame

    def hear(self, frame: bytes) -> None:
        self.heard += 1
        if frame is not SILENCE and frame != SILENCE:
            self.heard_sound += 1

    def tell(self, message: bytes) -> None:
        pass

    def drop(self, reason: str) -> None:
        self.here = False

    def enter(self, call: EnteredCall) -> None:
        self.call = call

    def body(self) -> dict[str, Any]:
        """Return its identity and counters, as the API shows them."""
        return {
            "robot_id": self.leg_id,
            "participant_id": self.raw_id,
            "display_name": self.display_name,
            "in_call": self.here,
            "muted": self.muted,
            "frames_spoken": self.spoken,
            "frames_heard": self.heard,
            "frames_heard_with_sound": self.heard_sound,
            "rounds": self.rounds,
        }
