"""Frames are speech of people on the roster, silence, or the interpreter's own voice."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from bot.interpreting.events import OwnVoiceHeard, SpeakerAudio
from bot.interpreting.plan import MIXED, SHARED_CHANNEL
from bot.live_room.hearing import Hearing
from tests.support.audio import numbered
from tests.support.media_streams import NumberedSpeech
from tests.support.meeting import ADA, TWO_LANGUAGES


class Echo:
    """Notes what it is told; everything that is heard is ours, if there is somebody to measure."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def played(self, *what: Any) -> None:
        self.told.append(what)

    def stopped(self, *what: Any) -> None:
        self.told.append(what)

    def is_ours(self, pcm: bytes) -> bool:
        return True

    def heard(self, *what: Any) -> tuple[float, int]:
        return 0.5, 800


def hearing(mixed: bool, echo: Echo | None) -> tuple[Hearing, list[Any], NumberedSpeech]:
    delivered: list[Any] = []
    speech = NumberedSpeech()
    made = None if echo is None else lambda: echo
    plan = replace(TWO_LANGUAGES, mixed=mixed)
    return Hearing(plan, speech, delivered.append, lambda: 3.0, made, echo), delivered, speech


def test_the_age_of_a_frame_goes_with_it_and_detectors_are_closed() -> None:
    heard, delivered, speech = hearing(False, None)
    heard.played(SHARED_CHANNEL, numbered(2))
    heard.stopped(SHARED_CHANNEL)
    heard.hear(ADA, numbered(1), False, SHARED_CHANNEL, 2.5)
    assert delivered == [SpeakerAudio(ADA, numbered(1), True, 2.5)]
    assert speech.open == 1
    heard.close()
    assert speech.open == 0


def test_our_voice_in_mixed_audio_is_no_speech() -> None:
    echo = Echo()
    heard, delivered, _ = hearing(True, echo)
    heard.hear(None, numbered(1), False, SHARED_CHANNEL, 0.0)
    assert [(event.speaker, event.voiced) for event in delivered] == [(MIXED, False)]
    heard.played(SHARED_CHANNEL, numbered(2))
    heard.stopped(SHARED_CHANNEL)
    assert echo.told == [(numbered(2),), ()]


def test_our_voice_in_a_speakers_audio_is_told_and_is_speech() -> None:
    echo = Echo()
    heard, delivered, _ = hearing(False, echo)
    heard.hear(ADA, numbered(1), False, "es-ES", 0.0)
    assert delivered[0] == OwnVoiceHeard(ADA, 0.5, 800) and delivered[1].voiced
    heard.played("es-ES", numbered(2))
    heard.stopped("es-ES")
    assert echo.told == [("es-ES", numbered(2), 3.0), ("es-ES", 3.0)]


def test_who_is_not_on_the_roster_is_ignored_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    heard, delivered, _ = hearing(False, None)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            heard.hear("8:acs:stranger", numbered(1), False, SHARED_CHANNEL, 0.0)
    assert (delivered, len(caplog.records)) == ([], 1)
