from __future__ import annotations

from dataclasses import replace

import pytest

from bot import records as records_module
from bot.interpreting.ledger import Entry, State
from bot.interpreting.plan import Lane
from bot.interpreting.transcript import CaptionLine
from bot.records import Records, passage_of

LANE = Lane("8:acs:ada", "en-US", "es-ES")
BEGAN_AT_MS = 1_800_000_000_000


def spoken() -> Entry:
    """Ada speaks for 2 s; 500 ms later the turn is over; 800 ms later the model answers; 1.2 s it waits for Benito."""
    return Entry(
        utterance="u-1",
        lane=LANE,
        state=State.SPOKEN,
        began_at=10.0,
        ended_at=12.0,
        committed_at=12.503,
        first_audio_at=13.303,
        first_played_at=14.505,
        last_played_at=16.485,
        patience_ms=500,
        waited_ms=1200.0,
        played_ms=2000,
        tokens={"input_audio": 20},
    )


def line(utterance: str = "u-1", language: str = "es-ES", revision: int = 1, text: str = "Hola") -> CaptionLine:
    return CaptionLine(utterance, revision, "8:acs:ada", "Ada", language, text, False, False, 10_000, 2_000)


def test_the_delay_of_an_interpretation_is_told_apart() -> None:
    passage = passage_of(spoken())
    assert (passage.utterance, passage.speaker, passage.source, passage.target) == (
        "u-1",
        "8:acs:ada",
        "en-US",
        "es-ES",
    )
    assert (passage.state, passage.reason) == (State.SPOKEN, "")
    assert (passage.spoken_ms, passage.played_ms) == (2000, 2000)
    assert passage.ear_voice_span_ms == 2505
    assert (passage.model_ms, passage.waited_ms) == (800, 1200)
    assert passage.own_share_ms == pytest.approx(5.0), (
        "3 ms to notice the end of the turn, 2 ms to play the first frame"
    )
    assert passage.tokens == {"input_audio": 20}


def test_the_parts_of_the_delay_add_up() -> None:
    entry = spoken()
    passage = passage_of(entry)
    parts = entry.patience_ms + (passage.model_ms or 0) + passage.waited_ms + (passage.own_share_ms or 0)
    assert parts == pytest.approx(passage.ear_voice_span_ms)


def test_what_never_happened_has_no_duration() -> None:
    heard = Entry("u-1", LANE, State.ABANDONED, 10.0, reason="call_ended")
    assert replace(passage_of(heard), tokens={}) == replace(
        passage_of(spoken()),
        state=State.ABANDONED,
        reason="call_ended",
        spoken_ms=None,
        played_ms=0,
        ear_voice_span_ms=None,
        model_ms=None,
        waited_ms=0,
        own_share_ms=None,
        tokens={},
    )


def test_what_was_not_heard_has_no_ear_voice_span() -> None:
    read = replace(spoken(), state=State.CAPTION_ONLY, first_played_at=None)
    assert (passage_of(read).model_ms, passage_of(read).ear_voice_span_ms) == (800, None)
    silent = replace(read, first_audio_at=None)
    assert (passage_of(silent).model_ms, passage_of(silent).own_share_ms) == (None, None)


def test_a_later_revision_takes_the_place_of_the_earlier() -> None:
    records = Records()
    scribe = records.scribe("room-1", BEGAN_AT_MS)
    scribe.caption(line(text="Ho"))
    scribe.caption(line(utterance="u-2", text="Adiós"))
    scribe.caption(line(revision=2, text="Hola"))
    scribe.caption(line(language="en-US", text="Hello"))
    assert [one.text for one in records.of("room-1").lines.values()] == ["Hola", "Adiós", "Hello"]


def test_times_are_those_of_the_wall_clock() -> None:
    records = Records()
    records.scribe("room-1", BEGAN_AT_MS).caption(line())
    assert next(iter(records.of("room-1").lines.values())).timestamp_ms == BEGAN_AT_MS + 10_000


def test_the_calls_of_a_room_are_in_one_record_and_rooms_are_apart() -> None:
    records = Records()
    records.scribe("room-1", BEGAN_AT_MS).settled(spoken())
    records.scribe("room-1", BEGAN_AT_MS + 3_600_000).settled(replace(spoken(), utterance="v-1"))
    records.scribe("room-2", BEGAN_AT_MS).settled(spoken())
    assert [passage.utterance for passage in records.of("room-1").passages] == ["u-1", "v-1"]
    records.delete("room-1")
    records.delete("room-1")
    assert records.of("room-1").passages == []
    assert len(records.of("room-2").passages) == 1


def test_the_oldest_goes_when_there_is_too_much_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records_module, "LINES_PER_ROOM", 3)
    records = Records()
    scribe = records.scribe("room-1", BEGAN_AT_MS)
    for number in range(1, 6):
        scribe.caption(line(utterance=f"u-{number}"))
        scribe.settled(replace(spoken(), utterance=f"u-{number}"))
    record = records.of("room-1")
    assert [one.utterance for one in record.lines.values()] == ["u-3", "u-4", "u-5"]
    assert [passage.utterance for passage in record.passages] == ["u-3", "u-4", "u-5"]
    assert record.forgotten == 4
