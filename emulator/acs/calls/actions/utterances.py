"""Cuts what a participant says into utterances, by loudness, for the recogniser."""

from __future__ import annotations

from collections import deque

from emulator.acs.wire.resampling import FRAME_MS, SILENCE

# About -47 dB, clearly louder than a quiet room.
LOUD = 150.0
# Shorter sounds are clicks.
_BEGIN_MS = 60
# Kept from before an utterance: soft beginnings are not loud.
_BEFORE_MS = 300
# Documented default of the silence that ends recognised speech.
END_SILENCE_S = 0.5
_LONGEST_S = 15.0


class Utterances:
    """The utterances of one participant, frame by frame.

    Attributes:
        frames: number of frames taken so far.
        began_at: number of the first frame of the current or latest utterance, as `frames` counts.
        sounding: number of its frames up to the last loud one.
        speaking: whether an utterance has begun and not ended.
    """

    def __init__(self, end_silence_s: float = END_SILENCE_S, *, from_frame: int = 0) -> None:
        self.frames = from_frame
        self.began_at = from_frame
        self.sounding = 0
        self.speaking = False
        self._end_frames = max(1, round(end_silence_s * 1000 / FRAME_MS))
        self._kept: deque[bytes] = deque(maxlen=_BEFORE_MS // FRAME_MS)
        self._said: list[bytes] = []
        self._loud = self._quiet = 0

    def push(self, frame: bytes | None, level: float) -> bytes | None:
        """Take a frame with its root mean square (of 32768); return the utterance that it ends, if any."""
        self.frames += 1
        frame = frame or SILENCE
        self._loud = self._loud + 1 if level >= LOUD else 0
        self._quiet = 0 if level >= LOUD else self._quiet + 1
        if not self.speaking:
            self._kept.append(frame)
            if self._loud >= _BEGIN_MS // FRAME_MS:
                self.speaking, self._said = True, list(self._kept)
                self.began_at = self.frames - len(self._said)
                self._kept.clear()
            return None
        self._said.append(frame)
        self.sounding = len(self._said) - self._quiet
        if self._quiet < self._end_frames and len(self._said) * FRAME_MS < _LONGEST_S * 1000:
            return None
        return self.end()

    def end(self) -> bytes | None:
        """End the utterance and return it; None if there is none."""
        if not self.speaking:
            return None
        self.speaking, said = False, self.said
        self._said = []
        return said

    @property
    def said(self) -> bytes:
        """What has been said of the current utterance."""
        return b"".join(self._said)
