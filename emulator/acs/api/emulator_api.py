"""Requests of the emulator itself: health, reset, journal, faults, calls, invitations, event subscriptions, page."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from emulator import __version__
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.frame_clock import FrameClock
from emulator.acs.events.event_grid import EventGrid, HandshakeFailed
from emulator.acs.events.event_grid_delivery import Subscription
from emulator.acs.wire.bodies import json_object
from emulator.acs.wire.callback_events import PREFIX
from emulator.acs.wire.errors import bad_request, not_found
from emulator.faults import FaultPlan
from emulator.journal import Journal

_SCHEMAS = ("EventGridSchema", "CloudEventSchemaV1_0")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_INVITATION_KEYS = ("name", "language", "room", "token")


class EmulatorApi:
    """Routes under `/emulator`. They need no signature."""

    def __init__(
        self,
        *,
        calls: Calls,
        grid: EventGrid,
        faults: FaultPlan,
        journal: Journal,
        clock: FrameClock,
        reset: Callable[[], Awaitable[None]],
    ) -> None:
        """Args: reset: ends all calls and deletes all state."""
        self._calls = calls
        self._grid = grid
        self._faults = faults
        self._journal = journal
        self._clock = clock
        self._reset_all = reset
        self._invitations: list[dict[str, str]] = []

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for `web.Application.add_routes`."""
        return [
            web.get("/emulator/health", self._health),
            web.post("/emulator/reset", self._reset),
            web.get("/emulator/journal", self._read_journal),
            web.get("/emulator/faults", self._get_faults),
            web.put("/emulator/faults", self._put_faults),
            web.delete("/emulator/faults", self._clear_faults),
            web.get("/emulator/calls", self._list_calls),
            web.get("/emulator/invitations", self._get_invitations),
            web.put("/emulator/invitations", self._put_invitations),
            web.get("/emulator/eventgrid/subscriptions", self._list_subscriptions),
            web.get("/emulator/eventgrid/subscriptions/{name}", self._get_subscription),
            web.put("/emulator/eventgrid/subscriptions/{name}", self._subscribe),
            web.get("/emulator/eventgrid/subscriptions/{name}/dead-letters", self._dead_letters),
            web.delete("/emulator/eventgrid/subscriptions/{name}", self._unsubscribe),
            web.get("/emulator/eventgrid/validate/{code}", self._validate),
        ]

    def clear(self) -> None:
        """Delete the invitations of the page."""
        self._invitations = []

    async def _health(self, request: web.Request) -> web.Response:
        return _json({"status": "ok", "version": __version__})

    async def _reset(self, request: web.Request) -> web.Response:
        await self._reset_all()
        return web.Response(status=204)

    async def _read_journal(self, request: web.Request) -> web.Response:
        words = dict(request.query)
        kind, since, until = words.pop("kind", None), words.pop("since", "0"), words.pop("until", None)
        for name, number in (("since", since), ("until", until)):
            if number is not None and not (number.isascii() and number.isdecimal() and len(number) <= 18):
                raise bad_request(f"{name} must be the number of an entry.", name)
        items = self._journal.find(kind, int(since), None if until is None else int(until), words)
        return _json({"items": items, "next": self._journal.last_seq, "dropped": self._journal.dropped})

    async def _get_faults(self, request: web.Request) -> web.Response:
        return _json(self._faults.document())

    async def _put_faults(self, request: web.Request) -> web.Response:
        try:
            self._faults.replace(await json_object(request))
        except ValueError as error:
            raise bad_request(str(error)) from error
        self._journal.note("faults.replaced")
        return _json(self._faults.document())

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._faults.clear()
        self._journal.note("faults.cleared")
        return web.Response(status=204)

    async def _list_calls(self, request: web.Request) -> web.Response:
        clock = {
            "ticks": self._clock.ticks,
            "late_ms": round(self._clock.late_ms, 2),
            "worst_late_ms": round(self._clock.worst_late_ms, 2),
            "skipped": self._clock.skipped,
        }
        return _json({"items": self._calls.statistics(), "clock": clock})

    async def _get_invitations(self, request: web.Request) -> web.Response:
        return _json(self._invitations)

    async def _put_invitations(self, request: web.Request) -> web.Response:
        try:
            document = orjson.loads(await request.read())
        except orjson.JSONDecodeError as error:
            raise bad_request("The body is not JSON.") from error
        if not isinstance(document, list) or not all(_is_invitation(entry) for entry in document):
            raise bad_request(f"The body must be a list of objects with {', '.join(_INVITATION_KEYS)}.")
        self._invitations = document
        return _json(self._invitations)

    async def _list_subscriptions(self, request: web.Request) -> web.Response:
        return _json({"items": [each.body() for each in self._grid.subscriptions()]})

    async def _get_subscription(self, request: web.Request) -> web.Response:
        for subscription in self._grid.subscriptions():
            if subscription.name == request.match_info["name"]:
                return _json(subscription.body())
        raise not_found()

    async def _subscribe(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        endpoint, schema = document.get("endpoint"), document.get("schema", _SCHEMAS[0])
        headers = document.get("headers") or {}
        if not isinstance(endpoint, str) or not endpoint.startswith(("http://", "https://")):
            raise bad_request("endpoint must be the http or https URL of a webhook.", "endpoint")
        if schema not in _SCHEMAS:
            raise bad_request(f"schema must be one of {', '.join(_SCHEMAS)}.", "schema")
        if not isinstance(headers, dict) or not all(_is_header(*each) for each in headers.items()):
            raise bad_request("headers must be an object of header names and printable ASCII texts.", "headers")
        max_events, audience = document.get("max_events", 1), document.get("audience")
        if type(max_events) is not int or not 1 <= max_events <= 5000:
            raise bad_request("max_events must be a whole number from 1 to 5000.", "max_events")
        if audience is not None and not isinstance(audience, str):
            raise bad_request("audience must be a text: the audience of the bearer token to send.", "audience")
        if not isinstance(document.get("dead_letter", False), bool):
            raise bad_request("dead_letter must be true or false.", "dead_letter")
        types = document.get("included_event_types") or []
        if not isinstance(types, list) or not all(isinstance(each, str) and each.startswith(PREFIX) for each in types):
            text = f"included_event_types must be a list of types with their prefix, such as {PREFIX}CallStarted."
            raise bad_request(text, "included_event_types")
        subscription = Subscription(
            request.match_info["name"],
            endpoint,
            schema,
            headers,
            event_types=types,
            max_events=max_events,
            audience=audience,
            dead_letter=document.get("dead_letter", False),
        )
        try:
            await self._grid.subscribe(subscription, f"{request.url.origin()}/emulator/eventgrid/validate/")
        except HandshakeFailed as error:
            raise bad_request(f"The handshake failed: {error}.", "endpoint") from error
        return _json(subscription.body(), status=201)

    async def _dead_letters(self, request: web.Request) -> web.Response:
        found = self._grid.dead_letters(request.match_info["name"])
        if found is None:
            raise not_found()
        return _json({"items": found})

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        if not self._grid.delete(request.match_info["name"]):
            raise not_found()
        return web.Response(status=204)

    async def _validate(self, request: web.Request) -> web.Response:
        if not self._grid.visited(request.match_info["code"]):
            raise not_found()
        return web.Response(text="Webhook successfully validated as a subscription endpoint")


def page_routes(folder: Path) -> list[web.AbstractRouteDef]:
    """Return the routes of the static page, if its folder exists."""
    index = folder / "index.html"
    if not index.is_file():
        return []

    async def show(request: web.Request) -> web.FileResponse:
        return web.FileResponse(index)

    return [web.get("/", show), web.static("/page", folder)]


def _is_header(name: str, value: object) -> bool:
    """Return whether this can be sent as a header."""
    return isinstance(value, str) and bool(_HEADER_NAME.fullmatch(name)) and value.isascii() and value.isprintable()


def _is_invitation(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in _INVITATION_KEYS)


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS),
        status=status,
        content_type="application/json",
    )
