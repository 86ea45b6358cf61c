"""MediaStream: one call's audio socket as messages in and audio out; knows the rules, not the web server."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Protocol, Self

from media_streaming.audio import PCM_24K_MONO, AudioFormat
from media_streaming.messages import (
    STOP_AUDIO,
    AudioMetadata,
    Malformed,
    MediaMessage,
    MediaMessageError,
    Unknown,
    decode,
    encode_audio,
)

logger = logging.getLogger(__name__)

OUTBOUND_MS = 500
"""What may wait for the socket. The interpreter paces at most 200 ms ahead; more than this waiting means that
ACS does not read, and late speech is worse than none."""

MALFORMED_LIMIT = 50
"""One second of nothing but nonsense: whoever is at the other end is not ACS."""

CLOSE_TIMEOUT_S = 1.0
"""A peer that has stopped reading must not keep us from leaving."""

NORMAL_CLOSURE = 1000
UNSUPPORTED_DATA = 1003
INVALID_PAYLOAD = 1007
MESSAGE_TOO_BIG = 1009
SERVICE_RESTART = 1012


class SocketGone(Exception):
    """Raised by `Socket.send` when the peer is no longer there."""


class MediaSocket(Protocol):
    """What a web server must offer."""

    async def receive(self) -> str | bytes | None:
        """Return the next text or binary message, None once the socket is closed by either side."""
        ...

    async def send(self, text: str) -> None:
        """Write a text message, waiting while the peer does not read.

        Raises:
            SocketGone: the socket is closed.
        """
        ...

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye; does nothing when the socket is closed already."""
        ...


@dataclass(slots=True)
class StreamCounters:
    """Monotonic, one set per stream."""

    messages_received: int = 0
    malformed: int = 0
    unknown: int = 0
    audio_bytes_accepted: int = 0
    """Given to `send_audio`."""
    audio_bytes_sent: int = 0
    """Handed to the socket."""
    audio_bytes_dropped: int = 0
    """Oldest audio, when the peer did not read fast enough, and what came after the end."""
    audio_bytes_stopped: int = 0
    """Thrown away by `stop_audio`."""


class MediaStream:
    """Messages of one call, and a voice into it.

    Iterate to receive; malformed messages are counted and skipped. `send_audio` and `stop_audio` never block:
    they leave their work to whoever runs `write`. Not resumable: when ACS dials again there is a new stream.
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
        """What ACS announced; None until then."""
        self.counters = StreamCounters()
        self.close_code: int | None = None
        """How *we* closed it; None as long as we did not."""
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
        self._overflowing = False

    # --- receiving

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MediaMessage:
        """Return the next message; iteration ends when the socket is closed. Safe to cancel."""
        while not self._ended:
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
            if isinstance(message, AudioMetadata):
                if not await self._agreed(message):
                    continue
            elif isinstance(message, Unknown):
                self.counters.unknown += 1
            return message
        raise StopAsyncIteration

    async def _receive(self) -> str | bytes | None:
        self._reader = asyncio.current_task()
        try:
            return await self._socket.receive()
        except asyncio.CancelledError:
            if self._reader is not None:
                raise
            interrupted = asyncio.current_task()
            if interrupted is None or interrupted.uncancel() > 0:  # somebody else wants it to end as well
                raise
            return None
        finally:
            self._reader = None

    def _interrupt_reader(self) -> None:
        """Wake a task waiting for a socket that will not report its own end."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()

    async def _malformed(self, reason: Malformed) -> None:
        self.counters.malformed += 1
        if self.counters.malformed == 1:
            logger.warning(
                "malformed media message",
                extra={"call_connection_id": self.call_connection_id, "reason": reason.value},
            )
        if reason is Malformed.TOO_LARGE:
            await self.close(MESSAGE_TOO_BIG, "message too large")
            return
        self._malformed_in_a_row += 1
        if self._malformed_in_a_row >= MALFORMED_LIMIT:
            await self.close(INVALID_PAYLOAD, f"too many malformed messages: {reason.value}")

    async def _agreed(self, metadata: AudioMetadata) -> bool:
        """Close the stream unless ACS streams what was asked for."""
        rate = self._expected.sample_rate
        if metadata.encoding.upper() != "PCM":
            await self.close(UNSUPPORTED_DATA, "encoding is not PCM")
        elif metadata.channels != 1:
            await self.close(UNSUPPORTED_DATA, "audio is not mono")
        elif metadata.sample_rate != rate:
            await self.close(UNSUPPORTED_DATA, f"sample rate is not {rate}")
        else:
            self.format = self._expected
            return True
        return False

    # --- sending

    @property
    def outbound_ms(self) -> float:
        """Audio that still waits for the socket."""
        return self._expected.ms_in(self._outbound_bytes)

    def send_audio(self, pcm: bytes) -> None:
        """Queue audio for the call; what exceeds the bound pushes out the oldest."""
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
        """Throw away what is queued, here and at ACS."""
        self.counters.audio_bytes_stopped += self._outbound_bytes
        self._outbound.clear()
        self._outbound_bytes = 0
        self._stop_pending = True
        self._wake_writer.set()

    def _note_overflow(self) -> None:
        if not self._overflowing:  # once per episode
            self._overflowing = True
            logger.warning("call does not take audio", extra={"call_connection_id": self.call_connection_id})

    async def write(self) -> None:
        """Empty the outbound queue until the stream ends. Exactly one task runs this; safe to cancel."""
        try:
            while not self._ended:
                if self._stop_pending:
                    self._stop_pending = False
                    await self._socket.send(STOP_AUDIO)
                elif self._outbound:
                    pcm = self._outbound.popleft()
                    self._outbound_bytes -= len(pcm)
                    # Counted before the wait: from here on it is the socket's, sent or lost with it.
                    self.counters.audio_bytes_sent += len(pcm)
                    await self._socket.send(encode_audio(pcm))
                else:
                    self._overflowing = False
                    self._wake_writer.clear()
                    await self._wake_writer.wait()
        except SocketGone:
            self._end()

    # --- the end

    async def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """End the stream from our side; what is queued is dropped. May be called again, and by any task."""
        if self._ended:
            return
        self._end()
        self.close_code = code
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close(code, reason)
        except TimeoutError:
            logger.warning("peer does not read", extra={"call_connection_id": self.call_connection_id})
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
