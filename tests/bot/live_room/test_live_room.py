from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar
from unittest.mock import patch

import pytest

from bot.booth import BoothFactory
from bot.interpreting.announcement import text as announcement
from bot.interpreting.effects import Effect
from bot.interpreting.events import BoothDegraded, BoothLost, Event, Order, Ordered, SpeakerAudio
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.lane_status import LaneState
from bot.interpreting.ledger import EntryKind, EntryState
from bot.interpreting.plan import SHARED_CHANNEL, Lane, Layout, Mode, RoomPlan
from bot.interpreting.session import InterpreterSession
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.live_room import LiveRoom, RoomEnded
from bot.live_room.microphones import RoomMicrophone
from bot.live_room.mixing import mixed
from bot.live_room.ports import EchoFilter, TranscriptSink
from bot.outputs.listener_publisher import ListenerPublisher
from bot.outputs.webhook_events import EmitEvent
from listeners.audio_frames import HEADER_BYTES
from listeners.feed import Feed
from listeners.messages import LaneSignal, SignalMessage
from listeners.readers import FLUSH, Reader, SharedFrame
from tests.support.audio import numbered, numbers
from tests.support.booths import FakeBooths
from tests.support.media_streams import METADATA, FakeMediaStream, NumberedSpeech, audio_json
from tests.support.meeting import (
    ADA,
    ADA_INTO_SPANISH,
    BENITO,
    BENITO_INTO_ENGLISH,
    GUEST,
    PEOPLE,
    THREE_LANGUAGES,
    TWO_LANGUAGES,
    Answers,
    silent_model,
    there,
)
from tests.support.transcripts import TranscriptNotes
from tests.support.virtual_time import virtual_time

AnyReader = TypeVar("AnyReader", bound=Reader[Any])


class Stage:
    """A live room with everything round it, and the clock of the test."""

    def __init__(
        self, booths: FakeBooths | None = None, plan: RoomPlan = TWO_LANGUAGES, echo: EchoFilter | None = None
    ) -> None:
        self.echo = echo
        self.booths = booths or FakeBooths()
        self.notebook = TranscriptNotes()
        self.feed = Feed()
        self.told: EmitEvent = lambda kind, room_id, data: None
        self.speech = NumberedSpeech()
        self.frame_timer = FrameTimer()
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.room = self.build(plan, self.booths, self.notebook)
        self.running: asyncio.Task[RoomEnded]
        self._stack = AsyncExitStack()

    def build(self, plan: RoomPlan, booths: BoothFactory, transcript: TranscriptSink) -> LiveRoom:
        echo = self.echo
        return LiveRoom(
            plan,
            name="u",
            booths=booths,
            detectors=self.speech,
            frame_timer=self.frame_timer,
            transcript=transcript,
            audience=ListenerPublisher(self.feed, "room-1", 0, lambda *event: self.told(*event)),
            clock=self.loop.time,
            echo=None if echo is None else lambda: echo,
        )

    @property
    def now(self) -> float:
        return round(self.loop.time() - self.began, 3)

    async def __aenter__(self) -> Stage:
        await self._stack.enter_async_context(task(self.frame_timer.run()))
        self.running = asyncio.create_task(self.room.run(), name="room")
        self._stack.push_async_callback(stop, self.running)
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def dialled(self, *, metadata: bool = True, name: str = SHARED_CHANNEL) -> FakeMediaStream:
        """A media socket, served as the route serves it."""
        acs = FakeMediaStream(metadata=metadata)
        await self._stack.enter_async_context(task(self._serve(acs, name)))
        await asyncio.sleep(0)
        return acs

    async def _serve(self, acs: FakeMediaStream, name: str) -> None:
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(acs.stream.write())
            await self.room.attach(acs.stream, name)
            writer.cancel()
        await acs.stream.close()

    async def until(self, at: float) -> None:
        await asyncio.sleep(self.began + at - self.loop.time())

    async def end(self) -> RoomEnded:
        """Wait for the room to end by itself."""
        async with asyncio.timeout(3_600):
            return await self.running


@asynccontextmanager
async def task(coroutine: object) -> AsyncIterator[None]:
    assert asyncio.iscoroutine(coroutine)
    running = asyncio.create_task(coroutine)
    await asyncio.sleep(0)
    try:
        yield
    finally:
        await stop(running)


async def stop(running: asyncio.Task[object]) -> None:
    running.cancel()
    await asyncio.wait([running])


# --- a meeting ---------------------------------------------------------------------------------------


