"""Sends a response: its events in exact order, its audio cut into deltas, its text slightly ahead.

    response.created
      response.output_item.added · conversation.item.added*
        response.content_part.added
          response.output_audio_transcript.delta … response.output_audio.delta …      one step after the other
          response.output_audio.done · response.output_audio_transcript.done
        response.content_part.done
      response.output_item.done · conversation.item.done*
    response.done
    * only in the default conversation

A function call has `response.function_call_arguments.delta … .done` in place of a content part, all at once.

`next_offset_s` is the position of the next step in the audio; the session paces the steps.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from math import ceil
from typing import Any

from emulator.engine.base import SAMPLE_RATE
from emulator.realtime.audio_formats import G711, PCM_BYTES, encoded
from emulator.realtime.context import SessionContext
from emulator.realtime.items import Conversation, Item
from emulator.realtime.schema import Json
from emulator.realtime.wire import encode_audio

FIRST_DELTA_BYTES = (4_800, 7_200)
DELTA_BYTES = 12_000
"""Delta sizes: 100, 150, then 250 ms, as in the sample output of Microsoft's quickstart."""

ARGUMENTS_DELTA = 12
"""Characters in a delta of a function call's arguments; the service's own cut is not known."""

_WORDS = re.compile(r"\s*\S+")


def cut(pcm: bytes) -> list[bytes]:
    """Cut audio into deltas; joined they are `pcm` again."""
    deltas: list[bytes] = []
    start = 0
    while start < len(pcm):
        size = FIRST_DELTA_BYTES[len(deltas)] if len(deltas) < len(FIRST_DELTA_BYTES) else DELTA_BYTES
        deltas.append(pcm[start : start + size])
        start += size
    return deltas


def spread(text: str, count: int) -> list[list[str]]:
    """Return the text deltas to send before each of `count` audio deltas, so that text never trails the audio."""
    words = _WORDS.findall(text)
    if words:
        words[-1] += text[len("".join(words)) :]
    places = [ceil(index * len(words) / count) for index in range(count + 1)]
    return [words[start:end] for start, end in zip(places, places[1:], strict=False)]


@dataclass(frozen=True, slots=True)
class Step:
    """Text and audio that are sent together."""

    texts: list[str]
    audio: bytes
    encoded: bytes
    """The audio in the format of the client."""
    offset_s: float
    """Length of the audio before this step in seconds."""


