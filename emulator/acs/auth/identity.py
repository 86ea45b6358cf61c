"""Users and their access tokens, in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import jwt

from emulator.acs.auth.keys import SigningKey
from emulator.acs.wire.errors import not_found, validation_error
from emulator.acs.wire.times import wire_time
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


@dataclass(slots=True)
class _User:
    """A user: digests of the tokens that are neither expired nor revoked, with their expiry."""

    custom_id: str | None
    tokens: dict[bytes, datetime] = field(default_factory=dict)
    last_issued: datetime | None = None


class TokenRefused(Exception):
    """A token is not valid: foreign, expired, revoked, or its user was deleted."""


class IdentityStore:
    """The users of one resource, in memory."""

    def __init__(self, resource_id: str, key: SigningKey) -> None:
        self._resource_id = resource_id
        self._key = key
        self._users: dict[str, _User] = {}

    def create_user(self, custom_id: str | None = None) -> str:
        """Create a user and return its id, `8:acs:<resource>_<hex-hex-hex-hex-hex>`; a custom id has one user."""
        for user_id, user in self._users.items() if custom_id is not None else ():
            if user.custom_id == custom_id:
                return user_id
        half = token_hex(16)
        tail = f"{half[:8]}-{half[8:12]}-{half[12:16]}-{half[16:20]}-{half[20:]}"
        user_id = f"8:acs:{self._resource_id}_{tail}"
        self._users[user_id] = _User(custom_id)
        return user_id

    def body(self, user_id: str) -> dict[str, str]:
        """Return the user as the service shows it: custom id and time of the last token only if there are such.

        Raises:
            AcsError: 404 no such user.
        """
        user = self._find(user_id)
        body = {"id": user_id}
        if user.custom_id is not None:
            body["customId"] = user.custom_id
        if user.last_issued is not None:
            body["lastTokenIssuedAt"] = wire_time(user.last_issued)
        return body

    def issue(self, user_id: str, scopes: list[str], minutes: int | None, now: datetime) -> IssuedToken:
        """Issue a token for a user.

        Raises:
            AcsError: 404 no such user; 400 no or unknown scopes, or a lifetime outside 60 to 1440 minutes.
        """
        check_token_request(scopes, minutes)
        user = self._find(user_id)
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
        user.tokens = {digest: expiry for digest, expiry in user.tokens.items() if expiry > now}
        user.tokens[_digest(token)] = expires_on
        user.last_issued = now
        return IssuedToken(token, expires_on)

    def revoke(self, user_id: str) -> None:
        """Revoke all tokens of a user.

        Raises:
            AcsError: 404 no such user.
        """
        self._find(user_id).tokens.clear()

    def delete_user(self, user_id: str) -> None:
        """Delete a user and all of the user's tokens.

        Raises:
            AcsError: 404 no such user.
        """
        self._find(user_id)
        del self._users[user_id]

    def clear(self) -> None:
        """Delete every user and every token."""
        self._users.clear()

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
        user = self._users.get(user_id)
        if user is None or _digest(token) not in user.tokens:
            raise TokenRefused("the token was revoked")
        return Bearer(user_id, frozenset(str(claims.get("acsScope", "")).split(",")))

    def _find(self, user_id: str) -> _User:
        user = self._users.get(user_id)
        if user is None:
            raise not_found()
        return user


def check_token_request(scopes: list[str], minutes: int | None) -> None:
    """Check the scopes and lifetime of a requested token.

    Raises:
        AcsError: 400.
    """
    if not scopes:
        raise validation_error("Scopes: The Scopes field is required.", "Scopes")
    if not SCOPES.issuperset(scopes):
        raise validation_error("Scopes: The value is invalid.", "Scopes")
    if minutes is not None and not SHORTEST <= minutes <= LONGEST:
        said = (
            f"ExpiresInMinutes value {minutes} is invalid. Value must be within the [{SHORTEST}, {LONGEST}] interval."
        )
        raise validation_error(said, "ExpiresInMinutes")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