@virtual_time
async def test_what_a_speaker_says_comes_back_interpreted_frame_by_frame() -> None:
    async with Stage(FakeBooths(Answers(after=0.5, text="Hola", seconds=1.0, heard="Hello"))) as stage:
        acs = await stage.dialled()
        await stage.until(1.0)
        await acs.says(ADA, seconds=1.0, pause=0.5)
        await stage.until(5.0)
        played_at = [at - stage.began for at, _ in acs.played]
        assert played_at == pytest.approx([3.0 + i * 0.02 for i in range(50)], abs=0.002)
        assert stage.notebook.states == [("spoken", "")]
        assert [(line.language, line.text, line.is_final) for line in stage.notebook.lines] == [
            ("en-US", "Hello", True),
            ("es-ES", "Hola", False),
            ("es-ES", "Hola", True),
        ]
        (booth,) = stage.booths.made
        assert booth.lane == Lane(ADA, "en-US", "es-ES")
        assert "from English (en-US) into Spanish (es-ES)" in booth.instructions
        assert len(booth.heard["u-1"]) == 960 * (50 + 10)


@virtual_time
async def test_a_crowded_channel_has_interpretations_in_fewer_words_and_faster() -> None:
    model = Answers(after=0.5, text="Hola", seconds=9.0)
    async with Stage(FakeBooths(model), plan=replace(TWO_LANGUAGES, mode=Mode.SIMULTANEOUS)) as stage:
        acs = await stage.dialled()
        for _ in range(3):
            await acs.says(ADA, seconds=1.0, pause=0.6)
        (booth,) = stage.booths.made
        assert booth.condensed == ["u-3"]
        assert booth.manner["u-3"] == (False, 1.2)
        assert booth.paced == (1.1, True)


@virtual_time
async def test_the_end_of_a_call_leaves_nothing_running() -> None:
    async with Stage(FakeBooths(Answers(seconds=5.0))) as stage:
        acs = await stage.dialled()
        await acs.says(ADA, seconds=1.0)
        await stage.until(3.0)
        assert len(stage.booths.running) == 1
        assert stage.speech.open == 1
        stage.room.end("call_ended", hang_up=False)
        stage.room.end("stopped", hang_up=True)
        assert await stage.end() == RoomEnded("call_ended", hang_up=False)
        assert stage.notebook.states == [("abandoned", "call_ended")]
        assert stage.booths.running == []
        assert stage.booths.made[0].cancelled == ["u-1"]
        assert stage.speech.open == 0
        assert acs.close_code == 1000
        assert stage.now == 3.0


@virtual_time
async def test_orders_reach_the_call() -> None:
    async with Stage(FakeBooths(Answers(seconds=5.0))) as stage:
        acs = await stage.dialled()
        await acs.says(ADA, seconds=1.0)
        await stage.until(3.0)
        stage.room.deliver(Ordered(Order.HUSH))
        await stage.until(4.0)
        assert [round(at - stage.began, 3) for at in acs.stops] == [3.0]
        assert acs.played[-1][0] < stage.began + 3.0
        assert stage.notebook.states == [("abandoned", "hushed")]
        assert not stage.room.session.paused


@virtual_time
async def test_only_people_on_the_roster_are_listened_to(caplog: pytest.LogCaptureFixture) -> None:
    async with Stage() as stage:
        acs = await stage.dialled()
        with caplog.at_level(logging.INFO, "bot.live_room.hearing"):
            await acs.says("28:the-interpreter-itself", seconds=2.0)
            acs.sends(audio_json(None, numbered(1)))
            await asyncio.sleep(0.1)
        assert stage.booths.made == []
        assert stage.speech.open == 0
        messages = [record.getMessage() for record in caplog.records]
        assert messages == ["speaker ignored: not on the roster"] * 2, "once for each, not once per frame"


class OwnVoice:
    """Knows everything for our own voice, or nothing."""

    def __init__(self, ours: bool) -> None:
        self.ours = ours
        self.sent = self.stops = 0

    def played(self, pcm: bytes) -> None:
        self.sent += 1

    def stopped(self) -> None:
        self.stops += 1

    def is_ours(self, pcm: bytes) -> bool:
        return self.ours


