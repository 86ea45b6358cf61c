"""The audio socket: what listeners hear, and what strangers may send, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from listeners.audio_channels import FLOOR
from listeners.audio_frames import Flag, PayloadFormat, decode_frame, encode_frame
from listeners.feed import Feed
from listeners.microphones import MicrophoneRefused
from listeners.opus import OpusDecoder, OpusEncoder
from listeners.rooms import ListenedRoom, Person
from listeners.sockets.audio import PURPOSES, AudioSockets
from listeners.sockets.closing import CloseCode
from tests.support.listeners import ROOM, TICKETS, Application, SocketPeer, dialled, door
from tests.support.virtual_time import in_virtual_time
from tests.support.voice import frames, level_db, snr_db, voice

pytestmark = in_virtual_time

ADA = Person("p-1", "Ada", "en-US", "en-US", "8:acs:ada")
SILENCE = bytes(960)


class Microphones:
    """The microphones of a room, and what came through them."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.heard: list[tuple[bytes, int]] = []
        self.mutes: list[bool] = []
        self.opened: list[tuple[str, str]] = []
        self.closed = 0
        self.ended: Callable[[str], None] = lambda reason: None

    async def __call__(self, room_id: str, participant_id: str, ended: Callable[[str], None]) -> Microphones:
        if self.refuses:
            raise MicrophoneRefused(self.refuses, "you may not speak")
        self.opened.append((room_id, participant_id))
        self.ended = ended
        return self

    def frame(self, pcm: bytes, captured_us: int) -> None:
        self.heard.append((pcm, captured_us))

    def muted(self, muted: bool) -> None:
        self.mutes.append(muted)

    def close(self) -> None:
        self.closed += 1


async def find_room(room_id: str) -> ListenedRoom | None:
    return replace(ROOM, people={"p-1": ADA}) if room_id == ROOM.room_id else None


def application(
    feed: Feed, microphones: Microphones | None = None, shown: list[tuple[str, str, bool]] | None = None
) -> Application:
    sockets = AudioSockets(feed, microphones, lambda *muted: shown.append(muted) if shown is not None else None)
    entry = door(feed, find_room=find_room)
    return partial(entry.admit, purposes=PURPOSES, open_socket=sockets.open, tag="event")


def peer(purpose: Any = "audio", **query: Any) -> SocketPeer:
    person = "p-1" if purpose == "speak" else None
    ticket = TICKETS.issue(purpose, "room-1", participant_id=person)[0]
    return SocketPeer("/ws/audio/room-1", ticket=ticket, **query)


async def hello(one: SocketPeer) -> dict[str, Any]:
    assert (await one.hears())["type"] == "websocket.accept"
    found: dict[str, Any] = await one.hears()
    assert found["event"] == "hello"
    return found


async def speaks(one: SocketPeer, said: list[bytes], *, first: int = 0) -> None:
    for number, frame in enumerate(said, first):
        one.says(encode_frame(PayloadFormat.PCM16, number, number * 20_000, frame))
        await asyncio.sleep(0.02)


async def test_a_listener_hears_a_channel_with_header_sequence_and_flush() -> None:
    feed = Feed(wall_clock=asyncio.get_running_loop().time)
    async with dialled(application(feed), peer(language="es", format="opus")) as one:
        found = await hello(one)
        assert (found["channel"], found["format"], found["frame_ms"]) == ("es-ES", "opus", 20)
        assert not found["microphone"]
        await asyncio.sleep(0)
        said, decoder, heard = voice(1), OpusDecoder(), b""
        for frame in frames(said):
            feed.audio("room-1", "es-ES", frame)
            await asyncio.sleep(0.02)
        for number in range(1, 51):
            got = decode_frame(await one.hears(), 24_000)
            assert got.sequence == number
            assert bool(got.flags & Flag.AFTER_PAUSE) == (number == 1)
            heard += decoder.decode(got.payload)
        assert snr_db(said, heard) > 10
        feed.flush("room-1", "es-ES")
        assert await one.hears() == {"event": "flush"}
    assert feed.statistics().readers == 0
    assert feed.statistics().audio.count == 50


