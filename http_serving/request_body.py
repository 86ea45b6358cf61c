"""Reads request bodies within limits of size and time."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from http_serving.errors import InvalidRequest, RequestTooLarge, RequestTooSlow

BODY_TIMEOUT_S = 10.0
"""Seconds for a whole body: a slow one occupies a connection. Event Grid and Call Automation give up after 30 s."""


async def read_body(request: Request, limit: int, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """Read the whole body; fail as soon as it exceeds `limit` bytes or `timeout_s`.

    Raises:
        RequestTooLarge, RequestTooSlow: as they say.
        InvalidRequest: the client disconnected before the end of the body.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 18 or int(declared) > limit):
        raise RequestTooLarge(f"the body may have {limit} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise RequestTooLarge(f"the body may have {limit} bytes")
    except TimeoutError as error:
        raise RequestTooSlow(f"the body did not arrive within {timeout_s:g} s") from error
    except ClientDisconnect as error:
        raise InvalidRequest("the body was cut off") from error
    return bytes(body)
