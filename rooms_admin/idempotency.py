"""Idempotency-Key: the first request with a key is carried out; a repeated one gets the stored response.

A key belongs to a caller and a request: method, path, query and body. Responses of failed requests are not stored, so
that they are carried out again. So is a request that was interrupted by the end of the process.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import msgspec

from http_serving.errors import Conflict, InvalidRequest

KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 255
BUSY_RETRY_MS = 1_000


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response as it was sent."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """The exclusive right to carry out a request."""

    caller: str
    key: str
    unfinished: bool
    """The request was begun before and interrupted: part of it may have been carried out."""

    @property
    def request_key(self) -> str:
        """Identifier of the request; does not reveal the key."""
        return f"{self.caller}:{hashlib.sha256(self.key.encode()).hexdigest()}"


_responses = msgspec.msgpack.Decoder(StoredResponse)


def encode_response(response: StoredResponse) -> bytes:
    return msgspec.msgpack.encode(response)


def decode_response(stored: bytes) -> StoredResponse:
    """Decode what `encode_response` wrote; `Conflict` if it cannot be read."""
    try:
        return _responses.decode(stored)
    except (ValueError, RecursionError) as error:
        raise Conflict("the response to the first request with this Idempotency-Key cannot be read") from error


def checked_key(key: str) -> str:
    """Return the key if it is valid: 1 to 255 visible ASCII characters; else `InvalidRequest`."""
    if not 0 < len(key) <= LONGEST_KEY or not all("!" <= letter <= "~" for letter in key):
        reason = f"must be 1 to {LONGEST_KEY} visible ASCII characters"
        raise InvalidRequest.about("Idempotency-Key", reason)
    return key


def fingerprint(method: str, path: str, query: bytes, body: bytes) -> bytes:
    """Return a digest that is equal for equal requests."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), query, body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


class IdempotencyStore(Protocol):
    """Stores responses by caller and key. Methods raise `StoreUnavailable` on failure."""

    async def claim(self, caller: str, key: str, wanted: bytes) -> KeyClaim | StoredResponse:
        """Return a claim to carry out the request, or its stored response.

        Raises:
            KeyReused: the key was used for another request.
            InProgress: the same request is being carried out now.
        """

    async def keep(self, claim: KeyClaim, response: StoredResponse, room_id: str | None) -> None:
        """Store the response; it is deleted with the room `room_id`."""

    async def release(self, claim: KeyClaim) -> None:
        """Free the key of a failed request, so that it can be repeated."""

    async def expire(self) -> int:
        """Delete responses older than `KEPT_FOR`; return how many."""
