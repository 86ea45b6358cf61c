"""Runs the measured programs, the bot and the floor, each in a process on its own core."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import aiohttp
import psutil
from azure.communication.rooms.aio import RoomsClient
from azure.core.credentials import AzureKeyCredential

from benchmarks.load import Load
from benchmarks.speech import LANGUAGES
from demo.processes import free_ports

_ROOT = Path(__file__).parent.parent
_START_S = 60.0
STOP_S = 8.0
"""Seconds that a process gets to end after SIGTERM."""


class SubjectFailed(Exception):
    """The measured program did not start, ended unexpectedly, or refused a request."""


class Subject(Protocol):
    """A running program that interprets calls."""

    name: str

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    @property
    def process(self) -> psutil.Process: ...

    async def take_calls(self, count: int) -> None:
        """Create `count` rooms with two speakers each and have the program join them.

        Raises:
            SubjectFailed: it did not join.
        """
        ...


class MeasuredProcess:
    """A process on one core, with its output in a file."""

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str], log: Path, core: int | None):
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self._log = log
        self._core = core
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> psutil.Process:
        """Start the process.

        Raises:
            SubjectFailed: it ended at once.
        """
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._arguments,
                cwd=self._log.parent,  # a folder without a .env file
                env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_ROOT), **self._environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl+C is handled here
            )
        try:
            if self._core is not None:
                os.sched_setaffinity(self._process.pid, {self._core})  # inherited by later threads
            return psutil.Process(self._process.pid)
        except (psutil.NoSuchProcess, ProcessLookupError) as error:
            raise SubjectFailed(f"{self.name} ended while starting: {self.last_lines()}") from error

    async def ready(self, http: aiohttp.ClientSession, url: str) -> None:
        """Wait until the process answers.

        Raises:
            SubjectFailed: it ended, or did not answer in time.
        """
        try:
            async with asyncio.timeout(_START_S):
                while not await _answers(http, url):
                    if self._process is None or self._process.returncode is not None:
                        raise SubjectFailed(f"{self.name} ended while starting: {self.last_lines()}")
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise SubjectFailed(f"{self.name} did not start in {_START_S:.0f} s: {self.last_lines()}") from error

    def last_lines(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return " | ".join(lines[-3:]) or "the log is empty"

    async def stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


class _Program:
    """Base of both programs: starts and ends the process and sends requests."""

    def __init__(
        self,
        name: str,
        load: Load,
        port: int,
        arguments: list[str],
        environment: Mapping[str, str],
        log: Path,
        core: int | None,
    ) -> None:
        self.name = name
        self._load = load
        self._url = f"http://127.0.0.1:{port}"
        self._child = MeasuredProcess(name, arguments, environment, log, core)
        self._process: psutil.Process | None = None
        self._http: aiohttp.ClientSession | None = None

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None  # set inside the context
        return self._process

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        try:
            self._process = await self._child.start()
            await self._child.ready(self._http, f"{self._url}/healthz")
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self._leave()

    async def _leave(self) -> None:
        try:
            await self._child.stop()
        finally:
            if self._http is not None:
                await self._http.close()

    async def _post(self, path: str, body: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        assert self._http is not None
        async with self._http.post(self._url + path, json=body, headers=headers) as response:
            if response.status >= 300:
                raise SubjectFailed(f"{self.name} answered {response.status} to POST {path}: {await response.text()}")
            if response.content_type != "application/json":
                return {}
            answer: dict[str, Any] = await response.json()
            return answer

    async def _connected(self) -> None:
        try:
            await self._load.connected()
        except TimeoutError as error:
            raise SubjectFailed(f"{self.name} did not join its calls: {self._child.last_lines()}") from error


class Bot(_Program):
    """The bot, `python -m bot`, as deployed."""

    def __init__(self, load: Load, folder: Path, core: int | None) -> None:
        (port,) = free_ports(1)
        emulator = load.emulator
        self._key = secrets.token_urlsafe(16)
        self.grid_secret = secrets.token_urlsafe(16)
        environment = {
            "AZURE_COMMUNICATION_CONNECTION_STRING": f"endpoint={emulator.acs_url}/;accesskey={load.access_key}",
            "AZURE_AI_ENDPOINT": emulator.realtime_url,
            "AZURE_AI_KEY": load.model_key,
            "AZURE_AI_REALTIME_DEPLOYMENT": "gpt-realtime",
            "AZURE_AI_TRANSCRIBE_DEPLOYMENT": "gpt-live-transcribe",
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
            "ACS_TOKEN_AUDIENCE": emulator.config.resource_id,
            "ACS_TOKEN_ISSUER": emulator.config.callback_issuer,
            "ACS_TOKEN_JWKS_URL": f"{emulator.acs_url}/calling/keys",
            "EVENT_GRID_SECRET": self.grid_secret,
            "ADMIN_API_KEYS": f"benchmark:{self._key}",
            "TICKET_SECRET": secrets.token_urlsafe(32),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "DATABASE_PATH": str(folder.resolve() / f"bot-{port}.sqlite3"),
            "ADMIN_READS_PER_S": "1000000",
            "ADMIN_CHANGES_PER_S": "1000000",
            "MAX_CALLS": "5000",
            "MAX_CONNECTIONS": "20000",
            "DRAIN_S": "1",
            "LOG_LEVEL": "WARNING",
        }
        super().__init__("bot", load, port, ["-m", "bot"], environment, folder / "bot.log", core)
        self.port = port

    def request(self, method: str, path: str) -> bytes:
        """Return the bytes of an admin request without a body."""
        return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nX-API-Key: {self._key}\r\n\r\n".encode()

    async def create_room(self, name: str) -> str:
        """Create an empty room; return its id."""
        room_id: str = (await self._create_room(name))["room_id"]
        return room_id

    async def create_acs_room(self, name: str) -> str:
        """Create an empty room; return its ACS room id."""
        acs_room_id: str = (await self._create_room(name))["acs_room_id"]
        return acs_room_id

    async def create_web_room(self, name: str) -> tuple[str, str]:
        """Create a room without a call; return its id, and a ticket of the one who speaks."""
        body = {
            "name": name,
            "media": "web",
            "languages": LANGUAGES,
            "participants": [{"display_name": "Ana", "role": "Presenter", "speaks": LANGUAGES[0]}],
        }
        room = await self._post("/api/rooms", body, {"X-API-Key": self._key})
        room_id: str = room["room_id"]
        return room_id, await self.ticket(room_id, "speak", room["participants"][0]["participant_id"])

    async def ticket(self, room_id: str, purpose: str, participant_id: str | None = None) -> str:
        body = {"purpose": purpose} | ({} if participant_id is None else {"participant_id": participant_id})
        answer = await self._post(f"/api/rooms/{room_id}/tickets", body, {"X-API-Key": self._key})
        ticket: str = answer["ticket"]
        return ticket

    async def _create_room(self, name: str) -> dict[str, Any]:
        request = {
            "name": name,
            "languages": LANGUAGES,
            "participants": [{"display_name": language, "speaks": language} for language in LANGUAGES],
        }
        room: dict[str, Any] = await self._post("/api/rooms", request, {"X-API-Key": self._key})
        return room

    async def take_calls(self, count: int) -> None:
        headers = {"X-API-Key": self._key}
        participants = [
            {"display_name": f"speaker of {language}", "role": "Presenter", "speaks": language}
            for language in LANGUAGES
        ]
        # The same pause for all lengths of speech, so that the end of every turn is known.
        settings = {
            "end_of_turn_ms": 500,
            "end_of_turn_after_long_ms": 500,
            "end_of_turn_unfinished_ms": 500,
        }
        request = {
            "name": "benchmark",
            "languages": LANGUAGES,
            "participants": participants,
            "settings": settings,
        }
        rooms = []
        for _ in range(count):
            room = await self._post("/api/rooms", request, headers)
            speakers = [(each["acs_user_id"], each["speaks"]) for each in room["participants"]]
            self._load.join(room["acs_room_id"], speakers)
            rooms.append(room["room_id"])
        for room_id in rooms:
            await self._post(f"/api/rooms/{room_id}/interpreter", {"action": "start"}, headers)
        await self._connected()


class Floor(_Program):
    """The floor, `python -m benchmarks.relay`: an interpreter's data flow without its features."""

    def __init__(self, load: Load, folder: Path, core: int | None) -> None:
        (port,) = free_ports(1)
        arguments = ["-m", "benchmarks.relay", "--port", str(port)]
        arguments += ["--acs", load.emulator.acs_url, "--model", load.emulator.realtime_url]
        environment = {"RELAY_ACCESS_KEY": load.access_key, "RELAY_MODEL_KEY": load.model_key}
        super().__init__("floor", load, port, arguments, environment, folder / "floor.log", core)

    async def take_calls(self, count: int) -> None:
        rooms = []
        load = self._load
        async with RoomsClient(load.emulator.acs_url, AzureKeyCredential(load.access_key)) as client:
            for number in range(count):
                room = await client.create_room()
                speakers = [(f"8:acs:benchmark_{number}_{language}", language) for language in LANGUAGES]
                load.join(room.id, speakers)
                rooms.append(room.id)
        await self._post("/calls", {"rooms": rooms}, {})
        await self._connected()
