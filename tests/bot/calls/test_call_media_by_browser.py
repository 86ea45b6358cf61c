"""A call that cannot be joined, or is lost, while people are there by browser: they go on, and it is entered later."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from bot.calls.by_browser.attendance import IDLE_S
from bot.calls.call_media import ENTER_AGAIN_S, NO_CALL
from bot.calls.state_machine import CallState, CallTrigger
from bot.errors import CallError
from bot.live_room.microphones import RoomMicrophone
from tests.support.call_scene import Scene, scene
from tests.support.call_service import report, roster
from tests.support.meeting import ADA, BENITO
from webhooks.events import CallConnected, CallDisconnected, ConnectFailed

EMPTY = CallError("acs_8522", "Call not found.", retryable=False)


def now(stage: Scene) -> CallState:
    return stage.call.state


async def alone_by_browser(stage: Scene) -> RoomMicrophone:
    """Ada opens her microphone, and ACS refuses: nobody is in the call."""
    stage.calls.refuses, stage.calls.connect_takes_s = EMPTY, 1.0
    await stage.begin(server_call_id=None)
    microphone = stage.call.live.microphones.open(ADA, lambda _: None)
    await asyncio.sleep(1)
    assert (stage.call.state, stage.call.connection.id) == (CallState.BY_BROWSER, None)
    stage.calls.connect_takes_s = 0.1
    return microphone


@scene
async def test_a_call_that_nobody_has_joined_is_entered_when_it_is_reported(stage: Scene) -> None:
    microphone = await alone_by_browser(stage)
    assert stage.call.detail == f"{NO_CALL}: connect_failed: acs_8522"
    kept = await stage.kept()
    assert kept is not None and kept.state is CallState.BY_BROWSER
    stage.calls.refuses = None
    stage.call.learn_call("server-call-2")
    await asyncio.sleep(0.5)
    assert len(stage.calls.connects) == 2 and len(set(stage.calls.request_ids)) == 2
    stage.call.happen(CallTrigger.PERSON_JOINED)
    await asyncio.sleep(1)
    assert now(stage) is CallState.BY_BROWSER, "listeners are told that they are heard, until ACS streams"
    assert len(stage.calls.connects) == 2, "the media socket is about to come"
    await stage.dial()
    stage.call.reported(roster(BENITO))
    assert (now(stage), stage.call.present) == (CallState.STREAMING, frozenset({BENITO}))
    assert stage.call.record.reason is None
    microphone.close()
    await asyncio.sleep(IDLE_S + 1)
    assert now(stage) is CallState.STREAMING


@scene
async def test_it_is_tried_now_and_then_and_given_up_when_those_by_browser_are_gone(stage: Scene) -> None:
    microphone = await alone_by_browser(stage)
    await asyncio.sleep(2.5 * ENTER_AGAIN_S)
    assert len(stage.calls.connects) == 3
    microphone.close()
    await asyncio.sleep(IDLE_S - 1)
    assert now(stage) is CallState.BY_BROWSER
    await stage.until_left(2)
    assert (stage.call.reason, stage.call.state, stage.call.following) == ("everybody_left", CallState.ENDED, None)
    assert stage.calls.hang_ups == []


@scene
async def test_who_was_let_in_and_got_no_media_leaves_and_comes_again(stage: Scene) -> None:
    await alone_by_browser(stage)
    stage.calls.refuses = None
    stage.call.happen(CallTrigger.OTHER_CALL_STARTED)
    await asyncio.sleep(ENTER_AGAIN_S + 1)
    assert stage.calls.hang_ups == ["connection-2"] and len(stage.calls.connects) == 3


@pytest.mark.parametrize("how", ["refused later", "put out", "ended", "media lost"])
def test_a_call_that_is_lost_does_not_end_the_room_for_those_by_browser(how: str) -> None:
    @scene
    async def script(stage: Scene) -> None:
        await stage.begin()
        stage.call.live.microphones.open(ADA, lambda _: None)
        acs = await stage.dial()
        stage.call.reported(CallConnected(**report()))
        stage.call.reported(roster(BENITO))
        match how:
            case "refused later":
                stage.call.reported(ConnectFailed(**report(sub_code=8522)))
            case "put out":
                stage.call.reported(CallDisconnected(**report(sub_code=7000)))
            case "ended":
                stage.call.lose_call(CallTrigger.CALL_ENDED, "call_ended")
            case _:
                stage.calls.restart = lambda: None
                acs.hangs_up()
                await asyncio.sleep(40)
        await asyncio.sleep(0.1)
        assert (stage.call.state, stage.call.present) == (CallState.BY_BROWSER, frozenset())
        assert stage.call.server_call_id is None
        before = len(stage.calls.connects)
        await asyncio.sleep(ENTER_AGAIN_S + 0.5)
        assert len(stage.calls.connects) == before + 1
        await stage.dial()
        assert stage.call.state is CallState.STREAMING

    script()


@scene
async def test_an_interpreter_that_is_removed_from_the_call_goes_all_the_same(stage: Scene) -> None:
    await stage.begin()
    stage.call.live.microphones.open(ADA, lambda _: None)
    stage.call.reported(CallDisconnected(**report(sub_code=5300)))
    await stage.until_left()
    assert stage.call.reason == "removed"


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_room_that_another_replica_had_waits_for_its_people(comes_back: bool) -> None:
    @scene
    async def script(stage: Scene) -> None:
        stage.calls.refuses = EMPTY
        await stage.begin(adopted=True, state=CallState.BY_BROWSER, server_call_id=None)
        assert len(stage.calls.connects) == 1, "somebody may have joined meanwhile"
        if comes_back:
            stage.call.live.microphones.open(ADA, lambda _: None)
        await asyncio.sleep(IDLE_S + 1)
        assert stage.call.state is (CallState.BY_BROWSER if comes_back else CallState.ENDED)

    script()


@scene
async def test_a_call_that_another_replica_has_by_now_is_not_entered(stage: Scene) -> None:
    await alone_by_browser(stage)
    record = stage.call.record
    assert await stage.registry.change(record, msgspec.structs.replace(record, owner="others"))
    stage.call.happen(CallTrigger.START_REQUESTED)
    await stage.until_left()
    assert stage.call.moved and len(stage.calls.connects) == 1


@scene
async def test_its_record_says_so_to_the_replica_that_it_is_handed_to(stage: Scene) -> None:
    await alone_by_browser(stage)
    await stage.call.hand_over()
    kept = await stage.kept()
    assert kept is not None and (kept.owner, kept.state) == ("", CallState.BY_BROWSER)
