"""The configuration of a conversation session: its defaults, what an update may hold, how it is merged.

Defaults are those of a captured GA `session.created`; ranges come from the API reference.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from emulator.realtime.errors import ApiError, invalid_value
from emulator.realtime.schema import (
    Check,
    an_object,
    anything,
    array,
    boolean,
    decimal,
    integer,
    nullable,
    one_of,
    record,
    string,
    text_or_object,
    variants,
    wrong_type,
)

Json = dict[str, Any]

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")

DEFAULT_INSTRUCTIONS = (
    "Your knowledge cutoff is 2024-06. You are a helpful, witty, and friendly AI. Act like a human, but "
    "remember that you aren't a human and that you can't do human things in the real world."
)
"""The assistant a session is until told otherwise; an interpreter has to overwrite it."""

SERVER_VAD: Json = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,  # as captured; the reference says 500
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
SEMANTIC_VAD: Json = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
TURN_DETECTION_DEFAULTS = {"server_vad": SERVER_VAD, "semantic_vad": SEMANTIC_VAD}

PCM_24K: Json = {"type": "audio/pcm", "rate": 24_000}

MERGED_KEYS = frozenset({"audio", "input", "output", "turn_detection", "transcription", "noise_reduction", "format"})
"""Objects that an update reaches into; any other object in an update replaces the old one whole."""


def default_session(session_id: str, model: str, expires_at: int) -> Json:
    """`session` of `session.created`; `expires_at` in Unix seconds."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": DEFAULT_INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": dict(PCM_24K),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(SERVER_VAD),
            },
            "output": {"format": dict(PCM_24K), "voice": "alloy", "speed": 1.0},
        },
        "include": None,
    }


def pcm_24k_only(value: object, path: str) -> None:
    """The service also takes 8 kHz G.711; this stand-in says plainly that it does not."""
    record({"type": one_of("audio/pcm"), "rate": integer(24_000, 24_000)}, required=("type",))(value, path)


def modalities(value: object, path: str) -> None:
    array(one_of("text", "audio"))(value, path)
    if value not in (["text"], ["audio"]):
        raise ApiError(
            "invalid_value",
            f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio'].",
            path,
        )


def max_output_tokens(value: object, path: str) -> None:
    if isinstance(value, str):
        one_of("inf")(value, path)
    else:
        integer(1, 4096)(value, path)


def idle_timeout(value: object, path: str) -> None:
    if value is not None:
        raise ApiError("invalid_value", f"'{path}' must be null: this service never speaks by itself.", path)


def metadata(value: object, path: str) -> None:
    """16 pairs; keys up to 64 characters, values up to 512."""
    if not isinstance(value, dict):
        raise wrong_type(value, "an object", path)
    if len(value) > 16:
        raise ApiError(
            "object_above_max_properties",
            f"Invalid '{path}': too many properties. Expected an object with at most 16 properties, "
            f"but got {len(value)} instead.",
            path,
        )
    for key, item in value.items():
        string(64)(key, f"{path}.{key[:64]}")
        string(512)(item, f"{path}.{key}")


VOICE: Check = text_or_object(one_of(*VOICES), record({"id": string(256)}, required=("id",)))
TOOL_CHOICE: Check = text_or_object(one_of("none", "auto", "required"), an_object)
REASONING: Check = record({"effort": nullable(one_of("minimal", "low", "medium", "high", "xhigh"))})
INSTRUCTIONS: Check = string(1 << 20)

TRANSCRIPTION: Check = record(
    {
        "model": string(256),
        "language": string(35),
        "languages": array(string(35)),
        "prompt": string(),
        "keywords": array(string()),
        "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
    }
)

NOISE_REDUCTION: Check = record({"type": one_of("near_field", "far_field"), "strength": decimal(0.0, 1.0)})

TURN_DETECTION: Check = variants(
    "type",
    {
        "server_vad": record(
            {
                "type": anything,
                "threshold": decimal(0.0, 1.0),
                "prefix_padding_ms": integer(0),
                "silence_duration_ms": integer(0),
                "idle_timeout_ms": idle_timeout,
                "create_response": boolean,
                "interrupt_response": boolean,
            }
        ),
        "semantic_vad": record(
            {
                "type": anything,
                "eagerness": one_of("low", "medium", "high", "auto"),
                "create_response": boolean,
                "interrupt_response": boolean,
            }
        ),
    },
)

