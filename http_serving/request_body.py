"""Reads a request body within a limit of bytes and of time."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from http_serving.errors import InvalidRequest, RequestTooLarge, RequestTooSlow

BODY_TIMEOUT_S = 10.0
"""A body that trickles in holds a connection. Event Grid and Call Automation give up after 30 s themselves."""


async def read_body(request: Request, limit: int, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """Read the whole body; give up as soon as it is known to be larger than `limit` bytes or too slow.

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
