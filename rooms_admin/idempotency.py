"""Requests that may be repeated: the first with a key is carried out, the same again gets the same answer.

A key belongs to its caller and to one request: method, path, query and body. What failed is not kept, so that trying
again tries again. A request cut short by the end of our process is carried out by whoever repeats it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from http_serving.errors import InvalidRequest

KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 255
BUSY_RETRY_MS = 1_000


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """An answer as it was given."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """The right to carry a request out."""

    caller: str
    key: str
    unfinished: bool
    """Somebody has begun with it before and did not come to an end: part of it may have been done."""

    @property
    def request_key(self) -> str:
        """Names the request for good; says nothing about the key."""
        return f"{self.caller}:{hashlib.sha256(self.key.encode()).hexdigest()}"


def checked_key(key: str) -> str:
    """The key, if it is one: 1 to 255 visible ASCII characters."""
    if not 0 < len(key) <= LONGEST_KEY or not all("!" <= letter <= "~" for letter in key):
        reason = f"must be 1 to {LONGEST_KEY} visible ASCII characters"
        raise InvalidRequest("the request is not valid", details=[{"field": "Idempotency-Key", "reason": reason}])
    return key


def fingerprint(method: str, path: str, query: bytes, body: bytes) -> bytes:
    """What makes two requests the same."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), query, body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


class IdempotencyStore(Protocol):
    """Answers given, by caller and key. Errors leave as `StoreUnavailable`."""

    async def claim(self, caller: str, key: str, wanted: bytes) -> KeyClaim | StoredResponse:
        """The right to carry the request out, or the answer it was given before.

        Raises:
            KeyReused: the key was used for another request.
            InProgress: the same request is being carried out now.
        """

    async def keep(self, claim: KeyClaim, answer: StoredResponse, room_id: str | None) -> None:
        """Keep the answer, as long as the room it is about is there."""

    async def release(self, claim: KeyClaim) -> None:
        """The request failed: the key is free for it to be tried again."""

    async def expire(self) -> int:
        """Forget what is too old to be repeated; returns how much that was."""
