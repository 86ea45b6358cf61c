"""What admins provisioned, and who was interpreting, is there after a restart: one database file, served twice."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.calls.replicas.registry import Registry
from demo.processes import free_ports
from emulator.app import Emulator
from emulator.client import Participant
from emulator.config import RESOURCE_ID, Config
from emulator.engine.scripted import ScriptedEngine
from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from rooms_admin.stores.sqlite.transcripts import SqliteTranscripts
from rooms_admin.transcripts.recorder import OpenLedgerRecord, TranscriptBatch
from rooms_admin.transcripts.records import TranscriptLine
from storage.sqlite import SqliteDatabase
from storage.sqlite_key_value import SqliteKeyValue
from tests.support.acs_emulator import ACCESS_KEY, running_acs
from tests.support.restarts import ADMIN_KEY, NEW_ROOM, service
from webhooks.events import CallStarted


@pytest.mark.timeout(600)
async def test_a_room_survives_a_restart_and_a_deleted_one_stays_deleted(tmp_path: Path) -> None:
    database = tmp_path / "interpreter.sqlite3"
    async with running_acs() as acs:
        async with service(acs, database) as http:
            kept = (await http.post("/api/rooms", json=NEW_ROOM)).json()
            roster = f"/api/rooms/{kept['room_id']}/participants"
            added = (await http.post(roster, json={"display_name": "Ben", "speaks": "es-ES"})).json()
            gone = (await http.post("/api/rooms", json=NEW_ROOM)).json()
            assert (await http.delete(f"/api/rooms/{gone['room_id']}")).status_code == 204
        async with service(acs, database) as http:
            found = (await http.get(f"/api/rooms/{kept['room_id']}")).json()
            assert found == kept | {"participants": [*kept["participants"], added], "version": 2}
            listed = (await http.get("/api/rooms")).json()
            assert [room["room_id"] for room in listed["items"]] == [kept["room_id"]]
            token = await http.post(f"{roster}/{added['participant_id']}/token")
            assert token.json()["acs_user_id"] == added["acs_user_id"]
            assert (await http.get(f"/api/rooms/{gone['room_id']}")).status_code == 404


@pytest.mark.timeout(60)
async def test_one_room_that_cannot_be_read_stops_neither_lists_nor_a_restart(tmp_path: Path) -> None:
    """As a limit of usage of 1e999 once left it: stored as null, and not read back."""
    database = tmp_path / "interpreter.sqlite3"
    async with running_acs() as acs:
        async with service(acs, database) as http:
            damaged, kept = [(await http.post("/api/rooms", json=NEW_ROOM)).json()["room_id"] for _ in range(2)]
            path = f"/api/rooms/{damaged}"
            huge = '{"settings":{"usage_cap":{"money":1e999}}}'
            assert (await http.patch(path, content=huge)).status_code == 422
            assert (await http.get(path)).json()["settings"]["usage_cap"] == {}
        async with SqliteDatabase(str(database), MIGRATIONS) as file:
            statement = (
                'UPDATE rooms SET document = replace(document, \'"usage_cap":{}\', \'"usage_cap":{"money":null}\')'
            )
            await file.write(
                lambda connection: connection.execute(f"{statement} WHERE room_id = ?", (damaged,)).rowcount
            )
        async with service(acs, database) as http:
            listed = (await http.get("/api/rooms")).json()
            assert [room["room_id"] for room in listed["items"]] == [kept]
            assert (await http.get(path)).status_code == 404
            assert (await http.post("/api/rooms", json=NEW_ROOM)).status_code == 201
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.json()["unreadable_records"]) == (200, {"room": 1})


# --- a process that is killed ----------------------------------------------------------------------------------

ROOT = Path(__file__).parents[2]
HEARD_AGAIN_S = 120.0
START_S = 180.0
GRID_SECRET = "a-secret-of-event-grid"


class Killable:
    """`python -m bot` as it would be deployed, started as often as wanted on one port and one database file."""

    def __init__(self, emulator: Emulator, http: aiohttp.ClientSession, folder: Path) -> None:
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.database = folder / "interpreter.sqlite3"
        self._http = http
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(ROOT),
            "AZURE_COMMUNICATION_CONNECTION_STRING": f"endpoint={emulator.acs_url}/;accesskey={ACCESS_KEY}",
            "AZURE_AI_ENDPOINT": emulator.realtime_url,
            "AZURE_AI_KEY": "realtime-key",
            "AZURE_AI_REALTIME_DEPLOYMENT": "interpreter",
            "PUBLIC_BASE_URL": self.url,
            "ACS_TOKEN_AUDIENCE": RESOURCE_ID,
            "ACS_TOKEN_ISSUER": emulator.config.callback_issuer,
            "ACS_TOKEN_JWKS_URL": f"{emulator.acs_url}/calling/keys",
            "EVENT_GRID_SECRET": GRID_SECRET,
            "ADMIN_API_KEYS": f"tests:{ADMIN_KEY}",
            "DATABASE_PATH": str(self.database),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "DRAIN_S": "0",
        }

    async def start(self) -> None:
        """Returns when it answers."""
        with (self._folder / "bot.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", cwd=self._folder, env=self._environment, stdout=log, stderr=log
            )
        await until(self._answers, START_S)

    async def _answers(self) -> bool:
        assert self._process is not None and self._process.returncode is None, "it ended: see bot.log"
        try:
            async with self._http.get(f"{self.url}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def has_status(self, status: str) -> bool:
        async with self._http.get(f"{self.url}/readyz") as response:
            return bool((await response.json())["status"] == status)

    def limit_files(self, size: int) -> int:
        """Let writes beyond this size fail, as on a full disk; return the limit of before."""
        assert self._process is not None
        before, hard = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, hard))
        return before

    async def kill(self) -> None:
        """SIGKILL: nothing is said, nothing is written, nothing is hung up."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    async def api(self, method: str, path: str, body: object = None) -> Any:
        headers = {"X-API-Key": ADMIN_KEY}
        async with self._http.request(method, self.url + path, json=body, headers=headers) as response:
            assert response.status < 300, await response.text()
            return await response.json()