@virtual_time
@pytest.mark.parametrize("ours", [False, True])
async def test_mixed_audio_is_one_speaker_of_any_language_and_our_voice_in_it_is_none(ours: bool) -> None:
    echo = OwnVoice(ours)
    plan = replace(TWO_LANGUAGES, mixed=True)
    async with Stage(FakeBooths(Answers(seconds=1.0)), plan, echo=echo) as stage:
        acs = await stage.dialled()
        for number in range(80):
            stage.room.hearing.hear(None, numbered(1 if number < 50 else 0), False, "", 0.0)
            await asyncio.sleep(0.02)
        stage.room.change_plan(replace(plan, mixed=False))  # what the call is like is settled
        await stage.until(8.0)
        lanes = sorted((one.lane.speaker, one.lane.source, one.lane.target) for one in stage.notebook.entries)
        expected = [] if ours else [("mixed", "auto", "en-US"), ("mixed", "auto", "es-ES")]
        assert lanes[: len(expected)] == expected
        assert bool(lanes) is not ours
        assert echo.sent == len(acs.played)
        stage.room.hearing.hear(None, numbered(1), False, "", 0.0)
        assert stage.speech.open == 1


@virtual_time
async def test_frames_acs_calls_silent_are_not_speech() -> None:
    async with Stage() as stage:
        acs = await stage.dialled()
        for _ in range(50):
            acs.sends(audio_json(ADA, numbered(1), silent=True))
        await asyncio.sleep(1)
        assert stage.booths.made == []


@virtual_time
async def test_a_changed_roster_holds_from_the_next_frame_on() -> None:
    async with Stage(FakeBooths(silent_model)) as stage:
        acs = await stage.dialled()
        await acs.says(GUEST, seconds=0.5)
        assert stage.booths.made == []
        guest = replace(PEOPLE[ADA], speaker=GUEST, name="Guest")
        stage.room.change_plan(replace(TWO_LANGUAGES, attendees={GUEST: guest, BENITO: PEOPLE[BENITO]}))
        await acs.says(GUEST, seconds=0.5)
        await acs.says(ADA, seconds=0.5)
        assert [booth.lane.speaker for booth in stage.booths.made] == [GUEST]


@virtual_time
async def test_booths_nobody_needs_any_more_are_ended() -> None:
    async with Stage() as stage:
        stage.room.deliver(there(ADA, BENITO))
        await asyncio.sleep(0)
        assert len(stage.booths.running) == 2
        stage.room.change_plan(RoomPlan(("en-US", "fr-FR"), {ADA: PEOPLE[ADA]}))
        await asyncio.sleep(0.1)
        assert stage.booths.running == []


@virtual_time
async def test_a_keypad_tone_stops_the_interpreter() -> None:
    async with Stage(FakeBooths(Answers(after=0.5, seconds=3.0))) as stage:
        acs = await stage.dialled()
        await stage.until(1.0)
        await acs.says(ADA, seconds=1.0, pause=0.5)
        await stage.until(4.0)
        acs.sends('{"kind":"DtmfData","dtmfData":{"data":"3"}}')
        await stage.until(4.5)
        assert acs.stops == []
        acs.sends('{"kind":"DtmfData","dtmfData":{"data":"*"}}')
        await stage.until(5.0)
        assert [round(at - stage.began, 2) for at in acs.stops] == [4.5]
        assert stage.notebook.states == [("abandoned", "hushed")]


@virtual_time
async def test_each_room_of_a_language_is_spoken_to_through_its_own_socket() -> None:
    plan = replace(THREE_LANGUAGES, layout=Layout.SISTER, streams={"fr-FR": "a second socket"})
    async with Stage(FakeBooths(Answers(after=0.5, seconds=1.0)), plan) as stage:
        english, spanish = await stage.dialled(name="en-US"), await stage.dialled(name="es-ES")
        french = await stage.dialled(name="a second socket")
        await stage.until(1.0)
        await english.says(ADA, seconds=1.0, pause=0.5)
        await stage.until(3.5)
        spanish.hangs_up()
        await stage.until(10.0)
        assert [len(acs.played) for acs in (english, spanish, french)] == [0, 25, 50]
        stage.room.end("stopped", hang_up=True)
        await stage.end()
        assert english.close_code is not None
        assert french.close_code is not None


