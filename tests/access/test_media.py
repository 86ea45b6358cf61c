"""The endpoint for media sockets: what is refused before the upgrade, and what ends a socket after it."""

from __future__ import annotations

import asyncio
from typing import get_args
from urllib.parse import urlsplit

import aiohttp
import pytest

from emulator.faults import TokenFlaw
from tests.support.access import Refusal, call_token, in_place_of_acs, others_are_served, read_refusal, refusal, trickle
from tests.support.line import Line, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]

UNAUTHORIZED, UNKNOWN = (401, "unauthorized"), (404, "unknown_call")
# What it is, the secret in the address ("" for the call's own), the token's flaw, the answer.
TABLE: list[tuple[str, str, TokenFlaw | None, Refusal]] = [
    ("without proof", "", None, UNAUTHORIZED),
    *((f"with a token that is {flaw}", "", flaw, UNAUTHORIZED) for flaw in get_args(TokenFlaw)[1:]),
    ("for a call there is not", "guessed", "valid", UNKNOWN),
    ("for a call there is not, without proof", "guessed", None, UNKNOWN),
    ("of a call that has its stream", "", "valid", (409, "already_streaming")),
]


async def dial(whole: Line, secret: str, headers: dict[str, str]) -> Refusal:
    """The answer to a request for an upgrade that is refused."""
    asked = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with whole.http.get(f"{whole.base_url}/media/{secret}", headers=asked | headers) as response:
        return await refusal(response)


def upgrade(whole: Line, *lines: str, method: str = "GET") -> bytes:
    """A request for an upgrade as nobody sends it who means well."""
    said = [
        f"{method} /media/{whole.secrets()[0]} HTTP/1.1",
        f"Host: {urlsplit(whole.base_url).netloc}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *lines,
    ]
    return "\r\n".join([*said, "", ""]).encode()


async def test_what_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.rate_limits.DIALS_PER_S", 100.0)
    async with line() as whole, others_are_served(whole):
        (secret,) = whole.secrets()
        answers = {name: await dial(whole, given or secret, call_token(whole, flaw)) for name, given, flaw, _ in TABLE}
        assert answers == {name: expected for name, _, _, expected in TABLE}


async def test_requests_that_are_no_upgrade_are_answered_and_closed() -> None:
    """What the WebSocket library cannot read, it neither answers nor closes."""
    async with line() as whole, others_are_served(whole):
        rows = {
            "with too many headers": (upgrade(whole, *(f"X-{n}: x" for n in range(200))), (431, "headers_too_large")),
            "with a line it does not read": (upgrade(whole, "X: " + "x" * 9000), (400, "malformed_request")),
        }
        answers = {name: read_refusal(await trickle(whole, request)) for name, (request, _) in rows.items()}
        assert answers == {name: expected for name, (_, expected) in rows.items()}
        # What the library reads and refuses, it answers itself, in words.
        by_library = {
            b"HTTP/1.1 405": upgrade(whole, method="POST"),
            b"HTTP/1.1 400": upgrade(whole).replace(b"Sec-WebSocket-Version: 13", b"X: y"),
        }
        for beginning, request in by_library.items():
            assert (await trickle(whole, request)).startswith(beginning)


async def test_who_dials_one_call_too_often_is_put_off_before_tokens_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.rate_limits.DIALS_PER_S", 0.3)
    async with line() as whole:
        room = await whole.room()
        async with room.joined("Ana"):
            await room.until_status("interpreting")
            (flooded,) = whole.secrets()
            answers = [await dial(whole, flooded, {"Authorization": "Bearer x.y.z"}) for _ in range(8)]
            assert answers[0] == UNAUTHORIZED
            assert answers[-1] == (429, "rate_limited")
            async with others_are_served(whole):  # another call's own socket is taken
                assert (await room.status())["status"] == "interpreting"


async def test_unauthenticated_callers_are_limited_and_acs_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.rate_limits.UNPROVEN_PER_S", 0.2)
    async with line() as whole:
        answers = [await dial(whole, f"guess-{number}", {}) for number in range(8)]
        assert answers[0] == UNKNOWN
        assert answers[-1] == (429, "rate_limited")
        async with others_are_served(whole):
            pass


async def test_keys_that_cannot_be_fetched_are_no_wrong_token() -> None:
    async with line(acs_token_jwks_url="http://127.0.0.1:1/keys") as whole:
        room = await whole.room()
        async with room.joined("Ana"):
            await whole.until_noted("media.dialled")
            (secret,) = whole.secrets()
            assert await dial(whole, secret, call_token(whole, "valid")) == (503, "unavailable")


async def test_a_flood_of_pings_ends_its_socket_and_nothing_else() -> None:
    async with line() as whole:
        room = await whole.room()
        async with in_place_of_acs(whole, room) as (_, socket), others_are_served(whole):
            assert socket._conn is not None
            assert socket._conn.transport is not None
            socket._conn.transport.write(b"\x89\x80\x00\x00\x00\x00" * 50_000)
            async with asyncio.timeout(10):
                while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass
        assert socket.close_code == 1008


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("x" * 300_000, 1009),
        ('{"kind":"AudioMetadata","audioMetadata":{"subscriptionId":"s","encoding":"PCM","sampleRate":8000,'
         '"channels":1,"length":320}}', 1003),
    ],
)  # fmt: skip
async def test_what_ends_a_socket(message: str, code: int) -> None:
    async with line() as whole:
        room = await whole.room()
        async with in_place_of_acs(whole, room) as (_, socket), others_are_served(whole):
            await socket.send_str(message)
            async with asyncio.timeout(30):
                while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass
        assert socket.close_code == code
