"""Call Automation over HTTP: connect, create, answer, redirect, reject, transfer, read, hang up."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from emulator.acs.api.calling_paths import CALL, CALLS, action, answer, context_of
from emulator.acs.api.requests import (
    Document,
    connect_options,
    locator,
    operation,
    own_identity,
    raw_id,
    raw_ids,
    required,
    text,
)
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.connection import CallConnection
from emulator.acs.calls.incoming import IncomingCalls, check_reject_reason
from emulator.acs.calls.phones import NoAnswer
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.calls.transfer import transfer
from emulator.acs.wire.bodies import json_object
from emulator.acs.wire.callback_events import Result, user_identifier
from emulator.acs.wire.errors import bad_argument
from emulator.faults import FaultPlan

_MOST_TARGETS = 100


class CallAutomationApi:
    """Routes of `/calling/callConnections` that concern a call as a whole."""

    def __init__(self, calls: Calls, incoming: IncomingCalls, faults: FaultPlan) -> None:
        self._calls = calls
        self._incoming = incoming
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for `web.Application.add_routes`."""
        return [
            web.post(CALLS, self._create),
            web.post(f"{CALLS}:connect", self._connect),
            web.post(f"{CALLS}:answer", self._answer),
            web.post(f"{CALLS}:redirect", self._redirect),
            web.post(f"{CALLS}:reject", self._reject),
            web.post(f"{CALL}:transferToParticipant", action(self._calls, self._transfer)),
            web.post(f"{CALL}:terminate", self._terminate),
            web.get(CALL, self._get),
            web.delete(CALL, self._hang_up),
        ]

    @property
    def _strict(self) -> bool:
        return self._faults.switches.strict_urls

    async def _connect(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        where, options = locator(document), connect_options(request, document, strict=self._strict)
        connection = await self._calls.connect(options, where)
        if self._faults.switches.connect_answer == "documented":
            return answer(connection, connection.body() | {"callConnectionState": "connecting"})
        return answer(connection, _begun(connection))

    async def _create(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        targets = raw_ids(document, "targets")
        if not 1 <= len(targets) <= _MOST_TARGETS:
            raise bad_argument("The field Targets is invalid.")
        check_caller_id(document, targets)
        options, name = connect_options(request, document, strict=self._strict), text(document, "sourceDisplayName")
        source = own_identity(document, "source")
        call = self._calls.open_call(None, None, two_party=len(targets) == 1)
        # As recorded: a call to a phone number has a correlation id for each side, other calls have one.
        correlation_id = None if any(target.startswith("4:") for target in targets) else call.correlation_id
        connection = self._calls.bot(options, "create", identity=source, correlation_id=correlation_id)
        number = document.get("sourceCallerIdNumber")
        connection.shown = {
            "targets": [user_identifier(each) for each in targets],
            **({} if number is None else {"sourceCallerIdNumber": number}),
            **({} if name is None and source is None else {"sourceDisplayName": name or ""}),
            "source": user_identifier(connection.raw_id),
        }
        ringing = _Ringing(self._calls, connection, call, targets, name or "")
        self._calls.serve(connection, call, ringing.first_answer)
        body = _begun(connection)
        if source is None:
            del body["source"]  # not known of the service: GET alone shows an identity that it has made up
        return answer(connection, body, status=201)

    async def _answer(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        options = connect_options(request, document, strict=self._strict)
        context, identity = required(document, "incomingCallContext"), own_identity(document, "answeredBy")
        connection = self._incoming.answer(context, options, identity)
        call = self._calls.find(connection.id)[1]
        return answer(connection, _begun(connection) | {"serverCallId": call.server_call_id})

    async def _redirect(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        target = raw_id(document.get("target"), "target")
        self._incoming.redirect(required(document, "incomingCallContext"), target)
        return web.Response(status=204)

    async def _reject(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        reason = check_reject_reason(document.get("callRejectReason"))
        self._incoming.reject(required(document, "incomingCallContext"), reason)
        return web.Response(status=204)

    def _transfer(self, connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
        target = raw_id(document.get("targetParticipant"), "targetParticipant")
        check_caller_id(document, [target])
        transferee = document.get("transferee")
        named = None if transferee is None else raw_id(transferee, "transferee")
        asked = operation(document)
        self._calls.spawn(transfer(self._calls, connection, call, target, named, asked), "transfer")
        return answer(connection, context_of(asked), status=202)

    async def _get(self, request: web.Request) -> web.Response:
        connection, _ = self._calls.find(request.match_info["connection_id"])
        return answer(connection, connection.body())

    async def _hang_up(self, request: web.Request) -> web.Response:
        self._calls.hang_up(request.match_info["connection_id"])
        return web.Response(status=204)

    async def _terminate(self, request: web.Request) -> web.Response:
        self._calls.terminate(request.match_info["connection_id"])
        return web.Response(status=204)


class _Ringing:
    """The people whom a bot calls, all rung at the same time; each who answers joins the call."""

    def __init__(self, calls: Calls, connection: CallConnection, call: RoomCall, targets: list[str], name: str) -> None:
        self._calls = calls
        self._connection = connection
        self._call = call
        self._targets = targets
        self._name = name
        self._left = len(targets)
        self._result: Result | None = None
        self._decided = asyncio.Event()

    async def first_answer(self) -> Result:
        """Return success at the first answer, or the last failure if nobody answers."""
        for target in self._targets:
            self._connection.spawn(self._ring(target), "ringing")
        await self._decided.wait()
        assert self._result is not None
        return self._result

    async def _ring(self, target: str) -> None:
        try:
            leg = await self._calls.phones.ring(target, self._connection.raw_id, self._name, self._call)
        except NoAnswer as error:
            self._left -= 1
            if self._left == 0 and self._result is None:
                self._decide(error.result)
            return
        if leg is not None:
            self._call.arrive(leg)
        if self._result is None:
            self._decide(Result())

    def _decide(self, result: Result) -> None:
        self._result = result
        self._decided.set()


def check_caller_id(document: Document, targets: list[str]) -> None:
    """Check that a call to a phone number names the number it comes from (documented).

    Raises:
        AcsError: 400/8523.
    """
    number = document.get("sourceCallerIdNumber")
    if number is not None and (not isinstance(number, dict) or not isinstance(number.get("value"), str)):
        raise bad_argument("The field SourceCallerIdNumber is invalid.")
    if number is None and any(target.startswith("4:") for target in targets):
        raise bad_argument("The field SourceCallerIdNumber is required to call a phone number.")


def _begun(connection: CallConnection) -> dict[str, Any]:
    """Return the body of connect, create and answer, as recorded: a subscription even without options.

    Answer has the server call id as well.
    """
    body: dict[str, Any] = {
        "callConnectionId": connection.id,
        "targets": [],
        "callConnectionState": "connecting",
        "callbackUri": connection.options.callback_uri,
        "correlationId": connection.correlation_id,
        **connection.shown,
        "mediaStreamingSubscription": {
            "id": connection.audio.subscription_id,
            "state": "disabled" if connection.options.media is None else "inactive",
            "subscribedContentTypes": ["audio"],
        },
    }
    return body