@virtual_time
async def test_listeners_of_a_channel_hear_it_read_it_and_are_told_of_the_original() -> None:
    plan = replace(TWO_LANGUAGES, layout=Layout.CHANNELS)
    async with Stage(FakeBooths(Answers(after=0.5, text="Hola", seconds=1.0, heard="Hello")), plan) as stage:
        acs = await stage.dialled()
        audio, passed = stage.feed.read_audio("room-1", "es-ES"), stage.feed.read_audio("room-1", "en-US")
        captions, signals = stage.feed.read_captions("room-1"), stage.feed.read_signals("room-1")
        await stage.until(1.0)
        await acs.says(ADA, seconds=1.0, pause=0.5)
        await stage.until(2.9)
        assert passed.dropped > 0
        await stage.until(4.5)
        stage.room.end("call_ended", hang_up=False)
        await stage.end()
        frames = [frame.data async for frame in closed(audio) if isinstance(frame.data, bytes)]
        assert [numbers(data[HEADER_BYTES:]) for data in frames] == [[1]] * 50
        assert len(acs.played) == 50, "the shared room hears it as well"
        assert [line.caption.text async for line in closed(captions)] == ["Hello", "Hola"]
        told = [one async for one in closed(signals) if isinstance(one, SignalMessage)]
        assert [(one.type, one.speaker_id, one.language) for one in told] == [
            ("suppress_original", ADA, "es-ES"),
            ("restore_original", ADA, "es-ES"),
        ]


@virtual_time
async def test_a_voice_that_is_stopped_gives_the_original_back_and_listeners_hear_no_more_of_it() -> None:
    plan = replace(TWO_LANGUAGES, layout=Layout.CHANNELS)
    async with Stage(FakeBooths(Answers(seconds=5.0)), plan) as stage:
        acs = await stage.dialled()
        audio, signals = stage.feed.read_audio("room-1", "es-ES"), stage.feed.read_signals("room-1")
        await acs.says(ADA, seconds=1.0)
        await stage.until(3.0)
        assert audio.queued_ms > 0
        stage.room.deliver(Ordered(Order.HUSH))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [frame async for frame in closed(audio)] == [FLUSH]
        await stage.until(4.0)
        assert [signal.type async for signal in closed(signals)] == ["suppress_original", "restore_original"]


def closed(reader: AnyReader) -> AnyReader:
    """What has come so far, and no more."""
    reader.close()
    return reader


@virtual_time
async def test_booths_are_told_how_to_interpret_what_to_say_and_what_has_changed() -> None:
    plan = replace(TWO_LANGUAGES, announcement=True, mode=Mode.SIMULTANEOUS)
    async with Stage(FakeBooths(Answers(after=0.5, seconds=0.5)), plan) as stage:
        acs = await stage.dialled()
        stage.room.deliver(there(ADA, BENITO))
        await stage.until(3.0)
        booth = stage.booths.made[0]
        assert booth.mode is Mode.SIMULTANEOUS
        assert [(text, language) for _, text, language in booth.said] == [(announcement(plan, "es-ES"), "es-ES")]
        await acs.says(ADA, seconds=1.0, pause=0.5)
        await stage.until(8.0)
        assert booth.manner == {booth.asked[-1]: (False, 1.0)}
        assert booth.released == [booth.said[0][0], booth.asked[-1]]
        stage.room.change_plan(replace(plan, glossary=GlossaryEntries.of({"Contoso": {}})))
        assert "Contoso" in booth.instructions
        assert stage.notebook.states == [("spoken", "")] * 3


@virtual_time
async def test_whatever_is_begun_is_written_down_before_it_ends_own_voices_and_announcements_included() -> None:
    plan = replace(TWO_LANGUAGES, layout=Layout.CHANNELS, announcement=True)
    async with Stage(FakeBooths(Answers(after=0.5, seconds=0.5)), plan) as stage:
        acs = await stage.dialled()
        stage.room.deliver(there(ADA, BENITO))
        await stage.until(3.0)
        await acs.says(ADA, seconds=1.0, pause=0.0)
        begun = set(stage.notebook.opened_ones)
        assert {(lane.source, lane.target, name) for lane, name in begun} == {
            ("en-US", "es-ES", "u-es-ES"),
            ("es-ES", "en-US", "u-en-US"),
            ("en-US", "es-ES", "u-1"),
            ("en-US", "en-US", "u-1"),
        }
        assert [entry.kind for entry in stage.notebook.entries] == [EntryKind.ANNOUNCEMENT] * 2
        stage.room.end("stopped", hang_up=True)
        await stage.end()
        assert {(entry.lane, entry.utterance) for entry in stage.notebook.entries} == begun


@virtual_time
async def test_what_serves_a_lane_otherwise_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with Stage() as stage:
        stage.room.deliver(there(ADA, BENITO))
        stage.room.deliver(BoothDegraded(ADA_INTO_SPANISH, "captions", "quota"))
    (record,) = [record for record in caplog.records if record.message == "lane served by another engine"]
    assert (record.__dict__["engine"], record.__dict__["reason"]) == ("captions", "quota")


