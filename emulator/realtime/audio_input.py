"""Handles input audio for session types with turns: buffer, speech detection, commits and the resulting items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emulator.realtime.audio_settings import InputSettings
from emulator.realtime.base_session import ClientEvents, client_event
from emulator.realtime.context import SessionContext
from emulator.realtime.input_buffer import InputBuffer
from emulator.realtime.item_events import announce_item
from emulator.realtime.items import Conversation, audio_item
from emulator.realtime.recognitions import ItemRecognitions
from emulator.realtime.schema import Json
from emulator.realtime.vad import EnergyDetector, SpeechStarted, SpeechStopped

SILENCE_KEPT_MS = 10_000
"""Silence kept while no speech is detected. Older silence is only needed as prefix padding."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Callbacks of a session for speech, besides committing it."""

    languages: Callable[[], tuple[str, ...]]
    """Returns the candidate languages of the item that is being committed."""
    started: Callable[[float], None] = lambda now: None
    """Called when the detector finds the start of speech."""
    ended: Callable[[float], None] = lambda now: None
    """Called when the detector finds the end of speech, after the commit."""


class AudioInput:
    """The input audio buffer, its speech detector and its commits."""

    def __init__(
        self,
        context: SessionContext,
        settings: InputSettings,
        conversation: Conversation,
        recognitions: ItemRecognitions,
        turns: Turns,
    ) -> None:
        self._context = context
        self._settings = settings
        self._conversation = conversation
        self._recognitions = recognitions
        self._turns = turns
        self._buffer = InputBuffer()
        self._committed = 0
        self._detector: EnergyDetector | None = None
        self._announced_item_id: str | None = None  # sent with speech_started, used at the commit
        self.events: ClientEvents = {
            "input_audio_buffer.commit": (client_event({}), self._commit),
            "input_audio_buffer.clear": (client_event({}), self._clear),
        }

    def append(self, pcm: bytes, now: float) -> None:
        """Append audio and detect speech in it. Raises ApiError."""
        self._buffer.append(pcm)
        if self._detector is not None:
            for change in self._detector.feed(pcm):
                self._speech_changed(change, now)
            if not self._detector.speaking:
                self._buffer.drop_until(self._buffer.end_ms - SILENCE_KEPT_MS)

    @property
    def speaking(self) -> bool:
        """Return whether the detector hears speech."""
        return self._detector is not None and self._detector.speaking

    def commit_silence(self, milliseconds: int, now: float) -> None:
        """Commit the silence at the end of the buffer after an idle timeout, and announce that."""
        end_ms = self._buffer.end_ms
        self._buffer.drop_until(end_ms - milliseconds)
        item_id = self._announced_item_id = self._context.ids.new("item")
        place = {"audio_start_ms": self._buffer.start_ms, "audio_end_ms": end_ms, "item_id": item_id}
        self._context.emit("input_audio_buffer.timeout_triggered", **place)
        self._commit_audio(self._buffer.take_until(end_ms + 1), now)

    def restart_detection(self) -> None:
        """Restart speech detection with the current configuration, from the end of the buffered audio."""
        detection = self._settings.turn_detection
        self._detector = None if detection is None else EnergyDetector(detection, self._buffer.end_ms)

    def accounts(self) -> dict[str, int]:
        buffer = self._buffer
        return {
            "audio_in": buffer.appended,
            "audio_in_committed": self._committed,
            "audio_in_dropped": buffer.dropped,
            "audio_in_waiting": buffer.size,
        }

    def _commit(self, event: Json, now: float) -> None:
        self._commit_audio(self._buffer.commit(), now)
        self.restart_detection()

    def _clear(self, event: Json, now: float) -> None:
        self._buffer.clear()
        self._announced_item_id = None
        self.restart_detection()
        self._context.emit("input_audio_buffer.cleared")

    def _commit_audio(self, pcm: bytes, now: float) -> None:
        """Turn the audio into an item and start its transcription."""
        context = self._context
        self._committed += len(pcm)
        item = audio_item(self._announced_item_id or context.ids.new("item"), pcm, now, self._settings.input_format)
        self._announced_item_id = None
        previous = self._conversation.add(item)
        context.emit("input_audio_buffer.committed", previous_item_id=previous, item_id=item.id)
        announce_item(context, item, previous)
        context.note("realtime.committed", item_id=item.id, audio_ms=item.audio_ms)
        if (transcription := self._settings.transcription) is not None:
            self._recognitions.transcribe(item, transcription, self._turns.languages())
        context.fault_point("committed")

    def _speech_changed(self, change: SpeechStarted | SpeechStopped, now: float) -> None:
        match change:
            case SpeechStarted(start_ms):
                self._buffer.drop_until(start_ms)
                item_id = self._announced_item_id = self._context.ids.new("item")
                self._context.emit("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item_id)
                self._turns.started(now)
            case SpeechStopped(end_ms):
                self._context.emit(
                    "input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=self._announced_item_id
                )
                self._commit_audio(self._buffer.take_until(end_ms), now)
                self._turns.ended(now)
