"""Fan-out of audio: one encoding for all who want it, its clock, the floor, and everything else first."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import pytest

from listeners import audio_channels
from listeners.audio_channels import FLOOR, STALE_S, WRITES, FanOut
from listeners.audio_frames import AudioFrame, Flag, PayloadFormat, SampleRate, decode_frame
from listeners.feed import Feed
from listeners.opus import OpusDecoder, OpusEncoder
from listeners.readers import FLUSH, AudioEncoding, AudioReader
from tests.support.virtual_time import in_virtual_time
from tests.support.voice import frames, level_db, snr_db, voice

pytestmark = in_virtual_time

ROOM = "room-1"
START_US = 1_700_000_000_000_000


def feed_in_time(**options: int) -> Feed:
    """A feed whose wall clock goes with the loop."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    return Feed(wall_clock=lambda: START_US / 1e6 + loop.time() - began, **options)


async def spoken(feed: Feed, pcm: bytes, channel: str = "es-ES") -> None:
    for frame in frames(pcm):
        feed.audio(ROOM, channel, frame)
        await asyncio.sleep(0.02)


async def data(reader: AudioReader) -> list[bytes]:
    reader.close()
    return [frame.data async for frame in reader if isinstance(frame.data, bytes)]


async def decoded(reader: AudioReader, rate: SampleRate = 24_000) -> list[AudioFrame]:
    return [decode_frame(one, rate) for one in await data(reader)]


def opus_heard(found: list[AudioFrame]) -> bytes:
    decoder = OpusDecoder()
    return b"".join(decoder.decode(frame.payload) for frame in found)


async def test_listeners_of_an_encoding_get_the_very_same_bytes_and_it_is_encoded_once() -> None:
    feed = feed_in_time(audio_limit_ms=5_000)
    kinds = list(AudioEncoding)
    readers = {kind: [feed.read_audio(ROOM, "es-ES", kind) for _ in range(3)] for kind in kinds}
    said, encoded = voice(2), 0
    encode = OpusEncoder.encode

    def counted(encoder: OpusEncoder, pcm: bytes) -> bytes:
        nonlocal encoded
        encoded += 1
        return encode(encoder, pcm)

    with patch.object(OpusEncoder, "encode", counted):
        await spoken(feed, said)
    assert encoded == 100
    heard: dict[AudioEncoding, list[bytes]] = {}
    for kind, alike in readers.items():
        all_data = [await data(reader) for reader in alike]
        assert all(one is other for others in all_data[1:] for one, other in zip(all_data[0], others, strict=True))
        heard[kind] = all_data[0]
    for kind, rate in ((AudioEncoding.PCM16_24K, 24_000), (AudioEncoding.PCM16_16K, 16_000)):
        payloads = b"".join(one[16:] for one in heard[kind])
        assert snr_db(voice(2, rate=rate), payloads) > 15
    assert snr_db(said, opus_heard([decode_frame(one, 24_000) for one in heard[AudioEncoding.OPUS]])) > 10


async def test_nothing_is_encoded_that_nobody_wants() -> None:
    feed = feed_in_time()
    reader = feed.read_audio(ROOM, "es-ES")
    opus = feed.read_audio(ROOM, "es-ES", AudioEncoding.OPUS)
    opus.close()
    with patch.object(audio_channels, "OpusEncoder", side_effect=AssertionError):
        await spoken(feed, voice(0.1))
        await spoken(feed, voice(0.1), "en-US")
    assert len(await data(reader)) == 5


async def test_sequence_rises_by_one_and_frames_are_due_every_20_ms_from_when_they_begin() -> None:
    feed = feed_in_time()
    reader = feed.read_audio(ROOM, "es-ES", AudioEncoding.OPUS)
    await spoken(feed, voice(0.2))
    await asyncio.sleep(1)
    assert feed.due_us(ROOM, "es-ES") == START_US + 1_200_000
    await spoken(feed, voice(0.1))
    found = await decoded(reader)
    assert [frame.sequence for frame in found] == list(range(1, 16))
    begun = [*range(0, 200_000, 20_000), *range(1_200_000, 1_300_000, 20_000)]
    assert [frame.timestamp_us - START_US for frame in found] == begun
    assert [number for number, frame in enumerate(found) if frame.flags & Flag.AFTER_PAUSE] == [0, 10]
    assert {frame.format for frame in found} == {PayloadFormat.OPUS}


async def test_frames_that_come_late_and_at_once_are_due_one_after_the_other() -> None:
    feed = feed_in_time()
    reader = feed.read_audio(ROOM, "es-ES")
    feed.audio(ROOM, "es-ES", bytes(960))
    await asyncio.sleep(0.06)
    for _ in range(3):
        feed.audio(ROOM, "es-ES", bytes(960))
    await asyncio.sleep(0)
    found = await decoded(reader)
    assert [frame.timestamp_us - START_US for frame in found] == [0, 20_000, 40_000, 60_000]


async def test_a_hush_is_told_in_its_place_and_what_follows_begins_after_a_pause() -> None:
    feed = feed_in_time()
    slow, late = feed.read_audio(ROOM, "es-ES"), feed.read_audio(ROOM, "es-ES")
    await spoken(feed, bytes(960 * 3))
    feed.flush(ROOM, "es-ES")
    feed.audio(ROOM, "es-ES", bytes(960), original=True)
    await asyncio.sleep(0.02)
    late.close()
    order = [frame async for frame in late]
    assert order[0] is FLUSH
    assert isinstance(order[1].data, bytes)
    frame = decode_frame(order[1].data, 24_000)
    assert (frame.sequence, frame.flags) == (4, Flag.ORIGINAL | Flag.AFTER_PAUSE)
    assert slow.queued_ms == 40


