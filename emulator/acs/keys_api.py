"""Publishes the key that callback and media tokens are signed with, as OIDC metadata and a key set."""

from __future__ import annotations

from aiohttp import web

from emulator.acs.keys import SigningKey


class KeysApi:
    """Routes of the token issuer; open to everybody."""

    def __init__(self, key: SigningKey, issuer: str) -> None:
        self._key = key
        self._issuer = issuer

    def routes(self) -> list[web.RouteDef]:
        """The routes, for `web.Application.add_routes`."""
        return [
            web.get("/calling/keys", self._keys),
            web.get("/calling/.well-known/acsopenidconfiguration", self._metadata),
        ]

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response(self._key.key_set())

    async def _metadata(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self._issuer,
                "jwks_uri": f"{request.url.origin()}/calling/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )
