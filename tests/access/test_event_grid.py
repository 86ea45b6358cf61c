"""The Event Grid endpoint: authentication by secret, by Entra token, and requests with neither."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from http_serving.bearer_tokens import EVENT_GRID_APP, EVENT_GRID_ROLE, KeySet
from tests.support.access import (
    GRID,
    GRID_AUDIENCE,
    Entra,
    Refusal,
    ask,
    head,
    others_are_served,
    read_refusal,
    refusal,
    trickle,
)
from tests.support.line import line
from tests.support.virtual_time import in_virtual_time
from webhooks import routes as webhook_routes

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]

ENDPOINT = "/webhooks/eventgrid"
WIRE = Path(__file__).parents[1] / "wire"
STARTED = (WIRE / "eventgrid_call_started.json").read_text()
ENDED = (WIRE / "eventgrid_call_ended.json").read_text()
LARGE = " " * (webhook_routes.EVENT_GRID_BODY_LIMIT + 1)
BATCH = "[" + ",".join([STARTED.strip().removeprefix("[").removesuffix("]")] * 500) + "]"

# What it is, method, headers, body, the answer.
TABLE: list[tuple[str, str, dict[str, str], Any, Refusal]] = [
    ("without proof", "POST", {}, STARTED, (401, "unauthorized")),
    ("with a wrong secret", "POST", {"X-Webhook-Secret": "wrong"}, STARTED, (401, "unauthorized")),
    ("with a token nobody verifies", "POST", {"Authorization": "Bearer x"}, STARTED, (401, "unauthorized")),
    ("unauthenticated, oversized", "POST", {}, LARGE, (401, "unauthorized")),
    ("malformed", "POST", GRID, "{", (400, "invalid_request")),
    ("nested too deeply", "POST", GRID, "[" * 100_000, (400, "invalid_request")),
    ("oversized", "POST", GRID, LARGE, (413, "payload_too_large")),
    ("at the limit, and no JSON", "POST", GRID, LARGE[1:], (400, "invalid_request")),
    ("out of order", "POST", GRID, ENDED, (200, "-")),
    ("good", "POST", GRID, STARTED, (200, "-")),
    ("duplicate", "POST", GRID, STARTED, (200, "-")),
    ("a large batch", "POST", GRID, BATCH, (200, "-")),
    ("a handshake", "OPTIONS", {"WebHook-Request-Origin": "eventgrid.azure.net"}, None, (200, "-")),
    ("a handshake of nobody", "OPTIONS", {}, None, (400, "invalid_request")),
    ("a handshake with a wrong secret", "OPTIONS", {"X-Webhook-Secret": "wrong"}, None, (401, "unauthorized")),
    ("with another method", "GET", GRID, None, (405, "method_not_allowed")),
]


async def test_what_is_turned_away() -> None:
    async with line() as whole, others_are_served(whole):
        answers = {name: await ask(whole, method, ENDPOINT, given, body) for name, method, given, body, _ in TABLE}
        assert answers == {name: expected for name, _, _, _, expected in TABLE}


async def test_a_slow_body_is_given_up() -> None:
    async with line() as whole, others_are_served(whole):
        proof = f"X-Webhook-Secret: {GRID['X-Webhook-Secret']}"
        slow = await trickle(whole, head("POST", ENDPOINT, proof, length=100) + b"[")
        assert read_refusal(slow) == (408, "request_timeout")


async def test_unauthenticated_callers_are_limited_and_event_grid_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.rate_limits.UNPROVEN_PER_S", 0.2)
    async with line() as whole, others_are_served(whole):
        answers = [await ask(whole, "POST", ENDPOINT, {}, STARTED) for _ in range(12)]
        assert answers[0] == (401, "unauthorized")
        assert (429, "rate_limited") in answers
        assert await ask(whole, "POST", ENDPOINT, GRID, STARTED) == (200, "-")


async def test_more_deliveries_than_there_can_be_are_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 429: Event Grid comes again after 10 s, rather than the 30 s of a 503 or the 5 min of a 401."""
    monkeypatch.setattr("bot.rate_limits.DELIVERIES_PER_S", 1.0)
    async with line() as whole, others_are_served(whole):
        answers = [await ask(whole, "POST", ENDPOINT, GRID, STARTED) for _ in range(12)]
        assert answers[0] == (200, "-")
        assert answers[-1] == (429, "rate_limited")


