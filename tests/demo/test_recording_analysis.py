"""Measuring recordings: every instant in them was put there by the test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo import recording_analysis
from demo.recording_analysis import FRAME, RATE, Span, ended_before, percentile, spans, threshold, trace
from tests.support.sounds import joined, mixed, silence, speech

MS = RATE // 1000


def test_silence_has_no_spans() -> None:
    assert spans(silence(1)) == []
    assert spans(silence(0)) == []


def test_spans_begin_and_end_with_the_sound() -> None:
    recording = joined(silence(0.5), speech(0.3, 1), silence(0.4), speech(0.2, 2), silence(0.1))
    assert spans(recording) == [Span(500 * MS, 800 * MS), Span(1200 * MS, 1400 * MS)]


def test_a_pause_within_speech_does_not_part_it() -> None:
    recording = joined(speech(0.3, 1), silence(0.2), speech(0.3, 2))
    assert spans(recording, pause=250 * MS) == [Span(0, 800 * MS)]
    assert len(spans(recording, pause=150 * MS)) == 2


def test_faint_noise_is_no_sound() -> None:
    assert spans(speech(1, 1, level=20)) == []


def test_the_threshold_follows_a_noisy_recording() -> None:
    room = speech(3, 1, level=200)
    recording = mixed(room, joined(silence(1), speech(1, 2), silence(1)))
    assert threshold(silence(1)) == recording_analysis.AUDIBLE
    (span,) = spans(recording, level=threshold(recording))
    assert abs(span.start - RATE) <= FRAME and abs(span.end - 2 * RATE) <= FRAME


@settings(max_examples=30)  # each is a Fourier transform of three seconds
@given(st.integers(0, 2 * RATE))
def test_known_speech_is_found_where_it_is_and_taken_out_entirely(at: int) -> None:
    words = joined(silence(0.1), speech(0.5, 1), silence(0.1))
    recording = joined(silence(0), np.zeros(at, np.int16), words, silence(0.3))
    found = trace(recording, words, 0, len(recording))
    assert found is not None
    (span,) = found.spans
    assert abs(span.start - (at + 100 * MS)) < FRAME
    assert abs(span.end - (at + 600 * MS)) < FRAME
    assert not np.any(found.rest)


def test_what_others_say_at_the_same_time_is_left_untouched() -> None:
    ana, interpreter = speech(2, 1), joined(silence(1.5), speech(2, 2))
    found = trace(mixed(ana, interpreter), ana, 0, 3 * RATE)
    assert found is not None
    assert spans(found.rest) == [Span(1500 * MS, 3500 * MS)]
    assert np.array_equal(found.rest, interpreter)


def test_speech_that_is_not_there_is_not_found() -> None:
    assert trace(speech(3, 1), speech(1, 2), 0, 3 * RATE) is None
    assert trace(silence(3), speech(1, 2), 0, 3 * RATE) is None
    assert trace(speech(3, 1), silence(1), 0, 3 * RATE) is None


def test_an_underrun_in_the_middle_is_followed() -> None:
    words = speech(2, 1)
    late = joined(words[:RATE], silence(0.06), words[RATE:], silence(0.5))
    found = trace(late, words, 0, len(late))
    assert found is not None
    assert found.spans[-1].end == len(words) + 60 * MS
    loud = recording_analysis.loudness(found.rest)
    assert np.count_nonzero(loud > recording_analysis.AUDIBLE) <= 40  # one piece of 400 ms at most is not matched


def test_speech_cut_off_by_the_end_of_the_recording_is_found() -> None:
    words = speech(2, 1)
    recording = joined(silence(1), words[: RATE + 7])
    found = trace(recording, words, 0, len(recording))
    assert found is not None
    assert found.spans == (Span(RATE, len(recording)),)


def test_only_the_window_is_searched() -> None:
    words = speech(0.5, 1)
    recording = joined(words, silence(1), words)
    found = trace(recording, words, RATE, len(recording))
    assert found is not None
    assert found.spans[0].start == 1500 * MS
    assert np.array_equal(found.rest[: len(words)], words)


def test_an_interpretation_follows_the_last_stretch_that_is_over() -> None:
    stretches = [Span(0, 10), Span(20, 30)]
    assert ended_before(stretches, 15) == 10
    assert ended_before(stretches, 30) == 30
    assert ended_before(stretches, 5) == 30  # before anything was over: counted as early, never as nothing


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, None), ([7.0], 0.95, 7.0), ([4, 1, 3, 2], 0.5, 2), (list(range(1, 101)), 0.95, 95), ([1, 2], 1.0, 2)],
)
def test_percentiles_are_by_nearest_rank(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected
