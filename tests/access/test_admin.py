"""The admin API: which requests are refused how, which role allows what, and keys that are rotated."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from rooms_admin.api import request_guard
from rooms_admin.auth.api_keys import EVERY_ROLE, AdminRole
from tests.support.access import (
    ADMIN,
    ADMIN_AUDIENCE,
    Entra,
    Refusal,
    ask,
    head,
    others_are_served,
    read_refusal,
    refusal,
    trickle,
)
from tests.support.line import Line, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]

NEW = {"name": "a room", "languages": ["en-US", "es-ES"]}
LARGE = " " * (request_guard.BODY_LIMIT + 1)
KEYED = ADMIN | {"Idempotency-Key": "once"}

# What it is, the headers, the body of POST /api/rooms, the answer.
TABLE: list[tuple[str, dict[str, str], Any, Refusal]] = [
    ("without proof", {}, NEW, (401, "unauthorized")),
    ("with an empty key", {"X-API-Key": ""}, NEW, (401, "unauthorized")),
    ("with a wrong key", {"X-API-Key": "wrong"}, NEW, (401, "unauthorized")),
    ("with a token nobody verifies", {"Authorization": "Bearer x"}, NEW, (401, "unauthorized")),
    ("unauthenticated, malformed", {}, "{", (401, "unauthorized")),
    ("unauthenticated, oversized", {}, LARGE, (401, "unauthorized")),
    ("malformed", ADMIN, "{", (400, "invalid_request")),
    ("nested too deeply", ADMIN, "[" * 100_000, (400, "invalid_request")),
    ("of the wrong shape", ADMIN, {"name": 5}, (400, "invalid_request")),
    ("with an unknown field", ADMIN, NEW | {"nmae": 1}, (400, "invalid_request")),
    ("oversized", ADMIN, LARGE, (413, "payload_too_large")),
    ("at the limit, and no JSON", ADMIN, LARGE[1:], (400, "invalid_request")),
    ("for the first time", KEYED, NEW, (201, "-")),
    ("duplicate", KEYED, NEW, (201, "-")),
    ("another with the same key", KEYED, NEW | {"name": "other"}, (409, "idempotency_key_reused")),
]


async def test_what_is_turned_away() -> None:
    async with line() as whole, others_are_served(whole) as live:
        answers = {name: await ask(whole, "POST", "/api/rooms", headers, body) for name, headers, body, _ in TABLE}
        assert answers == {name: expected for name, _, _, expected in TABLE}
        # Out of order: a change of a version that is no longer, a command for a room that is not there.
        stale = ADMIN | {"If-Match": '"0"'}
        assert await ask(whole, "PATCH", f"/api/rooms/{live.room_id}", stale, {"name": "x"}) == (
            412,
            "precondition_failed",
        )
        assert await ask(whole, "GET", "/api/rooms/room-0", ADMIN) == (404, "not_found")
        assert await ask(whole, "PUT", "/api/rooms", ADMIN) == (405, "method_not_allowed")


async def test_a_slow_body_is_given_up() -> None:
    async with line() as whole, others_are_served(whole):
        proof = f"X-API-Key: {ADMIN['X-API-Key']}"
        slow = await trickle(whole, head("POST", "/api/rooms", proof, length=100) + b"{")
        assert read_refusal(slow) == (408, "request_timeout")
        unproven = await trickle(whole, head("POST", "/api/rooms", length=100) + b"{")
        assert read_refusal(unproven) == (401, "unauthorized")


async def test_who_asks_too_often_is_told_to_slow_down_and_nobody_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.rate_limits.UNPROVEN_PER_S", 0.2)
    async with line(admin_reads_per_s=1000, admin_changes_per_s=1) as whole, others_are_served(whole) as live:
        path = f"/api/rooms/{live.room_id}/tickets"
        answers = [await ask(whole, "POST", path, ADMIN, {"purpose": "captions"}) for _ in range(12)]
        assert answers[0] == (200, "-")
        assert answers[-1] == (429, "rate_limited")
        unproven = [await ask(whole, "GET", "/api/rooms") for _ in range(12)]
        assert unproven[0] == (401, "unauthorized")
        assert (429, "rate_limited") in unproven
        assert (await ask(whole, "GET", "/api/rooms", ADMIN)) == (200, "-")  # from the same address, with proof


INSIDE = ("169.254.169.254", "10.0.0.5", "127.0.0.1:6379", "localhost", "[::ffff:10.0.0.5]", "2130706433", "0x7f.1")


async def test_webhooks_are_not_sent_inside_unless_the_operator_allows_it() -> None:
    async def allowed(whole: Line) -> list[str]:
        answers = {}
        for host in INSIDE:
            wanted = {"url": f"https://{host}/", "events": ["room.live"]}
            answers[host] = await ask(whole, "POST", "/api/subscriptions", ADMIN, wanted)
        assert set(answers.values()) <= {(201, "-"), (400, "invalid_request")}
        return [host for host, (status, _) in answers.items() if status == 201]

    async with line() as whole:
        assert await allowed(whole) == []
    async with line(webhook_private_networks="10.0.0.0/8") as whole:
        assert await allowed(whole) == ["10.0.0.5", "[::ffff:10.0.0.5]"]


# --- roles ---------------------------------------------------------------------------------------

ROOM, PERSON, SUBSCRIPTION = "/api/rooms/{room_id}", "/participants/{participant_id}", "/api/subscriptions"
# Method, path, the role it needs, and the answer to one who has it, about what is not there.
ROLES: list[tuple[str, str, AdminRole, int]] = [
    ("GET", "/api/rooms", "Rooms.Read", 200),
    ("POST", "/api/rooms", "Rooms.Manage", 400),
    ("GET", ROOM, "Rooms.Read", 404),
    ("PATCH", ROOM, "Rooms.Manage", 404),
    ("DELETE", ROOM, "Rooms.Manage", 404),
    ("GET", ROOM + "/participants", "Rooms.Read", 404),
    ("POST", ROOM + "/participants", "Rooms.Manage", 400),
    ("PATCH", ROOM + PERSON, "Rooms.Manage", 404),
    ("DELETE", ROOM + PERSON, "Rooms.Manage", 404),
    ("POST", ROOM + PERSON + "/token", "Rooms.Manage", 404),
    ("POST", ROOM + "/tickets", "Rooms.Manage", 400),
    ("GET", ROOM + "/glossary", "Rooms.Read", 404),
    ("PUT", ROOM + "/glossary", "Rooms.Manage", 404),
    ("GET", ROOM + "/deletion", "Rooms.Read", 404),
    ("GET", ROOM + "/interpreter", "Rooms.Read", 404),
    ("POST", ROOM + "/interpreter", "Interpreter.Control", 400),
    ("POST", ROOM + "/messages", "Interpreter.Control", 400),
    ("POST", "/api/createSession", "Rooms.Manage", 400),
    ("POST", "/api/startTranslation", "Interpreter.Control", 400),
    ("POST", "/api/stopTranslation", "Interpreter.Control", 400),
    ("POST", "/api/endSession", "Interpreter.Control", 400),
    ("GET", ROOM + "/transcript", "Rooms.Read", 404),
    ("GET", ROOM + "/usage", "Rooms.Read", 404),
    ("GET", "/api/refusals", "Rooms.Read", 200),
    ("GET", SUBSCRIPTION, "Rooms.Read", 200),
    ("POST", SUBSCRIPTION, "Rooms.Manage", 400),
    ("GET", SUBSCRIPTION + "/{subscription_id}", "Rooms.Read", 404),
    ("DELETE", SUBSCRIPTION + "/{subscription_id}", "Rooms.Manage", 404),
    ("GET", SUBSCRIPTION + "/{subscription_id}/deliveries", "Rooms.Read", 404),
]
KINDS: list[tuple[tuple[AdminRole, ...], set[AdminRole]]] = [
    ((), set()),
    (("Rooms.Read",), {"Rooms.Read"}),
    (("Rooms.Manage",), {"Rooms.Read", "Rooms.Manage"}),
    (("Interpreter.Control",), {"Rooms.Read", "Interpreter.Control"}),
    (("Rooms.Read", "Rooms.Manage", "Interpreter.Control"), set(EVERY_ROLE)),
]


@pytest.fixture
async def entra() -> Any:
    async with Entra().listening() as issuer:
        yield issuer


def complete_openapi(whole: Line) -> set[tuple[str, str]]:
    """Methods and paths that ask an admin for proof."""
    paths = whole.service.app.openapi()["paths"]
    return {(method.upper(), path) for path in paths for method in paths[path] if "security" in paths[path][method]}


async def test_roles_open_what_they_say(entra: Entra) -> None:
    ids = {"room_id": "room-0", "participant_id": "p-0", "subscription_id": "s-0"}
    async with line(**entra.settings(admin=True)) as whole:
        assert complete_openapi(whole) == {(method, path) for method, path, _, _ in ROLES}
        for given, opened in KINDS:
            proof = {"Authorization": f"Bearer {entra.token(ADMIN_AUDIENCE, roles=list(given))}"}
            seen, expected = {}, {}
            for method, path, role, status in ROLES:
                body = None if method in ("GET", "DELETE") else "{}" if method == "POST" else b"[]"
                if method in ("PATCH", "PUT"):
                    body = '{"terms": []}' if path.endswith("glossary") else "{}"
                seen[method, path] = (await ask(whole, method, path.format(**ids), proof, body))[0]
                expected[method, path] = status if role in opened else 403
            assert seen == expected, given


async def test_tokens_that_prove_nothing(entra: Entra) -> None:
    async with line(**entra.settings(admin=True)) as whole, others_are_served(whole):
        roles: dict[str, Any] = {"roles": sorted(EVERY_ROLE)}
        wrong = entra.wrong_tokens(ADMIN_AUDIENCE, **roles) | {
            "that says nobody": entra.token(ADMIN_AUDIENCE, **roles, azp=None),
        }
        answers = {}
        for name, token in wrong.items():
            answers[name] = await ask(whole, "GET", "/api/rooms", {"Authorization": f"Bearer {token}"})
        assert answers == dict.fromkeys(wrong, (401, "unauthorized"))
        good = {"Authorization": f"Bearer {entra.token(ADMIN_AUDIENCE, **roles)}"}
        assert await ask(whole, "GET", "/api/rooms", good) == (200, "-")
        # A wrong proof is not made good by another, nor a right one spoiled by one that is not looked at.
        assert await ask(whole, "GET", "/api/rooms", good | {"X-API-Key": "wrong"}) == (401, "unauthorized")
        assert await ask(whole, "GET", "/api/rooms", ADMIN | {"Authorization": "Bearer x"}) == (200, "-")


async def test_an_issuer_that_is_not_reached_is_not_a_wrong_token(entra: Entra) -> None:
    entra.down = True
    async with line(**entra.settings(admin=True)) as whole:
        good = {"Authorization": f"Bearer {entra.token(ADMIN_AUDIENCE, roles=['Rooms.Read'])}"}
        async with whole.http.get(f"{whole.base_url}/api/rooms", headers=good) as response:
            assert await refusal(response) == (503, "unavailable")
            assert int(response.headers["Retry-After"]) > 0
        assert await ask(whole, "GET", "/api/rooms", ADMIN) == (200, "-")


# --- keys that come and go -------------------------------------------------------------------------


async def test_keys_are_rotated_while_the_service_runs(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("backend:the-old-key\n")
    old, new = {"X-API-Key": "the-old-key"}, {"X-API-Key": "the-new-key"}

    async def allowed(whole: Line) -> tuple[bool, bool]:
        return (
            (await ask(whole, "GET", "/api/rooms", old))[0] == 200,
            (await ask(whole, "GET", "/api/rooms", new))[0] == 200,
        )

    async with line(admin_api_keys_file=path) as whole, others_are_served(whole):
        assert await allowed(whole) == (True, False)
        for content, expected in (
            ("backend:the-old-key\nbackend:the-new-key\n", (True, True)),
            ("backend:the-new-key\n", (False, True)),
            ("backend:the-old-key\nand a broken line\n", (False, True)),
            ("# nobody\n", (False, False)),
        ):
            path.write_text(content)
            if "broken" in content:
                whole.service.read_keys_again()
            await whole.until(functools.partial(allowed, whole), expected.__eq__)
        assert await ask(whole, "GET", "/api/rooms", ADMIN) == (200, "-")  # given by a setting: stays
