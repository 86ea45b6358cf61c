"""Fan-out of audio: each frame is encoded once for each encoding that somebody listens to, and shared by all of these.

    frame ─► AudioChannel.stamp ─► FanOut ─► encode once ─► the same bytes to each reader of that encoding
             sequence, due time    in slices

A frame of Opus takes 0.3 ms and the writes to 500 listeners some milliseconds. FanOut does this after the event loop
has done what else is due, in slices of `SLICE_S`, so that no call's own audio waits for its listeners.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

from listeners.audio_frames import FRAME_US, ROOM_RATE, AudioFrame, Flag, PayloadFormat, encode_frame
from listeners.opus import OpusDecoder, OpusEncoder, OpusRefused
from listeners.readers import AudioEncoding, AudioReader, SharedFrame
from listeners.resampling import FrameResampler
from listeners.statistics import LatencyHistogram

FLOOR: Final = "floor"
"""The channel of what people say themselves, mixed. No language tag looks like it (BCP 47 reserves five letters)."""
SLICE_S: Final = 0.001
"""Seconds of the event loop that fan-out takes at a time, and at most one encoding or `WRITES` writes more."""
WRITES: Final = 16
STALE_S: Final = 1.0
"""A frame that was not fanned out within this time is dropped for everybody: the process is overloaded."""
_GAP_US: Final = 60_000
"""A frame later than this after the one before has ended begins after a pause."""
_AHEAD_US: Final = 200_000
"""Frames that come faster than they last are due one after the other, up to this much ahead."""

_MOST_LOST: Final = 50
"""Frames that may be lost on the way from another process without being taken for another numbering."""

Nobody: Final[Mapping[str, bytes]] = {}


class _Voice:
    """The encoders of one mix; a stream of Opus and one of another rate depend on what went before."""

    def __init__(self) -> None:
        self._opus: OpusEncoder | None = None
        self._resampler: FrameResampler | None = None

    def encode(self, encoding: AudioEncoding, pcm: bytes) -> tuple[PayloadFormat, bytes]:
        if encoding is AudioEncoding.OPUS:
            self._opus = self._opus or OpusEncoder()
            return PayloadFormat.OPUS, self._opus.encode(pcm)
        if encoding is AudioEncoding.PCM16_16K:
            self._resampler = self._resampler or FrameResampler(ROOM_RATE, 16_000)
            return PayloadFormat.PCM16, self._resampler.frame(pcm)
        return PayloadFormat.PCM16, pcm


class _RelayedVoice:
    """A mix that another process has encoded: its packets as they are, and decoded for those who want PCM."""

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        """Of its last frame here."""
        self._theirs = 0
        """Of the same frame there."""
        self._decoder: OpusDecoder | None = None
        self._voice = _Voice()

    def follows(self, theirs: int) -> bool:
        """Number a frame, with the gaps that the other process has left; False if it has come before."""
        lost, self._theirs = theirs - self._theirs, theirs
        self.sequence += lost if 0 < lost <= _MOST_LOST else 1  # beyond that, it is numbered by another process
        return lost != 0

    def pcm(self, packet: bytes) -> bytes:
        """Decode a packet. `OpusRefused` if it is none."""
        self._decoder = self._decoder or OpusDecoder()
        return self._decoder.decode(packet)

    def encode(self, encoding: AudioEncoding, pcm: bytes) -> tuple[PayloadFormat, bytes]:
        return self._voice.encode(encoding, pcm)


class AudioChannel:
    """A channel with listeners: its sequence, its clock and its encoders."""

    def __init__(self) -> None:
        self.readers: dict[AudioEncoding, dict[AudioReader, None]] = {}
        self._everybody = _Voice()
        self._without: dict[str, _Voice] = {}
        """By the speaker who is left out."""
        self._relayed: dict[str, _RelayedVoice] = {}
        """Of another process, by the speaker who is left out."""
        self._sequence = 0
        self._next_us = 0
        """When the next frame is due if there is no pause."""
        self._paused = True

    @property
    def listeners(self) -> int:
        return sum(reader.relay is None for readers in self.readers.values() for reader in readers)

    @property
    def voices(self) -> set[str]:
        """Whose own voices its listeners do not want to hear; empty for that of nobody."""
        return {reader.own_voice for readers in self.readers.values() for reader in readers if reader.relay is None}

    def remove(self, reader: AudioReader) -> None:
        """Forget a reader, and the encoding if it was the last to want it."""
        readers = self.readers[reader.encoding]
        del readers[reader]
        if not readers:
            del self.readers[reader.encoding]

    def next_due_us(self, now_us: int) -> int:
        """Return the timestamp that a frame published now gets, in µs since the Unix epoch."""
        follows = not self._paused and -_AHEAD_US <= now_us - self._next_us <= _GAP_US
        return self._next_us if follows else now_us

    def stamp(self, now_us: int, *, original: bool) -> tuple[int, int, int]:
        """Take the next frame's place in the stream; returns sequence, timestamp in µs, and flags."""
        due_us = self.next_due_us(now_us)
        flags = (Flag.ORIGINAL if original else 0) | (Flag.AFTER_PAUSE if due_us != self._next_us else 0)
        self._sequence += 1
        self._next_us = due_us + FRAME_US
        self._paused = False
        return self._sequence, due_us, flags

    def pause(self) -> None:
        """Begin anew with the next frame."""
        self._paused, self._next_us = True, 0

    def relayed(
        self, frame: AudioFrame, own_voice: str, entered_at: float
    ) -> Iterator[tuple[SharedFrame, list[AudioReader]]]:
        """Hand on an Opus frame of another process to those who do not want `own_voice`, which is not in it.

        Raises:
            OpusRefused: it is no Opus packet, and somebody wanted it decoded.
        """
        for gone in self._relayed.keys() - self.voices:
            del self._relayed[gone]
        voice = self._relayed.setdefault(own_voice, _RelayedVoice(self._sequence))
        if not voice.follows(frame.sequence):
            return
        self._sequence = max(self._sequence, voice.sequence)
        self._paused = True  # whatever comes from this process next
        pcm = b""
        for encoding in list(self.readers):
            readers = [reader for reader in self.readers.get(encoding, ()) if reader.own_voice == own_voice]
            if not readers:
                continue
            format, payload = frame.format, frame.payload
            if encoding is not AudioEncoding.OPUS:
                pcm = pcm or voice.pcm(payload)
                format, payload = voice.encode(encoding, pcm)
            data = encode_frame(format, voice.sequence, frame.timestamp_us, payload, frame.flags)
            yield SharedFrame(data, entered_at), readers

    def encoded(
        self, pcm: bytes, stamp: tuple[int, int, int], without: Mapping[str, bytes], entered_at: float
    ) -> Iterator[tuple[SharedFrame, list[AudioReader]]]:
        """Encode a frame for those who listen, one encoding a step; yields each with its readers.

        Args:
            without: what those hear instead whose own voice is in `pcm`.
        """
        sequence, due_us, flags = stamp
        for speaker in [speaker for speaker in self._without if speaker not in without]:
            del self._without[speaker]
        for encoding in list(self.readers):
            mixes: dict[str, list[AudioReader]] = {}
            for reader in self.readers.get(encoding, ()):
                mixes.setdefault(reader.own_voice if reader.own_voice in without else "", []).append(reader)
            for speaker, readers in mixes.items():
                voice = self._without.setdefault(speaker, _Voice()) if speaker else self._everybody
                format, payload = voice.encode(encoding, without[speaker] if speaker else pcm)
                yield SharedFrame(encode_frame(format, sequence, due_us, payload, flags), entered_at), readers


