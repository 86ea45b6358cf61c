"""Users and their access tokens, in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

from emulator.acs.auth.keys import SigningKey
from emulator.acs.wire.errors import bad_request, not_found
from emulator.randomness import randbelow, token_hex

SCOPES = frozenset({"chat", "voip", "chat.join", "chat.join.limited", "voip.join"})
# The service's bounds and default of a token's lifetime, in minutes.
SHORTEST, LONGEST, DEFAULT = 60, 1440, 1440
# The value of `scp` in real tokens; its meaning is not published.
_SCP = 1792


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and its expiry."""

    token: str
    expires_on: datetime


@dataclass(frozen=True, slots=True)
class Bearer:
    """The user and scopes of a valid token."""

    user_id: str
    scopes: frozenset[str]


class TokenRefused(Exception):
    """A token is not valid: foreign, expired, revoked, or its user was deleted."""


class IdentityStore:
    """The users of one resource, in memory."""

    def __init__(self, resource_id: str, key: SigningKey) -> None:
        self._resource_id = resource_id
        self._key = key
        # Digests of each user's tokens that are neither expired nor revoked, with their expiry.
        self._issued: dict[str, dict[bytes, datetime]] = {}

    def create_user(self) -> str:
        """Create a user and return its id, `8:acs:<resource>_<hex-hex-hex-hex-hex>`."""
        half = token_hex(16)
        tail = f"{half[:8]}-{half[8:12]}-{half[12:16]}-{half[16:20]}-{half[20:]}"
        user_id = f"8:acs:{self._resource_id}_{tail}"
        self._issued[user_id] = {}
        return user_id

    def knows(self, user_id: str) -> bool:
        """Return whether the user exists."""
        return user_id in self._issued

    def issue(self, user_id: str, scopes: list[str], minutes: int | None, now: datetime) -> IssuedToken:
        """Issue a token for a user.

        Raises:
            AcsError: 404 no such user; 400 no or unknown scopes, or a lifetime outside 60 to 1440 minutes.
        """
        check_token_request(scopes, minutes)
        issued = self._tokens_of(user_id)
        # Tokens count whole seconds.
        now = now.astimezone(UTC)
        expires_on = now.replace(microsecond=0) + timedelta(minutes=DEFAULT if minutes is None else minutes)
        claims = {
            "skypeid": user_id.removeprefix("8:"),
            "scp": _SCP,
            # Makes two tokens issued in the same second differ.
            "csi": f"{int(now.timestamp() * 1_000_000)}{randbelow(1000):03}",
            "iat": int(now.timestamp()),
            "exp": int(expires_on.timestamp()),
            "acsScope": ",".join(scopes),
            "resourceId": self._resource_id,
        }
        token = self._key.sign(claims)
        for digest in [digest for digest, expiry in issued.items() if expiry <= now]:
            del issued[digest]
        issued[_digest(token)] = expires_on
        return IssuedToken(token, expires_on)

    def revoke(self, user_id: str) -> None:
        """Revoke all tokens of a user.

        Raises:
            AcsError: 404 no such user.
        """
        self._tokens_of(user_id).clear()

    def delete_user(self, user_id: str) -> None:
        """Delete a user and all of the user's tokens.

        Raises:
            AcsError: 404 no such user.
        """
        self._tokens_of(user_id)
        del self._issued[user_id]

    def clear(self) -> None:
        """Delete every user and every token."""
        self._issued.clear()

    def check(self, token: str) -> Bearer:
        """Return the user and scopes of a token.

        Raises:
            TokenRefused: the token is not valid.
        """
        try:
            claims = self._key.verify(token)
        except jwt.InvalidTokenError as error:
            raise TokenRefused("the token is not valid") from error
        user_id = f"8:{claims.get('skypeid')}"
        if _digest(token) not in self._issued.get(user_id, {}):
            raise TokenRefused("the token was revoked")
        return Bearer(user_id, frozenset(str(claims.get("acsScope", "")).split(",")))

    def _tokens_of(self, user_id: str) -> dict[bytes, datetime]:
        issued = self._issued.get(user_id)
        if issued is None:
            raise not_found()
        return issued


def check_token_request(scopes: list[str], minutes: int | None) -> None:
    """Check the scopes and lifetime of a requested token.

    Raises:
        AcsError: 400.
    """
    if not scopes or not SCOPES.issuperset(scopes):
        raise bad_request("Invalid value for the scopes.", "scopes")
    if minutes is not None and not SHORTEST <= minutes <= LONGEST:
        raise bad_request(
            f"Invalid value for the token lifetime: between {SHORTEST} and {LONGEST} minutes.",
            "expiresInMinutes",
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
