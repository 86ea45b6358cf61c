"""What the recordings say of each turn: who heard which interpretation, when, and how much of it came through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from demo import recording_analysis, scoring
from demo.layouts import Seating
from demo.meeting import Said
from demo.recording_analysis import RATE, Samples, Span, Trace
from demo.report import Booked, Hearing, Original, TurnResult
from demo.scoring import Expected, Found
from demo.script import Person, primary
from emulator.engine.local import normalise

EARLY = RATE // 5
"""A group's sounds may begin so much before the position noted for it: frames under way count as heard by then."""
LATE = RATE
"""A second: what somebody's own voice needs at most, from the moment they speak, to be heard elsewhere."""
SEPARATE = RATE * 3 // 20
"""150 ms: a shorter silence is inside an interpretation; between two there are 200."""
MARGIN = RATE // 4
"""250 ms of what is before and after a stretch go to the recogniser with it: first words need a beginning."""

Recogniser = Callable[[bytes, str], Awaitable[str | None]]
"""PCM16 mono 24 kHz and a language (ISO 639-1) to words; None when nothing is understood."""


async def judge(
    said: Sequence[Said],
    seating: Seating,
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
                _listen(person, seating, said, booked, recordings[person.name], recognise), name=person.name
            )
            for person in seating.people
        }
    heard = {name: task.result() for name, task in listening_in.items()}
    overlapping = {one.group for one in said if one.turn.cuts_in_ms is not None}
    results: list[TurnResult] = []
    for place, one in enumerate(said):
        speaker = one.turn.speaker
        audience = seating.audience(speaker)
        results.append(
            TurnResult(
                number=one.number,
                speaker=one.name,
                source=speaker.language,
                targets=seating.targets(speaker),
                said=one.turn.says,
                expected={tag: text for tag in seating.targets(speaker) if (text := expected(one, booked[place], tag))},
                why=one.turn.why,
                overlapping=one.group in overlapping,
                originals=tuple(
                    original
                    for listener in seating.people
                    if (original := heard[listener.name].originals[place]) is not None
                ),
                apology=_apology(booked[place], apologies),
                booked=tuple(booked[place]),
                heard=tuple(
                    hearing
                    for listener in audience
                    if (hearing := heard[listener.name].interpretations[place]) is not None
                ),
            )
        )
    return results


@dataclass(frozen=True, slots=True)
class _Ears:
    """What one person heard of each turn, by place in `said`."""

    interpretations: Sequence[Hearing | None]
    """In their language; None where they need none, or the speaker should have been heard as well and was not."""
    originals: Sequence[Original | None]
    """None for their own turns."""


async def _listen(
    listener: Person,
    seating: Seating,
    said: Sequence[Said],
    booked: Sequence[Sequence[Booked]],
    recording: Samples,
    recognise: Recogniser,
) -> _Ears:
    originals, traces, rest = _take_out_speakers(listener, seating, said, recording)
    hearings: list[Hearing | None] = [None] * len(said)
    for group in sorted({one.group for one in said}):
        places = [place for place, one in enumerate(said) if one.group == group]
        # One voice at a time, in the order of the speakers, and for each of them in the order of the room's languages.
        due = [(place, tag) for place in places for tag in seating.interpretations(listener, said[place].turn.speaker)]
        sounds = _sounds(rest, *_window(group, listener, said, len(recording)))
        if len(places) == 1 and (trace := traces.get(places[0])) is not None:
            # What begins before the speaker first paused is a late interpretation of what was before.
            sounds = [sound for sound in sounds if sound.start >= trace.spans[0].end]
        wanted = [Expected(expected(said[place], booked[place], tag) or "", primary(tag)) for place, tag in due]
        found = await _attribute(rest, sounds, wanted, recognise)
        for number, ((place, tag), one) in enumerate(zip(due, found, strict=True)):
            speaker = said[place].turn.speaker
            if tag != listener.listens_to or listener not in seating.audience(speaker):
                continue
            trace = traces.get(place)
            if trace is not None:
                hearings[place] = _hearing(listener, trace.spans, one, number > 0)
            elif not seating.original_is_heard(listener, speaker):
                hearings[place] = _hearing(listener, _spoken(said[place], said, listener), one, number > 0)
    return _Ears(hearings, originals)


def _spoken(one: Said, said: Sequence[Said], listener: Person) -> list[Span]:
    """When the turn was spoken, by the clock of the recording of somebody who did not hear it: all recordings grow by a
    frame at a time."""
    group_began = min(other.began_ms for other in said if other.group == one.group)
    begin = one.positions[listener.name] + round((one.began_ms - group_began) * RATE / 1000)
    stretches = recording_analysis.spans(one.speech, level=recording_analysis.threshold(one.speech))
    return [Span(begin + span.start, begin + span.end) for span in stretches]


def _sounds(rest: Samples, start: int, end: int) -> list[Span]:
    return [
        Span(span.start + start, span.end + start) for span in recording_analysis.spans(rest[start:end], pause=SEPARATE)
    ]


async def _attribute(
    rest: Samples, sounds: Sequence[Span], due: Sequence[Expected], recognise: Recogniser
) -> list[Found]:
    async def recognised(span: Span, language: str) -> str | None:
        return await recognise(rest[with_margin(span, sounds)].tobytes(), language)

    return await scoring.attribute(sounds, due, recognised)


def _take_out_speakers(
    listener: Person, seating: Seating, said: Sequence[Said], recording: Samples
) -> tuple[list[Original | None], dict[int, Trace], Samples]:
    """The others' own words in the recording: what is to be said of them, where they are if they are to be heard, by
    place in `said`, and the recording without those."""
    originals: list[Original | None] = [None] * len(said)
    traces: dict[int, Trace] = {}
    rest = recording
    for place, one in enumerate(said):
        if one.turn.speaker is listener:
            continue
        start, end = _window(one.group, listener, said, len(recording))
        level = recording_analysis.level_db(rest, one.speech, start, min(end, start + len(one.speech) + LATE))
        wanted = seating.original_is_heard(listener, one.turn.speaker)
        trace = recording_analysis.trace(rest, one.speech, start, end) if wanted else None
        originals[place] = Original(listener.name, wanted, trace is not None, round(level, 1))
        if trace is not None:
            traces[place] = trace
            rest = trace.rest
    return originals, traces, rest


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


def expected(one: Said, booked: Sequence[Booked], target: str) -> str | None:
    """What should be heard in a language: the script's translation, else the interpreter's own captions."""
    captions = " ".join(entry.translated for entry in booked if entry.translated and entry.target == target)
    return one.turn.means.get(primary(target)) or captions or None


def _hearing(listener: Person, spoken: Sequence[Span], found: Found, queued: bool) -> Hearing:
    if found.span is None:
        return Hearing(listener.name, listener.listens_to, None, None, None, None, found.words, queued)
    spoken_until = recording_analysis.ended_before(spoken, found.span.start)
    return Hearing(
        listener=listener.name,
        target=listener.listens_to,
        text=found.text,
        starts_s=round(found.span.start / RATE, 3),
        ends_s=round(found.span.end / RATE, 3),
        delay_ms=recording_analysis.milliseconds(found.span.start - spoken_until),
        words=found.words,
        queued=queued,
    )