async def test_two_listeners_get_the_same_bytes_at_16_khz() -> None:
    feed = Feed()
    app = application(feed)
    async with (
        dialled(app, peer(language="es-ES", rate=16000)) as one,
        dialled(app, peer(language="es-ES", rate=16000)) as other,
    ):
        assert (await hello(one))["rate"] == (await hello(other))["rate"] == 16_000
        await asyncio.sleep(0)
        feed.audio("room-1", "es-ES", SILENCE)
        frame = await one.hears()
        assert len(frame) == 16 + 640
        assert frame is await other.hears()


async def test_a_slow_listener_loses_the_oldest_and_nobody_else_anything() -> None:
    feed = Feed(audio_limit_ms=100)
    app = application(feed)
    async with dialled(app, peer(language="es-ES")) as slow, dialled(app, peer(language="es-ES")) as fast:
        await hello(slow)
        await hello(fast)
        await asyncio.sleep(0)
        slow.reads.clear()
        for _ in range(50):
            feed.audio("room-1", "es-ES", SILENCE)
            await asyncio.sleep(0.02)
        assert [decode_frame(await fast.hears(), 24_000).sequence for _ in range(50)] == list(range(1, 51))
        slow.reads.set()
        assert [decode_frame(await slow.hears(), 24_000).sequence for _ in range(6)] == [1, *range(46, 51)]


@pytest.mark.parametrize("channel", [FLOOR, "en-US"])
async def test_a_participant_does_not_hear_themselves(channel: str) -> None:
    feed = Feed()
    app = application(feed)
    async with dialled(app, peer("speak", language=channel)) as ada, dialled(app, peer(language=channel)) as other:
        await hello(ada)
        await hello(other)
        await asyncio.sleep(0)
        loud = frames(voice(1))[20]
        feed.audio("room-1", channel, loud, original=True, without={"8:acs:ada": SILENCE})
        assert (await ada.hears())[16:] == SILENCE
        frame = decode_frame(await other.hears(), 24_000)
        assert (frame.payload, frame.flags & Flag.ORIGINAL) == (loud, Flag.ORIGINAL)


@pytest.mark.parametrize(
    ("purpose", "query", "refusal"),
    [
        ("captions", {"language": "es-ES"}, (403, "purpose")),
        ("audio", {}, (400, "language_unknown")),
        ("audio", {"language": "fr"}, (400, "language_unknown")),
        ("audio", {"language": "es-ES", "format": "mp3"}, (400, "format_unknown")),
        ("audio", {"language": "es-ES", "rate": "48000"}, (400, "rate_unknown")),
        ("speak", {"microphone": "0"}, (400, "language_unknown")),
    ],
)
async def test_strangers_and_odd_wishes_are_refused_before_the_upgrade(
    purpose: str, query: dict[str, str], refusal: tuple[int, str]
) -> None:
    async with dialled(application(Feed(), Microphones()), peer(purpose, **query)) as one:
        assert await one.refusal() == refusal


async def test_a_participant_without_microphones_in_the_service_listens() -> None:
    async with dialled(application(Feed()), peer("speak", language="es-ES")) as one:
        assert not (await hello(one))["microphone"]


async def test_a_microphone_is_heard_muted_and_closed() -> None:
    feed, microphones, shown = Feed(), Microphones(), list[tuple[str, str, bool]]()
    async with dialled(application(feed, microphones, shown), peer("speak", rate=16000)) as one:
        assert (await hello(one))["microphone"]
        said = frames(voice(1, rate=16_000), 640)
        await speaks(one, said)
        one.says({"event": "mute"})
        one.says({"event": "unmute"})
        one.says(encode_frame(PayloadFormat.OPUS, 1_000, 0, OpusEncoder().encode(SILENCE)))
        one.says({"event": "sing"})
        assert (await one.hears_kind("error"))["error"]["code"] == "unknown_message"
    assert microphones.opened == [("room-1", "p-1")]
    assert shown == [("room-1", "p-1", True), ("room-1", "p-1", False), ("room-1", "p-1", False)]
    assert (microphones.mutes, microphones.closed, len(microphones.heard)) == ([True, False], 1, 51)
    assert abs(level_db(b"".join(pcm for pcm, _ in microphones.heard[5:])) - level_db(voice(1))) < 2
    times = [captured_us for _, captured_us in microphones.heard]
    assert times == sorted(times)
    assert feed.statistics().readers == 0, "it does not listen"


