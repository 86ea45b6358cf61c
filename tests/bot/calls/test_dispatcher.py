"""Events, media streams and commands reach the calls they concern, and each has its effect once."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace

import pytest

from bot.calls import dispatcher as dispatcher_module
from bot.calls.call_record import RETRY_S
from bot.calls.commands import CallStatus, CommandRefused
from bot.calls.service import LEAVE_TIMEOUT_S
from bot.calls.state_machine import CallState, CallTrigger
from bot.errors import CallError
from bot.interpreting.events import Order
from bot.interpreting.plan import RoomPlan
from bot.log_format import JsonFormatter
from http_serving.errors import Overloaded
from tests.support.call_service import WALL_CLOCK, ServiceHarness, ended, report, roster, started
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.meeting import ADA, BENITO, PEOPLE, TWO_LANGUAGES
from tests.support.virtual_time import virtual_time
from webhooks.errors import ForeignEvent
from webhooks.events import (
    CallConnected,
    CallDisconnected,
    ConnectFailed,
    MediaStreamingFailed,
    OtherCallEvent,
    ParticipantAdded,
)


class SlowStore(InMemoryKeyValue):
    """Each step takes a while."""

    takes_s = 0.0

    async def swap(self, key: str, old: bytes | None, new: bytes | None, ttl_s: float | None = None) -> bool:
        await asyncio.sleep(self.takes_s)
        return await super().swap(key, old, new, ttl_s)


# --- a call ------------------------------------------------------------------------------------------


@virtual_time
async def test_a_call_that_starts_is_joined_interpreted_and_left() -> None:
    async with ServiceHarness() as harness:
        assert await harness.commands.status("room-1") == CallStatus(CallState.SCHEDULED)
        await harness.tell(started(), wait_s=0.05)
        assert await harness.commands.status("room-1") == CallStatus(CallState.CONNECTING, None, WALL_CLOCK)
        (connect,) = harness.calls.connects
        secret = harness.calls.secret()
        assert len(secret) >= 43, "256 bits"
        assert connect == {
            "room": "acs-1",
            "callback": f"https://bot/webhooks/calls/{secret}",
            "media": f"wss://bot/media/{secret}",
            "context": "room-1",
        }
        acs = await harness.dial()
        await harness.report(CallConnected(**report()), roster(ADA, BENITO, "28:us"))
        status = await harness.commands.status("room-1")
        assert replace(status, lanes=()) == CallStatus(CallState.STREAMING, "connection-1", WALL_CLOCK)
        assert [(one.lane.speaker, one.lane.target, one.state) for one in status.lanes] == [
            (ADA, "es-ES", "open"),
            (BENITO, "en-US", "open"),
        ]
        assert len(harness.booths.running) == 2, "opened ahead, for both"
        await acs.says(ADA, seconds=1.0)
        await asyncio.sleep(3)
        spoken, silent = (await harness.commands.status("room-1")).lanes
        assert (len(spoken.spans_ms or ()), spoken.waiting, silent.spans_ms) == (1, 0, ())
        await harness.tell(ended())
        await harness.report(CallDisconnected(**report(sub_code=7000)))
        assert await harness.status() == (CallState.ENDED, "call_ended")
        assert [passage.state for passage in harness.records.passages["room-1"]] == ["spoken"]
        assert harness.calls.hang_ups == ["connection-1"]
        assert harness.booths.running == []
        assert acs.close_code == 1000
        assert harness.live_calls == 0


@virtual_time
async def test_when_everybody_has_left_the_interpreter_hangs_up() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.dial()
        await harness.report(roster("28:us"))
        assert await harness.status() == (CallState.STREAMING, None), "nobody has come yet"
        await harness.report(roster(ADA, BENITO, "28:us"), roster(ADA, "28:us"))
        assert await harness.status() == (CallState.STREAMING, None)
        await harness.report(roster("28:us"))
        assert await harness.status() == (CallState.ENDED, "everybody_left")
        assert harness.calls.hang_ups == ["connection-1"]


@virtual_time
async def test_when_event_grid_says_that_the_people_have_left_the_interpreter_hangs_up() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.tell(ended())
        assert await harness.status() == (CallState.ENDED, "call_ended")
        assert harness.calls.hang_ups == ["connection-1"]


@virtual_time
async def test_integrators_are_told_of_a_call_from_its_beginning_to_its_end() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        acs = await harness.dial()
        acs.hangs_up()
        await asyncio.sleep(0.01)
        await harness.dial()
        await harness.commands.stop("room-1")
        await asyncio.sleep(1.0)
        assert harness.emitted == [
            ("room.live", "room-1", None),
            ("interpreter.joined", "room-1", None),
            ("interpreter.left", "room-1", "stopped"),
            ("room.ended", "room-1", "stopped"),
        ]


@virtual_time
async def test_an_interpreter_that_never_heard_anything_was_not_there() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.commands.stop("room-1")
        await asyncio.sleep(1.0)
        assert [kind for kind, _, _ in harness.emitted] == ["room.live", "room.ended"]


@virtual_time
async def test_a_call_that_never_streams_is_left() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.report(MediaStreamingFailed(**report(code=400, sub_code=8581)))
        assert harness.calls.restarts == ["connection-1"], "waiting would be in vain"
        await asyncio.sleep(28.5)
        assert harness.calls.rooms == ["acs-1"] * 3, "left and joined again, twice"
        assert await harness.status() == (CallState.LIVE, "no_media")
        assert harness.calls.hang_ups == ["connection-1", "connection-2", "connection-3"]


@virtual_time
async def test_a_failed_room_is_reported_and_left_and_the_others_go_on() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(1), started(2, "server-call-2"))
        await harness.dial(1)
        acs = await harness.dial(2)
        await harness.report(roster(ADA, BENITO), number=1)
        harness.booths.made[0].breaks(RuntimeError("broken"))
        await asyncio.sleep(0.5)
        assert await harness.status(1) == (CallState.LIVE, "internal_error")
        assert harness.calls.hang_ups == ["connection-1"]
        await acs.says(ADA, seconds=1.0)
        await asyncio.sleep(3)
        assert await harness.status(2) == (CallState.STREAMING, None)
        assert [passage.state for passage in harness.records.passages["room-2"]] == ["spoken"]


# --- events that are repeated, late, or out of order -------------------------------------------------------


@virtual_time
async def test_two_reports_of_a_start_lead_to_one_connect() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(), started(), wait_s=0.0)
        harness.plans.takes_s = 0.2
        await harness.tell(started(), started())
        await harness.tell(started())
        assert harness.calls.rooms == ["acs-1"]


@virtual_time
async def test_an_admin_and_a_report_at_the_same_time_lead_to_one_connect() -> None:
    async with ServiceHarness() as harness:
        harness.plans.takes_s = 0.2
        await harness.dispatcher.deliver(started())
        await harness.commands.start("room-1")
        await asyncio.sleep(1)
        assert harness.calls.rooms == ["acs-1"]
        await harness.dispatcher.deliver(started(2))
        await asyncio.sleep(0)
        with pytest.raises(CommandRefused, match="already_live"):
            await harness.commands.start("room-2")
        await asyncio.sleep(1)
        assert harness.calls.rooms == ["acs-1", "acs-2"]


@virtual_time
async def test_a_start_that_is_reported_after_its_end_is_not_acted_on() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(ended(), started())
        assert harness.calls.connects == []
        await harness.tell(started(call="server-call-2"))
        assert harness.calls.rooms == ["acs-1"]


@virtual_time
async def test_the_late_end_of_an_earlier_call_does_not_end_the_present_one() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(call="server-call-2"))
        await harness.tell(ended(call="server-call-1"), ended(room=2, call="server-call-2"))
        assert await harness.status() == (CallState.CONNECTED, None)


@pytest.mark.parametrize("wait_s", [0.0, 0.05, 3.0])
def test_a_call_that_starts_while_the_one_before_ends_is_joined(wait_s: float) -> None:
    """The regression: the room counted as live while it was being left, and the new call had no interpreter."""

    @virtual_time
    async def script() -> None:
        async with ServiceHarness() as harness:
            await harness.tell(started(call="server-call-1"))
            await harness.tell(ended(call="server-call-1"), wait_s=wait_s)
            await harness.tell(started(call="server-call-2"), wait_s=3)
            assert harness.calls.rooms == ["acs-1", "acs-1"]
            assert harness.calls.hang_ups == ["connection-1"]
            await harness.tell(ended(call="server-call-1"))
            assert await harness.status() == (CallState.CONNECTED, None)
            await harness.tell(ended(call="server-call-2"))
            assert await harness.status() == (CallState.ENDED, "call_ended")

    script()


@virtual_time
async def test_a_call_that_starts_before_the_end_of_the_one_before_is_reported_is_joined_then() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(call="server-call-1"))
        await harness.tell(started(call="server-call-2"))
        assert harness.calls.rooms == ["acs-1"]
        await harness.report(CallDisconnected(**report()))
        assert harness.calls.rooms == ["acs-1", "acs-1"]


@virtual_time
async def test_a_following_call_that_has_ended_as_well_is_not_joined() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(call="server-call-1"))
        await harness.tell(started(call="server-call-2"), ended(call="server-call-2"), ended(call="server-call-1"))
        assert harness.calls.rooms == ["acs-1"]
        assert await harness.status() == (CallState.ENDED, "call_ended")


@virtual_time
async def test_an_interpreter_sent_by_an_admin_learns_which_call_it_is_in() -> None:
    async with ServiceHarness() as harness:
        await harness.commands.start("room-1")
        await harness.tell(started(call="server-call-2"))
        await harness.tell(ended(call="server-call-1"))
        assert await harness.status() == (CallState.CONNECTED, None)
        await harness.tell(ended(call="server-call-2"))
        assert await harness.status() == (CallState.ENDED, "call_ended")


@virtual_time
async def test_an_interpreter_sent_by_an_admin_leaves_with_the_people_whichever_call_it_was() -> None:
    async with ServiceHarness() as harness:
        await harness.commands.start("room-1")
        await harness.tell(ended(call="server-call-1"))
        assert await harness.status() == (CallState.ENDED, "call_ended")


@virtual_time
async def test_calls_outside_our_rooms_are_none_of_our_business() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(room=77), replace(started(), room_id=None))
        await harness.dispatcher.deliver(ParticipantAdded("event", "acs-77", "server-call-1"))
        await asyncio.sleep(1)
        assert harness.calls.connects == []


@virtual_time
async def test_an_event_that_cannot_be_acted_on_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with ServiceHarness() as harness:
        await harness.tell(replace(started(), room_id="acs-broken"), started(2))
        assert harness.calls.rooms == ["acs-2"]
    assert "event not handled" in [record.getMessage() for record in caplog.records]


@virtual_time
async def test_more_events_than_can_be_kept_are_to_be_brought_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher_module, "INBOX_LIMIT", 2)
    harness = ServiceHarness()
    await harness.dispatcher.deliver(started(1))
    await harness.dispatcher.deliver(started(2))
    with pytest.raises(Overloaded):
        await harness.dispatcher.deliver(started(3))


@virtual_time
async def test_reports_about_a_call_we_have_left_are_known_and_change_nothing() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        secret = harness.calls.secret()
        assert [call.connection.secret for call in harness.active_calls.all] == [secret]
        assert await harness.dispatcher.knows_call(secret)
        assert await harness.service.media_sockets.knows(secret)
        await harness.commands.stop("room-1")
        assert not await harness.service.media_sockets.knows(secret), "no media any more"
        await asyncio.sleep(1)
        assert await harness.dispatcher.knows_call(secret)
        assert not await harness.dispatcher.knows_call("somebody else's")
        await harness.report(roster(ADA), OtherCallEvent(**report(type="PlayStarted")))
        await harness.dispatcher.deliver_call_event("somebody else's", roster(ADA))
        await asyncio.sleep(0.1)
        assert await harness.status() == (CallState.ENDED, "stopped")


@virtual_time
async def test_reports_nobody_needs_change_nothing() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.report(OtherCallEvent(**report(type="PlayStarted")))
        assert await harness.status() == (CallState.CONNECTED, None)


# --- what goes wrong between us and ACS -----------------------------------------------------------------


@virtual_time
async def test_a_call_that_cannot_be_joined_is_told_with_the_reason() -> None:
    async with ServiceHarness() as harness:
        harness.calls.refuses = CallError("acs_7504", "Forbidden", retryable=False)
        await harness.tell(started())
        assert await harness.status() == (CallState.LIVE, "connect_failed: acs_7504")
        assert harness.live_calls == 0
        assert harness.calls.hang_ups == []
        harness.calls.refuses = None
        await harness.tell(started(call="server-call-2"))
        assert await harness.status() == (CallState.CONNECTED, None)


@virtual_time
async def test_a_connect_that_fails_after_it_was_accepted_is_told_with_the_reason() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.report(ConnectFailed(**report(code=404, sub_code=8522)))
        assert await harness.status() == (CallState.LIVE, "connect_failed_8522")
        assert harness.calls.hang_ups == []


@virtual_time
async def test_a_room_that_is_over_before_we_have_joined_is_left_as_soon_as_we_have() -> None:
    async with ServiceHarness() as harness:
        harness.calls.connect_takes_s = 5.0
        await harness.tell(started())
        await harness.report(roster("28:us"), CallDisconnected(**report()))
        assert harness.calls.hang_ups == []
        await asyncio.sleep(5)
        assert harness.calls.hang_ups == ["connection-1"]
        assert await harness.status() == (CallState.ENDED, "call_ended")


@virtual_time
async def test_a_connect_whose_answer_is_lost_is_known_by_its_callback() -> None:
    async with ServiceHarness() as harness:
        harness.calls.refuses = CallError("timeout", "ACS did not answer in time", retryable=True)
        await harness.tell(started(), wait_s=0.05)
        await harness.report(CallConnected(**report("connection-77")))
        assert await harness.status() == (CallState.CONNECTED, None)
        await harness.commands.stop("room-1")
        await asyncio.sleep(1)
        assert harness.calls.hang_ups == ["connection-77"]


@virtual_time
async def test_a_connect_that_was_given_up_but_came_through_is_undone() -> None:
    async with ServiceHarness() as harness:
        harness.calls.refuses = CallError("timeout", "ACS did not answer in time", retryable=True)
        await harness.tell(started())
        assert await harness.status() == (CallState.LIVE, "connect_failed: timeout")
        await harness.report(CallConnected(**report("connection-77")))
        assert harness.calls.hang_ups == ["connection-77"]


@virtual_time
async def test_a_connect_that_comes_through_while_it_is_given_up_is_undone_as_well() -> None:
    """The regression: a callback between the lost answer and the end of the call was learnt, and then forgotten."""
    async with ServiceHarness() as harness:
        harness.calls.refuses = CallError("timeout", "ACS did not answer in time", retryable=True)
        await harness.tell(started(), wait_s=0.099)
        harness.active_calls.by_room("room-1").happen(CallTrigger.CONNECT_FAILED, "connect_failed: timeout")  # type: ignore[union-attr]  # it is there
        await harness.report(CallConnected(**report("connection-77")))
        assert harness.calls.hang_ups == ["connection-77"]


@virtual_time
async def test_an_event_of_another_connection_is_refused_and_ends_nothing() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(1), started(2, "server-call-2"))
        await harness.dial(1)
        await harness.dial(2)
        secrets = [harness.active_calls.by_room(room).connection.secret for room in ("room-1", "room-2")]  # type: ignore[union-attr]  # they are there
        for event in (CallDisconnected(**report("connection-2")), CallConnected(**report("connection-2"))):
            with pytest.raises(ForeignEvent):
                await harness.dispatcher.deliver_call_event(secrets[0], event)
        await asyncio.sleep(1)
        for number, room in enumerate(("room-1", "room-2"), start=1):
            call = harness.active_calls.by_room(room)
            assert call is not None
            assert (call.state, call.connection.id) == (CallState.STREAMING, f"connection-{number}")
        assert harness.calls.hang_ups == []


@virtual_time
async def test_the_connection_of_another_call_is_not_learnt_while_joining() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(1))
        harness.calls.connect_takes_s = 5.0
        await harness.tell(started(2, "server-call-2"))
        with pytest.raises(ForeignEvent):
            await harness.dispatcher.deliver_call_event(
                harness.calls.secret(2), CallConnected(**report("connection-1"))
            )
        await asyncio.sleep(5)
        call = harness.active_calls.by_room("room-2")
        assert call is not None and call.connection.id == "connection-2"


@virtual_time
async def test_a_late_connect_that_is_another_calls_connection_is_not_hung_up() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(1))
        await harness.dial(1)
        harness.calls.refuses = CallError("timeout", "ACS did not answer in time", retryable=True)
        await harness.tell(started(2, "server-call-2"))
        assert await harness.status(2) == (CallState.LIVE, "connect_failed: timeout")
        await harness.dispatcher.deliver_call_event(harness.calls.secret(2), CallConnected(**report("connection-1")))
        await asyncio.sleep(1)
        assert harness.calls.hang_ups == []


@pytest.mark.parametrize("ways", ["by itself", "by a report", "by an admin"])
def test_a_pause_survives_a_disconnect(ways: str) -> None:
    """The regression: a confidential pause was heard, because the interpreter that came back knew nothing of it."""

    @virtual_time
    async def script() -> None:
        async with ServiceHarness() as harness:
            await harness.tell(started())
            await harness.dial()
            await harness.report(roster(ADA, BENITO))
            await harness.commands.order("room-1", Order.PAUSE)
            await harness.report(CallDisconnected(**report(sub_code=500)))
            status = await harness.commands.status("room-1")
            assert (status.state, status.reason, status.paused) == (CallState.LIVE, "disconnected", True)
            match ways:
                case "by itself":
                    await asyncio.sleep(10)
                case "by a report":
                    await harness.tell(started(1, "server-call-1"))
                    await asyncio.sleep(10)
                case _:
                    await harness.commands.start("room-1")
                    await asyncio.sleep(0.5)
            acs = await harness.dial(2)
            assert (await harness.commands.status("room-1")).paused
            await acs.says(ADA, seconds=1.0)
            await asyncio.sleep(3)
            assert acs.played == []
            await harness.commands.order("room-1", Order.RESUME)
            await acs.says(ADA, seconds=1.0)
            await asyncio.sleep(3)
            assert acs.played != []

    script()


@virtual_time
async def test_a_call_whose_end_cannot_be_written_ends_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The regression: the error reached the group of all tasks, and every call of the process ended."""

    async def note(room_id: str, outcome: object) -> None:
        raise RuntimeError("a bug of ours")

    async with ServiceHarness() as harness:
        await harness.tell(started(1), started(2, "server-call-2"))
        await harness.dial(2)
        monkeypatch.setattr(harness.registry, "note", note)
        await harness.tell(ended(1))
        assert not harness.running.done()
        assert harness.active_calls.by_room("room-1") is None
        assert await harness.status(2) == (CallState.STREAMING, None)
        (failed,) = [one for one in caplog.records if one.getMessage() == "call task failed"]
        assert failed.__dict__["task"] == "call room-1"
        monkeypatch.undo()
        await harness.tell(started(1, "server-call-3"))
        await asyncio.sleep(5)
        assert await harness.status(1) == (CallState.CONNECTED, None), "the room is free again"


