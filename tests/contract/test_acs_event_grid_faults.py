"""Event Grid at its worst: batches, doubles, wrong order, delays, endpoints that die, tokens it shows."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent

from emulator.acs.auth.entra import EVENT_GRID_APPLICATION, EVENT_GRID_ROLE, ISSUER
from tests.support.acs_emulator import running_acs, until
from tests.support.acs_meeting import Endpoint, endpoint, hold_a_call, subscribe
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


def kinds(there: Endpoint) -> list[str]:
    events = [event for body in there.bodies for event in (body if isinstance(body, list) else [body])]
    return [str(event.get("eventType") or event["type"]).rpartition(".")[2] for event in events]


LIFE = ["CallStarted", "CallParticipantAdded", "CallParticipantRemoved", "CallEnded"]


@pytest.mark.parametrize("schema", ["EventGridSchema", "CloudEventSchemaV1_0"])
async def test_events_come_in_batches_where_asked_for(schema: str) -> None:
    async with endpoint() as there, running_acs() as acs:
        assert (await subscribe(acs, there, schema, max_events=10))[0] == 201
        await hold_a_call(acs)
        await until(lambda: len(kinds(there)) == 4)
        assert sorted(kinds(there)) == sorted(LIFE)
        assert len(there.bodies) < 4
        for event in there.bodies[0]:
            if schema == "EventGridSchema":
                assert EventGridEvent.from_dict(event).data["isRoomsCall"]
            else:
                cloud: CloudEvent[Any] = CloudEvent.from_dict(event)
                assert cloud.data is not None
                assert cloud.data["isRoomsCall"]


async def test_events_may_hold_anything() -> None:
    async with endpoint() as there, running_acs() as acs:
        await subscribe(acs, there, "EventGridSchema")
        acs.faults.replace({"event_grid": [{"types": ["CallStarted"], "data": {"startedBy": {}}, "times": 1}]})
        await hold_a_call(acs)
        await until(lambda: len(kinds(there)) == 4)
        started = next(body[0] for body in there.bodies if body[0]["eventType"].endswith("CallStarted"))
        assert started["data"]["startedBy"] == {}
        assert started["data"]["isRoomsCall"]


async def test_events_come_twice_late_and_the_wrong_way_round() -> None:
    async with endpoint() as there, running_acs() as acs:
        await subscribe(acs, there, "EventGridSchema")
        faults = [
            {"types": ["CallStarted"], "after_next": True, "times": 1},
            {"types": ["CallParticipantRemoved"], "duplicate": 1, "times": 1},
            {"types": ["CallEnded"], "delay_ms": 100, "times": 1},
        ]
        acs.faults.replace({"event_grid": faults})
        await hold_a_call(acs)
        await until(lambda: len(kinds(there)) == 5)
        assert kinds(there) == [
            "CallParticipantAdded",
            "CallStarted",
            "CallParticipantRemoved",
            "CallParticipantRemoved",
            "CallEnded",
        ]
        assert there.bodies[2][0]["id"] == there.bodies[3][0]["id"]
        assert acs.faults.document()["event_grid"] == []


async def test_deliveries_show_a_token_of_the_local_issuer() -> None:
    async with endpoint() as there, running_acs() as acs:
        await subscribe(acs, there, "EventGridSchema", audience="api://our-app")
        await hold_a_call(acs)
        await until(lambda: there.headers)
        token = there.headers[0]["Authorization"].removeprefix("Bearer ")
        _, metadata = await acs.get("/emulator/entra/.well-known/openid-configuration")
        assert metadata["issuer"] == ISSUER
        async with acs.http.get(metadata["jwks_uri"]) as answer:
            keys = jwt.PyJWKSet.from_dict(await answer.json())
        key = keys[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, key, algorithms=["RS256"], audience="api://our-app", issuer=ISSUER)
        assert claims["appid"] == EVENT_GRID_APPLICATION
        assert claims["roles"] == [EVENT_GRID_ROLE]


async def test_what_cannot_be_delivered_is_kept_where_asked_for() -> None:
    async with endpoint() as there, running_acs() as acs:
        await subscribe(acs, there, "EventGridSchema", dead_letter=True)
        there.answers = [400]
        await hold_a_call(acs)
        await until(lambda: len(kinds(there)) == 4)
        _, kept = await acs.get("/emulator/eventgrid/subscriptions/calls/dead-letters")
        (letter,) = kept["items"]
        assert letter["eventType"] == "Microsoft.Communication.CallStarted"
        assert letter["deadLetterReason"] == "MaxDeliveryAttemptsExceeded"
        assert (letter["deliveryAttempts"], letter["lastDeliveryOutcome"]) == (1, "BadRequest")
        assert letter["publishTime"] == letter["eventTime"] <= letter["lastDeliveryAttemptTime"]
        status, _ = await acs.get("/emulator/eventgrid/subscriptions/nobody/dead-letters")
        assert status == 404


async def test_a_dead_letter_keeps_its_schema() -> None:
    async with endpoint() as there, running_acs() as acs:
        await subscribe(acs, there, "CloudEventSchemaV1_0", dead_letter=True)
        there.answers = [413]
        await hold_a_call(acs)
        await until(lambda: len(kinds(there)) == 4)
        _, kept = await acs.get("/emulator/eventgrid/subscriptions/calls/dead-letters")
        letter: CloudEvent[Any] = CloudEvent.from_dict(kept["items"][0])
        assert letter.type == "Microsoft.Communication.CallStarted"
        assert letter.extensions is not None
        assert letter.extensions["deliveryattempts"] == 1


async def test_a_subscription_may_want_some_types_only() -> None:
    wanted = [f"Microsoft.Communication.{kind}" for kind in ("CallStarted", "CallEnded")]
    async with endpoint() as there, running_acs() as acs:
        status, shown = await subscribe(acs, there, "EventGridSchema", included_event_types=wanted)
        assert (status, shown["included_event_types"]) == (201, wanted)
        await hold_a_call(acs)
        await until(lambda: len(kinds(there)) == 2)
        assert kinds(there) == ["CallStarted", "CallEnded"]


async def test_a_dead_endpoint_is_put_off_and_its_events_arrive_when_it_lives() -> None:
    async with endpoint() as there, running_acs() as acs:
        await subscribe(acs, there, "EventGridSchema")
        acs.faults.replace({"switches": {"eventgrid_speed_up": 2000.0}})  # at run time
        there.answers = [500] * 10
        await hold_a_call(acs)
        await until(lambda: acs.journal.entries("eventgrid.put_off"))
        await until(lambda: len(acs.journal.entries("eventgrid.delivery", status=200)) == 4)
        delivered = {str(entry["type"]) for entry in acs.journal.entries("eventgrid.delivery", status=200)}
        assert delivered == set(LIFE)


@pytest.mark.parametrize(
    "option",
    [
        {"included_event_types": ["CallStarted"]},
        {"max_events": 0},
        {"max_events": True},
        {"audience": 1},
        {"dead_letter": "yes"},
        {"headers": {"a b": "c"}},
    ],
)
async def test_impossible_subscriptions_are_refused(option: dict[str, Any]) -> None:
    async with endpoint() as there, running_acs() as acs:
        assert (await subscribe(acs, there, "EventGridSchema", **option))[0] == 400
