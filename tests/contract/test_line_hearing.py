"""The whole line: what of a speaker's words the model is given, and where they are cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.speech import trimmed
from bot.interpreting.word_gaps import SOFTER_DB, power
from emulator.engine.base import BYTES_PER_MS
from emulator.engine.scripted import ScriptedEngine, ScriptedHeard
from tests.support.audio import FRAME_BYTES
from tests.support.line import line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]


class Listener(ScriptedEngine):
    """Keeps what it is given to recognise."""

    def __init__(self, delay_s: float = 0.1, hear_delay_s: float = 0.0) -> None:
        super().__init__(delay_s, hear_delay_s=hear_delay_s)
        self.given: list[bytes] = []

    async def hear(self, pcm: bytes, languages: Sequence[str]) -> ScriptedHeard:
        self.given.append(pcm)
        return await super().hear(pcm, languages)


async def test_a_bang_and_a_minute_of_silence_take_no_word_from_the_next_sentence(english: bytes) -> None:
    bang = np.random.default_rng(1).normal(0, 6_500, 12_000).clip(-32768, 32767).astype(np.int16).tobytes()
    sentence = trimmed(english)
    engine = Listener()
    async with line(engine=engine) as running:
        room = await running.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak(bang + bytes(60_000 * BYTES_PER_MS) + sentence)
            await room.until_passages(1)
    assert sentence[: 100 * BYTES_PER_MS] in engine.given[-1], "the beginning of the first word"


async def test_who_reads_on_and_on_is_cut_between_two_words(english: bytes) -> None:
    sentence = trimmed(english)
    engine = Listener()
    async with line(engine=engine) as running:
        room = await running.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak((sentence + bytes(100 * BYTES_PER_MS)) * 7)
            await room.until_passages(2)
    first, second = engine.given[:2]
    loudest = max(power(sentence[start : start + FRAME_BYTES]) for start in range(0, len(sentence), FRAME_BYTES))
    softer = loudest * 10 ** (-SOFTER_DB / 10)
    assert 8_000 * BYTES_PER_MS <= len(first) <= 10_000 * BYTES_PER_MS
    assert power(first[-FRAME_BYTES:]) < softer
    assert power(second[:FRAME_BYTES]) < softer
    assert sentence in second, "nothing was lost"


@pytest.mark.parametrize("hear_delay_s", [0.0, 0.5])
async def test_who_hesitates_in_the_middle_of_a_sentence_is_interpreted_as_a_whole(
    english: bytes, hear_delay_s: float
) -> None:
    """Also where the words before the pause are recognised at once."""
    sentence = trimmed(english)
    first, rest = sentence[: 26 * FRAME_BYTES], sentence[26 * FRAME_BYTES :]  # "The results ..."
    engine = Listener(delay_s=0.5, hear_delay_s=hear_delay_s)
    async with line(engine=engine) as running:
        room = await running.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak(first + bytes(600 * BYTES_PER_MS) + rest)
            passages = await room.until_passages(2)
        lines = (await room.transcript())["items"]
    assert [(one["state"], one["reason"]) for one in passages] == [("not_needed", "goes_on"), ("spoken", "")]
    assert rest not in engine.given[0]
    assert first in engine.given[-1]
    assert rest in engine.given[-1]
    assert {line["utterance_id"] for line in lines} == {passages[1]["utterance_id"]}
    assert all(line["is_final"] for line in lines)
    assert len(lines) == 2, "what she said, and its interpretation"


async def test_a_pause_after_several_seconds_is_no_different(english: bytes) -> None:
    """More is said again at once than may wait for a model."""
    sentence = trimmed(english)
    speech = sentence + bytes(80 * BYTES_PER_MS) + sentence
    engine = Listener(delay_s=0.5)
    async with line(engine=engine) as running:
        room = await running.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak(speech + bytes(400 * BYTES_PER_MS) + sentence[: 1_000 * BYTES_PER_MS])
            passages = await room.until_passages(2)
    assert [(one["state"], one["reason"]) for one in passages] == [("not_needed", "goes_on"), ("spoken", "")]
    assert len(engine.given[-1]) > 6_000 * BYTES_PER_MS
