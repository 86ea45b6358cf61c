"""The join socket: who is let in, and what happens to a client that breaks its rules."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType
from azure.communication.identity import CommunicationTokenScope
from azure.communication.identity._shared.models import CommunicationUserIdentifier
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.communication.rooms import ParticipantRole
from azure.communication.rooms.aio import RoomsClient

from emulator.client import JoinRefused, Participant
from tests.support.acs_emulator import Acs, Guest, constant, make_guest, make_room, running_acs, samples, until
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


async def refusal(acs: Acs, room_id: str, token: str) -> int:
    with pytest.raises(JoinRefused) as refused:
        async with Participant.join(acs.url, room_id, token, "Anna"):
            pass
    return refused.value.status


async def test_who_is_not_let_in() -> None:
    async with running_acs() as acs:
        anna, stranger = await make_guest(acs), await make_guest(acs)
        chatter = await make_guest(acs, [CommunicationTokenScope.CHAT])
        late = await make_guest(acs, ["voip.join"])
        room_id = await make_room(acs, anna, chatter, late)
        assert await refusal(acs, room_id, "nonsense") == 401
        assert await refusal(acs, room_id, anna.token[:-4] + "AAAA") == 401
        assert await refusal(acs, room_id, stranger.token) == 403
        assert await refusal(acs, room_id, chatter.token) == 403
        assert await refusal(acs, "99000000000000000", anna.token) == 404
        assert await refusal(acs, room_id, late.token) == 403
        async with Participant.join(acs.url, room_id, anna.token, "Anna"):
            async with Participant.join(acs.url, room_id, late.token, "Late") as joined:
                assert joined.participant_id == late.id


async def test_a_revoked_token_opens_nothing() -> None:
    async with running_acs() as acs:
        anna = await make_guest(acs)
        room_id = await make_room(acs, anna)
        async with CommunicationIdentityClient(acs.url, acs.credential) as client:
            await client.revoke_tokens(CommunicationUserIdentifier(anna.id))
        assert await refusal(acs, room_id, anna.token) == 401


async def test_a_room_that_is_gone_or_not_open_yet() -> None:
    from datetime import UTC, datetime, timedelta

    async with running_acs() as acs, RoomsClient(acs.url, acs.credential) as rooms:
        anna = await make_guest(acs)
        room_id = await make_room(acs, anna)
        soon = datetime.now(UTC) + timedelta(hours=1)
        await rooms.update_room(room_id=room_id, valid_from=soon, valid_until=soon + timedelta(hours=1))
        assert await refusal(acs, room_id, anna.token) == 403
        await rooms.delete_room(room_id)
        assert await refusal(acs, room_id, anna.token) == 404


async def test_everybody_sees_the_roster() -> None:
    async with running_acs() as acs:
        anna, ben = await make_guest(acs), await make_guest(acs)
        room_id = await make_room(acs, anna, ben)
        async with Participant.join(acs.url, room_id, anna.token, "Anna") as a:
            await until(lambda: len(a.roster) == 1)
            async with Participant.join(acs.url, room_id, ben.token, "Ben") as b:
                await until(lambda: [each["display_name"] for each in a.roster] == ["Anna", "Ben"])
                saying = asyncio.ensure_future(b.speak(constant(3000, 500)))
                await until(lambda: [each["speaking"] for each in a.roster] == [False, True])
                await saying
                await until(lambda: [each["speaking"] for each in a.roster] == [False, False])
                await b.mute()
                await until(lambda: [each["muted"] for each in a.roster] == [False, True])
                await b.speak(constant(555, 200))
                await b.unmute()
                await b.speak(constant(556, 200))
            await until(lambda: len(a.roster) == 1)
            assert 555 not in samples(a.heard)
            assert 556 in samples(a.heard)


async def test_a_listener_is_not_heard() -> None:
    async with running_acs() as acs:
        anna, ben = await make_guest(acs), await make_guest(acs)
        room_id = await make_room(acs, anna, ben, role=ParticipantRole.CONSUMER)
        async with (
            Participant.join(acs.url, room_id, anna.token, "Anna") as a,
            Participant.join(acs.url, room_id, ben.token, "Ben") as b,
        ):
            await b.speak(constant(555, 200))
            assert set(samples(a.heard)) == {0}


async def test_a_client_that_comes_back_takes_its_own_place() -> None:
    async with running_acs() as acs:
        anna = await make_guest(acs)
        room_id = await make_room(acs, anna)
        async with Participant.join(acs.url, room_id, anna.token, "Anna") as first:
            async with Participant.join(acs.url, room_id, anna.token, "Anna again") as second:
                await until(lambda: first.closed)
                assert first.close_reason == "replaced"
                await until(lambda: [each["display_name"] for each in second.roster] == ["Anna again"])


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"short", "bad_frame"),
        (bytes(1920), "bad_frame"),
        ("no json", "bad_message"),
        ("[1]", "bad_message"),
        ('{"type":"dance"}', "bad_message"),
    ],
)
async def test_garbage_closes_one_socket_and_no_other(said: str | bytes, code: str) -> None:
    async with running_acs() as acs:
        anna, ben = await make_guest(acs), await make_guest(acs)
        room_id = await make_room(acs, anna, ben)
        async with Participant.join(acs.url, room_id, anna.token, "Anna") as a:
            answers = await say_raw(acs, room_id, ben, '{"type":"hello","display_name":"Ben"}', said)
            errors = [answer["error"]["code"] for answer in answers if answer["type"] == "error"]
            assert errors == [code]
            await until(lambda: [each["display_name"] for each in a.roster] == ["Anna"])
            before = a.frames_heard
            await until(lambda: a.frames_heard > before + 5)


@pytest.mark.parametrize("first", [bytes(960), "{}", '{"type":"hello","display_name":7}', "x"])
async def test_hello_comes_first(first: str | bytes) -> None:
    async with running_acs() as acs:
        anna = await make_guest(acs)
        room_id = await make_room(acs, anna)
        (answer,) = await say_raw(acs, room_id, anna, first)
        assert answer["type"] == "error"
        assert not acs.journal.entries("call.started")


async def say_raw(acs: Acs, room_id: str, guest: Guest, *messages: str | bytes) -> list[dict[str, Any]]:
    """The JSON answers until the emulator closes."""
    url = f"{acs.url}/emulator/rooms/{room_id}/join?token={guest.token}"
    answers = []
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        for message in messages:
            await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
        async for answer in socket:
            if answer.type is WSMsgType.TEXT:
                answers.append(answer.json())
        assert socket.close_code == 1003
    return answers
