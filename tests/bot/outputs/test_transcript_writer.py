from __future__ import annotations

from dataclasses import replace

import pytest

from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.ledger import ChannelPlayout, Entry, EntryKind, EntryState
from bot.interpreting.plan import Lane
from bot.outputs.transcript_writer import TranscriptWriter, ledger_record
from rooms_admin.transcripts import records
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from tests.support.transcripts import KeptTranscript

LANE = Lane("8:acs:ada", "en-US", "es-ES")
BEGAN_AT_MS = 1_800_000_000_000


def spoken() -> Entry:
    """Ada speaks for 2 s; 500 ms later the turn is over; 800 ms later the model answers; 1.2 s it waits for Benito."""
    return Entry(
        utterance="u-1",
        lane=LANE,
        state=EntryState.SPOKEN,
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
        heard=2_500 * 48,
        kind=EntryKind.UTTERANCE,
        playouts={
            "room": ChannelPlayout(played=96_000, trimmed=9_600, dropped=4_800),
            "es-ES": ChannelPlayout(dropped=110_400),
        },
        speed=1.05,
        strict=True,
        faults=("number",),
        engine="conversation",
    )


def line(utterance: str = "u-1", language: str = "es-ES", revision: int = 1, text: str = "Hola") -> CaptionLine:
    return CaptionLine(
        utterance, revision, "8:acs:ada", "Ada", language, text, False, False, 10_000, 2_000, ("number",)
    )


def test_the_delay_of_an_interpretation_is_told_apart() -> None:
    record = ledger_record(spoken())
    assert (record.utterance_id, record.speaker_id, record.source, record.target) == (
        "u-1",
        "8:acs:ada",
        "en-US",
        "es-ES",
    )
    assert (record.state, record.reason) == (EntryState.SPOKEN, "")
    assert (record.spoken_ms, record.played_ms) == (2500, 2000), "what was sent, with the pauses around it"
    assert record.ear_voice_span_ms == 2505
    assert (record.model_ms, record.waited_ms) == (800, 1200)
    assert record.own_share_ms == pytest.approx(5.0), "3 ms to notice the end of the turn, 2 ms to play the first frame"
    assert record.tokens == {"input_audio": 20}


def test_the_parts_of_the_delay_add_up() -> None:
    entry = spoken()
    record = ledger_record(entry)
    parts = entry.patience_ms + (record.model_ms or 0) + record.waited_ms + (record.own_share_ms or 0)
    assert parts == pytest.approx(record.ear_voice_span_ms)


def test_what_never_happened_has_no_duration() -> None:
    heard = Entry("u-1", LANE, EntryState.ABANDONED, 10.0, reason="call_ended")
    assert replace(ledger_record(heard), tokens={}) == LedgerRecord(
        utterance_id="u-1",
        speaker_id="8:acs:ada",
        source="en-US",
        target="es-ES",
        state=EntryState.ABANDONED,
        reason="call_ended",
        spoken_ms=None,
        played_ms=0,
        ear_voice_span_ms=None,
        model_ms=None,
        waited_ms=0,
        own_share_ms=None,
        tokens={},
    )


def test_how_it_was_interpreted_is_kept() -> None:
    record = ledger_record(spoken())
    assert (record.kind, record.strict, record.speed) == ("utterance", True, 1.05)
    assert (record.faults, record.engine) == (("number",), "conversation")
    assert record.playouts == {
        "room": records.PlayoutTimes(played_ms=2000, trimmed_ms=200, dropped_ms=100),
        "es-ES": records.PlayoutTimes(played_ms=0, trimmed_ms=0, dropped_ms=2300),
    }
    own = replace(spoken(), kind=EntryKind.ANNOUNCEMENT)
    assert ledger_record(own).kind == "announcement"


def test_what_was_not_heard_has_no_ear_voice_span() -> None:
    read = replace(spoken(), state=EntryState.CAPTION_ONLY, first_played_at=None)
    assert (ledger_record(read).model_ms, ledger_record(read).ear_voice_span_ms) == (800, None)
    silent = replace(read, first_audio_at=None)
    assert (ledger_record(silent).model_ms, ledger_record(silent).own_share_ms) == (None, None)


def test_a_line_is_kept_with_the_time_of_the_wall_clock() -> None:
    kept = KeptTranscript()
    TranscriptWriter(kept, "room-1", BEGAN_AT_MS).caption(line(revision=2))
    expected = TranscriptLine(
        "u-1", 2, "8:acs:ada", "Ada", "es-ES", "Hola", False, BEGAN_AT_MS + 10_000, False, 2_000, ("number",)
    )
    assert kept.lines == [("room-1", expected)]


def test_a_closed_entry_is_kept_as_a_ledger_record() -> None:
    kept = KeptTranscript()
    TranscriptWriter(kept, "room-1", BEGAN_AT_MS).settled(spoken())
    assert kept.records == [("room-1", ledger_record(spoken()))]


def test_an_utterance_that_begins_is_kept_at_once() -> None:
    kept = KeptTranscript()
    TranscriptWriter(kept, "room-1", BEGAN_AT_MS).opened(Lane("8:acs:ada", "en-US", "es-ES"), "u-1")
    assert kept.open == [("room-1", "u-1", "8:acs:ada", "en-US", "es-ES")]
