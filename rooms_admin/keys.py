"""Who may use the REST API: named keys, kept as digests, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from rooms_admin.errors import NotAuthorized


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: for logs, never for secrets."""

    name: str


class Headers(Protocol):
    def get(self, key: str) -> str | None: ...


class HasHeaders(Protocol):
    """As much of a request as proof needs."""

    @property
    def headers(self) -> Headers: ...


class ApiKeys:
    """Keys by name, given in the header X-API-Key. Callable on a request, so that routes can be handed it."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """`keys`: name to key as text. `ValueError` for an empty name or key, which would let in anybody."""
        if not all(name and key for name, key in keys.items()):
            raise ValueError("an API key needs a name and a value")
        self._digests = {name: hashlib.sha256(key.encode()).digest() for name, key in keys.items()}

    async def __call__(self, request: HasHeaders) -> Caller:
        return self.caller(request.headers.get("x-api-key"))

    def caller(self, key: str | None) -> Caller:
        """Who has this key; `NotAuthorized` if nobody. Takes the same time whichever key it is like."""
        if not key:
            raise NotAuthorized("X-API-Key is missing")
        # Headers are decoded as Latin-1; the digest is of the bytes that were sent.
        digest = hashlib.sha256(key.encode("latin-1", "replace")).digest()
        found: str | None = None
        for name, known in self._digests.items():
            if hmac.compare_digest(digest, known):
                found = name
        if found is None:
            raise NotAuthorized("X-API-Key is wrong")
        return Caller(found)
