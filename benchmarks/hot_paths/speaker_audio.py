"""Handles `SpeakerAudio` in `InterpreterSession`. Hot: 50 times per second for every participant of every call."""

from __future__ import annotations

from benchmarks.hot_paths.sounds import speech_frames
from benchmarks.hot_paths.timing import HotPath
from bot.interpreting.events import SpeakerAudio
from bot.interpreting.plan import Attendee, RoomPlan
from bot.interpreting.session import InterpreterSession

SPEECH_FRAMES = 150
PAUSE_FRAMES = 50


def paths() -> list[HotPath]:
    ada, benito = Attendee("8:acs:ada", "Ada", "en-US"), Attendee("8:acs:benito", "Benito", "es-ES")
    plan = RoomPlan(("en-US", "es-ES"), {one.speaker: one for one in (ada, benito)})
    sound = speech_frames()[0]
    speaking = [SpeakerAudio(ada.speaker, sound, True)] * SPEECH_FRAMES
    speaking += [SpeakerAudio(ada.speaker, sound, False)] * PAUSE_FRAMES
    silent = [SpeakerAudio(ada.speaker, bytes(len(sound)), False)] * len(speaking)

    def run(events: list[SpeakerAudio]) -> None:
        session = InterpreterSession(plan, 0.0)
        for index, event in enumerate(events):
            now = index * 0.02
            session.handle(event, now)
            session.next_deadline()

    return [
        HotPath("session, nobody speaks", len(silent), lambda: run(silent)),
        HotPath("session, a turn of 3 s", len(speaking), lambda: run(speaking)),
    ]
