"""Tasks that outlive whatever starts them and end with the service."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class ServiceTasks:
    """Starts tasks in the service's task group, once that is open."""

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
        """Start a task.

        Raises:
            RuntimeError: the service is not running.
        """
        if self._group is None:
            coroutine.close()
            raise RuntimeError("the service is not running")
        self._group.create_task(coroutine, name=name)
