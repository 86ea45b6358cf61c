"""The real dispatcher in an ACS that loses, delays, repeats and shuffles, walked at random: what must hold then.

While it goes on, there are never two of ours in a room; when it has calmed down, there is one where people are, and
none where nobody is, and nothing is left over.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.calls.commands import CommandRefused
from bot.calls.state_machine import CallState
from bot.interpreting.plan import RoomPlan
from tests.support.acs_world import AcsWorld
from tests.support.call_service import ServiceHarness
from tests.support.meeting import ADA, BENITO, PEOPLE, TWO_LANGUAGES
from tests.support.virtual_time import virtual_time

ROOMS = (1, 2)
CALM_S = 400.0
"""Longer than any patience: two minutes alone in a call, a minute between attempts, what is still under way."""


class Move(NamedTuple):
    name: str
    room: int
    then_s: float


class Walk:
    """One harness, one world, and what may be expected of them."""

    def __init__(self, harness: ServiceHarness, world: AcsWorld) -> None:
        self.harness = harness
        self.world = world
        self.excused: dict[int, str | None] = {}
        """Rooms we were told to leave, or put out of, and the call that was on then: we may stay away from it."""

    async def go(self, move: Move) -> None:
        world, acs_room = self.world, f"acs-{move.room}"
        match move.name:
            case "stop" | "start":
                await self._order(move.name, move.room)
            case "put out":
                if world.interpreters(acs_room):
                    self._excuse(move.room)
                world.put_out(acs_room)
            case "delete":
                self.harness.plans.rooms.pop(f"room-{move.room}", None)
                self.harness.dispatcher.room_deleted(f"room-{move.room}")
                for person in PEOPLE:
                    world.leave(acs_room, person)
            case "change":
                plan = RoomPlan(TWO_LANGUAGES.languages, {ADA: PEOPLE[ADA]})
                self.harness.dispatcher.change_plan(f"room-{move.room}", TWO_LANGUAGES)
                self.harness.dispatcher.change_plan(f"room-{move.room + 2}", plan)
            case "bug":
                for booth in self.harness.booths.running[:1]:
                    booth.breaks(RuntimeError("a bug of ours"))
            case _:
                if move.name in MEETING and self._exists(move.room):
                    MEETING[move.name](world, acs_room)
        await asyncio.sleep(move.then_s)

    async def _order(self, order: str, room: int) -> None:
        commands = self.harness.commands
        try:
            if order == "stop":
                await commands.stop(f"room-{room}")
                self._excuse(room)
            else:
                await commands.start(f"room-{room}")
                self.excused.pop(room, None)
        except CommandRefused:
            pass

    def _excuse(self, room: int) -> None:
        meeting = self.world.meetings.get(f"acs-{room}")
        self.excused[room] = None if meeting is None else meeting.server_call_id

    def _exists(self, room: int) -> bool:
        return f"room-{room}" in self.harness.plans.rooms

    async def judge(self) -> None:
        """Everything has been quiet for long enough."""
        harness, world = self.harness, self.world
        assert world.crowded == []
        busy = set()
        for room in ROOMS:
            bots = world.interpreters(f"acs-{room}")
            meeting = world.meetings.get(f"acs-{room}")
            status = await harness.status(room)
            if meeting is None or not meeting.people:
                assert bots == [], "nobody is there any more"
                assert status[0] in (CallState.ENDED, CallState.SCHEDULED)
            elif room not in self.excused or self.excused[room] not in (None, meeting.server_call_id):
                assert len(bots) == 1, status
                assert bots[0].stream is not None and status[0] is CallState.STREAMING
            if bots:
                assert len(bots) == 1
                busy.add(f"room-{room}")
        active_calls, registry = harness.active_calls, harness.registry
        assert {call.room.room_id for call in active_calls.all if not call.live.over} == busy
        assert {record.room_id for record in await registry.calls()} == busy
        assert {wanted.room_id for wanted in await registry.all_wanted()} <= busy
        assert await registry.orphans() == []
        assert await harness.state.find("event:") == {}
        for record in await registry.calls():
            call = active_calls.by_room(record.room_id)
            assert call is not None
            assert msgspec.structs.replace(call.record, secret=call.connection.secret) == record, (
                "written down as it is"
            )


MEETING: dict[str, Callable[[AcsWorld, str], None]] = {
    "ada joins": lambda world, room: world.join(room, ADA),
    "benito joins": lambda world, room: world.join(room, BENITO),
    "ada leaves": lambda world, room: world.leave(room, ADA),
    "benito leaves": lambda world, room: world.leave(room, BENITO),
    "disconnect": lambda world, room: world.disconnect(room),
    "vanish": lambda world, room: world.vanish(room),
    "media drops": lambda world, room: world.drop_media(room),
    "media refused": lambda world, room: world.refuse_media(room),
}
NAMES = (*MEETING, "ada joins", "ada leaves", "stop", "start", "put out", "delete", "change", "bug")
moves = st.builds(
    Move, st.sampled_from(NAMES), st.sampled_from(ROOMS), st.sampled_from((0.0, 0.0, 0.06, 0.3, 2.0, 7.0, 25.0))
)


@pytest.mark.timeout(120)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**16), ends_with_people=st.booleans(), path=st.lists(moves, min_size=2, max_size=25))
def test_one_interpreter_where_people_are_and_none_where_nobody_is(
    seed: int, ends_with_people: bool, path: list[Move]
) -> None:
    walk(seed, ends_with_people, path)


def walk(seed: int, ends_with_people: bool, path: list[Move]) -> None:
    @virtual_time
    async def script() -> None:
        world = AcsWorld(random.Random(seed), ends_with_people=ends_with_people)
        async with ServiceHarness(calls=world) as harness:
            world.host = harness
            walking = Walk(harness, world)
            for move in path:
                await walking.go(move)
            world.troubled = False
            await asyncio.sleep(CALM_S)
            await walking.judge()
            for room in ROOMS:
                for person in PEOPLE:
                    world.leave(f"acs-{room}", person)
            await asyncio.sleep(CALM_S)
            await walking.judge()
            assert harness.live_calls == 0
            assert not harness.running.done()

    logging.disable(logging.CRITICAL)
    try:
        script()
    finally:
        logging.disable(logging.NOTSET)
