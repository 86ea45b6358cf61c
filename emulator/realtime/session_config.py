"""Defines the configuration of a conversation session: defaults, checks and updates.

Defaults are those of a captured GA `session.created`; ranges come from the API reference.
"""

from __future__ import annotations

from emulator.realtime.audio_formats import PCM_24K, complete_format
from emulator.realtime.audio_settings import (
    AUDIO_FORMAT,
    INPUT,
    SERVER_VAD,
    TURN_DETECTION_DEFAULTS,
    check_transcription,
    complete_input,
    merged,
)
from emulator.realtime.deployments import Deployments
from emulator.realtime.errors import ApiError, invalid_value
from emulator.realtime.schema import (
    Check,
    Json,
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

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")

DEFAULT_INSTRUCTIONS = (
    "Your knowledge cutoff is 2024-06. You are a helpful, witty, and friendly AI. Act like a human, but "
    "remember that you aren't a human and that you can't do human things in the real world."
)
"""Default instructions as captured; an interpreter must replace them."""


def default_session(session_id: str, model: str, expires_at: int) -> Json:
    """Return the `session` of `session.created`; `expires_at` in Unix seconds."""
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


def metadata(value: object, path: str) -> None:
    """Check metadata: at most 16 pairs, keys up to 64 characters, values up to 512."""
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


FUNCTION: Check = record(
    {"type": anything, "name": string(64), "description": string(), "parameters": an_object}, required=("name",)
)
TOOLS: Check = array(variants("type", {"function": FUNCTION, "mcp": an_object}))
VOICE: Check = text_or_object(one_of(*VOICES), record({"id": string(256)}, required=("id",)))
TOOL_CHOICE: Check = text_or_object(one_of("none", "auto", "required"), an_object)
REASONING: Check = record({"effort": nullable(one_of("minimal", "low", "medium", "high", "xhigh"))})
INSTRUCTIONS: Check = string(1 << 20)

AUDIO: Check = record(
    {
        "input": INPUT,
        "output": record({"format": AUDIO_FORMAT, "voice": VOICE, "speed": decimal(0.25, 1.5)}),
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
        "tools": TOOLS,
        "tool_choice": TOOL_CHOICE,
        "parallel_tool_calls": boolean,
        "reasoning": nullable(REASONING),
        "prompt": nullable(an_object),
        "include": nullable(array(one_of("item.input_audio_transcription.logprobs"))),
    },
    required=("type",),
)


class SessionConfig:
    """Effective configuration; `document` is what `session.created` and `session.updated` show."""

    def __init__(self, document: Json, deployments: Deployments | None = None) -> None:
        self.document = document
        self._deployments = deployments

    def update(self, patch: Json, *, voice_locked: bool) -> None:
        """Check and merge `patch`, the `session` of a `session.update`. Raises ApiError and then changes nothing."""
        refuse_other_session_type(patch, "realtime", "transcription")
        SESSION_UPDATE(patch, "session")
        if "model" in patch and patch["model"] != self.document["model"]:
            raise ApiError("invalid_value", "The model of a session cannot be changed.", "session.model")
        if self.document["tracing"] is not None and "tracing" in patch:
            raise ApiError("invalid_value", "Tracing cannot be changed once it is enabled.", "session.tracing")
        candidate = merged(self.document, patch)
        complete_input(candidate["audio"]["input"], self.document["audio"]["input"], TURN_DETECTION_DEFAULTS)
        candidate["audio"]["output"]["format"] = complete_format(candidate["audio"]["output"]["format"])
        transcription = candidate["audio"]["input"]["transcription"]
        check_transcription(transcription, self._deployments, "session.audio.input.transcription")
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
    def input_format(self) -> str:
        return str(self.document["audio"]["input"]["format"]["type"])

    @property
    def transcription(self) -> Json | None:
        found: Json | None = self.document["audio"]["input"]["transcription"]
        return found

    @property
    def turn_detection(self) -> Json | None:
        found: Json | None = self.document["audio"]["input"]["turn_detection"]
        return found


def refuse_other_session_type(patch: Json, own: str, other: str) -> None:
    """Refuse a change of the session type. Raises ApiError; the schema reports a missing `type`."""
    asked = patch.get("type", own)
    if asked == other:
        message = f"Passing a {other} session update event to a {own} session is not allowed."
        raise ApiError("invalid_value", message, "session.type")
    if asked != own:
        raise invalid_value(asked, ["realtime", "transcription"], "session.type")
