"""Requests that may be repeated: the first with a key is carried out, the same again gets the same answer.

A key belongs to its caller and to one request: method, path, query and body. What failed is not kept, so that trying
again tries again. A request cut short by the end of our process is carried out by whoever repeats it.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from rooms_admin.database import Database
from rooms_admin.errors import InProgress, InvalidRequest, KeyReused
from rooms_admin.store import milliseconds

KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 255
BUSY_RETRY_MS = 1_000


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was given."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry a request out."""

    caller: str
    key: str
    unfinished: bool
    """Somebody has begun with it before and did not come to an end: part of it may have been done."""

    @property
    def request_key(self) -> str:
        """Names the request for good; says nothing about the key."""
        return f"{self.caller}:{hashlib.sha256(self.key.encode()).hexdigest()}"


_decoder = msgspec.msgpack.Decoder(Answer)


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


class Answers:
    """Answers given, by caller and key, in the rooms' database."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now
        self._owner = secrets.token_hex(8)
        """Of claims made by this process: those of others are from before its start."""
        self._open: set[tuple[str, str]] = set()
        """What is being carried out now; added to by the one thread that writes."""

    async def claim(self, caller: str, key: str, wanted: bytes) -> Claim | Answer:
        """The right to carry the request out, or the answer it was given before.

        Raises:
            KeyReused: the key was used for another request.
            InProgress: the same request is being carried out now.
        """
        now = milliseconds(self._now())

        def claim(connection: sqlite3.Connection) -> Claim | Answer:
            row = connection.execute(
                "SELECT fingerprint, owner, answer FROM answers WHERE caller = ? AND key = ? AND created_ms > ?",
                (caller, key, now - KEPT_FOR // timedelta(milliseconds=1)),
            ).fetchone()
            if row is not None:
                known, owner, answer = row
                if known != wanted:
                    raise KeyReused("this Idempotency-Key was used for another request")
                if answer is not None:
                    return _decoder.decode(answer)
                if owner == self._owner and (caller, key) in self._open:
                    raise InProgress("the same request is being carried out", retry_after_ms=BUSY_RETRY_MS)
            connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, NULL, NULL)",
                (caller, key, wanted, self._owner, now),
            )
            self._open.add((caller, key))
            return Claim(caller, key, unfinished=row is not None)

        return await self._database.write(claim)

    async def keep(self, claim: Claim, answer: Answer, room_id: str | None) -> None:
        """Keep the answer, as long as the room it is about is there."""
        text = msgspec.msgpack.encode(answer)
        statement = "UPDATE answers SET answer = ?, room_id = ? WHERE caller = ? AND key = ?"
        try:
            await self._database.write(
                lambda connection: connection.execute(statement, (text, room_id, claim.caller, claim.key)).rowcount
            )
        finally:
            self._open.discard((claim.caller, claim.key))

    async def release(self, claim: Claim) -> None:
        """The request failed: the key is free for it to be tried again."""
        statement = "DELETE FROM answers WHERE caller = ? AND key = ?"
        try:
            await self._database.write(
                lambda connection: connection.execute(statement, (claim.caller, claim.key)).rowcount
            )
        finally:
            self._open.discard((claim.caller, claim.key))

    async def expire(self) -> int:
        """Forget what is too old to be repeated; returns how much that was."""
        oldest = milliseconds(self._now() - KEPT_FOR)
        statement = "DELETE FROM answers WHERE created_ms <= ?"
        return await self._database.write(lambda connection: connection.execute(statement, (oldest,)).rowcount)
