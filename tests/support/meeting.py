"""A meeting as a script with times: who speaks when, what the model answers, and what the interpreter did about it.

There is no event loop in it and nothing sleeps: the meeting goes from one instant at which something happens to the
next, ticks of the session included, so that an hour takes as long as its events do.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar, assert_never

from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.effects import (
    Brief,
    Cancel,
    Caption,
    CloseBooth,
    Effect,
    Hear,
    Interpret,
    LaneReady,
    LaneServed,
    OpenBooth,
    Opened,
    Pace,
    Play,
    Release,
    Restricted,
    Say,
    Settled,
    StopPlaying,
    Translate,
    VoiceBegins,
    VoiceEnds,
)
from bot.interpreting.events import (
    BoothEvent,
    Event,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    PlayoutReady,
    PresenceChanged,
    SourceText,
    SpeakerAudio,
    Tick,
    Usage,
)
from bot.interpreting.ledger import Entry
from bot.interpreting.plan import Attendee, Lane, RoomPlan
from bot.interpreting.routing import channels, stream
from bot.interpreting.session import InterpreterSession
from tests.support.audio import numbered, numbers

ADA, BENITO, CHLOE, GUEST = "8:acs:ada", "8:acs:benito", "8:acs:chloe", "8:acs:guest"
PEOPLE = {
    ADA: Attendee(ADA, "Ada", "en-US"),
    BENITO: Attendee(BENITO, "Benito", "es-ES"),
    CHLOE: Attendee(CHLOE, "Chloé", "fr-FR"),
}
DIETER, ELENA, FRANK = "8:acs:dieter", "8:acs:elena", "8:acs:frank"
SIX = {
    **PEOPLE,
    DIETER: Attendee(DIETER, "Dieter", "de-DE"),
    ELENA: Attendee(ELENA, "Elena", "es-ES"),
    FRANK: Attendee(FRANK, "Frank", "en-US"),
}
FOUR_LANGUAGES = RoomPlan(("en-US", "es-ES", "fr-FR", "de-DE"), SIX)
TWO_LANGUAGES = RoomPlan(("en-US", "es-ES"), PEOPLE, park_after_s=math.inf)
THREE_LANGUAGES = RoomPlan(("en-US", "es-ES", "fr-FR"), PEOPLE, park_after_s=math.inf)
ADA_INTO_SPANISH = Lane(ADA, "en-US", "es-ES")
BENITO_INTO_ENGLISH = Lane(BENITO, "es-ES", "en-US")

FRAME_S = 0.02
DELTA_FRAMES = 10
"""Audio comes from the model in pieces of 200 ms ..."""
DELTA_EVERY_S = 0.05
"""... four times faster than it is heard."""

Wanted = TypeVar("Wanted", bound=Effect)

Script = Iterable[tuple[float, BoothEvent]]
"""What the model does, each at so many seconds from the request."""
Model = Callable[[Interpret | Say], Script]


@dataclass(frozen=True)
class Answers:
    """A model that interprets everything alike. The frames of its voice carry the number of the utterance."""

    after: float = 0.5
    """Seconds to the first word."""
    text: str = "Hola"
    seconds: float = 1.0
    outcome: InterpretationOutcome = InterpretationOutcome.COMPLETED
    reason: str = ""
    heard: str | None = "Hello"

    def __call__(self, request: Interpret | Say) -> Script:
        lane, utterance = request.lane, request.utterance
        yield self.after, SourceText(lane, utterance, self.heard)
        if self.text:
            yield self.after, InterpretationText(lane, utterance, self.text)
        frames = round(self.seconds / FRAME_S)
        at = self.after
        while frames > 0:
            piece = min(frames, DELTA_FRAMES)
            yield at, InterpretationAudio(lane, utterance, numbered(number_of(utterance)) * piece)
            frames -= piece
            at += DELTA_EVERY_S
        yield (
            at,
            InterpretationEnded(lane, utterance, self.outcome, self.reason, Usage(input_audio=10, output_audio=20)),
        )


def silent_model(request: Interpret | Say) -> Script:
    return ()


OWN_WORDS = 9_999
"""The number of what the interpreter says on its own account."""


def number_of(utterance: str) -> int:
    number = utterance.rpartition("-")[2]
    return int(number) if number.isdigit() else OWN_WORDS


def there(*people: str) -> PresenceChanged:
    """They, and nobody else, are in the call."""
    return PresenceChanged(frozenset(people))


class Meeting:
    """One session, its clock, and a booth for each lane that answers as `model` says."""

    def __init__(self, plan: RoomPlan = TWO_LANGUAGES, model: Model | None = None, *, playout: bool = True) -> None:
        self.now = 0.0
        self.session = InterpreterSession(plan, self.now, "u")
        self.model = model or Answers()
        self.done: list[tuple[float, Effect]] = []
        self.ticks = 0
        self._agenda: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        self._cancelled: set[tuple[Lane, str]] = set()
        carriers = [stream(plan, channel) for channel in channels(plan)] if playout else []
        for carrier in dict.fromkeys(carriers):
            if carrier is not None:
                self.happens(0.0, PlayoutReady(True, carrier))

    # --- the script ------------------------------------------------------------------------------

    def happens(self, at: float, event: Event) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), event))

    def says(self, speaker: str, at: float, seconds: float, pause: float = 0.6) -> None:
        """Frames of speech that arrive from `at` on, and of the silence after it."""
        speech, silence = round(seconds / FRAME_S), round(pause / FRAME_S)
        for number in range(1, speech + silence + 1):
            self.happens(at + number * FRAME_S, SpeakerAudio(speaker, numbered(number), number <= speech))

    def held_up(self, speaker: str, said: float, seconds: float, comes: float, pause: float = 0.6) -> None:
        """Speech that was said at one time, and comes all at once at another."""
        speech, silence = round(seconds / FRAME_S), round(pause / FRAME_S)
        for number in range(1, speech + silence + 1):
            age_s = comes - (said + number * FRAME_S)
            self.happens(comes, SpeakerAudio(speaker, numbered(number), number <= speech, max(0.0, age_s)))

    def run(self, until: float | None = None) -> None:
        """Go on until then, or until nothing is left to happen."""
        while True:
            wake_at = self.session.next_deadline()
            event_at = self._agenda[0][0] if self._agenda else None
            ahead = [at for at in (wake_at, event_at) if at is not None and (until is None or at <= until)]
            if not ahead:
                break
            if wake_at is not None and wake_at <= min(ahead):  # due timers first
                self.tick(wake_at)
            else:
                at, _, event = heapq.heappop(self._agenda)
                if not self._silenced(event):
                    self.handle(event, at)
        self.now = max(self.now, until or 0.0)

    def tick(self, deadline: float) -> None:
        """Wake the session when it asked to be woken: something comes of it, or it asks for a later time."""
        self.ticks += 1
        effects = self.handle(Tick(), deadline)
        following = self.session.next_deadline()
        assert effects or following is None or following > self.now, "woken for nothing, and at once again"

    def handle(self, event: Event, at: float | None = None) -> list[Effect]:
        """Let the session know, now or later, and do as it says."""
        self.now = max(self.now, at or 0.0)
        effects = self.session.handle(event, self.now)
        for effect in effects:
            self.done.append((self.now, effect))
            match effect:
                case Interpret() | Say() | Translate():
                    request = Interpret(effect.lane, effect.utterance) if isinstance(effect, Translate) else effect
                    for later, answer in self.model(request):
                        self.happens(self.now + later, answer)
                case Cancel(lane, utterance):
                    self._cancelled.add((lane, utterance))
                case _:
                    pass
        return effects

    def _silenced(self, event: Event) -> bool:
        """A booth says nothing about what it was told to forget."""
        about = getattr(event, "lane", None), getattr(event, "utterance", None)
        return about in self._cancelled

    # --- what came of it -------------------------------------------------------------------------

    def story(self) -> list[str]:
        """Every effect with its time; pieces of audio that follow one another are told once, with their end."""
        lines: list[str] = []
        before, since = "", 0.0
        for at, effect in self.done:
            if isinstance(effect, Release | VoiceBegins | VoiceEnds | Opened):
                continue
            what = told(effect)
            if isinstance(effect, Hear | Play) and what == before:
                lines[-1] = f"{since:.2f}-{at:.2f} {what}"
                continue
            before, since = what, at
            lines.append(f"{at:.2f} {what}")
        return lines

    def settled(self) -> list[Entry]:
        return [effect.entry for _, effect in self.done if isinstance(effect, Settled)]

    def states(self) -> dict[str, tuple[str, str]]:
        """How each utterance ended, and why; with several lanes, that of the last."""
        return {entry.utterance: (entry.state.value, entry.reason) for entry in self.settled()}

    def captions(self) -> list[CaptionLine]:
        return [effect.line for _, effect in self.done if isinstance(effect, Caption)]

    def played(self, channel: str | None = None) -> list[tuple[float, int]]:
        """When each frame went into the call, or into one channel, and of which utterance it was."""
        return [
            (at, numbers(pcm)[0])
            for at, effect in self.done
            if isinstance(effect, Play) and channel in (None, effect.channel)
            for pcm in (effect.pcm, *effect.floor)
            if pcm
        ]

    def voices(self, channel: str | None = None) -> list[int]:
        """The utterances that were heard, one after the other."""
        return [number for number, _ in itertools.groupby(number for _, number in self.played(channel))]

    def effects(self, kind: type[Wanted]) -> list[Wanted]:
        """All effects of one kind."""
        return [effect for _, effect in self.done if isinstance(effect, kind)]

    def ends(self) -> dict[tuple[str, str], tuple[str, str]]:
        """How each utterance ended in each target language, and why."""
        return {(one.utterance, one.lane.target): (one.state.value, one.reason) for one in self.settled()}


def told(effect: Effect) -> str:
    match effect:
        case OpenBooth(lane):
            return f"open {lane.target}"
        case Brief(lane):
            return f"brief {lane.target}"
        case LaneServed(lane, engine, reason):
            return f"{lane.target} is served by {engine} ({reason})"
        case LaneReady(lane, engine):
            return f"{lane.target} is ready ({engine})"
        case Restricted(reason, speaker):
            return f"restricted ({reason})" + (f" for {speaker}" if speaker else "")
        case Release(lane, utterance):
            return f"release {utterance} into {lane.target}"
        case Say(lane, utterance, text):
            return f"say {utterance} into {lane.target}: {text!r}"
        case CloseBooth(lane):
            return f"close {lane.target}"
        case Hear(lane, utterance, _):
            return f"hear {utterance} for {lane.target}"
        case Interpret(lane, utterance):
            return f"interpret {utterance} into {lane.target}"
        case Translate(lane, utterance, text):
            return f"translate {utterance} into {lane.target}: {text!r}"
        case Cancel(lane, utterance):
            return f"cancel {utterance} into {lane.target}"
        case Pace(lane, speed, condensed):
            return f"pace {speed} into {lane.target}" + (", condensed" if condensed else "")
        case Play(_, pcm, floor):
            return f"play u-{numbers(pcm or floor[0])[0]}"
        case StopPlaying():
            return "stop playing"
        case VoiceBegins(channel, lane):
            return f"{lane.speaker} into {lane.target} begins on {channel}"
        case VoiceEnds(channel, lane):
            return f"{lane.speaker} into {lane.target} ends on {channel}"
        case Caption(line):
            what = "final" if line.is_final else "partial"
            flags = f" ({', '.join(line.flags)})" if line.flags else ""
            return f"{what} caption {line.utterance} {line.language} {line.text!r}{flags}"
        case Opened(lane, utterance):
            return f"opened {utterance} into {lane.target}"
        case Settled(entry):
            return f"settled {entry.utterance} {entry.state.value}" + (f" ({entry.reason})" if entry.reason else "")
        case _:
            assert_never(effect)
