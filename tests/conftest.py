"""What every test is held to: no task left behind, no blocking call in the loop, no stray warning."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import settings

# How long an example takes says how busy the machine is. Speed is shown in benchmarks, never in a timed test.
# On CI the examples are the same in every run; elsewhere each run looks for new ones.
settings.register_profile("untimed", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[None]:
    """A call that blocks the event loop raises where it is made (product code only)."""
    context = blockbuster_ctx(
        ["bot", "webhooks", "media_streaming", "rooms_admin", "listeners", "http_serving", "storage"]
    )
    with context as blockbuster:
        assert isinstance(blockbuster, BlockBuster)
        yield


@pytest.fixture
async def no_leaked_tasks() -> AsyncIterator[None]:
    """A test fails if a task it started is still there when it ends."""
    before = asyncio.all_tasks()
    yield
    for _ in range(3):  # transports close one loop turn after the code that owned them
        await asyncio.sleep(0)
    leaked = [task for task in asyncio.all_tasks() - before - {asyncio.current_task()} if not task.done()]
    for task in leaked:
        task.cancel()
    assert not leaked, f"tasks left running: {[task.get_name() for task in leaked]}"


@pytest.fixture(autouse=True)
def tasks_are_ended(request: pytest.FixtureRequest) -> None:
    """Every test with a loop is held to `no_leaked_tasks`; the others start none."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("no_leaked_tasks")


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder with recorded human speech, named by SPEECH_RECORDINGS."""
    folder = os.environ.get("SPEECH_RECORDINGS", "")
    if not folder or not Path(folder, "manifest.json").exists():
        pytest.skip("SPEECH_RECORDINGS names no folder with recordings and a manifest.json")
    return Path(folder)
