"""Removes what a translation session sends between words, by its level. No clock."""

from __future__ import annotations

from bot.realtime.messages import BYTES_PER_MS

FRAME_BYTES = 20 * BYTES_PER_MS

LEVEL = 256
"""Largest sample that counts as quiet. Captured on Azure: at most 63 between the words, 1024 and more in bursts of
speech (protocol sheet, 3.5)."""
HANGOVER_FRAMES = 15
"""300 ms after the last loud frame are passed on: the ends of words are quiet."""


class NoiseGate:
    """Passes on loud frames of 20 ms, and what surrounds them; audio may come in pieces of any length."""

    def __init__(self) -> None:
        self._rest = b""
        self._before = b""
        """The last frame that was not passed on: the beginnings of words are quiet too."""
        self._open_frames = 0

    def feed(self, pcm: bytes) -> bytes:
        """Take PCM16 audio and return the part of it that is speech."""
        data = self._rest + pcm
        whole = len(data) - len(data) % FRAME_BYTES
        self._rest = data[whole:]
        heard: list[bytes] = []
        for start in range(0, whole, FRAME_BYTES):
            frame = data[start : start + FRAME_BYTES]
            samples = memoryview(frame).cast("h")  # little-endian, as every machine this runs on
            if max(samples) > LEVEL or min(samples) < -LEVEL:
                if not self._open_frames:
                    heard.append(self._before)
                self._open_frames = HANGOVER_FRAMES
                heard.append(frame)
            elif self._open_frames:
                self._open_frames -= 1
                heard.append(frame)
                self._before = b""
            else:
                self._before = frame
        return b"".join(heard)
