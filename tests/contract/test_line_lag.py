"""More is said than can be heard at once, on the whole line: what is heard, what is condensed, and what is read."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from emulator.engine.scripted import ScriptedEngine, read_markers
from tests.support.line import ANA_AND_LUIS, line
from tests.support.speech import RESULTS
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(120)]

SPANISH = "Los resultados son mejores de lo esperado."
FRENCH = "Les résultats sont meilleurs que prévu."
ANSWER_MS = 13_000
"""1.3 times as long as the longest utterance."""
BYTES_PER_S = 48_000


def without_pauses(speech: bytes, seconds: float) -> bytes:
    """The same words again and again, so that no pause ends a turn; and the pause that does."""
    samples = np.frombuffer(speech, "<i2")
    loud = np.flatnonzero(np.abs(samples) > 300)
    words = samples[loud[0] : loud[-1]].tobytes()
    whole = (words * (int(seconds * BYTES_PER_S) // len(words) + 1))[: int(seconds * 50) * 960]
    return whole + bytes(BYTES_PER_S)


async def test_a_monologue_is_heard_to_its_end(english: bytes) -> None:
    """Two utterances of full length: the second one's interpretation is 13 s long, and waits alone."""
    engine = ScriptedEngine(
        0.3,
        transcripts={"en": [RESULTS]},
        translations={("en", "es"): [SPANISH]},
        duration_ms=ANSWER_MS,
        max_duration_ms=ANSWER_MS,
    )
    async with line(engine=engine) as whole:
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis") as luis:
            await room.until_status("interpreting")
            await ana.speak(without_pauses(english, 19.0))
            await asyncio.sleep(25)
            passages = await room.until_passages(2)
    assert [(one["state"], one["reason"]) for one in passages] == [("spoken", "")] * 2
    assert len(read_markers(bytes(luis.heard))) == 2


async def test_in_a_crowded_room_the_model_is_asked_for_fewer_words_and_everybody_is_told(english: bytes) -> None:
    people = (*ANA_AND_LUIS, ("Chloé", "fr-FR", "fr-FR"))
    translations = {("en", "es"): [SPANISH], ("en", "fr"): [FRENCH]}
    engine = ScriptedEngine(0.3, duration_ms=5_000, transcripts={"en": [RESULTS]}, translations=translations)
    async with line(engine=engine) as whole:
        room = await whole.room(people, layout="shared")
        async with room.joined("Ana") as ana, room.joined("Luis"), room.joined("Chloé"):
            await room.until_status("interpreting")
            for _ in range(3):
                await ana.speak(english + bytes(BYTES_PER_S))
            await asyncio.sleep(25)
            passages = await room.until_passages(6)
            usage = await whole.api("GET", f"/api/rooms/{room.room_id}/usage")
            lines = (await room.transcript())["items"]
    condensed = [one for one in passages if one["condensed"]]
    assert condensed, "what is asked for while much waits"
    assert sum(lane["condensed"] for lane in usage["lanes"]) == len(condensed)
    flagged = {(one["utterance_id"], one["language"]) for one in lines if "condensed" in one["flags"]}
    assert flagged == {(one["utterance_id"], one["target"]) for one in condensed}
    spoken = [one for one in condensed if one["state"] == "spoken"]
    assert spoken and all(one["played_ms"] < 2_700 for one in spoken), "half of 5 s, and faster"
