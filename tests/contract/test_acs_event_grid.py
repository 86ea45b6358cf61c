"""Event Grid subscriptions, handshakes and deliveries, read with the real event classes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent, SystemEventNames

from tests.support.acs_emulator import running_acs, until
from tests.support.acs_meeting import endpoint, hold_a_call, subscribe
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


async def test_a_call_is_reported_in_event_grids_own_schema() -> None:
    async with endpoint() as there, running_acs() as acs:
        status, _ = await subscribe(acs, there, "EventGridSchema", headers={"X-Webhook-Secret": "s3cret"})
        assert status == 201
        user_id, room_id = await hold_a_call(acs)
        await until(lambda: len(there.bodies) == 4)
        events = [EventGridEvent.from_dict(body[0]) for body in there.bodies]
        assert [event.event_type for event in events] == [
            SystemEventNames.AcsCallStartedEventName,
            SystemEventNames.AcsCallParticipantAddedEventName,
            SystemEventNames.AcsCallParticipantRemovedEventName,
            SystemEventNames.AcsCallEndedEventName,
        ]
        started, added, removed, ended = (event.data for event in events)
        assert started["startedBy"] == {"rawId": user_id, "communicationUser": {"id": user_id}, "role": "Attendee"}
        assert {data["room"]["id"] for data in (started, added, removed, ended)} == {room_id}
        assert len({data["correlationId"] for data in (started, added, removed, ended)}) == 1
        assert started["isRoomsCall"] is True
        assert (added["user"]["rawId"], added["displayName"]) == (user_id, "Anna")
        assert added["participantId"] == removed["participantId"]
        assert ended["durationOfCall"] >= 0
        assert events[0].subject == f"call/{started['serverCallId']}/startedBy/{user_id}"
        headers = there.headers[0]
        assert headers["aeg-event-type"] == "Notification"
        assert headers["aeg-subscription-name"] == "CALLS"
        assert headers["aeg-delivery-count"] == "0"
        assert headers["X-Webhook-Secret"] == "s3cret"


async def test_a_call_is_reported_in_cloud_events() -> None:
    async with endpoint() as there, running_acs() as acs:
        status, _ = await subscribe(acs, there, "CloudEventSchemaV1_0")
        assert status == 201
        _, room_id = await hold_a_call(acs)
        await until(lambda: len(there.bodies) == 4)
        event: CloudEvent[Any] = CloudEvent.from_dict(there.bodies[0])
        assert event.type == SystemEventNames.AcsCallStartedEventName
        assert event.data is not None
        assert event.data["room"]["id"] == room_id
        assert there.headers[0]["Content-Type"] == "application/cloudevents+json; charset=utf-8"


@pytest.mark.parametrize(
    ("schema", "attribute", "value", "reason"),
    [
        ("EventGridSchema", "validation", "wrong", "without the validation code"),
        ("CloudEventSchemaV1_0", "origin", "elsewhere.example", "did not allow the origin"),
        ("CloudEventSchemaV1_0", "origin", "", "did not allow the origin"),
        ("EventGridSchema", "url", "http://127.0.0.1:1/", "cannot be reached"),
    ],
)
async def test_without_handshake_no_subscription(schema: str, attribute: str, value: str, reason: str) -> None:
    async with endpoint() as there, running_acs(eventgrid_speed_up=1000) as acs:
        setattr(there, attribute, value)
        status, body = await subscribe(acs, there, schema)
        assert status == 400
        assert reason in body["error"]["details"][0]["message"]
        assert (await acs.get("/emulator/eventgrid/subscriptions"))[1] == {"items": []}


async def test_the_validation_address_can_be_visited_instead() -> None:
    async with endpoint() as there, running_acs() as acs:
        there.validation = "visit"
        asked = asyncio.ensure_future(subscribe(acs, there, "EventGridSchema"))
        await until(lambda: hasattr(there, "visit_url"))
        async with acs.http.get(there.visit_url) as answer:
            assert answer.status == 200
        assert (await asked)[0] == 201


async def test_a_failed_delivery_is_tried_again_with_its_count() -> None:
    async with endpoint() as there, running_acs(eventgrid_speed_up=1000) as acs:
        await subscribe(acs, there, "EventGridSchema")
        there.answers = [503]
        await hold_a_call(acs)
        await until(lambda: len(there.bodies) == 5)
        again = [
            headers["aeg-delivery-count"]
            for body, headers in zip(there.bodies, there.headers, strict=True)
            if body[0]["eventType"].endswith("CallStarted")
        ]
        assert again == ["0", "1"]


async def test_subscriptions_are_shown_without_secrets_and_deleted() -> None:
    async with endpoint() as there, running_acs() as acs:
        await subscribe(acs, there, "EventGridSchema", headers={"X-Webhook-Secret": "s3cret"})
        path = "/emulator/eventgrid/subscriptions/calls"
        status, shown = await acs.get(path)
        assert (status, shown["endpoint"]) == (200, there.url)
        assert "s3cret" not in str(shown)
        async with acs.http.delete(acs.url + path) as answer:
            assert answer.status == 204
        assert (await acs.get(path))[0] == 404
        await until(lambda: there.bodies)
        assert there.headers[0]["aeg-event-type"] == "SubscriptionDeletion"
        deleted = EventGridEvent.from_dict(there.bodies[0][0])
        assert deleted.event_type == "Microsoft.EventGrid.SubscriptionDeletedEvent"
        assert deleted.data["eventSubscriptionId"].endswith("/eventSubscriptions/CALLS")
        await hold_a_call(acs)
        assert len(there.bodies) == 1


async def test_bots_are_never_reported() -> None:
    from tests.support.acs_meeting import meeting

    async with endpoint() as there, meeting() as m:
        await subscribe(m.acs, there, "EventGridSchema")
        async with m.joined(m.anna):
            await m.connect()
            await m.bot.wait_for("CallConnected")
        await m.bot.wait_for("ParticipantsUpdated", 2)
        await until(lambda: len(there.bodies) == 3)
        assert "28:acs" not in str(there.bodies)
        kinds = [body[0]["eventType"].rpartition(".")[2] for body in there.bodies]
        assert kinds == ["CallStarted", "CallParticipantAdded", "CallParticipantRemoved"]
