"""Audio of a room that another replica interprets: encoded once there, handed on here; in virtual time."""

from __future__ import annotations

import asyncio

import numpy as np

from listeners.audio_channels import FLOOR
from listeners.audio_frames import HEADER_BYTES, AudioFrame, PayloadFormat, decode_frame, encode_frame
from listeners.opus import OpusEncoder
from listeners.readers import FLUSH, AudioEncoding, AudioReader, SharedFrame
from listeners.relay.streams import LATE_US
from tests.support.replicas import ROOM, Replica, Wire, passes, read, replicas
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time
SPANISH = "es-ES"


def tone(hz: float) -> bytes:
    """20 ms of a tone that goes on with the next frame, as hz is a multiple of 50."""
    return (8000 * np.sin(2 * np.pi * hz * np.arange(480) / 24_000)).astype("<i2").tobytes()


def loudest_hz(pcm: bytes, rate: int = 24_000) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.fft.rfftfreq(len(samples), 1 / rate)[np.argmax(np.abs(np.fft.rfft(samples)))])


async def plays(owner: Replica, number: int, channel: str = SPANISH, hz: float = 500, **options: bytes) -> None:
    for _ in range(number):
        without = {"8:acs:ada": options["without_ada"]} if options else {}
        owner.feed.audio(ROOM, channel, tone(hz), original=channel == FLOOR, without=without)
        await asyncio.sleep(0.02)


async def frames(reader: AudioReader, rate: int = 24_000) -> list[AudioFrame]:
    return [decode_frame(one.data, rate) for one in await read(reader) if isinstance(one.data, bytes)]  # type: ignore[arg-type]  # a rate of the test


async def test_listeners_of_another_replica_hear_what_is_played_in_each_encoding() -> None:
    wire = Wire()
    async with replicas(2, wire) as (owner, other):
        owner.feed.call_began(ROOM)
        here = owner.feed.read_audio(ROOM, SPANISH, AudioEncoding.OPUS)
        opus, pcm, slow = (
            other.feed.read_audio(ROOM, SPANISH, encoding)
            for encoding in (AudioEncoding.OPUS, AudioEncoding.PCM16_24K, AudioEncoding.PCM16_16K)
        )
        await passes()
        assert owner.feed.listeners(ROOM) == {SPANISH: 4}, "the relay itself does not count"
        await plays(owner, 20)
        await passes(0.02)
        mine, packets = await frames(here), await frames(opus)
        assert packets == mine, "header and packet are those of the other replica"
        assert len({frame.sequence for frame in packets}) == 20
        decoded = await frames(pcm)
        assert [frame.timestamp_us for frame in decoded] == [frame.timestamp_us for frame in packets]
        assert loudest_hz(b"".join(frame.payload for frame in decoded)) == 500
        at_16k = await frames(slow, 16_000)
        assert abs(loudest_hz(b"".join(frame.payload for frame in at_16k), 16_000) - 500) < 5
        sent = [message for channel, message in wire.messages if channel.startswith(f"{ROOM}/{SPANISH}")]
        assert len(sent) == 20, "once for all of them"
        assert max(map(len, sent)) < 200, "as Opus"


async def test_audio_is_relayed_no_longer_than_somebody_listens() -> None:
    wire = Wire()
    async with replicas(2, wire) as (owner, other):
        wanted: list[frozenset[str]] = []
        owner.feed.call_began(ROOM, lambda languages, listened: wanted.append(listened))
        reader = other.feed.read_audio(ROOM, SPANISH)
        await passes()
        assert wanted[-1] == {SPANISH}
        reader.close()
        await passes()
        assert wanted[-1] == set()
        said = len(wire.messages)
        await plays(owner, 5)
        assert not [channel for channel, _ in wire.messages[said:] if channel.startswith(f"{ROOM}/{SPANISH}")]
        assert f"{ROOM}/{SPANISH}/" not in other.channels.subscribed


async def test_nobody_hears_themselves_over_the_relay() -> None:
    async with replicas() as (owner, other):
        owner.feed.call_began(ROOM)
        ada = other.feed.read_audio(ROOM, FLOOR, own_voice="8:acs:ada")
        everybody = other.feed.read_audio(ROOM, FLOOR)
        await passes()
        assert owner.feed.floor_heard(ROOM)
        await plays(owner, 20, FLOOR, 500, without_ada=tone(1000))
        await passes(0.02)
        assert loudest_hz(b"".join(frame.payload for frame in await frames(ada))) == 1000
        assert loudest_hz(b"".join(frame.payload for frame in await frames(everybody))) == 500


async def test_a_flush_reaches_them_in_its_place() -> None:
    async with replicas() as (owner, other):
        owner.feed.call_began(ROOM)
        reader = other.feed.read_audio(ROOM, SPANISH)
        await passes()
        await plays(owner, 2)
        owner.feed.flush(ROOM, SPANISH)
        await plays(owner, 1)
        await passes(0.02)
        heard: list[SharedFrame] = await read(reader)
        assert heard[0] is FLUSH, "what waited was discarded"
        assert len(heard) == 2


async def test_numbers_rise_whoever_plays() -> None:
    async with replicas(3) as (owner, other, heir):
        owner.feed.call_began(ROOM)
        reader = other.feed.read_audio(ROOM, SPANISH, AudioEncoding.OPUS)
        await passes()
        await plays(owner, 5)
        owner.channels.cut()
        await plays(owner, 2)
        owner.channels.mend()
        await plays(owner, 1)
        owner.feed.call_ended(ROOM)
        heir.feed.call_began(ROOM)
        await passes()
        await plays(heir, 2)
        heir.feed.call_ended(ROOM)
        other.feed.call_began(ROOM)
        await passes()
        await plays(other, 2)
        await passes(0.02)
        numbers = [frame.sequence for frame in await frames(reader)]
        assert numbers == [1, 2, 3, 4, 5, 8, 9, 10, 11, 12], "the gap is that of the frames that were lost"


async def test_what_is_no_frame_or_late_or_of_a_stranger_is_dropped_and_counted() -> None:
    async with replicas() as (owner, other):
        owner.feed.call_began(ROOM)
        reader = other.feed.read_audio(ROOM, SPANISH)
        await passes()
        (room,) = other.relay._rooms.values()
        streams, stream = room.streams, (SPANISH, "")
        await plays(owner, 1)
        await passes(0.02)
        sender, packet = bytes.fromhex(owner.name), OpusEncoder().encode(tone(500))
        now_us = other.feed.now_us()

        def frame(payload: bytes = packet, format: PayloadFormat = PayloadFormat.OPUS, at_us: int = now_us) -> bytes:
            return encode_frame(format, 100, at_us, payload)

        for refused in (
            b"",
            b"short",
            b"stranger" + frame(),
            sender + b"\x01",
            sender + b"\x02" + frame()[1:],
            sender + frame(bytes(960), PayloadFormat.PCM16),
            sender + frame(bytes(2000)),
            sender + frame(at_us=now_us - LATE_US - 20_000),
        ):
            before = streams.dropped
            streams.take(stream, refused)
            assert streams.dropped == before + 1
        lost = other.feed.statistics().dropped_frames
        streams.take(stream, sender + frame(b"\xff" * 40))
        await passes(0.02)
        assert other.feed.statistics().dropped_frames == lost + 1
        owner.feed.audio(ROOM, SPANISH, tone(500))
        await passes(0.02)
        assert [len(one.data) for one in await read(reader)] == [HEADER_BYTES + 960] * 2
