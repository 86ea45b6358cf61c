"""The asyncio shell round one interpreter session: delivers events, performs effects, keeps time, owns the tasks.

One TaskGroup per room is the error boundary: whatever goes wrong in here ends this room and no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

from bot.booth import Booth, BoothFactory
from bot.interpreting.caption_text import CaptionLine
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
    Play,
    Release,
    Restricted,
    Say,
    Settled,
    StopPlaying,
    VoiceBegins,
    VoiceEnds,
)
from bot.interpreting.events import Event, KeypadPressed, MeetingEnded, PlanChanged, PlayoutReady, SpeakerAudio, Tick
from bot.interpreting.lane_status import RESTORED, LaneStatuses
from bot.interpreting.ledger import Entry
from bot.interpreting.plan import SHARED_CHANNEL, Lane, Mode, RoomPlan
from bot.interpreting.routing import stream as carrier
from bot.interpreting.session import InterpreterSession
from bot.interpreting.usage_meter import CAPTIONS_ONLY, UsageMeter
from bot.live_room.frame_timer import FrameTimer
from media_streaming.messages import AudioData, AudioMetadata, DtmfData
from media_streaming.stream import NORMAL_CLOSURE, MediaStream

logger = logging.getLogger(__name__)


class Detector(Protocol):
    """Who tells speech from everything else, for one speaker."""

    def voiced(self, pcm: bytes, silent: bool) -> bool:
        """Judge the next frame; `silent` is what ACS thinks of it."""
        ...

    def close(self) -> None: ...


class EchoJudge(Protocol):
    """Who knows our own voice when it comes back in mixed audio."""

    def played(self, pcm: bytes) -> None:
        """A frame that went out."""
        ...

    def stopped(self) -> None:
        """What went out and was not heard yet has been thrown away."""
        ...

    def is_ours(self, pcm: bytes) -> bool:
        """Judge the next frame that came in."""
        ...


class Detectors(Protocol):
    def detector(self) -> Detector: ...


class TranscriptSink(Protocol):
    """Who writes down what the room yields. Called in the event loop, never blocks."""

    def opened(self, lane: Lane, utterance: str) -> None:
        """An utterance has begun: should we die now, its end is somebody else's to write down."""
        ...

    def caption(self, line: CaptionLine) -> None: ...

    def settled(self, entry: Entry) -> None: ...


class Audience(Protocol):
    """Who follows the room from outside the call. Called in the event loop, never blocks."""

    def began(self) -> None:
        """The room is about to run; nothing else is told before."""
        ...

    def ended(self) -> None: ...

    def caption(self, line: CaptionLine) -> None: ...

    def audio(self, channel: str, pcm: bytes) -> None:
        """One frame of a channel that is not the shared room's."""
        ...

    def stopped(self, channel: str) -> None:
        """What has not been heard of the channel yet is not to be heard."""
        ...

    def voice_begins(self, lane: Lane) -> None:
        """On one channel more."""
        ...

    def voice_ends(self, lane: Lane) -> None: ...

    def lane_served(self, lane: Lane, engine: str, reason: str) -> None:
        """By something else than asked for, by nothing (no engine), or, `restored`, as asked for again. Told once."""
        ...


@dataclass(frozen=True, slots=True)
class RoomEnded:
    """Why a room is over. `hang_up`: ACS may still believe us to be in the call."""

    reason: str
    hang_up: bool


