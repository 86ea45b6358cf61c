"""A translation session as an interpreter uses it: a stream without turns, divided among utterances by position.

The service is sent audio without gaps, silence included: its model would join what lies on both sides of a gap. It
sends audio and text back some seconds later, and never says to which utterance they belong or where they end. Which
utterance output belongs to is decided by `stream_alignment.py`. An utterance has ended when the output is the next
one's, or when it has been quiet for long enough after the end of what was heard. No sockets, no event loop, no clock.
"""

from __future__ import annotations

import math
from collections import deque

import pybase64

from bot.interpreting.events import (
    BoothEvent,
    BoothUsed,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    SourceDelta,
    SourceText,
    Usage,
)
from bot.interpreting.plan import Lane, primary
from bot.realtime.conversation_turns import longest_interpretation
from bot.realtime.errors import SessionError
from bot.realtime.messages import RATE, ServerMessage
from bot.realtime.noise_gate import NoiseGate
from bot.realtime.session_base import SessionRules
from bot.realtime.stream_alignment import StreamAlignment, StreamedUtterance
from bot.realtime.translation_messages import (
    CLOSE,
    SILENCE,
    STEP_BYTES,
    STEP_MS,
    TranslationSettings,
    append,
    translation_config,
)

STEP_S = STEP_MS / 1000

HEARING_JITTER_S = 0.4
"""How late a speaker's audio may be before silence is sent in its place."""
QUIET_S = 2.0
"""Silence after which an interpretation has ended."""
OVERTIME_S = 3.0
"""How much longer an interpretation that follows another one may take to begin."""
SOURCE_LAG_MS = 1_000.0
"""No word is recognised sooner after its utterance began."""
REPORTED_EVERY_MS = 5_000
"""Streamed audio after which it is reported, if no utterance ends before: that much is not counted if the session is
lost."""

TRANSLATION = "translation"


