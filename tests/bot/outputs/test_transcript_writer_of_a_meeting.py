"""What is kept of a meeting, from the interpreter to the files people download: compared with files read by hand.

Three people, three languages, two who speak at once, a number that gets lost, a term corrected in the middle of a
sentence, a call that is taken over, and one that ends before the last word. To write the files anew, delete them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bot.interpreting.effects import Caption, Interpret, Say, Settled
from bot.interpreting.events import (
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    MeetingEnded,
    PlanChanged,
    SourceText,
)
from bot.interpreting.glossary import GlossaryEntries
from bot.outputs.transcript_writer import TranscriptWriter
from rooms_admin.transcripts.formats import to_json, to_srt, to_txt, to_vtt
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from tests.support.audio import numbered
from tests.support.meeting import ADA, BENITO, CHLOE, THREE_LANGUAGES, Meeting, Script, number_of
from tests.support.transcripts import KeptTranscript

FILES = Path(__file__).parent / "transcripts"
FIRST_CALL_MS = 1_800_000_000_000
SECOND_CALL_MS = FIRST_CALL_MS + 30_000
PLAN = replace(THREE_LANGUAGES, announcement=True)
CORRECTED = replace(PLAN, glossary=GlossaryEntries.of({"pump": {"es-ES": "bomba", "fr-FR": "pompe"}}, PLAN.languages))

FIRST = {
    1: {
        "en-US": "Good morning, everybody.",
        "es-ES": "Buenos días a todos.",
        "fr-FR": "Bonjour à tous.",
    },
    2: {"es-ES": "Somos siete.", "en-US": "There are several of us.", "fr-FR": "Nous sommes sept."},
    3: {"fr-FR": "On commence ?", "en-US": "Shall we begin?", "es-ES": "¿Empezamos?"},
    4: {"en-US": "The pump is new.", "es-ES": "La pump es nueva.", "fr-FR": "La pompe est neuve."},
}
SECOND = {
    1: {"es-ES": "Ya estamos de vuelta.", "en-US": "We are back.", "fr-FR": "Nous revoilà."},
    2: {"en-US": "And one more thing.", "es-ES": "Y una cosa más.", "fr-FR": "Et encore une chose."},
}


class Interpreted:
    """A model that knows what is said; its text comes in two pieces, its voice after them."""

    def __init__(self, words: dict[int, dict[str, str]], breaks_off: int = 0) -> None:
        self._words = words
        self._breaks_off = breaks_off

    def __call__(self, request: Interpret | Say) -> Script:
        return self._announced(request) if isinstance(request, Say) else self._interpreted(request)

    def _announced(self, request: Say) -> Script:
        yield 0.3, InterpretationAudio(request.lane, request.utterance, numbered(9_999) * 10)
        yield 0.4, InterpretationEnded(request.lane, request.utterance, InterpretationOutcome.COMPLETED)

    def _interpreted(self, request: Interpret) -> Script:
        lane, utterance = request.lane, request.utterance
        words = self._words[number_of(utterance)]
        text = words[lane.target]
        head, tail = text[: len(text) * 2 // 3], text[len(text) * 2 // 3 :]
        yield 0.4, SourceText(lane, utterance, words[lane.source])
        yield 0.5, InterpretationText(lane, utterance, head)
        if number_of(utterance) == self._breaks_off:
            return
        yield 0.8, InterpretationText(lane, utterance, tail)
        yield 0.8, InterpretationAudio(lane, utterance, numbered(number_of(utterance)) * 40)
        yield 0.9, InterpretationEnded(lane, utterance, InterpretationOutcome.COMPLETED)


def written(meeting: Meeting, name: str, began_at_ms: int, kept: KeptTranscript) -> None:
    writer = TranscriptWriter(kept, "room-1", began_at_ms)
    for _, effect in meeting.done:
        match effect:
            case Caption(line):
                writer.caption(replace(line, utterance=f"{name}-{line.utterance}"))
            case Settled(entry):
                writer.settled(replace(entry, utterance=f"{name}-{entry.utterance}"))
            case _:
                pass


@pytest.fixture(scope="module")
def kept() -> KeptTranscript:
    kept = KeptTranscript()
    first = Meeting(PLAN, Interpreted(FIRST))
    first.says(ADA, 1.0, 1.6)
    first.says(BENITO, 6.0, 1.2)
    first.says(CHLOE, 6.4, 1.0)  # at the same time
    first.says(ADA, 14.0, 1.0)
    first.happens(16.2, PlanChanged(CORRECTED))  # between the first words of u-4 and the last
    first.run(until=25.0)
    first.handle(MeetingEnded("replica_lost"), 25.0)
    written(first, "a", FIRST_CALL_MS, kept)
    second = Meeting(replace(CORRECTED, announcement=False), Interpreted(SECOND, breaks_off=2))
    second.says(BENITO, 1.0, 1.0)
    second.says(ADA, 8.0, 1.0)
    second.run(until=10.4)
    second.handle(MeetingEnded("call_ended"), 10.4)
    written(second, "b", SECOND_CALL_MS, kept)
    return kept


@pytest.fixture(scope="module")
def lines(kept: KeptTranscript) -> list[TranscriptLine]:
    return [line for _, line in kept.lines]


def closed_records(kept: KeptTranscript) -> Iterator[LedgerRecord]:
    for number, (_, record) in enumerate(kept.records):
        yield replace(record, closed_at_ms=FIRST_CALL_MS + number)


@pytest.mark.parametrize("language", [None, "en-US", "es-ES", "fr-FR"])
@pytest.mark.parametrize("form", ["json", "vtt", "srt", "txt"])
def test_the_files_read_as_they_did(
    kept: KeptTranscript, lines: list[TranscriptLine], form: str, language: str | None
) -> None:
    texts = {"vtt": to_vtt, "srt": to_srt, "txt": to_txt}
    if form == "json":
        document = msgspec.json.format(to_json("room-1", lines, list(closed_records(kept)), language)).decode() + "\n"
    else:
        document = texts[form](lines, language)
    golden = FILES / f"meeting.{language or 'all'}.{form}"
    if not golden.exists():
        golden.write_text(document, encoding="utf-8")
        pytest.fail("was not there, and has been written: read it")
    assert document == golden.read_text(encoding="utf-8")
