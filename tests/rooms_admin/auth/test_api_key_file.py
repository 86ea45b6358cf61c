"""API keys in a file: what it may say, and that a change of it is a change of who may."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from http_serving.errors import Unauthorized
from rooms_admin.auth.api_key_file import LARGEST_FILE, KeyFile, KeyFileProblem, load, read_keys
from rooms_admin.auth.api_keys import ApiKeys

ONE, TWO = "the-first-key", "the-second-key"


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def good(keys: ApiKeys) -> set[str]:
    """Which of the keys in this file's tests are good now."""
    found = set()
    for key in (ONE, TWO, "given-at-start"):
        try:
            keys.caller(key)
        except Unauthorized:
            continue
        found.add(key)
    return found


def test_a_line_is_a_name_and_a_key_or_its_digest() -> None:
    text = f"# comment\n\n ops : {ONE} \nci:sha256${digest(TWO).hex()}\nops:colons:in:it:too\n"
    assert read_keys(text) == [("ops", digest(ONE)), ("ci", digest(TWO)), ("ops", digest("colons:in:it:too"))]


def test_a_file_of_comments_alone_takes_all_keys_away() -> None:
    assert read_keys("# nobody for now\n") == []


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", None, "is empty"),
        (" \n\n", None, "is empty"),
        ("ops", 1, "is not name:key"),
        (f"# x\n:{ONE}", 2, "is not name:key"),
        (f"ops:{ONE}\n\nci: ", 3, "is not name:key"),
        ("ops:short", 1, "has a key of fewer than 8 characters"),
        ("ops:sha256$abc", 1, "begins with sha256$ and is no such digest"),
        (f"ops:{ONE}\nci:sha256${digest(ONE).hex()}", 2, "gives one key to two names"),
    ],
)
def test_what_is_wrong_is_told_by_its_line(text: str, line: int | None, reason: str) -> None:
    with pytest.raises(KeyFileProblem) as caught:
        read_keys(text)
    assert (caught.value.line, caught.value.reason) == (line, reason)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * (LARGEST_FILE + 1)])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys").write_bytes(content)
    with pytest.raises(KeyFileProblem):
        load(tmp_path / "keys")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "keys")
    with pytest.raises(KeyFileProblem, match="is not a file"):
        load(tmp_path / "keys")


async def test_keys_follow_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "keys"
    keys = ApiKeys({"start": "given-at-start"})
    file = KeyFile(path, keys)
    path.write_text(f"ops:{ONE}\n")
    await file.check()
    assert good(keys) == {ONE, "given-at-start"}
    path.write_text(f"ops:{ONE}\nops:{TWO}\n")
    await file.check()
    assert good(keys) == {ONE, TWO, "given-at-start"}
    assert keys.caller(TWO).name == "ops"
    (tmp_path / "next").write_text(f"ci:{TWO}\n")
    (tmp_path / "next").rename(path)  # as secrets are mounted: another file in its place
    await file.check()
    assert good(keys) == {TWO, "given-at-start"}
    path.write_text("# nobody\n")
    await file.check()
    assert good(keys) == {"given-at-start"}
    told = [(r.__dict__["keys"], r.__dict__["added"], r.__dict__["removed"]) for r in caplog.records]
    assert told == [(1, ["ops"], []), (2, ["ops"], []), (1, ["ci"], ["ops", "ops"]), (0, [], ["ci"])]
    assert ONE not in str([vars(record) for record in caplog.records])


def gone(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_text("")


def malformed(path: Path) -> None:
    path.write_text(f"ci:{TWO}\nno colon, and {ONE} in it\n")


@pytest.mark.parametrize(
    ("break_it", "line", "reason"),
    [(gone, None, "cannot be found"), (empty, None, "is empty"), (malformed, 2, "is not name:key")],
)
async def test_a_broken_file_changes_nothing_and_is_told_once(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    break_it: Callable[[Path], None],
    line: int | None,
    reason: str,
) -> None:
    path = tmp_path / "keys"
    keys = ApiKeys({})
    file = KeyFile(path, keys)
    path.write_text(f"ops:{ONE}\n")
    await file.check()
    break_it(path)
    await file.check()
    await file.check()
    assert good(keys) == {ONE}
    (error,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (error.__dict__["line"], error.__dict__["reason"]) == (line, reason)
    assert ONE not in str(vars(error)) and TWO not in str(vars(error))
    path.write_text(f"ci:{TWO}\n")
    await file.check()
    assert good(keys) == {TWO}


async def test_it_is_looked_at_again_and_again_and_at_once_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys = ApiKeys({})
    path.write_text(f"ops:{ONE}\n")

    async def until(expected: set[str]) -> None:
        async with asyncio.timeout(30):
            while good(keys) != expected:  # noqa: ASYNC110 - a dictionary has no event
                await asyncio.sleep(0.01)

    for check_interval_s in (0.02, 3600.0):
        file = KeyFile(path, keys, check_interval_s=check_interval_s)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(file.run())
            path.write_text(f"ops:{ONE}\n")
            file.read_again()
            await until({ONE})
            path.write_text(f"ops:{TWO}\n")
            if check_interval_s > 1:
                file.read_again()
            await until({TWO})
            running.cancel()
