"""Typed messages over REST: what is accepted, what is refused, and that a repeated request types once."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from http_serving.errors import Conflict
from tests.support.rooms_api import Service
from tests.support.webhook_serving import client

HELLO = {"text": "Hello", "participant_id": "participant-1", "language": "EN-us"}


async def test_a_message_is_accepted_and_named(service: Service, http: httpx2.AsyncClient) -> None:
    answer = await http.post("/api/rooms/room-1/messages", json=HELLO)
    assert answer.status_code == 202
    assert answer.json() == {"room_id": "room-1", "utterance_id": "u-text-1"}
    await http.post("/api/rooms/room-1/messages", json={"text": "Hello"})
    assert service.interpreter.messages == [
        ("room-1", "participant-1", "Hello", "en-US"),
        ("room-1", None, "Hello", None),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": "a" * 2_001},
        {"text": 7},
        {"text": "Hello", "language": "not a language"},
        {"text": "Hello", "participant_id": "p" * 65},
        {"text": "Hello", "voice": True},
        [],
        None,
    ],
)
async def test_what_is_no_message_is_refused(service: Service, http: httpx2.AsyncClient, body: Any) -> None:
    answer = await http.post("/api/rooms/room-1/messages", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert service.interpreter.messages == []


async def test_strangers_and_readers_type_nothing(service: Service) -> None:
    async with client(service.app) as stranger:
        assert (await stranger.post("/api/rooms/room-1/messages", content=b"{")).status_code == 401
    assert service.interpreter.messages == []


async def test_a_refusal_is_passed_on(service: Service, http: httpx2.AsyncClient) -> None:
    service.interpreter.refusal = Conflict("nobody translates now")
    answer = await http.post("/api/rooms/room-1/messages", json=HELLO)
    assert (answer.status_code, answer.json()["error"]["message"]) == (409, "nobody translates now")
