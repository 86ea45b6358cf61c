"""The real client brings people into calls and out of them, by phone; calls, answers, redirects, transfers."""

from __future__ import annotations

import pytest
from azure.communication.callautomation import CommunicationUserIdentifier, PhoneNumberIdentifier
from azure.core.exceptions import HttpResponseError

from tests.support.acs_emulator import make_guest, make_room, until
from tests.support.acs_meeting import (
    CALLER_ID,
    called,
    endpoint,
    media_options,
    meeting,
    phone_of,
    subscribe,
)
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


async def test_who_accepts_an_invitation_is_in_the_call() -> None:
    async with meeting() as m, m.joined(m.anna) as anna:
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        ben = CommunicationUserIdentifier(m.ben.id)
        async with phone_of(m, m.ben) as phone:
            result = await connection.add_participant(
                ben, operation_context="add", source_display_name="Interpreter", invitation_timeout=30
            )
            assert result.operation_context == "add"
            assert result.participant is not None
            ringing = await phone.wait_for("ringing")
            assert ringing["invitation_id"] != ""
            assert ringing["display_name"] == "Interpreter"
            await phone.say(type="accept", invitation_id=ringing["invitation_id"])
            added = (await m.bot.wait_for("AddParticipantSucceeded"))["data"]
            assert added["operationContext"] == "add"
            assert added["participant"]["rawId"] == m.ben.id
            await phone.wait_for("joined")
            await until(lambda: phone.frames > 5)
            await until(lambda: len(anna.roster) == 3)
            await connection.remove_participant(ben)
            assert (await phone.wait_for("ended"))["reason"] == "removed"


async def test_invitations_are_declined_and_run_out() -> None:
    async with meeting() as m, m.joined(m.anna):
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        ben = CommunicationUserIdentifier(m.ben.id)
        async with phone_of(m, m.ben) as phone:
            await connection.add_participant(ben)
            await phone.wait_for("ringing")
            await phone.say(type="decline")
            failed = (await m.bot.wait_for("AddParticipantFailed"))["data"]
            assert failed["resultInformation"]["code"] == 603
        await connection.add_participant(ben, invitation_timeout=0)
        failed = (await m.bot.wait_for("AddParticipantFailed", 2))["data"]
        assert failed["resultInformation"]["code"] == 408
        with pytest.raises(HttpResponseError):
            await connection.add_participant(ben, invitation_timeout=181)


async def test_an_invitation_can_be_taken_back_in_time() -> None:
    async with meeting() as m, m.joined(m.anna):
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        async with phone_of(m, m.ben) as phone:
            result = await connection.add_participant(CommunicationUserIdentifier(m.ben.id))
            assert result.invitation_id is not None
            await phone.wait_for("ringing")
            cancelled = await connection.cancel_add_participant_operation(
                result.invitation_id, operation_context="back"
            )
            assert cancelled.invitation_id == result.invitation_id
            told = (await m.bot.wait_for("CancelAddParticipantSucceeded"))["data"]
            assert (told["invitationId"], told["operationContext"]) == (result.invitation_id, "back")
            await phone.wait_for("ringing_ended")
        await connection.cancel_add_participant_operation(result.invitation_id)
        await m.bot.wait_for("CancelAddParticipantFailed")


async def test_a_phone_number_answers_as_the_switch_says() -> None:
    async with meeting() as m, m.joined(m.anna):
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        number = PhoneNumberIdentifier("+15557654321")
        with pytest.raises(HttpResponseError) as refused:
            await connection.add_participant(number)
        assert refused.value.error is not None
        assert refused.value.error.code == "8523"
        await connection.add_participant(number, source_caller_id_number=CALLER_ID)
        added = (await m.bot.wait_for("AddParticipantSucceeded"))["data"]["participant"]
        assert added["kind"] == "phoneNumber"
        people = [person async for person in connection.list_participants()]
        assert isinstance(people[1].identifier, PhoneNumberIdentifier)
        m.acs.faults.replace({"switches": {"phone_numbers": "busy"}})
        await connection.add_participant(PhoneNumberIdentifier("+15550000000"), source_caller_id_number=CALLER_ID)
        assert (await m.bot.wait_for("AddParticipantFailed"))["data"]["resultInformation"]["code"] == 486


