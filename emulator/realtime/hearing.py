"""What was heard in each audio item: recognised once per item and languages, for transcription and responses alike.

pending --completed--> known        waiters are told, transcription events go out, in that order of request
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from emulator.engine.base import BYTES_PER_MS, EngineError, Heard
from emulator.realtime.context import SessionContext
from emulator.realtime.deployments import known_as
from emulator.realtime.items import Conversation, Item
from emulator.realtime.languages import primary_subtag
from emulator.realtime.session import Abandon, Hear
from emulator.realtime.speech import spread
from emulator.realtime.usage import text_tokens, user_audio_tokens

Json = dict[str, Any]
Listener = Callable[[Heard | EngineError, float], None]

UNINTELLIGIBLE = "audio_unintelligible"


@dataclass(slots=True)
class Hearing:
    """One recognition."""

    work: int
    item: Item
    languages: tuple[str, ...]
    result: Heard | EngineError | None = None
    listeners: dict[str, Listener] = field(default_factory=dict)
    """By response id."""
    transcription: Json | None = None
    """The session's transcription settings at commit; None when no transcription is wanted."""


class Hearings:
    """The recognitions of one session, about the items of its conversation."""

    def __init__(self, context: SessionContext, conversation: Conversation) -> None:
        self._context = context
        self._conversation = conversation
        self._by_work: dict[int, Hearing] = {}
        self._by_item: dict[tuple[str, tuple[str, ...]], Hearing] = {}

    def transcribe(self, item: Item, transcription: Json, languages: tuple[str, ...]) -> None:
        """Start at commit; `conversation.item.input_audio_transcription.*` follow whenever they are ready."""
        self._hearing(item, languages).transcription = transcription

    def listen(self, response_id: str, item: Item, languages: tuple[str, ...], listener: Listener, now: float) -> None:
        """Call `listener` once with what was heard: at once if that is known."""
        hearing = self._hearing(item, languages)
        if hearing.result is not None:
            listener(hearing.result, now)
        else:
            hearing.listeners[response_id] = listener

    def stop_listening(self, response_id: str) -> None:
        """The response no longer wants to know; work that nobody wants is abandoned."""
        for hearing in list(self._by_work.values()):
            wanted = hearing.listeners.pop(response_id, None) is not None
            if wanted and not hearing.listeners and hearing.transcription is None:
                self._drop(hearing)
                self._context.effect(Abandon(hearing.work))

    def forget(self, item_id: str) -> None:
        """The item was deleted: what is known is dropped, what is under way goes on for those who listen."""
        for key in [key for key in self._by_item if key[0] == item_id]:
            hearing = self._by_item.pop(key)
            if hearing.result is None and not hearing.listeners:
                self._drop(hearing)
                self._context.effect(Abandon(hearing.work))

    def completed(self, work: int, result: Heard | EngineError, now: float) -> None:
        if (hearing := self._by_work.pop(work, None)) is None:
            return  # abandoned meanwhile
        hearing.result = result
        if not self._is_kept(hearing.item.id):
            self._drop(hearing)
        if hearing.transcription is not None:
            self._transcribed_later(hearing, now)
        listeners, hearing.listeners = hearing.listeners, {}
        for listener in listeners.values():
            listener(result, now)

    def _is_kept(self, item_id: str) -> bool:
        return self._conversation.find(item_id) is not None

    def _hearing(self, item: Item, languages: tuple[str, ...]) -> Hearing:
        key = (item.id, languages)
        if (known := self._by_item.get(key)) is not None:
            return known
        hearing = Hearing(self._context.new_work(), item, languages)
        self._by_item[key] = self._by_work[hearing.work] = hearing
        self._context.effect(Hear(hearing.work, item.pcm, languages))
        return hearing

    def _drop(self, hearing: Hearing) -> None:
        self._by_work.pop(hearing.work, None)
        self._by_item.pop((hearing.item.id, hearing.languages), None)

    def _transcribed_later(self, hearing: Hearing, now: float) -> None:
        late = self._context.faults.take("delay_transcription")
        if late is None:
            self._transcribed(hearing, now)
        else:
            self._context.agenda.at(now + late.seconds, lambda at: self._transcribed(hearing, at))

    def _transcribed(self, hearing: Hearing, now: float) -> None:
        item, heard = hearing.item, hearing.result
        assert hearing.transcription is not None
        if not self._is_kept(item.id):
            return  # deleted meanwhile: there is no item left to speak of
        broken = self._context.faults.take("fail_transcription")
        text = heard.text if isinstance(heard, Heard) and broken is None else None
        self._context.note(
            "realtime.transcription",
            item_id=item.id,
            languages=list(hearing.languages),
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
        model = known_as(self._context.config.deployments, hearing.transcription.get("model") or "")
        for delta in [text] if model == "whisper-1" or not text else _words(text):
            self._context.emit(
                "conversation.item.input_audio_transcription.delta",
                **place,
                delta=delta,
                obfuscation=self._context.ids.obfuscation(delta),
            )
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
    """What the transcription settings say about the language spoken."""
    if transcription is None:
        return ()
    hints = [transcription.get("language"), *(transcription.get("languages") or [])]
    return tuple(dict.fromkeys(primary_subtag(hint) for hint in hints if hint))
