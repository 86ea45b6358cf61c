"""Stores the items of the default conversation in order, each with its audio. Sends nothing."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.engine.base import BYTES_PER_MS
from emulator.realtime.audio_formats import AudioDecoder, encoded
from emulator.realtime.errors import ApiError
from emulator.realtime.schema import Check, Json, anything, array, integer, one_of, record, string, variants
from emulator.realtime.usage import ContextPart, model_audio_tokens, text_tokens, user_audio_tokens
from emulator.realtime.wire import decode_audio, encode_audio

ITEM_ID: Check = string(64)
AUDIO_PARTS = ("input_audio", "output_audio")
_STATUS: Check = one_of("completed", "incomplete", "in_progress")


def _message(role: str, parts: dict[str, Check]) -> Check:
    return record(
        {
            "type": anything,
            "role": anything,
            "id": ITEM_ID,
            "object": one_of("realtime.item"),
            "status": _STATUS,
            "content": array(variants("type", parts)),
            **({"phase": one_of("commentary", "final_answer")} if role == "assistant" else {}),
        },
        required=("content",),
    )


_IMAGE_PART: Check = record(
    {"type": anything, "image_url": string(), "detail": one_of("auto", "low", "high")}, required=("image_url",)
)
_TEXT_PART: Check = record({"type": anything, "text": string()}, required=("text",))
_AUDIO_PART: Check = record({"type": anything, "audio": string(), "transcript": string()}, required=("audio",))
_CALL: dict[str, Check] = {
    "type": anything,
    "id": ITEM_ID,
    "object": one_of("realtime.item"),
    "status": _STATUS,
    "call_id": string(),
}

_KINDS: dict[str, Check] = {
    "message": variants(
        "role",
        {
            "system": _message("system", {"input_text": _TEXT_PART}),
            "user": _message(
                "user", {"input_text": _TEXT_PART, "input_audio": _AUDIO_PART, "input_image": _IMAGE_PART}
            ),
            "assistant": _message("assistant", {"output_text": _TEXT_PART}),
        },
    ),
    "function_call": record({**_CALL, "name": string(), "arguments": string()}, required=("name", "arguments")),
    "function_call_output": record({**_CALL, "output": string()}, required=("call_id", "output")),
}
_REFERENCE: Check = record({"type": anything, "id": ITEM_ID}, required=("id",))

NEW_ITEM: Check = variants("type", _KINDS)
"""Items that `conversation.item.create` accepts. Assistant audio cannot be created."""

RESPONSE_INPUT: Check = variants("type", {**_KINDS, "item_reference": _REFERENCE})
"""Items that the `input` of a `response.create` accepts: the only place for a reference."""


@dataclass(slots=True)
class Item:
    """One item of a conversation."""

    document: Json
    """The item as events show it, without audio."""
    at: float
    """Time of the commit or creation."""
    pcm: bytes = b""
    """Audio as PCM16 mono 24 kHz, if any."""
    audio_format: str = "audio/pcm"
    """Format in which clients get the audio."""

    @property
    def id(self) -> str:
        return str(self.document["id"])

    @property
    def role(self) -> str:
        """Return who it is from: system, user, assistant, or tool for the output of a function."""
        return str(self.document.get("role", "tool" if "output" in self.document else ""))

    @property
    def audio_ms(self) -> int:
        return len(self.pcm) // BYTES_PER_MS

    @property
    def text(self) -> str:
        """Return all its text."""
        written = [part.get("text") or "" for part in self.document.get("content", [])]
        return " ".join(text for text in written if text) or str(self.document.get("output", ""))

    def context_part(self) -> ContextPart:
        """Return its tokens in the context of a response; a transcript costs nothing."""
        tokens = model_audio_tokens if self.role == "assistant" else user_audio_tokens
        audio = tokens(len(self.pcm))
        return ContextPart(f"{self.id}/{len(self.pcm)}", text_tokens(self.text), audio)

    def with_audio(self) -> Json:
        """Return the document as `conversation.item.retrieved` shows it."""
        audio = encode_audio(encoded(self.pcm, self.audio_format))
        content = [
            {**part, "audio": audio} if part["type"] in AUDIO_PARTS else part
            for part in self.document.get("content", [])
        ]
        return {**self.document, "content": content}


def audio_item(item_id: str, pcm: bytes, now: float, audio_format: str = "audio/pcm") -> Item:
    """Return the user message for committed audio."""
    content = [{"type": "input_audio", "transcript": None}]
    message = {"id": item_id, "type": "message", "role": "user", "status": "completed", "content": content}
    return Item(message, now, pcm, audio_format)


def client_item(source: Json, new_id: str, now: float, path: str, audio_format: str = "audio/pcm") -> Item:
    """Create an item from a checked client document; `new_id` applies if it has no id. Raises ApiError."""
    pcm, decoder = b"", AudioDecoder()
    content = []
    for index, part in enumerate(source.get("content", [])):
        if part["type"] == "input_audio":
            param = f"{path}.content[{index}].audio"
            pcm += decoder.decode(decode_audio(part["audio"], param), audio_format, param)
            content.append({"type": "input_audio", "transcript": part.get("transcript")})
        else:
            content.append(dict(part))
    document = {"id": new_id, "status": "completed", **source}
    if "content" in source:
        document["content"] = content
    return Item(document, now, pcm, audio_format)


class Conversation:
    """Items in order."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self._items: dict[str, Item] = {}
        self._order: list[str] = []

    def items(self) -> list[Item]:
        return [self._items[item_id] for item_id in self._order]

    def get(self, item_id: str, param: str) -> Item:
        if (item := self._items.get(item_id)) is None:
            raise not_found(item_id, param)
        return item

    def find(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Insert after `after` (None: at the end, "root": at the front); return the id of the item before it."""
        if item.id in self._items:
            raise ApiError("invalid_value", f"An item with the id '{item.id}' already exists.", "item.id")
        if after is None:
            place = len(self._order)
        elif after == "root":
            place = 0
        elif after in self._items:
            place = self._order.index(after) + 1
        else:
            raise not_found(after, "previous_item_id")
        self._items[item.id] = item
        self._order.insert(place, item.id)
        return self._order[place - 1] if place else None

    def has_call(self, call_id: object) -> bool:
        """Return whether a function was called with this id."""
        calls = (item.document for item in self._items.values() if item.document.get("type") == "function_call")
        return any(call.get("call_id") == call_id for call in calls)

    def remove(self, item_id: str) -> None:
        if item_id not in self._items:
            raise not_found(item_id, "item_id")
        del self._items[item_id]
        self._order.remove(item_id)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut a model message to the audio that was heard and delete its transcript. Raises ApiError."""
        item = self.get(item_id, "item_id")
        if item.role != "assistant" or not item.pcm:
            raise ApiError(None, "Only model output audio messages can be truncated", "item_id")
        if content_index != 0:
            raise ApiError("invalid_value", "Invalid 'content_index': expected 0.", "content_index")
        if audio_end_ms > item.audio_ms:
            raise ApiError(
                "invalid_value",
                f"Audio content of {item.audio_ms}ms is already shorter than {audio_end_ms}ms",
                "audio_end_ms",
            )
        item.pcm = item.pcm[: audio_end_ms * BYTES_PER_MS]
        item.document = {**item.document, "content": [{"type": "output_audio"}]}


def not_found(item_id: str, param: str) -> ApiError:
    return ApiError("item_not_found", f"Item with item_id not found: {item_id}", param)


TRUNCATE_MEMBERS: dict[str, Check] = {
    "item_id": ITEM_ID,
    "content_index": integer(0),
    "audio_end_ms": integer(0),
}
