"""Keeps transcripts and ledger records in Redis.

Lines, passages and open passages are a hash each, by utterance and language, with sorted sets beside it for their order
and their age.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from rooms_admin.stores.redis.keys import Keys
from rooms_admin.transcripts.recorder import OpenLedgerRecord, TranscriptBatch
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from storage.redis import Part, RedisClient, Script

FLUSH_S = 0.1
"""Seconds between two writes, so that a killed replica loses little."""
ITEMS_AT_ONCE = 500
"""Items per script call and per response: larger ones would block Redis and the event loop."""

_line = msgspec.json.Decoder(TranscriptLine)
_record = msgspec.json.Decoder(LedgerRecord)
_open = msgspec.json.Decoder(OpenLedgerRecord)

_SCRIPT = Script(Path(__file__).with_name("transcripts.lua"))


class RedisTranscripts:
    """See TranscriptStore."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def write(self, batch: TranscriptBatch) -> None:
        rooms: defaultdict[str, list[Part]] = defaultdict(list)
        for (room_id, *name), line in batch.lines.items():
            document = b"%d:" % line.revision + msgspec.json.encode(line)
            rooms[room_id] += "line", _name(*name), line.timestamp_ms, document
        for (room_id, *name), record in batch.closed.items():
            rooms[room_id] += "passage", _name(*name), record.closed_at_ms, msgspec.json.encode(record)
        for (room_id, *name), opened in batch.opened.items():
            rooms[room_id] += "open", _name(*name), opened.opened_at_ms, msgspec.json.encode(opened)
        calls = [
            [self._keys.prefix, room_id, *values[start : start + 4 * ITEMS_AT_ONCE]]
            for room_id, values in rooms.items()
            for start in range(0, len(values), 4 * ITEMS_AT_ONCE)
        ]
        await self._client.run_each(_SCRIPT, "write", calls)

    async def lines(self, room_id: str, most: int) -> Sequence[TranscriptLine]:
        documents = await self._youngest(room_id, "lines", "lines-by-time", most)
        return [_line.decode(document.partition(b":")[2]) for document in documents]

    async def ledger(self, room_id: str, most: int | None) -> Sequence[LedgerRecord]:
        return [_record.decode(one) for one in await self._youngest(room_id, "passages", "passages-in-order", most)]

    async def _youngest(self, room_id: str, kind: str, order: str, most: int | None) -> list[bytes]:
        first = 0 if most is None else -most
        names: list[bytes] = await self._client.call("ZRANGE", self._keys.of(room_id, order), first, -1)
        return [
            document
            for part in _parts(names)
            for document in await self._client.call("HMGET", self._keys.of(room_id, kind), *part)
            if document is not None
        ]

    async def close_open(self, room_id: str, prefix: str, reason: str, now_ms: int) -> int:
        order = self._keys.of(room_id, "open_passages-by-time")
        beginning = prefix.encode()
        names = [name for name in await self._client.call("ZRANGE", order, 0, -1) if name.startswith(beginning)]
        closed = 0
        for part in _parts(names):
            documents = await self._client.call("HMGET", self._keys.of(room_id, "open_passages"), *part)
            values: list[Part] = []
            for name, document in zip(part, documents, strict=True):
                if document is not None:
                    values += name, msgspec.json.encode(_open.decode(document).abandoned(reason, now_ms))
            closed += await self._client.run(_SCRIPT, "close", [], self._keys.prefix, room_id, now_ms, *values)
        return closed

    async def expire(self, oldest_ms: Mapping[str, int]) -> int:
        calls: list[list[Part]] = [[self._keys.prefix, room_id, oldest] for room_id, oldest in oldest_ms.items()]
        return sum(await self._client.run_each(_SCRIPT, "expire", calls))


def _name(utterance_id: str, language: str) -> str:
    return f"{utterance_id}\0{language}"


def _parts(names: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(names), ITEMS_AT_ONCE):
        yield names[start : start + ITEMS_AT_ONCE]