async def until(good: Callable[[], Any], limit_s: float) -> None:
    """Look again and again."""
    async with asyncio.timeout(limit_s):
        while not await good():  # noqa: ASYNC110 - what is looked at is another process
            await asyncio.sleep(0.02)


@asynccontextmanager
async def killable(folder: Path) -> AsyncIterator[tuple[Emulator, Killable]]:
    """An emulator, and a service that runs, with a room's token and addresses to come from it; both end."""
    config = Config(acs_port=0, realtime_port=0, access_key=ACCESS_KEY, realtime_key="realtime-key")
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(Emulator(config, engine=ScriptedEngine(delay_s=0.1)))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        bot = Killable(emulator, http, folder)
        stack.push_async_callback(bot.kill)
        await bot.start()
        yield emulator, bot


async def room_with_token(bot: Killable) -> tuple[str, str, str]:
    """Room id, ACS room id, Ada's token."""
    room = await bot.api("POST", "/api/rooms", NEW_ROOM)
    (ada,) = room["participants"]
    path = f"/api/rooms/{room['room_id']}/participants/{ada['participant_id']}/token"
    return room["room_id"], room["acs_room_id"], (await bot.api("POST", path))["token"]


def interpreters(emulator: Emulator) -> list[str]:
    """Connections that are in a call."""
    return [bot.id for call in emulator.calls.active for bot in call.bots]


async def interpreting(emulator: Emulator, bot: Killable, room_id: str) -> bool:
    """Whether it is; there are never two meanwhile."""
    assert len(interpreters(emulator)) <= 1
    status = await bot.api("GET", f"/api/rooms/{room_id}/interpreter")
    return bool(status["status"] == "interpreting") and len(interpreters(emulator)) == 1


@pytest.mark.timeout(600)
async def test_the_interpreter_a_killed_process_leaves_behind_is_taken_over(tmp_path: Path) -> None:
    async with killable(tmp_path) as (emulator, bot):
        room_id, acs_room_id, token = await room_with_token(bot)
        async with Participant.join(emulator.acs_url, acs_room_id, token, "Ada"):
            await bot.api("POST", f"/api/rooms/{room_id}/interpreter", {"action": "start"})
            await until(lambda: interpreting(emulator, bot, room_id), START_S)
            async with SqliteDatabase(str(bot.database), MIGRATIONS) as database:
                register = Registry(SqliteKeyValue(database), "the test")

                async def written_down() -> bool:
                    record = await register.call(room_id)
                    return record is not None and bool(record.present)

                await until(written_down, START_S)
            await bot.kill()
            assert len(interpreters(emulator)) <= 1
            async with SqliteDatabase(str(bot.database), MIGRATIONS) as database:
                record = await Registry(SqliteKeyValue(database), "the test").call(room_id)
                assert record is not None
                utterance = f"{record.name}-1"
                now = round(time.time() * 1000)
                said = TranscriptLine(utterance, 1, "8:acs:a", "Ada", "en-US", "Good mor", False, now, True)
                opened = OpenLedgerRecord(utterance, "8:acs:a", "en-US", "es-ES", now)
                await SqliteTranscripts(database).write(
                    TranscriptBatch(
                        lines={(room_id, utterance, "en-US"): said},
                        opened={(room_id, utterance, "es-ES"): opened},
                    )
                )
            await bot.start()
            await until(lambda: interpreting(emulator, bot, room_id), HEARD_AGAIN_S)

            async def closed() -> bool:
                transcript = await bot.api("GET", f"/api/rooms/{room_id}/transcript")
                states = [(one["utterance_id"], one["state"]) for one in transcript["passages"]]
                lines = [(one["text"], one["is_final"], one["flags"]) for one in transcript["items"]]
                return states == [(utterance, "abandoned")] and lines == [("Good mor", True, ["abandoned"])]

            await until(closed, HEARD_AGAIN_S)

        async def nobody() -> bool:
            return not emulator.calls.active

        await until(nobody, HEARD_AGAIN_S)