AUDIO: Check = record(
    {
        "input": record(
            {
                "format": pcm_24k_only,
                "transcription": nullable(TRANSCRIPTION),
                "noise_reduction": nullable(NOISE_REDUCTION),
                "turn_detection": nullable(TURN_DETECTION),
            }
        ),
        "output": record({"format": pcm_24k_only, "voice": VOICE, "speed": decimal(0.25, 1.5)}),
    }
)

SESSION_UPDATE: Check = record(
    {
        "type": anything,
        "model": string(256),
        "instructions": INSTRUCTIONS,
        "output_modalities": modalities,
        "max_output_tokens": max_output_tokens,
        "audio": AUDIO,
        "truncation": text_or_object(
            one_of("auto", "disabled"),
            record(
                {
                    "type": one_of("retention_ratio"),
                    "retention_ratio": decimal(0.0, 1.0),
                    "token_limits": record({"post_instructions": integer(0)}),
                },
                required=("type", "retention_ratio"),
            ),
        ),
        "tracing": nullable(text_or_object(one_of("auto"), an_object)),
        "tools": array(an_object),
        "tool_choice": TOOL_CHOICE,
        "parallel_tool_calls": boolean,
        "reasoning": nullable(REASONING),
        "prompt": nullable(an_object),
        "include": nullable(array(one_of("item.input_audio_transcription.logprobs"))),
    },
    required=("type",),
)


class SessionConfig:
    """The effective configuration; `document` is what `session.created` and `session.updated` show."""

    def __init__(self, document: Json) -> None:
        self.document = document

    def update(self, patch: Json, *, voice_locked: bool) -> None:
        """Check `patch` (`session` of a `session.update`) and merge it; on ApiError nothing has changed."""
        _refuse_other_session_type(patch)
        SESSION_UPDATE(patch, "session")
        if "model" in patch and patch["model"] != self.document["model"]:
            raise ApiError("invalid_value", "The model of a session cannot be changed.", "session.model")
        if self.document["tracing"] is not None and "tracing" in patch:
            raise ApiError("invalid_value", "Tracing cannot be changed once it is enabled.", "session.tracing")
        candidate = merged(self.document, patch)
        _complete(candidate, self.document)
        if voice_locked and candidate["audio"]["output"]["voice"] != self.voice:
            raise ApiError(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
                "session.audio.output.voice",
            )
        self.document = candidate

    @property
    def instructions(self) -> str:
        return str(self.document["instructions"])

    @property
    def voice(self) -> object:
        return self.document["audio"]["output"]["voice"]

    @property
    def transcription(self) -> Json | None:
        found: Json | None = self.document["audio"]["input"]["transcription"]
        return found

    @property
    def turn_detection(self) -> Json | None:
        found: Json | None = self.document["audio"]["input"]["turn_detection"]
        return found


def merged(current: Json, patch: Json) -> Json:
    """A new document; nothing of `current` or `patch` is shared with it or changed."""
    result = deepcopy(current)
    for key, value in patch.items():
        old = result.get(key)
        if key in MERGED_KEYS and isinstance(value, dict) and isinstance(old, dict) and _same_type(old, value):
            result[key] = merged(old, value)
        else:
            result[key] = deepcopy(value)
    return result


def _same_type(old: Json, patch: Json) -> bool:
    return patch.get("type", old.get("type")) == old.get("type")


def _refuse_other_session_type(patch: Json) -> None:
    match patch.get("type", "realtime"):
        case "realtime":
            return
        case "transcription":
            message = "Passing a transcription session update event to a realtime session is not allowed."
        case other:
            raise invalid_value(other, ["realtime", "transcription"], "session.type")
    raise ApiError("invalid_value", message, "session.type")


def _complete(candidate: Json, previous: Json) -> None:
    """Fill in what a newly set object leaves out."""
    audio_input = candidate["audio"]["input"]
    detection = audio_input["turn_detection"]
    if detection is not None:
        audio_input["turn_detection"] = {**TURN_DETECTION_DEFAULTS[detection["type"]], **detection}
    reduction = audio_input["noise_reduction"]
    if reduction is not None:
        before = previous["audio"]["input"]["noise_reduction"] or {}
        complete = {"type": "near_field", "strength": 1.0, **before, **reduction}
        audio_input["noise_reduction"] = complete
    for direction in ("input", "output"):
        candidate["audio"][direction]["format"] = {**PCM_24K, **candidate["audio"][direction]["format"]}