class TranslationSession(SessionRules):
    """Implements `RealtimeSession` over a stream without turns."""

    engine = TRANSLATION
    append_bytes = STEP_BYTES
    _VITAL = ("audio.output.language",)

    def __init__(self, lane: Lane, settings: TranslationSettings) -> None:
        super().__init__(lane, translation_config(primary(lane.target), settings))
        self._gate = NoiseGate()
        self._alignment = StreamAlignment()
        self._utterances = self._alignment.utterances
        self._hearing: StreamedUtterance | None = None
        self._recent: deque[StreamedUtterance] = deque(maxlen=4)
        """The latest utterances, ended or not."""
        self._rest = b""
        """Audio that does not fill a step yet."""
        self._odd_byte = b""
        self._sent_until: float | None = None
        """The moment up to which the service was sent audio; None before the first."""
        self._position_ms = 0.0
        """Audio sent since the beginning."""
        self._last_output_at = -math.inf
        self._transcribes = settings.transcribe is not None
        self._unreported_ms = 0
        """Audio streamed since it was last reported."""
        self._retiring = self._closing = self._closed = False

    # --- requests

    def hear(self, utterance: str, pcm: bytes, now: float) -> None:
        current = self._utterances.get(utterance)
        if current is None:
            if self._hearing is not None:
                raise ValueError(f"{self._hearing.id} is still being heard")
            current = self._utterances[utterance] = self._hearing = StreamedUtterance(utterance, self._position_ms)
            self._recent.append(current)
        if current is not self._hearing:
            raise ValueError(f"{utterance} is complete")
        current.heard += len(pcm)
        self._rest += pcm
        while len(self._rest) >= STEP_BYTES:
            self._send_step(append(self._rest[:STEP_BYTES]), now)
            self._rest = self._rest[STEP_BYTES:]

    def interpret(
        self, utterance: str, now: float, *, strict: bool = False, speed: float = 1.0, condensed: bool = False
    ) -> list[BoothEvent]:
        """End the utterance. This kind of session supports neither options nor a second interpretation."""
        current = self._utterances.get(utterance)
        if current is None or current is not self._hearing:
            return [InterpretationEnded(self._lane, utterance, InterpretationOutcome.FAILED, "not_supported")]
        self._end_hearing(now)
        current.ended_at = now
        return []

    def say(self, utterance: str, text: str, language: str, now: float) -> list[BoothEvent]:
        return [InterpretationEnded(self._lane, utterance, InterpretationOutcome.FAILED, "not_supported")]

    def translate(
        self, utterance: str, text: str, now: float, *, strict: bool, speed: float, condensed: bool
    ) -> list[BoothEvent]:
        """Refuse: these sessions take audio alone."""
        return self.say(utterance, text, "", now)

    def release(self, utterance: str) -> None:
        pass  # ended utterances are not kept

    def cancel(self, utterance: str) -> None:
        current = self._utterances.get(utterance)
        if current is None:
            return
        current.over = True
        if current is self._hearing:
            ended_at = self._sent_until or 0.0
            self._end_hearing(ended_at)
            current.ended_at = ended_at

    def brief(self, instructions: str) -> None:
        pass  # this kind of session takes no instructions

    def retire(self, now: float) -> None:
        self._retiring = True
        if self._hearing is None:
            self._close()

    @property
    def finished(self) -> bool:
        return self._closed

    def knows(self, utterance: str) -> bool:
        current = self._utterances.get(utterance)
        return current is not None and current is self._hearing

    def unfinished(self) -> tuple[str, ...]:
        return tuple(current.id for current in self._utterances.values() if not current.over)

    # --- time

    @property
    def deadline(self) -> float | None:
        moments = [moment for moment in (self._silence_due(), self._end_due()) if moment is not None]
        return min(moments, default=None)

    def check(self, now: float) -> list[BoothEvent]:
        """Fill gaps with silence, and end utterances that were quiet for long enough."""
        silence_due = self._silence_due()
        if silence_due is not None and now >= silence_due:
            if self._rest:
                step, self._rest = self._rest.ljust(STEP_BYTES, b"\0"), b""
                self._send_step(append(step), now)
            else:
                self._send_step(SILENCE, now)
        events = self._endings(now)
        if self._unreported_ms >= REPORTED_EVERY_MS or (events and self._unreported_ms):
            events.append(self._used())
        return events

    def _used(self) -> BoothUsed:
        """Report what was streamed, which is what this kind of session is paid for."""
        streamed_ms, self._unreported_ms = self._unreported_ms, 0
        transcribed_ms = streamed_ms if self._transcribes else 0
        return BoothUsed(self._lane, Usage(translation_ms=streamed_ms, transcription_ms=transcribed_ms))

    def _silence_due(self) -> float | None:
        if not self.ready or self._closing:
            return None
        if self._sent_until is None:
            return -math.inf
        return self._sent_until + (HEARING_JITTER_S if self._hearing is not None else 0.0)

    def _send_step(self, message: str, now: float) -> None:
        """Send a step of audio. If sending is late by more than a step, the stream does not catch up."""
        self._outgoing.append(message)
        self._unreported_ms += STEP_MS
        self._position_ms += STEP_MS
        began = now if self._sent_until is None else max(self._sent_until, now - STEP_S)
        self._sent_until = began + STEP_S

    def _end_hearing(self, now: float) -> None:
        hearing, self._hearing = self._hearing, None
        if self._rest:
            step, self._rest = self._rest.ljust(STEP_BYTES, b"\0"), b""
            self._send_step(append(step), now)
        assert hearing is not None
        hearing.end_ms = self._position_ms
        if self._retiring:
            self._close()

    def _close(self) -> None:
        if not self._closing:
            self._closing = True
            self._outgoing.append(CLOSE)

    # --- which utterance output belongs to

    def _end_due(self) -> float | None:
        """Return when the oldest utterance ends if there is no more output; None while it is being heard."""
        oldest = self._alignment.oldest
        if oldest is None or oldest.ended_at is None:
            return None
        usual = oldest.ended_at + self._alignment.lag_ms / 1000 + 1.0
        if oldest.last_output_at is None:
            return max(usual, self._last_output_at + OVERTIME_S)
        return max(usual, oldest.last_output_at + QUIET_S)

    def _endings(self, now: float) -> list[BoothEvent]:
        events: list[BoothEvent] = []
        while (due := self._end_due()) is not None and now >= due:
            events += self._end(self._alignment.pop())
        return events

    def _position(self, message: ServerMessage) -> float:
        """Return the position of output, in milliseconds of input: that of the latest input if it is not told."""
        told = message.elapsed_ms
        return self._position_ms if told is None else min(max(told, 0.0), self._position_ms)

    def _end(
        self,
        current: StreamedUtterance,
        outcome: InterpretationOutcome = InterpretationOutcome.COMPLETED,
        reason: str = "",
    ) -> list[BoothEvent]:
        if current.over:
            return []
        current.over = True
        events: list[BoothEvent] = []
        if current.source:
            events.append(SourceText(self._lane, current.id, current.source.strip()))
        return [*events, InterpretationEnded(self._lane, current.id, outcome, reason)]

    def _belongs(self, current: StreamedUtterance | None, now: float) -> bool:
        """Note output of an utterance, and return whether it is wanted."""
        self._last_output_at = now
        if current is not None:
            current.last_output_at = now
        return current is not None and not current.over

    # --- messages of the service

    def _audio(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        formats = (message.sample_rate or RATE, message.channels or 1, message.format or "pcm16")
        if formats != (RATE, 1, "pcm16"):
            raise SessionError("unknown_format", "the audio does not have the documented format", retryable=False)
        pcm = self._odd_byte + pybase64.b64decode(message.delta, validate=True)
        whole = len(pcm) & ~1
        self._odd_byte = pcm[whole:]
        pcm = self._gate.feed(pcm[:whole])
        events = self._endings(now)
        if not pcm:
            return events
        at_ms = self._position(message)
        while self._alignment.passed(at_ms):
            events += self._end(self._alignment.pop(at_ms))
        current = self._alignment.voice(at_ms, at_ms + STEP_MS, len(pcm))
        if current is None or not self._belongs(current, now):
            return events + self._ignored()
        room = longest_interpretation(current.heard) - (current.spoken - len(pcm))
        if len(pcm) > room:
            if room > 0:
                events.append(InterpretationAudio(self._lane, current.id, pcm[:room]))
            if current.ended_at is None:
                return events  # it is still being heard, so it cannot end yet
            return events + self._end(current, InterpretationOutcome.INCOMPLETE, "endless")
        return [*events, InterpretationAudio(self._lane, current.id, pcm)]

    def _text(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        events = self._endings(now)
        if not message.delta:
            return events
        current = self._alignment.text(self._position(message))
        if current is None or not self._belongs(current, now):
            return events + self._ignored()
        return [*events, InterpretationText(self._lane, current.id, message.delta)]

    def _source_text(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        """Add to the words of the latest utterance that began long enough ago to be recognised."""
        if not self._recent:
            return self._ignored()
        known_ms = self._position(message) - SOURCE_LAG_MS
        begun = [utterance for utterance in self._recent if utterance.start_ms <= known_ms]
        current = begun[-1] if begun else self._recent[0]
        if current.over:
            return self._ignored()
        current.source += message.delta
        return [SourceDelta(self._lane, current.id, message.delta)] if message.delta else []

    def _session_closed(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        """End all utterances: the service has sent all output."""
        if not self._closing:
            raise SessionError("closed", "the service has ended the session")
        self._closed = True
        ended = [event for current in self._utterances.values() for event in self._end(current)]
        self._utterances.clear()
        return [*ended, self._used()] if self._unreported_ms else ended

    def _error(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        error, code = self._read_error(message)
        return self._report(error, code)

    _HANDLERS = {
        "session.output_audio.delta": _audio,
        "session.output_transcript.delta": _text,
        "session.input_transcript.delta": _source_text,
        "session.created": SessionRules._created,
        "session.updated": SessionRules._updated,
        "session.closed": _session_closed,
        "error": _error,
    }