@pytest.mark.timeout(600)
@pytest.mark.soak
async def test_a_call_whose_report_was_answered_and_not_acted_on_is_joined_after_the_restart(tmp_path: Path) -> None:
    async with killable(tmp_path) as (emulator, bot):
        room_id, acs_room_id, token = await room_with_token(bot)
        await bot.kill()
        report = CallStarted("event", acs_room_id, "server-call")
        async with SqliteDatabase(str(bot.database), MIGRATIONS) as database:
            await Registry(SqliteKeyValue(database), "killed between 200 and the work").promise(report)
        async with Participant.join(emulator.acs_url, acs_room_id, token, "Ada"):
            await bot.start()
            await until(lambda: interpreting(emulator, bot, room_id), HEARD_AGAIN_S)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are set on Linux only")
@pytest.mark.timeout(600)
@pytest.mark.soak
async def test_a_service_whose_disk_is_full_is_not_ready_until_there_is_space(tmp_path: Path) -> None:
    async with killable(tmp_path) as (_, bot):
        room_id, _, _ = await room_with_token(bot)
        unlimited = bot.limit_files(64 * 1024)
        await until(lambda: bot.has_status("store_unavailable"), START_S)
        with pytest.raises(AssertionError, match="store_unavailable"):
            await bot.api("PATCH", f"/api/rooms/{room_id}", {"name": "Town hall"})
        assert (await bot.api("GET", f"/api/rooms/{room_id}"))["name"] == NEW_ROOM["name"]
        await asyncio.sleep(3)
        assert await bot.has_status("store_unavailable")
        bot.limit_files(unlimited)
        await until(lambda: bot.has_status("ready"), START_S)
        assert (await bot.api("PATCH", f"/api/rooms/{room_id}", {"name": "Town hall"}))["name"] == "Town hall"
        log = await asyncio.to_thread((tmp_path / "bot.log").read_text)
        assert log.count("store failed") == 1
        assert log.count("store works again") == 1


@pytest.mark.timeout(600)
@pytest.mark.soak
async def test_what_was_being_said_in_a_room_per_language_when_the_process_was_killed_gets_its_end(
    tmp_path: Path, english: bytes
) -> None:
    async with killable(tmp_path) as (emulator, bot), AsyncExitStack() as people:
        body = {
            "name": "sisters",
            "languages": ["en-US", "es-ES"],
            "settings": {"layout": "sister"},
            "participants": [
                {"display_name": name, "role": "Presenter", "speaks": language, "hears": language}
                for name, language in (("Ana", "en-US"), ("Luis", "es-ES"))
            ],
        }
        room = await bot.api("POST", "/api/rooms", body)
        room_id, joined = room["room_id"], {}
        for one in room["participants"]:
            path = f"/api/rooms/{room_id}/participants/{one['participant_id']}/token"
            token = await bot.api("POST", path)
            joining = Participant.join(emulator.acs_url, token["acs_room_id"], token["token"], one["display_name"])
            joined[one["display_name"]] = await people.enter_async_context(joining)
        await bot.api("POST", f"/api/rooms/{room_id}/interpreter", {"action": "start"})

        async def in_both() -> bool:
            status = await bot.api("GET", f"/api/rooms/{room_id}/interpreter")
            return status["status"] == "interpreting" and len(emulator.journal.entries("media.dialled")) == 2

        await until(in_both, START_S)
        speaking = asyncio.create_task(joined["Ana"].speak(english * 5))
        async with SqliteDatabase(str(bot.database), MIGRATIONS) as database:

            async def begun() -> bool:
                query = "SELECT count(*) FROM open_passages"
                return bool((await database.read(lambda connection: connection.execute(query).fetchone()))[0])

            await until(begun, START_S)
        await bot.kill()
        speaking.cancel()
        await asyncio.wait([speaking])
        await bot.start()

        async def closed() -> bool:
            found = (await bot.api("GET", f"/api/rooms/{room_id}/transcript"))["passages"]
            return any((one["state"], one["reason"]) == ("abandoned", "replica_lost") for one in found)

        await until(closed, 2 * HEARD_AGAIN_S)
