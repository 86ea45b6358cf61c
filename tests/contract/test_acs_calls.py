"""The real call automation client against the emulator: connecting to a room, its events, its end."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from azure.communication.callautomation import (
    CommunicationUserIdentifier,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.messaging import CloudEvent

from emulator.config import CALLBACK_ISSUER, RESOURCE_ID
from tests.support.acs_emulator import until
from tests.support.acs_meeting import media_options, meeting
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


async def test_connecting_answers_as_recorded() -> None:
    async with meeting() as m, m.joined(m.anna):
        properties = await m.connect(media_options(m.bot))
        assert properties.call_connection_state == "connecting"
        assert properties.targets == []
        assert properties.server_call_id is None
        assert properties.correlation_id
        assert properties.media_streaming_subscription is not None
        assert properties.media_streaming_subscription.state == "inactive"
        await m.bot.wait_for("MediaStreamingStarted")
        connected = await m.connection(properties).get_call_properties()
        assert connected.call_connection_state == "connected"
        assert connected.server_call_id
        assert connected.media_streaming_subscription is not None
        assert connected.media_streaming_subscription.state == "active"


async def test_the_socket_comes_first_then_connected_then_started() -> None:
    async with meeting() as m, m.joined(m.anna):
        properties = await m.connect(media_options(m.bot))
        await m.bot.wait_for("MediaStreamingStarted")
        assert m.bot.order == ["socket", "CallConnected", "ParticipantsUpdated", "MediaStreamingStarted"]
        assert m.bot.posts[0] == ["CallConnected", "ParticipantsUpdated"]
        headers = {name.lower(): value for name, value in m.bot.sockets[0].headers.items()}
        assert headers["x-ms-call-connection-id"] == properties.call_connection_id
        assert headers["x-ms-call-correlation-id"] == properties.correlation_id

        connected: CloudEvent[Any] = CloudEvent.from_dict(m.bot.event("CallConnected"))
        assert connected.data is not None
        assert connected.data["operationContext"] == "room-42"
        assert connected.data["callConnectionId"] == properties.call_connection_id
        assert connected.data["version"] == "2026-03-12"
        updated = m.bot.event("ParticipantsUpdated")["data"]
        assert updated["sequenceNumber"] == 1
        assert [person["identifier"]["rawId"] for person in updated["participants"]] == [m.anna.id]
        started = m.bot.event("MediaStreamingStarted")["data"]["mediaStreamingUpdate"]
        assert started["mediaStreamingStatusDetails"] == "subscriptionStarted"


async def test_callbacks_and_media_are_signed_with_the_published_key() -> None:
    async with meeting() as m, m.joined(m.anna):
        await m.connect(media_options(m.bot))
        await m.bot.wait_for("MediaStreamingStarted")
        _, metadata = await m.acs.get("/calling/.well-known/acsopenidconfiguration")
        assert metadata["issuer"] == CALLBACK_ISSUER
        async with m.acs.http.get(metadata["jwks_uri"]) as answer:
            keys = jwt.PyJWKSet.from_dict(await answer.json())
        headers = {name.lower(): value for name, value in m.bot.sockets[0].headers.items()}
        for header, lifetime in ((m.bot.tokens[0], 300), (headers["authorization"], 86_400)):
            token = header.removeprefix("Bearer ")
            key = keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(token, key, algorithms=["RS256"], audience=RESOURCE_ID, issuer=CALLBACK_ISSUER)
            assert claims["exp"] - claims["iat"] == lifetime


async def test_nobody_in_the_room_means_no_call() -> None:
    async with meeting() as m:
        with pytest.raises(ResourceNotFoundError) as refused:
            await m.connect()
        assert refused.value.error is not None
        assert refused.value.error.code == "8522"


async def test_an_empty_room_can_fail_by_event_or_take_the_bot() -> None:
    async with meeting({"connect_to_empty_room": "fail"}) as m:
        properties = await m.connect()
        failed = await m.bot.wait_for("ConnectFailed")
        assert failed["data"]["callConnectionId"] == properties.call_connection_id
        assert failed["data"]["resultInformation"]["subCode"] == 8522
    async with meeting({"connect_to_empty_room": "accept"}) as m:
        await m.connect()
        await m.bot.wait_for("CallConnected")
        async with m.joined(m.anna):
            await m.bot.wait_for("ParticipantsUpdated", 2)


async def test_people_come_and_go_under_the_bots_eyes() -> None:
    async with meeting() as m, m.joined(m.anna):
        properties = await m.connect()
        await m.bot.wait_for("CallConnected")
        async with m.joined(m.ben) as ben:
            await m.bot.wait_for("ParticipantsUpdated", 2)
            listed = [p async for p in m.connection(properties).list_participants()]
            assert [p.identifier.raw_id for p in listed if p.identifier] == [m.anna.id, m.ben.id]
            await ben.mute()
            muted = (await m.bot.wait_for("ParticipantsUpdated", 3))["data"]
            assert [p["isMuted"] for p in muted["participants"]] == [False, True]
        gone = (await m.bot.wait_for("ParticipantsUpdated", 4))["data"]
        assert gone["sequenceNumber"] == 4
        assert [p["identifier"]["rawId"] for p in gone["participants"]] == [m.anna.id]


async def test_mute_and_remove() -> None:
    async with meeting() as m, m.joined(m.anna), m.joined(m.ben) as ben:
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        user = CommunicationUserIdentifier(m.ben.id)
        muted = await connection.mute_participant(user, operation_context="hush")
        assert muted.operation_context == "hush"
        await until(lambda: any(each["muted"] for each in ben.roster))
        found = await connection.get_participant(user)
        assert found.is_muted
        await connection.remove_participant(user, operation_context="out")
        removed = await m.bot.wait_for("RemoveParticipantSucceeded")
        assert removed["data"]["operationContext"] == "out"
        assert removed["data"]["participant"]["rawId"] == m.ben.id
        await until(lambda: ben.closed)
        assert ben.close_reason == "removed"
        await connection.remove_participant(user)
        await m.bot.wait_for("RemoveParticipantFailed")


async def test_hanging_up_leaves_the_others_talking() -> None:
    async with meeting() as m, m.joined(m.anna) as anna:
        connection = m.connection(await m.connect(media_options(m.bot)))
        await m.bot.wait_for("MediaStreamingStarted")
        await connection.hang_up(is_for_everyone=False)
        ended = (await m.bot.wait_for("CallDisconnected"))["data"]["resultInformation"]
        assert (ended["code"], ended["subCode"]) == (200, 7000)
        assert m.bot.order[-1] == "CallDisconnected"
        assert m.bot.sockets[0].close_code == 1000
        assert not anna.closed
        with pytest.raises(ResourceNotFoundError):
            await connection.get_call_properties()


async def test_terminating_sends_everybody_home() -> None:
    async with meeting() as m, m.joined(m.anna) as anna, m.joined(m.ben) as ben:
        connection = m.connection(await m.connect(media_options(m.bot)))
        await m.bot.wait_for("MediaStreamingStarted")
        await connection.hang_up(is_for_everyone=True)
        ended = (await m.bot.wait_for("CallDisconnected"))["data"]["resultInformation"]
        assert ended["message"].startswith("Call was ended by Azure Communication Service Call Automation API")
        await until(lambda: anna.closed and ben.closed)
        assert anna.close_reason == "call ended"
        assert m.acs.journal.entries("call.ended")


async def test_streaming_stops_and_starts_again() -> None:
    async with meeting() as m, m.joined(m.anna):
        properties = await m.connect(media_options(m.bot, start_media_streaming=False))
        connection = m.connection(properties)
        await m.bot.wait_for("CallConnected")

        async def state() -> str | None:
            subscription = (await connection.get_call_properties()).media_streaming_subscription
            return subscription.state if subscription is not None else None

        assert await state() == "inactive"
        await connection.start_media_streaming(operation_context="go")
        started = await m.bot.wait_for("MediaStreamingStarted")
        assert started["data"]["operationContext"] == "go"
        assert await state() == "active"
        with pytest.raises(HttpResponseError):
            await connection.start_media_streaming()
        await connection.stop_media_streaming(operation_context="stop")
        stopped = await m.bot.wait_for("MediaStreamingStopped")
        assert stopped["data"]["mediaStreamingUpdate"]["mediaStreamingStatusDetails"] == "subscriptionStopped"
        assert await state() == "inactive"
        await connection.start_media_streaming()
        await m.bot.wait_for("MediaStreamingStarted", 2)
        assert len(m.bot.sockets) == 2


async def test_a_socket_nobody_answers_is_told() -> None:
    async with meeting() as m, m.joined(m.anna):
        properties = await m.connect(media_options(m.bot, transport_url="ws://127.0.0.1:1/nobody"))
        failed = (await m.bot.wait_for("MediaStreamingFailed"))["data"]
        assert m.bot.order[:2] == ["CallConnected", "ParticipantsUpdated"]
        assert (failed["resultInformation"]["code"], failed["resultInformation"]["subCode"]) == (400, 8581)
        assert failed["mediaStreamingUpdate"]["mediaStreamingStatusDetails"] == "initialWebSocketConnectionFailed"
        subscription = (await m.connection(properties).get_call_properties()).media_streaming_subscription
        assert subscription is not None
        assert subscription.state == "inactive"


@pytest.mark.parametrize("policy", ["bot_stays", "call_ends"])
async def test_a_bot_is_not_left_alone_for_ever(policy: str) -> None:
    async with meeting({"last_human_leaves": policy, "alone_limit_s": 0.2}) as m:
        async with m.joined(m.anna):
            properties = await m.connect()
            await m.bot.wait_for("CallConnected")
        if policy == "bot_stays":
            await m.bot.wait_for("ParticipantsUpdated", 2)
            assert await m.connection(properties).get_call_properties()
        ended = (await m.bot.wait_for("CallDisconnected"))["data"]["resultInformation"]
        assert ended["message"] == "The conversation has ended. DiagCode: 0#7000.@"


async def test_an_event_is_posted_again_until_it_is_taken() -> None:
    async with meeting({"callback_backoff_s": 0.05}) as m, m.joined(m.anna):
        m.bot.answers = [500, 500]
        await m.connect()
        await m.bot.wait_for("CallConnected")
        await until(lambda: len(m.acs.journal.entries("callback")) == 3)
        tries = m.acs.journal.entries("callback", types=["CallConnected", "ParticipantsUpdated"])
        assert [entry["status"] for entry in tries] == [500, 500, 200]
        assert len({str(entry["ids"]) for entry in tries}) == 1


async def test_bad_requests_are_refused() -> None:
    async with meeting() as m, m.joined(m.anna):
        for attempt in (
            m.connect(media_options(m.bot, transport_url="http://x.example/")),
            m.calls.connect_call(room_id=m.room_id, callback_url="nonsense"),
        ):
            with pytest.raises(HttpResponseError) as refused:
                await attempt
            assert refused.value.error is not None
            assert refused.value.error.code == "8523"
        m.acs.faults.replace({"switches": {"strict_urls": True}})
        with pytest.raises(HttpResponseError):
            await m.connect()
