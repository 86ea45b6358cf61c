"""Implements the translation session (`type: "translation"`): interprets continuous audio while the speaker goes on.

    append -> 200 ms frames -> segments -> recognition, interpretation -> timeline -> deltas
                   |                                                   ^
                   +---- model time: it passes only as audio comes ----+

Its parts are `translation_config` (configuration), `engine_frames` and `segments` (audio in), `interpretations` (the
engine's work, in order), `output_timeline` and `translation_output` (audio out). This file keeps the model's time.
"""

from __future__ import annotations

from emulator.realtime.base_session import UPDATE, BaseSession, ClientEvents, client_event
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.engine_frames import EngineFrames
from emulator.realtime.errors import ApiError
from emulator.realtime.faults.plan import ConnectionFaults
from emulator.realtime.faults.rules import Point
from emulator.realtime.interpretations import Interpretations
from emulator.realtime.output_timeline import OutputTimeline, Reached, Speech
from emulator.realtime.schema import Json, string
from emulator.realtime.segments import Segmenter
from emulator.realtime.session import EngineResult
from emulator.realtime.translation_config import TranslationConfig, default_translation
from emulator.realtime.translation_model import FRAME_MS
from emulator.realtime.translation_output import OUTPUT_TRANSCRIPT, TranslationOutput

APPEND = "session.input_audio_buffer.append"

POINTS: dict[Reached, Point] = {
    "word": "mid_word",
    "first": "first_delta",
    "half": "mid_response",
    "done": "done",
}


class TranslationSession(BaseSession):
    """A translation session; see `session.Session` for its protocol."""

    def __init__(
        self, config: RealtimeConfig, faults: ConnectionFaults, *, model: str, connection_id: str, unix_time: float
    ) -> None:
        super().__init__(
            config,
            faults,
            connection_id=connection_id,
            unix_time=unix_time,
            append=APPEND,
            idle_event=(OUTPUT_TRANSCRIPT, {"delta": ""}),
        )
        context, behaviour = self._context, config.translation

        def seed(part: str) -> str | None:
            return None if config.seed is None else f"{config.seed}/{connection_id}/{part}"

        self._config = TranslationConfig(default_translation(context.ids.new("sess"), model), config.deployments)
        self._frames = EngineFrames()
        self._segmenter = Segmenter(behaviour.pause_ms, behaviour.cap_ms)
        self._timeline = OutputTimeline(behaviour.text_lead_ms, behaviour.noise_peak, seed("text"))
        self._output = TranslationOutput(context, behaviour.output, self._timeline, self._reached, seed("output"))
        self._interpretations = Interpretations(
            context, self._config, self._timeline, self._output.write_source, seed("lag")
        )
        self._step_s = FRAME_MS / 1000 / behaviour.output.catch_up
        self._model_ms = 0
        self._next_step_at = 0.0
        self._waits = False  # a step is on the agenda
        self._closing = self._flushed = self._hung = False
        self._events: ClientEvents = {
            "session.update": (UPDATE, self._update_session),
            APPEND: (client_event({"audio": string()}, ["audio"]), self._append_event),
            "session.close": (client_event({}), self._close),
        }

    @property
    def _document(self) -> Json:
        return self._config.document

    @property
    def _input_format(self) -> str:
        return "audio/pcm"

    def accounts(self) -> dict[str, int]:
        segmenter, output = self._segmenter, self._output
        return {
            "audio_in": self._frames.received,
            "audio_in_heard": segmenter.cut,
            "audio_in_dropped": segmenter.dropped,
            "audio_in_waiting": self._frames.waiting + segmenter.waiting,
            "audio_out": output.sent,
            "speech_waiting": self._timeline.waiting,
        }

    def _opened(self, now: float) -> None:
        pass  # no further event, and nothing happens before the first audio

    def _update(self, patch: Json, now: float) -> None:
        self._refuse_when_closing()
        self._config.update(patch)

    def _take_audio(self, pcm: bytes, now: float) -> None:
        self._refuse_when_closing()
        self._frames.append(pcm)
        self._run(now)

    def _close(self, event: Json, now: float) -> None:
        """End the session once everything received has been translated; repeating it changes nothing."""
        self._closing = True
        self._frames.flush()
        self._run(now)

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise ApiError(None, "The session is closing: it takes no more input.")

    def _work_completed(self, work: int, result: EngineResult, now: float) -> None:
        self._interpretations.completed(work, result, now)
        self._run(now)

    # -- model time

    def _run(self, now: float) -> None:
        """Run every due step and schedule the next one."""
        while not self._stopped and self._has_step():
            if self._next_step_at > now:
                if not self._waits:
                    self._waits = True
                    self._context.agenda.at(self._next_step_at, self._resume)
                return
            self._next_step_at = max(self._next_step_at, now) + self._step_s
            self._step(now)
        if self._closing and self._flushed and not (self._stopped or self._timeline or self._interpretations):
            self._finish()

    def _resume(self, now: float) -> None:
        self._waits = False
        self._run(now)

    @property
    def _stopped(self) -> bool:
        return self._hung or self._context.ended

    def _has_step(self) -> bool:
        """Return whether a step is pending: input drives the model, and unsent speech while closing."""
        return bool(self._frames) or (self._closing and (not self._flushed or bool(self._timeline)))

    def _step(self, now: float) -> None:
        self._model_ms += FRAME_MS
        segments = self._segmenter.feed(self._frames.take()) if self._frames else []
        if self._closing and not self._frames and not self._flushed:
            self._flushed = True
            segments += self._segmenter.flush()
        for segment in segments:
            self._interpretations.start(segment, now)
        if self._config.transcribes and (unfinished := self._segmenter.unfinished) is not None:
            self._interpretations.overhearing.grown(unfinished)
        self._output.step(self._model_ms)

    def _finish(self) -> None:
        self._output.finish(self._model_ms)
        if self._stopped:  # a fault rule ended the session
            return
        if self._context.faults.take("omit_done"):
            self._hung = True
            return
        self._context.emit("session.closed")
        self._context.end(1000, "")

    # -- what the client has of each interpretation

    def _reached(self, speech: Speech, reached: Reached) -> None:
        context, interpretations, number = self._context, self._interpretations, speech.number
        if number not in interpretations.audible:
            return  # ended by a fault rule before
        if reached == "first":
            interpretations.heard_first(number, context.now)
            if context.config.on_first_delta is not None:
                context.config.on_first_delta(f"{self.id}/{number}", context.now)
        if reached == "done":
            interpretations.over(number, context.now)
        context.fault_point(POINTS[reached], response=number, target=speech.target)
        if reached == "first" and context.faults.take("hang_response", response=number, target=speech.target):
            self._hung = True
        if reached == "half" and context.faults.take("incomplete_response", response=number, target=speech.target):
            if self._timeline.head is speech:
                self._timeline.drop_head()
            interpretations.over(number, context.now, "cut")
