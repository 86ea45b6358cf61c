"""The media sockets of one call: served, watched, and recovered when they are lost."""

from __future__ import annotations

import asyncio

import pytest

from bot.calls.call_record import RetryLater
from bot.calls.media_recovery import FIRST_FRAME_S, FIRST_MEDIA_S, PATIENCE_S, SILENT_S, RecoveryStep
from bot.calls.state_machine import CallState, CallTrigger
from tests.support.call_scene import REFUSED, Scene, joining_again, scene
from tests.support.call_service import report, roster
from tests.support.media_streams import FakeMediaStream
from tests.support.meeting import ADA, BENITO
from webhooks.events import MediaStreamingFailed, MediaStreamingStopped


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
    assert len(set(stage.calls.request_ids)) == 3 and len(stage.call.connection.former_secrets) == 2


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


@scene
async def test_a_silent_stream_of_a_connection_without_a_name_is_taken_as_it_is(stage: Scene) -> None:
    async def lost() -> None:
        stage.calls.refuses = REFUSED

    stage.calls.connect_takes_s = 0.3
    await joining_again(stage, lost)
    acs = FakeMediaStream(connection="")
    stage.start(stage.call.media.serve(acs.stream))
    await asyncio.sleep(FIRST_FRAME_S + 1)
    assert (stage.call.connection.id, stage.call.detail, stage.call.state) == (
        None,
        "no audio has come",
        CallState.STREAMING,
    )


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
