"""What admins provisioned is there after a restart: the whole service on one database file, twice, against ACS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from bot.app import Interpreter
from bot.config import load_settings
from tests.emulator.acs.support import ACCESS_KEY, Acs, running_acs

ADMIN_KEY = "an-admin-key-of-tests"


@asynccontextmanager
async def service(acs: Acs, database: Path, **changes: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """The service from start to stop, and an admin's client."""
    values: dict[str, Any] = {
        "azure_communication_connection_string": SecretStr(f"endpoint={acs.url};accesskey={ACCESS_KEY}"),
        "azure_ai_endpoint": "http://127.0.0.1:1",
        "azure_ai_key": SecretStr("realtime-key"),
        "azure_ai_realtime_deployment": "interpreter",
        "public_base_url": "http://127.0.0.1:2",
        "acs_token_audience": "5b006980-0000-4000-8000-000000000001",
        "acs_token_jwks_url": f"{acs.url}/calling/keys",
        "event_grid_secret": SecretStr("a-secret-of-event-grid"),
        "admin_api_keys": {"tests": SecretStr(ADMIN_KEY)},
        "database_path": str(database),
        **changes,
    }
    running = Interpreter(await asyncio.to_thread(load_settings, _env_file=None, **values))
    async with running.app.router.lifespan_context(running.app):
        transport = httpx2.ASGITransport(running.app)
        headers = {"X-API-Key": ADMIN_KEY}
        async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
            yield http


NEW_ROOM = {
    "name": "Board meeting",
    "languages": ["en-US", "es-ES"],
    "participants": [{"display_name": "Ada", "role": "Presenter", "speaks": "en-US", "hears": "en-US"}],
}


@pytest.mark.timeout(60)
async def test_a_room_survives_a_restart_and_a_deleted_one_stays_deleted(tmp_path: Path) -> None:
    database = tmp_path / "interpreter.sqlite3"
    async with running_acs() as acs:
        async with service(acs, database) as http:
            kept = (await http.post("/api/rooms", json=NEW_ROOM)).json()
            roster = f"/api/rooms/{kept['room_id']}/participants"
            added = (await http.post(roster, json={"display_name": "Ben", "speaks": "es-ES"})).json()
            gone = (await http.post("/api/rooms", json=NEW_ROOM)).json()
            assert (await http.delete(f"/api/rooms/{gone['room_id']}")).status_code == 204
        async with service(acs, database) as http:
            found = (await http.get(f"/api/rooms/{kept['room_id']}")).json()
            assert found == kept | {"participants": [*kept["participants"], added], "version": 2}
            listed = (await http.get("/api/rooms")).json()
            assert [room["room_id"] for room in listed["items"]] == [kept["room_id"]]
            token = await http.post(f"{roster}/{added['participant_id']}/token")
            assert token.json()["acs_user_id"] == added["acs_user_id"]
            assert (await http.get(f"/api/rooms/{gone['room_id']}")).status_code == 404
