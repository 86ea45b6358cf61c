"""Progress of a demo: lines with what was done and how long it took."""

from __future__ import annotations

import asyncio
from io import StringIO

import pytest
from rich.console import Console

from demo.progress import Progress, StepHung


def progress_on_paper() -> tuple[Progress, StringIO]:
    written = StringIO()
    return Progress(Console(file=written, width=60)), written


async def test_a_step_is_shown_when_done_with_its_duration() -> None:
    progress, written = progress_on_paper()
    async with progress.step("starting", 5) as doing:
        doing.done = "started at port 1"
        assert written.getvalue() == ""
    line = written.getvalue().rstrip("\n")
    assert line.startswith(" ✓ started at port 1") and line.endswith("0.0 s")


async def test_a_step_that_hangs_is_named_and_not_shown_as_done() -> None:
    progress, written = progress_on_paper()
    with pytest.raises(StepHung, match="“starting” took longer than 0 s"):
        async with progress.step("starting", 0.01):
            await asyncio.Event().wait()
    assert written.getvalue() == ""


async def test_an_error_in_a_step_passes_as_it_is() -> None:
    progress, written = progress_on_paper()
    with pytest.raises(LookupError):
        async with progress.step("starting", 5):
            raise LookupError
    assert written.getvalue() == ""


def test_words_longer_than_the_line_are_not_cut() -> None:
    progress, written = progress_on_paper()
    progress.followed("recognised", "word " * 30)
    assert written.getvalue().count("word") == 30
    assert len(written.getvalue().splitlines()) == 1
