"""What the emulator says of itself: its REST surface as OpenAPI, its fault document as JSON Schema."""

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
    """The schema of the whole document of `PUT /emulator/faults`, both sides and switches."""
    (faults, switches, realtime), parts = msgspec.json.schema_components(
        (FaultDocument, Switches, RealtimeFaults), ref_template="#/$defs/{name}"
    )
    # These two are open in the type: switches are set on top of others, and the other side checks its own part.
    members = parts[FaultDocument.__name__]["properties"]
    members["switches"] |= switches
    members["realtime"] |= realtime
    for part in (members["switches"], members["realtime"]):
        part.pop("type", None)
    for name in (RealtimeFaults.__name__, FaultRule.__name__):
        parts[name]["additionalProperties"] = False  # dataclasses do not say so, the reader of the document does
    return {"$schema": _DIALECT, "title": "The emulator's fault document", **faults, "$defs": parts}


def routes() -> list[web.RouteDef]:
    """`GET /emulator/openapi.json` and `GET /emulator/faults/schema`."""

    async def openapi(request: web.Request) -> web.Response:
        return web.json_response(document(), dumps=_dumps)

    async def faults(request: web.Request) -> web.Response:
        return web.json_response(fault_schema(), dumps=_dumps, content_type="application/schema+json")

    return [web.get("/emulator/openapi.json", openapi), web.get("/emulator/faults/schema", faults)]


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()