@virtual_time
async def test_listeners_and_integrators_are_told_once_of_a_lane_that_is_degraded_and_restored() -> None:
    told: list[tuple[str, str, object]] = []

    async with Stage() as stage:
        stage.told = lambda kind, room_id, data: told.append((kind, room_id, data["reason"]))
        signals = stage.feed.read_signals("room-1")
        stage.room.deliver(there(ADA, BENITO))
        for engine, reason in (("captions", "quota"), ("captions", "quota"), ("conversation", "restored")):
            stage.room.deliver(BoothDegraded(ADA_INTO_SPANISH, engine, reason))
        stage.room.deliver(BoothLost(ADA_INTO_SPANISH, "http_401", final=True))
        lane = next(view for view in stage.room.lanes.views() if view.lane == ADA_INTO_SPANISH)
        assert (lane.state, lane.reason) == (LaneState.REFUSED, "http_401")
        assert [signal async for signal in closed(signals)] == [
            LaneSignal("lane_degraded", ADA, "es-ES", "captions", "quota"),
            LaneSignal("lane_restored", ADA, "es-ES", "conversation", ""),
            LaneSignal("lane_degraded", ADA, "es-ES", "", "http_401"),
        ]
    assert told == [
        ("interpreter.degraded", "room-1", "quota"),
        ("interpreter.restored", "room-1", "restored"),
        ("interpreter.degraded", "room-1", "http_401"),
    ]


@virtual_time
async def test_a_lost_media_socket_may_come_back_and_what_is_said_then_is_heard() -> None:
    async with Stage(FakeBooths(Answers(seconds=2.0))) as stage:
        first = await stage.dialled()
        await first.says(ADA, seconds=1.0)  # interpreted from 2.0 on
        await stage.until(3.01)  # between two frames
        first.hangs_up()
        await stage.until(12.9)
        second = await stage.dialled(metadata=False)
        await asyncio.sleep(1)
        assert second.played == [], "not before ACS has said what it streams"
        assert stage.notebook.states == [("caption_only", "channel_away")], "nobody hears it 10 s late"
        second.sends(METADATA)
        await second.says(ADA, seconds=1.0)
        await asyncio.sleep(5)
        assert (len(first.played), len(second.played)) == (51, 100)
        assert stage.notebook.states[1:] == [("spoken", "")]
        assert not stage.room.over


@virtual_time
async def test_a_room_without_a_media_socket_waits_to_be_told() -> None:
    async with Stage(FakeBooths(silent_model)) as stage:
        acs = await stage.dialled()
        await acs.says(ADA, seconds=1.0, pause=0.2)
        acs.hangs_up()
        await asyncio.sleep(9)
        assert not stage.room.over
        stage.room.end("media_lost", hang_up=True)
        assert await stage.end() == RoomEnded("media_lost", hang_up=True)
        assert stage.notebook.states == [("abandoned", "media_lost")]


@virtual_time
async def test_a_media_socket_that_comes_too_late_is_let_go_at_once() -> None:
    async with Stage() as stage:
        stage.room.end("stopped", hang_up=True)
        await stage.end()
        acs = await stage.dialled()
        await asyncio.sleep(0.1)
        assert acs.close_code == 1000


# --- failures ----------------------------------------------------------------------------------------


async def interpreted_meanwhile(stage: Stage, break_it: Callable[[FakeMediaStream], None]) -> RoomEnded:
    """Ada is being interpreted from 2.0 on, Benito is speaking from 2.1 on, and at 3.0 something breaks."""
    acs = await stage.dialled()
    await acs.says(ADA, seconds=1.0)
    await stage.until(2.0)
    async with task(acs.says(BENITO, seconds=20.0)):
        await stage.until(3.0)
        break_it(acs)
        ended = await stage.end()
    assert stage.now == pytest.approx(3.0, abs=0.03)
    assert stage.booths.running == []
    assert stage.speech.open == 0
    return ended


FAILED = RoomEnded("internal_error", hang_up=True)
BOTH_ABANDONED = [("abandoned", "internal_error")] * 2


