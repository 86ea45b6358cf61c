"""The asyncio shell of an interpreter session: delivers events, performs effects, keeps time, owns the tasks.

One TaskGroup per room is the error boundary: an error in a room ends that room and no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from bot.booth import Booth, BoothFactory
from bot.interpreting.effects import (
    Brief,
    Cancel,
    Caption,
    CloseBooth,
    Effect,
    Hear,
    Interpret,
    LaneReady,
    LaneServed,
    OpenBooth,
    Opened,
    Pace,
    Play,
    Release,
    Restricted,
    Say,
    Settled,
    StopPlaying,
    Translate,
    VoiceBegins,
    VoiceEnds,
)
from bot.interpreting.events import Event, KeypadPressed, MeetingEnded, PlanChanged, PlayoutReady, ReadersChanged, Tick
from bot.interpreting.lane_status import RESTORED, LaneStatuses
from bot.interpreting.plan import SHARED_CHANNEL, Lane, RoomPlan, primary
from bot.interpreting.quality.language_id import IdentifyLanguage, identify_none
from bot.interpreting.routing import stream as carrier
from bot.interpreting.session import InterpreterSession
from bot.interpreting.usage_meter import UsageMeter
from bot.live_room.floor_mixing import FloorMixer
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.hearing import Hearing
from bot.live_room.microphones import Microphones
from bot.live_room.mixing import mixed, without_each
from bot.live_room.ports import Audience, EchoFilter, EchoMeasurement, TranscriptSink, VoiceDetectors
from media_streaming.messages import AudioData, AudioMetadata, DtmfData
from media_streaming.stream import NORMAL_CLOSURE, MediaStream

logger = logging.getLogger(__name__)

GOES_ON_ELSEWHERE = ("moved", "service_stopping", "cancelled", "internal_error")
"""Reasons of ends after which the room goes on, here or on another replica, as soon as somebody comes again."""


@dataclass(frozen=True, slots=True)
class RoomEnded:
    """Why a room has ended. `hang_up`: the bot may still be in the call, as far as ACS knows."""

    reason: str
    hang_up: bool


class LiveRoom:
    """Interprets the people of a room: of one call, or of several that share it."""

    def __init__(
        self,
        plan: RoomPlan,
        *,
        name: str,
        booths: BoothFactory,
        detectors: VoiceDetectors,
        frame_timer: FrameTimer,
        transcript: TranscriptSink,
        audience: Audience,
        clock: Callable[[], float],
        meter: UsageMeter | None = None,
        echo: Callable[[], EchoFilter] | None = None,
        echo_meter: EchoMeasurement | None = None,
        identify: IdentifyLanguage = identify_none,
    ) -> None:
        """Args:
        name: unique to the call.
        clock: the event loop's time, in seconds.
        meter: what earlier calls of the room have used.
        echo: makes the filter for mixed audio.
        echo_meter: measures the interpreter's own voice in the audio of each speaker; not used if audio is mixed.
        identify: names the language of a text.
        """
        self.name = name
        """Prefix of the ids of the room's utterances."""
        self._session = InterpreterSession(plan, clock(), name, meter, identify)
        self._plan = plan
        self._make_booth = booths
        self._transcript = transcript
        self._audience = audience
        self._clock = clock
        self._alarm = frame_timer.alarm(self._on_alarm)
        self._floor = FloorMixer(frame_timer, audience, clock)
        self.hearing = Hearing(plan, detectors, self.deliver, clock, echo, echo_meter, self._floor.hear)
        self.microphones = Microphones(self.hearing, self.deliver, self._session.is_by_browser, clock)
        self._booths: dict[Lane, tuple[Booth, asyncio.Task[None]]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._streams: dict[str, MediaStream] = {}
        """Media streams by their names in the plan."""
        self._voices: dict[tuple[str, Lane], list[Lane]] = {}
        """As what each voice that is being heard on a channel was announced: the plan may change meanwhile."""
        self._over: RoomEnded | Exception | None = None
        self._lanes = LaneStatuses()
        self._watchers: list[Callable[[], None]] = []
        self._running = asyncio.Event()
        self._ended = asyncio.Event()
        self._settled = asyncio.Event()
        """Set when an utterance has reached its final state, or the room is over."""

    # --- lifetime ------------------------------------------------------------------------------

    async def run(self) -> RoomEnded:
        """Interpret until the room is ended or fails. Without a media stream, it waits.

        Cancelling ends the room at once. Whenever it returns, all its tasks have ended and the ledger is closed.
        """
        ended = RoomEnded("internal_error", hang_up=True)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._running.set()
                self._audience.began(self._readers_changed)
                try:
                    ended = await self._until_over()
                finally:
                    self.end("cancelled", hang_up=True)  # does nothing if it has ended already
                    try:
                        await self._close()
                    finally:
                        self._audience.ended(self._readers_changed)
        except* Exception as errors:  # the room's error boundary: other rooms are not affected
            logger.error("room failed", exc_info=errors)
        return ended

    async def started(self) -> None:
        """Wait until the room runs: before, it cannot open a booth. Safe to cancel."""
        await self._running.wait()

    @property
    def running(self) -> bool:
        """Whether the room runs, or has run."""
        return self._running.is_set()

    def end(self, reason: str, *, hang_up: bool) -> None:
        """End the room; the first reason counts."""
        self._finish(RoomEnded(reason, hang_up))

    def _fail(self, error: Exception) -> None:
        """End the room with an error, whichever task it comes from."""
        if not self._finish(error):
            logger.error("room failed after its end", exc_info=error)

    def _finish(self, over: RoomEnded | Exception) -> bool:
        if self._over is not None:
            return False
        self._over = over
        self._ended.set()
        self._settled.set()
        return True

    @property
    def over(self) -> bool:
        return self._over is not None

    @property
    def session(self) -> InterpreterSession:
        return self._session

    @property
    def lanes(self) -> LaneStatuses:
        return self._lanes

    def watch_lanes(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever a lane is opened, parked, or served by another engine, or a key was pressed."""
        self._watchers.append(changed)

    async def quiet(self) -> None:
        """Wait until no utterance is being interpreted, or the room has ended. Safe to cancel."""
        while self._session.open_entries and self._over is None:
            self._settled.clear()
            await self._settled.wait()

    async def _until_over(self) -> RoomEnded:
        await self._ended.wait()
        if self._over is None or isinstance(self._over, Exception):
            raise self._over or RuntimeError("woken before the end")
        return self._over

    async def _close(self) -> None:
        reason = self._over.reason if isinstance(self._over, RoomEnded) else "internal_error"
        self.deliver(MeetingEnded(reason))
        self.microphones.end_all("service_stopping" if reason in GOES_ON_ELSEWHERE else "room_ended")
        self._alarm.clear()
        for _, task in self._booths.values():  # booths that a failed session has not closed
            task.cancel()
        self._booths.clear()
        self.hearing.close()
        self._floor.close()
        for stream in list(self._streams.values()):
            await stream.close(NORMAL_CLOSURE, "the interpreter has left")

    # --- events and effects -------------------------------------------------------------------------

    def deliver(self, event: Event) -> None:
        """Pass an event to the session and perform its effects. Never blocks, never raises: an error ends the room."""
        try:
            effects = self._session.handle(event, self._clock())
        except Exception as error:  # any error ends this room, and no other
            self._fail(error)
            return
        for effect in effects:
            try:
                self._perform(effect)
            except Exception as error:  # the other effects are still performed, above all those of the ledger
                self._fail(error)
        self._alarm.set(self._session.next_deadline())

    def _on_alarm(self, now: float) -> None:
        self.deliver(Tick())

    def _readers_changed(self, languages: frozenset[str], listened: frozenset[str]) -> None:
        """Deliver it later: a reader may be closed by a caption, in the middle of the effects of another event."""
        asyncio.get_running_loop().call_soon(self.deliver, ReadersChanged(languages, listened))

    def change_plan(self, plan: RoomPlan) -> None:
        """Use a changed plan from the next frame on; whether audio is mixed stays as it was when the call began."""
        plan = replace(plan, mixed=self._plan.mixed)
        self._plan = self.hearing.plan = plan
        self.deliver(PlanChanged(plan))
        self.microphones.follow_roster()

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Play(channel, voice, floor, speakers):
                pcm = mixed(voice, floor) if floor else voice
                name, stream = self._stream(channel)
                if stream is not None:
                    stream.send_audio(pcm)
                    self.hearing.played(name, pcm)
                elif not effect.original and self.microphones.may_return(channel):
                    self.hearing.played(channel, voice)
                if channel != SHARED_CHANNEL:
                    own = without_each(voice, dict(zip(speakers, floor, strict=True))) if floor else {}
                    own = own or {speaker: bytes(len(pcm)) for speaker in speakers}
                    self._audience.audio(channel, pcm, effect.original, own)
            case Hear(lane, utterance, pcm):
                self._booths[lane][0].hear(utterance, pcm)
            case Interpret(lane, utterance, strict, speed, condensed):
                self._booths[lane][0].interpret(utterance, strict=strict, speed=speed, condensed=condensed)
            case Translate(lane, utterance, text, strict, speed, condensed):
                booth = self._booths[lane][0]
                booth.translate(utterance, text, strict=strict, speed=speed, condensed=condensed)
            case Pace(lane, speed, condensed):
                self._booths[lane][0].pace(speed=speed, condensed=condensed)
            case Release(lane, utterance):
                if lane in self._booths:
                    self._booths[lane][0].release(utterance)
            case Cancel(lane, utterance):
                if lane in self._booths:
                    self._booths[lane][0].cancel(utterance)
            case Say(lane, utterance, text):
                self._booths[lane][0].say(utterance, text, lane.target)
            case Brief(lane, instructions):
                self._booths[lane][0].brief(instructions)
            case LaneServed(lane, engine, reason):
                logger.info(
                    "lane served by another engine",
                    extra={
                        "participant_id": lane.speaker,
                        "target": lane.target,
                        "engine": engine,
                        "reason": reason,
                    },
                )
                self._served(lane, engine, reason)
            case LaneReady(lane, engine, note):
                if self._lanes.ready(lane, engine, note):
                    self._audience.lane_served(lane, engine, RESTORED)
                self._lanes_changed()
            case StopPlaying(channel):
                name, stream = self._stream(channel)
                if stream is not None:
                    stream.stop_audio()
                    self.hearing.stopped(name)
                self._audience.stopped(channel)
            case VoiceBegins(channel, lane):
                self._voices[channel, lane] = self._heard_as(lane)
                for heard in self._voices[channel, lane]:
                    self._audience.voice_begins(heard)
            case VoiceEnds(channel, lane):
                for heard in self._voices.pop((channel, lane)):
                    self._audience.voice_ends(heard)
            case Caption(line):
                self._transcript.caption(line)
                self._audience.caption(line)
            case Opened(lane, utterance):
                self._lanes.opened(lane)
                self._transcript.opened(lane, utterance)
            case Settled(entry):
                self._lanes.settled(entry)
                self._transcript.settled(entry)
                self._settled.set()
            case Restricted(reason, speaker):
                logger.warning("interpreting restricted", extra={"reason": reason, "participant_id": speaker})
            case OpenBooth():
                self._open_booth(effect)
            case CloseBooth(lane):
                _, task = self._booths.pop(lane)
                task.cancel()
                self._lanes.booth_closed(lane)
                self._lanes_changed()
            case _:
                assert_never(effect)

    def _heard_as(self, lane: Lane) -> list[Lane]:
        """Return the lane, once for each variety of its target whose listeners hear its voice."""
        plan = self._plan
        if plan.separate_varieties:
            return [lane]
        alike = [tag for tag in plan.languages if primary(tag) == primary(lane.target) and tag != lane.target]
        return [lane, *(replace(lane, target=tag) for tag in dict.fromkeys(alike))]

    def _stream(self, channel: str) -> tuple[str, MediaStream | None]:
        """Return a channel's media stream and its name; None while it is not connected, or if no call carries it."""
        name = carrier(self._plan, channel) or ""
        return name, self._streams.get(name)

    def _open_booth(self, wanted: OpenBooth) -> None:
        if self._group is None:
            raise RuntimeError("the room is not running")
        lane = wanted.lane
        booth = self._make_booth(lane, wanted.instructions, self.deliver, wanted.mode, wanted.voice, wanted.terms)
        self._booths[lane] = booth, self._group.create_task(self._work(booth), name=f"booth {lane.target}")
        self._lanes.booth_opened(lane)
        if wanted.voiceless:
            self._served(lane, "captions", wanted.voiceless)
        self._lanes_changed()

    def _served(self, lane: Lane, engine: str, reason: str) -> None:
        if self._lanes.served(lane, engine, reason):
            self._audience.lane_served(lane, engine, reason)
        self._lanes_changed()

    def _lanes_changed(self) -> None:
        for changed in self._watchers:
            changed()

    async def _work(self, booth: Booth) -> None:
        try:
            await booth.run()
        except Exception as error:  # any error ends this room, and no other
            self._fail(error)

    # --- media ------------------------------------------------------------------------------------

    async def attach(self, stream: MediaStream, name: str = SHARED_CHANNEL) -> None:
        """Serve a media stream that ACS has opened; returns when the stream or the room has ended.

        The route refuses a second stream of the same name while the first is open.

        Args:
            name: the stream's name in the plan: that of the shared room, or the language of a room per language.
        """
        if self._over is not None:
            return
        self._streams[name] = stream
        try:
            async for message in stream:
                match message:
                    case AudioData():
                        self.hearing.take(message, name)
                    case AudioMetadata():
                        self.deliver(PlayoutReady(True, name))
                    case DtmfData():
                        self.deliver(KeypadPressed(message.tone, message.speaker))
                        self._lanes_changed()  # it may have paused the room, which is recorded as they are
                    case _:
                        pass  # a kind of message ACS may add
        except Exception as error:  # any error ends this room, and no other
            self._fail(error)
        finally:
            if self._streams.get(name) is stream:
                del self._streams[name]
                self.deliver(PlayoutReady(False, name))
