from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_streaming import stream as stream_module
from media_streaming.audio import PCM_24K_MONO, AudioFormat
from media_streaming.messages import STOP_AUDIO, AudioData, AudioMetadata, DtmfData, MediaMessage
from media_streaming.stream import MALFORMED_LIMIT, MediaStream, SocketGone

FRAME = bytes(960)
METADATA = '{"kind":"AudioMetadata","audioMetadata":{"encoding":"PCM","sampleRate":24000,"channels":1,"length":960}}'
AUDIO = '{"kind":"AudioData","audioData":{"data":"AQA=","participantRawID":"8:acs:1"}}'


class FakeSocket:
    """Delivers a script; takes what is written while it is `reading`."""

    def __init__(self, script: Iterable[str | bytes] = (), *, ends: bool = True) -> None:
        self.script = deque(script)
        self.written: list[str] = []
        self.closed: list[tuple[int, str]] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.gone = False
        self._over = asyncio.Event()
        if ends:
            self._over.set()

    async def receive(self) -> str | bytes | None:
        if self.script:
            return self.script.popleft()
        await self._over.wait()
        return None

    async def send(self, text: str) -> None:
        await self.reading.wait()
        if self.gone:
            raise SocketGone
        self.written.append(text)

    async def close(self, code: int, reason: str) -> None:
        await self.reading.wait()
        self.closed.append((code, reason))
        self._over.set()

    def audio(self) -> bytes:
        messages = [json.loads(text) for text in self.written if text != STOP_AUDIO]
        return b"".join(base64.b64decode(message["AudioData"]["Data"]) for message in messages)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


async def received(stream: MediaStream) -> list[MediaMessage]:
    return [message async for message in stream]


async def write_until_idle(stream: MediaStream) -> None:
    writer = asyncio.create_task(stream.write())
    await until(lambda: not stream.outbound_ms)
    await asyncio.sleep(0)
    writer.cancel()
    with suppress(asyncio.CancelledError):
        await writer


# --- receiving


async def test_messages_come_in_order_until_the_peer_closes() -> None:
    stream = MediaStream(
        FakeSocket([METADATA, AUDIO, '{"kind":"DtmfData","dtmfData":{"data":"3"}}']),
        call_connection_id="call-1",
        correlation_id="correlation-1",
    )
    assert stream.format is None
    assert await received(stream) == [
        AudioMetadata(24_000, "PCM", 1, 960),
        AudioData(b"\1\0", "8:acs:1"),
        DtmfData("3"),
    ]
    assert stream.format == PCM_24K_MONO
    assert stream.ended
    assert stream.close_code is None
    assert (stream.call_connection_id, stream.correlation_id) == ("call-1", "correlation-1")
    assert stream.counters.messages_received == 3


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"sampleRate": 16_000}, "sample rate is not 24000"),
        ({"sampleRate": 24_000, "channels": 2}, "audio is not mono"),
        ({"sampleRate": 24_000, "encoding": "OPUS"}, "encoding is not PCM"),
    ],
)
async def test_another_format_than_asked_for_closes_the_stream(metadata: dict[str, object], reason: str) -> None:
    socket = FakeSocket([json.dumps({"kind": "AudioMetadata", "audioMetadata": metadata}), AUDIO])
    stream = MediaStream(socket)
    assert await received(stream) == []
    assert socket.closed == [(1003, reason)]
    assert stream.close_code == 1003
    assert stream.format is None


async def test_another_format_may_be_asked_for() -> None:
    stream = MediaStream(FakeSocket([METADATA.replace("24000", "16000")]), expected=AudioFormat(16_000))
    await received(stream)
    assert stream.format == AudioFormat(16_000)


async def test_malformed_messages_are_skipped_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    socket = FakeSocket(["nonsense", AUDIO, b"\0\1", "{", METADATA])
    stream = MediaStream(socket, call_connection_id="call-1")
    with caplog.at_level(logging.WARNING):
        assert len(await received(stream)) == 2
    assert stream.counters.malformed == 3
    assert [record.getMessage() for record in caplog.records] == ["malformed media message received"]
    assert caplog.records[0].__dict__["call_connection_id"] == "call-1"
    assert caplog.records[0].__dict__["reason"] == "not JSON"
    assert socket.closed == []


async def test_a_second_of_nonsense_closes_the_stream() -> None:
    script = ["nonsense"] * (MALFORMED_LIMIT - 1) + [AUDIO] + ["nonsense"] * MALFORMED_LIMIT + [AUDIO]
    socket = FakeSocket(script)
    stream = MediaStream(socket)
    assert await received(stream) == [AudioData(b"\1\0", "8:acs:1")]
    assert [code for code, _ in socket.closed] == [1007]
    assert list(socket.script) == [AUDIO]


async def test_a_message_too_large_closes_the_stream() -> None:
    socket = FakeSocket([" " * 200_000, AUDIO])
    assert await received(MediaStream(socket)) == []
    assert [code for code, _ in socket.closed] == [1009]


async def test_unknown_kinds_are_passed_on_and_counted() -> None:
    stream = MediaStream(FakeSocket(['{"kind":"MarkData","markData":{}}']))
    assert len(await received(stream)) == 1
    assert stream.counters.unknown == 1


async def test_receiving_can_be_cancelled_and_taken_up_again() -> None:
    socket = FakeSocket(ends=False)
    stream = MediaStream(socket)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(stream)
    socket.script.append(AUDIO)
    assert await anext(stream) == AudioData(b"\1\0", "8:acs:1")


