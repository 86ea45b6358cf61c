"""Every operation once more with the clients that block: same requests from another transport, told from a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from typing import Any

import pytest
from azure.communication.callautomation import (
    CallAutomationClient,
    CallConnectionClient,
    CommunicationUserIdentifier,
    DtmfTone,
    FileSource,
    PhoneNumberIdentifier,
    RecognizeInputType,
    TranscriptionOptions,
)
from azure.communication.callautomation import StreamingTransportType as Transport
from azure.communication.identity import CommunicationIdentityClient, CommunicationTokenScope
from azure.communication.rooms import ParticipantRole, RoomParticipant, RoomsClient
from azure.communication.rooms._shared.models import CommunicationUserIdentifier as RoomsUser
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.support.acs_emulator import make_guest, make_room, running_acs
from tests.support.acs_meeting import CALLER_ID, Meeting, called, files, listener, media_options, meeting, phone_of, wav

NUMBER = PhoneNumberIdentifier("+15557654321")


async def in_thread(m: Meeting, work: Callable[[CallAutomationClient, Callable[..., Any]], None]) -> None:
    """Run blocking calls beside the loop. `work` gets a client, and `wait_for` of the bot's events."""
    loop = asyncio.get_running_loop()

    def wait_for(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)

    def run() -> None:
        with CallAutomationClient(m.acs.url, m.acs.credential) as calls:
            work(calls, wait_for)

    await asyncio.to_thread(run)


async def test_identity() -> None:
    async with running_acs() as acs:

        def run() -> None:
            client = CommunicationIdentityClient(acs.url, acs.credential)
            with closing(client._identity_service_client):  # this client alone cannot be closed
                user = client.create_user()
                assert client.get_token(user, [CommunicationTokenScope.VOIP]).token
                client.revoke_tokens(user)
                client.delete_user(user)
                with pytest.raises(ResourceNotFoundError):
                    client.get_token(user, [CommunicationTokenScope.VOIP])
                other, token = client.create_user_and_token([CommunicationTokenScope.VOIP])
                assert other.raw_id.startswith("8:acs:")
                assert token.token
                with pytest.raises(HttpResponseError):
                    client.get_token_for_teams_user("token", "app", "user")

        await asyncio.to_thread(run)


async def test_rooms() -> None:
    async with running_acs() as acs:
        anna = await make_guest(acs)

        def run() -> None:
            with RoomsClient(acs.url, acs.credential) as client:
                invited = RoomParticipant(communication_identifier=RoomsUser(anna.id), role=ParticipantRole.PRESENTER)
                room = client.create_room(participants=[invited])
                assert room.id is not None
                assert client.get_room(room.id).id == room.id
                assert client.update_room(room_id=room.id, pstn_dial_out_enabled=True).pstn_dial_out_enabled
                assert [each.role for each in client.list_participants(room.id)] == ["Presenter"]
                client.remove_participants(room_id=room.id, participants=[invited])
                assert not list(client.list_participants(room.id))
                client.add_or_update_participants(room_id=room.id, participants=[invited])
                assert len(list(client.list_participants(room.id))) == 1
                assert [each.id for each in client.list_rooms()] == [room.id]
                client.delete_room(room.id)
                with pytest.raises(ResourceNotFoundError):
                    client.get_room(room.id)

        await asyncio.to_thread(run)


async def test_people_in_a_call() -> None:
    async with meeting() as m, m.joined(m.anna), m.joined(m.ben):
        clara = await make_guest(m.acs)
        other_room = await make_room(m.acs, clara)
        await m.acs.post(f"/emulator/rooms/{other_room}/robots", {"token": clara.token})
        other = await m.calls.connect_call(room_id=other_room, callback_url=m.bot.callback_url)
        await m.bot.wait_for("CallConnected")

        def work(calls: CallAutomationClient, wait: Callable[..., Any]) -> None:
            properties = calls.connect_call(room_id=m.room_id, callback_url=m.bot.callback_url)
            assert properties.call_connection_id is not None
            connection = calls.get_call_connection(properties.call_connection_id)
            wait(m.bot.wait_for("CallConnected", 2))
            ben = CommunicationUserIdentifier(m.ben.id)
            assert len(list(connection.list_participants())) == 2
            assert connection.mute_participant(ben, operation_context="hush").operation_context == "hush"
            assert connection.get_participant(ben).is_muted
            connection.hold(ben)
            assert connection.get_participant(ben).is_on_hold
            connection.unhold(ben)
            assert connection.remove_participant(ben, operation_context="out").operation_context == "out"
            added = connection.add_participant(NUMBER, source_caller_id_number=CALLER_ID)
            wait(m.bot.wait_for("AddParticipantSucceeded"))
            assert added.invitation_id is not None
            assert connection.cancel_add_participant_operation(added.invitation_id).invitation_id == added.invitation_id
            wait(m.bot.wait_for("CancelAddParticipantFailed"))
            assert connection.send_dtmf_tones([DtmfTone.ONE], NUMBER, operation_context="s").operation_context == "s"
            wait(m.bot.wait_for("SendDtmfTonesCompleted"))
            assert other.call_connection_id is not None
            moved = connection.move_participants([CommunicationUserIdentifier(clara.id)], other.call_connection_id)
            assert moved.from_call == other.call_connection_id
            assert connection.transfer_call_to_participant(ben, operation_context="t").operation_context == "t"
            wait(m.bot.wait_for("CallTransferFailed"))
            connection.hang_up(is_for_everyone=False)
            wait(m.bot.wait_for("CallDisconnected"))

        await in_thread(m, work)


