"""The whole line in one process: the service under its own server, the emulator behind it, real sockets between."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import aiohttp
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from bot.app import Interpreter
from bot.config import Settings, load_settings
from emulator.acs.auth.keys import SigningKey
from emulator.acs.events.callbacks import TokenIssuer
from emulator.app import Emulator
from emulator.client import Participant
from emulator.config import RESOURCE_ID, Config, Switches
from emulator.engine.base import Engine
from emulator.engine.scripted import ScriptedEngine
from emulator.virtual_time import VirtualTimeLoop
from http_serving.server import server_config
from tests.support.acs_emulator import signing_key
from tests.support.detectors import reused_detectors
from tests.support.wall_time import wall_time_of

ADMIN_KEY = "an-admin-key-of-tests"
GRID_SECRET = "a-secret-of-event-grid"
ACCESS_KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
PATIENCE_S = 20.0
START_PATIENCE_S = 90.0
"""A service starts in seconds, and in many where other tests have the cores."""
LOOK_EVERY_S = 0.05
ANA_AND_LUIS = (("Ana", "en-US", "en-US"), ("Luis", "es-ES", "es-ES"))
"""Name, language spoken, language heard."""


@dataclass
class Room:
    """A room, and the means to be in it."""

    line: Line
    room_id: str
    acs_room_id: str
    tokens: dict[str, str]
    """By display name."""
    participant_ids: dict[str, str] = field(default_factory=dict)
    """By display name."""
    acs_rooms: dict[str, str] = field(default_factory=dict)
    """By display name, where each language has its own."""

    @asynccontextmanager
    async def joined(self, name: str) -> AsyncIterator[Participant]:
        acs_room_id = self.acs_rooms.get(name, self.acs_room_id)
        async with Participant.join(self.line.emulator.acs_url, acs_room_id, self.tokens[name], name) as participant:
            yield participant

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.line.api("GET", f"/api/rooms/{self.room_id}/interpreter")
        return found

    async def transcript(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.line.api("GET", f"/api/rooms/{self.room_id}/transcript")
        return found

    async def until_status(self, *statuses: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.line.until(self.status, lambda now: now["status"] in statuses)
        return found

    async def until_passages(self, count: int) -> list[dict[str, Any]]:
        found = await self.line.until(self.transcript, lambda now: len(now["passages"]) >= count)
        passages: list[dict[str, Any]] = found["passages"]
        return passages


@dataclass
class Line:
    """A running service and a running emulator."""

    emulator: Emulator
    service: Interpreter
    http: aiohttp.ClientSession
    base_url: str
    key: SigningKey

    def media_token(self, audience: str = RESOURCE_ID) -> str:
        """As ACS would sign it."""
        return TokenIssuer(self.key, self.emulator.config.callback_issuer, audience).token(60)

    def secrets(self) -> list[str]:
        """Of the calls that are on: what only ACS is told."""
        assert self.service.calls is not None
        return [call.connection.secret for call in self.service.calls.active_calls.all if not call.live.over]

    async def api(self, method: str, path: str, body: object = None) -> Any:
        headers = {"X-API-Key": ADMIN_KEY}
        async with self.http.request(method, self.base_url + path, json=body, headers=headers) as response:
            assert response.status < 300, (response.status, await response.text())
            return await response.json()

    async def put_faults(self, document: dict[str, Any]) -> None:
        """What the emulator does wrong from now on."""
        async with self.http.put(f"{self.emulator.acs_url}/emulator/faults", json=document) as response:
            assert response.status < 300, await response.text()

    async def room(self, people: Sequence[tuple[str, str, str]] = ANA_AND_LUIS, **settings: Any) -> Room:
        """Make a room of people: name, language spoken, language heard."""
        created = await self.api(
            "POST",
            "/api/rooms",
            {
                "name": "a test",
                "languages": list(dict.fromkeys(hears for _, _, hears in people)),
                "settings": settings,
                "participants": [
                    {"display_name": name, "role": "Presenter", "speaks": speaks, "hears": hears}
                    for name, speaks, hears in people
                ],
            },
        )
        tokens, acs_rooms = {}, {}
        for participant in created["participants"]:
            path = f"/api/rooms/{created['room_id']}/participants/{participant['participant_id']}/token"
            token = await self.api("POST", path)
            tokens[participant["display_name"]] = token["token"]
            acs_rooms[participant["display_name"]] = token["acs_room_id"]
        ids = {one["display_name"]: one["participant_id"] for one in created["participants"]}
        return Room(self, created["room_id"], created["acs_room_id"], tokens, ids, acs_rooms)

    async def until(self, look: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
        """Look again and again until what is seen is good."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                seen = await look()
                if good(seen):
                    return seen
                await asyncio.sleep(LOOK_EVERY_S)

    async def until_noted(self, kind: str, count: int = 1, **match: Any) -> list[dict[str, Any]]:
        """Journal entries of the emulator, once there are so many."""

        async def look() -> list[dict[str, Any]]:
            return self.emulator.journal.entries(kind, **match)

        found: list[dict[str, Any]] = await self.until(look, lambda entries: len(entries) >= count)
        return found


