"""The REST API of rooms over ACS in memory.

Building the routes takes FastAPI 0.2 s, so services share them: the routes call the parts of the service made last.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import httpx2
import pytest
from fastapi import FastAPI

from http_serving.errors import ServiceError
from rooms_admin.api import (
    InterpreterState,
    LaneStatus,
    RequestGuard,
    TranslationCapabilities,
    router,
)
from rooms_admin.auth.api_keys import ApiKeys
from rooms_admin.rooms.requests import Action, TicketPurpose
from rooms_admin.rooms.room import Room
from rooms_admin.rooms.service import RoomService
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from rooms_admin.transcripts.usage import Prices
from tests.support.acs_fakes import FakeAcs
from tests.support.in_memory_stores import InMemoryRooms
from tests.support.webhook_serving import application, client

NEW_ROOM: dict[str, Any] = {
    "name": "Board meeting",
    "languages": ["en-us", "ES-es"],
    "mode": "consecutive",
    "participants": [
        {"display_name": "Ada", "role": "Presenter", "speaks": "en-US", "hears": "en-US"},
        {"display_name": "Benito", "speaks": "es-ES"},
    ],
}


class FakeInterpreter:
    """Does what it is told at once, or refuses."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, Action]] = []
        self.messages: list[tuple[str, str | None, str, str | None]] = []
        self.refusal: Exception | None = None

    async def state(self, room_id: str) -> InterpreterState:
        if not self.commands:
            return InterpreterState("idle")
        lanes = [
            LaneStatus("8:acs:a", "en-US", "es-ES", "open", "captions", "quota", (900, 1100), 2),
            LaneStatus("8:acs:b", "es-ES", "en-US", "parked", None, None, None, None),
        ]
        since, translation = (
            datetime(2026, 11, 20, 8, tzinfo=UTC),
            TranslationCapabilities("translate", "offered", "", ["es"], ["pt"]),
        )
        return InterpreterState("paused", "conn-1", since, "asked to", lanes, translation)

    async def command(self, room_id: str, action: Action) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.commands.append((room_id, action))

    async def take_message(self, *message: Any) -> str:
        if self.refusal is not None:
            raise self.refusal
        self.messages.append(message)
        return f"u-text-{len(self.messages)}"


class FakeTranscripts:
    def __init__(self) -> None:
        self.kept: list[TranscriptLine] = []
        self.closed: list[LedgerRecord] = []

    async def lines(self, room_id: str) -> Sequence[TranscriptLine]:
        return self.kept

    async def ledger(self, room_id: str) -> Sequence[LedgerRecord]:
        return self.closed

    async def whole_ledger(self, room_id: str) -> Sequence[LedgerRecord]:
        return self.closed


class Watcher:
    def __init__(self) -> None:
        self.seen: list[tuple[str, Room]] = []

    def changed(self, room: Room) -> None:
        self.seen.append(("changed", room))

    def removed(self, room: Room) -> None:
        self.seen.append(("removed", room))


def issue_ticket(
    purpose: TicketPurpose, room_id: str, language: str | None, participant_id: str | None
) -> tuple[str, datetime]:
    return f"{purpose}/{room_id}/{language}/{participant_id}", datetime(2026, 11, 20, 8, 15, tzinfo=UTC)


class Current:
    """Stands for a part of the service made last."""

    def __init__(self) -> None:
        self.part: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.part, name)


class Routes:
    """An application whose parts can be exchanged."""

    def __init__(self, prices: Prices | None) -> None:
        self.rooms, self.guard, self.interpreter, self.transcripts = (Current() for _ in range(4))
        routes = router(
            cast("RoomService", self.rooms),
            cast("RequestGuard", self.guard),
            cast("FakeInterpreter", self.interpreter),
            cast("FakeTranscripts", self.transcripts),
            issue_ticket=issue_ticket,
            take_message=lambda *message: self.interpreter.take_message(*message),
            prices=prices,
        )
        self.app = application(routes, ServiceError)


@functools.cache
def without_prices() -> Routes:
    return Routes(None)


class Service:
    """The REST API with everything round it."""

    def __init__(self, prices: Prices | None = None, before: Service | None = None, **guard: Any) -> None:
        """`before`: the same service before a restart."""
        self.acs: FakeAcs = before.acs if before else FakeAcs()
        self.store: InMemoryRooms = before.store if before else InMemoryRooms()
        self.interpreter = FakeInterpreter()
        self.transcripts = FakeTranscripts()
        self.watcher = Watcher()
        options: dict[str, Any] = {"authorise": ApiKeys({"ops": "s3cret"}), "body_timeout_s": 0.05} | guard
        routes = Routes(prices) if prices else without_prices()
        routes.rooms.part = RoomService(self.store, self.acs.acs, watcher=self.watcher)
        routes.guard.part = RequestGuard(**options)
        routes.interpreter.part = self.interpreter
        routes.transcripts.part = self.transcripts
        self.app: FastAPI = routes.app


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(service.app, x_api_key="s3cret") as http:
        yield http


async def create(http: httpx2.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await http.post("/api/rooms", json=NEW_ROOM | changes)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created
