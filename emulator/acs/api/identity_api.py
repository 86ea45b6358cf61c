"""The Identity REST API: creates and deletes users, issues and revokes their tokens."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from emulator.acs.auth.identity import IdentityStore, IssuedToken, check_token_request
from emulator.acs.wire.bodies import json_object
from emulator.acs.wire.errors import invalid_operation, validation_error
from emulator.acs.wire.times import wire_time
from emulator.clock import utc_now


class IdentityApi:
    """Routes of `/identities` and `/teamsUser`."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for `web.Application.add_routes`."""
        return [
            web.post("/identities", self._create),
            web.get("/identities/{user_id}", self._get),
            web.delete("/identities/{user_id}", self._delete),
            web.post("/identities/{user_id}/:issueAccessToken", self._issue),
            web.post("/identities/{user_id}/:revokeAccessTokens", self._revoke),
            web.post("/teamsUser/:exchangeAccessToken", self._exchange),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        scopes = _scopes(document, "createTokenWithScopes")
        minutes = _minutes(document)
        if scopes:
            check_token_request(scopes, minutes)
        custom_id = document.get("customId")
        if custom_id is not None and not isinstance(custom_id, str):
            raise validation_error("CustomId: The value is invalid.", "CustomId")
        user_id = self._store.create_user(custom_id)
        body: dict[str, Any] = {"identity": {}}
        if scopes:
            body["accessToken"] = _token(self._store.issue(user_id, scopes, minutes, utc_now()))
        shown = self._store.body(user_id)
        body["identity"] = shown if custom_id is not None else {"id": user_id}
        return web.json_response(body, status=201)

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self._store.body(request.match_info["user_id"]))

    async def _issue(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        issued = self._store.issue(
            request.match_info["user_id"],
            _scopes(document, "scopes"),
            _minutes(document),
            utc_now(),
        )
        return web.json_response(_token(issued))

    async def _revoke(self, request: web.Request) -> web.Response:
        self._store.revoke(request.match_info["user_id"])
        return web.Response(status=204)

    async def _delete(self, request: web.Request) -> web.Response:
        self._store.delete_user(request.match_info["user_id"])
        return web.Response(status=204)

    async def _exchange(self, request: web.Request) -> web.Response:
        raise invalid_operation("Teams tokens are not served by this emulator.")


def _token(issued: IssuedToken) -> dict[str, str]:
    return {"token": issued.token, "expiresOn": wire_time(issued.expires_on)}


def _scopes(document: dict[str, Any], key: str) -> list[str]:
    scopes = document.get(key) or []
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise validation_error("Scopes: The value is invalid.", "Scopes")
    return scopes


def _minutes(document: dict[str, Any]) -> int | None:
    minutes = document.get("expiresInMinutes")
    if minutes is not None and (not isinstance(minutes, int) or isinstance(minutes, bool)):
        raise validation_error("ExpiresInMinutes: The value is invalid.", "ExpiresInMinutes")
    return minutes
