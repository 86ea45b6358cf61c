"""Interprets segments of speech and releases the results in the order of the segments.

segment -> recognition -> interpretation -> ready -> on the timeline
              |            |
              +------------+--> silent (same language, nothing understood) or failed
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from emulator.engine.base import BYTES_PER_MS, NO_TERMS, EngineError, Heard, Spoken
from emulator.realtime.context import SessionContext
from emulator.realtime.errors import ApiError
from emulator.realtime.faults.rules import FaultAction, FaultRule
from emulator.realtime.output_timeline import OutputTimeline, Speech
from emulator.realtime.overhearing import GrowingText, Overhearing
from emulator.realtime.segments import Segment
from emulator.realtime.session import EngineResult, Hear, Interpret
from emulator.realtime.speed import misspoken
from emulator.realtime.translation_config import TranslationConfig


@dataclass(slots=True)
class Interpretation:
    """A segment and the state of its interpretation."""

    number: int
    segment: Segment
    due_ms: float
    cut_at: float
    text: GrowingText
    """Of its source transcript."""
    heard: Heard | EngineError | None = None
    written: bool = False
    """Whether the whole source transcript has been passed on."""
    target: str = ""
    spoken: Spoken | None = None
    status: str = ""
    """Final state: spoken, silent, failed or cut; "" while in progress."""
    ready_at: float | None = None
    first_delta_at: float | None = None
    speech: Speech | None = None

    def facts(self, now: float) -> dict[str, object]:
        """Return the journal entry written at its end."""
        heard, segment = self.heard, self.segment
        understood = isinstance(heard, Heard) and heard.text is not None
        return {
            "number": self.number,
            "status": self.status,
            "source": heard.language if isinstance(heard, Heard) else None,
            "target": self.target or None,
            "heard": heard.text if isinstance(heard, Heard) else None,
            "said": self.speech.sent_text.strip() if self.speech is not None else "",
            "understood": understood and (self.spoken is None or self.spoken.understood),
            "start_ms": segment.start_ms,
            "end_ms": segment.end_ms,
            "due_ms": self.due_ms,
            "audio_ms": self.speech.sent_bytes // BYTES_PER_MS if self.speech is not None else 0,
            "cut_at": self.cut_at,
            "ready_at": self.ready_at,
            "first_delta_at": self.first_delta_at,
            "done_at": now,
        }


class Interpretations:
    """The interpretations of one session, from the engine until their output has ended."""

    def __init__(
        self,
        context: SessionContext,
        config: TranslationConfig,
        timeline: OutputTimeline,
        write_source: Callable[[str], None],
        seed: str | None,
    ) -> None:
        """Create the queue. `write_source` gets the source transcripts of the segments, in order."""
        self._context = context
        self._config = config
        self._timeline = timeline
        self._write_source = write_source
        self._random = Random(seed)
        self.overhearing = Overhearing(context, write_source)
        self._pending: deque[Interpretation] = deque()
        self._by_work: dict[int, Interpretation] = {}
        self.audible: dict[int, Interpretation] = {}
        """Interpretations on the timeline whose output has not ended, by number."""
        self._count = 0

    def __len__(self) -> int:
        """Return the number of segments whose interpretation is not ready."""
        return len(self._pending)

    def start(self, segment: Segment, now: float) -> None:
        """Start the recognition of a segment."""
        self._count += 1
        lag_ms = self._random.uniform(*self._context.config.translation.lag_ms)
        one = Interpretation(
            self._count, segment, segment.start_ms + lag_ms, now, self.overhearing.text_of(segment.start_ms)
        )
        self._pending.append(one)
        work = self._context.new_work()
        self._by_work[work] = one
        self._context.effect(Hear(work, segment.pcm, self._context.config.translation.listens_for))
        self._context.fault_point("committed", response=one.number)

    def completed(self, work: int, result: EngineResult, now: float) -> None:
        if self.overhearing.completed(work, result, tell=all(one.written for one in self._pending)):
            return
        if (one := self._by_work.pop(work, None)) is None:
            return
        match result:
            case Heard():
                one.heard = result
                self._interpret(one, result)
            case Spoken():
                one.spoken = result
                one.status = "spoken" if result.text or result.pcm else "silent"
            case EngineError():
                one.heard = one.heard or result
                self._fail(one, ApiError("server_error", str(result), kind="server_error"))
        self._write_sources(now)
        self._release(now)

    def heard_first(self, number: int, now: float) -> None:
        """Note when the client got the first audio of an interpretation."""
        self.audible[number].first_delta_at = now

    def over(self, number: int, now: float, status: str = "spoken") -> None:
        """End an interpretation and write its journal entry."""
        one = self.audible.pop(number)
        one.status = status
        self._context.note("realtime.interpretation", **one.facts(now))

    # -- towards the engine

    def _interpret(self, one: Interpretation, heard: Heard) -> None:
        if heard.text is None and not self._context.config.translation.says_not_understood:
            one.status = "silent"
            return
        one.target = self._config.language
        if fault := self._take("fail_response", one):
            self._fail(one, ApiError(fault.error_code, fault.message, kind=fault.error_type))
            return
        target = fault.language if (fault := self._take("wrong_language", one)) else one.target
        work = self._context.new_work()
        self._by_work[work] = one
        self._context.effect(Interpret(work, heard, target, NO_TERMS))

    def _fail(self, one: Interpretation, error: ApiError) -> None:
        one.status = "failed"
        self._context.error(error)

    # -- from the engine, in order

    def _write_sources(self, now: float) -> None:
        for one in self._pending:
            if one.heard is None:
                return
            if not one.written:
                one.written = True
                if isinstance(one.heard, Heard) and one.heard.text and self._config.transcribes:
                    self._write(one.text.rest(one.heard.text), now)

    def _write(self, text: str, now: float) -> None:
        faults = self._context.faults
        if faults.take("fail_transcription"):
            return  # the protocol has no event for it
        if late := faults.take("delay_transcription"):
            self._context.agenda.at(now + late.seconds, lambda at: self._write_source(text))
        else:
            self._write_source(text)

    def _release(self, now: float) -> None:
        """Release everything that is ready, up to the first segment that is not."""
        while self._pending and self._pending[0].status:
            one = self._pending.popleft()
            one.ready_at = now
            self.audible[one.number] = one
            if one.status == "spoken":
                self._speak(one)
            else:
                self.over(one.number, now, one.status)

    def _speak(self, one: Interpretation) -> None:
        spoken = self._misinterpreted(one)
        if late := self._take("delay_response", one):
            one.due_ms += late.seconds * 1000
        one.speech = Speech(one.number, one.target, spoken.text, spoken.pcm, one.due_ms)
        self._timeline.add(one.speech)
        self._context.fault_point("response", response=one.number, target=one.target)

    def _misinterpreted(self, one: Interpretation) -> Spoken:
        """Return the interpretation, changed by fault rules if any apply. Replaced text keeps its audio."""
        spoken = one.spoken
        assert spoken is not None
        if fault := self._take("say", one):
            spoken = replace(spoken, text=fault.text)
        if self._take("echo", one) and isinstance(one.heard, Heard):
            spoken = replace(spoken, text=one.heard.text or "", pcm=one.segment.pcm)
        if self._take("double_audio", one):
            spoken = replace(spoken, pcm=spoken.pcm * 2)
        return misspoken(spoken, lambda do: self._take(do, one))

    def _take(self, do: FaultAction, one: Interpretation) -> FaultRule | None:
        return self._context.faults.take(do, response=one.number, target=one.target or None)