class FanOut:
    """Hands frames to the readers of their channels, between everything else that the event loop does."""

    def __init__(self) -> None:
        self.latencies = LatencyHistogram()
        """From when a frame became due to when it was handed to a listener's connection."""
        self.dropped_frames = 0
        self._work: deque[Iterator[None]] = deque()
        self._scheduled = False

    def publish(
        self, channel: AudioChannel, pcm: bytes, stamp: tuple[int, int, int], without: Mapping[str, bytes] = Nobody
    ) -> None:
        """Hand on a frame of 20 ms PCM16 mono at 24 kHz. Returns at once; frames keep their order."""
        now = asyncio.get_running_loop().time()
        self._add(self._frame(channel, channel.encoded(pcm, stamp, without, now), now))

    def relay(self, channel: AudioChannel, frame: AudioFrame, own_voice: str) -> None:
        """Hand on an Opus frame of another process to those who do not want `own_voice`."""
        now = asyncio.get_running_loop().time()
        self._add(self._frame(channel, channel.relayed(frame, own_voice, now), now))

    def flush(self, channel: AudioChannel, own_voice: str | None = None) -> None:
        """Discard what waits for the readers of a channel, or for those of one mix, and tell them to do the same."""
        channel.pause()
        self._add(self._flush(channel, own_voice))

    def _frame(
        self, channel: AudioChannel, frames: Iterator[tuple[SharedFrame, list[AudioReader]]], entered_at: float
    ) -> Iterator[None]:
        if asyncio.get_running_loop().time() - entered_at > STALE_S:
            self.dropped_frames += channel.listeners
            return
        try:
            for frame, readers in frames:
                yield
                for number, reader in enumerate(readers, 1):
                    self.dropped_frames += reader.put(frame)
                    if number % WRITES == 0:
                        yield
        except OpusRefused:
            self.dropped_frames += channel.listeners

    @staticmethod
    def _flush(channel: AudioChannel, own_voice: str | None) -> Iterator[None]:
        for readers in channel.readers.values():
            for reader in readers:
                if own_voice is None or reader.own_voice == own_voice:
                    reader.flush()
        yield

    def _add(self, work: Iterator[None]) -> None:
        self._work.append(work)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + SLICE_S
        try:
            while self._work:
                if next(self._work[0], self) is self:
                    self._work.popleft()
                if loop.time() >= until:
                    break
        finally:  # an error costs one frame: a generator that has raised is at its end
            self._scheduled = bool(self._work)
            if self._scheduled:
                loop.call_soon(self._run)