# --- by token --------------------------------------------------------------------------------------

OWN: dict[str, Any] = {"azp": None, "appid": EVENT_GRID_APP}


@pytest.fixture
async def entra(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Entra]:
    defaults = KeySet.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "refresh_interval_s", 0.0)
    monkeypatch.setitem(defaults, "retry_interval_s", 0.01)
    async with Entra().listening() as issuer:
        yield issuer


def proof(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_event_grids_own_token_is_proof_and_no_other_is(entra: Entra) -> None:
    async with line(**entra.settings(event_grid=True)) as whole, others_are_served(whole):
        good = {
            "of version 1": entra.token(GRID_AUDIENCE, **OWN),
            "of version 2": entra.token(GRID_AUDIENCE, azp=EVENT_GRID_APP),
            "with the role": entra.token(GRID_AUDIENCE, roles=["Other", EVENT_GRID_ROLE]),
        }
        wrong = entra.wrong_tokens(GRID_AUDIENCE, appid=EVENT_GRID_APP) | {
            "of another application": entra.token(GRID_AUDIENCE),
            "of another application with another role": entra.token(GRID_AUDIENCE, roles=["Rooms.Manage"]),
            "whose roles are a text": entra.token(GRID_AUDIENCE, roles=EVENT_GRID_ROLE),
            "whose subject is the id": entra.token(GRID_AUDIENCE, sub=EVENT_GRID_APP),
        }
        answers = {
            name: await ask(whole, "POST", ENDPOINT, proof(token), STARTED) for name, token in (good | wrong).items()
        }
        assert answers == dict.fromkeys(good, (200, "-")) | dict.fromkeys(wrong, (401, "unauthorized"))
        # Beside a token the secret is still proof; a wrong one is not healed by a token.
        assert await ask(whole, "POST", ENDPOINT, GRID, STARTED) == (200, "-")
        both = proof(good["of version 1"]) | {"X-Webhook-Secret": "wrong"}
        assert await ask(whole, "POST", ENDPOINT, both, STARTED) == (401, "unauthorized")
        origin = {"WebHook-Request-Origin": "eventgrid.azure.net"}
        assert await ask(whole, "OPTIONS", ENDPOINT, origin | proof(good["of version 1"])) == (200, "-")
        assert await ask(whole, "OPTIONS", ENDPOINT, origin | proof(wrong["expired"])) == (401, "unauthorized")


async def test_the_issuers_keys_may_change(entra: Entra) -> None:
    async with line(**entra.settings(event_grid=True)) as whole:
        before = entra.token(GRID_AUDIENCE, **OWN)
        assert await ask(whole, "POST", ENDPOINT, proof(before), STARTED) == (200, "-")
        await asyncio.to_thread(entra.rotate, "second")
        after = entra.token(GRID_AUDIENCE, **OWN)
        assert await ask(whole, "POST", ENDPOINT, proof(after), STARTED) == (200, "-")
        assert await ask(whole, "POST", ENDPOINT, proof(before), STARTED) == (401, "unauthorized")


async def test_an_issuer_that_is_not_reached_has_event_grid_come_again(entra: Entra) -> None:
    """503 and not 401: we cannot judge, and a 401 would put off what is good by five minutes."""
    entra.down = True
    async with line(**entra.settings(event_grid=True)) as whole, others_are_served(whole):
        good = proof(entra.token(GRID_AUDIENCE, **OWN))
        url = whole.base_url + ENDPOINT
        async with whole.http.post(url, data=STARTED, headers=good) as response:
            assert await refusal(response) == (503, "unavailable")
            assert int(response.headers["Retry-After"]) > 0
        assert await ask(whole, "POST", ENDPOINT, GRID, STARTED) == (200, "-")
        entra.down = False

        async def again() -> Refusal:
            return await ask(whole, "POST", ENDPOINT, good, STARTED)

        await whole.until(again, lambda answer: answer == (200, "-"))
        entra.down = True  # what was fetched stays good
        assert await again() == (200, "-")
