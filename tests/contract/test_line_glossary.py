"""A glossary that is corrected while people talk, from the admin's PUT to what is read and flagged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from emulator.engine.base import NO_TERMS, Heard, Spoken
from emulator.engine.scripted import ScriptedEngine, read_markers
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults
from tests.support.line import Line, line
from tests.support.speech import spoken
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(90)]

TERMS = {"terms": [{"term": "pier", "translations": {"es-ES": "muelle"}}]}
PIER = "Please come to the pier at once."
SPANISH_PIER = "Venga al embarcadero enseguida, por favor."
PREFERRED = "Venga al muelle enseguida, por favor."
SPANISH = "Aquí hace muy buen tiempo todos los días, de verdad."
ENGLISH = "The weather here is very good every day, really."


class Wordwise(ScriptedEngine):
    """Says the terms it is given, and every other word as it was."""

    async def interpret(self, heard: Heard, target: str, terms: Mapping[str, str] = NO_TERMS) -> Spoken:
        spoken = await super().interpret(heard, target)
        return replace(spoken, text=" ".join(terms.get(word, word) for word in (heard.text or "").split()))


@pytest.fixture(scope="module")
def voices() -> dict[str, bytes]:
    return {"Ana": spoken(PIER, "en"), "Luis": spoken(SPANISH, "es")}


def connections(whole: Line) -> int:
    return len(whole.emulator.journal.entries("realtime.connection"))


async def test_a_corrected_glossary_holds_for_the_next_utterance_in_the_lanes_that_are_open(
    voices: dict[str, bytes],
) -> None:
    """What was right before is flagged after; the model is briefed in the session it has."""
    engine = ScriptedEngine(0.1, transcripts={"en": [PIER]}, translations={("en", "es"): [SPANISH_PIER]})
    async with line(engine=engine) as whole:
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak(voices["Ana"])
            await room.until_passages(1)
            before = connections(whole)
            assert (await whole.api("PUT", f"/api/rooms/{room.room_id}/glossary", TERMS))["version"] == 1
            await ana.speak(voices["Ana"])
            await room.until_passages(2)
            first, second = (await room.transcript())["passages"]
            assert connections(whole) == before, "open lanes go on"
            assert any("muelle" in str(entry) for entry in whole.emulator.journal.entries("realtime.event"))
            assert (first["state"], first["faults"]) == ("spoken", [])
            assert (second["state"], second["faults"]) == ("spoken", ["term"])
            flagged = [one["flags"] for one in (await room.transcript())["items"] if one["language"] == "es-ES"]
            assert flagged == [[], ["term"]]


async def test_the_engine_is_given_the_terms_of_the_meeting(voices: dict[str, bytes]) -> None:
    async with line(engine=Wordwise(0.1, transcripts={"en": [PIER]})) as whole:
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak(voices["Ana"])
            await room.until_passages(1)
            await whole.api("PUT", f"/api/rooms/{room.room_id}/glossary", TERMS)
            await ana.speak(voices["Ana"])
            await room.until_passages(2)
    said = [note["said"] for note in whole.emulator.journal.entries("realtime.response", target="es")]
    assert (said[0], said[-1]) == (PIER, PIER.replace("pier", "muelle"))


async def test_a_term_that_is_lost_is_asked_for_again_while_it_is_not_heard_yet(voices: dict[str, bytes]) -> None:
    """Ana's interpretation waits for Luis's to be heard: time enough to judge it, and to ask more strictly."""
    engine = ScriptedEngine(
        0.1,
        transcripts={"es": [SPANISH, SPANISH], "en": [PIER, PIER]},
        translations={("en", "es"): [PREFERRED], ("es", "en"): [ENGLISH]},
        duration_ms=4_000,
    )
    async with line(engine=engine) as whole:
        room = await whole.room()
        await whole.api("PUT", f"/api/rooms/{room.room_id}/glossary", TERMS)
        whole.emulator.realtime.faults = RealtimeFaults((FaultRule("say", target="es", text=SPANISH_PIER, times=1),))
        async with room.joined("Ana") as ana, room.joined("Luis") as luis:
            await room.until_status("interpreting")
            async with asyncio.TaskGroup() as group:
                group.create_task(luis.speak(voices["Luis"]))
                group.create_task(ana.speak(bytes(48_000 * 2) + voices["Ana"]))
            passages = {one["target"]: one for one in await room.until_passages(2)}
            await asyncio.sleep(0.3)
        assert (passages["en-US"]["state"], passages["en-US"]["faults"]) == ("spoken", [])
        assert (passages["es-ES"]["state"], passages["es-ES"]["strict"]) == ("spoken", True)
        assert passages["es-ES"]["faults"] == []
        (read,) = [one for one in (await room.transcript())["items"] if one["language"] == "es-ES"][-1:]
        assert (read["text"], read["flags"], read["is_final"]) == (PREFERRED, [], True)
        markers = read_markers(bytes(luis.heard))
        assert len(markers) == len(set(markers)) == 2, "what was no interpretation has not been heard"
