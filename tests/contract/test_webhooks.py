"""The webhook doors on a real server, with the emulator knocking: handshakes, events, signed callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from azure.communication.callautomation.aio import CallAutomationClient

from emulator.client import Participant
from emulator.config import CALLBACK_ISSUER, RESOURCE_ID
from http_serving.bearer_tokens import KeySet, TokenVerifier, fetch_over_http
from http_serving.errors import ServiceError
from tests.support.acs_emulator import Acs, make_guest, make_room, running_acs, until
from tests.support.webhook_handler import Handler
from tests.support.webhook_serving import application
from webhooks.events import CallConnected, CallEnded, CallStarted, ParticipantsUpdated
from webhooks.routes import router


@dataclass
class Doors:
    """Our webhooks on a port, believing the emulator's key set."""

    url: str
    handler: Handler

    def reports(self, kind: type) -> list[object]:
        return [event for event in self.handler.reports if isinstance(event, kind)]

    def events(self, kind: type) -> list[object]:
        return [event for _, event in self.handler.events if isinstance(event, kind)]


@asynccontextmanager
async def open_doors(acs: Acs) -> AsyncIterator[Doors]:
    handler = Handler()
    keys = KeySet(fetch_over_http(f"{acs.url}/calling/keys"))
    verifier = TokenVerifier(CALLBACK_ISSUER, RESOURCE_ID, keys)
    app = application(router(handler, verifier, event_grid_secret="s3cret"), ServiceError)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Doors(f"http://127.0.0.1:{port}", handler)
        server.should_exit = True


async def subscribe(acs: Acs, doors: Doors, schema: str, secret: str = "s3cret") -> int:
    status, _ = await acs.put(
        "/emulator/eventgrid/subscriptions/calls",
        {
            "endpoint": f"{doors.url}/webhooks/eventgrid",
            "schema": schema,
            "headers": {"X-Webhook-Secret": secret},
        },
    )
    return status


@pytest.mark.parametrize("schema", ["EventGridSchema", "CloudEventSchemaV1_0"])
async def test_calls_of_a_room_are_reported(schema: str) -> None:
    async with running_acs() as acs, open_doors(acs) as doors:
        assert await subscribe(acs, doors, schema) in (200, 201)
        ada = await make_guest(acs)
        room_id = await make_room(acs, ada)
        async with Participant.join(acs.url, room_id, ada.token, "Ada"):
            await until(lambda: doors.reports(CallStarted))
        await until(lambda: doors.reports(CallEnded))
        (started,) = doors.reports(CallStarted)
        assert isinstance(started, CallStarted)
        assert started.room_id == room_id


@pytest.mark.parametrize("schema", ["EventGridSchema", "CloudEventSchemaV1_0"])
async def test_a_subscription_with_a_wrong_secret_is_not_made(schema: str) -> None:
    async with running_acs() as acs, open_doors(acs) as doors:
        assert await subscribe(acs, doors, schema, secret="wrong") >= 400


async def test_callbacks_are_believed_by_their_signature() -> None:
    async with running_acs() as acs, open_doors(acs) as doors:
        ada = await make_guest(acs)
        room_id = await make_room(acs, ada)
        async with (
            CallAutomationClient(acs.url, acs.credential) as calls,
            Participant.join(acs.url, room_id, ada.token, "Ada"),
        ):
            callback_url = f"{doors.url}/webhooks/calls/call-secret"
            call = await calls.connect_call(room_id=room_id, callback_url=callback_url)
            await until(lambda: doors.events(CallConnected) and doors.events(ParticipantsUpdated))
            (connected,) = doors.events(CallConnected)
            assert isinstance(connected, CallConnected)
            assert connected.call_connection_id == call.call_connection_id
            roster = doors.events(ParticipantsUpdated)[0]
            assert isinstance(roster, ParticipantsUpdated)
            assert ada.id in roster.participants


@pytest.mark.parametrize("token", ["expired", "wrong_audience", "wrong_key", "missing"])
async def test_callbacks_with_a_bad_token_are_not(token: str) -> None:
    async with running_acs({"callback_tries": 1}) as acs, open_doors(acs) as doors:
        acs.faults.replace({"callbacks": [{"token": token}], "switches": {"callback_tries": 1}})
        ada = await make_guest(acs)
        room_id = await make_room(acs, ada)
        async with (
            CallAutomationClient(acs.url, acs.credential) as calls,
            Participant.join(acs.url, room_id, ada.token, "Ada"),
        ):
            await calls.connect_call(room_id=room_id, callback_url=f"{doors.url}/webhooks/calls/call-secret")
            await until(lambda: acs.journal.entries("callback", status=401))
        assert doors.handler.events == []
