from __future__ import annotations

import asyncio

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from emulator.acs.wire.websocket_frames import FrameWriter


class Transport(asyncio.WriteTransport):
    """Takes bytes; `unread` says how many lie in its buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.unread = 0
        self.gone = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.gone


def frames(data: bytes, *, masked: bool) -> list[Frame]:
    """As another implementation of RFC 6455 reads them."""
    reader = StreamReader()
    reader.feed_data(data)
    found = []
    while reader.buffer:
        parser = Frame.parse(reader.read_exact, mask=masked)
        try:
            next(parser)
        except StopIteration as done:
            found.append(done.value)
    return found


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 960, 65535, 65536, 100_000])
def test_frames_are_read_by_others(masked: bool, size: int) -> None:
    transport = Transport()
    FrameWriter(transport, masked=masked).binary(b"x" * size)
    FrameWriter(transport, masked=masked).text(b"y" * size, b"z")
    read = frames(bytes(transport.written), masked=masked)
    assert [(frame.opcode, bytes(frame.data)) for frame in read] == [
        (Opcode.BINARY, b"x" * size),
        (Opcode.TEXT, b"y" * size),
        (Opcode.TEXT, b"z"),
    ]


def test_a_slow_reader_loses_its_oldest_frames() -> None:
    transport = Transport()
    writer = FrameWriter(transport, masked=False, held_frames=3)
    transport.unread = 1_000_000
    for number in range(5):
        writer.binary(bytes([number]))
    assert (bytes(transport.written), writer.written, writer.dropped) == (b"", 0, 2)
    transport.unread = 0
    writer.binary(b"\5")
    assert [bytes(frame.data)[0] for frame in frames(bytes(transport.written), masked=False)] == [2, 3, 4, 5]
    assert (writer.written, writer.dropped) == (4, 2)


def test_control_messages_are_not_held_back() -> None:
    transport = Transport()
    writer = FrameWriter(transport, masked=False)
    transport.unread = 1_000_000
    writer.control(b"{}")
    assert [bytes(frame.data) for frame in frames(bytes(transport.written), masked=False)] == [b"{}"]


def test_nothing_is_written_to_a_closing_socket() -> None:
    transport = Transport()
    writer = FrameWriter(transport, masked=False)
    transport.gone = True
    writer.binary(b"x")
    writer.control(b"y")
    assert not transport.written
