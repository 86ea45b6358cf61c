"""The running account: lines that say what was done and how long it took."""

from __future__ import annotations

import asyncio
from io import StringIO

import pytest
from rich.console import Console

from demo.progress import Progress, StepHung


def account() -> tuple[Progress, StringIO]:
    written = StringIO()
    return Progress(Console(file=written, width=60)), written


async def test_a_step_is_told_when_it_is_done_with_its_time() -> None:
    progress, written = account()
    async with progress.step("starting", 5) as doing:
        doing.done = "started at port 1"
        assert written.getvalue() == ""
    line = written.getvalue().rstrip("\n")
    assert line.startswith(" ✓ started at port 1") and line.endswith("0.0 s")


async def test_a_step_that_hangs_is_named_and_not_told_as_done() -> None:
    progress, written = account()
    with pytest.raises(StepHung, match="“starting” took longer than 0 s"):
        async with progress.step("starting", 0.01):
            await asyncio.Event().wait()
    assert written.getvalue() == ""


async def test_an_error_in_a_step_passes_as_it_is() -> None:
    progress, written = account()
    with pytest.raises(LookupError):
        async with progress.step("starting", 5):
            raise LookupError
    assert written.getvalue() == ""


def test_words_longer_than_the_line_are_not_cut() -> None:
    progress, written = account()
    progress.followed("recognised", "word " * 30)
    assert written.getvalue().count("word") == 30
    assert len(written.getvalue().splitlines()) == 1
