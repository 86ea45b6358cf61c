"""Recordings and transcription by the real client: their states and events, and that nothing else is promised."""

from __future__ import annotations

import base64
import json

import pytest
from azure.communication.callautomation import (
    RecordingChannel,
    RecordingContent,
    RecordingFormat,
    StreamingTransportType,
    TranscriptionOptions,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.eventgrid import SystemEventNames

from tests.support.acs_emulator import until
from tests.support.acs_meeting import endpoint, listener, meeting, subscribe
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


async def test_a_recording_goes_through_its_states() -> None:
    async with meeting() as m, m.joined(m.anna), endpoint() as there:
        assert (await subscribe(m.acs, there, "EventGridSchema"))[0] == 201
        await m.connect()
        call_id = (await m.bot.wait_for("CallConnected"))["data"]["serverCallId"]
        started = await m.calls.start_recording(
            server_call_id=call_id,
            recording_state_callback_url=m.bot.callback_url,
            recording_content_type=RecordingContent.AUDIO,
            recording_channel_type=RecordingChannel.UNMIXED,
            recording_format_type=RecordingFormat.WAV,
        )
        recording_id = started.recording_id
        assert recording_id is not None
        assert (started.recording_state, started.recording_kind) == ("active", "azureCommunicationServices")
        changed = (await m.bot.wait_for("RecordingStateChanged"))["data"]
        assert (changed["recordingId"], changed["state"]) == (recording_id, "active")
        assert (changed["serverCallId"], changed["recordingKind"]) == (call_id, "azureCommunicationServices")
        parts = json.loads(base64.urlsafe_b64decode(recording_id + "=="))
        assert set(parts) == {"PlatformEndpointId", "ResourceSpecificId"}
        assert changed["callConnectionId"] == parts["PlatformEndpointId"]
        event = m.bot.event("RecordingStateChanged")
        source = f"calling/recordings/{call_id}/{recording_id}/RecordingStateChanged"
        assert (event["source"], event["subject"]) == (source, source)
        with pytest.raises(HttpResponseError) as refused:
            await m.calls.start_recording(server_call_id=call_id)
        assert refused.value.error is not None
        assert refused.value.error.code == "8559"
        await m.calls.pause_recording(recording_id)
        await m.bot.wait_for("RecordingStateChanged", 2)
        assert (await m.calls.get_recording_properties(recording_id)).recording_state == "inactive"
        await m.calls.resume_recording(recording_id)
        assert (await m.bot.wait_for("RecordingStateChanged", 3))["data"]["state"] == "active"
        await m.calls.stop_recording(recording_id)
        assert (await m.bot.wait_for("RecordingStateChanged", 4))["data"]["state"] == "inactive"
        for attempt in (m.calls.get_recording_properties(recording_id), m.calls.stop_recording(recording_id)):
            with pytest.raises(ResourceNotFoundError):
                await attempt
        name = SystemEventNames.AcsRecordingFileStatusUpdatedEventName
        await until(lambda: any(body[0]["eventType"] == name for body in there.bodies))
        filed = next(body[0]["data"] for body in there.bodies if body[0]["eventType"] == name)
        (chunk,) = filed["recordingStorageInfo"]["recordingChunks"]
        assert chunk["index"] == 0
        # The client's list of hosts it downloads from; the emulator cannot be one of them.
        assert ".asm.skype.com/" in chunk["contentLocation"]


async def test_a_recording_ends_with_its_call() -> None:
    async with meeting() as m:
        async with m.joined(m.anna):
            properties = await m.connect()
            await m.bot.wait_for("CallConnected")
            assert properties.call_connection_id is not None
            await m.calls.start_recording(
                call_connection_id=properties.call_connection_id,
                recording_state_callback_url=m.bot.callback_url,
                pause_on_start=True,
            )
            assert (await m.bot.wait_for("RecordingStateChanged"))["data"]["state"] == "inactive"
            await m.connection(properties).hang_up(is_for_everyone=True)
        await m.bot.wait_for("RecordingStateChanged", 2)
        with pytest.raises(ResourceNotFoundError):
            await m.calls.start_recording(room_id=m.room_id)


def transcription(url: str, *, start: bool) -> TranscriptionOptions:
    return TranscriptionOptions(
        transport_url=url,
        transport_type=StreamingTransportType.WEBSOCKET,
        locale="en-US",
        start_transcription=start,
        enable_intermediate_results=True,
    )


async def test_transcription_starts_changes_language_and_stops() -> None:
    async with listener() as (url, came, closed), meeting() as m, m.joined(m.anna):
        properties = await m.connect(transcription=transcription(url, start=False))
        connection = m.connection(properties)
        await m.bot.wait_for("CallConnected")
        with pytest.raises(HttpResponseError):
            await connection.stop_transcription()
        await connection.start_transcription(locale="de-DE", operation_context="write")
        started = (await m.bot.wait_for("TranscriptionStarted"))["data"]
        assert started["operationContext"] == "write"
        assert started["transcriptionUpdate"] == {
            "transcriptionStatus": "transcriptionStarted",
            "transcriptionStatusDetails": "subscriptionStarted",
        }
        await until(lambda: came)
        assert came[0]["kind"] == "TranscriptionMetadata"
        assert came[0]["transcriptionMetadata"]["locale"] == "de-DE"
        assert came[0]["transcriptionMetadata"]["callConnectionId"] == properties.call_connection_id
        await connection.update_transcription(locale="fr-FR")
        updated = (await m.bot.wait_for("TranscriptionUpdated"))["data"]["transcriptionUpdate"]
        assert updated["transcriptionStatusDetails"] == "transcriptionLocaleUpdated"
        subscription = (await connection.get_call_properties()).transcription_subscription
        assert subscription is not None
        assert (subscription.state, subscription.locale) == ("active", "fr-FR")
        await connection.stop_transcription(operation_context="enough")
        assert (await m.bot.wait_for("TranscriptionStopped"))["data"]["operationContext"] == "enough"
        await until(lambda: closed == [1000])


async def test_transcription_can_start_with_the_call_and_fail() -> None:
    async with listener() as (url, came, _), meeting() as m, m.joined(m.anna):
        await m.connect(transcription=transcription(url, start=True))
        await m.bot.wait_for("TranscriptionStarted")
        assert len(came) == 1
        await m.connect(transcription=transcription("ws://127.0.0.1:1/nobody", start=True))
        failed = (await m.bot.wait_for("TranscriptionFailed"))["data"]
        assert failed["transcriptionUpdate"]["transcriptionStatus"] == "transcriptionFailed"
        without = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected", 3)
        with pytest.raises(HttpResponseError) as refused:
            await without.start_transcription()
        assert refused.value.error is not None
        assert refused.value.error.code == "8500"