async def test_somebody_is_moved_from_one_call_to_another() -> None:
    async with meeting() as m:
        clara = await make_guest(m.acs)
        other_room = await make_room(m.acs, clara)
        async with m.joined(m.anna) as anna, phone_of(m, m.ben):
            first = await m.connect(media_options(m.bot))
            await m.bot.wait_for("MediaStreamingStarted")
            robot = {"token": clara.token}
            assert (await m.acs.post(f"/emulator/rooms/{other_room}/robots", robot))[0] == 201
            second = await m.calls.connect_call(room_id=other_room, callback_url=m.bot.callback_url)
            await m.bot.wait_for("CallConnected", 2)
            assert second.call_connection_id is not None
            moved = await m.connection(first).move_participants(
                [CommunicationUserIdentifier(clara.id)], second.call_connection_id, operation_context="move"
            )
            assert (moved.operation_context, moved.from_call) == ("move", second.call_connection_id)
            told = (await m.bot.wait_for("MoveParticipantSucceeded"))["data"]
            assert told["participant"]["rawId"] == clara.id
            assert told["fromCall"] == second.call_connection_id
            await until(lambda: len(anna.roster) == 3)
            await m.connection(first).move_participants(
                [CommunicationUserIdentifier(clara.id)], second.call_connection_id
            )
            await m.bot.wait_for("MoveParticipantFailed")


async def test_a_bot_calls_somebody() -> None:
    async with meeting() as m, phone_of(m, m.ben) as phone:
        target = CommunicationUserIdentifier(m.ben.id)
        created = await m.calls.create_call(
            target, m.bot.callback_url, operation_context="out", source_display_name="Interpreter"
        )
        assert created.call_connection_state == "connecting"
        assert created.server_call_id is None
        await phone.wait_for("ringing")
        await phone.say(type="accept")
        connected = (await m.bot.wait_for("CallConnected"))["data"]
        assert connected["operationContext"] == "out"
        await phone.wait_for("joined")
        properties = await m.connection(created).get_call_properties()
        assert properties.call_connection_state == "connected"
        assert [each.raw_id for each in properties.targets or []] == [m.ben.id]
        await phone.say(type="leave")
        await m.bot.wait_for("CallDisconnected")


async def test_a_call_nobody_takes_fails() -> None:
    async with meeting({"ring_s": 0.1}) as m:
        targets = [CommunicationUserIdentifier(m.ben.id), CommunicationUserIdentifier(m.anna.id)]
        await m.calls.create_call(targets, m.bot.callback_url)
        failed = (await m.bot.wait_for("CreateCallFailed"))["data"]
        assert failed["resultInformation"]["code"] == 408
        await until(lambda: m.acs.journal.entries("call.ended"))
        assert "CallDisconnected" not in m.bot.kinds


async def test_a_bot_answers_whoever_calls_it() -> None:
    async with meeting() as m, phone_of(m, m.ben, "Ben") as phone, called(m, phone) as context:
        answered = await m.calls.answer_call(context, m.bot.callback_url, operation_context="in")
        assert answered.server_call_id
        assert answered.answered_by is not None
        connected = (await m.bot.wait_for("CallConnected"))["data"]
        assert connected["serverCallId"] == answered.server_call_id
        await phone.wait_for("joined")
        with pytest.raises(HttpResponseError):
            await m.calls.answer_call(context, m.bot.callback_url)
        await m.connection(answered).hang_up(is_for_everyone=True)
        await phone.wait_for("ended")


