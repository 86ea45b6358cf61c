"""Makes one stream of 20 ms frames of each speaker from the audio that ACS sends. No sockets, no clock.

ACS sends 20 ms per speaker and tick. Longer messages are cut; shorter ones are joined if ACS has announced such, or
sends one after the other, else passed on as they are. A user on two devices is two streams under one raw id: what was
said at the same time is added, so that speech does not become twice as long, spliced with the silence of the other
device.
"""

from __future__ import annotations

import math
from collections import deque
from datetime import timedelta

import msgspec
import numpy as np

from media_streaming.audio import FRAME_MS, AudioFormat
from media_streaming.messages import AudioData

COMPARED_MESSAGES = 10
"""Messages of a speaker after which their length is compared with the time in which they were said."""
STREAMS = 4
"""Most streams under one id. Of more audio than that in the same time, the timestamps are wrong."""
SPEAKERS = 1000
"""Speakers remembered: more than a call can have."""

_MS = timedelta(milliseconds=1)


class _Speaker:
    """The audio of one speaker that has been received."""

    __slots__ = ("added", "compared", "doubled", "held", "held_streams", "plain", "received", "rest", "short", "since")

    def __init__(self, audio: AudioData) -> None:
        self.compared = COMPARED_MESSAGES * len(audio.pcm)
        """Bytes after which length and time are compared."""
        self.received = 0
        """Bytes since `since`."""
        self.since = audio.timestamp
        self.doubled = False
        """Whether there is more than one stream."""
        self.held: AudioData | None = None
        """What other streams may still be added to, while there are several."""
        self.held_streams = 0
        """Streams in `held`."""
        self.added = False
        """Whether anything was added since `since`."""
        self.rest = b""
        """Audio that does not fill a frame yet."""
        self.short = False
        """Whether the last message was shorter than a frame, which had not been announced."""
        self.plain = True
        """Whether a message of 20 ms can be passed on as it is."""


class SpeakerFrames:
    """Takes the audio of all speakers of a stream and returns frames."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self.ready: deque[AudioData] = deque()
        """Frames that `take` has not returned, in order."""
        self.joins = False
        """Whether messages that are shorter than a frame are joined: ACS has announced such, or they come in a row."""
        self._format = audio_format
        self._frame_bytes = audio_format.frame_bytes
        self._speakers: dict[str | None, _Speaker] = {}

    def take(self, audio: AudioData) -> AudioData | None:
        """Return the next frame, None if there is none yet; `ready` must be empty, and may hold more afterwards."""
        speaker = self._speakers.get(audio.speaker)
        if speaker is None:
            speaker = self._new_speaker(audio)
        elif speaker.received >= speaker.compared:
            self._compare(speaker, audio)
        size = len(audio.pcm)
        speaker.received += size
        if size < self._frame_bytes and not self.joins:
            self.joins, speaker.short = speaker.short, True
        elif speaker.short:
            speaker.short = False
        if speaker.plain and (size == self._frame_bytes or (size < self._frame_bytes and not self.joins)):
            return audio
        complete = self._add(speaker, audio) if speaker.doubled else audio
        if complete is not None:
            self._cut(speaker, complete)
        speaker.plain = not (speaker.doubled or speaker.rest)
        return self.ready.popleft() if self.ready else None

    def _new_speaker(self, audio: AudioData) -> _Speaker:
        if len(self._speakers) >= SPEAKERS:
            self._speakers.clear()
        speaker = self._speakers[audio.speaker] = _Speaker(audio)
        return speaker

    def _compare(self, speaker: _Speaker, audio: AudioData) -> None:
        """Find out from the length of what was received how many streams there are."""
        now, since, received, added = audio.timestamp, speaker.since, speaker.received, speaker.added
        speaker.since, speaker.received, speaker.added = now, 0, False
        speaker.compared = COMPARED_MESSAGES * len(audio.pcm)
        passed_ms = 0.0 if now is None or since is None else (now - since) / _MS
        streams = received / (passed_ms * self._format.bytes_per_ms) if passed_ms > 0 else math.inf
        if streams < 1.5:
            speaker.doubled = speaker.doubled and added
        else:
            speaker.doubled = streams < STREAMS + 0.5
        if speaker.held is not None and not speaker.doubled:
            self._cut(speaker, speaker.held)
            speaker.held = None
        speaker.plain = not (speaker.doubled or speaker.rest or self.ready)  # frames may be `ready` from `held`

    def _add(self, speaker: _Speaker, audio: AudioData) -> AudioData | None:
        """Add audio to what was said at the same time, or hold it for that; return what is complete."""
        held = speaker.held
        if held is not None and speaker.held_streams < STREAMS and self._said_together(held, audio):
            speaker.held, speaker.added = _sum(held, audio), True
            speaker.held_streams += 1
            return None
        speaker.held, speaker.held_streams = audio, 1
        return held

    def _said_together(self, one: AudioData, other: AudioData) -> bool:
        """Return whether half of the shorter or more was said at the same time: devices do not begin frames together.

        What begins just half of it later counts, and what begins half of it sooner does not: that is the frame before.
        """
        if one.timestamp is None or other.timestamp is None:
            return False
        half = self._format.ms_in(min(len(one.pcm), len(other.pcm))) / 2 * _MS
        return -half < other.timestamp - one.timestamp <= half

    def _cut(self, speaker: _Speaker, audio: AudioData) -> None:
        """Put the frames that are complete into `ready`."""
        size, before_ms = self._frame_bytes, round(self._format.ms_in(len(speaker.rest)))
        pcm = speaker.rest + audio.pcm
        whole = len(pcm) - len(pcm) % size
        for start in range(0, whole, size):
            said_at = audio.timestamp
            if said_at is not None:
                said_at += (start // size * FRAME_MS - before_ms) * _MS
            self.ready.append(msgspec.structs.replace(audio, pcm=pcm[start : start + size], timestamp=said_at))
        speaker.rest = pcm[whole:]


def _sum(one: AudioData, other: AudioData) -> AudioData:
    longer, shorter = (np.frombuffer(pcm, "<i2") for pcm in sorted((one.pcm, other.pcm), key=len, reverse=True))
    total = longer.astype(np.int32)
    total[: len(shorter)] += shorter
    pcm = total.clip(-32768, 32767).astype("<i2").tobytes()
    return msgspec.structs.replace(one, pcm=pcm, silent=one.silent and other.silent)
