"""API keys in a file that may change while the service runs; what the file says, and when it is read, nothing else.

A line is `name:key` or `name:sha256$<64 hexadecimal digits>`; empty lines and lines that begin with # say nothing. A
name may stand there several times: while one key is exchanged for another, both are good. A file of comments alone
takes all its keys away; one without a single line is taken for half written.
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
"""A removed key is good for so long at most, and for the time a look takes."""
LARGEST_FILE = 256 * 1024
"""Bytes; some 2,500 digests with their names."""

Version = tuple[int, int, int, int]
"""Times of its last writing and last change in ns, size, inode: written in place, let be read, or another one."""


class KeyFileProblem(Exception):
    """The file cannot be used; `line` is None for the file as a whole. Neither holds anything of what it says."""

    def __init__(self, reason: str, line: int | None = None, *, gone: bool = False) -> None:
        super().__init__(reason if line is None else f"line {line} {reason}")
        self.reason = reason
        self.line = line
        self.gone = gone
        """There is nothing that could have a version."""


def read_keys(text: str) -> list[NamedDigest]:
    """Names and digests, in the order of the lines.

    Raises:
        KeyFileProblem: with the number of the first line that is wrong, counted from 1.
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
            # Without its cause, which may quote the line.
            raise KeyFileProblem("begins with sha256$ and is no such digest", number) from None
        if owners.setdefault(digest, name) != name:
            raise KeyFileProblem("gives one key to two names", number)
        keys.append((name, digest))
    return keys


def load(path: Path) -> tuple[Version, list[NamedDigest]]:
    """The file's version and its keys. Blocks: for threads, and for before there is a loop.

    Raises:
        KeyFileProblem: it is not there, not to be read, or does not say what it should.
    """
    version = _version(path)  # before it is read: a change in between shows at the next look
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise KeyFileProblem("is too large")
        return version, read_keys(content.decode())
    except OSError as error:
        raise KeyFileProblem("cannot be read") from error
    except UnicodeDecodeError:
        raise KeyFileProblem("is not UTF-8") from None  # the cause quotes the file


def _version(path: Path) -> Version:
    try:
        found = os.stat(path)
    except OSError as error:
        raise KeyFileProblem("cannot be found", gone=True) from error
    if not stat.S_ISREG(found.st_mode):
        raise KeyFileProblem("is not a file", gone=True)  # a pipe would be waited for
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


class KeyFile:
    """Keeps `ApiKeys` as the file says. A file that cannot be used changes nothing, and is complained about once."""

    def __init__(self, path: Path, keys: ApiKeys, *, check_interval_s: float = CHECK_INTERVAL_S) -> None:
        self._path = path
        self._keys = keys
        self._check_interval_s = check_interval_s
        self._seen: Version | str | None = None
        """The version read last, or what was wrong with the file as a whole."""
        self._known: frozenset[NamedDigest] = frozenset()
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        """Read the file, then again whenever it has changed. Safe to cancel."""
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
        """At once, changed or not."""
        self._wanted.set()

    async def check(self) -> None:
        """Read the file if it is not the one that was read last."""
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
                logger.error("key file not taken", extra={"line": problem.line, "reason": problem.reason})
            return
        self._take(digests)

    def _take(self, digests: Sequence[NamedDigest]) -> None:
        known = frozenset(digests)
        self._keys.replace(digests)
        logger.info(
            "key file taken",
            extra={
                "keys": len(known),
                "added": sorted(name for name, _ in known - self._known),
                "removed": sorted(name for name, _ in self._known - known),
            },
        )
        self._known = known