async def test_a_bot_rejects_and_redirects() -> None:
    async with meeting() as m:
        async with phone_of(m, m.ben) as phone, called(m, phone) as context:
            await m.calls.reject_call(context, call_reject_reason="busy")
            assert (await phone.wait_for("ended"))["reason"] == "rejected: busy"
        async with phone_of(m, m.ben) as ben, phone_of(m, m.anna) as anna, called(m, ben) as context:
            await m.calls.redirect_call(context, CommunicationUserIdentifier(m.anna.id))
            await anna.wait_for("ringing")
            await anna.say(type="accept")
            await ben.wait_for("joined")
            await anna.wait_for("joined")
            await anna.say(type="leave")
            assert (await ben.wait_for("ended"))["reason"] == "call ended"


async def test_somebody_calls_somebody_else() -> None:
    async with meeting() as m, phone_of(m, m.ben, "Ben") as ben, phone_of(m, m.anna) as anna:
        await ben.say(type="call", to=m.anna.id)
        ringing = await anna.wait_for("ringing")
        assert (ringing["from"], ringing["display_name"]) == (m.ben.id, "Ben")
        await anna.say(type="decline")
        await ben.wait_for("ended")
    async with meeting() as m, phone_of(m, m.ben) as ben, phone_of(m, m.anna) as anna:
        await ben.say(type="call", to=m.anna.id)
        await anna.wait_for("ringing")
        await ben.say(type="nonsense")
        await anna.say(type="accept")
        await ben.wait_for("joined")
        await until(lambda: ben.frames > 5 and anna.frames > 5)
        await ben.say(type="leave")
        assert (await anna.wait_for("ended"))["reason"] == "call ended"


async def test_who_gives_up_no_longer_rings() -> None:
    async with meeting() as m, phone_of(m, m.anna) as anna:
        async with phone_of(m, m.ben) as ben:
            await ben.say(type="call", to=m.anna.id)
            await anna.wait_for("ringing")
            await ben.say(type="leave")
            await anna.wait_for("ringing_ended")
        await until(lambda: m.acs.journal.entries("call.ended"))


async def test_a_number_of_the_resource_is_answered_by_a_bot() -> None:
    async with meeting() as m, phone_of(m, m.ben) as ben, endpoint() as there:
        await subscribe(m.acs, there, "EventGridSchema")
        await ben.say(type="call", to="4:+15551234567")
        await until(lambda: there.bodies)
        data = there.bodies[0][0]["data"]
        assert data["to"] == {
            "rawId": "4:+15551234567",
            "kind": "phoneNumber",
            "phoneNumber": {"value": "+15551234567"},
        }
        await m.calls.answer_call(data["incomingCallContext"], m.bot.callback_url)
        await m.bot.wait_for("CallConnected")
        await ben.wait_for("joined")


async def test_a_call_of_two_is_transferred_and_no_other() -> None:
    async with meeting() as m, phone_of(m, m.ben) as ben, phone_of(m, m.anna) as anna, called(m, ben) as context:
        answered = await m.calls.answer_call(context, m.bot.callback_url)
        await m.bot.wait_for("CallConnected")
        connection = m.connection(answered)
        result = await connection.transfer_call_to_participant(
            CommunicationUserIdentifier(m.anna.id), operation_context="over"
        )
        assert result.operation_context == "over"
        await anna.wait_for("ringing")
        await anna.say(type="accept")
        accepted = (await m.bot.wait_for("CallTransferAccepted"))["data"]
        assert accepted["transferTarget"]["rawId"] == m.anna.id
        assert accepted["transferee"]["rawId"] == m.ben.id
        await m.bot.wait_for("CallDisconnected")
        await until(lambda: ben.frames > 5 and anna.frames > 5)
    async with meeting() as m, m.joined(m.anna):
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        await connection.transfer_call_to_participant(CommunicationUserIdentifier(m.ben.id))
        await m.bot.wait_for("CallTransferFailed")


@pytest.mark.parametrize(("token", "status"), [("nobody's", 401), (None, 403)])
async def test_a_phone_wants_a_token_for_calls(token: str | None, status: int) -> None:
    async with meeting() as m:
        shown = token or (await make_guest(m.acs, ["chat"])).token
        async with m.acs.http.get(f"{m.acs.url}/emulator/phone", params={"token": shown}) as answer:
            assert answer.status == status
