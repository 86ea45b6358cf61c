"""Scenes in which more is said than one channel can carry: what is heard of it, by language and by speaker.

Each scene is a script with times, played through the interpreting core alone: no sockets, no clock, the same result in
every run. The model is scripted: it answers 0.8 s after it is asked, eight times faster than it is heard, at 1.3 times
the length of what was said; divided by the speed it was asked for, and a condensed answer is 0.6 as long.
"""

from __future__ import annotations

import heapq
import itertools
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from bot.interpreting.effects import Cancel, Hear, Interpret, Play, Settled
from bot.interpreting.events import (
    Event,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    PlayoutReady,
    SpeakerAudio,
    Tick,
)
from bot.interpreting.ledger import Entry
from bot.interpreting.plan import Attendee, Lane, RoomPlan
from bot.interpreting.session import InterpreterSession

FRAME_S = 0.02
FRAME = b"\x00\x00\x40\x1f" * 240
"""20 ms that are no pause."""
BYTES_PER_S = 48_000
MODEL_S = 0.8
MODEL_SPEED = 8.0
DELTA_S = 0.2
LONGER = 1.3
CONDENSED = 0.6
WORDS = {
    "en": "Good morning to all of you.",
    "es": "Muy buenos días a todos.",
    "fr": "Bonjour à tous.",
    "de": "Guten Morgen allerseits.",
}

Spoken = Iterator[tuple[str, float, float]]
"""Who, from when, for how long; in seconds."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many utterances were heard of those that were said."""

    heard: int
    said: int

    def __str__(self) -> str:
        return f"{self.heard} of {self.said}"


@dataclass(slots=True)
class Outcome:
    """What came of a scene."""

    scene: str
    by_language: dict[str, Share]
    by_speaker: dict[str, Share]
    condensed: int
    """Renditions that were asked for in fewer words."""
    span_s: tuple[float, float]
    """From the speaker's last word to the interpretation's first: median and maximum."""
    idle: float
    """Share of the scene in which nothing was played."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Why renditions were not heard."""


def four_languages() -> Spoken:
    """Four people, each of another language, speak in turn for 2 to 4 s, a second apart."""
    lengths, at = random.Random(1), 1.0
    for number in range(39):
        seconds = round(lengths.uniform(2.0, 4.0), 2)
        yield "Ada Benito Chloe Dieter".split()[number % 4], at, seconds
        at += seconds + 1.0


def one_into_three() -> Spoken:
    """One person speaks, for three languages, 3 s every 5 s."""
    for number in range(24):
        yield "Ada", 1.0 + 5 * number, 3.0


def two_at_once() -> Spoken:
    """Two people of two languages speak at the same time, 5 s every 6 s, the second half a second later."""
    for number in range(12):
        yield "Ada", 1.0 + 6 * number, 5.0
        yield "Benito", 1.5 + 6 * number, 5.0


def monologues() -> Spoken:
    """One person speaks for 20 s without a pause, for one language, every 40 s: two utterances of full length."""
    for number in range(12):
        yield "Ada", 1.0 + 40 * number, 19.5


SCENES: Mapping[str, tuple[Callable[[], Spoken], str]] = {
    "four languages in one room": (four_languages, "en es fr de"),
    "one person into three languages": (one_into_three, "en es fr de"),
    "two people at once": (two_at_once, "en es"),
    "monologues of 20 s": (monologues, "en es"),
}
PEOPLE = {"en": "Ada", "es": "Benito", "fr": "Chloe", "de": "Dieter"}


def measure() -> list[Outcome]:
    """Play every scene."""
    return [play(scene) for scene in SCENES]


def play(scene: str) -> Outcome:
    """Play one scene to its end."""
    script, languages = SCENES[scene]
    tags = tuple(languages.split())
    people = {PEOPLE[tag]: Attendee(PEOPLE[tag], PEOPLE[tag], tag) for tag in tags}
    stage = _Stage(RoomPlan(tags, people, max_lanes=24))
    for speaker, at, seconds in script():
        stage.speaks(speaker, at, seconds)
    stage.run()
    return _outcome(scene, stage)