class LiveRoom:
    """One call that is being interpreted."""

    def __init__(
        self,
        plan: RoomPlan,
        *,
        name: str,
        booths: BoothFactory,
        detectors: Detectors,
        metronome: FrameTimer,
        scribe: TranscriptSink,
        audience: Audience,
        clock: Callable[[], float],
        meter: UsageMeter | None = None,
        echo: Callable[[], EchoJudge] | None = None,
    ) -> None:
        """`name` is unique to the call, `clock` the event loop's, `meter` what the room has used before,
        `echo` makes the judge for mixed audio."""
        self._session = InterpreterSession(plan, clock(), name, meter)
        self._plan = plan
        self._make_booth = booths
        self._pool = detectors
        self._scribe = scribe
        self._audience = audience
        self._clock = clock
        self._alarm = metronome.alarm(self._on_alarm)
        self._echo = echo() if echo is not None and plan.mixed else None
        self._detectors: dict[str, Detector] = {}
        self._ignored: set[str] = set()
        self._booths: dict[Lane, tuple[Booth, asyncio.Task[None]]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._streams: dict[str, MediaStream] = {}
        """Media sockets, as the plan names them."""
        self._over: RoomEnded | Exception | None = None
        self._lanes = LaneStatuses()
        self._watchers: list[Callable[[], None]] = []
        self._ended = asyncio.Event()
        self._settled = asyncio.Event()
        """Set when an utterance has reached its final state, or the room is over."""

    # --- life ------------------------------------------------------------------------------

    async def run(self) -> RoomEnded:
        """Interpret until somebody ends the room, or something in here fails. Without a media socket, it waits.

        Cancelling it ends the room at once; in every case all its tasks are gone when it returns, and the ledger
        is closed.
        """
        ended = RoomEnded("internal_error", hang_up=True)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._audience.began()
                try:
                    ended = await self._until_over()
                finally:
                    self.end("cancelled", hang_up=True)  # unless it is over already
                    try:
                        await self._close()
                    finally:
                        self._audience.ended()
        except* Exception as errors:  # the room's error boundary: reported here, and the other rooms go on
            logger.error("room failed", exc_info=errors)
        return ended

    def end(self, reason: str, *, hang_up: bool) -> None:
        """End the room; the first reason counts."""
        self._finish(RoomEnded(reason, hang_up))

    def _fail(self, error: Exception) -> None:
        """Whatever goes wrong, in whosever task, becomes the room's own failure."""
        if not self._finish(error):
            logger.error("failure after the end of the room", exc_info=error)

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
        """Be told when a lane is opened, parked, or served otherwise."""
        self._watchers.append(changed)

    async def quiet(self) -> None:
        """Wait until no utterance is on its way, or the room is over. Safe to cancel."""
        while self._session.open_entries and self._over is None:
            self._settled.clear()
            await self._settled.wait()

    async def _until_over(self) -> RoomEnded:
        await self._ended.wait()
        if self._over is None or isinstance(self._over, Exception):
            raise self._over or RuntimeError("woken before the end")
        return self._over

    async def _close(self) -> None:
        self.deliver(MeetingEnded(self._over.reason if isinstance(self._over, RoomEnded) else "internal_error"))
        self._alarm.clear()
        for _, task in self._booths.values():  # those a broken session has not closed
            task.cancel()
        self._booths.clear()
        for detector in self._detectors.values():
            detector.close()
        self._detectors.clear()
        for stream in list(self._streams.values()):
            await stream.close(NORMAL_CLOSURE, "the interpreter has left")

    # --- the one door -------------------------------------------------------------------------

    def deliver(self, event: Event) -> None:
        """Tell the session what happened and do what it asks. Never blocks, never raises: a fault ends the room."""
        try:
            effects = self._session.handle(event, self._clock())
        except Exception as error:  # whatever it is, it is this room's end and no other's
            self._fail(error)
            return
        for effect in effects:
            try:
                self._perform(effect)
            except Exception as error:  # the other effects are owed all the same, the ledger's above all
                self._fail(error)
        self._alarm.set(self._session.next_deadline())

    def _on_alarm(self, now: float) -> None:
        self.deliver(Tick())

    def change_plan(self, plan: RoomPlan) -> None:
        """Follow what an admin changed, from the next frame on. Whether audio comes mixed is settled for the call."""
        plan = replace(plan, mixed=self._plan.mixed)
        self._plan = plan
        self.deliver(PlanChanged(plan))

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Play(channel, pcm):
                stream = self._stream(channel)
                if stream is not None:
                    stream.send_audio(pcm)
                    if self._echo is not None:
                        self._echo.played(pcm)
                if channel != SHARED_CHANNEL:
                    self._audience.audio(channel, pcm)
            case Hear(lane, utterance, pcm):
                self._booths[lane][0].hear(utterance, pcm)
            case Interpret(lane, utterance, strict, speed):
                self._booths[lane][0].interpret(utterance, strict=strict, speed=speed)
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
                    "lane is served otherwise",
                    extra={
                        "participant_id": lane.speaker,
                        "target": lane.target,
                        "engine": engine,
                        "reason": reason,
                    },
                )
                self._served(lane, engine, reason)
            case LaneReady(lane, engine):
                if self._lanes.ready(lane, engine):
                    self._audience.lane_served(lane, engine, RESTORED)
                self._lanes_changed()
            case StopPlaying(channel):
                stream = self._stream(channel)
                if stream is not None:
                    stream.stop_audio()
                    if self._echo is not None:
                        self._echo.stopped()
                self._audience.stopped(channel)
            case VoiceBegins(_, lane):
                self._audience.voice_begins(lane)
            case VoiceEnds(_, lane):
                self._audience.voice_ends(lane)
            case Caption(line):
                self._scribe.caption(line)
                self._audience.caption(line)
            case Opened(lane, utterance):
                self._lanes.opened(lane)
                self._scribe.opened(lane, utterance)
            case Settled(entry):
                self._lanes.settled(entry)
                self._scribe.settled(entry)
                self._settled.set()
            case Restricted(reason, speaker):
                logger.warning("interpreting is restricted", extra={"reason": reason, "participant_id": speaker})
            case OpenBooth(lane, instructions, mode, voice):
                self._open_booth(lane, instructions, mode, voice)
            case CloseBooth(lane):
                _, task = self._booths.pop(lane)
                task.cancel()
                self._lanes.booth_closed(lane)
                self._lanes_changed()
            case _:
                assert_never(effect)

    def _stream(self, channel: str) -> MediaStream | None:
        """What carries a channel now: none while its socket is away, or where the channel is no part of the call."""
        name = carrier(self._plan, channel)
        return None if name is None else self._streams.get(name)

    def _open_booth(self, lane: Lane, instructions: str, mode: Mode, voice: bool) -> None:
        if self._group is None:
            raise RuntimeError("the room is not running")
        booth = self._make_booth(lane, instructions, self.deliver, mode, voice)
        self._booths[lane] = booth, self._group.create_task(self._work(booth), name=f"booth {lane.target}")
        self._lanes.booth_opened(lane)
        if not voice:
            self._served(lane, "captions", CAPTIONS_ONLY)
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
        except Exception as error:  # whatever it is, it is this room's end and no other's
            self._fail(error)

    # --- media ------------------------------------------------------------------------------------

    async def attach(self, stream: MediaStream, name: str = SHARED_CHANNEL) -> None:
        """Take over a media socket ACS has opened; returns when the room has let go of it.

        Args:
            name: which of the plan's streams it is: that of the shared room, or of a sister room's language.

        A second one while the first lives is not for us to judge: the route refuses it before it gets here.
        """
        if self._over is not None:
            return
        self._streams[name] = stream
        try:
            async for message in stream:
                match message:
                    case AudioData():
                        self.hear(message.speaker, message.pcm, message.silent)
                    case AudioMetadata():
                        self.deliver(PlayoutReady(True, name))
                    case DtmfData():
                        self.deliver(KeypadPressed(message.tone, message.speaker))
                    case _:
                        pass  # what ACS may add
        except Exception as error:  # whatever it is, it is this room's end and no other's
            self._fail(error)
        finally:
            if self._streams.get(name) is stream:
                del self._streams[name]
                self.deliver(PlayoutReady(False, name))

    def hear(self, speaker: str | None, pcm: bytes, silent: bool) -> None:
        """One frame of one speaker, or of mixed audio if that is planned. Only people on the roster are listened to:
        never us, nor another bot."""
        heard = self._plan.listens(speaker)
        if heard is None:
            self._ignore(speaker or "")
            return
        speaker = heard
        detector = self._detectors.get(speaker)
        if detector is None:
            detector = self._detectors[speaker] = self._pool.detector()
        voiced = detector.voiced(pcm, silent)
        if self._echo is not None and self._echo.is_ours(pcm):
            voiced = False
        self.deliver(SpeakerAudio(speaker, pcm, voiced))

    def _ignore(self, speaker: str) -> None:
        if speaker not in self._ignored and len(self._ignored) < 1000:
            self._ignored.add(speaker)
            logger.info("speaker is not on the roster: not interpreted", extra={"participant_id": speaker})
