"""The REST surface against its own description, by schemathesis: never a 500, never a status that is not described."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from emulator.acs.api.server import AcsServer
from emulator.config import Config
from emulator.engine.scripted import ScriptedEngine
from emulator.faults import FaultPlan
from emulator.journal import Journal
from emulator.openapi import descriptions
from emulator.openapi.document import document
from tests.support.acs_emulator import ACCESS_KEY, signing_key
from tests.support.processes import Running, emulator_process

SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
NOWHERE = "127.0.0.1:9"
FEW, MANY = 1, 8


def tried(count: int) -> settings:
    """Examples of each operation, the same in every run."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


# Sockets, the page, and what is only there to be refused.
NOT_REST = (
    "/",
    "/emulator/groups/{group_id}/join",
    "/emulator/rooms/{room_id}/join",
    "/emulator/phone",
    "/teamsUser/:exchangeAccessToken",
)
_URL = re.compile(r"^(https?|wss?)://[^/]*")


@dataclass(frozen=True)
class Live:
    """A room with somebody in it, and a bot in its call."""

    token: str
    ids: dict[str, str]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with emulator_process() as emulator:
        yield emulator


@pytest.fixture
def live(running: Running) -> Live:
    token = running.ask("POST", "/emulator/tokens", {})["access_token"]
    user = running.ask("POST", "/identities?api-version=2023-10-01", {"createTokenWithScopes": ["voip"]}, token)
    user_id = user["identity"]["id"]
    room = running.ask(
        "POST", "/rooms?api-version=2025-03-13", {"participants": {user_id: {"role": "Presenter"}}}, token
    )
    robot = running.ask(
        "POST", f"/emulator/rooms/{room['id']}/robots", {"token": user["accessToken"]["token"], "display_name": "Anna"}
    )
    call = running.ask(
        "POST",
        "/calling/callConnections:connect?api-version=2025-06-15",
        {
            "callLocator": {"kind": "roomCallLocator", "roomId": room["id"]},
            "callbackUri": f"http://{NOWHERE}/",
            "mediaStreamingOptions": {
                "transportUrl": f"ws://{NOWHERE}/",
                "transportType": "websocket",
                "audioChannelType": "unmixed",
                "startMediaStreaming": False,
            },
        },
        token,
    )
    return Live(
        token,
        {
            "room_id": room["id"],
            "user_id": user_id,
            "raw_id": user_id,
            "robot_id": robot["robot_id"],
            "connection_id": call["callConnectionId"],
        },
    )


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_nothing_but_what_is_described(operation: Any, count: int, running: Running, live: Live) -> None:
    @tried(count)
    @given(case=operation.as_strategy())
    def attempt(case: Case[Any]) -> None:
        judge(case, running, live)

    attempt()


def judge(case: Case[Any], running: Running, live: Live) -> None:
    case.path_parameters = {
        name: live.ids.get(name, value) if len(str(value)) % 2 else value
        for name, value in (case.path_parameters or {}).items()
    }
    case.body = _at_home(case.body)
    response = case.call(base_url=running.acs_url, headers={"Authorization": f"Bearer {live.token}"}, timeout=30)
    case.validate_response(response, checks=[not_a_server_error, status_code_conformance, content_type_conformance])


def test_every_route_is_described() -> None:
    """And nothing else is."""
    described = {(method.upper(), path) for path, operations in document()["paths"].items() for method in operations}
    assert described == set(_routes())


def test_the_journal_is_asked_by_kind_number_and_field(running: Running) -> None:
    running.ask("PUT", "/emulator/faults", {"seed": 1})
    running.ask("GET", "/calling/keys")
    everything = running.ask("GET", "/emulator/journal")
    found = running.ask("GET", "/emulator/journal?kind=http&path=/calling/keys&status=200&fault=false")["items"]
    assert found
    assert {(each["kind"], each["path"], each["status"]) for each in found} == {("http", "/calling/keys", 200)}
    last = found[-1]["seq"]
    assert running.ask("GET", f"/emulator/journal?since={last - 1}&until={last}")["items"] == found[-1:]
    assert everything["next"] >= last
    assert running.ask("GET", "/emulator/journal?kind=http&path=/nowhere")["items"] == []


def test_the_description_is_served(running: Running) -> None:
    assert running.ask("GET", "/emulator/openapi.json") == document()
    assert running.ask("GET", "/emulator/faults/schema")["$schema"].endswith("2020-12/schema")


def _at_home(value: Any) -> Any:
    """URLs in a body lead nowhere but to this machine."""
    match value:
        case dict():
            return {key: _at_home(each) for key, each in value.items()}
        case list():
            return [_at_home(each) for each in value]
        case str() if _URL.match(value):
            return _URL.sub(lambda found: f"{found[1]}://{NOWHERE}", value)
        case _:
            return value


def _routes() -> list[tuple[str, str]]:
    """Of the application, without what is no REST."""
    routes = asyncio.run(_all_routes())
    return [(method, path) for method, path in routes if method != "HEAD" and path not in NOT_REST]


async def _all_routes() -> list[tuple[str, str]]:
    config = Config(access_key=ACCESS_KEY, realtime_key="")
    async with AcsServer(
        config, Journal(), FaultPlan(), ScriptedEngine(0.0), signing_key(), descriptions.routes()
    ) as server:
        return [
            (route.method, route.resource.canonical)
            for route in server.application().router.routes()
            if isinstance(route.resource, web.PlainResource | web.DynamicResource)
        ]