class _Stage:
    """A session, its clock, and a model for each lane."""

    def __init__(self, plan: RoomPlan) -> None:
        self.session = InterpreterSession(plan, 0.0)
        self.entries: list[Entry] = []
        self.condensed: set[tuple[Lane, str]] = set()
        self.frames = 0
        self.first_at = self.last_at = 0.0
        self._agenda: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        self._heard: Counter[tuple[Lane, str]] = Counter()
        self._cancelled: set[tuple[object, object]] = set()
        self._happens(0.0, PlayoutReady(True))

    def speaks(self, speaker: str, at: float, seconds: float) -> None:
        speech, pause = round(seconds / FRAME_S), round(0.6 / FRAME_S)
        for number in range(1, speech + pause + 1):
            self._happens(at + number * FRAME_S, SpeakerAudio(speaker, FRAME, number <= speech))

    def run(self) -> None:
        while True:
            wake_at = self.session.next_deadline()
            event_at = self._agenda[0][0] if self._agenda else None
            if wake_at is not None and (event_at is None or wake_at <= event_at):
                self._handle(wake_at, Tick())
            elif event_at is not None:
                at, _, event = heapq.heappop(self._agenda)
                if (getattr(event, "lane", None), getattr(event, "utterance", None)) not in self._cancelled:
                    self._handle(at, event)
            else:
                return

    def _happens(self, at: float, event: Event) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), event))

    def _handle(self, now: float, event: Event) -> None:
        for effect in self.session.handle(event, now):
            match effect:
                case Hear(lane, utterance, pcm):
                    self._heard[lane, utterance] += len(pcm)
                case Interpret():
                    self._answer(effect, now)
                case Cancel(lane, utterance):
                    self._cancelled.add((lane, utterance))
                case Play():
                    self.first_at = self.first_at or now
                    self.last_at = now
                    self.frames += 1
                case Settled(entry):
                    self.entries.append(entry)
                case _:
                    pass

    def _answer(self, request: Interpret, now: float) -> None:
        lane, utterance = request.lane, request.utterance
        seconds = LONGER * self._heard[lane, utterance] / BYTES_PER_S / request.speed
        if getattr(request, "condensed", False):
            seconds *= CONDENSED
            self.condensed.add((lane, utterance))
        at, frames = now + MODEL_S, round(seconds / FRAME_S)
        self._happens(at, InterpretationText(lane, utterance, WORDS[lane.target]))
        while frames > 0:
            piece = min(frames, round(DELTA_S / FRAME_S))
            self._happens(at, InterpretationAudio(lane, utterance, FRAME * piece))
            frames -= piece
            at += DELTA_S / MODEL_SPEED
        self._happens(at, InterpretationEnded(lane, utterance, InterpretationOutcome.COMPLETED))


def _outcome(scene: str, stage: _Stage) -> Outcome:
    spans = [one.first_played_at - one.ended_at for one in stage.entries if one.first_played_at and one.ended_at]
    length_s = max(stage.last_at - stage.first_at, FRAME_S)
    return Outcome(
        scene,
        _shares(stage.entries, lambda entry: entry.lane.target),
        _shares(stage.entries, lambda entry: entry.lane.speaker),
        len(stage.condensed),
        (statistics.median(spans), max(spans)),
        1 - stage.frames * FRAME_S / length_s,
        dict(Counter(entry.reason for entry in stage.entries if entry.state.value != "spoken")),
    )


def _shares(entries: list[Entry], key: Callable[[Entry], str]) -> dict[str, Share]:
    return {
        name: Share(
            sum(key(entry) == name and entry.state.value == "spoken" for entry in entries),
            sum(key(entry) == name for entry in entries),
        )
        for name in dict.fromkeys(map(key, sorted(entries, key=lambda entry: entry.began_at)))
    }


def show(screen: Console, outcomes: Sequence[Outcome]) -> None:
    """Print a row per scene."""
    shown = Table("scene", "heard, by language", "by speaker", "condensed", "span p50, max", "idle", title="lag")
    for one in outcomes:
        shown.add_row(
            one.scene,
            ", ".join(f"{name} {share}" for name, share in one.by_language.items()),
            ", ".join(f"{name} {share}" for name, share in one.by_speaker.items()),
            str(one.condensed),
            f"{one.span_s[0]:.1f} s, {one.span_s[1]:.1f} s",
            f"{one.idle:.0%}",
        )
    screen.print(shown)
