"""A service that is started again on the same store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr

from bot.app import Interpreter
from bot.config import load_settings
from tests.support.acs_emulator import ACCESS_KEY, Acs
from tests.support.line import shared_by_services

ADMIN_KEY = "an-admin-key-of-tests"


@asynccontextmanager
async def service(acs: Acs, database: Path, **changes: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """The service from start to stop: an admin's client of it."""
    async with interpreter(acs, database, **changes) as (_, http):
        yield http


@asynccontextmanager
async def interpreter(
    acs: Acs, database: Path, **changes: Any
) -> AsyncIterator[tuple[Interpreter, httpx2.AsyncClient]]:
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
    with shared_by_services():
        async with running.app.router.lifespan_context(running.app):
            transport = httpx2.ASGITransport(running.app)
            headers = {"X-API-Key": ADMIN_KEY}
            async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
                yield running, http


NEW_ROOM = {
    "name": "Board meeting",
    "languages": ["en-US", "es-ES"],
    "participants": [{"display_name": "Ada", "role": "Presenter", "speaks": "en-US", "hears": "en-US"}],
}
