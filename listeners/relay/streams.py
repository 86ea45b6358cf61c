"""The audio of one room between replicas: Opus as it was encoded for the listeners of the replica with the call.

A message is the id of the sender (8 bytes) and a frame of an audio socket (`audio_frames.py`), or no frame for a flush.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Final

from listeners.audio_frames import FrameRefused, PayloadFormat, decode_frame
from listeners.feed import Feed
from listeners.readers import AudioEncoding, AudioReader, SharedFrame
from listeners.relay.messages import Stream
from storage.replica_channels import ReplicaChannels

_ID_BYTES: Final = 8
LATE_US: Final = 1_000_000
"""Delay beyond the shortest yet of a stream with which a frame is dropped: nobody wants to hear it then. Clocks of
replicas may differ by any amount."""


class Streams:
    """Sends and takes the streams of a room."""

    def __init__(self, channels: ReplicaChannels, replica: str, feed: Feed, room_id: str) -> None:
        self.followed = ""
        """The replica whose frames are taken."""
        self.dropped = 0
        """Frames that were none, or came too late, or of another replica."""
        self._channels = channels
        self._id = bytes.fromhex(replica)
        self._feed = feed
        self._room_id = room_id
        self._sent: dict[Stream, AudioReader] = {}
        self._heard: dict[Stream, int | None] = {}
        """Shortest delay yet in µs, difference of clocks included; None before the first frame."""

    def send(self, streams: Collection[Stream]) -> None:
        """Send these streams from now on, and no others."""
        for stream in self._sent.keys() - set(streams):
            self._sent.pop(stream).close()
        for stream in set(streams) - self._sent.keys():
            relay = partial(self._publish, self._name(stream))
            self._sent[stream] = self._feed.read_audio(self._room_id, stream[0], AudioEncoding.OPUS, stream[1], relay)

    def hear(self, streams: Collection[Stream]) -> None:
        """Take these streams from now on, and no others."""
        for stream in self._heard.keys() - set(streams):
            del self._heard[stream]
            self._channels.unsubscribe(self._name(stream))
        for stream in set(streams) - self._heard.keys():
            self._heard[stream] = None
            self._channels.subscribe(self._name(stream), partial(self.take, stream))

    def take(self, stream: Stream, message: bytes) -> None:
        """Hand on a message to those who hear the stream; what is no frame is dropped and counted."""
        room = self._feed.find(self._room_id)
        channel = None if room is None else room.audio.get(stream[0])
        if channel is None or stream not in self._heard:
            return
        if message[:_ID_BYTES].hex() != self.followed:
            self.dropped += message[:_ID_BYTES] != self._id
            return
        if len(message) == _ID_BYTES:
            self._feed.fan_out.flush(channel, stream[1])
            return
        try:
            frame = decode_frame(message[_ID_BYTES:], 24_000)
        except FrameRefused:
            self.dropped += 1
            return
        delay_us = self._feed.now_us() - frame.timestamp_us
        shortest = self._heard[stream]
        self._heard[stream] = shortest = delay_us if shortest is None else min(shortest, delay_us)
        if frame.format is not PayloadFormat.OPUS or delay_us - shortest > LATE_US:
            self.dropped += 1
            return
        self._feed.fan_out.relay(channel, frame, stream[1])

    def _name(self, stream: Stream) -> str:
        channel, own_voice = stream
        return f"{self._room_id}/{channel}/{own_voice}"

    def _publish(self, name: str, frame: SharedFrame) -> None:
        self._channels.publish(name, self._id + (frame.data if isinstance(frame.data, bytes) else b""))
