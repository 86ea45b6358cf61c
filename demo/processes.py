"""Starts emulator and bot for a demo: ports, generated keys, command lines, settings."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from demo.subprocesses import Subprocess, SubprocessSpec, started, until_ready, watched
from emulator.config import CALLBACK_ISSUER, RESOURCE_ID

HOST = "127.0.0.1"
_PORTS = range(20_000, 32_000)
"""Below those that systems choose for sockets without a port of their own."""

_ROOT = Path(__file__).resolve().parents[1]
# Settings of the service in the caller's environment are not passed on, so that a demo is always the same.
_SETTINGS = ("AZURE_", "ACS_", "PUBLIC_BASE_URL", "EVENT_GRID_", "ADMIN_", "TICKET_", "REDIS_", "DATABASE_")


class PortTaken(Exception):
    """A port is already in use; the message names the port and the option to change it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Listening ports of the services."""

    acs: int
    realtime: int
    bot: int

    @classmethod
    def free(cls) -> Ports:
        """Return three ports that are free now."""
        return cls(*free_ports(3))

    def check(self) -> None:
        """Raise PortTaken, which names every port in use, unless all are free."""
        taken = [
            f"port {port} of the {name} is taken; choose another with {option}"
            for name, port, option in (
                ("emulator", self.acs, "--acs-port"),
                ("emulator's Realtime side", self.realtime, "--realtime-port"),
                ("bot", self.bot, "--bot-port"),
            )
            if not _is_free(port)
        ]
        if taken:
            raise PortTaken("\n".join(taken))


def _secret() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets of a run, generated for it."""

    access: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode(), repr=False)
    realtime: str = field(default_factory=_secret, repr=False)
    admin: str = field(default_factory=_secret, repr=False)
    event_grid: str = field(default_factory=_secret, repr=False)
    tickets: str = field(default_factory=_secret, repr=False)


@dataclass(frozen=True, slots=True)
class Services:
    """The running services of a demo."""

    ports: Ports
    keys: Keys
    processes: Sequence[Subprocess]

    @property
    def acs_url(self) -> str:
        return _url(self.ports.acs)

    @property
    def bot_url(self) -> str:
        return _url(self.ports.bot)

    def watched(self) -> AbstractAsyncContextManager[asyncio.TaskGroup]:
        """Watch the processes; see `subprocesses.watched`."""
        return watched(self.processes)


@asynccontextmanager
async def running(
    ports: Ports,
    logs: Path,
    languages: Sequence[str],
    engine: Literal["local", "scripted"] = "local",
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Services]:
    """Run emulator and bot until the context is left. The folder `logs` must exist.

    `languages`, `engine`: see `emulator_command`. `settings` of the bot replace those for the emulator.

    Raises:
        ProcessFailed: one of them did not start.
    """
    keys = Keys()
    environment = inherited(os.environ)
    async with (
        started(
            SubprocessSpec("emulator", emulator_command(ports, keys, languages, engine), environment, logs)
        ) as emulator,
        started(
            SubprocessSpec("bot", bot_command(), environment | bot_settings(ports, keys) | dict(settings or {}), logs)
        ) as bot,
    ):
        await until_ready(emulator, f"{_url(ports.acs)}/emulator/calls", 200)
        await until_ready(emulator, f"{_url(ports.realtime)}/", None)
        await until_ready(bot, f"{_url(ports.bot)}/healthz", 200)
        await until_ready(bot, f"{_url(ports.bot)}/readyz", 200)
        yield Services(ports, keys, (emulator, bot))


def emulator_command(ports: Ports, keys: Keys, languages: Sequence[str], engine: str = "local") -> list[str]:
    """Return the emulator's command line. `languages` are the meeting's languages (ISO 639-1).

    Keys follow their option after "=", because they may start with a dash.
    """
    return [
        *(sys.executable, "-m", "emulator"),
        *("--host", HOST, "--acs-port", str(ports.acs), "--realtime-port", str(ports.realtime)),
        *(f"--access-key={keys.access}", f"--realtime-key={keys.realtime}", "--engine", engine),
        *(part for language in languages for part in ("--language", language)),
    ]


def bot_command() -> list[str]:
    """Return the bot's command line; its settings are in its environment."""
    return [sys.executable, "-m", "bot"]


def bot_settings(ports: Ports, keys: Keys) -> dict[str, str]:
    """Return the bot's settings: it gets the emulator's addresses in place of Azure's."""
    return {
        "AZURE_COMMUNICATION_CONNECTION_STRING": f"endpoint={_url(ports.acs)};accesskey={keys.access}",
        "AZURE_AI_ENDPOINT": _url(ports.realtime),
        "AZURE_AI_KEY": keys.realtime,
        "AZURE_AI_REALTIME_DEPLOYMENT": "gpt-realtime",
        "AZURE_AI_TRANSLATE_DEPLOYMENT": "gpt-realtime-translate",
        "AZURE_AI_TRANSCRIBE_DEPLOYMENT": "gpt-live-transcribe",
        "PUBLIC_BASE_URL": _url(ports.bot),
        "ACS_TOKEN_ISSUER": CALLBACK_ISSUER,
        "ACS_TOKEN_AUDIENCE": RESOURCE_ID,
        "ACS_TOKEN_JWKS_URL": f"{_url(ports.acs)}/calling/keys",
        "EVENT_GRID_SECRET": keys.event_grid,
        "ADMIN_API_KEYS": f"demo:{keys.admin}",
        "TICKET_SECRET": keys.tickets,
        "HOST": HOST,
        "PORT": str(ports.bot),
        "DATABASE_PATH": ":memory:",  # each demo starts with an empty database
        "DRAIN_S": "2",  # no participant is left when a demo ends
    }


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without settings of the service, and with this project on PYTHONPATH.

    The services need PYTHONPATH because they run in the folder of their logs, where no `.env` file applies to them.
    """
    kept = {name: value for name, value in environment.items() if not name.startswith(_SETTINGS)}
    path = os.pathsep.join(filter(None, [str(_ROOT), kept.get("PYTHONPATH", "")]))
    return kept | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def free_ports(count: int) -> Sequence[int]:
    """Return this many ports that are free, and that no other connection is given before they are used."""
    free: set[int] = set()
    while len(free) < count:
        port = secrets.choice(_PORTS)
        if _is_free(port):
            free.add(port)
    return list(free)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"