async def test_media_of_a_call() -> None:
    async with listener() as (url, _, _), files(hello=wav(60)) as urls, meeting() as m, m.joined(m.anna):

        def media(connection: CallConnectionClient, wait: Callable[..., Any]) -> None:
            anna = CommunicationUserIdentifier(m.anna.id)
            connection.play_media(FileSource(url=urls["hello"]))
            wait(m.bot.wait_for("PlayCompleted"))
            connection.start_recognizing_media(RecognizeInputType.DTMF, anna, dtmf_max_tones_to_collect=1)
            connection.cancel_all_media_operations()
            wait(m.bot.wait_for("RecognizeCanceled"))
            connection.start_continuous_dtmf_recognition(anna)
            connection.stop_continuous_dtmf_recognition(anna)
            wait(m.bot.wait_for("ContinuousDtmfRecognitionStopped"))
            connection.start_media_streaming()
            wait(m.bot.wait_for("MediaStreamingStarted"))
            connection.stop_media_streaming()
            wait(m.bot.wait_for("MediaStreamingStopped"))
            connection.start_transcription(locale="en-US")
            wait(m.bot.wait_for("TranscriptionStarted"))
            connection.update_transcription(locale="es-ES")
            connection.stop_transcription()
            wait(m.bot.wait_for("TranscriptionStopped"))

        def work(calls: CallAutomationClient, wait: Callable[..., Any]) -> None:
            options = TranscriptionOptions(
                transport_url=url, transport_type=Transport.WEBSOCKET, locale="en-US", start_transcription=False
            )
            streaming = media_options(m.bot, start_media_streaming=False)
            properties = calls.connect_call(
                room_id=m.room_id, callback_url=m.bot.callback_url, media_streaming=streaming, transcription=options
            )
            assert properties.call_connection_id is not None
            wait(m.bot.wait_for("CallConnected"))
            connection = calls.get_call_connection(properties.call_connection_id)
            media(connection, wait)
            recording = calls.start_recording(room_id=m.room_id)
            assert recording.recording_id is not None
            calls.pause_recording(recording.recording_id)
            calls.resume_recording(recording.recording_id)
            assert calls.get_recording_properties(recording.recording_id).recording_state == "active"
            calls.stop_recording(recording.recording_id)
            connection.hang_up(is_for_everyone=True)
            wait(m.bot.wait_for("CallDisconnected"))

        await in_thread(m, work)


async def test_calls_without_a_room() -> None:
    async with meeting() as m, phone_of(m, m.ben) as ben:

        def work(calls: CallAutomationClient, wait: Callable[..., Any]) -> None:
            target = CommunicationUserIdentifier(m.ben.id)
            created = calls.create_call(target, m.bot.callback_url)
            assert created.call_connection_id is not None
            wait(ben.wait_for("ringing"))
            wait(ben.say(type="accept"))
            wait(m.bot.wait_for("CallConnected"))
            connection = calls.get_call_connection(created.call_connection_id)
            assert connection.get_call_properties().call_connection_state == "connected"
            connection.hang_up(is_for_everyone=True)

        await in_thread(m, work)
        await ben.wait_for("ended")


async def test_calls_that_come_in() -> None:
    async with meeting() as m:
        for answer in ("answer", "reject", "redirect"):
            async with phone_of(m, m.ben) as ben, called(m, ben) as context:

                def work(
                    calls: CallAutomationClient, wait: Callable[..., Any], how: str = answer, context: str = context
                ) -> None:
                    match how:
                        case "answer":
                            assert calls.answer_call(context, m.bot.callback_url).server_call_id
                            wait(m.bot.wait_for("CallConnected"))
                        case "reject":
                            calls.reject_call(context, call_reject_reason="forbidden")
                        case _:
                            calls.redirect_call(context, NUMBER)

                await in_thread(m, work)
                await ben.wait_for("ended" if answer == "reject" else "joined")
