"""One call alone: what it does about what happens, and what its record says meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from bot.calls.call import REMOVED_SUB_CODE
from bot.calls.call_record import Rejoin, RetryLater
from bot.calls.replicas.registry import CallRecord
from bot.calls.state_machine import CallState, CallTrigger
from bot.interpreting.events import Event, Order, PresenceChanged
from bot.interpreting.plan import RoomPlan
from bot.interpreting.usage_meter import Used
from tests.support.call_scene import REFUSED, Scene, scene
from tests.support.call_service import report, roster
from tests.support.meeting import ADA, BENITO, PEOPLE
from webhooks.events import CallConnected, CallDisconnected, OtherCallEvent


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
    stage.call.change_plan(replace(stage.call.room.plan, mixed=True))
    stage.call.reported(roster(ADA, "4:+15551234567"))
    assert stage.call.detail is None, "in a mixed room they are heard like all others"


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


@scene
async def test_a_join_taken_over_is_asked_for_again_by_the_same_id(stage: Scene) -> None:
    await stage.begin(adopted=True, request_id="the first one")
    assert stage.calls.request_ids == ["the first one"] and stage.call.state is CallState.CONNECTED


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
