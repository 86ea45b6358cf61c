"""Every switch, seen from outside: what the service leaves open, in the other reading than the default one."""

from __future__ import annotations

import asyncio
import base64

import pytest
from azure.communication.callautomation import AudioFormat, MediaStreamingAudioChannelType
from azure.core.exceptions import ResourceNotFoundError

from tests.support.acs_emulator import constant, make_guest, make_room, running_acs, samples, until
from tests.support.acs_meeting import media_options, meeting
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


@pytest.mark.parametrize(
    ("switches", "order"),
    [
        ({"first_events": "separate"}, ["socket", "CallConnected", "ParticipantsUpdated", "MediaStreamingStarted"]),
        ({"first_events": "swapped"}, ["socket", "ParticipantsUpdated", "CallConnected", "MediaStreamingStarted"]),
    ],
)
async def test_first_events_come_in_two_posts(switches: dict[str, str], order: list[str]) -> None:
    async with meeting(switches) as m, m.joined(m.anna):
        await m.connect(media_options(m.bot))
        await m.bot.wait_for("MediaStreamingStarted")
        assert m.bot.order == order
        assert [len(post) for post in m.bot.posts] == [1, 1, 1]


async def test_events_do_not_wait_for_a_socket_that_does_not_open() -> None:
    async with meeting({"connected_order": "events_first"}) as m, m.joined(m.anna):
        # An address that never answers: with media_first nothing would be said before the dial is given up.
        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(-1)  # until the other side is gone
            writer.close()

        silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        async with silent:
            port = silent.sockets[0].getsockname()[1]
            properties = await m.connect(media_options(m.bot, transport_url=f"ws://127.0.0.1:{port}/"))
            await m.bot.wait_for("CallConnected")
            assert not m.acs.journal.entries("media.dialled")
            await m.connection(properties).hang_up(is_for_everyone=False)
            await m.bot.wait_for("CallDisconnected")


async def test_the_socket_can_be_there_before_the_answer() -> None:
    async with meeting({"media_before_answer": True}) as m, m.joined(m.anna):
        await m.connect(media_options(m.bot))
        assert m.bot.sockets


async def test_the_answer_can_be_the_documented_one() -> None:
    async with meeting({"connect_answer": "documented", "media_before_answer": True}) as m, m.joined(m.anna):
        properties = await m.connect(media_options(m.bot))
        assert properties.server_call_id
        assert properties.media_streaming_subscription is not None
        assert properties.media_streaming_subscription.state == "active"


async def test_sequence_numbers_can_jump() -> None:
    async with meeting({"sequence_step": 3}) as m, m.joined(m.anna):
        await m.connect()
        assert (await m.bot.wait_for("ParticipantsUpdated"))["data"]["sequenceNumber"] == 1
        async with m.joined(m.ben):
            assert (await m.bot.wait_for("ParticipantsUpdated", 2))["data"]["sequenceNumber"] == 4


async def test_the_bot_can_be_among_the_participants() -> None:
    async with meeting({"bot_in_participants": True}) as m, m.joined(m.anna):
        properties = await m.connect()
        people = (await m.bot.wait_for("ParticipantsUpdated"))["data"]["participants"]
        assert people[1]["identifier"]["kind"] == "unknown"
        assert people[1]["identifier"]["rawId"].startswith("28:acs:")
        assert len([each async for each in m.connection(properties).list_participants()]) == 2


async def test_a_call_is_found_by_its_own_id_too() -> None:
    async with meeting() as m, m.joined(m.anna):
        await m.connect()
        call_id = (await m.bot.wait_for("CallConnected"))["data"]["serverCallId"]
        await m.calls.connect_call(server_call_id=call_id, callback_url=m.bot.callback_url)
        await m.bot.wait_for("CallConnected", 2)
        with pytest.raises(ResourceNotFoundError):
            await m.calls.connect_call(server_call_id="another", callback_url=m.bot.callback_url)


