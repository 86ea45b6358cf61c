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
from bot.outputs.listener_publisher import ListenerPublisher
from listeners.feed import Feed
from tests.support.booths import FakeBooths
from tests.support.media_streams import FakeMediaStream, NumberedSpeech
from tests.support.meeting import ADA, BENITO, Answers
from tests.support.transcripts import TranscriptNotes
from tests.support.virtual_time import virtual_time

PLAN = RoomPlan(
    ("en-US", "es-ES"),
    {ADA: Attendee(ADA, "Ada", "en-US", "en-US"), BENITO: Attendee(BENITO, "Benito", "es-ES", "es-ES")},
    layout=Layout.SISTER,
)


class Rooms:
    """A shared room with a share per language, each with a media socket of its own."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.frame_timer = FrameTimer()
        self.notebook = TranscriptNotes()
        self.booths = FakeBooths(Answers(seconds=1.0))
        live = LiveRoom(
            PLAN,
            name="u",
            booths=self.booths,
            detectors=NumberedSpeech(),
            frame_timer=self.frame_timer,
            transcript=self.notebook,
            audience=ListenerPublisher(Feed(), "room-1", 0),
            clock=loop.time,
        )
        self.shared = SharedRoom(live, self._spawn)
        self.shares = {language: self.shared.share(language) for language in PLAN.languages}
        self.running: dict[str, asyncio.Task[RoomEnded]] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self._stack = AsyncExitStack()

    def _spawn(self, coroutine: Coroutine[object, object, None], name: str) -> None:
        self._keep(asyncio.create_task(coroutine, name=name))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self.tasks.append(task)

    async def __aenter__(self) -> Rooms:
        self._keep(asyncio.create_task(self.frame_timer.run()))
        for language, share in self.shares.items():
            self.running[language] = asyncio.create_task(share.run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in [*self.running.values(), *self.tasks]:
            task.cancel()
        await asyncio.wait([*self.running.values(), *self.tasks])

    async def dialled(self, language: str) -> FakeMediaStream:
        acs = FakeMediaStream()

        async def serve(share: RoomShare) -> None:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(acs.stream.write())
                await share.attach(acs.stream)
                writer.cancel()
            await acs.stream.close()

        self._keep(asyncio.create_task(serve(self.shares[language])))
        await asyncio.sleep(0)
        return acs


@virtual_time
async def test_all_calls_of_a_room_have_the_same_microphones() -> None:
    async with Rooms() as rooms:
        assert {share.microphones for share in rooms.shares.values()} == {rooms.shared.live.microphones}


@virtual_time
async def test_what_is_said_in_one_room_is_heard_interpreted_in_the_other_and_only_there() -> None:
    async with Rooms() as rooms:
        english, spanish = await rooms.dialled("en-US"), await rooms.dialled("es-ES")
        await english.says(ADA, seconds=1.0)
        await asyncio.sleep(3)
        assert (len(english.played), len(spanish.played)) == (0, 50)
        await spanish.says(BENITO, seconds=1.0)
        await asyncio.sleep(3)
        assert (len(english.played), len(spanish.played)) == (50, 50)
        assert rooms.notebook.states == [("spoken", "")] * 2


@virtual_time
async def test_a_room_that_is_left_leaves_the_other_as_it_was_and_the_last_closes_the_books() -> None:
    async with Rooms() as rooms:
        english, spanish = await rooms.dialled("en-US"), await rooms.dialled("es-ES")
        rooms.shares["es-ES"].end("everybody_left", hang_up=True)
        assert await rooms.running["es-ES"] == RoomEnded("everybody_left", hang_up=True)
        assert spanish.close_code == 1000
        assert not rooms.shared.live.over and rooms.shared.joinable
        await english.says(ADA, seconds=1.0, pause=0.1)
        rooms.shares["en-US"].end("stopped", hang_up=True)
        assert await rooms.running["en-US"] == RoomEnded("stopped", hang_up=True)
        assert rooms.shared.ended is not None and not rooms.shared.joinable
        assert rooms.notebook.states == [("abandoned", "stopped")]


@virtual_time
async def test_a_fault_of_the_room_ends_all_its_shares() -> None:
    async with Rooms() as rooms:
        english = await rooms.dialled("en-US")
        await english.says(ADA, seconds=0.5)
        rooms.booths.made[0].breaks(RuntimeError("broken"))
        for running in rooms.running.values():
            assert (await running).reason == "internal_error"


@pytest.mark.parametrize("dialled", [True, False])
def test_a_cancelled_call_leaves_the_room(dialled: bool) -> None:
    @virtual_time
    async def script() -> None:
        async with Rooms() as rooms:
            if dialled:
                await rooms.dialled("es-ES")
            rooms.running["es-ES"].cancel()
            await asyncio.wait([rooms.running["es-ES"]])
            assert not rooms.shared.live.over
            rooms.running["en-US"].cancel()
            await asyncio.wait([rooms.running["en-US"]])
            assert rooms.shared.live.over

    script()


@virtual_time
async def test_who_moves_to_another_language_is_followed() -> None:
    async with Rooms() as rooms:
        english, spanish = await rooms.dialled("en-US"), await rooms.dialled("es-ES")
        people = {**PLAN.attendees, ADA: Attendee(ADA, "Ada", "en-US", "es-ES")}
        rooms.shares["en-US"].change_plan(replace(PLAN, attendees=people))
        await spanish.says(ADA, seconds=1.0)
        await asyncio.sleep(3)
        assert len(spanish.played) == 50, "she is heard there in English, and Benito needs Spanish"
        assert english.played == [], "nobody sits there any more"
