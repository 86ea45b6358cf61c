"""Stored responses, in SQLite. The tables are in `migrations.py`."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from rooms_admin.errors import InProgress, KeyReused
from rooms_admin.idempotency import (
    BUSY_RETRY_MS,
    KEPT_FOR,
    KeyClaim,
    StoredResponse,
    decode_response,
    encode_response,
)
from rooms_admin.rooms.room import milliseconds
from storage.sqlite import SqliteDatabase


class SqliteIdempotency:
    """See IdempotencyStore."""

    def __init__(self, database: SqliteDatabase, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now
        self._owner = secrets.token_hex(8)
        """Identifies claims of this process; others are from before its start."""
        self._open: set[tuple[str, str]] = set()
        """Requests in progress, by caller and key; changed by the writing thread."""

    async def claim(self, caller: str, key: str, wanted: bytes) -> KeyClaim | StoredResponse:
        now = milliseconds(self._now())

        def claim(connection: sqlite3.Connection) -> KeyClaim | StoredResponse:
            row = connection.execute(
                "SELECT fingerprint, owner, answer FROM answers WHERE caller = ? AND key = ? AND created_ms > ?",
                (caller, key, now - KEPT_FOR // timedelta(milliseconds=1)),
            ).fetchone()
            if row is not None:
                known, owner, answer = row
                if known != wanted:
                    raise KeyReused("this Idempotency-Key was used for another request")
                if answer is not None:
                    return decode_response(answer)
                if owner == self._owner and (caller, key) in self._open:
                    raise InProgress("the same request is being carried out", retry_after_ms=BUSY_RETRY_MS)
            connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, NULL, NULL)",
                (caller, key, wanted, self._owner, now),
            )
            self._open.add((caller, key))
            return KeyClaim(caller, key, unfinished=row is not None)

        return await self._database.write(claim)

    async def keep(self, claim: KeyClaim, response: StoredResponse, room_id: str | None) -> None:
        text = encode_response(response)
        statement = "UPDATE answers SET answer = ?, room_id = ? WHERE caller = ? AND key = ?"
        try:
            await self._database.write(
                lambda connection: connection.execute(statement, (text, room_id, claim.caller, claim.key)).rowcount
            )
        finally:
            self._open.discard((claim.caller, claim.key))

    async def release(self, claim: KeyClaim) -> None:
        statement = "DELETE FROM answers WHERE caller = ? AND key = ?"
        try:
            await self._database.write(
                lambda connection: connection.execute(statement, (claim.caller, claim.key)).rowcount
            )
        finally:
            self._open.discard((claim.caller, claim.key))

    async def expire(self) -> int:
        oldest = milliseconds(self._now() - KEPT_FOR)
        statement = "DELETE FROM answers WHERE created_ms <= ?"
        return await self._database.write(lambda connection: connection.execute(statement, (oldest,)).rowcount)
