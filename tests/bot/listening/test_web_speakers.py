"""People who speak by browser find their room, or begin it; in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.calls.acs_client import CallLook
from bot.calls.by_browser.attendance import IDLE_S
from bot.calls.state_machine import CallState
from bot.errors import CallError
from bot.interpreting.events import Order
from bot.interpreting.plan import primary
from bot.listening.web_speakers import ATTEMPT_S, ATTEMPTS
from bot.live_room.microphones import RoomMicrophone
from listeners.microphones import MicrophoneRefused
from storage.errors import StoreUnavailable
from tests.support.audio import numbered
from tests.support.call_service import WALL_CLOCK, WEB_ROOM, ServiceHarness, started
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.meeting import ADA, BENITO, GUEST
from tests.support.virtual_time import virtual_time

WEB = WEB_ROOM.room_id


class Door:
    """Opens microphones, and notes why they end."""

    def __init__(self, harness: ServiceHarness) -> None:
        self.harness = harness
        self.ended: list[str] = []

    async def open(self, speaker: str = ADA, room: str = WEB) -> RoomMicrophone:
        return await self.harness.service.open_microphone(room, speaker, self.ended.append)

    async def refused(self, speaker: str = ADA, room: str = WEB) -> str:
        with pytest.raises(MicrophoneRefused) as refusal:
            await self.open(speaker, room)
        assert str(refusal.value)
        return refusal.value.reason


async def says(microphone: RoomMicrophone, seconds: float, pause: float = 0.6, captured_s: float = 0.0) -> None:
    """Speak; by the browser's clock the first frame is captured after this time."""
    speech, silence = round(seconds / 0.02), round(pause / 0.02)
    captured_us = round(1_800_000_000_000_000 + captured_s * 1e6)
    for number in range(speech + silence):
        await asyncio.sleep(0.02)
        microphone.frame(numbered(1 if number < speech else 0), captured_us + number * 20_000)


async def state(harness: ServiceHarness, room: str = WEB) -> tuple[CallState, str | None]:
    status = await harness.commands.status(room)
    return status.state, status.reason


@virtual_time
async def test_the_first_microphone_begins_the_room_and_acs_is_never_asked() -> None:
    async with ServiceHarness() as harness:
        door = Door(harness)
        assert await state(harness) == (CallState.SCHEDULED, None)
        ada, benito = await asyncio.gather(door.open(ADA), door.open(BENITO))
        await asyncio.sleep(0.1)
        assert await state(harness) == (CallState.STREAMING, None)
        spanish, english = (harness.feed.read_audio(WEB, tag) for tag in ("es-ES", "en-US"))
        captions = harness.feed.read_captions(WEB)
        await says(ada, 1.0)
        await asyncio.sleep(5.0)
        await says(benito, 1.0)
        await asyncio.sleep(8.0)
        assert len(harness.rooms) == 1
        entries = [(one.speaker_id, one.source, one.target, one.state) for one in harness.records.passages[WEB]]
        assert sorted(one for one in entries if one[1] != one[2]) == [
            (ADA, "en-US", "es-ES", "spoken"),
            (BENITO, "es-ES", "en-US", "spoken"),
        ]
        assert {line.speaker_id for line in harness.records.lines[WEB]} == {ADA, BENITO}
        captions.close()
        names = {(line.caption.speaker_name, primary(line.caption.language)) async for line in captions}
        assert names == {("Ada", "en"), ("Ada", "es"), ("Benito", "es"), ("Benito", "en")}
        for reader in (spanish, english):
            reader.close()
            assert [pcm async for pcm in reader], "both channels were heard"
        assert (harness.calls.connects, harness.calls.hang_ups, harness.calls.restarts) == ([], [], [])
        assert [kind for kind, *_ in harness.emitted] == ["room.live", "interpreter.joined"]


@virtual_time
async def test_a_room_is_left_when_its_speakers_have_been_gone_for_a_while() -> None:
    async with ServiceHarness() as harness:
        door = Door(harness)
        ada = await door.open()
        await asyncio.sleep(500)
        ada.close()
        await asyncio.sleep(IDLE_S - 1)
        assert (await state(harness))[0] is CallState.STREAMING
        ada = await door.open()
        await asyncio.sleep(1)
        ada.close()
        await asyncio.sleep(IDLE_S - 1)
        assert (await state(harness))[0] is CallState.STREAMING
        await asyncio.sleep(2)
        assert await state(harness) == (CallState.ENDED, "everybody_left")
        assert harness.emitted[-1] == ("room.ended", WEB, "everybody_left")
        await door.open()
        await asyncio.sleep(0.1)
        assert (await state(harness))[0] is CallState.STREAMING
        assert door.ended == []


