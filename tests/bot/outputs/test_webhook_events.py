"""Integrators are told of an utterance once, with its words, and nothing is kept from whoever keeps it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bot.outputs import webhook_events as module
from bot.outputs.webhook_events import WebhookEvents
from rooms_admin.integrations.subscriptions import EventKind
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from tests.bot.outputs.test_transcript_writer import Kept


class Told:
    def __init__(self) -> None:
        self.events: list[tuple[EventKind, str, Mapping[str, object]]] = []

    def __call__(self, kind: EventKind, room_id: str, data: Mapping[str, object]) -> None:
        self.events.append((kind, room_id, data))


def line(text: str, language: str, *, final: bool = True, utterance: str = "u-1") -> TranscriptLine:
    return TranscriptLine(utterance, 1, "8:acs:a", "Ada", language, text, final, 0, language == "en-US")


PASSAGE = LedgerRecord("u-1", "8:acs:a", "en-US", "es-ES", "spoken", "", 900, 800, 700, 300, 0, 5.0)


def test_an_utterance_is_told_with_its_words() -> None:
    kept, told = Kept(), Told()
    notices = WebhookEvents(kept, told)
    lines = [line("Hello", "en-US"), line("Ho", "es-ES", final=False), line("Hola", "es-ES")]
    for one in lines:
        notices.line("room-1", one)
    assert told.events == []
    notices.closed("room-1", PASSAGE)
    ((kind, room_id, data),) = told.events
    assert (kind, room_id) == ("utterance.final", "room-1")
    assert (data["original"], data["interpretation"], data["state"]) == ("Hello", "Hola", "spoken")
    assert kept.lines == [("room-1", one) for one in lines]
    assert kept.passages == [("room-1", PASSAGE)]


def test_words_that_never_came_are_none() -> None:
    told = Told()
    WebhookEvents(Kept(), told).closed("room-1", PASSAGE)
    assert (told.events[0][2]["original"], told.events[0][2]["interpretation"]) == (None, None)


def test_what_is_never_settled_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEXTS_REMEMBERED", 2)
    told = Told()
    notices = WebhookEvents(Kept(), told)
    notices.line("room-1", line("Hola", "es-ES"))
    for number in range(2):
        notices.line("room-1", line("x", "es-ES", utterance=f"v-{number}"))
    notices.closed("room-1", PASSAGE)
    assert told.events[0][2]["interpretation"] is None
