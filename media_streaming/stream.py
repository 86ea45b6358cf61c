"""MediaStream: the media socket of a call, as messages in and audio out. Independent of the web server."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Protocol, Self

from media_streaming.audio import PCM_24K_MONO, AudioFormat
from media_streaming.messages import (
    STOP_AUDIO,
    AudioData,
    AudioMetadata,
    Malformed,
    MediaMessage,
    MediaMessageError,
    Unknown,
    decode,
    encode_audio,
)
from media_streaming.speaker_frames import SpeakerFrames

logger = logging.getLogger(__name__)

OUTBOUND_MS = 500
"""Audio that may wait for the socket. The interpreter sends at most 200 ms ahead, so more than this means that ACS does
not read; late speech is worse than none."""

MALFORMED_LIMIT = 50
"""Consecutive malformed messages, one second of them, after which the stream is closed: the peer is not ACS."""

CLOSE_TIMEOUT_S = 1.0
"""For the closing handshake: a peer that does not read must not block the end of a call."""

NORMAL_CLOSURE = 1000
UNSUPPORTED_DATA = 1003
INVALID_PAYLOAD = 1007
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009
SERVICE_RESTART = 1012


FAULTS = {
    1002: "protocol error",
    UNSUPPORTED_DATA: "unsupported data",
    INVALID_PAYLOAD: "invalid data",
    POLICY_VIOLATION: "policy violation",
    MESSAGE_TOO_BIG: "message too large",
}
"""Codes with which the web server or the peer closes a socket because of what was received (RFC 6455, 7.4.1)."""


class SocketGone(Exception):
    """The socket is closed; `code` says why, if it was closed because of what was received."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(code)
        self.code = code


