"""Implements the conversation session (`type: "realtime"`). No I/O, no clock.

    input buffer --commit--> item in the conversation --response.create--> recognition, interpretation, speech
         ^                          |
    append, VAD                     +--> transcription, if it is configured

Its parts are `session_config` (configuration), `audio_input` (buffer, VAD, commits), `items` and `item_events` (the
conversation), `recognitions` (recognition and transcription events), `responses` and `speech` (audio out). This file
passes client events to them.
"""

from __future__ import annotations

from emulator.engine.base import EngineError, Heard, Spoken
from emulator.realtime.audio_input import AudioInput, Turns
from emulator.realtime.base_session import APPEND, UPDATE, BaseSession, ClientEvents, client_event
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.plan import ConnectionFaults
from emulator.realtime.idle_timeout import IdleTimeout
from emulator.realtime.item_events import ItemEvents
from emulator.realtime.items import ITEM_ID, Conversation
from emulator.realtime.languages import read_direction
from emulator.realtime.recognitions import ItemRecognitions
from emulator.realtime.responses import Responses
from emulator.realtime.schema import Json, an_object, nullable
from emulator.realtime.session import EngineResult
from emulator.realtime.session_config import SessionConfig, default_session


class ConversationSession(BaseSession):
    """A conversation session; see `session.Session` for its protocol."""

    def __init__(
        self, config: RealtimeConfig, faults: ConnectionFaults, *, model: str, connection_id: str, unix_time: float
    ) -> None:
        super().__init__(config, faults, connection_id=connection_id, unix_time=unix_time)
        context, ids = self._context, self._context.ids
        self._config = SessionConfig(default_session(ids.new("sess"), model, 0), config.deployments)
        self._conversation = Conversation(ids.new("conv"))
        self._recognitions = ItemRecognitions(context, self._conversation)
        self._idle = IdleTimeout(context, self._idle_timeout_ms, self._idle_too_long)
        self._responses = Responses(context, self._config, self._conversation, self._recognitions, self._idle)
        turns = Turns(self._languages, self._speech_started, self._turn_ended)
        self._input = AudioInput(context, self._config, self._conversation, self._recognitions, turns)
        items = ItemEvents(context, self._config, self._conversation, self._recognitions)
        self._events: ClientEvents = {
            "session.update": (UPDATE, self._update_session),
            "input_audio_buffer.append": (APPEND, self._append_event),
            **self._input.events,
            **items.writing,
            **items.reading,
            "response.create": (client_event({"response": nullable(an_object)}), self._create_response),
            "response.cancel": (client_event({"response_id": nullable(ITEM_ID)}), self._cancel_response),
        }

    @property
    def _document(self) -> Json:
        return self._config.document

    @property
    def _input_format(self) -> str:
        return self._config.input_format

    def accounts(self) -> dict[str, int]:
        return {**self._input.accounts(), "audio_out": self._responses.audio_out}

    def _opened(self, now: float) -> None:
        if self._context.config.send_conversation_created:
            conversation = {"id": self._conversation.id, "object": "realtime.conversation"}
            self._context.emit("conversation.created", conversation=conversation)
        self._input.restart_detection()

    def _update(self, patch: Json, now: float) -> None:
        before = self._config.turn_detection
        self._config.update(patch, voice_locked=self._responses.audio_out > 0)
        if self._config.turn_detection != before:
            self._input.restart_detection()

    def _take_audio(self, pcm: bytes, now: float) -> None:
        self._input.append(pcm, now)

    def _work_completed(self, work: int, result: EngineResult, now: float) -> None:
        match result:
            case Heard():
                self._recognitions.completed(work, result, now)
            case Spoken():
                self._responses.completed(work, result, now)
            case EngineError():  # each knows its own work numbers and ignores the other's
                self._recognitions.completed(work, result, now)
                self._responses.completed(work, result, now)

    def _create_response(self, event: Json, now: float) -> None:
        self._responses.create(event.get("response") or {}, now)

    def _cancel_response(self, event: Json, now: float) -> None:
        self._responses.cancel(event.get("response_id"), "client_cancelled", now)

    # -- turns

    def _languages(self) -> tuple[str, ...]:
        return self._responses.languages_heard(read_direction(self._config.instructions))

    def _speech_started(self, now: float) -> None:
        detection = self._config.turn_detection
        assert detection is not None
        if detection["interrupt_response"] and self._responses.conversation_is_busy:
            self._responses.cancel(None, "turn_detected", now)
        self._idle.stop()

    def _turn_ended(self, now: float) -> None:
        detection = self._config.turn_detection
        assert detection is not None
        # Documented: a turn that ends while the model still speaks gets no response.
        if detection["create_response"] and not self._responses.conversation_is_busy:
            self._responses.create({}, now)

    def _idle_timeout_ms(self) -> int | None:
        detection = self._config.turn_detection or {}
        timeout_ms: int | None = detection.get("idle_timeout_ms")
        return timeout_ms

    def _idle_too_long(self, now: float) -> None:
        detection = self._config.turn_detection
        assert detection is not None
        if not self._input.speaking and not self._responses.conversation_is_busy:
            self._input.commit_silence(detection["idle_timeout_ms"], now)
            if detection["create_response"]:
                self._responses.create({}, now, unprompted=True)
