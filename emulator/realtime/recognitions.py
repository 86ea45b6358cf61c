"""Recognises each audio item once per set of languages, for transcription and responses alike.

pending --completed--> known        sends transcription events, then calls the listeners
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from emulator.engine.base import BYTES_PER_MS, EngineError, Heard
from emulator.realtime.context import SessionContext
from emulator.realtime.deployments import known_as
from emulator.realtime.items import Conversation, Item
from emulator.realtime.languages import primary_subtag
from emulator.realtime.schema import Json
from emulator.realtime.session import Abandon, Hear
from emulator.realtime.speech import spread
from emulator.realtime.usage import text_tokens, user_audio_tokens

Listener = Callable[[Heard | EngineError, float], None]

UNINTELLIGIBLE = "audio_unintelligible"


@dataclass(slots=True)
class ItemRecognition:
    """The recognition of one item with one set of candidate languages."""

    work: int
    item: Item
    languages: tuple[str, ...]
    result: Heard | EngineError | None = None
    listeners: dict[str, Listener] = field(default_factory=dict)
    """Listeners by response id."""
    transcription: Json | None = None
    """The session's transcription settings at commit; None if transcription was off."""


class ItemRecognitions:
    """The recognitions of one session, about the items of its conversation."""

    def __init__(self, context: SessionContext, conversation: Conversation) -> None:
        self._context = context
        self._conversation = conversation
        self._by_work: dict[int, ItemRecognition] = {}
        self._by_item: dict[tuple[str, tuple[str, ...]], ItemRecognition] = {}

    def transcribe(self, item: Item, transcription: Json, languages: tuple[str, ...]) -> None:
        """Start a transcription at commit; `conversation.item.input_audio_transcription.*` follow when ready."""
        self._recognition(item, languages).transcription = transcription

    def listen(self, response_id: str, item: Item, languages: tuple[str, ...], listener: Listener, now: float) -> None:
        """Call `listener` once with the result, immediately if it is known."""
        recognition = self._recognition(item, languages)
        if recognition.result is not None:
            listener(recognition.result, now)
        else:
            recognition.listeners[response_id] = listener

    def stop_listening(self, response_id: str) -> None:
        """Remove a response's listener and abandon work that has no listener left."""
        for recognition in list(self._by_work.values()):
            wanted = recognition.listeners.pop(response_id, None) is not None
            if wanted and not recognition.listeners and recognition.transcription is None:
                self._drop(recognition)
                self._context.effect(Abandon(recognition.work))

    def forget(self, item_id: str) -> None:
        """Drop the results of a deleted item; running work continues while it has listeners."""
        for key in [key for key in self._by_item if key[0] == item_id]:
            recognition = self._by_item.pop(key)
            if recognition.result is None and not recognition.listeners:
                self._drop(recognition)
                self._context.effect(Abandon(recognition.work))

    def completed(self, work: int, result: Heard | EngineError, now: float) -> None:
        if (recognition := self._by_work.pop(work, None)) is None:
            return  # abandoned meanwhile
        recognition.result = result
        if not self._is_kept(recognition.item.id):
            self._drop(recognition)
        if recognition.transcription is not None:
            self._transcribed_later(recognition, now)
        listeners, recognition.listeners = recognition.listeners, {}
        for listener in listeners.values():
            listener(result, now)

    def _is_kept(self, item_id: str) -> bool:
        return self._conversation.find(item_id) is not None

    def _recognition(self, item: Item, languages: tuple[str, ...]) -> ItemRecognition:
        key = (item.id, languages)
        if (known := self._by_item.get(key)) is not None:
            return known
        recognition = ItemRecognition(self._context.new_work(), item, languages)
        self._by_item[key] = self._by_work[recognition.work] = recognition
        self._context.effect(Hear(recognition.work, item.pcm, languages))
        return recognition

    def _drop(self, recognition: ItemRecognition) -> None:
        self._by_work.pop(recognition.work, None)
        self._by_item.pop((recognition.item.id, recognition.languages), None)

    def _transcribed_later(self, recognition: ItemRecognition, now: float) -> None:
        late = self._context.faults.take("delay_transcription")
        if late is None:
            self._transcribed(recognition, now)
        else:
            self._context.agenda.at(now + late.seconds, lambda at: self._transcribed(recognition, at))

    def _transcribed(self, recognition: ItemRecognition, now: float) -> None:
        item, heard = recognition.item, recognition.result
        assert recognition.transcription is not None
        if not self._is_kept(item.id):
            return  # the item was deleted meanwhile
        broken = self._context.faults.take("fail_transcription")
        text = heard.text if isinstance(heard, Heard) and broken is None else None
        misheard = None if text is None else self._context.faults.take("mishear")
        text = text if misheard is None else misheard.text
        self._context.note(
            "realtime.transcription",
            item_id=item.id,
            languages=list(recognition.languages),
            text=text,
            understood=text is not None,
            committed_at=item.at,
            done_at=now,
        )
        place = {"item_id": item.id, "content_index": 0}
        if text is None:
            if broken is not None:
                problem = {"code": broken.error_code, "message": broken.message}
            elif isinstance(heard, EngineError):
                problem = {"code": "transcription_failed", "message": str(heard)}
            else:
                problem = {"code": UNINTELLIGIBLE, "message": "The audio could not be transcribed."}
            error = {"type": "transcription_error", "param": None, **problem}
            self._context.emit("conversation.item.input_audio_transcription.failed", **place, error=error)
            return
        model = known_as(self._context.config.deployments, recognition.transcription.get("model") or "")
        deltas = [text] if model == "whisper-1" or not text else _words(text)
        slow = self._context.faults.take("spread_transcription")
        if slow is None:
            for delta in deltas:
                self._emit_delta(place, delta, now)
            self._emit_completed(recognition, model, text)
            return
        for index, delta in enumerate(deltas):
            self._context.agenda.at(now + slow.seconds * index / len(deltas), partial(self._emit_delta, place, delta))
        self._context.agenda.at(now + slow.seconds, lambda at: self._emit_completed(recognition, model, text))

    def _emit_delta(self, place: Json, delta: str, now: float) -> None:
        obfuscation = self._context.ids.obfuscation(delta)
        kind = "conversation.item.input_audio_transcription.delta"
        self._context.emit(kind, **place, delta=delta, obfuscation=obfuscation)

    def _emit_completed(self, recognition: ItemRecognition, model: str, text: str) -> None:
        item, heard = recognition.item, recognition.result
        place = {"item_id": item.id, "content_index": 0}
        item.document = {**item.document, "content": [{"type": "input_audio", "transcript": text}]}
        members: Json = {"transcript": text, "usage": self._usage(model, item, text)}
        if model == "gpt-transcribe" and isinstance(heard, Heard):
            members["languages"] = [{"code": heard.language}]
        self._context.emit("conversation.item.input_audio_transcription.completed", **place, **members)

    def _usage(self, model: str, item: Item, text: str) -> Json:
        kind: Literal["auto", "tokens", "duration"] = self._context.config.transcription_usage
        if kind == "duration" or (kind == "auto" and "whisper" in model):
            return {"type": "duration", "seconds": len(item.pcm) / BYTES_PER_MS / 1000}
        audio, words = user_audio_tokens(len(item.pcm)), text_tokens(text)
        return {
            "type": "tokens",
            "total_tokens": audio + words,
            "input_tokens": audio,
            "output_tokens": words,
            "input_token_details": {"text_tokens": 0, "audio_tokens": audio},
        }


def _words(text: str) -> list[str]:
    return ["".join(words) for words in spread(text, max(1, len(text.split())))]


def hinted_languages(transcription: Json | None) -> tuple[str, ...]:
    """Return the languages that the transcription settings name, as primary subtags."""
    if transcription is None:
        return ()
    hints = [transcription.get("language"), *(transcription.get("languages") or [])]
    return tuple(dict.fromkeys(primary_subtag(hint) for hint in hints if hint))
