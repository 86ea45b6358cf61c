"""The media streaming subscription of one connection: its socket, its state, and the audio it plays into the call."""

from __future__ import annotations

from collections import deque
from typing import Any

from emulator.acs.calls.actions.host import Host, Operation
from emulator.acs.calls.actions.tones import KEYS
from emulator.acs.calls.media_stream import MediaAddress, MediaStream
from emulator.acs.calls.playout import PlayoutBuffer
from emulator.acs.wire.callback_events import MEDIA_DONE, MEDIA_UNREACHABLE, Result, media_update
from emulator.acs.wire.errors import AcsError
from emulator.acs.wire.media_messages import Audio, mark_message, tone_message
from emulator.acs.wire.resampling import RATE, RateConverter
from emulator.clock import monotonic, utc_now
from emulator.randomness import uuid4


class BotAudio:
    """The audio of a bot in both directions, through its media socket.

    Attributes:
        state: state of the subscription: `disabled`, `inactive` or `active`.
        subscription_id: id of the subscription.
        stream: the media socket; None before it was dialled.
        play: audio that the bot has sent and the call has not heard yet.
    """

    def __init__(self, host: Host) -> None:
        self.options = host.options.media
        self.state = "disabled" if self.options is None else "inactive"
        self.subscription_id = uuid4()
        self.stream: MediaStream | None = None
        self.play = PlayoutBuffer(host.services.faults.switches.play_limit_ms)
        self._host = host
        self._operation = Operation()
        self._to_call: RateConverter | None = None
        self._overflowing = False
        self._played_before = False
        # (milliseconds of audio received before the mark, its id): a mark is reached once that audio has been played.
        self._marks: deque[tuple[float, str]] = deque()

    # --- what the call asks each tick ---------------------------------------------------------------

    @property
    def listening(self) -> bool:
        """Whether audio can be sent to the bot now."""
        return self.stream is not None and self.stream.active

    def speak(self, now: float) -> bytes | None:
        """Return the bot's audio for this tick."""
        frame = self.play.pull(now)
        if self.play.playing != self._played_before:
            self._played_before = self.play.playing
            self._note("play.started" if self._played_before else "play.ended", played_ms=self.play.played_ms)
        if self._marks:
            self._reach_marks("Completed")
        return frame

    def tone(self, raw_id: str, tone: str) -> None:
        """Tell the bot that a participant pressed a key."""
        if self.options is not None and self.options.tones and self.stream is not None:
            moment = utc_now().isoformat(timespec="milliseconds")[:23] + "Z"
            self.stream.control(tone_message(moment, raw_id, KEYS[tone]))

    # --- the subscription ---------------------------------------------------------------------------

    def body(self) -> dict[str, Any]:
        """Return `mediaStreamingSubscription` of the call's properties."""
        if self.options is None:
            return {"state": self.state}
        return {"state": self.state, "id": self.subscription_id, "subscribedContentTypes": ["audio"]}

    def start(self, operation: Operation) -> None:
        """Dial the media socket.

        Raises:
            AcsError: 400, the call has no media streaming options, or streaming is active.
        """
        self._check()
        if self.state == "active":
            raise AcsError(400, "8585", "Media streaming is already active.")
        self._operation = operation
        self.state = "active"
        self._host.spawn(self._stream_again(), "media streaming")

    def stop(self, operation: Operation) -> None:
        """Close the media socket.

        Raises:
            AcsError: 400, the call has no media streaming options, or streaming is not active.
        """
        self._check()
        if self.state != "active":
            raise AcsError(400, "8585", "Media streaming is not active.")
        self._operation = operation
        self.state = "inactive"
        self._host.spawn(self._stop_stream(), "media streaming")

    async def open(self) -> bool:
        """Dial the media socket and return whether it is open. Call `serve` next."""
        options, services, ids = self.options, self._host.services, self._host.ids
        assert options is not None
        self.state = "active"
        self._to_call = RateConverter(options.rate, RATE) if options.rate != RATE else None
        self.stream = MediaStream(
            MediaAddress(options.url, options.rate, self.subscription_id, ids.call_connection_id, ids.correlation_id),
            session=services.session,
            issuer=services.issuer,
            faults=services.faults,
            journal=services.journal,
            on_audio=self._take if options.bidirectional else lambda audio: None,
            on_stop_audio=self._stop_playing,
            on_status=self._say,
        )
        return await self.stream.open()

    async def serve(self, opened: bool) -> None:
        """Send MediaStreamingStarted or MediaStreamingFailed, then read the socket until it closes."""
        if not opened:
            if self.state == "active":
                self.state = "inactive"
                self._say("Failed", "initialWebSocketConnectionFailed")
            return
        self._say("Started", "subscriptionStarted")
        stream = self.stream
        assert stream is not None
        await stream.run()
        if self.stream is stream and self.state == "active":  # broken and not dialled again, rather than stopped
            self.state = "inactive"

    async def close(self) -> None:
        """Close the socket if it is open. Bounded in time."""
        if self.stream is not None:
            await self.stream.close()

    def over(self) -> None:
        """Take note that the connection has ended."""
        self.state = "disabled" if self.options is None else "inactive"

    def cut(self) -> None:
        """Abort the socket without a close frame."""
        if self.stream is not None:
            self.stream.cut()

    def statistics(self) -> dict[str, Any]:
        """Return counters for tests of a bot; all times in milliseconds."""
        stream = self.stream
        return {
            "media_state": self.state,
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

    # --- inside -------------------------------------------------------------------------------------

    async def _stream_again(self) -> None:
        await self.close()
        await self.serve(await self.open())

    async def _stop_stream(self) -> None:
        await self.close()
        self._say("Stopped", "subscriptionStopped")

    def _take(self, audio: Audio) -> None:
        pcm = self._to_call.convert(audio.pcm) if self._to_call else audio.pcm
        dropped = self.play.push(pcm, monotonic())
        switches = self._host.services.faults.switches
        if audio.mark is not None and switches.marks:
            self._marks.append((self.play.received_ms, audio.mark))
            if len(self._marks) > 1000:  # the bot sends marks faster than they are played
                self._marks.popleft()
        if not dropped:
            self._overflowing = False
        elif not self._overflowing:
            self._overflowing = True
            self._note("play.overflow", policy=switches.play_overflow, dropped_ms=dropped)
            if switches.play_overflow == "close":
                self.cut()

    def _stop_playing(self) -> None:
        self._note("play.stopped", cleared_ms=self.play.clear())
        self._reach_marks("Cancelled")

    def _reach_marks(self, status: str) -> None:
        passed = self.play.received_ms - self.play.depth_ms
        while self._marks and self._marks[0][0] <= passed:
            _, mark_id = self._marks.popleft()
            if self.stream is not None:
                self.stream.control(mark_message(mark_id, status))

    def _check(self) -> None:
        if self.options is None:
            raise AcsError(400, "8500", "The call was made without media streaming options.")

    def _say(self, status: str, details: str) -> None:
        result = Result(400, 8581, MEDIA_UNREACHABLE) if status == "Failed" else Result(200, 0, MEDIA_DONE)
        context = self._operation.context or self._host.options.operation_context
        update = media_update(status, details)
        uri = self._operation.callback_uri
        self._host.say(f"MediaStreaming{status}", result, context, uri, mediaStreamingUpdate=update)

    def _note(self, kind: str, **fields: Any) -> None:
        self._host.services.journal.note(kind, call_connection_id=self._host.ids.call_connection_id, **fields)
