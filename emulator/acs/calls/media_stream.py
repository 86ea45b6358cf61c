"""The media socket of one subscription: dialled, read, and dialled again when it breaks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType

from emulator.acs.events.callbacks import MEDIA_TOKEN_S, TokenIssuer
from emulator.acs.wire.media_messages import Audio, Malformed, StopAudio, metadata_message, read_message
from emulator.acs.wire.resampling import FRAME_MS, FRAME_S
from emulator.acs.wire.urls import as_given
from emulator.acs.wire.websocket_frames import FrameWriter
from emulator.clock import monotonic
from emulator.faults import FaultPlan
from emulator.journal import Journal

# The service's own limits are not published; a bot that takes longer counts as not operational.
_DIAL_S = 5.0
_CLOSE_S = 1.0
# At most so many frames are sent in one tick of unmixed audio, as the service does.
_STREAMS = 4


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """The URL of a media socket and the ids it carries."""

    url: str
    rate: int
    subscription_id: str
    call_connection_id: str
    correlation_id: str


class MediaStream:
    """A WebSocket to the bot, dialled as long as the subscription is active.

    Attributes:
        active: whether frames can be sent.
        sockets: number of sockets opened so far.
        malformed, unknown: number of messages that could not be read, or whose kind is ignored.
        first_audio_ms: milliseconds from opening the socket to the first audio from the bot.
    """

    def __init__(
        self,
        address: MediaAddress,
        *,
        session: aiohttp.ClientSession,
        issuer: TokenIssuer,
        faults: FaultPlan,
        journal: Journal,
        on_audio: Callable[[Audio], None],
        on_stop_audio: Callable[[], None],
        on_status: Callable[[str, str], None],
    ) -> None:
        """Args: on_status: called with `Stopped`, `Started` or `Failed` and the details word when the socket breaks."""
        self.active = False
        self.sockets = 0
        self.malformed = 0
        self.unknown = 0
        self.first_audio_ms: float | None = None
        self._address = address
        self._session = session
        self._issuer = issuer
        self._faults = faults
        self._journal = journal
        self._on_audio = on_audio
        self._on_stop_audio = on_stop_audio
        self._on_status = on_status
        self._socket: ClientWebSocketResponse[bool] | None = None
        self._transport: asyncio.Transport | None = None
        self._writer: FrameWriter | None = None
        self._closing = False
        self._cut_after: int | None = None
        self._stall_at: int | None = None
        self._stop_at: int | None = None
        self._stopped = False
        self._replaced: list[tuple[bytes, bytes]] = []
        self._stalled_until = float("-inf")
        self._opened_at = 0.0
        self._late: deque[tuple[float, tuple[bytes, ...]]] = deque()

    @property
    def sent(self) -> int:
        """Number of audio frames written to the current socket."""
        return self._writer.written if self._writer is not None else 0

    @property
    def dropped(self) -> int:
        """Number of audio frames dropped because the bot did not read in time."""
        return self._writer.dropped if self._writer is not None else 0

    async def open(self) -> bool:
        """Dial once and return whether it succeeded. Cancelling leaves no socket open."""
        headers = {
            "x-ms-call-connection-id": self._address.call_connection_id,
            "x-ms-call-correlation-id": self._address.correlation_id,
        }
        flaw = self._faults.media.token
        if flaw != "missing":
            headers["Authorization"] = "Bearer " + self._issuer.token(MEDIA_TOKEN_S, flaw)
        if delay_ms := self._faults.media.dial_delay_ms:
            self._note("media.delayed", by_ms=delay_ms)
            await asyncio.sleep(delay_ms / 1000)
        if self._faults.refuse_dial():
            return self._note_dial("refused by a fault")
        try:
            async with asyncio.timeout(_DIAL_S):
                socket = await self._session.ws_connect(
                    as_given(self._address.url),
                    headers=headers,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
                    max_msg_size=4 * 1024 * 1024,
                )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return self._note_dial(type(error).__name__)
        if self._closing:
            await socket.close()
            return False
        self._socket = socket
        self._transport = _transport_of(socket)
        held = max(1, self._faults.switches.slow_reader_ms // FRAME_MS) * _STREAMS
        self._writer = FrameWriter(self._transport, masked=True, held_frames=held)
        self._replaced = [(old.encode(), new.encode()) for old, new in self._faults.media.replace.items()]
        frame_ms = self._faults.switches.media_frame_ms
        metadata = metadata_message(self._address.subscription_id, self._address.rate, frame_ms)
        self._writer.control(self._respelt(metadata))
        self._cut_after = self._faults.frames_until_cut()
        self._stop_at, self._stopped = self._faults.frames_until_stop(), False
        self._stall_at = self._faults.frames_until_stall()
        self._late.clear()
        self.sockets += 1
        self.active = True
        self._opened_at = self._opened_at or monotonic()
        return self._note_dial(None)

    async def run(self) -> None:
        """Read the bot's messages and dial again when the socket breaks, until `close` or the attempts are used up.

        Call after `open` returned True. Cancelling is safe and leaves the socket to `close`.
        """
        while True:
            await self._read()
            self.active = False
            if self._closing:
                return
            self._on_status("Stopped", "streamConnectionInterrupted")
            if not await self._dial_again():
                if not self._closing:
                    self._on_status("Failed", "streamConnectionUnsuccessful")
                return
            self._on_status("Started", "streamConnectionReestablished")

    def audio(self, now: float, *messages: bytes) -> None:
        """Send one tick's messages; called inside a tick. `now` as in `Ticking.tick`."""
        if not self.active or self._writer is None or self._stopped:
            return
        if self._stop_at is not None and self._writer.written >= self._stop_at:
            self._stop()
            return
        if self._replaced:
            messages = tuple(map(self._respelt, messages))
        if self._stall_at is not None and self._writer.written >= self._stall_at:
            self._stall_at = None
            self._stalled_until = now + self._faults.media.stall_ms / 1000
            self._note("media.stalled", ms=self._faults.media.stall_ms)
        if self._faults.media.jitter_ms or self._late or now < self._stalled_until:
            last_due = self._late[-1][0] if self._late else now
            due_at = max(last_due, now + self._faults.jitter_ticks() * FRAME_S, self._stalled_until)
            self._late.append((due_at, messages))
            due: list[bytes] = []
            while self._late and self._late[0][0] <= now + FRAME_S / 2:
                due.extend(self._late.popleft()[1])
            messages = tuple(due)
        if messages:
            self._writer.text(*messages)
            if self._writer.dropped and self._faults.switches.slow_reader == "close":
                self._note("media.slow_reader", sent=self._writer.written)
                self.cut()
                return
        if self._cut_after is not None and self._writer.written >= self._cut_after:
            self.cut()

    def _stop(self) -> None:
        """Send no more audio, and say so if that is asked for; the socket stays open."""
        self._stopped, event = True, self._faults.media.stop_event
        self._note("media.stopped", event=event)
        if event:
            self._on_status(event, "subscriptionStopped" if event == "Stopped" else "streamConnectionUnsuccessful")

    def _respelt(self, message: bytes) -> bytes:
        for old, new in self._replaced:
            message = message.replace(old, new)
        return message

    def control(self, message: bytes) -> None:
        """Send a message other than audio, ahead of audio that is held back."""
        if self.active and self._writer is not None:
            self._writer.control(message)

    def cut(self) -> None:
        """Break the socket as a failing network would: no close frame."""
        self.active = False
        self._cut_after = None
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Close the socket with a close frame and do not dial again. Bounded in time."""
        self._closing = True
        self.active = False
        if self._socket is not None:
            await self._socket.close()

    async def _read(self) -> None:
        assert self._socket is not None
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                self._take(cast(str, message.data))
            else:  # audio comes as text; binary frames are ignored
                self.unknown += 1
        self._journal.note(
            "media.closed",
            call_connection_id=self._address.call_connection_id,
            by="us" if self._closing else "bot",
            code=self._socket.close_code,
            sent=self.sent,
            dropped=self.dropped,
            malformed=self.malformed,
            unknown=self.unknown,
        )
        await self._socket.close()

    def _take(self, text: str) -> None:
        try:
            message = read_message(text)
        except Malformed as error:
            self.malformed += 1
            if self.malformed == 1:
                self._note("media.malformed", reason=str(error))
            return
        match message:
            case Audio() if not message.pcm and message.mark and not self._faults.switches.marks:
                self.unknown += 1
            case Audio():
                if self.first_audio_ms is None:
                    self.first_audio_ms = round((monotonic() - self._opened_at) * 1000, 1)
                    self._note("media.first_audio", after_ms=self.first_audio_ms)
                self._on_audio(message)
            case StopAudio():
                self._on_stop_audio()
            case _:
                self.unknown += 1

    async def _dial_again(self) -> bool:
        for _ in range(self._faults.switches.redials):
            await asyncio.sleep(self._faults.switches.redial_gap_s)
            if self._closing:
                return False
            if await self.open():
                return True
        return False

    def _note_dial(self, failure: str | None) -> bool:
        self._note("media.dialled", failure=failure, sockets=self.sockets)
        return failure is None

    def _note(self, kind: str, **fields: Any) -> None:
        self._journal.note(kind, call_connection_id=self._address.call_connection_id, **fields)


def _transport_of(socket: ClientWebSocketResponse[bool]) -> asyncio.Transport:
    """Return the transport of a client socket. aiohttp has no public access to it, and its `send_str` may wait."""
    connection = socket._conn
    assert connection is not None and connection.transport is not None
    return connection.transport
