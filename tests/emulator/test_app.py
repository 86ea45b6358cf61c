"""The whole emulator: both ports, one journal, one fault document; and its command line, in a separate process."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
from openai import AsyncOpenAI

from emulator import __version__
from emulator.app import Emulator
from emulator.config import WELL_KNOWN_ACCESS_KEY, Config
from emulator.engine.scripted import ScriptedEngine, ScriptedHeard, marker_tone
from tests.support.acs_emulator import ACCESS_KEY, signing_key

ROOT = Path(__file__).parent.parent.parent


@asynccontextmanager
async def running() -> AsyncIterator[Emulator]:
    config = Config(access_key=ACCESS_KEY, realtime_key="rt-key", acs_port=0, realtime_port=0, engine="scripted")
    async with Emulator(config, key=signing_key(), engine=ScriptedEngine()) as emulator:
        yield emulator


async def test_both_sides_listen_and_are_gone_afterwards() -> None:
    async with running() as emulator, aiohttp.ClientSession() as http:
        async with http.get(emulator.acs_url + "/calling/keys") as answer:
            assert answer.status == 200
        async with http.get(emulator.realtime_url + "/v1/realtime?model=x") as answer:
            assert answer.status in (400, 401, 426)
        urls = (emulator.acs_url, emulator.realtime_url)
    async with aiohttp.ClientSession() as http:
        for url in urls:
            try:
                async with http.get(url):
                    raise AssertionError("still listening")
            except aiohttp.ClientConnectorError:
                pass


async def test_https_stands_beside_http_with_a_certificate_on_demand(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    config = Config(
        access_key=ACCESS_KEY,
        realtime_key="rt-key",
        acs_port=0,
        realtime_port=0,
        engine="scripted",
        tls_port=0,
        ca_file=ca_file,
    )
    async with Emulator(config, key=signing_key(), engine=ScriptedEngine()) as emulator:
        assert await asyncio.to_thread(ca_file.read_bytes) == emulator.authority
        trust = ssl.create_default_context(cadata=emulator.authority.decode())
        async with aiohttp.ClientSession() as http:
            for url in (emulator.acs_url, emulator.acs_tls_url):
                async with http.get(url + "/calling/.well-known/acsopenidconfiguration", ssl=trust) as answer:
                    # A client over https is referred to https.
                    assert (await answer.json())["jwks_uri"] == url + "/calling/keys"


async def test_the_realtime_side_is_reached_over_tls_with_the_same_certificate() -> None:
    config = Config(
        realtime_key="rt-key", acs_port=0, realtime_port=0, tls_port=0, realtime_tls_port=0, engine="scripted"
    )
    async with Emulator(config, key=signing_key()) as emulator, aiohttp.ClientSession() as http:
        trust = ssl.create_default_context(cadata=emulator.authority.decode())
        async with http.get(emulator.acs_tls_url + "/calling/keys", ssl=trust) as answer:
            assert answer.status == 200
        options: Any = {"proxy": None, "ssl": trust}
        async with (
            AsyncOpenAI(base_url=emulator.realtime_tls_url + "/openai/v1", api_key="rt-key") as client,
            client.realtime.connect(model="any", websocket_connection_options=options) as connection,
        ):
            assert (await connection.recv()).type == "session.created"


class Asked(ScriptedEngine):
    """Records which languages it has to distinguish."""

    def __init__(self) -> None:
        super().__init__()
        self.languages: list[tuple[str, ...]] = []

    async def hear(self, pcm: bytes, languages: Sequence[str]) -> ScriptedHeard:
        self.languages.append(tuple(languages))
        return await super().hear(pcm, languages)


async def test_a_translation_tells_apart_what_people_speak() -> None:
    config = Config(
        access_key=ACCESS_KEY, realtime_key="rt-key", acs_port=0, realtime_port=0, languages=("en", "es", "de")
    )
    engine = Asked()
    async with Emulator(config, key=signing_key(), engine=engine) as emulator, aiohttp.ClientSession() as http:
        url = emulator.realtime_url + "/openai/v1/realtime/translations?model=translate"
        async with http.ws_connect(url, headers={"api-key": "rt-key"}) as socket:
            speech = marker_tone(1) * 5 + bytes(400 * 48)
            audio = base64.b64encode(speech).decode()
            await socket.send_json({"type": "session.input_audio_buffer.append", "audio": audio})
            await socket.send_json({"type": "session.close"})
            async for _ in socket:
                pass
    assert engine.languages == [("en", "es", "de")]


async def test_one_fault_document_serves_both_sides() -> None:
    async with running() as emulator, aiohttp.ClientSession() as http:
        url = emulator.acs_url + "/emulator/faults"
        document = {"realtime": {"rules": [{"do": "refuse", "times": 1}]}, "media": {"jitter_ms": 40}}
        async with http.put(url, json=document) as answer:
            assert answer.status == 200
            taken = await answer.json()
        assert taken["realtime"] == document["realtime"]
        async with http.put(url, json={"realtime": {"rulez": []}, "media": {}}) as answer:
            assert answer.status == 400
            assert "rulez" in await answer.text()
        assert emulator.faults.media.jitter_ms == 40
        async with http.delete(url) as answer:
            assert answer.status == 204
        async with http.get(url) as answer:
            assert (await answer.json())["realtime"] == {"rules": []}


async def test_reset_ends_what_both_sides_hold() -> None:
    async with running() as emulator, aiohttp.ClientSession() as http:
        emulator.faults.replace({"realtime": {"rules": [{"do": "refuse", "times": 1}]}})
        emulator.journal.note("call.started")
        async with http.post(emulator.acs_url + "/emulator/reset") as answer:
            assert answer.status == 204
        assert emulator.realtime.faults.to_dict() == {"rules": []}
        assert [entry["kind"] for entry in emulator.journal.entries()] == ["server.reset"]


async def test_the_command_says_where_it_listens_and_stops_when_told(tmp_path: Path) -> None:
    journal, answers = tmp_path / "journal.jsonl", tmp_path / "answers.txt"
    answers.write_text("One moment, please.\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "emulator", "--engine", "scripted", "--acs-port", "0", "--realtime-port", "0"),
        *("--realtime-key", "given", "--switch", "page_size=7", "--journal", str(journal), "--tls-port", "0"),
        *("--realtime-tls-port", "0", "--answers", str(answers)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    said = dict([(await process.stdout.readline()).decode().strip().split(": ", 1) for _ in range(6)])
    assert list(said) == ["ACS", "ACS over TLS", "Realtime over TLS", "Connection string", "Page", "Realtime"]
    assert said["Connection string"] == f"endpoint={said['ACS over TLS']}/;accesskey={WELL_KNOWN_ACCESS_KEY}"
    assert "given" not in str(said), "a key that was given may be a secret"
    async with aiohttp.ClientSession() as http:
        async with http.get(said["ACS"] + "/emulator/faults") as answer:
            assert (await answer.json())["switches"]["page_size"] == 7
        async with (
            AsyncOpenAI(base_url=said["Realtime"] + "/v1", api_key="given") as client,
            client.realtime.connect(model="any", websocket_connection_options=cast(Any, {"proxy": None})) as connection,
        ):
            await connection.response.create()
            while (event := await connection.recv()).type != "response.output_audio_transcript.done":
                pass
            assert event.transcript == "One moment, please."
        async with http.get(said["Page"]) as answer:
            assert "<html" in await answer.text()
    process.terminate()
    _, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, "")
    assert journal.exists()


async def test_the_command_explains_itself_and_refuses_nonsense() -> None:
    async def run(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "emulator", *arguments),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (
            (helped, text),
            (refused, complaint),
            (bad_key, _),
            (blocked, line),
            version,
            (unread, _),
        ) = await asyncio.gather(
            run("--help"),
            run("--switch", "nothing=1"),
            run("--access-key", "!"),
            run("--engine", "scripted", "--acs-port", str(port), "--realtime-port", "0"),
            run("--version"),
            run("--answers", str(ROOT / "no-such-file")),
        )
    assert (helped, refused, bad_key, blocked, unread) == (0, 2, 2, 1, 2)
    assert line.startswith(f"acs-emulator: cannot listen on 127.0.0.1:{port}: the port is already in use")
    assert line.count("\n") == 1
    assert version == (0, f"acs-emulator {__version__}\n")
    assert "--acs-port" in text
    assert "connect_to_empty_room=refuse" in text
    assert "nothing" in complaint
