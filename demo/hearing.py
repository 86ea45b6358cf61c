"""What the recordings say of each turn: who heard which interpretation, when, and how much of it came through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from demo import listening, scoring
from demo.listening import RATE, Samples, Span, Trace
from demo.meeting import Said, listeners
from demo.report import Booked, Hearing, TurnResult
from demo.scoring import Expected, Found
from demo.script import Person
from emulator.engine.local import normalise

EARLY = RATE // 5
"""A group's sounds may begin so much before the position noted for it: frames under way count as heard by then."""
SEPARATE = RATE * 3 // 20
"""150 ms: a shorter silence is inside an interpretation; between two there are 200."""
MARGIN = RATE // 4
"""250 ms of what is before and after a stretch go to the recogniser with it: first words need a beginning."""

Recogniser = Callable[[bytes, str], Awaitable[str | None]]
"""PCM16 mono 24 kHz and a language (ISO 639-1) to words; None when nothing is understood."""


async def judge(
    said: Sequence[Said],
    people: Sequence[Person],
    recordings: Mapping[str, Samples],
    booked: Sequence[Sequence[Booked]],
    recognise: Recogniser,
    apologies: frozenset[str] = frozenset(),
) -> list[TurnResult]:
    """Every turn's way from mouth to ear.

    `booked` goes with `said`. `apologies` are the sentences, normalised, with which the engine behind the interpreter
    says that it could not understand or translate.
    """
    async with asyncio.TaskGroup() as tasks:  # a recogniser may have several processes
        listening_in = {
            person.name: tasks.create_task(
                _listen(person, people, said, booked, recordings[person.name], recognise), name=person.name
            )
            for person in people
        }
    heard = {name: task.result() for name, task in listening_in.items()}
    overlapping = {one.group for one in said if one.turn.cuts_in_ms is not None}
    results: list[TurnResult] = []
    for place, one in enumerate(said):
        audience = listeners(one.turn.speaker, people)
        results.append(
            TurnResult(
                number=one.number,
                speaker=one.name,
                source=one.turn.speaker.language,
                target=audience[0].language,
                said=one.turn.says,
                expected=expected(one, booked[place]),
                why=one.turn.why,
                overlapping=one.group in overlapping,
                reached=all(heard[listener.name][place] is not None for listener in audience),
                apology=_apology(booked[place], apologies),
                booked=tuple(booked[place]),
                heard=tuple(hearing for listener in audience if (hearing := heard[listener.name][place]) is not None),
            )
        )
    return results


async def _listen(
    listener: Person,
    people: Sequence[Person],
    said: Sequence[Said],
    booked: Sequence[Sequence[Booked]],
    recording: Samples,
    recognise: Recogniser,
) -> list[Hearing | None]:
    """What one person heard of each turn; None where not even the speaker was to be heard."""
    traces, rest = _take_out_speakers(listener, said, recording)
    # One room, one channel: everybody hears every interpretation, their own as well, in the order of the speakers.
    due = [
        Expected(expected(one, entries) or "", listeners(one.turn.speaker, people)[0].primary)
        for one, entries in zip(said, booked, strict=True)
    ]
    hearings: list[Hearing | None] = [None] * len(said)
    for group in sorted({one.group for one in said}):
        places = [place for place, one in enumerate(said) if one.group == group]
        sounds = _sounds(rest, *_window(group, listener, said, len(recording)))
        if len(places) == 1 and (trace := traces.get(places[0])) is not None:
            # What begins before the speaker first paused is a late interpretation of what was before.
            sounds = [sound for sound in sounds if sound.start >= trace.spans[0].end]
        found = await _attribute(rest, sounds, [due[place] for place in places], recognise)
        for place, one in zip(places, found, strict=True):
            if (trace := traces.get(place)) is not None:
                hearings[place] = _hearing(listener, trace, one)
    return hearings


def _sounds(rest: Samples, start: int, end: int) -> list[Span]:
    return [Span(span.start + start, span.end + start) for span in listening.spans(rest[start:end], pause=SEPARATE)]


async def _attribute(
    rest: Samples, sounds: Sequence[Span], due: Sequence[Expected], recognise: Recogniser
) -> list[Found]:
    async def recognised(span: Span, language: str) -> str | None:
        return await recognise(rest[with_margin(span, sounds)].tobytes(), language)

    return await scoring.attribute(sounds, due, recognised)


def _take_out_speakers(listener: Person, said: Sequence[Said], recording: Samples) -> tuple[dict[int, Trace], Samples]:
    """Where the others' own words are, by place in `said`, and the recording without them."""
    traces: dict[int, Trace] = {}
    rest = recording
    for place, one in enumerate(said):
        if one.turn.speaker is listener:
            continue
        trace = listening.trace(rest, one.speech, *_window(one.group, listener, said, len(recording)))
        if trace is not None:
            traces[place] = trace
            rest = trace.rest
    return traces, rest


def _window(group: int, listener: Person, said: Sequence[Said], length: int) -> tuple[int, int]:
    """The part of a listener's recording that belongs to a group of turns, up to the next group."""
    begins = {one.group: one.positions[listener.name] for one in said}
    return max(0, begins[group] - EARLY), max(0, begins.get(group + 1, length) - EARLY)


def with_margin(span: Span, sounds: Sequence[Span]) -> slice:
    """The span with some of the silence around it, and nothing of the sounds before and after."""
    before = max((sound.end for sound in sounds if sound.end <= span.start), default=0)
    after = min((sound.start for sound in sounds if sound.start >= span.end), default=span.end + MARGIN)
    return slice(max(before, span.start - MARGIN), min(after, span.end + MARGIN))


def _apology(booked: Sequence[Booked], apologies: frozenset[str]) -> str | None:
    """The first thing said that is no interpretation."""
    said = (entry.translated for entry in booked if entry.translated)
    return next((text for text in said if normalise(text) in apologies), None)


def expected(one: Said, booked: Sequence[Booked]) -> str | None:
    """What should be heard: the script's translation, else the interpreter's own captions."""
    captions = " ".join(entry.translated for entry in booked if entry.translated)
    return one.turn.means or captions or None


def _hearing(listener: Person, trace: Trace, found: Found) -> Hearing:
    if found.span is None:
        return Hearing(listener.name, None, None, None, None, found.words)
    spoken_until = listening.ended_before(trace.spans, found.span.start)
    return Hearing(
        listener=listener.name,
        text=found.text,
        starts_s=round(found.span.start / RATE, 3),
        ends_s=round(found.span.end / RATE, 3),
        delay_ms=listening.milliseconds(found.span.start - spoken_until),
        words=found.words,
    )
