"""One bot calls another with nothing but the real clients, as the vendor's live tests do, and all is as recorded."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from azure.communication.callautomation import (
    CallConnectionProperties,
    CommunicationUserIdentifier,
    FileSource,
    MediaStreamingAudioChannelType,
)
from azure.communication.callautomation.aio import CallAutomationClient, CallConnectionClient
from azure.core.exceptions import HttpResponseError
from azure.eventgrid import EventGridEvent, SystemEventNames

from tests.support.acs_emulator import Acs, FakeBot, Guest, make_guest, running_acs, running_bot, samples, until
from tests.support.acs_meeting import Endpoint, endpoint, files, media_options, subscribe, wav
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time

INCOMING = SystemEventNames.AcsIncomingCallEventName


@dataclass
class Two:
    """A bot that calls, one that is called, and the endpoint that is told of calls."""

    acs: Acs
    there: Endpoint
    caller: Guest
    callee: Guest
    calling: CallAutomationClient
    called: CallAutomationClient
    caller_bot: FakeBot
    callee_bot: FakeBot

    async def dial(self, **more: Any) -> CallConnectionProperties:
        return await self.calling.create_call(
            CommunicationUserIdentifier(self.callee.id), self.caller_bot.callback_url, **more
        )

    async def incoming(self, count: int = 1) -> dict[str, Any]:
        await until(lambda: len(self.there.bodies) >= count)
        event = EventGridEvent.from_dict(self.there.bodies[count - 1][0])
        assert event.event_type == INCOMING
        assert isinstance(event.data, dict)
        return event.data

    async def established(self, **more: Any) -> tuple[CallConnectionClient, CallConnectionClient]:
        dialled = await self.dial(**more)
        context = (await self.incoming())["incomingCallContext"]
        answered = await self.called.answer_call(context, self.callee_bot.callback_url, **more_media(self.callee_bot))
        await self.caller_bot.wait_for("CallConnected")
        await self.callee_bot.wait_for("CallConnected")
        assert dialled.call_connection_id is not None and answered.call_connection_id is not None
        return (
            self.calling.get_call_connection(dialled.call_connection_id),
            self.called.get_call_connection(answered.call_connection_id),
        )


def more_media(bot: FakeBot) -> dict[str, Any]:
    return {"media_streaming": media_options(bot)}


@asynccontextmanager
async def two_bots() -> AsyncIterator[Two]:
    async with running_bot() as caller_bot, running_bot() as callee_bot, running_acs() as acs, endpoint() as there:
        caller, callee = await make_guest(acs), await make_guest(acs)
        status, _ = await subscribe(acs, there, "EventGridSchema", included_event_types=[INCOMING])
        assert status == 201
        async with (
            CallAutomationClient(acs.url, acs.credential, source=CommunicationUserIdentifier(caller.id)) as calling,
            CallAutomationClient(acs.url, acs.credential, source=CommunicationUserIdentifier(callee.id)) as called,
        ):
            yield Two(acs, there, caller, callee, calling, called, caller_bot, callee_bot)


def user(raw_id: str) -> dict[str, Any]:
    return {"rawId": raw_id, "kind": "communicationUser", "communicationUser": {"id": raw_id}}


async def test_the_bodies_are_those_of_the_vendors_live_tests() -> None:
    async with two_bots() as two:
        raw: list[Any] = []

        def take(response: Any) -> None:
            raw.append(response.http_response.json())

        await two.dial(raw_response_hook=take)
        incoming = await two.incoming()
        await two.called.answer_call(
            incoming["incomingCallContext"], two.callee_bot.callback_url, raw_response_hook=take
        )
        created, answered = raw
        common = {
            "targets": [user(two.callee.id)],
            "callConnectionState": "connecting",
            "source": user(two.caller.id),
            "correlationId": incoming["correlationId"],
        }
        assert created == common | {
            "callConnectionId": created["callConnectionId"],
            "callbackUri": two.caller_bot.callback_url,
            "sourceDisplayName": "",
            "mediaStreamingSubscription": disabled(created),
        }
        assert answered == common | {
            "callConnectionId": answered["callConnectionId"],
            "serverCallId": incoming["serverCallId"],
            "callbackUri": two.callee_bot.callback_url,
            "answeredBy": {"id": two.callee.id},
            "mediaStreamingSubscription": disabled(answered),
        }
        assert incoming == {
            "to": user(two.callee.id),
            "from": user(two.caller.id),
            "serverCallId": incoming["serverCallId"],
            "callerDisplayName": "",
            "incomingCallContext": incoming["incomingCallContext"],
            "correlationId": incoming["correlationId"],
        }
        await two.caller_bot.wait_for("CallConnected")
        connection = two.calling.get_call_connection(created["callConnectionId"])
        shown = await connection.get_call_properties(raw_response_hook=take)
        assert shown.call_connection_state == "connected"
        assert raw[2]["source"] == user(two.caller.id)
        assert raw[2]["sourceDisplayName"] == ""
        assert raw[2]["serverCallId"] == incoming["serverCallId"]


def disabled(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": body["mediaStreamingSubscription"]["id"],
        "state": "disabled",
        "subscribedContentTypes": ["audio"],
    }


async def test_an_incoming_call_context_is_as_long_as_the_services() -> None:
    async with two_bots() as two:
        await two.dial()
        context = (await two.incoming())["incomingCallContext"]
        assert 7_000 < len(context) < 10_000  # 8.3 kB were recorded
        head, payload, signature = context.split(".")
        assert json.loads(base64.urlsafe_b64decode(head + "==")) == {"alg": "none", "typ": "JWT"}
        assert set(json.loads(base64.urlsafe_b64decode(payload + "=="))) == {"cc", "shrToken"}
        assert signature == ""


async def test_both_are_listed_and_told_of_each_other() -> None:
    async with two_bots() as two:
        connection, other = await two.established()
        both = {two.caller.id, two.callee.id}
        for each in (connection, other):
            assert {person.identifier.raw_id async for person in each.list_participants() if person.identifier} == both

        def known(bot: FakeBot) -> set[str]:
            people = bot.event("ParticipantsUpdated")["data"]["participants"]
            return {person["identifier"]["rawId"] for person in people}

        await until(lambda: known(two.caller_bot) == both == known(two.callee_bot))
        assert (
            two.caller_bot.event("CallConnected")["data"]["correlationId"]
            == (two.callee_bot.event("CallConnected")["data"]["correlationId"])
        )


async def test_they_hear_each_other_and_what_is_played() -> None:
    async with files(hello=wav(400)) as urls, two_bots() as two:
        connection, _ = await two.established(
            media_streaming=media_options(two.caller_bot, audio_channel_type=MediaStreamingAudioChannelType.MIXED)
        )
        heard = await two.callee_bot.wait_for_audio()
        await two.callee_bot.say(b"\x00\x10" * 4800)
        mixed = await two.caller_bot.wait_for_audio()
        await until(lambda: 0x1000 in samples(mixed.pcm()))
        before = 0

        def loud() -> bool:
            return max(samples(heard.pcm(two.caller.id)[before:]), default=0) > 5000

        await connection.play_media(FileSource(url=urls["hello"]), [CommunicationUserIdentifier(two.callee.id)])
        await two.caller_bot.wait_for("PlayCompleted")
        await until(loud)
        before = len(heard.pcm(two.caller.id))
        await connection.play_media(FileSource(url=urls["hello"]))
        await two.caller_bot.wait_for("PlayCompleted", 2)
        await until(loud)


async def test_one_hangs_up_and_both_are_out() -> None:
    for for_everyone in (False, True):
        async with two_bots() as two:
            connection, _ = await two.established()
            await connection.hang_up(is_for_everyone=for_everyone)
            await two.caller_bot.wait_for("CallDisconnected")
            ended = (await two.callee_bot.wait_for("CallDisconnected"))["data"]["resultInformation"]
            assert ended["message"] == "The conversation has ended. DiagCode: 0#7000.@"


async def test_two_bots_talk_for_longer_than_one_would_be_left_alone() -> None:
    async with two_bots() as two:
        two.acs.faults.replace({"switches": {"alone_limit_s": 0.2}})
        connection, _ = await two.established()
        heard = await two.callee_bot.wait_for_audio(50)
        assert heard.close_code is None
        assert (await connection.get_call_properties()).call_connection_state == "connected"


async def test_the_called_bot_is_muted_held_and_removed() -> None:
    async with two_bots() as two:
        connection, _ = await two.established()
        callee = CommunicationUserIdentifier(two.callee.id)
        await connection.mute_participant(callee)
        assert (await connection.get_participant(callee)).is_muted
        await connection.hold(callee)
        assert (await connection.get_participant(callee)).is_on_hold
        await connection.remove_participant(callee)
        await two.caller_bot.wait_for("RemoveParticipantSucceeded")
        ended = (await two.callee_bot.wait_for("CallDisconnected"))["data"]["resultInformation"]
        assert (ended["code"], ended["subCode"]) == (200, 5300)


@pytest.mark.parametrize(("reason", "code"), [("busy", 486), ("forbidden", 403), ("none", 603)])
async def test_a_rejected_call_fails(reason: str, code: int) -> None:
    async with two_bots() as two:
        await two.dial()
        context = (await two.incoming())["incomingCallContext"]
        await two.called.reject_call(context, call_reject_reason=reason)
        failed = (await two.caller_bot.wait_for("CreateCallFailed"))["data"]["resultInformation"]
        assert failed["code"] == code
        with pytest.raises(HttpResponseError):
            await two.called.answer_call(context, two.callee_bot.callback_url)


async def test_a_redirected_call_is_offered_to_the_next() -> None:
    async with two_bots() as two:
        third = await make_guest(two.acs)
        await two.dial()
        context = (await two.incoming())["incomingCallContext"]
        await two.called.redirect_call(context, CommunicationUserIdentifier(third.id))
        offered = await two.incoming(2)
        assert offered["to"]["rawId"] == third.id
        assert offered["from"]["rawId"] == two.caller.id
        answered = await two.called.answer_call(offered["incomingCallContext"], two.callee_bot.callback_url)
        assert answered.correlation_id == offered["correlationId"]
        await two.caller_bot.wait_for("CallConnected")
        await two.callee_bot.wait_for("CallConnected")


async def test_somebody_who_is_added_is_called_too() -> None:
    async with two_bots() as two:
        connection, _ = await two.established()
        third = await make_guest(two.acs)
        await connection.add_participant(CommunicationUserIdentifier(third.id))
        offered = await two.incoming(2)
        assert offered["to"]["rawId"] == third.id
        await two.called.answer_call(offered["incomingCallContext"], two.callee_bot.callback_url)
        await two.caller_bot.wait_for("AddParticipantSucceeded")
        await two.callee_bot.wait_for("CallConnected", 2)


async def test_a_call_that_nobody_answers_in_time_cannot_be_answered() -> None:
    async with two_bots() as two:
        two.acs.faults.replace({"switches": {"ring_s": 0.1}})
        await two.dial()
        context = (await two.incoming())["incomingCallContext"]
        await two.caller_bot.wait_for("CreateCallFailed")
        with pytest.raises(HttpResponseError) as refused:
            await two.called.answer_call(context, two.callee_bot.callback_url)
        assert refused.value.error is not None
        assert refused.value.error.code == "8523"
