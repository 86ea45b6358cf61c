"""Listeners read what a server sends, in whatever pieces it comes; a small audience is measured with both programs."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import listeners
from benchmarks.audience import Audience, Refused, _Listener
from benchmarks.line import Cores
from benchmarks.speech import synthesise
from http_serving.websocket_protocol import BINARY, TEXT, whole_frame
from listeners.audio_frames import PayloadFormat, encode_frame

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
PING = b"\x89\x02ab"


class Transport:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.aborted = True


async def connected() -> tuple[Audience, _Listener, Transport]:
    audience, transport = Audience(), Transport()
    listener = _Listener(audience, "host", "/ws/audio/room")
    listener.connection_made(cast(asyncio.BaseTransport, transport))
    assert transport.written.pop().startswith(b"GET /ws/audio/room HTTP/1.1\r\n")
    return audience, listener, transport


@given(st.lists(st.integers(1, 400), max_size=30))
def test_messages_are_read_in_whatever_pieces_they_come(cuts: list[int]) -> None:
    async def run() -> None:
        audience, listener, transport = await connected()
        now_us = round(time.time() * 1e6)
        frames = [encode_frame(PayloadFormat.OPUS, number, now_us, bytes(60)) for number in (7, 8, 10)]
        caption = b'{"event":"caption","position":"5","text":"' + b"x" * 200 + b'"}'
        stream = UPGRADED + b"".join(whole_frame(BINARY, frame) for frame in frames)
        stream += PING + whole_frame(TEXT, caption) + whole_frame(TEXT, b'{"event":"hello"}')
        for cut in cuts:
            listener.data_received(stream[:cut]) if stream[:cut] else None
            stream = stream[cut:]
        listener.data_received(stream)
        assert listener.open.done() and listener.open.exception() is None
        assert (len(audience.late_ms), listener.missed) == (3, 1)
        assert all(0 <= late < 60_000 for late in audience.late_ms)
        assert audience.after_first_ms == [0.0]
        assert transport.written == [b"\x8a\x82\0\0\0\0ab"]

    asyncio.run(run())


async def test_who_is_not_let_in_is_told_why() -> None:
    _, listener, transport = await connected()
    listener.data_received(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(Refused, match="403 Forbidden"):
        await listener.open
    assert transport.aborted


@pytest.mark.line
@pytest.mark.soak
@pytest.mark.engine
@pytest.mark.timeout(240)
async def test_a_small_audience(tmp_path: Path) -> None:
    speech = await synthesise()
    measured = await listeners.measure(
        6.0, speech=speech, cores=Cores(None, None), folder=tmp_path, report=print, readers=5, listeners=3
    )
    assert [one.subject for one in measured] == ["floor", "bot"]
    for one in measured:
        assert one.late is not None and one.late.count >= 50
        assert one.after_first is not None and one.after_first.count >= 1
        assert one.lost == 0
    assert measured[1].jitter is not None and measured[1].quiet_jitter is not None
