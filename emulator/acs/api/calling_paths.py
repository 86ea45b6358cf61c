"""Paths of `/calling`, and helpers that its four APIs share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from emulator.acs.api.requests import Document
from emulator.acs.calls.actions.host import Operation
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.connection import CallConnection
from emulator.acs.calls.leg import Party
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.wire.bodies import json_object
from emulator.acs.wire.errors import AcsError

CALLS = "/calling/callConnections"
CALL = f"{CALLS}/{{connection_id}}"
PARTICIPANTS = f"{CALL}/participants"
RECORDINGS = "/calling/recordings"
RECORDING = f"{RECORDINGS}/{{recording_id}}"

Action = Callable[[CallConnection, RoomCall, Document], web.Response]


def answer(connection: CallConnection, body: dict[str, Any], status: int = 200) -> web.Response:
    """Return a JSON response about a connection."""
    headers = {"X-Microsoft-Skype-Chain-ID": connection.correlation_id}
    return web.json_response(body, status=status, headers=headers)


def context_of(operation: Operation) -> dict[str, str]:
    """Return the body that repeats the operation context alone."""
    return {} if operation.context is None else {"operationContext": operation.context}


def present(call: RoomCall, raw_id: str) -> Party:
    """Return a participant of the call.

    Raises:
        AcsError: 404/8558.
    """
    party = call.find_party(raw_id)
    if party is None:
        raise AcsError(404, "8558", "The participant is not in the call.")
    return party


def action(calls: Calls, act: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the handler of an action on an established call.

    The handler raises AcsError: 404/8522 no such call, 400/8501 the call is not established.
    """

    async def handle(request: web.Request) -> web.Response:
        document = await json_object(request)
        connection, call = calls.find(request.match_info["connection_id"])
        connection.check_connected()
        return act(connection, call, document)

    return handle