@virtual_time
async def test_a_room_that_an_admin_started_waits_for_its_first_speaker_for_a_while() -> None:
    async with ServiceHarness() as harness:
        await harness.commands.start(WEB)
        await asyncio.sleep(IDLE_S - 1)
        assert (await state(harness))[0] is CallState.STREAMING
        await asyncio.sleep(2)
        assert await state(harness) == (CallState.ENDED, "everybody_left")


@virtual_time
async def test_admins_command_a_room_without_a_call_like_any_other() -> None:
    async with ServiceHarness() as harness:
        door = Door(harness)
        ada = await door.open()
        await harness.commands.order(WEB, Order.PAUSE)
        assert (await harness.commands.status(WEB)).paused
        await says(ada, 1.0)
        await harness.commands.order(WEB, Order.RESUME)
        assert harness.records.passages[WEB] == []
        await says(ada, 1.0)
        await harness.commands.stop(WEB)
        await asyncio.sleep(1)
        assert await state(harness) == (CallState.ENDED, "stopped")
        assert {one.state for one in harness.records.passages[WEB] if one.source != one.target} == {"abandoned"}
        assert door.ended == ["room_ended"]


@pytest.mark.parametrize("how", ["deleted", "expired", "extended"])
def test_a_room_ends_when_it_is_deleted_or_expires(how: str) -> None:
    @virtual_time
    async def script() -> None:
        async with ServiceHarness() as harness:
            door = Door(harness)
            plan = replace(WEB_ROOM.plan, open_until=WALL_CLOCK + 100.0)
            harness.plans.rooms[WEB] = replace(WEB_ROOM, plan=plan)
            await door.open()
            await asyncio.sleep(90)
            if how == "deleted":
                harness.dispatcher.room_deleted(WEB)
            elif how == "extended":
                harness.dispatcher.change_plan(WEB, replace(plan, open_until=WALL_CLOCK + 1_000.0))
            await asyncio.sleep(20)
            if how == "extended":
                assert (await state(harness))[0] is CallState.STREAMING
                await asyncio.sleep(900)
            assert door.ended == ["room_ended"]
            reason = "room_deleted" if how == "deleted" else "room_expired"
            assert harness.emitted[-1] == ("room.ended", WEB, reason)

    script()


@virtual_time
async def test_whoever_is_taken_off_the_roster_is_put_out() -> None:
    async with ServiceHarness() as harness:
        door = Door(harness)
        await door.open(ADA)
        await door.open(BENITO)
        attendees = {BENITO: WEB_ROOM.plan.attendees[BENITO]}
        harness.dispatcher.change_plan(WEB, replace(WEB_ROOM.plan, attendees=attendees))
        await asyncio.sleep(0.1)
        assert door.ended == ["removed"]


@virtual_time
async def test_who_may_not_speak_is_told_why() -> None:
    async with ServiceHarness(max_calls=1) as harness:
        door = Door(harness)
        assert await door.refused(GUEST) == "not_on_roster"
        assert await door.refused(room="room-0") == "room_not_found"
        await door.open(room="room-1")
        assert await door.refused() == "no_capacity"
        harness.active_calls.accepting = False
        assert await door.refused() == "service_stopping"


@virtual_time
async def test_without_a_store_nobody_can_begin_to_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ServiceHarness() as harness:

        async def away(*_: object) -> None:
            raise StoreUnavailable("away")

        monkeypatch.setattr(harness.registry, "call", away)
        assert await Door(harness).refused() == "store_unavailable"


@virtual_time
async def test_somebody_who_comes_while_the_room_is_left_waits_and_begins_the_next() -> None:
    async with ServiceHarness() as harness:
        door = Door(harness)
        harness.calls.hang_up_takes_s = 2.0
        await harness.tell(started())
        await harness.dial()
        await harness.commands.stop("room-1")
        await door.open(room="room-1")
        await asyncio.sleep(0.5)
        assert harness.calls.rooms == ["acs-1", "acs-1"]


@virtual_time
async def test_a_room_that_is_forever_between_two_replicas_is_given_up() -> None:
    async with ServiceHarness() as harness:

        async def never(*args: object, **more: object) -> str:
            return "already_live"

        harness.active_calls.join = never  # type: ignore[method-assign]  # another is always faster
        began = harness.now
        assert await Door(harness).refused() == "not_live"
        assert harness.now - began == pytest.approx(ATTEMPTS * ATTEMPT_S)


