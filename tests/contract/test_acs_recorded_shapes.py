"""Bodies and events key by key against what was recorded of the service: no key too many, none missing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from azure.communication.callautomation import CommunicationUserIdentifier, FileSource
from azure.core.messaging import CloudEvent

from tests.support.acs_emulator import until
from tests.support.acs_meeting import BOT, Meeting, called, files, media_options, meeting, phone_of, wav
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time

ENVELOPE = {"id", "source", "type", "data", "time", "specversion", "datacontenttype", "subject"}
COMMON = {"version", "callConnectionId", "serverCallId", "correlationId", "publicEventType"}
USER_KEYS = {"rawId", "kind", "communicationUser"}


class Raw:
    """What an answer of the client said on the wire."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []

    def take(self, response: Any) -> None:
        self.bodies.append(response.http_response.json())
        self.headers.append(dict(response.http_response.headers))


async def test_connect_and_get_answer_as_recorded() -> None:
    async with meeting() as m, m.joined(m.anna):
        raw = Raw()
        properties = await m.connect(media_options(m.bot), raw_response_hook=raw.take)
        assert raw.bodies[0] == {
            "callConnectionId": properties.call_connection_id,
            "targets": [],
            "callConnectionState": "connecting",
            "callbackUri": m.bot.callback_url,
            "correlationId": properties.correlation_id,
            "mediaStreamingSubscription": {
                "id": raw.bodies[0]["mediaStreamingSubscription"]["id"],
                "state": "inactive",
                "subscribedContentTypes": ["audio"],
            },
        }
        assert raw.headers[0]["X-Microsoft-Skype-Chain-ID"] == properties.correlation_id
        assert raw.headers[0]["Repeatability-Result"] == "accepted"
        await m.bot.wait_for("MediaStreamingStarted")
        await m.connection(properties).get_call_properties(raw_response_hook=raw.take)
        assert set(raw.bodies[1]) - set(raw.bodies[0]) == {"serverCallId", "transcriptionSubscription"}
        assert raw.bodies[1]["transcriptionSubscription"] == {"state": "disabled", "subscribedResultTypes": []}
        without = await m.connect()
        assert without.media_streaming_subscription is not None
        assert without.media_streaming_subscription.state == "disabled"
        await m.bot.wait_for("CallConnected", 2)
        await m.connection(without).get_call_properties(raw_response_hook=raw.take)
        assert raw.bodies[2]["mediaStreamingSubscription"] == {"state": "disabled"}


async def test_a_client_without_source_calls_and_answers_under_no_identity_of_its_own() -> None:
    async with meeting() as m, phone_of(m, m.ben) as ben, called(m, ben) as context:
        raw = Raw()
        await m.calls.answer_call(context, m.bot.callback_url, raw_response_hook=raw.take)
        answered = raw.bodies[0]
        assert answered["serverCallId"]
        assert answered["answeredBy"] == {"id": BOT}
        assert answered["targets"] == [{"rawId": BOT, "kind": "unknown"}]
        assert set(answered["source"]) == USER_KEYS
        assert answered["source"]["rawId"] == m.ben.id

        await m.calls.create_call(
            CommunicationUserIdentifier(m.anna.id), m.bot.callback_url, raw_response_hook=raw.take
        )
        created = raw.bodies[1]
        assert not {"serverCallId", "source", "sourceDisplayName", "answeredBy"} & set(created)
        assert created["callConnectionState"] == "connecting"


@pytest.mark.parametrize("context", ["room-42"])
async def test_events_have_the_recorded_keys(context: str) -> None:
    async with files(hello=wav(40)) as urls, meeting() as m, m.joined(m.anna):
        await everything_happens(m, urls["hello"])
        extra: dict[str, set[str]] = {
            "CallConnected": {"operationContext", "resultInformation"},
            "ParticipantsUpdated": {"sequenceNumber", "resultInformation", "participants"},
            "MediaStreamingStarted": {"operationContext", "resultInformation", "mediaStreamingUpdate"},
            "MediaStreamingStopped": {"operationContext", "resultInformation", "mediaStreamingUpdate"},
            "PlayStarted": {"resultInformation"},
            "PlayCompleted": {"resultInformation"},
            "PlayFailed": {"resultInformation", "failedPlaySourceIndex"},
            "RemoveParticipantFailed": {"resultInformation", "participant"},
            "RecordingStateChanged": {
                "recordingId",
                "state",
                "startDateTime",
                "recordingKind",
                "resultInformation",
            },
            "CallDisconnected": {"operationContext", "resultInformation"},
        }
        assert set(m.bot.kinds) == set(extra)
        for event in m.bot.events:
            kind = event["type"].removeprefix("Microsoft.Communication.")
            data = event["data"]
            assert set(event) == ENVELOPE
            assert set(data) == COMMON | extra[kind], kind
            assert data["publicEventType"] == event["type"]
            assert event["specversion"] == "1.0"
            assert event["datacontenttype"] == "application/json"
            assert event["subject"] == event["source"]
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6,7})?\+00:00", event["time"])
            if "resultInformation" in data:
                assert set(data["resultInformation"]) == {"code", "subCode", "message"}
                assert isinstance(data["resultInformation"]["subCode"], int)
            assert data.get("operationContext", context) == context
            read: CloudEvent[Any] = CloudEvent.from_dict(event)
            assert read.data == data
        person = m.bot.event("ParticipantsUpdated")["data"]["participants"][0]
        assert set(person) == {"identifier", "isMuted", "isOnHold"}
        assert set(person["identifier"]) == USER_KEYS
        update = m.bot.event("MediaStreamingStarted")["data"]["mediaStreamingUpdate"]
        assert update["contentType"] == "Audio"  # with a capital, as recorded
        ended = m.bot.event("CallDisconnected")["data"]["resultInformation"]
        assert (ended["code"], ended["subCode"]) == (200, 7000)
        assert m.bot.kinds[-1] == "CallDisconnected"


async def everything_happens(m: Meeting, sound: str) -> None:
    """One event at least of every kind that a usual call brings."""

    properties = await m.connect(media_options(m.bot))
    connection = m.connection(properties)
    await m.bot.wait_for("MediaStreamingStarted")
    await connection.play_media(FileSource(url=sound))
    await m.bot.wait_for("PlayCompleted")
    await connection.play_media(FileSource(url=sound + "-missing"))
    await m.bot.wait_for("PlayFailed")
    await connection.remove_participant(CommunicationUserIdentifier(m.ben.id))
    await m.bot.wait_for("RemoveParticipantFailed")
    recording = await m.calls.start_recording(room_id=m.room_id, recording_state_callback_url=m.bot.callback_url)
    assert recording.recording_id is not None
    await m.calls.stop_recording(recording.recording_id)
    await until(lambda: m.bot.kinds.count("RecordingStateChanged") == 2)
    await connection.stop_media_streaming()
    await m.bot.wait_for("MediaStreamingStopped")
    await connection.hang_up(is_for_everyone=False)
    await m.bot.wait_for("CallDisconnected")
