"""What every test is held to: no task left behind, no blocking call in the loop, no stray warning; and, unless it is
marked `line`, no socket and no process."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.module_coverage"]

# How long an example takes says how busy the machine is; speed is shown in benchmarks, never in a timed test.
# The default run tries the same examples every time, few of them; `make explore` looks for new ones.
UNTIMED: Any = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("reproducible", **UNTIMED, derandomize=True, max_examples=40)
settings.register_profile("explore", **UNTIMED, derandomize=False, max_examples=1_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "reproducible"))

ROOT = Path(__file__).parent
ON_THE_LINE = (
    "access",
    "benchmarks/test_admin_reads.py",
    "benchmarks/test_emulator_load.py",
    "benchmarks/test_guard.py",
    "benchmarks/test_line.py",
    "benchmarks/test_speech.py",
    "benchmarks/test_subjects.py",
    "bot/realtime/test_booth.py",
    "bot/realtime/test_capabilities.py",
    "bot/realtime/test_connection_reading.py",
    "bot/test___main__.py",
    "browser",
    "contract",
    "demo/test_load_balancer.py",
    "demo/test_processes.py",
    "demo/test_rest_client.py",
    "demo/test_run_meeting.py",
    "demo/test_subprocesses.py",
    "emulator/engine/local",
    "emulator/acs/api/test_emulator_api.py",
    "emulator/realtime/test_server.py",
    "emulator/test_app.py",
    "emulator/test_client.py",
    "emulator/test_join_command.py",
    "emulator/test_pytest_plugin.py",
    "emulator/test_threaded.py",
    "emulator/test_virtual_time.py",
    "fuzz",
    "http_serving/test_bearer_tokens.py",
    "http_serving/test_server.py",
    "media_streaming/test_routes.py",
    "replicas",
    "rooms_admin/integrations/test_webhook_delivery.py",
    "rooms_admin/stores/redis",
    "rooms_admin/stores/test_open.py",
    "storage/test_redis.py",
    "storage/test_redis_channels.py",
    "storage/test_redis_key_value.py",
    "test_conftest.py",
    "virtual",
)
"""Folders and files whose tests open sockets or start processes. One test elsewhere that does is marked `line`."""
LONGEST_FIRST = (
    "contract/test_restart.py",
    "replicas/test_takeover.py",
    "browser/test_page.py",
    "browser/test_service_pages.py",
    "contract/test_line_acs_faults.py",
    "demo/test_run_meeting.py",
    "listeners/pages/test_modules_console.py",
    "listeners/pages/test_modules_avatar.py",
    "listeners/pages/test_modules_speaking.py",
    "benchmarks/interpretation/test_meeting.py",
    "contract/test_realtime_local_engine.py",
    "benchmarks/test_subjects.py",
    "contract/test_line_sick_engines.py",
    "emulator/engine/local/test_recordings.py",
    "contract/test_line.py",
    "contract/test_line_misbehaving.py",
    "virtual/test_hour.py",
    "emulator/engine/local/test_round_trip.py",
    "contract/test_line_simultaneous.py",
    "contract/test_line_auto.py",
)
"""Files that take 8 s and more. They begin first, so that what runs beside them ends at the same time."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--unit", action="store_true", help="only tests without sockets and processes")
    parser.addoption("--line", action="store_true", help="only tests with sockets or processes, but for the long ones")
    parser.addoption("--soak", action="store", metavar="K/N", help="only the long tests: all, or the K-th of N shards")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files unread that have none of the tests asked for: importing all of them takes long."""
    if not collection_path.is_relative_to(ROOT) or collection_path.suffix != ".py":
        return None
    if config.getoption("--soak") is not None:
        return None if "mark.soak" in collection_path.read_text() else True
    on_the_line = _is_in_a_folder_on_the_line(collection_path)
    if config.getoption("--unit"):
        return True if on_the_line else None
    if config.getoption("--line") and not on_the_line:
        text = collection_path.read_text()
        return None if "mark.line" in text or "redis" in text or "stores" in text else True
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that are asked for, by default all but those marked `soak`, and put them in order."""
    places = {ROOT / name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
    for item in items:
        if _is_on_the_line(item):
            item.add_marker("line")
    kept = [item for item in items if _is_wanted(config, item)]
    soak = config.getoption("--soak")
    if soak is not None and soak != "all":
        shard, _, shards = soak.partition("/")
        files = sorted({item.path for item in kept})  # a file is not divided: its tests share what takes long to make
        kept = [item for item in kept if files.index(item.path) % int(shards) == int(shard) - 1]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept


def _is_wanted(config: pytest.Config, item: pytest.Item) -> bool:
    long, line = item.get_closest_marker("soak") is not None, item.get_closest_marker("line") is not None
    if config.getoption("--soak") is not None:
        return long
    if config.getoption("--unit"):
        return not long and not line
    return not long and (line or not config.getoption("--line"))


@cache
def _is_in_a_folder_on_the_line(path: Path) -> bool:
    return any(path.is_relative_to(ROOT / name) for name in ON_THE_LINE)


def _is_on_the_line(item: pytest.Item) -> bool:
    if any("redis" in name for name in getattr(item, "fixturenames", ())) or "[redis" in item.name:
        return True
    return _is_in_a_folder_on_the_line(item.path)


class NotAUnitTest(Exception):
    """A test without the mark `line` opened a socket or started a process."""


_watching = False


def _forbid_the_line(event: str, arguments: tuple[object, ...]) -> None:
    if not _watching:
        return
    opens = event in ("socket.connect", "socket.bind") and isinstance(arguments[1], tuple)
    if opens or event in ("subprocess.Popen", "os.posix_spawn", "os.fork"):
        raise NotAUnitTest(f"{event}: mark the test with pytest.mark.line")


sys.addaudithook(_forbid_the_line)  # it cannot be taken away again, so it looks whether it is wanted


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    global _watching
    _watching = item.get_closest_marker("line") is None
    try:
        return (yield)
    finally:
        _watching = False


# Loops check threads and callbacks as in debug mode, but keep no stack for every callback: that is half of all time.
asyncio.BaseEventLoop.get_debug = lambda self: False  # type: ignore[method-assign]  # they ask `_debug` for the checks
# How long a callback takes says how busy the machine is, and its warning would stand among those that tests look at.
logging.getLogger("asyncio").addFilter(lambda record: record.msg != "Executing %s took %.3f seconds")


@pytest.fixture(scope="session", autouse=True)
def no_blocking_calls() -> Iterator[None]:
    """A call that blocks the event loop raises where it is made (product code only)."""
    product = ["bot", "webhooks", "media_streaming", "rooms_admin", "listeners", "http_serving", "storage"]
    context = blockbuster_ctx(product)
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
