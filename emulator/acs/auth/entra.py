"""The local replacement for Entra: issues and checks the bearer tokens of clients and of Event Grid."""

from __future__ import annotations

from dataclasses import dataclass

import jwt

from emulator.acs.auth.keys import KeyRing
from emulator.acs.wire.errors import AcsError
from emulator.clock import wall
from emulator.randomness import uuid4

# The SDKs request this audience with "//.default" as scope.
ACS_AUDIENCE = "https://communication.azure.com"
# Documented: the application whose tokens Event Grid sends, and its role.
EVENT_GRID_APPLICATION = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
EVENT_GRID_ROLE = "AzureEventGridSecureWebhookSubscriber"
# Any GUID would do; this one is fixed, so the issuer is known in advance.
TENANT = "5c0f2f7e-8a1b-4a9a-9f0e-3f1f6f2b7c11"
ISSUER = f"https://login.emulator.local/{TENANT}/v2.0"
LIFETIME_S = 3600
LONGEST_S = 86_400


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token to issue."""

    audience: str = ACS_AUDIENCE
    application: str = "00000000-0000-0000-0000-0000000000aa"
    roles: tuple[str, ...] = ()
    lifetime_s: int = LIFETIME_S


class LocalEntra:
    """Issues and checks application tokens."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def token(self, claims: Claims) -> str:
        """Issue a token valid from now on; with a negative lifetime it has expired."""
        now = int(wall())
        return self._keys.sign(
            {
                "iss": ISSUER,
                "aud": claims.audience,
                "tid": TENANT,
                "azp": claims.application,
                "appid": claims.application,
                "oid": uuid4(),
                "roles": list(claims.roles),
                "idtyp": "app",
                "ver": "2.0",
                "iat": now + min(0, claims.lifetime_s),
                "nbf": now + min(0, claims.lifetime_s),
                "exp": now + claims.lifetime_s,
            }
        )

    def check(self, token: str) -> None:
        """Check that this Entra issued the token for this resource.

        Raises:
            AcsError: 401.
        """
        try:
            claims = self._keys.verify(token)
        except jwt.InvalidTokenError as error:
            raise AcsError(401, "Unauthorized", "The bearer token is not valid.") from error
        if claims.get("iss") != ISSUER or str(claims.get("aud", "")).rstrip("/") != ACS_AUDIENCE:
            raise AcsError(401, "Unauthorized", "The bearer token has another issuer or audience.")
