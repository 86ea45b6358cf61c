"""A microphone's frames as they come from a stranger: checked, kept to real time, decoded to what rooms hear. Pure."""

from __future__ import annotations

from typing import Final

from listeners.audio_frames import FRAME_MS, ROOM_RATE, FrameRefused, PayloadFormat, SampleRate, decode_frame
from listeners.opus import OpusDecoder, OpusRefused
from listeners.resampling import FrameResampler

AHEAD_S: Final = 0.5
"""Audio ahead of real time that is accepted: a network hands over late frames in bursts."""
CAUGHT_UP_S: Final = 3.0
"""Audio that may come late and at once: a network that stood still this long loses no speech."""
TOO_FAST_S: Final = 5.0
"""Audio ahead of real time, dropped frames included, that no network explains."""
_DRIFT: Final = 1.02
"""Clocks of sound cards that run faster than ours are not taken for too fast."""
_FRAME_S: Final = FRAME_MS / 1000


class MicrophoneTooFast(Exception):
    """The peer keeps sending faster than real time."""


class Uplink:
    """The frames of one microphone, in order. It is told the time, in seconds of any clock that never goes back."""

    def __init__(self, rate: SampleRate) -> None:
        """`rate`: Hz of PCM16, as agreed when the socket was opened."""
        self._rate = rate
        self._sequence = -1
        self._captured_us = 0
        self._ahead_s = 0.0
        """Audio taken, less the time that has passed."""
        self._flood_s = 0.0
        """The same with what was dropped."""
        self._last = 0.0
        self._opus: OpusDecoder | None = None
        self._resampler = None if rate == ROOM_RATE else FrameResampler(rate, ROOM_RATE)

    def take(self, data: bytes, now: float) -> tuple[bytes, int] | None:
        """Return 20 ms of PCM16 mono at 24 kHz, and when it was captured in µs since the Unix epoch, which never falls.

        None: the frame was dropped, because the peer is more than `AHEAD_S` ahead of real time.

        Raises:
            FrameRefused: it is no valid frame, or comes after a later one (`frame_sequence`).
            MicrophoneTooFast: the peer is `TOO_FAST_S` ahead.
        """
        frame = decode_frame(data, self._rate)
        if frame.sequence <= self._sequence:
            raise FrameRefused("frame_sequence", f"frame {frame.sequence} comes after frame {self._sequence}")
        packet = frame.payload if frame.format is PayloadFormat.OPUS else None
        self._sequence = frame.sequence
        self._captured_us = max(self._captured_us, frame.timestamp_us)
        if not self._in_time(now):
            return None
        if packet is not None:
            self._opus = self._opus or OpusDecoder()
            try:
                return self._opus.decode(packet), self._captured_us
            except OpusRefused as error:
                raise FrameRefused("frame_format", str(error)) from error
        pcm = frame.payload if self._resampler is None else self._resampler.frame(frame.payload)
        return pcm, self._captured_us

    def _in_time(self, now: float) -> bool:
        if not self._last:
            self._last = now
        passed_s, self._last = (now - self._last) * _DRIFT, now
        self._ahead_s = max(-CAUGHT_UP_S, self._ahead_s - passed_s)
        self._flood_s = max(-CAUGHT_UP_S, self._flood_s - passed_s) + _FRAME_S
        if self._flood_s > TOO_FAST_S:
            raise MicrophoneTooFast
        if self._ahead_s + _FRAME_S > AHEAD_S + 1e-9:
            return False
        self._ahead_s += _FRAME_S
        return True