async def room_of(whole: Line, people: dict[str, str]) -> Room:
    created = await whole.api(
        "POST",
        "/api/rooms",
        {
            "name": "a test",
            "languages": list(dict.fromkeys(people.values())),
            "participants": [
                {"display_name": name, "role": "Presenter", "speaks": tag, "hears": tag} for name, tag in people.items()
            ],
        },
    )
    tokens = {}
    for participant in created["participants"]:
        path = f"/api/rooms/{created['room_id']}/participants/{participant['participant_id']}/token"
        tokens[participant["display_name"]] = (await whole.api("POST", path))["token"]
    return Room(whole, created["room_id"], created["acs_room_id"], tokens)


async def passages(room: Room, count: int, patience_s: float = 60.0) -> list[dict[str, Any]]:
    """The ledger of a room, once there is so much in it; there may be none that is missing."""
    async with asyncio.timeout(patience_s):
        while True:
            found: list[dict[str, Any]] = (await room.transcript())["passages"]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.1)


@asynccontextmanager
async def line(
    *,
    engine: Engine | None = None,
    switches: Switches | None = None,
    seed: int | None = None,
    deployments: tuple[str, ...] | None = None,
    **settings: Any,
) -> AsyncIterator[Line]:
    """Both, subscribed to each other; everything is gone afterwards. In virtual time, the date follows the loop.

    `deployments`: those of the model, as on the emulator's command line; any by default.
    """
    config = Config(
        acs_port=0,
        realtime_port=0,
        access_key=ACCESS_KEY,
        realtime_key="realtime-key",
        switches=switches or Switches(),
        seed=seed,
        deployments=deployments,
    )
    async with AsyncExitStack() as stack:
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualTimeLoop):
            stack.enter_context(wall_time_of(loop))
        stack.enter_context(shared_by_services())
        key = await asyncio.to_thread(signing_key)
        listening = stack.enter_context(_listening_socket())
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        scripted = engine or ScriptedEngine(delay_s=0.1)
        emulator = await stack.enter_async_context(Emulator(config, key=key, engine=scripted))
        told = await asyncio.to_thread(service_settings, emulator, base_url, **settings)
        service = Interpreter(told)
        server = uvicorn.Server(
            server_config(service.app, connections=service.connections, refusals=service.refusals, lifespan="on")
        )
        server.config.load()
        async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as http:
            serving = group.create_task(server.serve(sockets=[listening]), name="service")
            try:
                async with asyncio.timeout(START_PATIENCE_S):
                    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
                        await asyncio.sleep(0.01)
                subscription = {
                    "endpoint": f"{base_url}/webhooks/eventgrid",
                    "schema": "EventGridSchema",
                    "headers": {"X-Webhook-Secret": GRID_SECRET},
                }
                url = f"{emulator.acs_url}/emulator/eventgrid/subscriptions/bot"
                async with http.put(url, json=subscription) as response:
                    assert response.status < 300, await response.text()
                yield Line(emulator, service, http, base_url, key)
            finally:
                await service.drain()
                server.should_exit = True
                await serving


@contextmanager
def shared_by_services() -> Iterator[None]:
    """Services that start inside share what is alike in all of them and takes long to make."""
    with reused_detectors(), patch.object(FastAPI, "openapi", _openapi):
        yield


_generate_openapi = FastAPI.openapi
_openapi_documents: list[dict[str, Any]] = []


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The document of the first service: no setting changes it, and generating it is most of a service's start."""
    if not _openapi_documents:
        _openapi_documents.append(_generate_openapi(app))
    return _openapi_documents[0]


def _listening_socket() -> socket.socket:
    """A socket on a free port. asyncio sets TCP_NODELAY only where the protocol is named; without it, every answer that
    goes out in two pieces is held back for 40 ms."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    return listening


def service_settings(emulator: Emulator, base_url: str, **changes: Any) -> Settings:
    """What the service is told in tests."""
    values: dict[str, Any] = {
        "azure_communication_connection_string": SecretStr(f"endpoint={emulator.acs_url};accesskey={ACCESS_KEY}"),
        "azure_ai_endpoint": emulator.realtime_url,
        "azure_ai_key": SecretStr("realtime-key"),
        "azure_ai_realtime_deployment": "interpreter",
        "azure_ai_transcribe_deployment": "writer",
        "public_base_url": base_url,
        "acs_token_audience": RESOURCE_ID,
        "acs_token_jwks_url": f"{emulator.acs_url}/calling/keys",
        "event_grid_secret": SecretStr(GRID_SECRET),
        "admin_api_keys": {"tests": SecretStr(ADMIN_KEY)},
        "drain_s": 0.0,
        "database_path": ":memory:",
        **changes,
    }
    return load_settings(_env_file=None, **values)
