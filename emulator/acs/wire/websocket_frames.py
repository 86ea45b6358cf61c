"""Writes WebSocket frames without waiting; drops the oldest when the other side reads too slowly."""

from __future__ import annotations

import asyncio
from collections import deque

# Unread bytes in the socket's own buffer before frames are held back here: about a quarter of a second of one
# 24 kHz stream. More would only be hidden delay.
_UNREAD_BYTES = 16 * 1024
_TEXT, _BINARY = 0x81, 0x82
# A client must mask what it sends; this mask leaves the payload unchanged. Unpredictable masks protect proxies from
# scripts in browsers; neither is involved here.
_NO_MASK = bytes(4)


class FrameWriter:
    """The sending half of an open WebSocket, for frames that are useless when late.

    Attributes:
        written, dropped: number of frames.
    """

    def __init__(self, transport: asyncio.WriteTransport, *, masked: bool, held_frames: int = 50) -> None:
        """Args: masked: whether this end is the client; held_frames: most frames held back, oldest dropped."""
        self.written = 0
        self.dropped = 0
        self._transport = transport
        self._masked = masked
        self._held: deque[bytes] = deque()
        self._limit = held_frames

    def text(self, *messages: bytes) -> None:
        """Send text messages, in one write."""
        self._send([_frame(_TEXT, message, self._masked) for message in messages])

    def binary(self, message: bytes) -> None:
        """Send a binary message."""
        self._send([_frame(_BINARY, message, self._masked)])

    def control(self, message: bytes) -> None:
        """Send a text message that must not be lost, ahead of frames that are held back.

        For few and small messages: a reader that is gone is detected by its missing pongs."""
        if not self._transport.is_closing():
            self._transport.write(_frame(_TEXT, message, self._masked))

    def _send(self, frames: list[bytes]) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        if not self._held and transport.get_write_buffer_size() <= _UNREAD_BYTES:
            transport.write(b"".join(frames))
            self.written += len(frames)
            return
        self._held.extend(frames)
        while self._held and transport.get_write_buffer_size() <= _UNREAD_BYTES:
            transport.write(self._held.popleft())
            self.written += 1
        while len(self._held) > self._limit:
            self._held.popleft()
            self.dropped += 1


def _frame(opcode: int, payload: bytes, masked: bool) -> bytes:
    """Return an unfragmented frame of RFC 6455."""
    size = len(payload)
    bit = 0x80 if masked else 0
    mask = _NO_MASK if masked else b""
    if size < 126:
        return bytes((opcode, bit | size)) + mask + payload
    if size < 65536:
        return bytes((opcode, bit | 126)) + size.to_bytes(2, "big") + mask + payload
    return bytes((opcode, bit | 127)) + size.to_bytes(8, "big") + mask + payload
