"""Somebody who comes by browser: what they hear is one recording, what they say is sent as a microphone does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
from aiohttp import web

from demo.browser_guest import FRAME, OWN_VOICES_ONLY, BrowserGuest, MixedRecording
from demo.script import KATE
from emulator.client import JoinRefused
from listeners.audio_frames import Flag, PayloadFormat, decode_frame, encode_frame
from tests.support.acs_emulator import until

BEGINS_US = 1_000_000


def frame(value: int) -> bytes:
    return np.full(FRAME, value, "<i2").tobytes()


def blocks(recording: MixedRecording) -> list[int]:
    """The loudest sample of every 20 ms."""
    return [int(block.max()) for block in np.frombuffer(bytes(recording.pcm), "<i2").reshape(-1, FRAME)]


def test_frames_are_heard_when_they_are_due_and_silence_elsewhere() -> None:
    recording = MixedRecording(BEGINS_US)
    recording.add("floor", BEGINS_US + 40_000, frame(7))
    recording.until(BEGINS_US + 100_000)
    recording.until(BEGINS_US + 20_000)
    assert blocks(recording) == [0, 0, 7, 0, 0]


def test_frames_that_are_due_a_little_early_or_late_follow_each_other_without_a_gap() -> None:
    recording = MixedRecording(BEGINS_US)
    for due_us in (0, 27_000, 33_000, 100_000):
        recording.add("floor", BEGINS_US + due_us, frame(7))
    assert blocks(recording) == [7, 7, 7, 0, 0, 7]


def test_streams_are_mixed_and_the_sum_does_not_wrap() -> None:
    recording = MixedRecording(BEGINS_US)
    recording.add("floor", BEGINS_US, frame(30_000))
    recording.add("es-ES", BEGINS_US, frame(20_000))
    recording.add("es-ES", BEGINS_US + 20_000, frame(5))
    assert blocks(recording) == [32_767, 5]


def test_what_was_due_before_one_came_is_not_heard() -> None:
    recording = MixedRecording(BEGINS_US)
    recording.add("floor", BEGINS_US - 60_000, frame(7))
    assert recording.pcm == b""


@dataclass
class Service:
    """What a guest asks of the service."""

    wanted: list[object] = field(default_factory=list)
    opened: list[dict[str, str]] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)
    sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    refusal: int = 0

    async def join(self, request: web.Request) -> web.Response:
        self.wanted.append(await request.json())
        if self.refusal:
            return web.json_response({"error": {"code": "conflict", "message": "full"}}, status=self.refusal)
        return web.json_response({"room_id": "r", "participant_id": "p", "ticket": "t"})

    async def audio(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.opened.append(dict(request.query))
        self.sockets[request.query["language"]] = socket
        async for message in socket:
            self.said.append(message.data)
        return socket


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/api/join/123456", service.join)
    app.router.add_get("/ws/audio/r", service.audio)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.line
async def test_a_guest_speaks_by_one_socket_and_hears_two() -> None:
    assert Flag.ORIGINAL == OWN_VOICES_ONLY
    service = Service()
    async with serving(service) as url, BrowserGuest.join(url, "123456", KATE) as kate:
        assert service.wanted == [
            {"purpose": "speak", "display_name": "Kate", "speaks": KATE.language, "hears": KATE.language}
        ]
        assert kate.participant_id == "web:p"
        await kate.speak(frame(9) + frame(8)[:100])
        rest = frame(8)[:100].ljust(2 * FRAME, b"\0")
        await until(lambda: any(one.endswith(rest) for one in service.said))
        said = [decode_frame(one, 24_000) for one in service.said]
        assert [one.sequence for one in said] == list(range(1, len(said) + 1))
        spoken = next(number for number, one in enumerate(said) if one.payload == frame(9))
        assert said[spoken + 1].payload == rest
        due_us = said[spoken].timestamp_us
        for language, flags, value in (
            ("floor", Flag.ORIGINAL, 5),
            (KATE.language, Flag.ORIGINAL, 4),
            (KATE.language, 0, 3),
        ):
            await service.sockets[language].send_bytes(
                encode_frame(PayloadFormat.PCM16, 1, due_us, frame(value), int(flags))
            )
        await until(lambda: max(np.frombuffer(bytes(kate.heard), "<i2")) >= 8)
        assert max(np.frombuffer(bytes(kate.heard), "<i2")) == 8, "own voices come by the floor alone"
    (own, floor) = service.opened
    assert (own["language"], own["ticket"], "microphone" in own) == (KATE.language, "t", False)
    assert (floor["language"], floor["microphone"]) == ("floor", "0")


@pytest.mark.line
async def test_a_guest_whose_socket_ends_or_is_told_off_is_gone() -> None:
    service = Service()
    async with serving(service) as url, BrowserGuest.join(url, "123456", KATE) as kate:
        error = {"event": "error", "error": {"code": "frame_length", "message": "odd"}}
        await service.sockets["floor"].send_str(json.dumps({"event": "hello"}))
        await service.sockets["floor"].send_str(json.dumps(error))
        with pytest.raises(ConnectionError, match="frame_length: odd"):
            await kate.speak(frame(1) * 500)
        assert kate.closed
        with pytest.raises(ConnectionError, match="frame_length: odd"):
            await kate.speak(frame(1))
    async with serving(service) as url, BrowserGuest.join(url, "123456", KATE) as kate:
        await service.sockets["floor"].close(code=4002)
        with pytest.raises(ConnectionError, match="4002"):
            await kate.speak(frame(1) * 500)


@pytest.mark.line
async def test_a_guest_who_is_refused_is_told_why() -> None:
    service = Service(refusal=409)
    async with serving(service) as url:
        with pytest.raises(JoinRefused, match="409 conflict: full"):
            async with BrowserGuest.join(url, "123456", KATE):
                pass
