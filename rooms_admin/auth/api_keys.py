"""Who may use the REST API: named keys, kept as digests, compared in constant time; or bearer tokens with roles."""

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
    """Who asks: for logs, never for secrets."""

    name: str
    roles: frozenset[AdminRole] = EVERY_ROLE

    def check(self, role: AdminRole) -> None:
        """`Forbidden` without the role. Every role includes reading."""
        if role not in self.roles and not (role == "Rooms.Read" and self.roles):
            raise Forbidden(f"this needs the role {role}")


class Headers(Protocol):
    def get(self, key: str) -> str | None: ...


ClaimsOfToken = Mapping[str, object]
VerifyBearer = Callable[[str], Awaitable[ClaimsOfToken]]
"""The claims of an Authorization header, verified; raises if it proves nothing."""


class HasHeaders(Protocol):
    """As much of a request as proof needs."""

    @property
    def headers(self) -> Headers: ...


SHORTEST_KEY = 8
"""Characters. Less is a typing error rather than a secret."""
DIGEST = "sha256$"
"""How a key begins of which only the digest is known to us: 64 hexadecimal digits follow."""


def digest_of(key: str) -> bytes:
    """The digest of a key, given as such or as the digest itself.

    Raises:
        ValueError: empty, or not a digest though it says so.
    """
    if not key:
        raise ValueError("an API key needs a value")
    if not key.startswith(DIGEST):
        return hashlib.sha256(key.encode()).digest()
    digest = bytes.fromhex(key.removeprefix(DIGEST))
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError(f"after {DIGEST} come 64 hexadecimal digits")
    return digest


NamedDigest = tuple[str, bytes]


class ApiKeys:
    """Keys by name, given in the header X-API-Key. Callable on a request, so that routes can be handed it.

    Some are there for as long as the process is, others come and go with `replace`. A name may have several keys:
    that is how one is exchanged for another without a moment in which neither is good.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        """`keys`: name to key as text or digest. `ValueError` for an empty name or key, which would let in anybody."""
        if not all(keys):
            raise ValueError("an API key needs a name")
        self._given: tuple[NamedDigest, ...] = tuple((name, digest_of(key)) for name, key in keys.items())
        self._digests = self._given

    def replace(self, digests: Iterable[NamedDigest]) -> None:
        """From now on these are good beside those that were given at the start, and no others."""
        self._digests = (*self._given, *digests)

    async def __call__(self, request: HasHeaders) -> Caller:
        return self.caller(request.headers.get("x-api-key"))

    def caller(self, key: str | None) -> Caller:
        """Who has this key; `Unauthorized` if nobody. Takes the same time whichever key it is like."""
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
    """Either a key in X-API-Key, or a bearer token with app roles. Callable on a request, as `ApiKeys` is."""

    def __init__(self, keys: ApiKeys, verify_bearer: VerifyBearer | None = None) -> None:
        self._keys = keys
        self._verify = verify_bearer

    async def __call__(self, request: HasHeaders) -> Caller:
        authorization = request.headers.get("authorization")
        if self._verify is None or not authorization or request.headers.get("x-api-key") is not None:
            return await self._keys(request)
        return caller_of(await self._verify(authorization))


def caller_of(claims: ClaimsOfToken) -> Caller:
    """Who a verified token speaks for, and what the token allows: roles we do not know allow nothing."""
    name = next((claims[claim] for claim in ("azp", "appid", "oid", "sub") if isinstance(claims.get(claim), str)), None)
    if not name:
        raise Unauthorized("the token does not say whose it is")
    given = claims.get("roles")
    roles = frozenset(role for role in EVERY_ROLE if isinstance(given, list) and role in given)
    return Caller(f"entra:{name}", roles)
