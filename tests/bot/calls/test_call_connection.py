"""The connection of one call: joined, joined again, and left."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from bot.calls.media_recovery import FIRST_MEDIA_S
from bot.calls.state_machine import CallState, CallTrigger
from tests.support.call_scene import REFUSED, Scene, joining_again, scene
from tests.support.call_service import report
from webhooks.events import CallConnected, CallDisconnected, ConnectFailed


@scene
async def test_who_cannot_leave_does_not_join_again(stage: Scene) -> None:
    await stage.begin()
    stage.calls.refuses_to_let_go = REFUSED
    await stage.until_left()
    assert stage.call.reason == "no_media" and len(stage.calls.connects) == 1


@scene
async def test_joining_again_fails_and_is_tried_once_more_without_a_store(stage: Scene) -> None:
    await stage.begin()
    stage.state.away = True
    stage.calls.refuses = REFUSED
    await asyncio.sleep(FIRST_MEDIA_S + 20)
    await stage.until_left()
    assert len(stage.calls.connects) == 3
    assert stage.call.reason == "no_media"


@pytest.mark.parametrize("known", [True, False])
def test_a_join_whose_answer_is_lost_counts_if_anything_else_tells_of_it(known: bool) -> None:
    @scene
    async def script(stage: Scene) -> None:
        stage.calls.refuses, stage.calls.connect_takes_s = REFUSED, 1.0
        await stage.begin()
        if known:
            stage.call.reported(CallConnected(**report("connection-77")))
        await asyncio.sleep(1)
        assert stage.call.connection.id == ("connection-77" if known else None)
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
async def test_the_report_of_our_own_hang_up_does_not_end_the_call(stage: Scene) -> None:
    async def reported() -> None:
        stage.call.reported(CallDisconnected(**report(sub_code=7000)))

    await joining_again(stage, reported)
    assert stage.call.state is CallState.INTERRUPTED
    assert len(stage.calls.connects) == 2 and stage.calls.secret(2) == stage.call.connection.secret
    assert stage.call.media.was_heard and stage.call.server_call_id == "server-call-1"


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
