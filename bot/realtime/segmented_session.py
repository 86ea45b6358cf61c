"""Simultaneous interpreting with a session that works turn by turn: splits utterances into short parts.

    utterance   ──────────────────────────────►
    parts       u~1 ────┤ u~2 ───────┤ u~3 ──┤        cut at the first gap between words after 2 s, at the latest at 4 s
    responses      └──► u~1    └──► u~2   └─► u~3     may overlap; passed on in order, under the utterance's id

No sockets, no event loop, no clock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from bot.interpreting.events import (
    BoothEvent,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    SourceDelta,
    SourceText,
    Usage,
)
from bot.interpreting.plan import Lane
from bot.interpreting.word_gaps import GapFinder
from bot.realtime.messages import BYTES_PER_MS
from bot.realtime.noise_gate import FRAME_BYTES, LEVEL
from bot.realtime.session_base import RealtimeSession

SHORTEST_PART_BYTES = 2_000 * BYTES_PER_MS
"""2 s: shorter parts hold no clause that could be translated."""
LONGEST_PART_BYTES = 4_000 * BYTES_PER_MS
"""4 s: with longer parts the interpretation would be as late as a consecutive one."""
QUIET_BYTES = 60 * BYTES_PER_MS
"""60 ms: quiet this long lies between words, where an utterance may be cut."""
KEPT_UTTERANCES = 16
"""Ended utterances that may be interpreted again; beyond it the oldest are forgotten."""

_PART = "~part-"
"""Marks the ids of parts; ids of utterances do not contain it."""


@dataclass(slots=True)
class _Part:
    id: str
    heard: int = 0
    """Bytes of source audio."""
    ended: InterpretationEnded | None = None
    waiting: list[BoothEvent] = field(default_factory=list)
    """Events that arrived while an earlier part had not ended."""
    text_begun: bool = False
    source_begun: bool = False
    gaps: GapFinder = field(default_factory=GapFinder)
    """Hears it since it has been long enough."""
    in_a_gap: bool = False


@dataclass(slots=True)
class _SegmentedUtterance:
    id: str
    parts: list[_Part] = field(default_factory=list)
    complete: bool = False
    ended: bool = False
    sources: dict[str, str | None] = field(default_factory=dict)
    """Transcript of each part, None where the transcription failed."""
    source_reported: bool = False

    @property
    def head(self) -> int:
        """Index of the first part that has not ended."""
        return next((index for index, part in enumerate(self.parts) if part.ended is None), len(self.parts))


class SegmentedSession:
    """Implements `RealtimeSession` on top of another one, which interprets the parts."""

    def __init__(self, lane: Lane, inner: RealtimeSession) -> None:
        self._lane = lane
        self._inner = inner
        self.engine = inner.engine
        self.append_bytes = inner.append_bytes
        self._utterances: OrderedDict[str, _SegmentedUtterance] = OrderedDict()
        self._of_part: dict[str, _SegmentedUtterance] = {}
        self._speed = 1.0
        self._condensed = False

    @property
    def ready(self) -> bool:
        return self._inner.ready

    @property
    def expires_at(self) -> float | None:
        return self._inner.expires_at

    @property
    def has_data_to_send(self) -> bool:
        return self._inner.has_data_to_send

    def data_to_send(self) -> list[str]:
        return self._inner.data_to_send()

    # --- requests

    def hear(self, utterance: str, pcm: bytes, now: float) -> None:
        current = self._utterances.get(utterance)
        if current is None:
            current = self._utterances[utterance] = _SegmentedUtterance(utterance)
            self._forget_old()
        if current.complete:
            raise ValueError(f"{utterance} is complete")
        part = current.parts[-1] if current.parts else self._new_part(current)
        if part.heard >= LONGEST_PART_BYTES or (
            part.heard >= SHORTEST_PART_BYTES and (part.in_a_gap or _begins_quietly(pcm))
        ):
            # Too long to be refused, so there are no events.
            self._inner.interpret(part.id, now, speed=self._speed, condensed=self._condensed)
            part = self._new_part(current)
        part.heard += len(pcm)
        if part.heard >= SHORTEST_PART_BYTES:
            urgency = (part.heard - SHORTEST_PART_BYTES) / (LONGEST_PART_BYTES - SHORTEST_PART_BYTES)
            for start in range(0, len(pcm), FRAME_BYTES):
                part.in_a_gap = part.gaps.is_gap(pcm[start : start + FRAME_BYTES], min(urgency, 1.0))
        self._inner.hear(part.id, pcm, now)

    def interpret(
        self, utterance: str, now: float, *, strict: bool = False, speed: float = 1.0, condensed: bool = False
    ) -> list[BoothEvent]:
        current = self._utterances.get(utterance)
        if current is None:
            raise ValueError(f"{utterance} is not being heard")
        if not current.complete:
            current.complete = True
            return self._of_utterances(
                self._inner.interpret(current.parts[-1].id, now, strict=strict, speed=speed, condensed=condensed)
            )
        current.ended = False
        again = [part for part in current.parts if self._inner.knows(part.id)]
        for part in again:
            part.ended, part.waiting, part.text_begun = None, [], False
        events: list[BoothEvent] = []
        for part in again:
            events += self._inner.interpret(part.id, now, strict=strict, speed=speed, condensed=condensed)
        if not again:
            current.ended = True
            return [InterpretationEnded(self._lane, utterance, InterpretationOutcome.FAILED, "nothing_heard")]
        return self._of_utterances(events)

    def pace(self, *, speed: float, condensed: bool) -> None:
        self._speed, self._condensed = speed, condensed

    def say(self, utterance: str, text: str, language: str, now: float) -> list[BoothEvent]:
        return self._inner.say(utterance, text, language, now)

    def translate(
        self, utterance: str, text: str, now: float, *, strict: bool, speed: float, condensed: bool
    ) -> list[BoothEvent]:
        return self._inner.translate(utterance, text, now, strict=strict, speed=speed, condensed=condensed)

    def release(self, utterance: str) -> None:
        self._inner.release(utterance)  # texts have no parts
        current = self._utterances.get(utterance)
        for part in current.parts if current is not None else ():
            self._inner.release(part.id)

    def cancel(self, utterance: str) -> None:
        self._inner.cancel(utterance)
        current = self._utterances.pop(utterance, None)
        for part in current.parts if current is not None else ():
            self._inner.cancel(part.id)
            del self._of_part[part.id]

    def brief(self, instructions: str) -> None:
        self._inner.brief(instructions)

    def retire(self, now: float) -> None:
        self._inner.retire(now)

    @property
    def finished(self) -> bool:
        return self._inner.finished

    # --- state

    def knows(self, utterance: str) -> bool:
        current = self._utterances.get(utterance)
        if current is None:
            return self._inner.knows(utterance)
        return not current.complete or any(self._inner.knows(part.id) for part in current.parts)

    def unfinished(self) -> tuple[str, ...]:
        own = [current.id for current in self._utterances.values() if not current.ended]
        return (*own, *(one for one in self._inner.unfinished() if one not in self._of_part))

    @property
    def deadline(self) -> float | None:
        return self._inner.deadline

    def check(self, now: float) -> list[BoothEvent]:
        return self._of_utterances(self._inner.check(now))

    # --- messages of the service

    def receive(self, data: bytes | str, now: float) -> list[BoothEvent]:
        return self._of_utterances(self._inner.receive(data, now))

    def _of_utterances(self, events: Iterable[BoothEvent]) -> list[BoothEvent]:
        """Return events of parts as events of their utterances, in the order of the parts."""
        return [renamed for event in events for renamed in self._of_utterance(event)]

    def _of_utterance(self, event: BoothEvent) -> list[BoothEvent]:
        kinds = InterpretationAudio | InterpretationText | InterpretationEnded | SourceDelta | SourceText
        if not isinstance(event, kinds):
            return [event]
        current = self._of_part.get(event.utterance)
        if current is None:
            return [] if _PART in event.utterance else [event]
        index, part = next((i, part) for i, part in enumerate(current.parts) if part.id == event.utterance)
        if isinstance(event, SourceText):
            return self._source(current, part, event.text)
        if isinstance(event, SourceDelta):
            return self._source_delta(current, index, event)
        if index != current.head:
            part.waiting.append(event)
            return []
        return self._pass_on(current, part, event)

    def _pass_on(self, current: _SegmentedUtterance, part: _Part, event: BoothEvent) -> list[BoothEvent]:
        """Return an event of the first part that has not ended; after its end also those that waited behind it."""
        if isinstance(event, InterpretationText):
            delta = event.delta if part.text_begun or part is current.parts[0] else f" {event.delta}"
            part.text_begun = True
            return [replace(event, utterance=current.id, delta=delta)]
        if isinstance(event, InterpretationAudio):
            return [replace(event, utterance=current.id)]
        assert isinstance(event, InterpretationEnded)
        part.ended = event
        events: list[BoothEvent] = []
        if current.head < len(current.parts):
            following = current.parts[current.head]
            waiting, following.waiting = following.waiting, []
            for later in waiting:
                events += self._pass_on(current, following, later)
            return events
        return self._source_if_all(current) + self._end(current) if current.complete and not current.ended else events

    def _end(self, current: _SegmentedUtterance) -> list[BoothEvent]:
        current.ended = True
        ends = [part.ended for part in current.parts if part.ended is not None and part.ended.reason != "too_short"]
        bad = [end for end in ends if end.outcome is not InterpretationOutcome.COMPLETED]
        usage = sum((end.usage for end in ends), Usage())
        if not ends:
            return [InterpretationEnded(self._lane, current.id, InterpretationOutcome.FAILED, "too_short")]
        if not bad:
            return [InterpretationEnded(self._lane, current.id, InterpretationOutcome.COMPLETED, "", usage)]
        outcome = InterpretationOutcome.INCOMPLETE if len(bad) < len(ends) else bad[0].outcome
        return [InterpretationEnded(self._lane, current.id, outcome, bad[0].reason, usage)]

    def _source_delta(self, current: _SegmentedUtterance, index: int, event: SourceDelta) -> list[BoothEvent]:
        """Pass on what is heard of the first part that is not transcribed; of later parts the transcript tells."""
        part = current.parts[index]
        if current.source_reported or any(before.id not in current.sources for before in current.parts[:index]):
            return []
        delta = event.delta if part.source_begun or not index else f" {event.delta}"
        part.source_begun = True
        return [replace(event, utterance=current.id, delta=delta)]

    def _source(self, current: _SegmentedUtterance, part: _Part, text: str | None) -> list[BoothEvent]:
        current.sources[part.id] = text
        return self._source_if_all(current)

    def _source_if_all(self, current: _SegmentedUtterance) -> list[BoothEvent]:
        """Return the transcript of the utterance, once there is that of each part."""
        wanted = [part.id for part in current.parts if part.ended is None or part.ended.reason != "too_short"]
        if current.source_reported or not current.complete or not all(one in current.sources for one in wanted):
            return []
        current.source_reported = True
        texts = [text for one in wanted if (text := current.sources[one]) is not None]
        return [SourceText(self._lane, current.id, " ".join(texts) if texts else None)] if wanted else []

    # --- helpers

    def _new_part(self, current: _SegmentedUtterance) -> _Part:
        part = _Part(f"{current.id}{_PART}{len(current.parts) + 1}")
        current.parts.append(part)
        self._of_part[part.id] = current
        return part

    def _forget_old(self) -> None:
        over = [current for current in self._utterances.values() if current.ended]
        for current in over[:-KEPT_UTTERANCES]:
            del self._utterances[current.id]
            for part in current.parts:
                self._of_part.pop(part.id, None)


def _begins_quietly(pcm: bytes) -> bool:
    samples = memoryview(pcm[: QUIET_BYTES & ~1]).cast("h")
    return len(samples) * 2 >= QUIET_BYTES and max(samples) <= LEVEL and min(samples) >= -LEVEL
