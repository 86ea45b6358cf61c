"""Keeps transcripts and ledger records in Redis.

Lines, passages and open passages are a hash each, by utterance and language, with sorted sets beside it for their order
and their age.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

from rooms_admin.stores.redis.keys import Keys
from rooms_admin.transcripts.recorder import OpenLedgerRecord, TranscriptBatch, given_up
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from storage.documents import Documents
from storage.redis import Part, RedisClient, Script

FLUSH_S = 0.1
"""Seconds between two writes, so that a killed replica loses little."""
ITEMS_AT_ONCE = 500
"""Items per script call and per response: larger ones would block Redis and the event loop."""

_SCRIPT = Script(Path(__file__).with_name("transcripts.lua"))


class RedisTranscripts:
    """See TranscriptStore."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._lines = Documents("transcript line", TranscriptLine, client.health)
        self._records = Documents("ledger record", LedgerRecord, client.health)
        self._open = Documents("open ledger record", OpenLedgerRecord, client.health)

    async def write(self, batch: TranscriptBatch) -> None:
        rooms: defaultdict[str, list[Part]] = defaultdict(list)
        for number, (room_id, values) in enumerate(self._encoded(batch), start=1):
            rooms[room_id] += values
            if number % ITEMS_AT_ONCE == 0:  # after Redis was away there are many
                await asyncio.sleep(0)
        calls = [
            [self._keys.prefix, room_id, *values[start : start + 4 * ITEMS_AT_ONCE]]
            for room_id, values in rooms.items()
            for start in range(0, len(values), 4 * ITEMS_AT_ONCE)
        ]
        await self._client.run_each(_SCRIPT, "write", calls)

    def _encoded(self, batch: TranscriptBatch) -> Iterator[tuple[str, tuple[Part, ...]]]:
        """Iterate rooms and the values of an item: kind, name, time and document."""
        for (room_id, *name), line, document in self._lines.encode_each(batch.lines):
            yield room_id, ("line", _name(*name), line.timestamp_ms, b"%d:" % line.revision + document)
        for (room_id, *name), record, document in self._records.encode_each(batch.closed):
            yield room_id, ("passage", _name(*name), record.closed_at_ms, document)
        for (room_id, *name), opened, document in self._open.encode_each(batch.opened):
            yield room_id, ("open", _name(*name), opened.opened_at_ms, document)

    async def lines(self, room_id: str, most: int) -> Sequence[TranscriptLine]:
        found: list[TranscriptLine] = []
        async for name, document in self._youngest(room_id, "lines", "lines-by-time", most):
            line = self._lines.decode(name, document.partition(b":")[2])
            if line is not None:
                found.append(line)
        return found

    async def ledger(self, room_id: str, most: int | None) -> Sequence[LedgerRecord]:
        found: list[LedgerRecord] = []
        async for name, document in self._youngest(room_id, "passages", "passages-in-order", most):
            record = self._records.decode(name, document)
            if record is not None:
                found.append(record)
        return found

    async def _youngest(
        self, room_id: str, kind: str, order: str, most: int | None
    ) -> AsyncIterator[tuple[str, bytes]]:
        """Iterate names and documents. The loop is free between two parts of them."""
        names = await self._client.call("ZRANGE", self._keys.of(room_id, order), 0 if most is None else -most, -1)
        async for name, document in self._documents(room_id, kind, names):
            yield _label(room_id, name), document

    async def _documents(self, room_id: str, kind: str, names: Sequence[bytes]) -> AsyncIterator[tuple[bytes, bytes]]:
        for part in _parts(names):
            documents = await self._client.call("HMGET", self._keys.of(room_id, kind), *part)
            for name, document in zip(part, documents, strict=True):
                if document is not None:
                    yield name, document

    async def close_open(self, room_id: str, prefix: str, reason: str, now_ms: int) -> int:
        values: list[Part] = []
        names = await self._named(room_id, "open_passages-by-time", prefix)
        async for name, document in self._documents(room_id, "open_passages", names):
            opened = self._open.decode(_label(room_id, name), document)
            if opened is not None:
                values += name, self._records.encode(opened.abandoned(reason, now_ms))
        size = 2 * ITEMS_AT_ONCE
        calls = [
            [self._keys.prefix, room_id, now_ms, *values[start : start + size]] for start in range(0, len(values), size)
        ]
        closed: int = sum(await self._client.run_each(_SCRIPT, "close", calls))
        batch = TranscriptBatch()
        names = await self._named(room_id, "lines-by-time", prefix)
        async for name, document in self._documents(room_id, "lines", names):
            line = self._lines.decode(_label(room_id, name), document.partition(b":")[2])
            if line is not None and not line.is_final:
                batch.lines[room_id, line.utterance_id, line.language] = given_up(line)
        await self.write(batch)
        return closed

    async def _named(self, room_id: str, order: str, prefix: str) -> list[bytes]:
        names: list[bytes] = await self._client.call("ZRANGE", self._keys.of(room_id, order), 0, -1)
        return [name for name in names if name.startswith(prefix.encode())]

    async def expire(self, oldest_ms: Mapping[str, int]) -> int:
        calls: list[list[Part]] = [[self._keys.prefix, room_id, oldest] for room_id, oldest in oldest_ms.items()]
        return sum(await self._client.run_each(_SCRIPT, "expire", calls))


def _name(utterance_id: str, language: str) -> str:
    return f"{utterance_id}\0{language}"


def _label(room_id: str, name: bytes) -> str:
    return f"{room_id}/{name.decode(errors='replace')}".replace("\0", "/")


def _parts(names: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(names), ITEMS_AT_ONCE):
        yield names[start : start + ITEMS_AT_ONCE]
