"""Authenticates admins: by named API keys, stored as digests and compared in constant time, or by bearer tokens."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from http_serving.errors import Forbidden, Unauthorized

AdminRole = Literal["Rooms.Read", "Rooms.Manage", "Interpreter.Control"]
EVERY_ROLE: frozenset[AdminRole] = frozenset(get_args(AdminRole))


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. `name` is safe to log."""

    name: str
    roles: frozenset[AdminRole] = EVERY_ROLE

    def check(self, role: AdminRole) -> None:
        """Raise `Forbidden` if the caller lacks the role. Every role includes reading."""
        if role not in self.roles and not (role == "Rooms.Read" and self.roles):
            raise Forbidden(f"the role {role} is required")


class Headers(Protocol):
    """Headers of a request."""

    def get(self, key: str) -> str | None: ...


ClaimsOfToken = Mapping[str, object]
VerifyBearer = Callable[[str], Awaitable[ClaimsOfToken]]
"""Verifies an Authorization header and returns its claims; raises `Unauthorized`."""


class HasHeaders(Protocol):
    """The part of a request that authentication needs."""

    @property
    def headers(self) -> Headers: ...


SHORTEST_KEY = 8
"""Characters; a shorter key is a mistake rather than a secret."""
DIGEST = "sha256$"
"""Prefix of a key given as its digest: 64 hexadecimal digits follow."""


def digest_of(key: str) -> bytes:
    """Return the digest of a key, given as text or as its digest.

    Raises:
        ValueError: empty, or an invalid digest.
    """
    if not key:
        raise ValueError("an API key needs a value")
    if not key.startswith(DIGEST):
        return hashlib.sha256(key.encode()).digest()
    digest = bytes.fromhex(key.removeprefix(DIGEST))
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError(f"{DIGEST} must be followed by 64 hexadecimal digits")
    return digest


NamedDigest = tuple[str, bytes]


class ApiKeys:
    """API keys by name, sent in the header X-API-Key. Callable on a request, so that it can be passed to routes.

    Keys given at the start stay valid; `replace` exchanges the others. A name may have several keys, so that a key can
    be rotated without an interruption.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        """`keys`: key, as text or digest, by name. `ValueError` for an empty name or key."""
        if not all(keys):
            raise ValueError("an API key needs a name")
        self._given: tuple[NamedDigest, ...] = tuple((name, digest_of(key)) for name, key in keys.items())
        self._digests = self._given

    def replace(self, digests: Iterable[NamedDigest]) -> None:
        """Make these keys valid, in addition to those given at the start, and no others."""
        self._digests = (*self._given, *digests)

    async def __call__(self, request: HasHeaders) -> Caller:
        return self.caller(request.headers.get("x-api-key"))

    def caller(self, key: str | None) -> Caller:
        """Return the owner of a key, in constant time; `Unauthorized` if it is not valid."""
        if not key:
            raise Unauthorized("X-API-Key is missing")
        # Headers are decoded as Latin-1; the digest is of the bytes that were sent.
        digest = hashlib.sha256(key.encode("latin-1", "replace")).digest()
        found: str | None = None
        for name, known in self._digests:
            if hmac.compare_digest(digest, known):
                found = name
        if found is None:
            raise Unauthorized("X-API-Key is wrong")
        return Caller(found)


class Admins:
    """Authenticates by an API key or a bearer token with app roles. Callable on a request, like `ApiKeys`."""

    def __init__(self, keys: ApiKeys, verify_bearer: VerifyBearer | None = None) -> None:
        self._keys = keys
        self._verify = verify_bearer

    async def __call__(self, request: HasHeaders) -> Caller:
        authorization = request.headers.get("authorization")
        if self._verify is None or not authorization or request.headers.get("x-api-key") is not None:
            return await self._keys(request)
        return caller_of(await self._verify(authorization))


def caller_of(claims: ClaimsOfToken) -> Caller:
    """Return the caller of a verified token. Unknown roles are ignored."""
    name = next((claims[claim] for claim in ("azp", "appid", "oid", "sub") if isinstance(claims.get(claim), str)), None)
    if not name:
        raise Unauthorized("the token names no application and no user")
    given = claims.get("roles")
    roles = frozenset(role for role in EVERY_ROLE if isinstance(given, list) and role in given)
    return Caller(f"entra:{name}", roles)