@virtual_time
async def test_a_booth_that_fails_ends_its_room_with_a_closed_ledger(caplog: pytest.LogCaptureFixture) -> None:
    async with Stage(FakeBooths(Answers(seconds=5.0))) as stage:
        other = stage.build(TWO_LANGUAGES, FakeBooths(), TranscriptNotes())
        async with task(other.run()):
            ended = await interpreted_meanwhile(stage, lambda _: stage.booths.made[0].breaks(RuntimeError("broken")))
            assert ended == FAILED
            assert stage.notebook.states == BOTH_ABANDONED
            assert not other.over
    assert [record.getMessage() for record in caplog.records] == ["room failed"]


@virtual_time
async def test_a_booth_that_cannot_hear_ends_its_room_with_a_closed_ledger() -> None:
    def deafen(acs: FakeMediaStream) -> None:
        stage.booths.made[1].fails_to_hear = True

    async with Stage(FakeBooths(Answers(seconds=5.0))) as stage:
        assert await interpreted_meanwhile(stage, deafen) == FAILED
        assert stage.notebook.states == BOTH_ABANDONED


@virtual_time
async def test_a_media_stream_that_fails_ends_its_room_with_a_closed_ledger() -> None:
    async with Stage(FakeBooths(Answers(seconds=5.0))) as stage:
        ended = await interpreted_meanwhile(stage, lambda acs: acs.breaks(RuntimeError("broken")))
        assert ended == FAILED
        assert stage.notebook.states == BOTH_ABANDONED


@virtual_time
async def test_a_scribe_that_cannot_write_captions_still_gets_the_ledger() -> None:
    """One effect that fails does not keep the following ones from being performed."""
    async with Stage(FakeBooths(Answers(text="Hola", heard=None, seconds=0.0))) as stage:
        stage.notebook.fails_to_write = True
        acs = await stage.dialled()
        await acs.says(ADA, seconds=1.0)
        assert await stage.end() == FAILED
        assert stage.notebook.states == [("caption_only", "no_audio")]


@virtual_time
async def test_a_session_that_breaks_ends_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Stage() as stage:
        await stage.dialled()
        stage.room.deliver(there(ADA, BENITO))
        await asyncio.sleep(0)

        def handle(session: InterpreterSession, event: Event, now: float) -> list[Effect]:
            raise KeyError("a bug of ours")

        monkeypatch.setattr(InterpreterSession, "handle", handle)
        stage.room.deliver(SpeakerAudio(ADA, bytes(960), True))
        assert await stage.end() == FAILED
        assert stage.booths.running == []


@virtual_time
async def test_a_booth_that_is_asked_for_before_the_room_runs_is_a_failure() -> None:
    async with Stage() as stage:
        room = stage.build(TWO_LANGUAGES, stage.booths, stage.notebook)
        room.deliver(there(ADA, BENITO))
        assert await room.run() == FAILED
        assert stage.booths.made == []


@virtual_time
async def test_what_fails_after_the_end_is_told_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with Stage(FakeBooths(silent_model)) as stage:
        stage.room.deliver(there(ADA, BENITO))
        await asyncio.sleep(0)
        stage.booths.made[0].breaks(RuntimeError("broken"))
        stage.room.end("stopped", hang_up=True)
        assert await stage.end() == RoomEnded("stopped", hang_up=True)
    assert [record.getMessage() for record in caplog.records] == ["room failed after its end"]


# --- cancellation and draining --------------------------------------------------------------------------


@virtual_time
async def test_cancelling_a_room_ends_it_at_once_with_a_closed_ledger() -> None:
    async with Stage(FakeBooths(Answers(seconds=5.0))) as stage:
        acs = await stage.dialled()
        await acs.says(ADA, seconds=1.0)
        await stage.until(3.0)
        stage.running.cancel()
        await asyncio.wait([stage.running])
        assert stage.running.cancelled()
        assert stage.now == 3.0
        assert stage.notebook.states == [("abandoned", "cancelled")]
        assert stage.booths.running == []
        assert stage.speech.open == 0
        assert acs.close_code == 1000


@virtual_time
async def test_a_room_is_quiet_when_everything_has_been_said() -> None:
    async with Stage(FakeBooths(Answers(after=0.5, seconds=2.0))) as stage:
        await stage.room.quiet()
        assert stage.now == 0.0
        acs = await stage.dialled()
        await acs.says(ADA, seconds=1.0)  # with the model from 1.5 on, heard from 2.0 to 4.0
        assert [entry.state for entry in stage.room.session.open_entries] == [EntryState.COMMITTED]
        await stage.room.quiet()
        assert stage.now == pytest.approx(3.98, abs=0.002)