class MediaSocket(Protocol):
    """The socket operations a web server has to provide."""

    async def receive(self) -> str | bytes | None:
        """Return the next text or binary message, None once the socket is closed by either side.

        Raises:
            SocketGone: it was closed because of what was received.
        """
        ...

    async def send(self, text: str) -> None:
        """Write a text message, waiting while the peer does not read.

        Raises:
            SocketGone: the socket is closed.
        """
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close the socket; does nothing if it is closed already."""
        ...


@dataclass(slots=True)
class StreamCounters:
    """Messages and audio of one stream, counted since it began."""

    messages_received: int = 0
    malformed: int = 0
    unknown: int = 0
    audio_bytes_accepted: int = 0
    """Passed to `send_audio`."""
    audio_bytes_sent: int = 0
    """Written to the socket."""
    audio_bytes_dropped: int = 0
    """Oldest audio dropped because the peer read too slowly, and audio that came after the end."""
    audio_bytes_stopped: int = 0
    """Discarded by `stop_audio`."""


class MediaStream:
    """Receives the messages of a call and sends audio into it.

    Iterate to receive; malformed messages are counted and skipped. `send_audio` and `stop_audio` never block: the task
    that runs `write` does the work. A stream cannot be resumed: when ACS connects again, there is a new one.
    """

    def __init__(
        self,
        socket: MediaSocket,
        *,
        call_connection_id: str | None = None,
        correlation_id: str | None = None,
        expected: AudioFormat = PCM_24K_MONO,
        outbound_ms: int = OUTBOUND_MS,
    ) -> None:
        self.call_connection_id = call_connection_id
        self.correlation_id = correlation_id
        self.format: AudioFormat | None = None
        """The format announced by ACS; None before."""
        self.counters = StreamCounters()
        self.close_code: int | None = None
        """Code with which this side closed the stream; None if it did not."""
        self.fault = ""
        """What the peer did wrong, if that is why this side closed the stream."""
        self._socket = socket
        self._expected = expected
        self._outbound_limit = expected.bytes_in(outbound_ms)
        self._outbound: deque[bytes] = deque()
        self._outbound_bytes = 0
        self._stop_pending = False
        self._wake_writer = asyncio.Event()
        self._reader: asyncio.Task[object] | None = None
        self._ended = False
        self._malformed_in_a_row = 0
        self._frames = SpeakerFrames(expected)
        self._ready = self._frames.ready
        self._overflowing = False

    # --- receiving

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MediaMessage:
        """Return the next message, audio in frames of 20 ms. Ends when the socket is closed. Safe to cancel."""
        while not self._ended:
            if self._ready:
                return self._ready.popleft()
            text = await self._receive()
            if text is None:
                self._end()
                break
            self.counters.messages_received += 1
            try:
                if isinstance(text, bytes):
                    raise MediaMessageError(Malformed.NOT_TEXT)
                message = decode(text)
            except MediaMessageError as error:
                await self._malformed(error.reason)
                continue
            self._malformed_in_a_row = 0
            if isinstance(message, AudioData):
                frame = self._frames.take(message)
                if frame is None:
                    continue
                return frame
            if isinstance(message, AudioMetadata):
                if not await self._accepts(message):
                    continue
            elif isinstance(message, Unknown):
                self.counters.unknown += 1
            return message
        raise StopAsyncIteration

    async def _receive(self) -> str | bytes | None:
        self._reader = asyncio.current_task()
        try:
            return await self._socket.receive()
        except SocketGone as gone:
            if gone.code is not None:
                self._fault(gone.code, f"closed with {gone.code}: {FAULTS.get(gone.code, 'unknown')}")
            return None
        except asyncio.CancelledError:
            if self._reader is not None:
                raise
            interrupted = asyncio.current_task()
            if interrupted is None or interrupted.uncancel() > 0:  # the task was cancelled from elsewhere as well
                raise
            return None
        finally:
            self._reader = None

    def _interrupt_reader(self) -> None:
        """Wake a task that waits for a socket that will not report its end."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()

    async def _malformed(self, reason: Malformed) -> None:
        self.counters.malformed += 1
        if self.counters.malformed == 1:
            logger.warning(
                "malformed media message received",
                extra={"call_connection_id": self.call_connection_id, "reason": reason.value},
            )
        if reason is Malformed.TOO_LARGE:
            await self.refuse(MESSAGE_TOO_BIG, "message too large")
            return
        self._malformed_in_a_row += 1
        if self._malformed_in_a_row >= MALFORMED_LIMIT:
            await self.refuse(INVALID_PAYLOAD, f"too many malformed messages: {reason.value}")

    async def _accepts(self, metadata: AudioMetadata) -> bool:
        """Close the stream unless ACS sends the requested format."""
        rate = self._expected.sample_rate
        if metadata.encoding.upper() != "PCM":
            await self.refuse(UNSUPPORTED_DATA, "encoding is not PCM")
        elif metadata.channels != 1:
            await self.refuse(UNSUPPORTED_DATA, "audio is not mono")
        elif metadata.sample_rate != rate:
            await self.refuse(UNSUPPORTED_DATA, f"sample rate is not {rate}")
        else:
            self.format = self._expected
            self._frames.joins = 0 < metadata.length < self._expected.frame_bytes
            return True
        return False

    # --- sending

    @property
    def outbound_ms(self) -> float:
        """Audio that waits for the socket, in milliseconds."""
        return self._expected.ms_in(self._outbound_bytes)

    def send_audio(self, pcm: bytes) -> None:
        """Queue audio for the call; beyond the limit the oldest audio is dropped."""
        counters = self.counters
        counters.audio_bytes_accepted += len(pcm)
        if self._ended:
            counters.audio_bytes_dropped += len(pcm)
            return
        self._outbound.append(pcm)
        self._outbound_bytes += len(pcm)
        while self._outbound_bytes > self._outbound_limit:
            oldest = self._outbound.popleft()
            self._outbound_bytes -= len(oldest)
            counters.audio_bytes_dropped += len(oldest)
            self._note_overflow()
        self._wake_writer.set()

    def stop_audio(self) -> None:
        """Discard the audio that is queued, here and at ACS."""
        self.counters.audio_bytes_stopped += self._outbound_bytes
        self._outbound.clear()
        self._outbound_bytes = 0
        self._stop_pending = True
        self._wake_writer.set()

    def _note_overflow(self) -> None:
        if not self._overflowing:  # once per episode
            self._overflowing = True
            logger.warning(
                "audio to call dropped",
                extra={"call_connection_id": self.call_connection_id, "reason": "peer_does_not_read"},
            )

    async def write(self) -> None:
        """Write queued audio until the stream ends. Run by exactly one task; safe to cancel."""
        try:
            while not self._ended:
                if self._stop_pending:
                    self._stop_pending = False
                    await self._socket.send(STOP_AUDIO)
                elif self._outbound:
                    pcm = self._outbound.popleft()
                    self._outbound_bytes -= len(pcm)
                    # Counted before the wait: from here on the audio is sent or lost with the socket.
                    self.counters.audio_bytes_sent += len(pcm)
                    await self._socket.send(encode_audio(pcm))
                else:
                    self._overflowing = False
                    self._wake_writer.clear()
                    await self._wake_writer.wait()
        except SocketGone:
            self._end()

    # --- closing

    async def refuse(self, code: int, fault: str) -> None:
        """Close the stream because of what the peer did."""
        if not self._ended:
            self._fault(code, fault)
        await self.close(code, fault)

    def _fault(self, code: int, fault: str) -> None:
        self.fault = fault
        extra = {"call_connection_id": self.call_connection_id, "code": code, "reason": fault}
        logger.warning("media stream refused", extra=extra)

    async def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Close the stream; queued audio is dropped. May be called repeatedly and by any task."""
        if self._ended:
            return
        self._end()
        self.close_code = code
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close(code, reason)
        except TimeoutError:
            logger.warning("media stream close timed out", extra={"call_connection_id": self.call_connection_id})
            self._interrupt_reader()

    @property
    def ended(self) -> bool:
        return self._ended

    def _end(self) -> None:
        self._ended = True
        self.counters.audio_bytes_dropped += self._outbound_bytes
        self._outbound.clear()
        self._outbound_bytes = 0
        self._wake_writer.set()