async def test_who_mutes_and_unmutes_without_end_does_not_flood_the_room() -> None:
    microphones, shown = Microphones(), list[tuple[str, str, bool]]()
    async with dialled(application(Feed(), microphones, shown), peer("speak")) as one:
        await hello(one)
        for _ in range(500):
            one.says({"event": "mute"})
            one.says({"event": "unmute"})
        assert await one.closed() == (1008, "too_fast")
    assert len(shown) < 100
    assert shown[-1] == ("room-1", "p-1", False)


async def test_bad_frames_are_told_and_dropped_and_ten_in_a_minute_close() -> None:
    microphones = Microphones()
    async with dialled(application(Feed(), microphones), peer("speak")) as one:
        await hello(one)
        await speaks(one, [SILENCE], first=5)
        good = encode_frame(PayloadFormat.PCM16, 5, 0, SILENCE)
        bad = [
            b"",
            b"\x02" + good[1:],
            good[:1] + b"\x09" + good[2:],
            good[:-1],
            good[:-320],
            good + bytes(5_000),
            good,
        ]
        for frame in bad:
            one.says(frame)
        codes = [(await one.hears_kind("error"))["error"]["code"] for _ in bad]
        length = "frame_length"
        assert codes == [length, "frame_version", "frame_format", length, length, length, "frame_sequence"]
        await speaks(one, [SILENCE], first=6)
        assert len(microphones.heard) == 2
        for _ in range(3):
            one.says(b"")
        assert await one.closed() == (CloseCode.NOT_ALLOWED, "too_many_errors")
    assert microphones.closed == 1


async def test_a_microphone_far_too_fast_is_closed_and_one_a_little_too_fast_loses_frames() -> None:
    microphones, feed = Microphones(), Feed()
    async with dialled(application(feed, microphones), peer("speak")) as one:
        await hello(one)
        for number in range(100):
            one.says(encode_frame(PayloadFormat.PCM16, number, 0, SILENCE))
        await asyncio.sleep(0.1)
        assert len(microphones.heard) == 25
        assert feed.statistics().dropped_uplink == 75
        for number in range(100, 300):
            one.says(encode_frame(PayloadFormat.PCM16, number, 0, SILENCE))
        assert await one.closed() == (CloseCode.NOT_ALLOWED, "too_fast")
    assert len(microphones.heard) < 40


@pytest.mark.parametrize("purpose", ["audio", "speak"])
async def test_who_only_listens_must_not_speak(purpose: str) -> None:
    microphones = Microphones()
    query = {"language": "es-ES", "microphone": "0"}
    async with dialled(application(Feed(), microphones), peer(purpose, **query)) as one:
        await hello(one)
        one.says({"event": "mute"})
        assert (await one.hears_kind("error"))["error"]["code"] == "unknown_message"
        one.says(encode_frame(PayloadFormat.PCM16, 1, 0, SILENCE))
        assert await one.closed() == (CloseCode.NOT_ALLOWED, "listen_only")
    assert not microphones.heard and not microphones.opened


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("replaced", CloseCode.REPLACED),
        ("room_ended", CloseCode.ROOM_ENDED),
        ("service_stopping", CloseCode.DRAINING),
        ("removed", CloseCode.NOT_ALLOWED),
    ],
)
async def test_a_microphone_that_ends_closes_its_socket_with_the_reason(reason: str, code: CloseCode) -> None:
    microphones = Microphones()
    async with dialled(application(Feed(), microphones), peer("speak")) as one:
        await hello(one)
        microphones.ended(reason)
        assert await one.closed() == (code, reason)


async def test_who_may_not_speak_is_told_why() -> None:
    async with dialled(application(Feed(), Microphones("too_many_speakers")), peer("speak")) as one:
        assert (await one.hears())["type"] == "websocket.accept"
        assert (await one.hears())["error"]["code"] == "too_many_speakers"
        assert await one.closed() == (CloseCode.NOT_ALLOWED, "too_many_speakers")