@pytest.mark.parametrize("orders", [[Order.PAUSE], [Order.PAUSE, Order.RESUME]])
def test_an_interpreter_that_is_about_to_join_again_takes_orders(orders: list[Order]) -> None:
    """The regression: they were refused, though the state was shown, and it came back as it had been lost."""

    @virtual_time
    async def script() -> None:
        async with ServiceHarness() as harness:
            await harness.tell(started())
            await harness.dial()
            await harness.report(roster(ADA))
            await harness.report(CallDisconnected(**report(sub_code=500)))
            assert harness.active_calls.by_room("room-1") is None
            for order in orders:
                await harness.commands.order("room-1", order)
                assert (await harness.commands.status("room-1")).paused == (order is Order.PAUSE)
            with pytest.raises(CommandRefused, match="not_live"):
                await harness.commands.order("room-1", Order.HUSH)
            await asyncio.sleep(RETRY_S[0] + 3)
            await harness.dial(2)
            status = await harness.commands.status("room-1")
            assert (status.state, status.paused) == (CallState.STREAMING, orders[-1] is Order.PAUSE)

    script()


@virtual_time
async def test_calls_of_a_service_that_fails_are_left_and_go_on_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The regression: they counted as over, and nobody joined them any more."""

    async def fail(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    state = InMemoryKeyValue(asyncio.get_running_loop().time)
    async with ServiceHarness(state=state) as harness:
        await harness.tell(started())
        await harness.dial()
        await harness.report(roster(ADA))
        monkeypatch.setattr(harness.registry, "receive", fail)
        await asyncio.wait([harness.running], timeout=30)
        assert harness.running.done()
        assert harness.calls.hang_ups == ["connection-1"]
        assert await harness.registry.calls() == []
        wanted = await harness.registry.wanted("room-1")
        assert wanted is not None
        assert not await harness.registry.is_over("server-call-1")
        harness.running.exception()


@virtual_time
async def test_the_next_call_of_a_room_is_not_paused() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.dial()
        await harness.commands.order("room-1", Order.PAUSE)
        await harness.report(CallDisconnected(**report(sub_code=500)))
        await harness.tell(started(1, "server-call-2"))
        await harness.dial(2)
        assert not (await harness.commands.status("room-1")).paused


@virtual_time
async def test_a_call_that_is_joined_again_does_not_pause_a_room_per_language_that_was_resumed_meanwhile() -> None:
    async with ServiceHarness() as harness:
        for number, language in enumerate(("en-US", "es-ES"), start=1):
            await harness.tell(started(f"9-{language}", f"server-call-{language}"))
            await harness.dial(number)
        await harness.report(roster(ADA))
        lost = harness.active_calls.by_room("room-9/es-ES")
        assert lost is not None
        await harness.commands.order("room-9/en-US", Order.PAUSE)
        lost.reported(CallDisconnected(**report("connection-2", sub_code=500)))
        await asyncio.sleep(1.0)
        await harness.commands.order("room-9/en-US", Order.RESUME)
        await asyncio.sleep(RETRY_S[0] + 5)
        assert harness.active_calls.by_room("room-9/es-ES") not in (None, lost)
        for key in ("room-9/en-US", "room-9/es-ES"):
            assert not (await harness.commands.status(key)).paused


@pytest.mark.parametrize("first", ["another call", "somebody joins", "an admin"])
def test_what_comes_while_the_last_call_is_being_settled_leads_to_the_next(first: str) -> None:
    """The regression: it was answered by joining, and nobody joined."""

    @virtual_time
    async def script() -> None:
        state = SlowStore(asyncio.get_running_loop().time)
        async with ServiceHarness(state=state) as harness:
            await harness.tell(started())
            await harness.dial()
            await harness.report(roster(ADA))
            state.takes_s = 1.0
            await harness.report(roster("28:us"), wait_s=0.2)
            call = harness.active_calls.by_room("room-1")
            assert call is not None
            for _ in range(20):
                if call.state is not CallState.ENDED:
                    await asyncio.sleep(0.05)
            assert call.state is CallState.ENDED
            assert not call.left.is_set()
            match first:
                case "another call":
                    await harness.tell(started(1, "server-call-2"))
                case "somebody joins":
                    await harness.dispatcher.deliver(ParticipantAdded("event-2", "acs-1", "server-call-1"))
                case _:
                    await harness.commands.start("room-1")
            state.takes_s = 0.0
            await asyncio.sleep(10)
            assert len(harness.calls.connects) == 2
            assert await harness.status() == (CallState.CONNECTED, None)

    script()


@pytest.mark.parametrize("roster_told", [True, False])
def test_people_whose_interpreter_acs_has_forgotten_get_another(roster_told: bool) -> None:
    """The regression: a connection that was gone counted as the end of the call, however many people were in it."""

    @virtual_time
    async def script() -> None:
        async with ServiceHarness() as harness:
            await harness.tell(started())
            await harness.dial()
            if roster_told:
                await harness.report(roster(ADA, BENITO))
            harness.calls.looks["connection-1"] = None
            await asyncio.sleep(25)
            assert harness.calls.rooms == ["acs-1", "acs-1"]
            assert await harness.status() == (CallState.CONNECTED, None)

    script()


@virtual_time
async def test_somebody_who_comes_while_a_lost_call_is_left_has_it_joined_again() -> None:
    """The regression: the report of that person made the call one that was over, and nobody interpreted it any more."""
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.dial()
        await harness.report(roster(ADA, BENITO))
        harness.calls.hang_up_takes_s = 1.0
        harness.booths.running[0].breaks(RuntimeError("a bug of ours"))
        await asyncio.sleep(0.1)
        assert await harness.status() == (CallState.DRAINING, "internal_error")
        await harness.dispatcher.deliver(ParticipantAdded("event", "acs-1", "server-call-1"))
        await asyncio.sleep(5)
        assert harness.calls.rooms == ["acs-1", "acs-1"]
        assert await harness.status() == (CallState.CONNECTED, None)


@virtual_time
async def test_an_admin_who_starts_an_interpreter_that_was_stopped_has_it_follow_the_call_again() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.commands.stop("room-1")
        await harness.commands.start("room-1")
        await asyncio.sleep(1)
        await harness.tell(started(), ended(call="server-call-0"))
        assert await harness.status() == (CallState.CONNECTED, None), (
            "the end of an earlier call is not the end of this"
        )


@virtual_time
async def test_our_own_hang_up_on_the_way_to_joining_again_does_not_end_the_call() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        harness.calls.restart = lambda: harness.calls.looks.clear()
        harness.calls.hang_up_takes_s = 1.0
        acs = await harness.dial()
        acs.hangs_up()
        await asyncio.sleep(8.2)
        assert harness.calls.hang_ups == ["connection-1"]
        await harness.report(CallDisconnected(**report(sub_code=7000)), wait_s=1.5)
        assert harness.calls.rooms == ["acs-1", "acs-1"]
        assert await harness.status() == (CallState.INTERRUPTED, "joining again")
        assert len(harness.rooms) == 1, "the same session"


@pytest.mark.parametrize("failure", [CallError("timeout", "", retryable=False), RuntimeError("a bug of ours")])
def test_a_hang_up_that_fails_is_told_and_the_room_is_free_again(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    @virtual_time
    async def script() -> None:
        async with ServiceHarness() as harness:
            await harness.tell(started(1), started(2, "server-call-2"))
            harness.calls.refuses_to_let_go = failure
            await harness.commands.stop("room-1")
            await asyncio.sleep(1)
            assert await harness.status(1) == (CallState.ENDED, "stopped")
            assert await harness.status(2) == (CallState.CONNECTED, None)
            assert {record.getMessage() for record in caplog.records} == {"hang-up failed"}
            harness.calls.refuses_to_let_go = None
            await asyncio.sleep(45)
            assert harness.calls.hang_ups.count("connection-1") == 2, "until it is done, and not any more then"

    script()


@virtual_time
async def test_a_bug_in_joining_ends_one_call_and_not_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(1))
        harness.calls.refuses = RuntimeError("a bug of ours")
        await harness.tell(started(2, "server-call-2"))
        assert await harness.status(2) == (CallState.LIVE, "internal_error")
        assert await harness.status(1) == (CallState.CONNECTED, None)
    assert "call failed" in [record.getMessage() for record in caplog.records]


# --- admins ------------------------------------------------------------------------------------------


@virtual_time
async def test_one_call_too_many_is_refused_with_a_reason_and_the_others_are_not_touched() -> None:
    async with ServiceHarness(max_calls=2) as harness:
        await harness.tell(*(started(n, f"server-call-{n}") for n in (1, 2, 3)))
        assert harness.calls.rooms == ["acs-1", "acs-2"]
        assert await harness.status(3) == (CallState.LIVE, "no capacity: 2 calls are live")
        assert (await harness.commands.status("room-3")).failed
        with pytest.raises(CommandRefused, match="no_capacity: no capacity: 2 calls are live"):
            await harness.commands.start("room-4")
        assert harness.live_calls == 2
        assert [room.over for room in harness.rooms] == [False, False]
        await harness.commands.stop("room-1")
        await asyncio.sleep(3)
        assert await harness.status(3) == (CallState.CONNECTED, None), "joined by itself, as soon as there is room"


@virtual_time
async def test_an_admin_starts_pauses_resumes_and_stops() -> None:
    async with ServiceHarness() as harness:
        await harness.commands.start("room-1")
        await asyncio.sleep(0.5)
        await harness.dial()
        await harness.commands.order("room-1", Order.PAUSE)
        assert (await harness.commands.status("room-1")).paused
        await harness.commands.order("room-1", Order.RESUME)
        assert not (await harness.commands.status("room-1")).paused
        await harness.commands.stop("room-1")
        await asyncio.sleep(1)
        assert await harness.status() == (CallState.ENDED, "stopped")
        assert harness.calls.hang_ups == ["connection-1"]


@virtual_time
async def test_orders_without_a_call_are_not_possible() -> None:
    async with ServiceHarness() as harness:
        with pytest.raises(CommandRefused, match="not_found"):
            await harness.commands.start("room-77")
        with pytest.raises(CommandRefused, match="not_live"):
            await harness.commands.stop("room-1")
        with pytest.raises(CommandRefused, match="not_live"):
            await harness.commands.order("room-1", Order.HUSH)
        await harness.commands.start("room-1")
        with pytest.raises(CommandRefused, match="already_live"):
            await harness.commands.start("room-1")
        await harness.commands.stop("room-1")
        with pytest.raises(CommandRefused, match="not_live"):
            await harness.commands.stop("room-1")
        with pytest.raises(CommandRefused, match="not_live"):
            await harness.commands.order("room-1", Order.HUSH)


@virtual_time
async def test_a_start_right_after_a_stop_joins_when_the_call_has_been_left() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.commands.stop("room-1")
        await harness.commands.start("room-1")
        with pytest.raises(CommandRefused, match="already_live"):
            await harness.commands.start("room-1")
        await asyncio.sleep(1)
        assert harness.calls.rooms == ["acs-1", "acs-1"]
        assert harness.calls.hang_ups == ["connection-1"]


@virtual_time
async def test_a_stop_right_after_that_start_takes_it_back() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.commands.stop("room-1")
        await harness.commands.start("room-1")
        await harness.commands.stop("room-1")
        await asyncio.sleep(1)
        assert harness.calls.rooms == ["acs-1"]
        assert await harness.status() == (CallState.ENDED, "stopped")


@virtual_time
async def test_a_running_call_follows_a_changed_plan() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.dial()
        await harness.report(roster(ADA, BENITO))
        assert sorted(booth.lane.target for booth in harness.booths.running) == ["en-US", "es-ES"]
        harness.dispatcher.change_plan("room-1", RoomPlan(("en-US", "fr-FR"), {ADA: PEOPLE[ADA]}))
        harness.dispatcher.change_plan("room-2", TWO_LANGUAGES)
        await harness.report(roster(BENITO))
        assert await harness.status() == (CallState.ENDED, "everybody_left"), "Benito is not on the roster any more"


@virtual_time
async def test_the_call_of_a_deleted_room_is_left_and_nothing_is_known_of_it() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(1))
        harness.dispatcher.room_deleted("room-1")
        await asyncio.sleep(1)
        assert harness.calls.hang_ups == ["connection-1"]
        harness.dispatcher.room_deleted("room-1")
        assert await harness.status() == (CallState.SCHEDULED, None)


# --- the end of the service ----------------------------------------------------------------------------


@virtual_time
async def test_draining_lets_what_is_interpreted_be_said_and_then_leaves() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(1), started(2, "server-call-2"))
        acs = await harness.dial(1)
        await acs.says(ADA, seconds=1.0)  # 2 s of interpretation follow half a second later
        began = harness.now
        await harness.service.drain(20.0)
        assert 2.0 < harness.now - began < 3.0
        assert len(acs.played) == 100
        assert sorted(harness.calls.hang_ups) == ["connection-1", "connection-2"]
        assert await harness.status(1) == (CallState.LIVE, "service_stopping"), "whoever comes next goes on"
        assert not harness.active_calls.accepting
        await harness.tell(started(3, "server-call-3"))
        assert await harness.status(3) == (CallState.LIVE, "service_stopping")
        await asyncio.sleep(5)
        assert len(harness.calls.connects) == 2


@virtual_time
async def test_draining_does_not_wait_longer_than_told(caplog: pytest.LogCaptureFixture) -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        acs = await harness.dial()
        await acs.says(ADA, seconds=1.0)
        began = harness.now
        await harness.service.drain(1.0)
        assert harness.now - began == pytest.approx(1.1, abs=0.01)
        assert [(p.state, p.reason) for p in harness.records.passages["room-1"]] == [("abandoned", "service_stopping")]
    assert [record.getMessage() for record in caplog.records] == ["drain limit reached"]


@virtual_time
async def test_draining_does_not_wait_for_ever_for_an_answer_to_a_connect(caplog: pytest.LogCaptureFixture) -> None:
    async with ServiceHarness() as harness:
        harness.calls.connect_takes_s = 3_600
        await harness.tell(started())
        began = harness.now
        await harness.service.drain(5.0)
        assert harness.now - began == LEAVE_TIMEOUT_S
    assert [record.getMessage() for record in caplog.records] == ["drain incomplete"]


@virtual_time
async def test_a_service_that_is_cancelled_hangs_up_everywhere() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started(1), started(2, "server-call-2"))
        await harness.dial(1)
        harness.running.cancel()
        await asyncio.wait([harness.running])
        assert sorted(harness.calls.hang_ups) == ["connection-1", "connection-2"]
        assert await harness.status(1) == (CallState.LIVE, "cancelled"), "whoever comes next goes on"
        assert harness.booths.running == []


@virtual_time
async def test_nothing_is_joined_before_the_service_runs() -> None:
    harness = ServiceHarness()
    with pytest.raises(RuntimeError, match="not running"):
        await harness.commands.start("room-1")
    assert harness.calls.connects == []


@virtual_time
async def test_lines_about_a_call_carry_its_room(caplog: pytest.LogCaptureFixture) -> None:
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonFormatter().format(record))

    listener = Listener()
    logger = logging.getLogger("bot")
    logger.addHandler(listener)
    try:
        with caplog.at_level(logging.INFO, "bot"):
            async with ServiceHarness() as harness:
                await harness.tell(started(1))
                await harness.dial(1)
                await harness.commands.stop("room-1")
                await asyncio.sleep(1)
    finally:
        logger.removeHandler(listener)
    messages = {json.loads(line)["message"] for line in lines}
    assert messages == {"call state changed", "call joined", "media stream opened", "media stream closed", "call left"}
    assert all(json.loads(line)["room_id"] == "room-1" for line in lines)
    assert not any(harness.calls.secret() in line for line in lines)
