"""Runs several replicas of the service with Redis, a load balancer and an emulator, as an operator would."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from demo.load_balancer import LoadBalancer
from demo.processes import (
    HOST,
    Keys,
    Ports,
    Services,
    bot_command,
    bot_settings,
    emulator_command,
    free_ports,
    inherited,
)
from demo.subprocesses import LOOK_S, READY_S, ProcessFailed, Subprocess, SubprocessSpec, started, until_ready

REPLICAS = 3
OPENED = '"media stream opened"'
"""Message that a replica logs with the room id."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster. The bot's address in `services` is that of the load balancer."""

    services: Services
    balancer: LoadBalancer
    replicas: dict[str, Subprocess]

    def interprets(self, room_id: str) -> str | None:
        """Return the replica that opened this room's latest media socket, according to the replicas' logs."""
        found: list[tuple[str, str]] = []
        for name, one in self.replicas.items():
            for line in one.log.read_text(encoding="utf-8").splitlines():
                if OPENED in line and room_id in line:
                    found.append((json.loads(line)["time"], name))
        return max(found)[1] if found else None


@asynccontextmanager
async def running(
    logs: Path,
    count: int = REPLICAS,
    languages: Sequence[str] = ("en", "es"),
    engine: Literal["local", "scripted"] = "scripted",
) -> AsyncIterator[Cluster]:
    """Run a cluster on free ports until the context is left. The folder `logs` must exist.

    `languages`, `engine`: see `processes.emulator_command`.

    Raises:
        ProcessFailed: a process did not start, or redis-server is not installed.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise ProcessFailed("redis-server is not installed: sh scripts/system-packages.sh redis")
    keys, environment = Keys(), inherited(os.environ)
    acs, realtime, redis_port, *ports = free_ports(count + 3)
    backends = {f"replica-{number}": port for number, port in enumerate(ports, 1)}
    redis_command = [program, "--bind", HOST, "--port", str(redis_port), "--save", "", "--appendonly", "no"]
    async with AsyncExitStack() as stack:
        balancer = await stack.enter_async_context(LoadBalancer(backends))
        shared = Ports(acs, realtime, balancer.port)
        redis = await stack.enter_async_context(started(SubprocessSpec("redis", redis_command, environment, logs)))
        await _until_listening(redis, redis_port)
        command = emulator_command(shared, keys, languages, engine)
        emulator = await stack.enter_async_context(started(SubprocessSpec("emulator", command, environment, logs)))
        replicas: dict[str, Subprocess] = {}
        for name, port in backends.items():
            settings = bot_settings(Ports(acs, realtime, port), keys) | {
                "PUBLIC_BASE_URL": f"http://{HOST}:{balancer.port}",
                "REDIS_URL": f"redis://{HOST}:{redis_port}/0",
                "DRAIN_S": "20",
            }
            spec = SubprocessSpec(name, bot_command(), environment | settings, logs)
            replicas[name] = await stack.enter_async_context(started(spec))
        await until_ready(emulator, f"http://{HOST}:{acs}/emulator/calls", 200)
        await until_ready(emulator, f"http://{HOST}:{realtime}/", None)
        for name, one in replicas.items():
            await until_ready(one, f"http://{HOST}:{backends[name]}/readyz", 200)
        yield Cluster(Services(shared, keys, (redis, emulator, *replicas.values())), balancer, replicas)


async def _until_listening(one: Subprocess, port: int) -> None:
    try:
        async with asyncio.timeout(READY_S):
            while True:
                if one.process.returncode is not None:
                    raise one.failed()
                try:
                    _, writer = await asyncio.open_connection(HOST, port)
                except OSError:
                    await asyncio.sleep(LOOK_S)
                    continue
                writer.close()
                return
    except TimeoutError as error:
        raise one.failed() from error
