"""A small Realtime service in memory: its own reading of the protocol, told step by step what to do next."""

from __future__ import annotations

import base64
import json
from typing import Any

Message = dict[str, Any]


def deep_merge(base: Message, change: Message) -> Message:
    merged = dict(base)
    for key, value in change.items():
        nested = merged.get(key)
        merged[key] = deep_merge(nested, value) if isinstance(nested, dict) and isinstance(value, dict) else value
    return merged


class ServiceModel:
    """What a conversation session does with client messages. Answers that take time happen on `step`."""

    def __init__(self, expires_at: float = 4_000_000_000.0) -> None:
        self.session: Message = {
            "type": "realtime",
            "object": "realtime.session",
            "id": "sess_1",
            "model": "gpt-realtime",
            "expires_at": expires_at,
            "output_modalities": ["audio"],
            "instructions": "You are a friendly assistant.",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24_000},
                    "transcription": None,
                    "noise_reduction": None,
                    "turn_detection": {"type": "server_vad", "create_response": True},
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "alloy", "speed": 1.0},
            },
        }
        self.outgoing: list[Message] = [self.created()]
        self.received: list[Message] = []
        self.buffer = b""
        self.items: dict[str, bytes] = {}
        self.committed: list[bytes] = []
        """Audio of every item there ever was, in order."""
        self.deleted: set[str] = set()
        self.pending: list[tuple[str, Message]] = []
        """What is still to happen: (what, details)."""
        self._count = 0

    # --- messages

    def created(self) -> Message:
        return {"type": "session.created", "event_id": "event_0", "session": self.session}

    def _id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self._count}"

    def of_type(self, kind: str) -> list[Message]:
        return [message for message in self.received if message["type"] == kind]

    def messages(self) -> list[str]:
        """What the service sends now, as text."""
        sent, self.outgoing = self.outgoing, []
        return [json.dumps(message) for message in sent]

    def error(self, code: str, event_id: str | None = None, kind: str = "invalid_request_error") -> None:
        detail = {"type": kind, "code": code, "message": "…", "param": None, "event_id": event_id}
        self.outgoing.append({"type": "error", "event_id": None, "error": detail})

    # --- what a client may say

    def receive(self, text: str) -> None:
        message = json.loads(text)
        self.received.append(message)
        match message["type"]:
            case "session.update":
                self.session = deep_merge(self.session, message["session"])
                self.outgoing.append({"type": "session.updated", "session": self.session})
            case "input_audio_buffer.append":
                self.buffer += base64.b64decode(message["audio"], validate=True)
            case "input_audio_buffer.clear":
                self.buffer = b""
                self.outgoing.append({"type": "input_audio_buffer.cleared"})
            case "input_audio_buffer.commit":
                self._commit(message)
            case "response.create":
                self._create(message)
            case "response.cancel":
                self._cancel(message)
            case "conversation.item.delete":
                item = message["item_id"]
                assert item in self.items, "deleted twice, or never there"
                del self.items[item]
                self.deleted.add(item)
                self.outgoing.append({"type": "conversation.item.deleted", "item_id": item})
            case unexpected:
                raise AssertionError(unexpected)

    def _commit(self, message: Message) -> None:
        if len(self.buffer) < 4_800:
            self.error("input_audio_buffer_commit_empty", message.get("event_id"))
            return
        item = self._id("item")
        self.items[item], self.buffer = self.buffer, b""
        self.committed.append(self.items[item])
        self.outgoing.append({"type": "input_audio_buffer.committed", "previous_item_id": None, "item_id": item})
        self.outgoing.append({"type": "conversation.item.added", "item": {"id": item, "role": "user", "content": []}})
        if self.session["audio"]["input"]["transcription"]:
            self.pending.append(("transcribe", {"item_id": item}))

    def _create(self, message: Message) -> None:
        response = message["response"]
        assert response["conversation"] == "none"
        (subject,) = response["input"]
        if subject["type"] == "item_reference":
            assert subject["id"] in self.items
        else:
            assert subject["content"][0]["type"] == "input_text"
        created = {
            "object": "realtime.response",
            "id": self._id("resp"),
            "status": "in_progress",
            "conversation_id": None,
            "metadata": response["metadata"],
            "output": [],
            "usage": None,
        }
        self.pending.append(("begin", created))

    def _cancel(self, message: Message) -> None:
        for number, (what, response) in enumerate(self.pending):
            if what in {"speak", "finish"} and response["id"] == message["response_id"]:
                del self.pending[number]
                details = {"type": "cancelled", "reason": "client_cancelled"}
                self._done(response, "cancelled", details)
                return
        self.error("response_cancel_not_active", message.get("event_id"))

    # --- what takes time

    def step(self, number: int) -> bool:
        """Let one of the pending things happen; False if there is none."""
        if not self.pending:
            return False
        what, details = self.pending.pop(number % len(self.pending))
        match what:
            case "transcribe":
                kind = "conversation.item.input_audio_transcription.completed"
                self.outgoing.append({"type": kind, "transcript": "hello", "content_index": 0, **details})
            case "begin":
                self.outgoing.append({"type": "response.created", "response": details})
                item = {"id": f"{details['id']}_item", "type": "message", "role": "assistant", "content": []}
                self.outgoing.append(
                    {
                        "type": "response.output_item.added",
                        "response_id": details["id"],
                        "output_index": 0,
                        "item": item,
                    }
                )
                self.pending.append(("speak", details))
            case "speak":
                self.speak(details["id"], details["metadata"]["utterance"])
                self.pending.append(("finish", details))
            case _:
                self._done(details, "completed", None)
        return True

    def speak(self, response_id: str, utterance: str) -> None:
        """One delta of each kind; the audio is the utterance's name."""
        ids = {"response_id": response_id, "item_id": f"{response_id}_item", "output_index": 0, "content_index": 0}
        pcm = utterance.encode("utf-16-le")
        text = {"type": "response.output_audio_transcript.delta", **ids, "delta": utterance, "obfuscation": "x"}
        audio = {"type": "response.output_audio.delta", **ids, "delta": base64.b64encode(pcm).decode()}
        self.outgoing += [text, audio]

    def _done(self, response: Message, status: str, details: Message | None) -> None:
        usage = {
            "total_tokens": 253,
            "input_tokens": 132,
            "output_tokens": 121,
            "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64},
            "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
        }
        done = {**response, "status": status, "status_details": details, "usage": usage}
        self.outgoing.append({"type": "response.done", "response": done})
