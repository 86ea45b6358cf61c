"""Tasks of the service run in its group, and cannot be started before that is open."""

from __future__ import annotations

import asyncio

import pytest

from bot.tasks import ServiceTasks


async def test_nothing_is_started_before_the_service_runs() -> None:
    tasks = ServiceTasks()
    assert not tasks.running
    with pytest.raises(RuntimeError, match="not running"):
        tasks.require_running()
    with pytest.raises(RuntimeError, match="not running"):
        tasks.spawn(asyncio.sleep(0), "early")


async def test_tasks_run_in_the_group_of_the_service() -> None:
    tasks, done = ServiceTasks(), asyncio.Event()

    async def work() -> None:
        done.set()

    async with asyncio.TaskGroup() as group:
        tasks.open(group)
        tasks.require_running()
        assert tasks.running
        tasks.spawn(work(), "work")
    assert done.is_set()