async def test_a_bot_can_hear_itself() -> None:
    async with meeting({"echo_bot": True}) as m, m.joined(m.anna):
        await m.connect(media_options(m.bot))
        await m.bot.wait_for_audio()
        await m.bot.say(constant(88, 100))
        await until(lambda: 88 in samples(m.bot.sockets[0].pcm()))


async def test_mixed_audio_may_say_null_and_come_at_16_khz() -> None:
    options = {
        "audio_channel_type": MediaStreamingAudioChannelType.MIXED,
        "audio_format": AudioFormat.PCM16_K_MONO,
    }
    async with meeting({"mixed_participant_id": "null"}) as m, m.joined(m.anna) as anna, m.joined(m.ben):
        await m.connect(media_options(m.bot, **options))
        heard = await m.bot.wait_for_audio()
        await anna.speak(constant(4000, 200))
        await until(lambda: max(samples(heard.pcm())) > 3900)
        assert all(frame["participantRawID"] is None for frame in heard.audio())
        assert {len(base64.b64decode(frame["data"])) for frame in heard.audio()} == {640}


async def test_a_bot_that_floods_can_be_cut_off() -> None:
    switches = {"play_limit_ms": 500, "play_overflow": "close", "redial_gap_s": 0.01}
    async with meeting(switches) as m, m.joined(m.anna):
        await m.connect(media_options(m.bot))
        await m.bot.wait_for_audio()
        await m.bot.say(constant(1, 2000), chunk_ms=1000)
        await m.bot.wait_for("MediaStreamingStopped")
        await m.bot.wait_for("MediaStreamingStarted", 2)
        assert m.acs.journal.entries("play.overflow", policy="close")


async def test_only_the_dominant_speakers_are_carried() -> None:
    async with meeting({"dominant_speakers": 2}) as m:
        people = [await make_guest(m.acs) for _ in range(4)]
        room_id = await make_room(m.acs, *people)
        for number, guest in enumerate(people):
            pcm = base64.b64encode(constant(10 ** (number + 1), 200)).decode()
            robot = {"token": guest.token, "pcm_base64": pcm, "loop": True}
            assert (await m.acs.post(f"/emulator/rooms/{room_id}/robots", robot))[0] == 201
        await m.calls.connect_call(
            room_id=room_id, callback_url=m.bot.callback_url, media_streaming=media_options(m.bot)
        )
        heard = await m.bot.wait_for_audio(60)
        assert {frame["participantRawID"] for frame in heard.audio()[-20:]} == {people[2].id, people[3].id}


async def test_a_webhook_that_is_gone_does_not_hold_the_call_up() -> None:
    async with meeting({"callback_backoff_s": 0.01}) as m, m.joined(m.anna):
        properties = await m.calls.connect_call(
            room_id=m.room_id, callback_url="http://127.0.0.1:1/gone", media_streaming=media_options(m.bot)
        )
        await m.bot.wait_for_audio(5)
        await until(lambda: len(m.acs.journal.entries("callback.given_up")) == 2)
        assert {entry.get("status") for entry in m.acs.journal.entries("callback")} == {0, None}
        await m.connection(properties).hang_up(is_for_everyone=False)
        await until(lambda: m.acs.journal.entries("call.closed"))


async def test_a_full_room_takes_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.acs.calls.calls.MOST_PARTICIPANTS", 1)
    async with running_acs() as acs:
        anna, ben = await make_guest(acs), await make_guest(acs)
        room_id = await make_room(acs, anna, ben)
        path = f"/emulator/rooms/{room_id}/robots"
        assert (await acs.post(path, {"token": anna.token}))[0] == 201
        assert (await acs.post(path, {"token": ben.token}))[0] == 403
        assert (await acs.post(path, {"token": anna.token}))[0] == 201


async def test_going_down_with_calls_under_way_is_clean() -> None:
    async with meeting() as m, m.joined(m.anna) as anna:
        await m.connect(media_options(m.bot))
        await m.bot.wait_for_audio()
        bot = m.bot
        assert not anna.closed
    assert bot.kinds[-1] == "CallDisconnected"
    assert bot.sockets[0].close_code == 1000
