"""The whole line in simultaneous rooms: the translation deployment is asked, used, and done without."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emulator.engine.scripted import read_markers
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults
from rooms_admin.transcripts.model_prices import ModelPrices
from tests.support.line import Line, Room, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]

DEPLOYMENT = "gpt-realtime-translate"


async def ready(whole: Line) -> Any:
    async with whole.http.get(whole.base_url + "/readyz") as response:
        return await response.json()


async def known(whole: Line) -> Any:
    """What is known of the deployment, once something is."""
    answer = await whole.until(lambda: ready(whole), lambda body: body["translation"]["state"] != "not_asked")
    return answer["translation"]


async def interpreted(whole: Line, speech: bytes) -> tuple[bytes, Any, Any]:
    """What Luis hears of what Ana says, the ledger, and what admins were told meanwhile."""
    room: Room = await whole.room()
    await whole.api("PATCH", f"/api/rooms/{room.room_id}", {"mode": "simultaneous"})
    async with room.joined("Ana") as ana, room.joined("Luis") as luis:
        await room.until_status("interpreting")
        await ana.speak(speech)
        passages = await room.until_passages(1)
        told = await room.status()

        async def heard() -> list[int]:
            return read_markers(bytes(luis.heard))

        await whole.until(heard, bool)  # what was written to the call has to arrive
    return bytes(luis.heard), passages, told


def targets(whole: Line) -> list[str]:
    return [str(entry["target"]).partition("?")[0] for entry in whole.emulator.journal.entries("realtime.connection")]


async def test_a_simultaneous_room_uses_the_translation_deployment(english: bytes) -> None:
    async with line(azure_ai_translate_deployment=DEPLOYMENT) as whole:
        report = await known(whole)
        assert (report["state"], report["deployment"], report["refused"]) == ("offered", DEPLOYMENT, [])
        heard, passages, told = await interpreted(whole, english)
        assert [passage["state"] for passage in passages] == ["spoken"]
        assert read_markers(heard) == [0]
        assert told["capabilities"] == report
        spanish = next(lane for lane in told["lanes"] if lane["target"] == "es-ES")
        assert (spanish["state"], spanish["engine"], spanish["reason"]) == ("open", "translation", None)
        assert len(spanish["ear_voice_spans_ms"]) == 1
        assert set(targets(whole)) == {"/openai/v1/realtime/translations"}


async def test_a_deployment_that_is_refused_is_reported_and_done_without(english: bytes) -> None:
    async with line(azure_ai_translate_deployment="interpreter-2", azure_ai_translate_languages=("es", "en")) as whole:
        assert (await known(whole))["state"] == "offered"  # of any name, as far as this one knows
        whole.emulator.realtime.faults = RealtimeFaults((FaultRule("refuse", status=404, times=1),))
        heard, passages, told = await interpreted(whole, english)
        assert [passage["state"] for passage in passages] == ["spoken"]
        assert read_markers(heard)
        degraded = [lane for lane in told["lanes"] if lane["reason"] is not None]
        assert [(lane["state"], lane["engine"]) for lane in degraded] == [("open", "conversation")]
        assert "/openai/v1/realtime" in targets(whole)


async def test_a_cap_in_money_holds_for_the_translation_deployment_whose_silence_is_paid_for(english: bytes) -> None:
    prices = {"currency": "USD", "per_million_tokens": {}, "per_minute": {"translation": 6.0}}
    async with line(azure_ai_translate_deployment=DEPLOYMENT, model_prices=ModelPrices.model_validate(prices)) as whole:
        await known(whole)
        room = await whole.room(usage_cap={"money": 0.5})
        await whole.api("PATCH", f"/api/rooms/{room.room_id}", {"mode": "simultaneous"})
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak(english)
            await room.until_passages(1)
            await asyncio.sleep(10)  # nobody says a word
            told = await room.status()
            assert told["reason"] == "usage_cap: money"
            streamed = len(whole.emulator.journal.entries("realtime.closed"))
            assert streamed, "its sessions are closed"

        async def usage() -> Any:
            return await whole.api("GET", f"/api/rooms/{room.room_id}/usage")

        used = await whole.until(usage, lambda found: found["cost"] >= 0.5)
        assert used["tokens"].get("input_audio", 0) == 0
        assert used["model_minutes"]["translation"] == pytest.approx(used["cost"] / 6.0, abs=0.01)


async def test_the_speakers_words_are_shown_as_the_model_hears_them(english: bytes) -> None:
    async with line() as whole:
        whole.emulator.realtime.faults = RealtimeFaults((FaultRule("spread_transcription", seconds=3.0),))
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak(english)
            await room.until_passages(1)
            await asyncio.sleep(5)
            lines = (await room.transcript())["items"]
        originals = [each for each in lines if each["language"] == "en-US"]
        assert originals
        assert originals[-1]["revision"] > 2


@pytest.mark.parametrize(
    ("despite", "engine", "reason"), [(True, "translation", "glossary"), (False, "conversation", None)]
)
async def test_a_glossary_is_not_ignored_in_silence(
    english: bytes, despite: bool, engine: str, reason: str | None
) -> None:
    async with line(azure_ai_translate_deployment=DEPLOYMENT, translate_despite_glossary=despite) as whole:
        await known(whole)
        room = await whole.room()
        await whole.api("PATCH", f"/api/rooms/{room.room_id}", {"mode": "simultaneous"})
        await whole.api("PUT", f"/api/rooms/{room.room_id}/glossary", {"terms": [{"term": "Contoso"}]})
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak(english)
            await room.until_passages(1)
            lanes = (await room.status())["lanes"]
        spanish = next(lane for lane in lanes if lane["target"] == "es-ES")
        assert (spanish["engine"], spanish["reason"]) == (engine, reason)
