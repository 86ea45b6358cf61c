"""One bot's connection to a call, from connect to `CallDisconnected`; who hears what in the call is `room_call`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp

from emulator.acs.audio import RATE, RateConverter
from emulator.acs.callback_events import (
    MEDIA_DONE,
    MEDIA_UNREACHABLE,
    CallIds,
    Event,
    Result,
    media_streaming,
    outcome,
    participants_updated,
)
from emulator.acs.callbacks import CallbackPoster, Outbox, TokenIssuer
from emulator.acs.errors import AcsError
from emulator.acs.media_stream import MediaAddress, MediaStream
from emulator.acs.media_wire import speaker_part
from emulator.acs.mix import DominantSpeakers
from emulator.acs.playout import PlayoutBuffer
from emulator.chance import uuid4
from emulator.clock import monotonic
from emulator.faults import FaultPlan
from emulator.journal import Journal

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """`mediaStreamingOptions` of a request, checked."""

    url: str
    rate: int
    unmixed: bool
    start: bool
    bidirectional: bool


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """What a bot asked for when it connected."""

    callback_uri: str
    version: str
    operation_context: str | None = None
    media: MediaOptions | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """What every connection of this resource shares."""

    session: aiohttp.ClientSession
    issuer: TokenIssuer
    poster: CallbackPoster
    faults: FaultPlan
    journal: Journal


class Call(Protocol):
    """What a connection needs of the call it is in."""

    server_call_id: str

    def participants(self) -> Iterable[dict[str, Any]]:
        """CallParticipant of everybody a bot is told about."""

    def admit(self, connection: CallConnection) -> None:
        """From now on the connection is heard, and hears."""


class CallConnection:
    """A bot in a call. A party to the mix like everybody else, with a raw id of its own.

    Attributes:
        state: `connecting`, `connected` or `disconnected`.
        media_state: of the media subscription: `disabled`, `inactive` or `active`.
    """

    display_name = "Bot"

    def __init__(self, options: ConnectOptions, services: Services, raw_id: str) -> None:
        self.id = uuid4()
        self.correlation_id = uuid4()
        self.subscription_id = uuid4()
        self.raw_id = raw_id
        self.leg_id = self.id
        self.options = options
        self.muted = False
        self.state = "connecting"
        self.media_state = "disabled" if options.media is None else "inactive"
        self.dominant = DominantSpeakers()
        self.voice_part = speaker_part(raw_id)
        self.stream: MediaStream | None = None
        self.play = PlayoutBuffer(services.faults.switches.play_limit_ms)
        self._services = services
        self._call: Call | None = None
        self._outbox = Outbox(services.poster)
        self._sequence = 1 - services.faults.switches.sequence_step
        self._over = asyncio.Event()
        self._result = Result()
        self._tasks: asyncio.TaskGroup | None = None
        self._media_context: str | None = None
        self._media_callback: str | None = None
        self._to_call: RateConverter | None = None
        self._overflowing = False
        self._played_before = False

    # --- what the call asks each tick -------------------------------------------------------------

    def speak(self, now: float) -> bytes | None:
        """The bot's audio for this tick."""
        frame = self.play.pull(now)
        if self.play.playing != self._played_before:
            self._played_before = self.play.playing
            self._note("play.started" if self._played_before else "play.ended", played_ms=self.play.played_ms)
        return frame

    @property
    def listening(self) -> bool:
        """Whether audio can be sent to the bot now."""
        return self.stream is not None and self.stream.active

    # --- the life of the connection ---------------------------------------------------------------

    def body(self) -> dict[str, Any]:
        """CallConnectionProperties, as GET shows them."""
        body: dict[str, Any] = {
            "callConnectionId": self.id,
            "targets": [],
            "callConnectionState": self.state,
            "callbackUri": self.options.callback_uri,
            "correlationId": self.correlation_id,
        }
        if self._call is not None:
            body["serverCallId"] = self._call.server_call_id
        subscription: dict[str, Any] = {"state": self.media_state}
        if self.options.media is not None:
            subscription |= {"id": self.subscription_id, "subscribedContentTypes": ["audio"]}
        body["mediaStreamingSubscription"] = subscription
        body["transcriptionSubscription"] = {"state": "disabled", "subscribedResultTypes": []}
        return body

    async def run(self, call: Call, dialled: asyncio.Event | None = None) -> None:
        """Live in a call until `end`. Ends when the last event has gone out, or is given up.

        Args: dialled: set once the media socket is open, or has failed to.
        """
        self._call = call
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._outbox.run())
                establishing = tasks.create_task(self._establish(call, dialled or asyncio.Event()))
                await self._over.wait()
                establishing.cancel()
                await self._close_media()
                self._say(self._outcome("CallDisconnected", self._result))
                self._outbox.close()
        finally:
            self._note("call.closed", **self.statistics())
            if self.stream is not None:
                self.stream.cut()  # nothing is left open when this is cancelled

    async def refuse(self, call: Call, result: Result) -> None:
        """Live just long enough to say `ConnectFailed`."""
        self._call = call
        self.state = "disconnected"
        self._say(self._outcome("ConnectFailed", result))
        self._outbox.close()
        await self._outbox.run()

    def end(self, result: Result) -> None:
        """Leave the call; `CallDisconnected` with this result follows."""
        if self.state != "disconnected":
            self.state = "disconnected"
            self.media_state = "disabled" if self.options.media is None else "inactive"
            self._result = result
            self._over.set()

    def participants_changed(self) -> None:
        """Say who is in the call now, if the bot has been told that it is in it."""
        if self.state == "connected":
            self._say(self._participants_updated())

    def say(self, kind: str, result: Result, context: str | None, uri: str | None, **data: Any) -> None:
        """Send the event that tells how an action went, to the action's own callback if it named one."""
        self._say(outcome(self.ids, kind, context, result, **data), uri=uri)

    # --- media streaming --------------------------------------------------------------------------

    def start_media(self, context: str | None, uri: str | None) -> None:
        """Dial the media socket.

        Raises:
            AcsError: there is nothing to start, or it runs already.
        """
        self._check_media()
        if self.media_state == "active":
            raise AcsError(400, "8585", "Media streaming is already active.")
        assert self._tasks is not None
        self._media_context, self._media_callback = context, uri
        self.media_state = "active"
        self._tasks.create_task(self._stream_again())

    def stop_media(self, context: str | None, uri: str | None) -> None:
        """Close the media socket.

        Raises:
            AcsError: there is nothing to stop.
        """
        self._check_media()
        if self.media_state != "active" or self._tasks is None:
            raise AcsError(400, "8585", "Media streaming is not active.")
        self._media_context, self._media_callback = context, uri
        self.media_state = "inactive"
        self._tasks.create_task(self._stop_stream())

    def statistics(self) -> dict[str, Any]:
        """Counters for whoever tests a bot; all times in milliseconds."""
        stream = self.stream
        return {
            "media_state": self.media_state,
            "frames_sent": stream.sent if stream else 0,
            "frames_dropped": stream.dropped if stream else 0,
            "first_audio_ms": stream.first_audio_ms if stream else None,
            "malformed": stream.malformed if stream else 0,
            "unknown": stream.unknown if stream else 0,
            "sockets": stream.sockets if stream else 0,
            "play_depth_ms": self.play.depth_ms,
            "play_deepest_ms": self.play.deepest_ms,
            "play_underruns": self.play.underruns,
            "play_received_ms": self.play.received_ms,
            "play_played_ms": self.play.played_ms,
            "play_dropped_ms": self.play.dropped_ms,
            "play_cleared_ms": self.play.cleared_ms,
        }

    # --- inside -----------------------------------------------------------------------------------

    @property
    def ids(self) -> CallIds:
        """What every event carries."""
        server_call_id = self._call.server_call_id if self._call is not None else ""
        return CallIds(self.id, server_call_id, self.correlation_id, self.options.version)

    async def _establish(self, call: Call, dialled: asyncio.Event) -> None:
        switches = self._services.faults.switches
        media = self.options.media
        wanted = media is not None and media.start
        if wanted and switches.connected_order == "media_first":
            opened = await self._open_stream()
            dialled.set()
            self._connected(call)
        else:
            self._connected(call)
            opened = wanted and await self._open_stream()
            dialled.set()
        if wanted:
            await self._serve_stream(opened)

    def _connected(self, call: Call) -> None:
        self.state = "connected"
        call.admit(self)
        connected = self._outcome("CallConnected", Result())
        updated = self._participants_updated()
        match self._services.faults.switches.first_events:
            case "together":
                self._say(connected, updated)
            case "separate":
                self._say(connected)
                self._say(updated)
            case "swapped":
                self._say(updated)
                self._say(connected)
        self._note("call.connected", correlation_id=self.correlation_id)

    async def _open_stream(self) -> bool:
        media = self.options.media
        assert media is not None
        self.media_state = "active"
        self._to_call = RateConverter(media.rate, RATE) if media.rate != RATE else None
        services = self._services
        self.stream = MediaStream(
            MediaAddress(media.url, media.rate, self.subscription_id, self.id, self.correlation_id),
            session=services.session,
            issuer=services.issuer,
            faults=services.faults,
            journal=services.journal,
            on_audio=self._take_audio if media.bidirectional else lambda pcm: None,
            on_stop_audio=self._stop_playing,
            on_status=self._say_media,
        )
        return await self.stream.open()

    async def _serve_stream(self, opened: bool) -> None:
        if not opened:
            if self.media_state == "active":
                self.media_state = "inactive"
                self._say_media("Failed", "initialWebSocketConnectionFailed")
            return
        self._say_media("Started", "subscriptionStarted")
        stream = self.stream
        assert stream is not None
        await stream.run()
        if self.stream is stream and self.media_state == "active":  # broken for good, not stopped
            self.media_state = "inactive"

    async def _stream_again(self) -> None:
        await self._close_media()
        await self._serve_stream(await self._open_stream())

    async def _stop_stream(self) -> None:
        await self._close_media()
        self._say_media("Stopped", "subscriptionStopped")

    async def _close_media(self) -> None:
        if self.stream is not None:
            await self.stream.close()

    def _take_audio(self, pcm: bytes) -> None:
        dropped = self.play.push(self._to_call.convert(pcm) if self._to_call else pcm, monotonic())
        if not dropped:
            self._overflowing = False
        elif not self._overflowing:
            self._overflowing = True
            policy = self._services.faults.switches.play_overflow
            self._note("play.overflow", policy=policy, dropped_ms=dropped)
            if policy == "close" and self.stream is not None:
                self.stream.cut()

    def _stop_playing(self) -> None:
        self._note("play.stopped", cleared_ms=self.play.clear())

    def _check_media(self) -> None:
        if self.state != "connected":
            raise AcsError(400, "8501", "The operation needs an established call.")
        if self.options.media is None:
            raise AcsError(400, "8500", "The call was made without media streaming options.")

    def _say_media(self, status: str, details: str) -> None:
        failed = status == "Failed"
        result = Result(400, 8581, MEDIA_UNREACHABLE) if failed else Result(200, 0, MEDIA_DONE)
        context = self._media_context or self.options.operation_context
        self._say(media_streaming(self.ids, status, details, context, result), uri=self._media_callback)

    def _participants_updated(self) -> Event:
        assert self._call is not None
        self._sequence += self._services.faults.switches.sequence_step
        return participants_updated(self.ids, self._sequence, self._call.participants())

    def _outcome(self, kind: str, result: Result) -> Event:
        return outcome(self.ids, kind, self.options.operation_context, result)

    def _say(self, *events: Event, uri: str | None = None) -> None:
        if not self._outbox.put(uri or self.options.callback_uri, *events):
            # A webhook that takes nothing for so long is gone, and so is the bot behind it.
            self._note("callback.overflow")
            self.end(Result(500, 8500, "Callback events could not be delivered."))

    def _note(self, kind: str, **fields: Any) -> None:
        self._services.journal.note(kind, call_connection_id=self.id, **fields)
