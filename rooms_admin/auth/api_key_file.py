"""Reads API keys from a file that may change while the service runs.

A line is `name:key` or `name:sha256$<64 hexadecimal digits>`; empty lines and lines that begin with # are ignored. A
name may occur several times, so that both keys are valid during a rotation. A file of comments only removes all keys;
an empty file is taken as incompletely written and rejected.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from rooms_admin.auth.api_keys import SHORTEST_KEY, ApiKeys, NamedDigest, digest_of

logger = logging.getLogger(__name__)

CHECK_INTERVAL_S = 2.0
"""Interval in seconds of checking the file: a removed key stays valid at most this long."""
LARGEST_FILE = 256 * 1024
"""Bytes: some 2,500 digests with their names."""

Version = tuple[int, int, int, int]
"""Modification and change time in ns, size and inode of the file."""


class KeyFileProblem(Exception):
    """The key file is not usable; `line` is None if the file as a whole is not. Contains nothing of its content."""

    def __init__(self, reason: str, line: int | None = None, *, gone: bool = False) -> None:
        super().__init__(reason if line is None else f"line {line} {reason}")
        self.reason = reason
        self.line = line
        self.gone = gone
        """True if there is no file at the path."""


def read_keys(text: str) -> list[NamedDigest]:
    """Parse the names and digests of a key file, in the order of its lines.

    Raises:
        KeyFileProblem: with the number of the first invalid line, counted from 1.
    """
    if not text.strip():
        raise KeyFileProblem("is empty")
    keys: list[NamedDigest] = []
    owners: dict[bytes, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, colon, key = (part.strip() for part in line.partition(":"))
        if not (name and colon and key):
            raise KeyFileProblem("is not name:key", number)
        if len(key) < SHORTEST_KEY:
            raise KeyFileProblem(f"has a key of fewer than {SHORTEST_KEY} characters", number)
        try:
            digest = digest_of(key)
        except ValueError:
            # Without its cause, which may contain the key.
            raise KeyFileProblem("begins with sha256$ and is no such digest", number) from None
        if owners.setdefault(digest, name) != name:
            raise KeyFileProblem("gives one key to two names", number)
        keys.append((name, digest))
    return keys


def load(path: Path) -> tuple[Version, list[NamedDigest]]:
    """Read the version and the keys of a file. Blocks: call it in a thread, or before the event loop runs.

    Raises:
        KeyFileProblem: the file is missing, unreadable or malformed.
    """
    version = _version(path)  # before reading: a change in between is found by the next check
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise KeyFileProblem("is too large")
        return version, read_keys(content.decode())
    except OSError as error:
        raise KeyFileProblem("cannot be read") from error
    except UnicodeDecodeError:
        raise KeyFileProblem("is not UTF-8") from None  # the cause contains part of the file


def _version(path: Path) -> Version:
    try:
        found = os.stat(path)
    except OSError as error:
        raise KeyFileProblem("cannot be found", gone=True) from error
    if not stat.S_ISREG(found.st_mode):
        raise KeyFileProblem("is not a file", gone=True)  # reading a pipe would block
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


class KeyFile:
    """Keeps `ApiKeys` up to date with a file. A file that is not usable changes nothing and is logged once."""

    def __init__(self, path: Path, keys: ApiKeys, *, check_interval_s: float = CHECK_INTERVAL_S) -> None:
        self._path = path
        self._keys = keys
        self._check_interval_s = check_interval_s
        self._seen: Version | str | None = None
        """The version read last, or the problem with the file as a whole."""
        self._known: frozenset[NamedDigest] = frozenset()
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        """Read the file now and whenever it changes. Safe to cancel."""
        while True:
            self._wanted.clear()
            await self.check()
            try:
                async with asyncio.timeout(self._check_interval_s):
                    await self._wanted.wait()
                self._seen = None
            except TimeoutError:
                pass

    def read_again(self) -> None:
        """Read the file at once, whether it changed or not."""
        self._wanted.set()

    async def check(self) -> None:
        """Read the file if it has changed."""
        seen = self._seen
        try:
            self._seen = await asyncio.to_thread(_version, self._path)
            if self._seen == seen:
                return
            self._seen, digests = await asyncio.to_thread(load, self._path)
        except KeyFileProblem as problem:
            if problem.gone:
                self._seen = problem.reason
            if self._seen != seen:
                logger.error("key file rejected", extra={"line": problem.line, "reason": problem.reason})
            return
        self._take(digests)

    def _take(self, digests: Sequence[NamedDigest]) -> None:
        known = frozenset(digests)
        self._keys.replace(digests)
        logger.info(
            "key file loaded",
            extra={
                "keys": len(known),
                "added": sorted(name for name, _ in known - self._known),
                "removed": sorted(name for name, _ in self._known - known),
            },
        )
        self._known = known
