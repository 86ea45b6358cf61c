"""Judges the recordings of a meeting: who heard which interpretation, when, and how much of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from demo import recording_analysis, scoring
from demo.layouts import MeetingPlan
from demo.meeting import SpokenTurn
from demo.recording_analysis import RATE, Samples, Span, Trace
from demo.report import HeardInterpretation, LedgerEntry, Original, TurnResult
from demo.scoring import Expected, Found
from demo.script import Person, primary
from emulator.engine.local import normalise

EARLY = RATE // 5
"""Samples (200 ms) by which a group's sounds may precede its noted position, which counts frames in transit."""
LATE = RATE
"""Samples (1 s) that a voice needs at most to reach the other recordings."""
SEPARATE = (RATE * 3 // 20, RATE // 10, RATE * 3 // 50)
"""Samples of silence (150, 100, 60 ms) that separate interpretations. They are sent 200 ms apart; a busy machine plays
them closer together, so less silence is tried where they are not all recognised otherwise."""
MARGIN = RATE // 4
"""Samples (250 ms) before and after a stretch that the recogniser gets too; it needs them for the first word."""

Recogniser = Callable[[bytes, str], Awaitable[str | None]]
"""Recognises PCM16 mono 24 kHz in a language (ISO 639-1); None if nothing was recognised."""


async def judge(
    said: Sequence[SpokenTurn],
    plan: MeetingPlan,
    recordings: Mapping[str, Samples],
    ledger: Sequence[Sequence[LedgerEntry]],
    recognise: Recogniser,
    apologies: frozenset[str] = frozenset(),
) -> list[TurnResult]:
    """Return the result of every turn.

    `ledger` has the entries of each turn of `said`. `apologies` are the normalised sentences with which the engine says
    that it could not recognise or translate.
    """
    async with asyncio.TaskGroup() as tasks:  # in parallel: the recogniser has several processes
        judging = {
            person.name: tasks.create_task(
                _heard_by(person, plan, said, ledger, recordings[person.name], recognise), name=person.name
            )
            for person in plan.people
        }
    heard = {name: task.result() for name, task in judging.items()}
    overlapping = {one.group for one in said if one.turn.cuts_in_ms is not None}
    results: list[TurnResult] = []
    for place, one in enumerate(said):
        speaker = one.turn.speaker
        audience = plan.audience(speaker)
        results.append(
            TurnResult(
                number=one.number,
                speaker=one.name,
                source=speaker.language,
                targets=plan.targets(speaker),
                said=one.turn.says,
                expected={tag: text for tag in plan.targets(speaker) if (text := expected(one, ledger[place], tag))},
                why=one.turn.why,
                transcript=one.turn.transcript,
                references=one.turn.references,
                overlapping=one.group in overlapping,
                originals=tuple(
                    original
                    for listener in plan.people
                    if (original := heard[listener.name].originals[place]) is not None
                ),
                apology=_apology(ledger[place], apologies),
                ledger=tuple(ledger[place]),
                heard=tuple(
                    interpretation
                    for listener in audience
                    if (interpretation := heard[listener.name].interpretations[place]) is not None
                ),
            )
        )
    return results


@dataclass(frozen=True, slots=True)
class _HeardTurns:
    """What a person heard of each turn, by index in `said`."""

    interpretations: Sequence[HeardInterpretation | None]
    """Interpretations in their language; None if not needed, or if the speaker was missing but should be heard."""
    originals: Sequence[Original | None]
    """The speakers' own voices; None for their own turns."""


async def _heard_by(
    listener: Person,
    plan: MeetingPlan,
    said: Sequence[SpokenTurn],
    ledger: Sequence[Sequence[LedgerEntry]],
    recording: Samples,
    recognise: Recogniser,
) -> _HeardTurns:
    originals, traces, rest = _take_out_speakers(listener, plan, said, recording)
    interpretations: list[HeardInterpretation | None] = [None] * len(said)
    for group in sorted({one.group for one in said}):
        places = [place for place, one in enumerate(said) if one.group == group]
        # Interpretations follow each other in the order of the speakers, then of the room's languages.
        due = [(place, tag) for place in places for tag in plan.interpretations(listener, said[place].turn.speaker)]
        start, end = _window(group, listener, said, len(recording))
        trace = traces.get(places[0]) if len(places) == 1 else None
        # A sound that starts before the speaker's first pause is a late interpretation of an earlier turn.
        first = start if trace is None else trace.spans[0].end
        wanted = [Expected(expected(said[place], ledger[place], tag) or "", primary(tag)) for place, tag in due]
        found = await _attribute(rest, Span(start, end), first, wanted, recognise)
        for number, ((place, tag), one) in enumerate(zip(due, found, strict=True)):
            speaker = said[place].turn.speaker
            if tag != listener.listens_to or listener not in plan.audience(speaker):
                continue
            trace = traces.get(place)
            if trace is not None:
                interpretations[place] = _interpretation(listener, trace.spans, one, number > 0)
            elif not plan.original_is_heard(listener, speaker):
                interpretations[place] = _interpretation(
                    listener, _spoken(said[place], said, listener), one, number > 0
                )
    return _HeardTurns(interpretations, originals)


def _spoken(one: SpokenTurn, said: Sequence[SpokenTurn], listener: Person) -> list[Span]:
    """Return the stretches of a turn in the time of a recording that does not contain it; all recordings run alike."""
    group_began = min(other.began_ms for other in said if other.group == one.group)
    begin = one.positions[listener.name] + round((one.began_ms - group_began) * RATE / 1000)
    stretches = recording_analysis.spans(one.speech, level=recording_analysis.threshold(one.speech))
    return [Span(begin + span.start, begin + span.end) for span in stretches]


async def _attribute(
    rest: Samples, window: Span, first: int, due: Sequence[Expected], recognise: Recogniser
) -> list[Found]:
    """Assign the sounds of the window that start at `first` or later, cut where the most words are right."""
    best: list[Found] = []
    for pause in SEPARATE:
        found_in = recording_analysis.spans(rest[window.start : window.end], pause)
        moved = [Span(sound.start + window.start, sound.end + window.start) for sound in found_in]
        sounds = [sound for sound in moved if sound.start >= first]

        async def recognised(span: Span, language: str, sounds: Sequence[Span] = sounds) -> str | None:
            return await recognise(rest[with_margin(span, sounds)].tobytes(), language)

        found = await scoring.attribute(sounds, due, recognised)
        if not best or sum(one.words.right for one in found) > sum(one.words.right for one in best):
            best = found
        if len(due) < 2 or all(one.words.right == one.words.wanted for one in best):
            break  # a single interpretation gets all sounds, however they are cut
    return best


def _take_out_speakers(
    listener: Person, plan: MeetingPlan, said: Sequence[SpokenTurn], recording: Samples
) -> tuple[list[Original | None], dict[int, Trace], Samples]:
    """Locate the speakers' own voices; return levels and traces by index in `said`, and the remaining recording."""
    originals: list[Original | None] = [None] * len(said)
    traces: dict[int, Trace] = {}
    rest = recording
    for place, one in enumerate(said):
        if one.turn.speaker is listener:
            continue
        start, end = _window(one.group, listener, said, len(recording))
        level = recording_analysis.level_db(rest, one.speech, start, min(end, start + len(one.speech) + LATE))
        wanted = plan.original_is_heard(listener, one.turn.speaker)
        trace = recording_analysis.trace(rest, one.speech, start, end) if wanted else None
        originals[place] = Original(listener.name, wanted, trace is not None, round(level, 1))
        if trace is not None:
            traces[place] = trace
            rest = trace.rest
    return originals, traces, rest


def _window(group: int, listener: Person, said: Sequence[SpokenTurn], length: int) -> tuple[int, int]:
    """Return the part of a listener's recording that belongs to a group of turns, up to the next group."""
    begins = {one.group: one.positions[listener.name] for one in said}
    return max(0, begins[group] - EARLY), max(0, begins.get(group + 1, length) - EARLY)


def with_margin(span: Span, sounds: Sequence[Span]) -> slice:
    """Return the span with some silence around it, without the sounds before and after."""
    before = max((sound.end for sound in sounds if sound.end <= span.start), default=0)
    after = min((sound.start for sound in sounds if sound.start >= span.end), default=span.end + MARGIN)
    return slice(max(before, span.start - MARGIN), min(after, span.end + MARGIN))


def _apology(ledger: Sequence[LedgerEntry], apologies: frozenset[str]) -> str | None:
    """Return the first apology that was spoken in place of an interpretation."""
    said = (entry.translated for entry in ledger if entry.translated)
    return next((text for text in said if normalise(text) in apologies), None)


def expected(one: SpokenTurn, ledger: Sequence[LedgerEntry], target: str) -> str | None:
    """Return what should be heard in a language: the script's translation, else the interpreter's captions."""
    captions = " ".join(entry.translated for entry in ledger if entry.translated and entry.target == target)
    return one.turn.means.get(primary(target)) or captions or None


def _interpretation(listener: Person, spoken: Sequence[Span], found: Found, queued: bool) -> HeardInterpretation:
    if found.span is None:
        return HeardInterpretation(listener.name, listener.listens_to, None, None, None, None, found.words, queued)
    spoken_until = recording_analysis.ended_before(spoken, found.span.start)
    return HeardInterpretation(
        listener=listener.name,
        target=listener.listens_to,
        text=found.text,
        starts_s=round(found.span.start / RATE, 3),
        ends_s=round(found.span.end / RATE, 3),
        delay_ms=recording_analysis.milliseconds(found.span.start - spoken_until),
        words=found.words,
        queued=queued,
    )
