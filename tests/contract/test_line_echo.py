"""The interpreter's voice that returns through a loudspeaker, and people who repeat one another, on the whole line."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from emulator.client import Participant
from emulator.config import Switches
from emulator.engine.base import NO_TERMS, Heard, Spoken
from emulator.engine.scripted import ScriptedEngine
from emulator.virtual_time import VirtualTimeLoop
from tests.support.line import line, passages, room_of
from tests.support.speech import spoken

pytestmark = pytest.mark.timeout(120)

PAUSE = bytes(32_000)
WAY_FRAMES = 15
"""300 ms from our socket to a loudspeaker, a microphone and back."""
GREETING, GREETING_IN_SPANISH = "Good morning, everyone.", "Buenos días a todos."
VOTE, VOTE_IN_SPANISH = "I vote in favour.", "Voto a favor."


@cache
def voices() -> dict[str, bytes]:
    """Every sentence spoken, made before the loop runs."""
    english, spanish = (GREETING, VOTE), (GREETING_IN_SPANISH, VOTE_IN_SPANISH)
    return {text: spoken(text, tag) for tag, texts in (("en", english), ("es", spanish)) for text in texts}


class SpeakingEngine(ScriptedEngine):
    """Understands one sentence, in either language, and answers with a voice like a person's."""

    def __init__(self, english: str, spanish: str) -> None:
        texts = {("en", "es"): [spanish], ("es", "en"): [english]}
        super().__init__(0.3, transcripts={"en": [english], "es": [spanish]}, translations=texts)

    async def interpret(self, heard: Heard, target: str, terms: Mapping[str, str] = NO_TERMS) -> Spoken:
        said = await super().interpret(heard, target)
        return Spoken(said.text, voices()[said.text], True)


class Loudspeaker:
    """Of a participant without echo cancellation: the microphone picks up what it plays, late, quieter and duller."""

    def __init__(self, person: Participant) -> None:
        self.on = False
        self._person = person
        self._way: deque[bytes] = deque([bytes(960)] * WAY_FRAMES)
        self._last = 0.0
        person.on_frame = self.play

    def play(self, pcm: bytes) -> None:
        self._way.append(pcm if self.on else bytes(len(pcm)))
        samples = np.frombuffer(self._way.popleft(), np.int16).astype(np.float64)
        dull = 0.15 * (samples + np.concatenate(([self._last], samples[:-1])))
        self._last = float(samples[-1])
        self._person.say_live(dull.astype(np.int16).tobytes())


def run(meeting: Any) -> Any:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(meeting)


async def loudspeaker() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    async with line(engine=SpeakingEngine(GREETING, GREETING_IN_SPANISH)) as whole:
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis") as luis:
            await room.until_status("interpreting")
            await asyncio.sleep(1)
            open_loudspeaker = Loudspeaker(luis)
            for count in (2, 4, 6):
                open_loudspeaker.on = False  # Ana's own voice does not come back
                await ana.speak(voices()[GREETING] + bytes(4_800))
                open_loudspeaker.on = True
                await passages(room, count)
                await asyncio.sleep(1.0)
            await asyncio.sleep(5.0)
            return (await room.transcript())["passages"], await room.status()


def test_our_voice_out_of_an_open_loudspeaker_is_not_interpreted_and_is_in_the_ledger() -> None:
    voices()
    found, status = run(loudspeaker())
    ends = [(one["source"], one["state"], one["reason"]) for one in found]
    assert ends == [("en-US", "spoken", ""), ("es-ES", "not_needed", "echo")] * 3
    assert "returns the interpreter's voice" in status["reason"]


async def greeting() -> dict[str, Any]:
    """Luis greets back within a second of the interpretation, in the very words it was given in."""
    engine = SpeakingEngine(GREETING, GREETING_IN_SPANISH)
    async with line(engine=engine, switches=Switches(silent_frames="omitted")) as whole:
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis") as luis:
            await room.until_status("interpreting")
            await asyncio.sleep(1)
            await ana.speak(voices()[GREETING] + PAUSE)
            await passages(room, 1)
            await luis.speak(voices()[GREETING_IN_SPANISH] + PAUSE)
            await passages(room, 2)
            await asyncio.sleep(1.0)
            return await room.transcript()


async def votes() -> dict[str, Any]:
    people = {f"Voter {number}": "en-US" for number in range(6)}
    async with line(engine=SpeakingEngine(VOTE, VOTE_IN_SPANISH)) as whole:
        room = await room_of(whole, {**people, "Luis": "es-ES"})
        async with room.joined("Luis"):
            for number, person in enumerate(people, start=1):
                async with room.joined(person) as voter:
                    await room.until_status("interpreting")
                    await voter.speak(voices()[VOTE] + PAUSE)
                    await passages(room, number)
        return await room.transcript()


@pytest.mark.parametrize(("meeting", "count"), [(greeting, 2), (votes, 6)], ids=["greeting", "votes"])
def test_who_says_what_others_have_said_is_interpreted_like_them(meeting: Any, count: int) -> None:
    voices()
    found = run(meeting())
    assert [(one["state"], one["reason"]) for one in found["passages"]] == [("spoken", "")] * count
    assert all(item["flags"] == [] for item in found["items"])
    said = [item["text"] for item in found["items"] if item["is_original"]]
    assert said == [GREETING, GREETING_IN_SPANISH] or said == [VOTE] * count
