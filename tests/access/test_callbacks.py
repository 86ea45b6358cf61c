"""The endpoint for callbacks: it checks the token first, then the call's secret, then the size, then the shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from emulator.faults import TokenFlaw
from tests.support.access import (
    Refusal,
    ask,
    call_token,
    head,
    of_connection,
    others_are_served,
    read_refusal,
    trickle,
)
from tests.support.line import line
from tests.support.virtual_time import in_virtual_time
from webhooks import routes as webhook_routes

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]

WIRE = Path(__file__).parents[1] / "wire"
ENDPOINT = "/webhooks/calls/{secret}"
LARGE = " " * (webhook_routes.CALLBACK_BODY_LIMIT + 1)


def wire(name: str) -> str:
    return (WIRE / f"callback_{name}.json").read_text()


PLAYED = wire("play_completed")
OK, BAD, UNAUTHORIZED = (200, "-"), (400, "invalid_request"), (401, "unauthorized")
# What it is, the secret in the address ("" for the call's own), the token's flaw, the body, the answer.
TABLE: list[tuple[str, str, TokenFlaw | None, Any, Refusal]] = [
    ("without proof", "", None, PLAYED, UNAUTHORIZED),
    ("without proof, for a call there is not", "guessed", None, PLAYED, UNAUTHORIZED),
    ("unauthenticated, oversized", "", None, LARGE, UNAUTHORIZED),
    *((f"with a token that is {flaw}", "", flaw, PLAYED, UNAUTHORIZED) for flaw in get_args(TokenFlaw)[1:]),
    ("for a call there is not", "guessed", "valid", PLAYED, (404, "not_found")),
    ("for a path that is none", "a/b", "valid", PLAYED, (404, "not_found")),
    ("malformed", "", "valid", "{", BAD),
    ("nested too deeply", "", "valid", "[" * 100_000, BAD),
    ("of the wrong shape", "", "valid", wire("malformed_no_participants"), BAD),
    ("oversized", "", "valid", LARGE, (413, "payload_too_large")),
    ("at the limit, and no JSON", "", "valid", LARGE[1:], BAD),
    ("of another connection", "", "valid", PLAYED, BAD),
    ("good", "", "valid", PLAYED, OK),
    ("duplicate", "", "valid", PLAYED, OK),
    ("out of order", "", "valid", wire("participants_updated_phone_on_hold"), OK),
    ("older than the one before", "", "valid", wire("connected_and_participants"), OK),
]


async def test_what_is_turned_away() -> None:
    async with line() as whole:
        room = await whole.room()
        async with room.joined("Ana"):
            connection = (await room.until_status("interpreting"))["call_connection_id"]
            (secret,) = whole.secrets()
            async with others_are_served(whole):
                answers = {}
                for name, given, flaw, body, _ in TABLE:
                    path, proof = ENDPOINT.format(secret=given or secret), call_token(whole, flaw)
                    ours = body if name == "of another connection" else of_connection(body, connection)
                    answers[name] = await ask(whole, "POST", path, proof, ours)
    assert answers == {name: expected for name, _, _, _, expected in TABLE}


async def test_a_slow_body_is_given_up() -> None:
    async with line() as whole, others_are_served(whole):
        (secret,) = whole.secrets()
        path, proof = ENDPOINT.format(secret=secret), f"Authorization: {call_token(whole, 'valid')['Authorization']}"
        assert read_refusal(await trickle(whole, head("POST", path, proof, length=9) + b"[")) == (
            408,
            "request_timeout",
        )
        assert read_refusal(await trickle(whole, head("POST", path, length=9) + b"[")) == UNAUTHORIZED


async def test_callbacks_of_one_call_have_their_own_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.rate_limits.CALLBACKS_PER_S", 2.0)
    async with line() as whole:
        room = await whole.room()
        async with room.joined("Ana"):
            played = of_connection(PLAYED, (await room.until_status("interpreting"))["call_connection_id"])
            (flooded,) = whole.secrets()
            good = call_token(whole, "valid")
            async with others_are_served(whole) as live:
                (other,) = set(whole.secrets()) - {flooded}
                answers = [await ask(whole, "POST", ENDPOINT.format(secret=flooded), good, played) for _ in range(60)]
                assert (429, "rate_limited") in answers
                assert set(answers) == {OK, (429, "rate_limited")}
                theirs = of_connection(PLAYED, (await live.status())["call_connection_id"])
                assert await ask(whole, "POST", ENDPOINT.format(secret=other), good, theirs) == OK


async def test_unauthenticated_callers_are_limited_and_acs_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.rate_limits.UNPROVEN_PER_S", 0.2)
    async with line() as whole, others_are_served(whole) as live:
        (secret,) = whole.secrets()
        guesses = [
            await ask(whole, "POST", ENDPOINT.format(secret=f"guess-{n}"), call_token(whole, "valid"), PLAYED)
            for n in range(12)
        ]
        assert guesses[0] == (404, "not_found")
        assert guesses[-1] == (429, "rate_limited")
        played = of_connection(PLAYED, (await live.status())["call_connection_id"])
        assert await ask(whole, "POST", ENDPOINT.format(secret=secret), call_token(whole, "valid"), played) == OK
