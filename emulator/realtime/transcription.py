"""Implements the transcription session (`type: "transcription"`): turns are transcribed, there are no responses."""

from __future__ import annotations

from emulator.engine.base import EngineError, Heard, Spoken
from emulator.realtime.audio_input import AudioInput, Turns
from emulator.realtime.base_session import APPEND, UPDATE, BaseSession, ClientEvents
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.plan import ConnectionFaults
from emulator.realtime.item_events import ItemEvents
from emulator.realtime.items import Conversation
from emulator.realtime.recognitions import ItemRecognitions, hinted_languages
from emulator.realtime.schema import Json
from emulator.realtime.session import EngineResult
from emulator.realtime.transcription_config import TranscriptionConfig, default_transcription


class TranscriptionSession(BaseSession):
    """A transcription session; see `session.Session` for its protocol."""

    def __init__(
        self, config: RealtimeConfig, faults: ConnectionFaults, *, model: str, connection_id: str, unix_time: float
    ) -> None:
        """Create a session. `model` is the deployment in the URL, "" for none."""
        super().__init__(config, faults, connection_id=connection_id, unix_time=unix_time)
        context, ids = self._context, self._context.ids
        document = default_transcription(ids.new("sess"), model, config.transcription_object)
        self._config = TranscriptionConfig(document, config.deployments)
        self._conversation = Conversation(ids.new("conv"))
        self._recognitions = ItemRecognitions(context, self._conversation)
        self._input = AudioInput(context, self._config, self._conversation, self._recognitions, Turns(self._languages))
        items = ItemEvents(context, self._config, self._conversation, self._recognitions)
        self._events: ClientEvents = {
            "session.update": (UPDATE, self._update_session),
            "input_audio_buffer.append": (APPEND, self._append_event),
            **self._input.events,
            **items.reading,
        }

    @property
    def _document(self) -> Json:
        return self._config.document

    @property
    def _input_format(self) -> str:
        return self._config.input_format

    def accounts(self) -> dict[str, int]:
        return self._input.accounts()

    def _opened(self, now: float) -> None:
        self._input.restart_detection()

    def _update(self, patch: Json, now: float) -> None:
        before = self._config.turn_detection
        self._config.update(patch)
        if self._config.turn_detection != before:
            self._input.restart_detection()

    def _take_audio(self, pcm: bytes, now: float) -> None:
        self._input.append(pcm, now)

    def _work_completed(self, work: int, result: EngineResult, now: float) -> None:
        match result:
            case Heard() | EngineError():
                self._recognitions.completed(work, result, now)
            case Spoken():
                raise AssertionError("a transcription session requests no interpretation")

    def _languages(self) -> tuple[str, ...]:
        return hinted_languages(self._config.transcription) or self._context.config.default_languages
