"""Helpers for tests of access: an issuer of Entra tokens, raw requests, and a check that others are served."""

from __future__ import annotations

import asyncio
import io
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from emulator.acs.events.callbacks import TokenIssuer
from emulator.config import RESOURCE_ID
from emulator.faults import TokenFlaw
from tests.support.line import ADMIN_KEY, GRID_SECRET, Line, Room

ISSUER = "https://login.microsoftonline.com/7e57e57e-0000-4000-8000-000000000001/v2.0"
ADMIN_AUDIENCE = "api://interpreter-admin"
GRID_AUDIENCE = "api://interpreter-events"
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

Socket = aiohttp.ClientWebSocketResponse[bool]
Refusal = tuple[int, str]
"""Status and code."""


@dataclass
class Entra:
    """Signs tokens, and publishes its keys on a socket unless it is `down`."""

    url: str = ""
    down: bool = False
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)

    def rotate(self, kid: str) -> None:
        """From now on there is this key alone."""
        self.keys = {kid: rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Entra]:
        await asyncio.to_thread(self.rotate, "first")

        async def answer(_: web.Request) -> web.Response:
            if self.down:
                return web.Response(status=500)
            entries = [
                json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig"}
                for kid, key in self.keys.items()
            ]
            return web.json_response({"keys": entries})

        app = web.Application()
        app.router.add_get("/keys", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
        try:
            yield self
        finally:
            await runner.cleanup()

    def token(
        self, audience: str, *, kid: str | None = "", key: Any = None, algorithm: str = "RS256", **claims: Any
    ) -> str:
        """A good token, but for what is said; a claim of None is left out."""
        now = int(time.time())
        said = {"iss": ISSUER, "aud": audience, "iat": now, "nbf": now, "exp": now + 300, "azp": "app-1"} | claims
        name, own = next(iter(self.keys.items()))
        headers = {} if kid is None else {"kid": kid or name}
        payload = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(payload, own if key is None else key, algorithm, headers=headers)

    def wrong_tokens(self, audience: str, **good: Any) -> dict[str, str]:
        """Every way in which a token is not good, by name. `good`: claims that make it good otherwise."""
        ago = int(time.time()) - 3600
        return {
            "of another audience": self.token("api://somebody-else", **good),
            "of another tenant": self.token(audience, **good, iss=ISSUER.replace("7e57", "dead")),
            "expired": self.token(audience, **good, iat=ago - 60, nbf=ago - 60, exp=ago),
            "not valid yet": self.token(audience, **good, nbf=ago + 7200),
            "without an end": self.token(audience, **good, exp=None),
            "signed with a secret": self.token(audience, **good, key="a" * 32, algorithm="HS256"),
            "not signed": self.token(audience, **good, key="", algorithm="none"),
            "without a key id": self.token(audience, **good, kid=None),
            "of an unknown key": self.token(audience, **good, kid="made-up"),
            "signed with another key": self.token(audience, **good, key=OTHER_KEY),
            "that is none": "not.a.token",
            "far too long": "x" * 17_000,
        }

    def settings(self, *, admin: bool = False, event_grid: bool = False) -> dict[str, Any]:
        """What the service is told of this issuer."""
        said: dict[str, Any] = {}
        for wanted, prefix, audience in (
            (admin, "admin", ADMIN_AUDIENCE),
            (event_grid, "event_grid", GRID_AUDIENCE),
        ):
            if wanted:
                said |= {
                    f"{prefix}_token_issuer": ISSUER,
                    f"{prefix}_token_audience": audience,
                    f"{prefix}_token_jwks_url": self.url,
                }
        return said


@dataclass
class Observer:
    """Asks after a live conversation again and again while others are refused."""

    answers: int = 0
    wrong: list[object] = field(default_factory=list)


@asynccontextmanager
async def others_are_served(whole: Line) -> AsyncIterator[Room]:
    """A conversation is on, whose admin is answered all the while; it goes on afterwards."""
    room = await whole.room()
    observer = Observer()
    done = asyncio.Event()

    async def watch() -> None:
        while not done.is_set():
            url = f"{whole.base_url}/api/rooms/{room.room_id}/interpreter"
            async with whole.http.get(url, headers={"X-API-Key": ADMIN_KEY}) as response:
                seen = (response.status, (await response.json())["status"])
            observer.answers += 1
            if seen != (200, "interpreting"):
                observer.wrong.append(seen)
            await asyncio.sleep(0.25)

    async with room.joined("Ana"), room.joined("Luis"):
        await room.until_status("interpreting")
        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            try:
                yield room
                before = observer.answers
                while observer.answers == before:  # noqa: ASYNC110 - the next answer, as soon as there is one
                    await asyncio.sleep(0.01)
            finally:
                done.set()
        assert observer.wrong == []


def call_token(whole: Line, flaw: TokenFlaw | None) -> dict[str, str]:
    """The header by which ACS proves itself, on callbacks and on media sockets; with None, no header."""
    if flaw is None or flaw == "missing":
        return {}
    issuer = TokenIssuer(whole.key, whole.emulator.config.callback_issuer, RESOURCE_ID)
    return {"Authorization": f"Bearer {issuer.token(300, flaw)}"}


def media_socket(whole: Line, secret: str) -> AbstractAsyncContextManager[Socket]:
    """A media socket of a call, as ACS would open it."""
    return whole.http.ws_connect(f"{whole.base_url}/media/{secret}", headers=call_token(whole, "valid"))


@asynccontextmanager
async def in_place_of_acs(whole: Line, room: Room) -> AsyncIterator[tuple[str, Socket]]:
    """A call with Ana and Luis whose media socket is the test's: its secret, and the socket. ACS's own dial is late."""
    await whole.put_faults({"media": {"dial_delay_ms": 60_000}})
    async with room.joined("Ana"), room.joined("Luis"):
        await whole.until_noted("media.delayed")
        (secret,) = whole.secrets()
        async with media_socket(whole, secret) as socket:
            await whole.put_faults({})
            yield secret, socket


def of_connection(callbacks: str, connection: str) -> str:
    """Callbacks as they are about this connection."""
    return re.sub(r'("callConnectionId":\s*)"[^"]*"', rf'\1"{connection}"', callbacks)


async def refusal(response: aiohttp.ClientResponse) -> Refusal:
    """Status and code; every error has the one shape. ("-" for an answer that is no error.)"""
    text = await response.text()
    if response.status < 400:
        return response.status, "-"
    document = json.loads(text)
    assert set(document) == {"error"}, text
    error = document["error"]
    assert {"code", "message"} <= set(error) <= {"code", "message", "retry_after_ms", "details"}, text
    assert ("retry_after_ms" in error) == ("Retry-After" in response.headers), text
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    return response.status, error["code"]


async def ask(whole: Line, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None) -> Refusal:
    """One request as it is; bytes, text or what becomes JSON."""
    data = json.dumps(body) if isinstance(body, dict | list) else body
    given = {"Content-Type": "application/json"} | (headers or {})
    raw = data.encode() if isinstance(data, str) else data
    sent = None if raw is None else io.BytesIO(raw)  # aiohttp warns of large bodies given otherwise
    async with whole.http.request(method, whole.base_url + path, headers=given, data=sent) as response:
        return await refusal(response)


async def trickle(whole: Line, request: bytes, patience_s: float = 120.0) -> bytes:
    """What is answered to a request that does not go on, when the service has closed the connection."""
    address = urlsplit(whole.base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(request)
        async with asyncio.timeout(patience_s):
            return await reader.read()
    finally:
        writer.close()


def read_refusal(answer: bytes) -> Refusal:
    """Status and code of an answer as it came."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]["code"]


def head(method: str, path: str, *lines: str, length: int | None = None) -> bytes:
    """A request up to its body."""
    said = [f"{method} {path} HTTP/1.1", "Host: interpreter", "Connection: close", *lines]
    if length is not None:
        said.append(f"Content-Length: {length}")
    return ("\r\n".join([*said, "", ""])).encode()


GRID = {"X-Webhook-Secret": GRID_SECRET}
ADMIN = {"X-API-Key": ADMIN_KEY}