@virtual_time
async def test_a_room_that_is_over_is_quiet() -> None:
    async with Stage(FakeBooths(silent_model)) as stage:
        acs = await stage.dialled()
        await acs.says(ADA, seconds=1.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.room.quiet())
            await stage.until(3.0)
            stage.room.end("stopped", hang_up=True)
        assert stage.now == 3.0


@virtual_time
async def test_a_language_that_is_read_outside_the_call_is_interpreted_in_text() -> None:
    async with Stage(plan=THREE_LANGUAGES) as stage:
        stage.room.deliver(there(ADA, BENITO))
        await asyncio.sleep(0)
        lanes = [booth.lane for booth in stage.booths.made]
        assert lanes == [ADA_INTO_SPANISH, BENITO_INTO_ENGLISH]
        reader = stage.feed.read_captions("room-1", "fr-FR")
        await asyncio.sleep(0)
        assert [(booth.lane.target, booth.voice) for booth in stage.booths.made[2:]] == [("fr-FR", False)] * 2
        reader.close()
        await stage.until(15.0)
        assert [booth.lane for booth in stage.booths.running] == lanes


@pytest.mark.parametrize("separate", [False, True])
@virtual_time
async def test_listeners_of_every_variety_that_hears_a_voice_are_told_of_the_original(separate: bool) -> None:
    people = {ADA: PEOPLE[ADA], BENITO: PEOPLE[BENITO]}
    plan = RoomPlan(("en-US", "es-ES", "es-MX"), people, separate_varieties=separate)
    async with Stage(FakeBooths(Answers(after=0.5, seconds=1.0)), plan) as stage:
        acs = await stage.dialled()
        signals = stage.feed.read_signals("room-1")
        await acs.says(ADA, seconds=1.0, pause=0.5)
        await stage.until(6.0)
        told = [(one.type, one.language) async for one in closed(signals) if isinstance(one, SignalMessage)]
        varieties = ["es-ES"] if separate else ["es-ES", "es-MX"]
        assert told == [(kind, tag) for kind in ("suppress_original", "restore_original") for tag in varieties]


@virtual_time
async def test_the_original_is_given_back_to_listeners_of_a_variety_that_is_taken_out_of_the_room_meanwhile() -> None:
    plan = RoomPlan(("en-US", "es-ES", "es-MX"), {ADA: PEOPLE[ADA], BENITO: PEOPLE[BENITO]})
    async with Stage(FakeBooths(Answers(after=0.5, seconds=1.0)), plan) as stage:
        acs = await stage.dialled()
        signals = stage.feed.read_signals("room-1")
        await acs.says(ADA, seconds=1.0, pause=0.5)
        await stage.until(2.5)
        stage.room.change_plan(replace(plan, languages=("en-US", "es-ES")))
        await stage.until(6.0)
        told = [(one.type, one.language) async for one in closed(signals) if isinstance(one, SignalMessage)]
        assert told == [(kind, tag) for kind in ("suppress_original", "restore_original") for tag in ("es-ES", "es-MX")]


@virtual_time
async def test_a_reader_that_is_closed_by_a_caption_changes_nothing_amid_the_effects_of_another_event() -> None:
    async with Stage() as stage:
        acs = await stage.dialled()
        reader = stage.feed.read_captions("room-1", "es-ES")
        published, session = stage.feed.caption, stage.room._session
        publishing: list[bool] = []

        def slow(*args: Any, **options: Any) -> None:
            publishing.append(True)
            published(*args, **options)
            reader.close("too_slow")
            publishing.pop()

        def handle(event: Event, now: float) -> list[Effect]:
            assert not publishing
            return InterpreterSession.handle(session, event, now)

        with patch.object(stage.feed, "caption", slow), patch.object(session, "handle", handle):
            await acs.says(ADA, seconds=1.0, pause=0.6)
            await stage.until(6.0)
        assert not stage.room.over
        assert reader.reason == "too_slow"


# --- people who come by browser ------------------------------------------------------------------------------


def spoken(frame: SharedFrame) -> int:
    """The number of a frame, behind its header."""
    assert isinstance(frame.data, bytes)
    return numbers(frame.data[HEADER_BYTES:])[0]


BY_BROWSER = replace(TWO_LANGUAGES, layout=Layout.CHANNELS, web=True)


async def speaks(microphone: RoomMicrophone, seconds: float, pause: float = 0.5) -> None:
    speech, frames = round(seconds / 0.02), round((seconds + pause) / 0.02)
    for number in range(frames):
        await asyncio.sleep(0.02)
        captured_us = round((1_800_000_000 + asyncio.get_running_loop().time()) * 1_000_000)
        microphone.frame(numbered(7 if number < speech else 0), captured_us)


