"""The Call Automation REST API: reads requests, refuses what is wrong with them, hands the rest to the exchange."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from emulator.acs.bodies import json_object, page
from emulator.acs.callback_events import Result, participant, user_identifier
from emulator.acs.connection import CallConnection, ConnectOptions, MediaOptions
from emulator.acs.errors import AcsError, bad_argument, invalid_operation
from emulator.acs.exchange import Exchange
from emulator.acs.room_call import Leg, RoomCall
from emulator.faults import FaultPlan

_CALL = "/calling/callConnections/{connection_id}"
_RECORDING = "/calling/recordings/{recording_id}"
_RATES = {"pcm16KMono": 16_000, "pcm24KMono": 24_000}

# Operations of the service that this emulator answers with 400/8567.
_NOT_SERVED: list[tuple[str, str]] = [
    ("POST", "/calling/callConnections"),
    *[("POST", f"/calling/callConnections:{name}") for name in ("answer", "redirect", "reject")],
    *[
        ("POST", f"{_CALL}:{name}")
        for name in (
            "transferToParticipant",
            "play",
            "cancelAllMediaOperations",
            "recognize",
            "startTranscription",
            "stopTranscription",
            "updateTranscription",
            "startContinuousDtmfRecognition",
            "stopContinuousDtmfRecognition",
            "sendDtmfTones",
            "hold",
            "unhold",
        )
    ],
    *[("POST", f"{_CALL}/participants:{name}") for name in ("add", "cancelAddParticipant", "moveHere")],
    ("POST", "/calling/recordings"),
    ("GET", _RECORDING),
    ("DELETE", _RECORDING),
    ("POST", f"{_RECORDING}:pause"),
    ("POST", f"{_RECORDING}:resume"),
]


class CallAutomationApi:
    """Routes of `/calling`."""

    def __init__(self, exchange: Exchange, faults: FaultPlan) -> None:
        self._exchange = exchange
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """The routes, for `web.Application.add_routes`."""
        return [
            web.post("/calling/callConnections:connect", self._connect),
            *[web.route(method, path, self._not_served) for method, path in _NOT_SERVED],
            web.post(f"{_CALL}/participants:remove", self._remove_participant),
            web.post(f"{_CALL}/participants:mute", self._mute_participant),
            web.get(f"{_CALL}/participants", self._list_participants),
            web.get(f"{_CALL}/participants/{{raw_id}}", self._get_participant),
            web.post(f"{_CALL}:terminate", self._terminate),
            web.post(f"{_CALL}:startMediaStreaming", self._start_media),
            web.post(f"{_CALL}:stopMediaStreaming", self._stop_media),
            web.get(_CALL, self._get),
            web.delete(_CALL, self._hang_up),
        ]

    async def _connect(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        strict = self._faults.switches.strict_urls
        room_id, server_call_id = _locator(document.get("callLocator"))
        options = ConnectOptions(
            callback_uri=_url(document, "callbackUri", ("https",) if strict else ("https", "http")),
            version=request.query["api-version"],
            operation_context=_text(document, "operationContext"),
            media=_media_options(document.get("mediaStreamingOptions"), strict),
        )
        connection = await self._exchange.connect(options, room_id=room_id, server_call_id=server_call_id)
        body: dict[str, Any] = {
            "callConnectionId": connection.id,
            "targets": [],
            "callConnectionState": "connecting",
            "callbackUri": options.callback_uri,
            "correlationId": connection.correlation_id,
        }
        if options.media is not None:
            body["mediaStreamingSubscription"] = {
                "id": connection.subscription_id,
                "state": "disabled",
                "subscribedContentTypes": ["audio"],
            }
        if self._faults.switches.connect_answer == "documented":
            body = connection.body() | {"callConnectionState": "connecting"}
        return _answer(connection, body)

    async def _get(self, request: web.Request) -> web.Response:
        connection, _ = self._find(request)
        return _answer(connection, connection.body())

    async def _hang_up(self, request: web.Request) -> web.Response:
        self._exchange.hang_up(request.match_info["connection_id"])
        return web.Response(status=204)

    async def _terminate(self, request: web.Request) -> web.Response:
        self._exchange.terminate(request.match_info["connection_id"])
        return web.Response(status=204)

    async def _start_media(self, request: web.Request) -> web.Response:
        connection, _ = self._find(request)
        connection.start_media(*await _operation(request))
        return web.Response(status=202)

    async def _stop_media(self, request: web.Request) -> web.Response:
        connection, _ = self._find(request)
        connection.stop_media(*await _operation(request))
        return web.Response(status=202)

    async def _list_participants(self, request: web.Request) -> web.Response:
        _, call = self._find(request)
        return page(request, list(call.participants()), self._faults.switches.page_size)

    async def _get_participant(self, request: web.Request) -> web.Response:
        connection, call = self._find(request)
        leg = _leg(call, request.match_info["raw_id"])
        return _answer(connection, participant(leg.raw_id, leg.muted))

    async def _remove_participant(self, request: web.Request) -> web.Response:
        connection, call = self._find(request)
        document = await json_object(request)
        raw_id = _raw_id(document.get("participantToRemove"), "participantToRemove")
        context, uri = _text(document, "operationContext"), _text(document, "operationCallbackUri")
        leg = call.find(raw_id)
        named = user_identifier(raw_id)
        if leg is None:
            gone = Result(404, 8558, "The participant is not in the call.")
            connection.say("RemoveParticipantFailed", gone, context, uri, participant=named)
        else:
            call.leave(leg, "removed")
            connection.say("RemoveParticipantSucceeded", Result(), context, uri, participant=named)
        return _answer(connection, _context(context), status=202)

    async def _mute_participant(self, request: web.Request) -> web.Response:
        connection, call = self._find(request)
        document = await json_object(request)
        targets = document.get("targetParticipants")
        if not isinstance(targets, list) or len(targets) != 1:
            raise bad_argument("Exactly one participant can be muted at a time.")
        call.mute(_leg(call, _raw_id(targets[0], "targetParticipants")), True)
        return _answer(connection, _context(_text(document, "operationContext")))

    async def _not_served(self, request: web.Request) -> web.Response:
        raise invalid_operation("This operation is not served by the emulator.")

    def _find(self, request: web.Request) -> tuple[CallConnection, RoomCall]:
        return self._exchange.find(request.match_info["connection_id"])


def _answer(connection: CallConnection, body: dict[str, Any], status: int = 200) -> web.Response:
    headers = {"X-Microsoft-Skype-Chain-ID": connection.correlation_id}
    return web.json_response(body, status=status, headers=headers)


def _context(context: str | None) -> dict[str, str]:
    return {} if context is None else {"operationContext": context}


async def _operation(request: web.Request) -> tuple[str | None, str | None]:
    """The operation context and callback of an action."""
    document = await json_object(request)
    return _text(document, "operationContext"), _text(document, "operationCallbackUri")


def _locator(value: object) -> tuple[str | None, str | None]:
    """Room id and server call id; exactly one is there."""
    if not isinstance(value, dict):
        raise bad_argument("The field CallLocator is required.")
    match value.get("kind"), value.get("roomId"), value.get("serverCallId"):
        case "roomCallLocator", str(room_id), None:
            return room_id, None
        case "serverCallLocator", None, str(server_call_id):
            return None, server_call_id
        case "groupCallLocator", _, _:
            raise invalid_operation("Group calls are not served by the emulator.")
        case _:
            raise bad_argument("The field CallLocator is invalid.")


def _media_options(value: object, strict: bool) -> MediaOptions | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise bad_argument("The field MediaStreamingOptions is invalid.")
    if value.get("transportType") != "websocket" or value.get("contentType", "audio") != "audio":
        raise bad_argument("Media streaming carries audio over a websocket.")
    channels = value.get("audioChannelType")
    rate = _RATES.get(value.get("audioFormat") or "pcm16KMono")
    if channels not in ("mixed", "unmixed") or rate is None:
        raise bad_argument("The field AudioChannelType or AudioFormat is invalid.")
    return MediaOptions(
        url=_url(value, "transportUrl", ("wss",) if strict else ("wss", "ws")),
        rate=rate,
        unmixed=channels == "unmixed",
        start=bool(value.get("startMediaStreaming")),
        bidirectional=bool(value.get("enableBidirectional")),
    )


def _url(document: dict[str, Any], key: str, schemes: tuple[str, ...]) -> str:
    url = document.get(key)
    if not isinstance(url, str) or not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise bad_argument(f"The field {key[0].upper() + key[1:]} is invalid.")
    return url


def _text(document: dict[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise bad_argument(f"The field {key[0].upper() + key[1:]} is invalid.")
    return value


def _raw_id(identifier: object, key: str) -> str:
    """The raw id of an identifier as a request has it: without kind."""
    if isinstance(identifier, dict):
        user = identifier.get("communicationUser")
        raw_id = identifier.get("rawId") or (user.get("id") if isinstance(user, dict) else None)
        if isinstance(raw_id, str):
            return raw_id
    raise bad_argument(f"The field {key[0].upper() + key[1:]} is invalid.")


def _leg(call: RoomCall, raw_id: str) -> Leg:
    leg = call.find(raw_id)
    if leg is None:
        raise AcsError(404, "8558", "The participant is not in the call.")
    return leg
