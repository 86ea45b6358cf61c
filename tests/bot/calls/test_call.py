"""One call alone: what it does about what happens, and what its record says meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bot.calls.call import REMOVED_SUB_CODE, Call
from bot.calls.call_record import Rejoin, RetryLater, new_record
from bot.calls.environment import CallAddresses, CallEnvironment
from bot.calls.media_recovery import FIRST_FRAME_S, FIRST_MEDIA_S, PATIENCE_S, SILENT_S, RecoveryStep
from bot.calls.replicas.registry import CallRecord, Registry
from bot.calls.state_machine import CallState, CallTrigger
from bot.errors import CallError
from bot.interpreting.events import Event, Order, PresenceChanged
from bot.interpreting.plan import RoomPlan
from bot.interpreting.usage_meter import Used
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.live_room import LiveRoom
from bot.outputs.listener_publisher import ListenerPublisher
from bot.outputs.transcript_writer import TranscriptWriter
from listeners.feed import Feed
from storage.errors import StoreUnavailable
from tests.support.booths import FakeBooths
from tests.support.call_service import ROOMS, FakeCalls, Kept, report, roster
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.media_streams import FakeMediaStream, NumberedSpeech
from tests.support.meeting import ADA, BENITO, PEOPLE, Answers
from tests.support.virtual_time import virtual_time
from webhooks.events import (
    CallConnected,
    CallDisconnected,
    ConnectFailed,
    MediaStreamingFailed,
    MediaStreamingStopped,
    OtherCallEvent,
)

REFUSED = CallError("acs_500", "", retryable=True)


class Store(InMemoryKeyValue):
    """May be away, or hang."""

    away = False
    hangs_s = 0.0

    async def _reach(self) -> None:
        await asyncio.sleep(self.hangs_s)
        if self.away:
            raise StoreUnavailable("away")

    async def get(self, key: str) -> bytes | None:
        await self._reach()
        return await super().get(key)

    async def swap(self, key: str, old: bytes | None, new: bytes | None, ttl_s: float | None = None) -> bool:
        await self._reach()
        return await super().swap(key, old, new, ttl_s)

    async def put(self, values: Any, ttl_s: float | None = None) -> None:
        await self._reach()
        await super().put(values, ttl_s)


class Scene:
    """A call of room 1 that runs, and everything round it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.state = Store(self.loop.time)
        self.registry = Registry(self.state, "us")
        self.calls = FakeCalls()
        self.booths = FakeBooths(Answers(seconds=2.0))
        self.emitted: list[str] = []
        self.frame_timer = FrameTimer()
        self.call: Call
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self, *, adopted: bool = False, handed_over: bool = False, **changes: Any) -> None:
        record = msgspec.structs.replace(new_record(ROOMS["room-1"], "us", "server-call-1", 0.0), **changes)
        await self.registry.claim(record)
        live = LiveRoom(
            ROOMS["room-1"].plan,
            name=record.name,
            booths=self.booths,
            detectors=NumberedSpeech(),
            frame_timer=self.frame_timer,
            transcript=TranscriptWriter(Kept(), "room-1", 0),
            audience=ListenerPublisher(Feed(), "room-1", 0),
            clock=self.loop.time,
        )
        environment = CallEnvironment(
            self.calls,
            self.registry,
            CallAddresses("https://bot", "wss://bot"),
            lambda kind, *_: self.emitted.append(kind),
            self.loop.time,
            self.loop.time,
        )
        self.call = Call(ROOMS["room-1"], record, live, environment, adopted=adopted, handed_over=handed_over)
        self.start(self.frame_timer.run())
        self.running = self.start(self.call.run(lambda: None))
        await asyncio.sleep(0.5)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    async def dial(self) -> FakeMediaStream:
        acs = FakeMediaStream()

        async def serve() -> None:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(acs.stream.write())
                await self.call.serve(acs.stream)
                writer.cancel()
            await acs.stream.close()

        self.start(serve())
        await asyncio.sleep(0.05)
        return acs

    async def until_left(self, limit_s: float = 60.0) -> None:
        async with asyncio.timeout(limit_s):
            await asyncio.wait([self.running])

    async def kept(self) -> CallRecord | None:
        return await self.registry.call("room-1")

    async def end(self) -> None:
        for task in reversed(self._tasks):
            task.cancel()
            await asyncio.wait([task])