@virtual_time
async def test_people_in_a_room_without_a_call_are_interpreted_and_heard_on_the_channels() -> None:
    async with Stage(FakeBooths(Answers(after=0.5, text="Hola", seconds=1.0, heard="Hello")), BY_BROWSER) as stage:
        ada, benito = (stage.room.microphones.open(who, lambda _: None) for who in (ADA, BENITO))
        spanish, english = (stage.feed.read_audio("room-1", tag) for tag in ("es-ES", "en-US"))
        async with asyncio.TaskGroup() as group:
            group.create_task(speaks(ada, 0.5))
            group.create_task(speaks(benito, 0.0, pause=1.0))
        await stage.until(6.0)
        assert sorted(stage.notebook.states) == [("spoken", ""), ("spoken", "")]
        assert [(line.language, line.text, line.is_final) for line in stage.notebook.lines] == [
            ("en-US", "Hello", True),
            ("es-ES", "Hola", False),
            ("es-ES", "Hola", True),
        ]
        heard = [spoken(one) async for one in closed(spanish)]
        own = [spoken(one) async for one in closed(english)]
        assert (len(heard), 7 in heard) == (50, False), "her interpretation, and nothing else"
        assert set(own) <= {0, 7}, "her own voice, and nothing else"
        assert own.count(7) == 25


@virtual_time
async def test_nobody_hears_themselves_on_the_channel_of_their_own_language() -> None:
    async with Stage(FakeBooths(Answers(after=0.3, seconds=4.0)), BY_BROWSER) as stage:
        ada, benito = (stage.room.microphones.open(who, lambda _: None) for who in (ADA, BENITO))
        readers = [stage.feed.read_audio("room-1", "en-US", own_voice=who) for who in ("", ADA)]

        async def heard(reader: Reader[SharedFrame]) -> list[bytes]:
            return [one.data[HEADER_BYTES:] async for one in reader if isinstance(one.data, bytes)]

        async with asyncio.TaskGroup() as group:
            everybody, hers = (group.create_task(heard(reader)) for reader in readers)
            await speaks(benito, 0.5)
            await speaks(ada, 3.0)
            await stage.until(8.0)
            for reader in readers:
                reader.close()
        together = mixed(numbered(1), (numbered(7),))
        assert {numbered(1), numbered(7), together} <= set(everybody.result()), "she is heard, alone and under a voice"
        without = {numbered(7): numbered(0), together: numbered(1)}
        assert hers.result() == [without.get(frame, frame) for frame in everybody.result()]


@virtual_time
async def test_what_its_owner_hears_may_come_back_through_a_microphone_and_own_voices_never_count_as_that() -> None:
    async with Stage(FakeBooths(Answers(after=0.5, seconds=1.0)), BY_BROWSER) as stage:
        played: list[str] = []
        stage.room.hearing.played = lambda stream, pcm: played.append(stream)  # type: ignore[method-assign]  # a spy
        ada = stage.room.microphones.open(ADA, lambda _: None)
        await speaks(ada, 1.0)
        await stage.until(5.0)
        assert played == [], "nobody with a microphone hears Spanish"
        stage.room.microphones.open(BENITO, lambda _: None)
        await speaks(ada, 1.0)
        await stage.until(10.0)
        assert played == ["es-ES"] * 50


@virtual_time
async def test_a_stalled_phone_delays_nobody() -> None:
    """Ada's phone stops in the middle of a sentence: it ends there, and Benito is interpreted meanwhile."""
    async with Stage(FakeBooths(Answers(after=0.5, seconds=1.0)), BY_BROWSER) as stage:
        ada, benito = (stage.room.microphones.open(who, lambda _: None) for who in (ADA, BENITO))
        await speaks(ada, 1.0, pause=0.0)
        await speaks(benito, 1.0)
        await stage.until(6.0)
        assert sorted(stage.notebook.states) == [("spoken", "")] * 4
        assert stage.now == 6.0


@virtual_time
async def test_the_end_of_a_room_ends_its_microphones_and_says_whether_it_goes_on() -> None:
    for reason, told in (("stopped", "room_ended"), ("service_stopping", "service_stopping")):
        ended: list[str] = []
        async with Stage(plan=BY_BROWSER) as stage:
            stage.room.microphones.open(ADA, ended.append)
            stage.room.end(reason, hang_up=False)
            await stage.end()
            assert ended == [told]
