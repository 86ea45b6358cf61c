"""Several replicas of the service as an operator would run them: one Redis, one balancer, an emulator behind them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.load_balancer import Balancer
from demo.processes import HOST, Keys, Parts, Ports, bot_command, bot_settings, emulator_command, inherited
from demo.subprocesses import LOOK_S, READY_S, Child, PartFailed, Starting, child, until_ready

REPLICAS = 3
OPENED = '"media stream opened"'
"""What a replica logs with the room's id."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Running. `parts` has the balancer's address for the bot's."""

    parts: Parts
    balancer: Balancer
    replicas: dict[str, Child]

    def interprets(self, room_id: str) -> str | None:
        """The replica that has this room's media socket, or had it last, by the replicas' own logs."""
        found: list[tuple[str, str]] = []
        for name, one in self.replicas.items():
            for line in one.log.read_text(encoding="utf-8").splitlines():
                if OPENED in line and room_id in line:
                    found.append((json.loads(line)["time"], name))
        return max(found)[1] if found else None


@asynccontextmanager
async def running(logs: Path, count: int = REPLICAS) -> AsyncIterator[Cluster]:
    """All of it, ready to be used, on ports nobody uses; ended when this is left. The folder for logs is there.

    Raises:
        PartFailed: one of the processes did not start, or there is no redis-server on this machine.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise PartFailed("redis-server is not installed: sh scripts/system-packages.sh redis")
    keys, environment = Keys(), inherited(os.environ)
    acs, realtime, redis_port, *ports = free_ports(count + 3)
    backends = {f"replica-{number}": port for number, port in enumerate(ports, 1)}
    redis_command = [program, "--bind", HOST, "--port", str(redis_port), "--save", "", "--appendonly", "no"]
    async with AsyncExitStack() as stack:
        balancer = await stack.enter_async_context(Balancer(backends))
        shared = Ports(acs, realtime, balancer.port)
        redis = await stack.enter_async_context(child(Starting("redis", redis_command, environment, logs)))
        await _until_listening(redis, redis_port)
        command = [word if word != "local" else "scripted" for word in emulator_command(shared, keys, ["en", "es"])]
        emulator = await stack.enter_async_context(child(Starting("emulator", command, environment, logs)))
        replicas: dict[str, Child] = {}
        for name, port in backends.items():
            settings = bot_settings(Ports(acs, realtime, port), keys) | {
                "PUBLIC_BASE_URL": f"http://{HOST}:{balancer.port}",
                "REDIS_URL": f"redis://{HOST}:{redis_port}/0",
                "DRAIN_S": "20",
            }
            starting = Starting(name, bot_command(), environment | settings, logs)
            replicas[name] = await stack.enter_async_context(child(starting))
        await until_ready(emulator, f"http://{HOST}:{acs}/emulator/calls", 200)
        await until_ready(emulator, f"http://{HOST}:{realtime}/", None)
        for name, one in replicas.items():
            await until_ready(one, f"http://{HOST}:{backends[name]}/readyz", 200)
        yield Cluster(Parts(shared, keys, (redis, emulator, *replicas.values())), balancer, replicas)


def free_ports(count: int) -> Sequence[int]:
    """So many that nobody uses now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


async def _until_listening(one: Child, port: int) -> None:
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
