from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.ledger import ChannelPlayout, Entry, EntryKind, EntryState
from bot.interpreting.plan import Lane
from bot.telemetry.metrics import Metrics
from bot.telemetry.utterances import RECORDED, UtteranceMetrics, underrun_s
from tests.support.transcripts import TranscriptNotes

LANE = Lane("8:acs:ada", "en-US", "es-ES")
SPOKEN = Entry(
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
    tokens={"input_audio": 20, "translation_ms": 1_500},
    heard=2_500 * 48,
    playouts={"room": ChannelPlayout(played=96_000, trimmed=9_600, dropped=4_800)},
    strict=True,
    faults=("number",),
)
"""2 s of speech, 500 ms of pause, 800 ms of model, 1.2 s of waiting for the floor, 2 s heard."""


def price(tokens: Mapping[str, int]) -> float:
    return tokens["input_audio"] / 10


class Counted:
    def __init__(self, *entries: Entry) -> None:
        self.metrics = Metrics()
        self.metrics.record(*RECORDED)
        self.notes = TranscriptNotes()
        self.sink = UtteranceMetrics(self.notes, self.metrics, price, "EUR")
        for entry in entries:
            self.sink.settled(entry)

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"interpreter_{name}", labels)


def test_an_utterance_is_passed_on_and_counted() -> None:
    counted = Counted(SPOKEN)
    assert counted.notes.entries == [SPOKEN]
    assert counted("utterances_total", kind="utterance", state="spoken", reason="") == 1
    assert counted("ear_voice_span_seconds_sum") == pytest.approx(2.505)
    assert counted("own_share_seconds_sum") == pytest.approx(0.005)
    assert counted("floor_wait_seconds_sum") == pytest.approx(1.2)
    assert counted("faults_total", fault="number", heard="yes") == 1
    assert counted("second_attempts_total") == 1
    assert counted("condensed_total") == 0
    assert counted("underruns_total") == 0


def test_stages_are_counted() -> None:
    counted = Counted(SPOKEN)
    took = {stage: counted("stage_seconds_sum", stage=stage) for stage in ("commit", "first_delta")}
    assert took == {"commit": pytest.approx(0.003), "first_delta": pytest.approx(0.8)}


def test_use_and_cost_are_counted_whatever_became_of_the_utterance() -> None:
    rest = Entry("usage", LANE, EntryState.NOT_NEEDED, 1.0, tokens={"input_audio": 5}, kind=EntryKind.USAGE)
    counted = Counted(SPOKEN, rest)
    assert counted("model_tokens_total", kind="input_audio") == 25
    assert counted("model_seconds_total", kind="translation") == 1.5
    assert counted("cost_total", currency="EUR") == 2.5
    assert counted("speech_seconds_total", fate="heard") == 2.5
    assert counted("utterances_total", kind="usage", state="not_needed", reason="") is None


def test_voices_are_counted_by_what_became_of_them() -> None:
    counted = Counted(SPOKEN)
    fates = {fate: counted("speech_seconds_total", fate=fate) for fate in ("played", "trimmed", "dropped")}
    assert fates == {"played": 2.0, "trimmed": 0.2, "dropped": 0.1}


def test_a_voice_that_is_passed_through_has_no_delay() -> None:
    counted = Counted(replace(SPOKEN, kind=EntryKind.PASSTHROUGH))
    assert counted("utterances_total", kind="passthrough", state="spoken", reason="") == 1
    assert counted("ear_voice_span_seconds_count") == 0


def test_an_interruption_is_an_underrun() -> None:
    broken = replace(SPOKEN, last_played_at=16.785)
    assert underrun_s(broken) == pytest.approx(0.3)
    assert Counted(broken)("underrun_seconds_total") == pytest.approx(0.3)
    assert underrun_s(replace(SPOKEN, last_played_at=16.515)) == 0, "within the rhythm of the pacer"
    assert underrun_s(replace(broken, playouts=SPOKEN.playouts | {"es-ES": ChannelPlayout()})) == 0


def test_the_trace_is_sent_of_what_was_said() -> None:
    sent: list[str] = []
    counted = Counted()
    sink = replace(counted.sink, send=lambda entry: sent.append(entry.utterance))
    sink.settled(SPOKEN)
    sink.settled(Entry("usage", LANE, EntryState.NOT_NEEDED, 1.0, kind=EntryKind.USAGE))
    assert sent == ["u-1"]


def test_revisions_are_counted_when_a_caption_is_final() -> None:
    counted = Counted()
    for revision, final in ((1, False), (2, False), (4, True)):
        counted.sink.caption(CaptionLine("u-1", revision, "8:acs:ada", "Ada", "es-ES", "Hola", final, False, 0, 0))
    counted.sink.opened(LANE, "u-1")
    assert counted("caption_revisions_sum") == 4
    assert counted("caption_revisions_count") == 1
    assert len(counted.notes.lines) == 3
    assert counted.notes.opened_ones == [(LANE, "u-1")]
