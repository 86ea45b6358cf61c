"""Reads JSON request bodies and writes lists with `nextLink`, for every service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from aiohttp import web

from emulator.acs.wire.errors import bad_request


async def json_object(request: web.Request) -> dict[str, Any]:
    """Return the body as a JSON object; an empty body is an empty object.

    Raises:
        AcsError: 400, the body is something else.
    """
    raw = await request.read()
    if not raw:
        return {}
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise bad_request("The body is not JSON.") from error
    if not isinstance(document, dict):
        raise bad_request("The body is not a JSON object.")
    return document


def page(request: web.Request, items: Sequence[object], size: int) -> web.Response:
    """Return one page of a list: `{"value": […], "nextLink"?}`, with an absolute link to the next page.

    Raises:
        AcsError: 400, `skip` is not a number.
    """
    mark = request.query.get("skip", "0")
    if not mark.isascii() or not mark.isdecimal() or len(mark) > 9:
        raise bad_request("Invalid value for skip.", "skip")
    start = int(mark)
    body: dict[str, object] = {"value": items[start : start + size]}
    if start + size < len(items):
        body["nextLink"] = f"{request.url.origin()}{request.raw_path.partition('?')[0]}?skip={start + size}"
    return web.json_response(body)
