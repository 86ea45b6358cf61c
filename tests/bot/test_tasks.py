"""Tasks of the service: when they may be started, and what follows when one fails."""

from __future__ import annotations

import asyncio

import pytest

from bot.tasks import Background, BackgroundFailed, ServiceTasks


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


async def test_a_task_that_fails_is_logged_and_ends_no_other(caplog: pytest.LogCaptureFixture) -> None:
    tasks, done = ServiceTasks(), asyncio.Event()

    async def fails() -> None:
        raise RuntimeError("a bug of ours")

    async def goes_on() -> None:
        await asyncio.sleep(0.01)
        done.set()

    async with asyncio.TaskGroup() as group:
        tasks.open(group)
        tasks.spawn(goes_on(), "call of a room")
        tasks.spawn(fails(), "call of another")
    assert done.is_set()
    (record,) = caplog.records
    assert (record.getMessage(), record.__dict__["task"]) == ("call task failed", "call of another")


# --- what the service cannot do without --------------------------------------------------------------


async def test_the_first_failure_is_kept_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    background, ended = Background(), []

    async def fails() -> None:
        raise ValueError("a bug of ours")

    async def fails_later() -> None:
        await background.failed.wait()
        raise KeyError("the next bug")

    async def goes_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def is_done() -> None:
        ended.append("done")

    works = {"retention": fails, "deliveries": fails_later, "calls": goes_on, "capabilities": is_done}
    async with background.running(works):
        await background.failed.wait()
        await asyncio.sleep(0.01)
        assert ended == ["done"]
    assert ended == ["done", "cancelled"]
    assert isinstance(background.failure, BackgroundFailed)
    assert str(background.failure) == "retention"
    assert isinstance(background.failure.__cause__, ValueError)
    assert [(one.levelname, one.__dict__["task"]) for one in caplog.records] == [
        ("CRITICAL", "retention"),
        ("CRITICAL", "deliveries"),
    ]


async def test_what_is_cancelled_from_within_has_failed() -> None:
    """The regression: it was gone, and the service counted as ready."""
    background = Background()

    async def waits_for_what_another_cancels() -> None:
        waiting = asyncio.ensure_future(asyncio.Event().wait())
        asyncio.get_running_loop().call_soon(waiting.cancel)
        await waiting

    async with background.running({"deliveries": waits_for_what_another_cancels}):
        async with asyncio.timeout(30):
            await background.failed.wait()
    assert str(background.failure) == "deliveries"


async def test_nothing_to_run_is_no_failure() -> None:
    background = Background()
    async with background.running({}):
        pass
    assert background.failure is None
    assert not background.failed.is_set()


async def test_an_error_of_whoever_runs_them_passes_and_nothing_is_left() -> None:
    background, begun = Background(), asyncio.Event()

    async def waits() -> None:
        begun.set()
        await asyncio.Event().wait()

    with pytest.raises(LookupError):
        async with background.running({"waits": waits}):
            await begun.wait()
            raise LookupError
    assert background.failure is None
