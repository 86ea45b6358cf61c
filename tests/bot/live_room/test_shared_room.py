from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from bot.interpreting.plan import Attendee, Layout, RoomPlan
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.live_room import LiveRoom, RoomEnded
from bot.live_room.shared_room import RoomShare, SharedRoom
from bot.outputs.listener_feed import ListenerFeed
from listeners.feed import Feed
from tests.bot.live_room.test_live_room import Notebook
from tests.support.booths import FakeBooths
from tests.support.media_streams import FakeMediaStream, NumberedSpeech
from tests.support.meeting import ADA, BENITO, Answers
from tests.support.virtual_time import virtual_time

PLAN = RoomPlan(
    ("en-US", "es-ES"),
    {ADA: Attendee(ADA, "Ada", "en-US", "en-US"), BENITO: Attendee(BENITO, "Benito", "es-ES", "es-ES")},
    layout=Layout.SISTER,
)


class House:
    """A shared room with a seat per language, each with a media socket of its own."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.metronome = FrameTimer()
        self.notebook = Notebook()
        self.booths = FakeBooths(Answers(seconds=1.0))
        live = LiveRoom(
            PLAN,
            name="u",
            booths=self.booths,
            detectors=NumberedSpeech(),
            metronome=self.metronome,
            scribe=self.notebook,
            audience=ListenerFeed(Feed(), "room-1", 0),
            clock=loop.time,
        )
        self.shared = SharedRoom(live, "u", self._spawn)
        self.seats = {language: self.shared.seat(language) for language in PLAN.languages}
        self.running: dict[str, asyncio.Task[RoomEnded]] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self._stack = AsyncExitStack()

    def _spawn(self, coroutine: Coroutine[object, object, None], name: str) -> None:
        self._keep(asyncio.create_task(coroutine, name=name))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self.tasks.append(task)

    async def __aenter__(self) -> House:
        self._keep(asyncio.create_task(self.metronome.run()))
        for language, seat in self.seats.items():
            self.running[language] = asyncio.create_task(seat.run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in [*self.running.values(), *self.tasks]:
            task.cancel()
        await asyncio.wait([*self.running.values(), *self.tasks])

    async def dialled(self, language: str) -> FakeMediaStream:
        acs = FakeMediaStream()

        async def serve(seat: RoomShare) -> None:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(acs.stream.write())
                await seat.attach(acs.stream)
                writer.cancel()
            await acs.stream.close()

        self._keep(asyncio.create_task(serve(self.seats[language])))
        await asyncio.sleep(0)
        return acs


@virtual_time
async def test_what_is_said_in_one_room_is_heard_interpreted_in_the_other_and_only_there() -> None:
    async with House() as house:
        english, spanish = await house.dialled("en-US"), await house.dialled("es-ES")
        await english.says(ADA, seconds=1.0)
        await asyncio.sleep(3)
        assert (len(english.played), len(spanish.played)) == (0, 50)
        await spanish.says(BENITO, seconds=1.0)
        await asyncio.sleep(3)
        assert (len(english.played), len(spanish.played)) == (50, 50)
        assert house.notebook.states == [("spoken", "")] * 2


@virtual_time
async def test_a_room_that_is_left_leaves_the_other_as_it_was_and_the_last_closes_the_books() -> None:
    async with House() as house:
        english, spanish = await house.dialled("en-US"), await house.dialled("es-ES")
        house.seats["es-ES"].end("everybody_left", hang_up=True)
        assert await house.running["es-ES"] == RoomEnded("everybody_left", hang_up=True)
        assert spanish.close_code == 1000
        assert not house.shared.live.over and house.shared.free
        await english.says(ADA, seconds=1.0, pause=0.1)
        house.seats["en-US"].end("stopped", hang_up=True)
        assert await house.running["en-US"] == RoomEnded("stopped", hang_up=True)
        assert house.shared.ended is not None and not house.shared.free
        assert house.notebook.states == [("abandoned", "stopped")]


@virtual_time
async def test_a_fault_of_the_room_ends_all_its_seats() -> None:
    async with House() as house:
        english = await house.dialled("en-US")
        await english.says(ADA, seconds=0.5)
        house.booths.made[0].breaks(RuntimeError("broken"))
        for running in house.running.values():
            assert (await running).reason == "internal_error"


@pytest.mark.parametrize("dialled", [True, False])
def test_a_cancelled_call_gives_its_seat_up(dialled: bool) -> None:
    @virtual_time
    async def script() -> None:
        async with House() as house:
            if dialled:
                await house.dialled("es-ES")
            house.running["es-ES"].cancel()
            await asyncio.wait([house.running["es-ES"]])
            assert not house.shared.live.over
            house.running["en-US"].cancel()
            await asyncio.wait([house.running["en-US"]])
            assert house.shared.live.over

    script()


@virtual_time
async def test_who_moves_to_another_language_is_followed() -> None:
    async with House() as house:
        english, spanish = await house.dialled("en-US"), await house.dialled("es-ES")
        people = {**PLAN.attendees, ADA: Attendee(ADA, "Ada", "en-US", "es-ES")}
        house.seats["en-US"].change_plan(replace(PLAN, attendees=people))
        await spanish.says(ADA, seconds=1.0)
        await asyncio.sleep(3)
        assert len(spanish.played) == 50, "she is heard there in English, and Benito needs Spanish"
        assert english.played == [], "nobody sits there any more"
