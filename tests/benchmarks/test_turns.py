from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks.turns import table
from benchmarks.turns.scenes import CONDITIONS, FRAME, RATE, Audio, Scene, Sentence, Span, gaps, hesitant, whispered
from benchmarks.turns.scores import BOT, YARDSTICK, Score, detectors, measure, poisson_range, utterances
from bot.interpreting.plan import Endpointing

SCORE = Score("clean", BOT, 17, 2, 0, 0.0, (280.0, 300.0, 540.0), 1, 5, 180.0, 4, 1, 60.0)


def syllables(words: int) -> Audio:
    """Words of 200 ms with 60 ms between them, each softer than the one before."""
    word = np.sin(np.arange(RATE // 5) * 0.1)
    return np.concatenate([np.concatenate([word * 0.9**n, np.zeros(3 * FRAME)]) for n in range(words)])[: -3 * FRAME]


def scene(marks: str, *spans: tuple[int, int]) -> Scene:
    """Frames by their marks; each is different, so that it can be found again."""
    frames = [(b"%02d" % (index % 100) + bytes([index // 100, ord(mark)])) * 240 for index, mark in enumerate(marks)]
    return Scene("a test", frames, [Span("one", begins, ends) for begins, ends in spans])


class Knowing:
    """Ears that read the marks."""

    def voiced(self, pcm: bytes, silent: bool = False) -> bool:
        return pcm[3:4] == b"#"

    def close(self) -> None:
        pass


def scored(one: Scene, monkeypatch: pytest.MonkeyPatch) -> Score:
    monkeypatch.setattr("benchmarks.turns.scores.detectors", lambda: {BOT: Knowing})
    [score] = measure(one)
    return score


def test_a_sentence_that_is_heard_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    score = scored(scene("." * 50 + "#" * 100 + "." * 60, (50, 150)), monkeypatch)
    assert (score.missed_beginnings, score.missed_utterances, score.cuts_per_h) == (0, 0, 0)
    assert score.end_p50_ms == 500
    assert score.false_per_min == 0


def test_a_lost_beginning_and_a_lost_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    late = scene("." * 100 + "#" * 70 + "." * 60 + "." * 100, (50, 170), (230, 330))
    score = scored(late, monkeypatch)
    assert (score.missed_beginnings, score.missed_utterances) == (1, 1)


@pytest.mark.parametrize(("pause", "cuts", "taken_back"), [(20, 0, 0), (38, 0, 1), (39, 0, 1), (42, 1, 0)])
def test_a_pause_after_which_the_speaker_soon_goes_on_is_no_cut(
    pause: int, cuts: int, taken_back: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = "." * 50 + "#" * 50 + "." * pause + "#" * 50 + "." * 100
    score = scored(scene(marks, (50, 150 + pause)), monkeypatch)
    assert (score.cuts, score.taken_back, score.missed_utterances) == (cuts, taken_back, 0)
    assert score.end_p50_ms == 500


def test_what_the_model_has_begun_to_answer_is_not_taken_back() -> None:
    one = scene("." * 50 + "#" * 50 + "." * 38 + "#" * 50 + "." * 60, (50, 188))
    soon, late = (utterances(one, Knowing(), Endpointing(), sign_ms)[0] for sign_ms in (100, 500))
    assert [(each.begins, each.ends) for each in late] == [(35, 198)]
    assert [each.begins for each in soon] == [35, 123]


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (3, 0.6187, 8.767), (20, 12.217, 30.888)]
)
def test_how_certain_a_count_is(count: int, low: float, high: float) -> None:
    """The exact interval, as in statistical tables."""
    assert poisson_range(count) == pytest.approx((low, high), rel=1e-3)


def test_a_pause_inside_a_sentence_is_a_cut_and_sounds_elsewhere_are_false(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = "." * 50 + "#" * 50 + "." * 60 + "#" * 50 + "." * 100 + "#" * 10 + "." * 60
    score = scored(scene(marks, (50, 210)), monkeypatch)
    assert score.cuts_per_h == pytest.approx(3_600 / 3.2)
    assert score.cuts_range == pytest.approx((0.0253 * 3_600 / 3.2, 5.572 * 3_600 / 3.2), rel=1e-3)
    assert score.false_per_min == pytest.approx(60 / ((len(marks) - 160) * 0.02))


def test_frames_that_are_held_back_are_found_where_they_were() -> None:
    one = scene("." * 50 + "#" * 600 + "." * 60, (50, 650))
    found, _ = utterances(one, Knowing(), Endpointing())
    assert found[0].begins == 35
    assert [later.begins for later in found[1:]] == [earlier.ends for earlier in found[:-1]]


def test_gaps_lie_between_words() -> None:
    audio = syllables(3)
    assert gaps(audio) == {9, 10, 11, 12, 13, 22, 23, 24, 25, 26}


def test_hesitations_are_silence_of_300_to_800_ms_inside() -> None:
    audio = syllables(8)
    slow = hesitant(audio, np.random.default_rng(1))
    assert 0.3 <= (len(slow) - len(audio)) / RATE <= 0.8
    assert np.array_equal(slow[: RATE // 4], audio[: RATE // 4])
    assert np.array_equal(slow[-RATE // 4 :], audio[-RATE // 4 :])


def test_a_whisper_is_as_loud_and_has_no_pitch() -> None:
    voice = np.sign(np.sin(2 * np.pi * 120 * np.arange(RATE) / RATE)) * 0.1
    whisper = whispered(voice, np.random.default_rng(1))
    assert np.std(whisper) == pytest.approx(np.std(voice))
    assert abs(np.corrcoef(whisper[:-200], whisper[200:])[0, 1]) < 0.3  # one period of 120 Hz later


def test_every_condition_makes_the_same_scene_twice() -> None:
    spoken = [Sentence("one", syllables(8)), Sentence("two", syllables(9)), Sentence("three", syllables(10))]
    for make in CONDITIONS.values():
        first, second = make(spoken), make(spoken)
        assert first == second
        assert all(len(frame) == 2 * FRAME for frame in first.frames)
        assert all(0 < span.begins < span.ends <= len(first.frames) for span in first.spans)


def test_all_detectors_tell_a_voice_from_silence() -> None:
    for make in detectors().values():
        ears = make()
        assert not any(ears.voiced(bytes(2 * FRAME)) for _ in range(20))
        ears.close()


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"missed_beginnings": 3}, True),
        ({"missed_beginnings": 3, "missed_utterances": 1}, False),
        ({"ends_ms": (280.0, 300.0, 2_000.0)}, True),
        ({"ends_ms": (280.0, 300.0, 700.0, 660.0)}, False),
        ({"ends_ms": (420.0, 420.0)}, False),
        ({"ends_ms": ()}, True),
    ],
)
def test_the_verdict_on_a_row(change: dict[str, Any], good: bool) -> None:
    yardstick = replace(SCORE, detector=YARDSTICK)
    assert table.verdict_on(replace(SCORE, **change), yardstick) is good
    assert table.verdict_on(yardstick, yardstick) is None
    assert table.verdict_on(SCORE, None) is None


def test_the_table() -> None:
    out = StringIO()
    shown = [SCORE, replace(SCORE, detector=YARDSTICK, cap_cuts=0), replace(SCORE, detector="webrtc", ends_ms=())]
    table.show(Console(file=out, width=132), shown, "recorded")
    text = out.getvalue()
    assert "300 / 540" in text
    assert "20 (1-111)" in text
    assert "– / –" in text
    assert "1 of 4" in text
    assert text.count("clean") == 1
    assert text.count("✓") == 2, "a row, and the legend"