class SpeechStream:
    """The output of one response.

    Call `announce`, then `begin`, then `send_text` and `send_audio` while `steps_left`, then `finish`.
    """

    def __init__(
        self, context: SessionContext, response_id: str, shape: Json, conversation: Conversation | None
    ) -> None:
        """Create the output of a response.

        Args:
            shape: output_modalities, max_output_tokens, audio and metadata of the response.
            conversation: the default conversation; None when out of band.
        """
        self._context = context
        self._shape = shape
        self._conversation = conversation
        self.id = response_id
        self.with_audio = shape["output_modalities"] == ["audio"]
        self._format = str(shape["audio"]["output"]["format"]["type"])
        self._item: Item | None = None
        self._steps: deque[Step] = deque()
        self._audio_prefix = ""
        self._previous_item_id: str | None = None
        self.sent_text = ""
        self.sent_arguments = ""
        """Arguments of a function call, as JSON; "" if there is none."""
        self.sent_pcm = bytearray()

    @property
    def steps_left(self) -> int:
        return len(self._steps)

    @property
    def next_offset_s(self) -> float:
        return self._steps[0].offset_s

    @property
    def begun(self) -> bool:
        return self._item is not None

    def announce(self) -> None:
        """Send `response.created`."""
        response = self._document("in_progress", None, [], None)
        self._context.emit("response.created", response=response)

    def begin(self, text: str, pcm: bytes, now: float) -> None:
        """Open the output item and prepare the steps."""
        self._item = self._open_item({"type": "message", "role": "assistant", "content": []}, now)
        self._emit_part("response.content_part.added", "")
        deltas = cut(pcm) if self.with_audio else []
        texts = spread(text, max(1, len(deltas)))
        sent = encoded(pcm, self._format)
        ratio = PCM_BYTES if self._format in G711 else 1
        offset = 0
        for words, audio in zip(texts, deltas or [b""], strict=True):
            end = offset + len(audio)
            if words or audio:
                part = sent[offset // ratio : end // ratio]
                self._steps.append(Step(words, audio, part, offset / (2 * SAMPLE_RATE)))
            offset = end
        # Identifiers contain no character that JSON escapes, so an audio delta is joined without an encoder.
        self._audio_prefix = (
            f'{{"type":"response.output_audio.delta","response_id":"{self.id}","item_id":"{self._item.id}",'
            f'"output_index":0,"content_index":0,"event_id":"'
        )

    def call(self, name: str, arguments: str, now: float) -> None:
        """Send a function call, the only output item; `arguments` is JSON."""
        call_id = f"call_{self._context.ids.letters(16)}"
        call = {"type": "function_call", "name": name, "call_id": call_id}
        self._item = self._open_item({**call, "arguments": ""}, now)
        place = {"response_id": self.id, "item_id": self._item.id, "output_index": 0, "call_id": call_id}
        kind = "response.function_call_arguments"
        for start in range(0, len(arguments), ARGUMENTS_DELTA):
            self._context.emit(f"{kind}.delta", **place, delta=arguments[start : start + ARGUMENTS_DELTA])
        self._context.emit(f"{kind}.done", **place, name=name, arguments=arguments)
        self.sent_arguments = arguments
        self._item.document = {**self._item.document, "status": "completed", "arguments": arguments}
        self._end_item()

    def send_text(self) -> None:
        """Send the text deltas of the next step."""
        for text in self._steps[0].texts:
            self.sent_text += text
            self._context.emit(
                self._text_event("delta"),
                **self._place(),
                delta=text,
                obfuscation=self._context.ids.obfuscation(text),
            )

    def send_audio(self) -> None:
        """Send the audio delta of the next step and remove the step."""
        step = self._steps.popleft()
        if step.audio:
            self.sent_pcm += step.audio
            delta = encode_audio(step.encoded)
            frame = f'{self._audio_prefix}{self._context.ids.new("event")}","delta":"{delta}"}}'
            self._context.send("response.output_audio.delta", frame)

    def finish(self, status: str, details: Json | None, usage: Json | None) -> None:
        """Close what is open, drop unsent steps and send `response.done`."""
        self._steps.clear()
        if self._item is not None and not self.sent_arguments:
            self._close_item("completed" if status == "completed" else "incomplete")
        output = [self._item.document] if self._item is not None else []
        self._context.emit("response.done", response=self._document(status, details, output, usage))

    def _close_item(self, status: str) -> None:
        assert self._item is not None
        if self.with_audio:
            self._context.emit("response.output_audio.done", **self._place())
            self._context.emit(self._text_event("done"), **self._place(), transcript=self.sent_text)
            content = {"type": "output_audio", "transcript": self.sent_text}
        else:
            self._context.emit(self._text_event("done"), **self._place(), text=self.sent_text)
            content = {"type": "output_text", "text": self.sent_text}
        self._emit_part("response.content_part.done", self.sent_text)
        self._item.document = {**self._item.document, "status": status, "content": [content]}
        self._item.pcm = bytes(self.sent_pcm)
        self._end_item()

    def _open_item(self, members: Json, now: float) -> Item:
        document = {"id": self._context.ids.new("item"), "status": "in_progress", **members}
        item = self._item = Item(document, now, audio_format=self._format)
        self._emit_item("response.output_item.added", response_id=self.id, output_index=0)
        if self._conversation is not None:
            self._previous_item_id = self._conversation.add(item)
            self._mirror("conversation.item.added")
        return item

    def _end_item(self) -> None:
        self._emit_item("response.output_item.done", response_id=self.id, output_index=0)
        if self._conversation is not None:
            self._mirror("conversation.item.done")

    def _document(self, status: str, details: Json | None, output: list[Json], usage: Json | None) -> Json:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": output,
            "conversation_id": None if self._conversation is None else self._conversation.id,
            **self._shape,
            "usage": usage,
        }

    def _text_event(self, ending: str) -> str:
        return f"response.output_audio_transcript.{ending}" if self.with_audio else f"response.output_text.{ending}"

    def _place(self) -> Json:
        assert self._item is not None
        return {"response_id": self.id, "item_id": self._item.id, "output_index": 0, "content_index": 0}

    def _emit_part(self, kind: str, text: str) -> None:
        part = {"type": "audio", "transcript": text} if self.with_audio else {"type": "text", "text": text}
        self._context.emit(kind, **self._place(), part=part)

    def _emit_item(self, kind: str, **members: Any) -> None:
        assert self._item is not None
        self._context.emit(kind, **members, item=self._item.document)

    def _mirror(self, kind: str) -> None:
        self._emit_item(kind, previous_item_id=self._previous_item_id)
