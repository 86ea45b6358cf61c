"""The canary in rooms of a running service, and how it judges what comes of its sentences."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import wave
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.__main__ import main
from bot.commands.canary import command
from bot.commands.canary.command import CanaryResult, admin_key, as_json, as_text, judged, sing
from bot.commands.canary.participant import CanaryObservation, CanaryRefused
from bot.commands.canary.sentences import BUILT_IN, Sentence, UnusableSentences, read_aloud
from bot.config import load_settings
from bot.resources import open_clients
from emulator.engine.scripted import ScriptedEngine
from tests.support.line import ADMIN_KEY, Line, line, service_settings
from tests.support.settings import REQUIRED
from tests.support.speech import spoken
from tests.support.virtual_time import in_virtual_time

ENGLISH = "The train to Madrid leaves at nine."
SPANISH = "El tren a Madrid sale a las nueve."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One sentence twice, as recordings with their texts."""
    folder = tmp_path_factory.mktemp("sentences")
    for name in ("one", "two"):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 24_000, 0, "NONE", ""))
            file.writeframes(spoken(ENGLISH, "en"))
        (folder / f"{name}.txt").write_text(f"{ENGLISH}\nMadrid\n")
    return folder


def options(room_id: str, url: str, folder: Path, **changes: Any) -> argparse.Namespace:
    return argparse.Namespace(
        **{"room": room_id, "url": url, "sentences": folder, "speaks": "en-US", "hears": None, "limit": 10.0} | changes
    )


async def web_room(whole: Line) -> str:
    body = {"name": "canary", "media": "web", "languages": ["en-US", "es-ES"], "mode": "consecutive"}
    room: str = (await whole.api("POST", "/api/rooms", body))["room_id"]
    return room


@pytest.mark.line
@in_virtual_time
async def test_a_room_in_which_one_of_two_sentences_comes_out_wrong(folder: Path) -> None:
    """Interpretations are what the engine is told: the second lacks the city. Both are heard as a listener hears."""
    translations = {("en", "es"): [SPANISH, "El tren sale a las nueve."]}
    engine = ScriptedEngine(0.3, transcripts={"en": [ENGLISH, ENGLISH]}, translations=translations)
    async with line(engine=engine) as whole:
        settings = await asyncio.to_thread(service_settings, whole.emulator, whole.base_url)
        room_id = await web_room(whole)
        right, wrong = await sing(settings, ADMIN_KEY, options(room_id, whole.base_url, folder))
        assert (right.problems, right.observed.interpretation) == ((), SPANISH)
        assert right.observed.original == ENGLISH
        assert right.observed.heard_s is not None
        assert right.observed.read_s is not None
        # A pause of half a second ends the turn, the engine takes 0.3 s; the rest is the way there and back.
        assert 0.7 <= right.observed.heard_s <= 2.5
        assert wrong.problems == ("missing: Madrid",)
        assert (await whole.api("GET", f"/api/rooms/{room_id}/participants"))["items"] == [], "it leaves no trace"

        with pytest.raises(CanaryRefused, match="name another language with --hears"):
            await sing(settings, ADMIN_KEY, options(room_id, whole.base_url, folder, hears="fr-FR"))
        with pytest.raises(CanaryRefused, match="was answered with 401"):
            await sing(settings, "another-key-of-nobody", options(room_id, whole.base_url, folder))
        with pytest.raises(CanaryRefused, match="was answered with 404"):
            await sing(settings, ADMIN_KEY, options("nowhere", whole.base_url, folder))

        lecture = {"name": "lecture", "source_language": "en-US", "target_languages": ["es-ES"]}
        await whole.api("POST", "/api/createSession", lecture)
        waiting = next(one for one in (await whole.api("GET", "/api/rooms"))["items"] if one["room_id"] != room_id)
        with pytest.raises(CanaryRefused, match="the microphone was not opened"):
            await sing(settings, ADMIN_KEY, options(waiting["room_id"], whole.base_url, folder))
        await model_reads_aloud(whole)


