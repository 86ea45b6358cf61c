"""People who speak what the roster does not say, or are taken to, on the whole line."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emulator.engine.scripted import ScriptedEngine, read_markers
from tests.support.line import ANA_AND_LUIS, Line, Room, line
from tests.support.speech import RESULTS
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(90)]

PEOPLE = (*ANA_AND_LUIS, ("Ben", "auto", "en-US"))
SPANISH = "Los resultados son mejores de lo esperado."


def engine() -> ScriptedEngine:
    """Hears Spanish, whatever is said."""
    texts = {("es", "en"): [RESULTS]}
    return ScriptedEngine(
        0.3, transcripts={"es": [SPANISH]}, translations=texts, languages=dict.fromkeys(range(9), "es")
    )


async def repeat(whole: Line) -> None:
    """Have the model say in Spanish again what was said in Spanish, as models do although they are told not to."""
    await whole.put_faults({"realtime": {"rules": [{"do": "echo", "target": "es"}]}})


async def after_speech(room: Room, english: bytes, count: int) -> tuple[dict[tuple[str, str], Any], dict[str, bytes]]:
    """Ben says it. Returns the ledger by source and target, and what everybody heard."""
    async with room.joined("Ana") as ana, room.joined("Luis") as luis, room.joined("Ben") as ben:
        await room.line.until_noted("media.dialled", count=len(set(room.acs_rooms.values())))
        await room.until_status("interpreting")
        await ben.speak(english)
        passages = await room.until_passages(count)
        await asyncio.sleep(0.5)
        heard = {"Ana": bytes(ana.heard), "Luis": bytes(luis.heard), "Ben": bytes(ben.heard)}
        return {(one["source"], one["target"]): one for one in passages}, heard


async def captions(room: Room, language: str) -> list[tuple[str, bool]]:
    found = await room.line.api("GET", f"/api/rooms/{room.room_id}/transcript?language={language}")
    return [(item["text"], item["is_original"]) for item in found["items"]]


@pytest.mark.parametrize("repeats", [False, True])
async def test_what_is_said_in_one_of_two_languages_is_spoken_into_the_other_and_shown_under_its_own(
    english: bytes, repeats: bool
) -> None:
    async with line(engine=engine()) as whole:
        room = await whole.room(PEOPLE)
        if repeats:
            await repeat(whole)
        passages, heard = await after_speech(room, english, 2)
        assert {key: (one["state"], one["reason"]) for key, one in passages.items()} == {
            ("auto", "es-ES"): ("not_needed", ""),
            ("auto", "en-US"): ("spoken", ""),
        }
        assert passages["auto", "en-US"]["ear_voice_span_ms"] < 1_500
        assert read_markers(heard["Ana"]) == [0], "the interpretation, and nothing said over it"
        assert await captions(room, "es-ES") == [(SPANISH, True)]
        assert await captions(room, "en-US") == [(RESULTS, False)]


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("layout", ["channels", "sister"])
async def test_where_the_language_is_spoken_already_the_own_voice_is_passed_through(
    english: bytes, layout: str, repeats: bool
) -> None:
    async with line(engine=engine()) as whole:
        room = await whole.room(PEOPLE, layout=layout)
        if repeats:
            await repeat(whole)
        passages, heard = await after_speech(room, english, 2)
        assert {key: (one["state"], one["kind"]) for key, one in passages.items()} == {
            ("auto", "es-ES"): ("spoken", "passthrough"),
            ("auto", "en-US"): ("spoken", "utterance"),
        }
        assert passages["auto", "es-ES"]["playouts"]["es-ES"]["played_ms"] > 1_500
        assert passages["auto", "en-US"]["ear_voice_span_ms"] < 1_500
        assert await captions(room, "es-ES") == [(SPANISH, True)]
        if layout == "sister":
            assert any(heard["Luis"]), "Ben, who sits in another room"
            assert read_markers(heard["Luis"]) == [], "himself, and no interpretation"
            assert read_markers(heard["Ana"]) == [0]


async def test_a_transcript_in_a_script_nobody_spoke_is_flagged_and_nothing_is_judged_by_it(english: bytes) -> None:
    japanese = "会議は午後3時25分に始まります。"
    texts = {("en", "es"): ["Los resultados son mejores de lo esperado."]}
    async with line(engine=ScriptedEngine(0.3, transcripts=[japanese], translations=texts)) as whole:
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak(english)
            (passage,) = await room.until_passages(1)
        assert (passage["state"], passage["faults"], passage["strict"]) == ("spoken", [], False)
        found = (await room.transcript())["items"]
        assert [(item["language"], item["flags"]) for item in found] == [("en-US", ["language"]), ("es-ES", [])]