# --- sending


async def test_audio_is_written_in_the_order_it_was_given() -> None:
    socket = FakeSocket(ends=False)
    stream = MediaStream(socket)
    async with asyncio.TaskGroup() as group:
        group.create_task(stream.write())
        for number in range(30):
            stream.send_audio(bytes([number, 0]) * 480)
            await asyncio.sleep(0)
        await until(lambda: not stream.outbound_ms)
        await stream.close()
    assert socket.audio() == b"".join(bytes([number, 0]) * 480 for number in range(30))
    assert stream.counters.audio_bytes_sent == 30 * 960
    assert socket.closed == [(1000, "")]


async def test_a_peer_that_does_not_read_loses_the_oldest_audio(caplog: pytest.LogCaptureFixture) -> None:
    socket = FakeSocket(ends=False)
    stream = MediaStream(socket, outbound_ms=60)
    with caplog.at_level(logging.WARNING):
        for number in range(10):
            stream.send_audio(bytes([number, 0]) * 480)
    assert stream.outbound_ms == 60
    assert stream.counters.audio_bytes_dropped == 7 * 960
    assert [record.getMessage() for record in caplog.records] == ["audio to call dropped"]
    await write_until_idle(stream)
    assert socket.audio() == b"".join(bytes([number, 0]) * 480 for number in (7, 8, 9))
    with caplog.at_level(logging.WARNING):  # a new episode
        for _ in range(4):
            stream.send_audio(FRAME)
    assert len(caplog.records) == 2


async def test_stopping_throws_away_what_waits_and_tells_acs_before_anything_else() -> None:
    socket = FakeSocket(ends=False)
    stream = MediaStream(socket)
    stream.send_audio(b"\1\0" * 480)
    stream.stop_audio()
    stream.send_audio(b"\2\0" * 480)
    await write_until_idle(stream)
    assert socket.written[0] == STOP_AUDIO
    assert socket.audio() == b"\2\0" * 480
    assert stream.counters.audio_bytes_stopped == 960


async def test_a_stop_is_not_pushed_out_by_audio() -> None:
    socket = FakeSocket(ends=False)
    stream = MediaStream(socket, outbound_ms=40)
    stream.stop_audio()
    for _ in range(20):
        stream.send_audio(FRAME)
    await write_until_idle(stream)
    assert socket.written[0] == STOP_AUDIO
    assert len(socket.written) == 3


async def test_the_writer_ends_when_the_peer_has_gone() -> None:
    socket = FakeSocket(ends=False)
    socket.gone = True
    stream = MediaStream(socket)
    stream.send_audio(FRAME)
    stream.send_audio(FRAME)
    await stream.write()
    assert stream.ended
    assert stream.counters.audio_bytes_dropped == 960
    stream.send_audio(FRAME)
    assert stream.counters.audio_bytes_dropped == 2 * 960
    assert stream.outbound_ms == 0


@given(
    st.lists(
        st.integers(0, 30).map(lambda frames: ("send", frames)) | st.sampled_from([("stop", 0), ("write", 0)]),
        max_size=30,
    )
)
def test_every_byte_is_sent_stopped_dropped_or_waiting(actions: list[tuple[str, int]]) -> None:
    async def play() -> None:
        socket = FakeSocket(ends=False)
        stream = MediaStream(socket, outbound_ms=200)
        for action, frames in actions:
            if action == "send":
                for _ in range(frames):
                    stream.send_audio(FRAME)
            elif action == "stop":
                stream.stop_audio()
            else:
                await write_until_idle(stream)
            counters = stream.counters
            waiting = round(stream.outbound_ms * PCM_24K_MONO.bytes_per_ms)
            assert stream.outbound_ms <= 200
            assert len(socket.audio()) == counters.audio_bytes_sent
            assert counters.audio_bytes_accepted == (
                counters.audio_bytes_sent + counters.audio_bytes_dropped + counters.audio_bytes_stopped + waiting
            )

    asyncio.run(play())


# --- the end


async def test_closing_ends_the_iteration_of_another_task_and_the_writer() -> None:
    socket = FakeSocket(ends=False)
    stream = MediaStream(socket)
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(received(stream))
        group.create_task(stream.write())
        await asyncio.sleep(0)
        await stream.close(1000, "call ended")
        await stream.close(1011, "too late")
    assert reader.result() == []
    assert socket.closed == [(1000, "call ended")]
    assert stream.close_code == 1000


async def test_a_peer_that_neither_reads_nor_leaves_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "CLOSE_TIMEOUT_S", 0.01)
    socket = FakeSocket(ends=False)
    socket.reading.clear()
    stream = MediaStream(socket)
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(stream.write())
        reader = group.create_task(received(stream))
        stream.send_audio(FRAME)
        await asyncio.sleep(0)
        await stream.close()
        writer.cancel()
    assert reader.result() == []
    assert not reader.cancelled()


async def test_a_reader_cancelled_by_others_as_well_stays_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "CLOSE_TIMEOUT_S", 0.01)
    socket = FakeSocket(ends=False)
    socket.reading.clear()
    stream = MediaStream(socket)
    reader = asyncio.create_task(received(stream))
    await asyncio.sleep(0)
    closing = asyncio.create_task(stream.close())
    await until(lambda: reader.cancelling() > 0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await closing
