"""The journal: a bounded record of what happened in the emulator, for tests and people."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO, cast

import orjson

from emulator.clock import monotonic


class Journal:
    """A ring of entries on one clock, optionally copied to a file as JSON lines.

    An entry is a flat object: `seq` (int from 1, never reused), `at` (seconds, `clock.monotonic()`), `kind`,
    and the fields given. When the ring is full the oldest entry is dropped and `dropped` counts it.
    """

    def __init__(self, capacity: int = 100_000, path: Path | None = None) -> None:
        self.dropped = 0
        self._entries: deque[dict[str, object]] = deque(maxlen=capacity)
        self._seq = 0
        # Line-buffered, so that a killed process leaves whole lines.
        self._file: TextIO | None = path.open("a", buffering=1, encoding="utf-8") if path else None

    @property
    def last_seq(self) -> int:
        """The number of the newest entry; 0 before the first."""
        return self._seq

    def note(self, kind: str, **fields: object) -> None:
        """Add an entry. Do not call once per audio frame."""
        self._seq += 1
        entry: dict[str, object] = {"seq": self._seq, "at": monotonic(), "kind": kind, **fields}
        if len(self._entries) == self._entries.maxlen:
            self.dropped += 1
        self._entries.append(entry)
        if self._file is not None:
            self._file.write(orjson.dumps(entry, default=str, option=orjson.OPT_NON_STR_KEYS).decode() + "\n")

    def entries(
        self, kind: str | None = None, since: int = 0, until: int | None = None, **match: object
    ) -> list[dict[str, object]]:
        """Return entries newer than `since`, up to `until`, of `kind` or its family, with the fields in `match`.

        "call" is the family of "call.started".
        """
        return self._select(kind, since, until, lambda entry: all(entry.get(name) == match[name] for name in match))

    def find(
        self, kind: str | None, since: int, until: int | None, words: Mapping[str, str]
    ) -> list[dict[str, object]]:
        """Return entries like `entries`, by fields given as text: a field matches when its value reads like the word.

        A number reads as in JSON, so do `true`, `false` and `null`. "event.type" looks into the object "event".
        """
        paths = [(name.split("."), word) for name, word in words.items()]
        return self._select(kind, since, until, lambda entry: all(_reads(entry, *each) for each in paths))

    def _select(
        self, kind: str | None, since: int, until: int | None, fits: Callable[[dict[str, object]], bool]
    ) -> list[dict[str, object]]:
        wanted: list[dict[str, object]] = []
        for entry in reversed(self._entries):
            number = cast(int, entry["seq"])
            if number <= since:
                break
            if until is not None and number > until:
                continue
            own = cast(str, entry["kind"])
            if (kind is None or own == kind or own.startswith(kind + ".")) and fits(entry):
                wanted.append(entry)
        wanted.reverse()
        return wanted

    def clear(self) -> None:
        """Delete every entry. Numbering goes on, and a file keeps what was written to it."""
        self._entries.clear()
        self.dropped = 0

    def close(self) -> None:
        """Close the file, if any; entries stay readable."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _reads(entry: dict[str, object], path: list[str], word: str) -> bool:
    value: object = entry
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return (value if isinstance(value, str) else orjson.dumps(value, default=str).decode()) == word