def scene(test: Callable[[Scene], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test with a scene that is over afterwards."""

    @virtual_time
    async def run() -> None:
        stage = Scene()
        try:
            await test(stage)
        finally:
            await stage.end()

    def named() -> None:
        run()

    named.__name__, named.__doc__ = test.__name__, test.__doc__
    return named


@scene
async def test_it_joins_streams_and_leaves_and_its_record_says_so(stage: Scene) -> None:
    await stage.begin()
    assert stage.calls.request_ids == [stage.call.record.request_id]
    kept = await stage.kept()
    assert kept is not None and (kept.state, kept.connection_id) == (CallState.CONNECTED, "connection-1")
    acs = await stage.dial()
    stage.call.reported(CallConnected(**report()))
    stage.call.reported(roster(ADA, "28:us"))
    stage.call.reported(OtherCallEvent(**report(type="PlayStarted")))
    stage.call.record_changed()
    await asyncio.sleep(0.1)
    kept = await stage.kept()
    assert kept == stage.call.record and kept is not None
    assert (kept.state, kept.present, kept.was_heard) == (CallState.STREAMING, (ADA,), True)
    stage.call.reported(roster(ADA, BENITO))
    stage.call.reported(roster("28:us"))
    await stage.until_left()
    assert (stage.call.reason, stage.call.state, acs.close_code) == ("everybody_left", CallState.ENDED, 1000)
    assert stage.calls.hang_ups == ["connection-1"]
    assert stage.emitted == ["interpreter.joined", "interpreter.left", "room.ended"]
    assert stage.call.end.outcome is not None and stage.call.end.outcome.state == "ended"


@scene
async def test_rosters_count_in_the_order_of_their_numbers(stage: Scene) -> None:
    await stage.begin()
    older, newer = roster("28:us"), roster(ADA)
    stage.call.reported(newer)
    stage.call.reported(older)
    stage.call.reported(newer)
    assert stage.call.present == {ADA}
    stage.call.change_plan(RoomPlan(("en-US", "es-ES"), {BENITO: PEOPLE[BENITO]}))
    stage.call.reported(roster(ADA))
    assert stage.call.present == frozenset(), "not on the roster of the room any more"


@pytest.mark.parametrize(
    ("present", "sub_code", "reason"),
    [
        (True, 0, "disconnected"),
        (False, 0, "call_ended"),
        (True, REMOVED_SUB_CODE, "removed"),
        (None, 0, "disconnected"),
    ],
)
def test_who_was_there_says_whether_a_call_is_over(present: bool | None, sub_code: int, reason: str) -> None:
    @scene
    async def script(stage: Scene) -> None:
        await stage.begin()
        if present is not None:
            stage.call.reported(roster(*([ADA] if present else [])))
        stage.call.reported(CallDisconnected(**report(sub_code=sub_code)))
        await stage.until_left()
        assert stage.call.reason == reason
        assert (stage.call.following == RetryLater()) is (reason == "disconnected")
        assert stage.calls.hang_ups == []

    script()


@scene
async def test_a_lost_stream_is_won_back_step_by_step_and_then_given_up(stage: Scene) -> None:
    await stage.begin()
    stage.calls.restart = lambda: None
    (await stage.dial()).hangs_up()
    await asyncio.sleep(0.1)
    seen = []
    for step in (RecoveryStep.WAIT, RecoveryStep.RESTART, RecoveryStep.RECONNECT, RecoveryStep.RECONNECT):
        seen.append(stage.call.detail)
        await asyncio.sleep(PATIENCE_S[step] + 0.05)
    assert seen == [
        RecoveryStep.WAIT.value,
        RecoveryStep.RESTART.value,
        RecoveryStep.RECONNECT.value,
        RecoveryStep.RECONNECT.value,
    ]
    await stage.until_left()
    assert (stage.call.reason, stage.call.state) == ("media_lost", CallState.LIVE)
    assert stage.call.following == RetryLater()
    assert stage.calls.hang_ups == ["connection-1", "connection-2", "connection-3"]
    assert len(set(stage.calls.request_ids)) == 3 and len(stage.call.former_secrets) == 2


@scene
async def test_what_acs_refuses_is_passed_over(stage: Scene) -> None:
    await stage.begin()

    def refuse() -> None:
        raise REFUSED

    stage.calls.restart = refuse
    stage.calls.refuses_to_let_go = REFUSED
    stage.call.reported(MediaStreamingFailed(**report(code=400)))
    await stage.until_left()
    assert stage.call.reason == "no_media"
    assert len(stage.calls.connects) == 1, "who cannot leave does not join"
    assert await stage.registry.orphans() == ["connection-1"]


@scene
async def test_joining_again_fails_and_is_tried_once_more_without_a_store(stage: Scene) -> None:
    await stage.begin()
    stage.state.away = True
    stage.calls.refuses = REFUSED
    await asyncio.sleep(FIRST_MEDIA_S + 20)
    await stage.until_left()
    assert len(stage.calls.connects) == 3
    assert stage.call.reason == "no_media"


@scene
async def test_a_stream_that_opens_before_the_connect_is_answered_is_waited_for_no_more(stage: Scene) -> None:
    stage.calls.connect_takes_s = 1.0
    await stage.begin()
    acs = await stage.dial()
    await acs.says(ADA, seconds=2 * FIRST_MEDIA_S)
    assert (stage.call.state, stage.call.detail, stage.calls.restarts) == (CallState.STREAMING, None, [])


@scene
async def test_a_stream_that_opens_while_a_step_is_considered_is_enough(stage: Scene) -> None:
    await stage.begin()
    stage.state.hangs_s = 0.3
    stage.call.reported(MediaStreamingFailed(**report(code=400)))
    await asyncio.sleep(0.1)
    await stage.dial()
    stage.state.hangs_s = 0.0
    await asyncio.sleep(1)
    assert stage.calls.restarts == [] and stage.call.state is CallState.STREAMING


@scene
async def test_a_stream_nothing_comes_through_is_restarted_and_later_again(stage: Scene) -> None:
    await stage.begin()
    await stage.dial()
    await asyncio.sleep(FIRST_FRAME_S)
    assert (stage.call.detail, stage.calls.restarts) == ("no audio has come", ["connection-1"])
    await asyncio.sleep(5)
    assert len(stage.calls.restarts) == 1
    await asyncio.sleep(300)
    assert 3 < len(stage.calls.restarts) < 7, "less and less often"
    assert stage.call.state is CallState.STREAMING


@pytest.mark.parametrize("reported", [None, MediaStreamingStopped, MediaStreamingFailed])
@pytest.mark.parametrize("reopened", [True, False])
def test_frames_that_stop_come_again(
    reported: type[MediaStreamingStopped | MediaStreamingFailed] | None, reopened: bool
) -> None:
    """The regression: with the socket open, nothing was asked of ACS, and the call stayed `interpreting` in silence."""

    @scene
    async def script(stage: Scene) -> None:
        await stage.begin()
        acs = await stage.dial()
        stage.call.reported(roster(ADA, BENITO))
        await acs.says(ADA, seconds=20.0)
        assert (stage.call.detail, stage.calls.restarts) == (None, [])
        if reported is not None:
            stage.call.reported(reported(**report()))
        await asyncio.sleep(2.0 if reported else 2 * SILENT_S)
        assert (stage.call.detail, stage.calls.restarts) == ("no audio has come", ["connection-1"])
        kept = await stage.kept()
        assert kept is not None and kept.reason == "no audio has come"
        if reopened:
            acs.hangs_up()
            await asyncio.sleep(0.5)
            acs = await stage.dial()
        await acs.says(ADA, seconds=8.0)
        assert (stage.call.state, stage.call.detail) == (CallState.STREAMING, None)
        assert stage.calls.restarts == ["connection-1"]

    script()


@pytest.mark.parametrize("report_after_s", [None, 0.0, 1.0])
def test_a_call_is_not_left_because_everybody_is_silent(report_after_s: float | None) -> None:
    """The regression: ACS closes the socket and reports the stop that a restart begins with; both counted as setbacks.

    It may be that ACS sends nothing while everybody is muted. After a minute of that the call was left.
    """

    @scene
    async def script(stage: Scene) -> None:
        await stage.begin()
        acs = await stage.dial()
        stage.call.reported(roster(ADA, BENITO))
        await acs.says(ADA, seconds=20.0)
        for _ in range(200):
            asked = len(stage.calls.restarts)
            await asyncio.sleep(3)
            if len(stage.calls.restarts) > asked:
                acs.hangs_up()
                await asyncio.sleep(0.1)
                if report_after_s is not None:
                    later = asyncio.get_running_loop().call_later
                    later(report_after_s, stage.call.reported, MediaStreamingStopped(**report()))
                await asyncio.sleep(0.5)
                acs = await stage.dial()
        assert (stage.call.state, acs.close_code) == (CallState.STREAMING, None)
        assert (stage.calls.hang_ups, len(stage.calls.connects)) == ([], 1)
        assert 4 <= len(stage.calls.restarts) < 9, "less and less often"

    script()


@scene
async def test_frames_nobody_could_send_are_not_missed(stage: Scene) -> None:
    await stage.begin()
    acs = await stage.dial()
    await acs.says(ADA, seconds=1.0)
    stage.call.reported(roster("28:us"))
    await asyncio.sleep(60)
    assert stage.calls.restarts == []


@scene
async def test_a_stop_that_a_restart_does_not_undo_is_recovered_step_by_step(stage: Scene) -> None:
    await stage.begin()
    acs = await stage.dial()
    await acs.says(ADA, seconds=20.0)
    stage.call.reported(MediaStreamingStopped(**report()))
    await asyncio.sleep(20)
    assert acs.close_code == 1012
    assert stage.calls.hang_ups == ["connection-1"]
    assert len(stage.calls.connects) == 2


@scene
async def test_why_a_stream_was_refused_is_told(stage: Scene) -> None:
    await stage.begin()
    acs = await stage.dial()
    acs.sends('{"kind":"AudioMetadata","audioMetadata":{"encoding":"PCM","sampleRate":16000,"channels":1}}')
    await asyncio.sleep(0.1)
    assert (stage.call.state, stage.call.detail) == (
        CallState.INTERRUPTED,
        "waiting for the re-dial: sample rate is not 24000",
    )
    for _ in range(10):
        await asyncio.sleep(4)
        if stage.call.live.over:
            break
        if stage.call.state is CallState.INTERRUPTED:
            acs = await stage.dial()
            acs.sends('{"kind":"AudioMetadata","audioMetadata":{"encoding":"PCM","sampleRate":16000,"channels":1}}')
    await stage.until_left()
    assert (stage.call.reason, stage.call.following) == ("media_lost: sample rate is not 24000", RetryLater())


@pytest.mark.parametrize("tone", ["1", "2"])
def test_a_pause_by_keypad_is_recorded_for_a_successor(tone: str) -> None:
    """The regression: it was recorded with the next change of a lane; what was paused was heard after a take-over."""

    @scene
    async def script(stage: Scene) -> None:
        await stage.begin(paused=tone == "2")
        acs = await stage.dial()
        await asyncio.sleep(1.0)
        stage.call.change_plan(replace(stage.call.room.plan, keypad={"1": Order.PAUSE, "2": Order.RESUME}))
        acs.sends('{"kind":"DtmfData","dtmfData":{"data":"?"}}'.replace("?", tone))
        await asyncio.sleep(1.0)
        kept = await stage.kept()
        assert kept is not None and kept.paused == (tone == "1")

    script()


@scene
async def test_people_who_cannot_be_interpreted_are_told_to_admins(stage: Scene) -> None:
    await stage.begin()
    await stage.dial()
    stage.call.reported(replace(roster(ADA, "4:+15551234567", "28:us", "8:orgid:u-1"), unnamed=1))
    assert stage.call.detail == "3 by telephone, Teams or without an id, not on the roster: not interpreted"
    await asyncio.sleep(0.1)
    kept = await stage.kept()
    assert kept is not None and kept.reason == stage.call.detail
    stage.call.participants(frozenset([ADA, "4:+15551234567", "28:us", "8:orgid:u-1"]))
    assert stage.call.detail == kept.reason, "a comparison with ACS does not show who has no id"
    stage.call.reported(roster(ADA, "28:us"))
    assert stage.call.detail is None


@scene
async def test_who_else_notices_the_silence_may_say_so(stage: Scene) -> None:
    await stage.begin()
    await stage.dial()
    stage.call.happen(CallTrigger.NO_FRAMES)
    await asyncio.sleep(0.1)
    assert stage.calls.restarts == ["connection-1"]


@scene
async def test_a_stream_with_frames_is_let_be(stage: Scene) -> None:
    await stage.begin()
    acs = await stage.dial()
    await acs.says(ADA, seconds=2 * FIRST_FRAME_S)
    assert (stage.call.detail, stage.calls.restarts) == (None, [])


@scene
async def test_a_second_socket_keeps_the_stream_when_the_first_goes(stage: Scene) -> None:
    await stage.begin()
    first = await stage.dial()
    await stage.dial()
    first.hangs_up()
    await asyncio.sleep(0.1)
    assert stage.call.state is CallState.STREAMING


@pytest.mark.parametrize("known", [True, False])
def test_a_join_whose_answer_is_lost_counts_if_anything_else_tells_of_it(known: bool) -> None:
    @scene
    async def script(stage: Scene) -> None:
        stage.calls.refuses, stage.calls.connect_takes_s = REFUSED, 1.0
        await stage.begin()
        if known:
            stage.call.reported(CallConnected(**report("connection-77")))
        await asyncio.sleep(1)
        assert stage.call.connection_id == ("connection-77" if known else None)
        assert stage.call.state is (CallState.CONNECTED if known else CallState.LIVE)

    script()


@scene
async def test_a_call_that_ends_while_joining_is_left_as_soon_as_it_is_joined(stage: Scene) -> None:
    stage.calls.connect_takes_s = 2.0
    await stage.begin()
    stage.call.reported(ConnectFailed(**report(sub_code=8522)))
    await stage.until_left()
    assert stage.calls.hang_ups == ["connection-1"]
    assert stage.call.reason == "connect_failed_8522"


@pytest.mark.parametrize("store_away", [False, True])
@pytest.mark.parametrize("failure", [REFUSED, RuntimeError("a bug of ours")])
def test_a_hang_up_that_fails_is_left_to_be_tried_again(failure: Exception, store_away: bool) -> None:
    @scene
    async def script(stage: Scene) -> None:
        await stage.begin()
        stage.calls.refuses_to_let_go = failure
        stage.state.away = store_away
        stage.call.happen(CallTrigger.STOP_REQUESTED, "stopped")
        await stage.until_left()
        stage.state.away = False
        assert await stage.registry.orphans() == ([] if store_away else ["connection-1"])
        assert stage.call.state is CallState.ENDED

    script()


@scene
async def test_a_room_that_fails_is_left_and_may_be_joined_again(stage: Scene) -> None:
    await stage.begin()
    await stage.dial()
    stage.call.reported(roster(ADA, BENITO))
    await asyncio.sleep(0.1)
    stage.booths.running[0].breaks(RuntimeError("a bug of ours"))
    await stage.until_left()
    assert (stage.call.reason, stage.call.following) == ("internal_error", RetryLater())


@scene
async def test_a_bug_in_joining_ends_the_call(stage: Scene) -> None:
    stage.calls.refuses = RuntimeError("a bug of ours")
    await stage.begin()
    await stage.until_left()
    assert (stage.call.reason, stage.call.following) == ("internal_error", RetryLater())


# --- taken over, handed over ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handed_over", "detail"), [(False, RecoveryStep.RESTART.value), (True, RecoveryStep.WAIT.value)]
)
def test_a_call_taken_over_is_heard_again_by_the_shortest_way(handed_over: bool, detail: str) -> None:
    @scene
    async def script(stage: Scene) -> None:
        await stage.begin(
            adopted=True, handed_over=handed_over, connection_id="connection-9", paused=True, unclosed=("a", "b")
        )
        assert (stage.call.state, stage.call.detail) == (CallState.INTERRUPTED, detail)
        assert stage.call.live.session.paused and stage.calls.connects == []
        stage.call.ledger_closed(("a",))
        await asyncio.sleep(0.1)
        kept = await stage.kept()
        assert kept is not None and kept.unclosed == ("b",) and kept.paused

    script()


@scene
async def test_a_join_taken_over_is_asked_for_again_by_the_same_id(stage: Scene) -> None:
    await stage.begin(adopted=True, request_id="the first one")
    assert stage.calls.request_ids == ["the first one"] and stage.call.state is CallState.CONNECTED


@pytest.mark.parametrize("streaming", [True, False])
def test_a_call_handed_over_is_nobodys_and_is_not_hung_up(streaming: bool) -> None:
    @scene
    async def script(stage: Scene) -> None:
        await stage.begin()
        acs = await stage.dial() if streaming else None
        await stage.call.hand_over()
        await stage.until_left()
        kept = await stage.kept()
        assert kept is not None and (kept.owner, kept.state) == ("", CallState.INTERRUPTED)
        assert stage.call.moved and stage.calls.hang_ups == []
        assert acs is None or acs.close_code == 1012
        assert "room.ended" not in stage.emitted

    script()


@pytest.mark.parametrize("anothers", [True, False])
def test_a_call_that_cannot_be_handed_over_stays_or_is_let_go(anothers: bool) -> None:
    @scene
    async def script(stage: Scene) -> None:
        await stage.begin()
        stage.state.away = not anothers
        if anothers:
            await stage.registry.change(stage.call.record, msgspec.structs.replace(stage.call.record, owner="others"))
        await stage.call.hand_over()
        assert stage.call.moved is anothers

    script()


# --- the record ----------------------------------------------------------------------------------------------------


@scene
async def test_a_call_that_is_anothers_by_now_is_let_go(stage: Scene) -> None:
    await stage.begin()
    await stage.registry.change(stage.call.record, msgspec.structs.replace(stage.call.record, owner="others"))
    stage.call.learn_call("server-call-2")
    await stage.until_left()
    assert stage.call.moved and stage.calls.hang_ups == [] and stage.emitted == []


@scene
async def test_a_record_that_is_ours_though_not_as_we_knew_it_is_written_on(stage: Scene) -> None:
    await stage.begin()
    await stage.registry.change(stage.call.record, msgspec.structs.replace(stage.call.record, reason="odd"))
    stage.call.learn_call("server-call-2")
    await asyncio.sleep(0.1)
    kept = await stage.kept()
    assert kept == stage.call.record and kept is not None
    assert (kept.server_call_id, kept.reason) == ("server-call-2", None)
    await stage.call.check_owner()
    assert not stage.call.moved


@pytest.mark.parametrize(("over", "taken"), [(False, False), (True, False), (False, True)])
def test_a_record_the_store_has_forgotten_is_entered_again_unless_the_call_is_over(over: bool, taken: bool) -> None:
    @scene
    async def script(stage: Scene) -> None:
        await stage.begin()
        await stage.registry.release(stage.call.record)
        if over:
            await stage.registry.over("server-call-1")
        if taken:  # between our look and our claim

            async def claim(record: CallRecord) -> bool:
                return False

            stage.registry.claim = claim  # type: ignore[method-assign]  # somebody is quicker
        await stage.call.check_owner()
        await asyncio.sleep(0.5)
        assert (await stage.kept() is not None) is not (over or taken)
        assert (stage.call.reason == "call_ended") is over

    script()


@scene
async def test_a_store_that_is_away_is_written_to_when_it_is_back(stage: Scene) -> None:
    await stage.begin()
    stage.state.away = True
    stage.call.learn_call("server-call-2")
    await asyncio.sleep(3)
    stage.state.away = False
    await asyncio.sleep(1.1)
    kept = await stage.kept()
    assert kept is not None and kept.server_call_id == "server-call-2"


@scene
async def test_what_follows_is_noted_while_leaving_and_a_stop_takes_it_back(stage: Scene) -> None:
    stage.calls.hang_up_takes_s = 1.0
    await stage.begin()
    stage.call.happen(CallTrigger.OTHER_CALL_STARTED, following="server-call-2")
    assert stage.call.following == Rejoin("server-call-2")
    stage.call.happen(CallTrigger.STOP_REQUESTED, "stopped")
    assert stage.call.following is None
    stage.call.happen(CallTrigger.START_REQUESTED)
    assert stage.call.following == Rejoin(None)
    stage.call.happen(CallTrigger.STOP_REQUESTED, "stopped")
    assert stage.call.following is None
    await stage.until_left()
    assert stage.call.state is CallState.ENDED


@pytest.mark.parametrize(
    ("noted", "follows"),
    [
        (None, RetryLater()),
        ("server-call-1", RetryLater()),
        ("server-call-2", Rejoin("server-call-2")),
        ("", Rejoin(None)),
    ],
)
def test_a_failed_call_is_retried_unless_another_is_to_be_joined(noted: str | None, follows: object) -> None:
    """Somebody who comes into the call that we could not stay in does not make us return at once."""

    @scene
    async def script(stage: Scene) -> None:
        stage.calls.hang_up_takes_s = 1.0
        await stage.begin()
        stage.call.happen(CallTrigger.FAILED, "internal_error")
        if noted is not None:
            stage.call.happen(CallTrigger.PERSON_JOINED, following=noted or None)
        await stage.until_left()
        assert stage.call.following == follows

    script()


@pytest.mark.parametrize("trigger", [CallTrigger.CALL_ENDED, CallTrigger.STOP_REQUESTED])
def test_a_retry_is_forgotten_when_the_call_is_over(trigger: CallTrigger) -> None:
    @scene
    async def script(stage: Scene) -> None:
        stage.calls.refuses = REFUSED
        await stage.begin()
        await stage.until_left()
        assert (stage.call.state, stage.call.following) == (CallState.LIVE, RetryLater())
        stage.call.happen(trigger)
        assert (stage.call.state, stage.call.following) == (CallState.ENDED, None)

    script()


@scene
async def test_another_call_is_joined_though_the_one_before_is_over(stage: Scene) -> None:
    stage.calls.hang_up_takes_s = 1.0
    await stage.begin()
    stage.call.happen(CallTrigger.OTHER_CALL_STARTED, following="server-call-2")
    stage.call.happen(CallTrigger.FAILED, "internal_error")
    await stage.until_left()
    stage.call.happen(CallTrigger.CALL_ENDED)
    assert stage.call.following == Rejoin("server-call-2")


async def joining_again(stage: Scene, meanwhile: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Lose the stream for good; as soon as we hang up to join again, something else happens."""
    await stage.begin()
    (await stage.dial()).hangs_up()

    async def hang_up(call_connection_id: str) -> None:
        stage.calls.hang_ups.append(call_connection_id)
        await meanwhile()

    stage.calls.hang_up = hang_up  # type: ignore[method-assign]  # as told by the test
    await asyncio.sleep(PATIENCE_S[RecoveryStep.WAIT] + PATIENCE_S[RecoveryStep.RESTART] + 0.5)


@scene
async def test_the_report_of_our_own_hang_up_does_not_end_the_call(stage: Scene) -> None:
    async def reported() -> None:
        stage.call.reported(CallDisconnected(**report(sub_code=7000)))

    await joining_again(stage, reported)
    assert stage.call.state is CallState.INTERRUPTED
    assert len(stage.calls.connects) == 2 and stage.calls.secret(2) == stage.call.secret
    assert stage.call.was_heard and stage.call.server_call_id == "server-call-1"


@scene
async def test_who_is_stopped_on_the_way_to_joining_again_does_not(stage: Scene) -> None:
    async def stopped() -> None:
        stage.call.happen(CallTrigger.STOP_REQUESTED, "stopped")

    await joining_again(stage, stopped)
    await stage.until_left()
    assert len(stage.calls.connects) == 1


@scene
async def test_who_has_lost_the_call_to_another_does_not_join_again(stage: Scene) -> None:
    async def taken() -> None:
        await asyncio.sleep(0.01)  # what was to be written down before is
        record = stage.call.record
        assert await stage.registry.change(record, msgspec.structs.replace(record, owner="others"))

    await joining_again(stage, taken)
    await stage.until_left()
    assert stage.call.moved and len(stage.calls.connects) == 1


@scene
async def test_a_silent_stream_of_a_connection_without_a_name_is_taken_as_it_is(stage: Scene) -> None:
    async def lost() -> None:
        stage.calls.refuses = REFUSED

    stage.calls.connect_takes_s = 0.3
    await joining_again(stage, lost)
    acs = FakeMediaStream(connection="")
    stage.start(stage.call.serve(acs.stream))
    await asyncio.sleep(FIRST_FRAME_S + 1)
    assert (stage.call.connection_id, stage.call.detail, stage.call.state) == (
        None,
        "no audio has come",
        CallState.STREAMING,
    )


@scene
async def test_what_earlier_calls_have_used_is_known_after_a_change_of_the_plan(stage: Scene) -> None:
    await stage.begin()
    stage.call.room = replace(stage.call.room, used=Used(spoken_ms=7))
    stage.call.change_plan(RoomPlan(("en-US", "es-ES"), {BENITO: PEOPLE[BENITO]}))
    assert stage.call.room.used == Used(spoken_ms=7)


@scene
async def test_a_report_of_who_is_there_is_one_event_however_many_they_are(stage: Scene) -> None:
    await stage.begin()
    delivered: list[Event] = []
    deliver = stage.call.live.deliver

    def noted(event: Event) -> None:
        delivered.append(event)
        deliver(event)

    stage.call.live.deliver = noted  # type: ignore[method-assign]  # takes note
    stage.call.reported(roster(ADA, BENITO, "28:us"))
    stage.call.reported(roster(BENITO))
    assert delivered == [PresenceChanged(frozenset({ADA, BENITO})), PresenceChanged(frozenset({BENITO}))]
