"""Integrators are told of an utterance once, with its words, and everything reaches the archive."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bot.outputs import webhook_events as module
from bot.outputs.webhook_events import WebhookEvents
from rooms_admin.integrations.subscriptions import EventKind
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from tests.support.transcripts import KeptTranscript


class Told:
    def __init__(self) -> None:
        self.events: list[tuple[EventKind, str, Mapping[str, object]]] = []

    def __call__(self, kind: EventKind, room_id: str, data: Mapping[str, object]) -> None:
        self.events.append((kind, room_id, data))


def line(text: str, language: str, *, final: bool = True, utterance: str = "u-1") -> TranscriptLine:
    return TranscriptLine(utterance, 1, "8:acs:a", "Ada", language, text, final, 0, language == "en-US")


RECORD = LedgerRecord("u-1", "8:acs:a", "en-US", "es-ES", "spoken", "", 900, 800, 700, 300, 0, 5.0)


def test_an_utterance_is_told_with_its_words() -> None:
    kept, told = KeptTranscript(), Told()
    events = WebhookEvents(kept, told)
    lines = [line("Hello", "en-US"), line("Ho", "es-ES", final=False), line("Hola", "es-ES")]
    for one in lines:
        events.line("room-1", one)
    assert told.events == []
    events.closed("room-1", RECORD)
    ((kind, room_id, data),) = told.events
    assert (kind, room_id) == ("utterance.final", "room-1")
    assert (data["original"], data["interpretation"], data["state"]) == ("Hello", "Hola", "spoken")
    assert kept.lines == [("room-1", one) for one in lines]
    assert kept.records == [("room-1", RECORD)]


def test_words_that_never_came_are_none() -> None:
    told = Told()
    WebhookEvents(KeptTranscript(), told).closed("room-1", RECORD)
    assert (told.events[0][2]["original"], told.events[0][2]["interpretation"]) == (None, None)


def test_what_is_never_settled_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEXTS_REMEMBERED", 2)
    told = Told()
    events = WebhookEvents(KeptTranscript(), told)
    events.line("room-1", line("Hola", "es-ES"))
    for number in range(2):
        events.line("room-1", line("x", "es-ES", utterance=f"v-{number}"))
    events.closed("room-1", RECORD)
    assert told.events[0][2]["interpretation"] is None