async def model_reads_aloud(whole: Line) -> None:
    """The built-in sentences are spoken by the realtime deployment, unless it refuses."""
    for deployment_key, works in (("realtime-key", True), ("another-key", False)):
        settings = await asyncio.to_thread(
            service_settings, whole.emulator, whole.base_url, azure_ai_key=SecretStr(deployment_key)
        )
        async with AsyncExitStack() as stack:
            sockets = (await open_clients(settings, stack)).model_sockets
            if works:
                sentences = await read_aloud(settings, sockets)
                assert [(one.text, one.expected) for one in sentences] == list(BUILT_IN)
                assert all(len(one.pcm) > 24_000 for one in sentences)
            else:
                with pytest.raises(UnusableSentences, match="http_401"):
                    await read_aloud(settings, sockets)


SENTENCE = Sentence(ENGLISH, ("Madrid",), b"", 24_000)


@pytest.mark.parametrize(
    ("interpretation", "heard_s", "faults", "problems"),
    [
        (SPANISH, 2.0, (), ()),
        (SPANISH, -1.0, (), ()),
        (SPANISH.upper(), 2.0, (), ()),
        ("El tren a Mádrid sale.", 2.0, (), ()),
        (SPANISH, 12.0, (), ("late",)),
        (SPANISH, None, (), ("not heard",)),
        ("El tren sale.", 2.0, ("length",), ("fault: length", "missing: Madrid")),
        (None, None, ("empty",), ("not interpreted", "not heard")),
    ],
)
def test_what_is_wrong(
    interpretation: str | None, heard_s: float | None, faults: tuple[str, ...], problems: tuple[str, ...]
) -> None:
    observed = CanaryObservation(ENGLISH, interpretation, 1.0, heard_s)
    assert judged(SENTENCE, observed, faults, 10.0).problems == problems


def test_results_are_written_for_people_and_for_programs() -> None:
    well = CanaryResult(ENGLISH, CanaryObservation(ENGLISH, SPANISH, 1.5, 1.0), ())
    badly = CanaryResult(ENGLISH, CanaryObservation(), ("not interpreted", "not heard"))
    lines = as_text([well, badly]).splitlines()
    assert lines[0] == "ok      heard after 1.0 s, read after 1.5 s"
    assert lines[3] == "failed  never heard, never read  not interpreted; not heard"
    assert lines[-1] == "1 of 2 sentences interpreted well"
    document = json.loads(as_json([well, badly]))
    assert document["ok"] is False
    assert document["sentences"][0]["interpretation"] == SPANISH
    assert json.loads(as_json([well]))["ok"] is True


def test_keys_that_are_digests_cannot_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    keys = f"ops:sha256${'ab' * 32},canary:the-key-of-the-canary,other:another-key-of-admins"
    given = {name.lower(): value for name, value in (REQUIRED | {"ADMIN_API_KEYS": keys}).items()}
    settings = load_settings(_env_file=None, **given)
    assert admin_key(settings, None) == "the-key-of-the-canary"
    assert admin_key(settings, "other") == "another-key-of-admins"
    with pytest.raises(CanaryRefused):
        admin_key(settings, "ops")


def test_exit_codes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(logging, "disable", lambda: None)
    came: list[CanaryResult] = []

    async def sang(*_: object) -> list[CanaryResult]:
        return came

    monkeypatch.setattr(command, "sing", sang)
    came.append(CanaryResult(ENGLISH, CanaryObservation(ENGLISH, SPANISH, 1.5, 1.0), ()))
    assert main(["canary", "room"]) == 0
    came.append(CanaryResult(ENGLISH, CanaryObservation(), ("not heard",)))
    assert main(["canary", "room", "--json"]) == 1
    assert json.loads(capsys.readouterr().out.split("well\n", 1)[1])["ok"] is False
    monkeypatch.setenv("PORT", "no")
    assert main(["canary", "room"]) == 2
    refusal = capsys.readouterr().err
    assert "PORT" in refusal and "--help" in refusal
    with pytest.raises(SystemExit):
        main(["canary"])
