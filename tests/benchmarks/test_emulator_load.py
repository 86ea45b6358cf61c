"""The sink counts whole frames however they are cut; lateness is judged from literal times; a small real run."""

from __future__ import annotations

import asyncio
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import emulator_load
from benchmarks.emulator_load import EmulatorLoad, judge, measure, show
from benchmarks.media_sink import Arrivals, Sink, _Connection
from benchmarks.table import console

UPGRADE = b"GET /media HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
POST = b"POST /callbacks HTTP/1.1\r\nContent-Length: 3\r\n\r\n[1]"


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)


def connection() -> tuple[Sink, _Connection, Transport]:
    sink, transport = Sink(), Transport()
    made = _Connection(sink)
    made.connection_made(transport)
    return sink, made, transport


def frame(size: int, *, masked: bool = True) -> bytes:
    bit, mask = (0x80, bytes(4)) if masked else (0, b"")
    if size < 126:
        return bytes((0x81, bit | size)) + mask + bytes(size)
    if size < 65_536:
        return bytes((0x81, bit | 126)) + size.to_bytes(2, "big") + mask + bytes(size)
    return bytes((0x81, bit | 127)) + size.to_bytes(8, "big") + mask + bytes(size)


def test_callbacks_are_taken_and_an_upgrade_is_answered() -> None:
    sink, made, transport = connection()
    made.data_received(POST + POST[:20])
    assert transport.written.count(b"200 OK") == 1
    made.data_received(POST[20:] + UPGRADE)
    assert transport.written.count(b"200 OK") == 2
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in transport.written  # the example of RFC 6455
    assert len(sink.sockets) == 1


@given(
    sizes=st.lists(st.sampled_from([0, 1, 125, 126, 1400, 70_000]), max_size=6),
    masked=st.booleans(),
    cuts=st.lists(st.integers(1, 2000), min_size=1, max_size=8),
)
def test_frames_are_counted_however_they_are_cut(sizes: list[int], masked: bool, cuts: list[int]) -> None:
    sink, made, _ = connection()
    made.data_received(UPGRADE)
    data = b"".join(frame(size, masked=masked) for size in sizes)
    place = number = 0
    while place < len(data):
        cut = cuts[number % len(cuts)]
        made.data_received(data[place : place + cut])
        place, number = place + cut, number + 1
    assert sum(sink.sockets[0].frames) == len(sizes)


def arrivals(*times: float, frames: int = 2) -> Arrivals:
    made = Arrivals()
    made.at, made.frames = array("d", times), array("H", [frames] * len(times))
    return made


def test_lateness_is_what_a_frame_lacks_to_the_promptest() -> None:
    times = [10 + tick * 0.02 for tick in range(50)]
    times[20] += 0.015
    found = judge([arrivals(*times)], 10.0, 11.0, 2, 0.25)
    assert (found.frames, found.missing, found.participants, found.core_share) == (100, 0, 2, 0.25)
    assert found.lateness is not None
    assert found.lateness.p50 == pytest.approx(0, abs=1e-6)
    assert found.lateness.worst == pytest.approx(15)
    assert found.lateness.count == 100


def test_ticks_that_never_came_are_missing() -> None:
    half = judge([arrivals(*(10 + tick * 0.04 for tick in range(25)))], 10.0, 11.0, 2, 0.0)
    assert half.frames == 50
    assert half.missing == 100 - 50 - 2  # one tick more or less is the edge of the time that was measured
    silent = judge([Arrivals()], 10.0, 11.0, 2, 0.0)
    assert (silent.frames, silent.lateness) == (0, None)


@pytest.mark.timeout(60)
async def test_a_small_real_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator_load, "WARM_UP_S", 0.2)
    found = await measure(1.0, rooms=2, speakers=3)
    assert isinstance(found, EmulatorLoad)
    assert (found.rooms, found.participants) == (2, 6)
    assert 200 < found.frames <= 320 * 3, "late ends are late on a busy machine"
    assert found.lateness is not None
    assert 0 < found.core_share < 1
    show(console(), found)
    assert "6 people speak in 2 rooms" in capsys.readouterr().out
