"""Serves the OpenAPI document of the emulator and the JSON Schema of its fault document."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import orjson
from aiohttp import web

from emulator.config import Switches
from emulator.faults import FaultDocument
from emulator.openapi.document import document
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def fault_schema() -> dict[str, Any]:
    """Return the schema of the whole document of `PUT /emulator/faults`, with both sides and switches."""
    (faults, switches, realtime), parts = msgspec.json.schema_components(
        (FaultDocument, Switches, RealtimeFaults), ref_template="#/$defs/{name}"
    )
    # The type leaves these two open: switches change those in force, and the Realtime side checks its own part.
    members = parts[FaultDocument.__name__]["properties"]
    members["switches"] |= switches
    members["realtime"] |= realtime
    for part in (members["switches"], members["realtime"]):
        part.pop("type", None)
    for name in (RealtimeFaults.__name__, FaultRule.__name__):
        parts[name]["additionalProperties"] = False  # not known to dataclasses, but checked when a document is read
    return {"$schema": _DIALECT, "title": "The emulator's fault document", **faults, "$defs": parts}


def routes() -> list[web.RouteDef]:
    """Return the routes `GET /emulator/openapi.json` and `GET /emulator/faults/schema`."""

    async def openapi(request: web.Request) -> web.Response:
        return web.json_response(document(), dumps=_dumps)

    async def faults(request: web.Request) -> web.Response:
        return web.json_response(fault_schema(), dumps=_dumps, content_type="application/schema+json")

    return [web.get("/emulator/openapi.json", openapi), web.get("/emulator/faults/schema", faults)]


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()
