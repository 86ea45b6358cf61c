"""Speech by its energy."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.audio_settings import SERVER_VAD
from emulator.realtime.vad import EnergyDetector, SpeechStarted, SpeechStopped
from tests.support.realtime_driver import pcm_of

SETTINGS = {**SERVER_VAD, "prefix_padding_ms": 100, "silence_duration_ms": 200}
UTTERANCE = pcm_of(500, 0) + pcm_of(400, 3000) + pcm_of(600, 0)
"""Silence until 500 ms, sound until 900 ms."""


def test_start_has_the_padding_and_the_stop_has_the_silence() -> None:
    assert EnergyDetector(SETTINGS).feed(UTTERANCE) == [SpeechStarted(400), SpeechStopped(1100)]


def test_positions_go_on_from_earlier_audio() -> None:
    assert EnergyDetector(SETTINGS, 1000).feed(UTTERANCE) == [SpeechStarted(1400), SpeechStopped(2100)]


def test_a_click_is_not_speech() -> None:
    assert EnergyDetector(SETTINGS).feed(pcm_of(500, 0) + pcm_of(40, 3000) + pcm_of(500, 0)) == []


def test_a_short_pause_does_not_end_speech() -> None:
    speech = pcm_of(200, 3000) + pcm_of(180, 0) + pcm_of(200, 3000)
    assert EnergyDetector(SETTINGS).feed(speech) == [SpeechStarted(0)]


def test_threshold_decides_what_is_loud() -> None:
    quiet = pcm_of(200, 100)
    assert EnergyDetector({**SETTINGS, "threshold": 0.5}).feed(quiet) == []
    assert EnergyDetector({**SETTINGS, "threshold": 0.1}).feed(quiet) == [SpeechStarted(0)]


def test_semantic_detection_waits_as_its_eagerness_says() -> None:
    detector = EnergyDetector({"type": "semantic_vad", "eagerness": "high"})
    assert detector.feed(pcm_of(400, 3000) + pcm_of(1980, 0)) == [SpeechStarted(0)]
    assert detector.feed(pcm_of(20, 0)) == [SpeechStopped(2400)]


@given(st.lists(st.integers(1, 4000), max_size=30))
def test_how_audio_is_cut_into_appends_does_not_matter(sizes: list[int]) -> None:
    detector = EnergyDetector(SETTINGS)
    found: list[SpeechStarted | SpeechStopped] = []
    start = 0
    for size in sizes:
        found += detector.feed(UTTERANCE[start : start + 2 * size])
        start += 2 * size
    found += detector.feed(UTTERANCE[start:])
    assert found == [SpeechStarted(400), SpeechStopped(1100)]
