"""Group calls: people join by a GUID, the real client connects by it, Event Grid names it."""

from __future__ import annotations

import asyncio

import pytest
from azure.communication.callautomation import CallConnectionProperties
from azure.core.exceptions import ResourceNotFoundError

from emulator.client import JoinRefused, Participant
from tests.support.acs_emulator import constant, make_guest, samples, until
from tests.support.acs_meeting import Meeting, endpoint, media_options, meeting, subscribe
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time

GROUP = "0f8fad5b-d9cb-469f-a165-70867728950e"


async def connect(m: Meeting) -> CallConnectionProperties:
    return await m.calls.connect_call(
        group_call_id=GROUP, callback_url=m.bot.callback_url, media_streaming=media_options(m.bot)
    )


async def test_a_bot_is_in_a_group_call() -> None:
    async with endpoint() as there, meeting() as m:
        await subscribe(m.acs, there, "EventGridSchema", included_event_types=["Microsoft.Communication.CallStarted"])
        with pytest.raises(ResourceNotFoundError):
            await connect(m)
        async with (
            Participant.join(m.acs.url, GROUP, m.anna.token, "Anna", group=True) as anna,
            Participant.join(m.acs.url, GROUP, m.ben.token, "Ben", group=True) as ben,
        ):
            connected = await connect(m)
            await m.bot.wait_for_audio()
            people = [person async for person in m.connection(connected).list_participants()]
            assert {person.identifier.raw_id for person in people if person.identifier} == {m.anna.id, m.ben.id}
            await asyncio.gather(anna.speak(constant(1000, 200)), m.bot.say(constant(30, 200)))
            await until(lambda: 1030 in samples(ben.heard) or {1000, 30} <= set(samples(ben.heard)))
            await until(lambda: there.bodies)
            assert there.bodies[0][0]["data"]["group"] == {"id": GROUP}
            assert not there.bodies[0][0]["data"]["isRoomsCall"]
            started = await m.calls.start_recording(group_call_id=GROUP)
            assert started.recording_state == "active"
        await m.bot.wait_for("CallDisconnected")


async def test_who_hangs_up_leaves_the_others_talking() -> None:
    async with meeting() as m, Participant.join(m.acs.url, GROUP, m.anna.token, "Anna", group=True) as anna:
        connection = m.connection(await connect(m))
        await m.bot.wait_for("MediaStreamingStarted")
        await connection.hang_up(is_for_everyone=False)
        await m.bot.wait_for("CallDisconnected")
        frames = anna.frames_heard
        await until(lambda: anna.frames_heard > frames + 20)
        assert not anna.closed


async def test_who_is_not_let_in() -> None:
    async with meeting() as m:
        guest, chatter = await make_guest(m.acs, ["voip.join"]), await make_guest(m.acs, ["chat"])
        for group, token, status in (
            ("no-guid", m.anna.token, 400),
            (GROUP, "nobody's", 401),
            (GROUP, chatter.token, 403),
            (GROUP, guest.token, 403),
        ):
            with pytest.raises(JoinRefused) as refused:
                async with Participant.join(m.acs.url, group, token, "X", group=True):
                    pass
            assert refused.value.status == status
        async with (
            Participant.join(m.acs.url, GROUP, m.anna.token, "Anna", group=True),
            Participant.join(m.acs.url, GROUP, guest.token, "Guest", group=True) as late,
        ):
            await until(lambda: len(late.roster) == 2)
