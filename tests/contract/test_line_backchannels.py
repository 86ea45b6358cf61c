"""The whole line: sounds of listening are not interpreted, and the same sounds are when they are somebody's answer."""

from __future__ import annotations

import pytest

from emulator.client import Participant
from emulator.engine.scripted import ScriptedEngine
from tests.support.line import line
from tests.support.speech import spoken
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]

PAUSE = bytes(2 * 24_000 * 4)
MEETING = (
    ("Ana", "Welcome to the meeting.", "Bienvenidos a la reunión.", ("spoken", "")),
    ("Luis", "Mm-hm.", "Uh-huh.", ("not_needed", "backchannel")),
    ("Ana", "Shall we begin?", "¿Empezamos?", ("spoken", "")),
    ("Luis", "Ajá.", "Uh-huh.", ("spoken", "")),
    ("Ana", "Then we vote.", "Entonces votamos.", ("spoken", "")),
    ("Luis", "", "No.", ("spoken", "")),
)
"""Who speaks, what is recognised, its interpretation, and what becomes of it; the last word is not recognised."""


@pytest.fixture(scope="module")
def sentence() -> bytes:
    return spoken("Tell everybody that the meeting begins.", "en")


@pytest.fixture(scope="module")
def word() -> bytes:
    return spoken("No.", "es")


async def test_an_answer_of_one_sound_is_interpreted_and_a_sound_of_listening_is_not(
    sentence: bytes, word: bytes
) -> None:
    interpretations = [interpretation for _, _, interpretation, _ in MEETING]
    engine = ScriptedEngine(
        0.3,
        transcripts=[text for _, text, _, _ in MEETING],
        translations={("en", "es"): interpretations, ("es", "en"): interpretations},
        duration_ms=600,
    )
    async with line(engine=engine) as running:
        room = await running.room()
        async with room.joined("Ana") as ana, room.joined("Luis") as luis:
            people: dict[str, Participant] = {"Ana": ana, "Luis": luis}
            await room.until_status("interpreting")
            for number, (name, *_) in enumerate(MEETING, 1):
                await people[name].speak((sentence if name == "Ana" else word) + PAUSE)
                passages = await room.until_passages(number)
    assert [(one["state"], one["reason"]) for one in passages] == [end for *_, end in MEETING]
