"""Tasks that outlive whatever starts them and end with the service, and what follows when one of them fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

logger = logging.getLogger(__name__)


class ServiceTasks:
    """Starts tasks in the service's task group, once that is open. Each is its own error boundary."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None

    @property
    def running(self) -> bool:
        return self._group is not None

    def open(self, group: asyncio.TaskGroup) -> None:
        """Start all tasks in this group from now on."""
        self._group = group

    def require_running(self) -> None:
        """Raise RuntimeError unless tasks can be started."""
        if self._group is None:
            raise RuntimeError("the service is not running")

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Start a task; if it fails that is logged, and the others go on.

        Raises:
            RuntimeError: the service is not running.
        """
        if self._group is None:
            coroutine.close()
            raise RuntimeError("the service is not running")
        self._group.create_task(_bounded(coroutine, name), name=name)


async def _bounded(coroutine: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await coroutine
    except Exception as error:  # one call that fails must not end the others
        logger.error("call task failed", exc_info=error, extra={"task": name})


class BackgroundFailed(Exception):
    """What the service cannot do without has failed; the process has to end."""


class Background:
    """Runs what the service cannot do without. The first failure is kept, and `failed` set; the others go on."""

    def __init__(self) -> None:
        self.failed = asyncio.Event()
        self.failure: BackgroundFailed | None = None

    @asynccontextmanager
    async def running(self, works: Mapping[str, Callable[[], Coroutine[Any, Any, None]]]) -> AsyncIterator[None]:
        """Run all of them, by name, until the context is left: then they are cancelled. A work may end early."""
        tasks = [asyncio.create_task(self._watch(name, run()), name=name) for name, run in works.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def _watch(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (Exception, asyncio.CancelledError) as error:  # whatever it is, the process has to end
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # the context is being left
            logger.critical("background task failed", exc_info=error, extra={"task": name})
            if self.failure is None:
                self.failure = BackgroundFailed(name)
                self.failure.__cause__ = error
            self.failed.set()
