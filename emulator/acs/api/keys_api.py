"""The token issuers over HTTP: publishes and rotates keys, issues bearer tokens."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from emulator.acs.auth.entra import ACS_AUDIENCE, ISSUER, LIFETIME_S, LONGEST_S, Claims, LocalEntra
from emulator.acs.auth.keys import KeyRing, SigningKey
from emulator.acs.wire.bodies import json_object
from emulator.acs.wire.errors import bad_request
from emulator.journal import Journal


class KeysApi:
    """Routes of the token issuers. They need no signature."""

    def __init__(self, keys: KeyRing, issuer: str, entra: LocalEntra, journal: Journal) -> None:
        """Args: issuer: issuer of callback and media tokens; that of Entra tokens is fixed."""
        self._keys = keys
        self._issuer = issuer
        self._entra = entra
        self._journal = journal

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for `web.Application.add_routes`."""
        return [
            web.get("/calling/keys", self._key_set),
            web.get("/calling/.well-known/acsopenidconfiguration", self._metadata),
            web.get("/emulator/entra/keys", self._key_set),
            web.get("/emulator/entra/.well-known/openid-configuration", self._entra_metadata),
            web.post("/emulator/tokens", self._token),
            web.post("/emulator/keys/rotate", self._rotate),
        ]

    async def _key_set(self, request: web.Request) -> web.Response:
        return web.json_response(self._keys.key_set())

    async def _metadata(self, request: web.Request) -> web.Response:
        return web.json_response(_metadata(self._issuer, f"{request.url.origin()}/calling/keys"))

    async def _entra_metadata(self, request: web.Request) -> web.Response:
        return web.json_response(_metadata(ISSUER, f"{request.url.origin()}/emulator/entra/keys"))

    async def _token(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        audience = document.get("audience", ACS_AUDIENCE)
        lifetime = document.get("lifetime_s", LIFETIME_S)
        roles = document.get("roles", [])
        if not isinstance(audience, str):
            raise bad_request("audience must be a text.", "audience")
        if type(lifetime) is not int or abs(lifetime) > LONGEST_S:
            raise bad_request("lifetime_s must be a whole number of seconds, at most a day.", "lifetime_s")
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            raise bad_request("roles must be a list of texts.", "roles")
        token = self._entra.token(Claims(audience=audience, roles=tuple(roles), lifetime_s=lifetime))
        return web.json_response({"token_type": "Bearer", "expires_in": lifetime, "access_token": token}, status=201)

    async def _rotate(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        keep_old = document.get("keep_old", True)
        if not isinstance(keep_old, bool):
            raise bad_request("keep_old must be true or false.", "keep_old")
        key = await asyncio.to_thread(SigningKey.generate)
        self._keys.rotate(key, keep_old=keep_old)
        self._journal.note("keys.rotated", kid=key.kid, keep_old=keep_old)
        return web.json_response(self._keys.key_set())


def _metadata(issuer: str, keys_url: str) -> dict[str, Any]:
    return {"issuer": issuer, "jwks_uri": keys_url, "id_token_signing_alg_values_supported": ["RS256"]}