async def test_a_slow_listener_has_a_gap_in_the_sequence_and_the_others_have_none() -> None:
    feed = feed_in_time(audio_limit_ms=100)
    slow = feed.read_audio(ROOM, "es-ES", AudioEncoding.OPUS)
    fast = feed.read_audio(ROOM, "es-ES", AudioEncoding.OPUS)
    heard: list[int] = []

    async def listen() -> None:
        async for frame in fast:
            assert isinstance(frame.data, bytes)
            heard.append(decode_frame(frame.data, 24_000).sequence)

    async with asyncio.TaskGroup() as group:
        group.create_task(listen())
        await spoken(feed, voice(1))
        fast.close()
    assert heard == list(range(1, 51))
    assert [frame.sequence for frame in await decoded(slow)] == list(range(46, 51))
    assert feed.statistics().dropped_frames == slow.dropped == 45


async def test_a_connection_that_takes_frames_at_once_needs_no_task() -> None:
    feed = feed_in_time()
    reader = feed.read_audio(ROOM, "es-ES")
    wire: list[bytes] = []
    takes = True

    def write(frame: bytes) -> bool:
        if takes:
            wire.append(frame)
        return takes

    reader.direct = write
    sent: list[bytes | str] = []

    async def send() -> None:
        async for frame in reader:
            await asyncio.sleep(0.01)
            sent.append(frame.data)
            reader.sent(frame)

    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        await spoken(feed, bytes(960 * 2))
        takes = False
        await spoken(feed, bytes(960 * 2))
        takes = True
        for _ in range(3):  # the first waits behind the task, and the others behind it
            feed.audio(ROOM, "es-ES", bytes(960))
        takes = False
        await asyncio.sleep(0.1)
        reader.close()
    assert [len(frame) for frame in wire[:2]] == [4 + 16 + 960] * 2
    assert len(sent) == 2 + 3 - (len(wire) - 2)
    numbers = [decode_frame(one[4:], 24_000).sequence for one in wire]
    numbers += [decode_frame(one, 24_000).sequence for one in sent if isinstance(one, bytes)]
    assert sorted(numbers) == list(range(1, 8))
    latencies = feed.statistics().audio
    assert latencies.count == 7
    assert latencies.counts[0] >= len(wire)


async def test_on_the_floor_nobody_hears_themselves_and_the_others_share_an_encoding() -> None:
    feed = feed_in_time(audio_limit_ms=5_000)
    assert not feed.floor_heard(ROOM)
    told: list[frozenset[str]] = []
    feed.call_began(ROOM, lambda languages, listened: told.append(languages))
    ana = feed.read_audio(ROOM, FLOOR, AudioEncoding.OPUS, own_voice="8:acs:ana")
    others = [feed.read_audio(ROOM, FLOOR, AudioEncoding.OPUS, own_voice=own) for own in ("8:acs:luis", "")]
    assert feed.floor_heard(ROOM)
    assert told == [], "the floor is no language"
    for frame in frames(voice(1)):
        feed.audio(ROOM, FLOOR, frame, original=True, without={"8:acs:ana": bytes(960)})
        await asyncio.sleep(0.02)
    for frame in frames(voice(1, pitch=200)):
        feed.audio(ROOM, FLOOR, frame, original=True)
        await asyncio.sleep(0.02)
    alike = [await data(reader) for reader in others]
    assert all(one is other for one, other in zip(*alike, strict=True))
    anas = await decoded(ana)
    assert [frame.sequence for frame in anas] == list(range(1, 101))
    assert all(frame.flags & Flag.ORIGINAL for frame in anas)
    heard = opus_heard(anas)
    assert level_db(heard[:48_000]) < -60
    assert abs(level_db(heard[52_800:]) - level_db(voice(1, pitch=200))) < 2
    assert not feed.floor_heard(ROOM)


async def test_other_work_of_the_loop_comes_between_many_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_channels, "SLICE_S", 0.0)  # every slice is over as soon as one step is done
    feed, order = feed_in_time(), []
    readers = [feed.read_audio(ROOM, "es-ES") for _ in range(3 * WRITES)]
    loop = asyncio.get_running_loop()

    def note(left: int) -> None:
        order.append(sum(reader.queued_ms for reader in readers) // 20)
        if left:
            loop.call_soon(note, left - 1)

    feed.audio(ROOM, "es-ES", bytes(960))
    loop.call_soon(note, 8)
    await asyncio.sleep(0.1)
    assert order[0] < len(readers)
    assert order[-1] == len(readers)


async def test_frames_that_nobody_found_time_for_are_dropped_for_everybody() -> None:
    channel, fan_out = audio_channels.AudioChannel(), FanOut()
    reader = Feed().read_audio(ROOM, "es-ES")
    channel.readers = {reader.encoding: {reader: None}}
    loop = asyncio.get_running_loop()
    fan_out.publish(channel, bytes(960), (1, 0, 0))
    with patch.object(loop, "time", return_value=loop.time() + 2 * STALE_S):
        for step in fan_out._work[0]:
            assert step is None
    assert fan_out.dropped_frames == 1
    assert reader.queued_ms == 0
    await asyncio.sleep(0.1)


async def test_an_error_costs_one_frame() -> None:
    feed = feed_in_time()
    reader = feed.read_audio(ROOM, "es-ES", AudioEncoding.OPUS)
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context["exception"]))
    feed.audio(ROOM, "es-ES", bytes(10))
    feed.audio(ROOM, "es-ES", bytes(960))
    await asyncio.sleep(0.1)
    assert len(errors) == 1
    assert [frame.sequence for frame in await decoded(reader)] == [2]