@virtual_time
async def test_in_an_acs_room_the_call_begins_and_lasts_as_long_as_somebody_speaks_by_browser() -> None:
    async with ServiceHarness() as harness:
        door = Door(harness)
        harness.calls.looks["connection-1"] = CallLook("connected", frozenset())
        ada = await door.open(room="room-1")
        acs = await harness.dial()
        call = harness.active_calls.by_room("room-1")
        assert call is not None
        call.participants(frozenset({BENITO}))
        call.participants(frozenset())
        await asyncio.sleep(200)
        assert call.state is CallState.STREAMING, "everybody in the call has left, and Ada has not"
        await says(ada, 1.0)
        await asyncio.sleep(1.0)
        assert len(acs.played) >= 40, "she is brought into the call"
        ada.close()
        await asyncio.sleep(IDLE_S + 1)
        assert await state(harness, "room-1") == (CallState.ENDED, "everybody_left")
        assert harness.calls.hang_ups == ["connection-1"]


@virtual_time
async def test_a_call_with_people_goes_on_without_those_who_came_by_browser() -> None:
    async with ServiceHarness() as harness:
        door = Door(harness)
        await harness.tell(started())
        await harness.dial()
        call = harness.active_calls.by_room("room-1")
        assert call is not None
        call.participants(frozenset({BENITO}))
        (await door.open(room="room-1")).close()
        await asyncio.sleep(2 * IDLE_S)
        assert call.state is CallState.STREAMING


@virtual_time
async def test_rooms_per_language_are_entered_by_the_call_of_the_language_heard() -> None:
    async with ServiceHarness() as harness:
        await Door(harness).open(room="room-9")
        await asyncio.sleep(0.5)
        assert harness.calls.rooms == ["acs-9-es-ES"]


@virtual_time
async def test_a_replica_that_drains_hands_its_rooms_without_a_call_to_another() -> None:
    loop = asyncio.get_running_loop()
    state_ = InMemoryKeyValue(loop.time)
    async with ServiceHarness(replica="a", state=state_) as a, ServiceHarness(replica="b", state=state_) as b:
        await asyncio.sleep(3)
        first, second = Door(a), Door(b)
        await first.open()
        assert await second.refused() == "other_replica"
        await a.service.drain(1.0)
        assert first.ended == ["service_stopping"]
        await second.open()
        await asyncio.sleep(1)
        assert (len(a.active_calls), len(b.active_calls)) == (0, 1)
        assert b.active_calls.by_room(WEB) is not None


@virtual_time
async def test_a_room_that_waits_for_its_start_begins_by_a_command_alone() -> None:
    async with ServiceHarness() as harness:
        harness.plans.rooms[WEB] = replace(WEB_ROOM, waits_for_start=True)
        door = Door(harness)
        assert await door.refused() == "not_started"
        assert await state(harness) == (CallState.SCHEDULED, None)
        await harness.commands.start(WEB)
        await asyncio.sleep(0.1)
        await door.open()
        assert await state(harness) == (CallState.STREAMING, None)


@virtual_time
async def test_in_an_acs_room_that_nobody_has_joined_people_by_browser_understand_each_other() -> None:
    async with ServiceHarness() as harness:
        harness.calls.refuses = CallError("acs_8522", "Call not found.", retryable=False)
        door = Door(harness)
        ada, benito = await door.open(ADA, "room-1"), await door.open(BENITO, "room-1")
        spanish = harness.feed.read_audio("room-1", "es-ES")
        await asyncio.sleep(1)
        assert (await state(harness, "room-1"))[0] is CallState.BY_BROWSER
        await says(ada, 1.0)
        await asyncio.sleep(5.0)
        await says(benito, 1.0)
        await asyncio.sleep(8.0)
        spanish.close()
        assert [pcm async for pcm in spanish]
        entries = [(one.source, one.target, one.state) for one in harness.records.passages["room-1"]]
        assert entries == [("en-US", "es-ES", "spoken"), ("es-ES", "es-ES", "spoken")], "and nothing for an empty call"
        harness.calls.refuses = None
        await harness.commands.start("room-1")
        await asyncio.sleep(0.5)
        acs = await harness.dial(2)
        assert (await state(harness, "room-1"))[0] is CallState.STREAMING
        call = harness.active_calls.by_room("room-1")
        assert call is not None
        call.participants(frozenset({BENITO}))
        await says(ada, 1.0, captured_s=30.0)
        await asyncio.sleep(1.0)
        assert len(acs.played) >= 40, "from now on she is brought into the call"
        assert door.ended == []
