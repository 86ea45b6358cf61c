"""Defines `audio.input` of a session's configuration: defaults, checks, and how an update is completed.

Defaults are those of a captured GA `session.created`; ranges and rules about transcription models come from the API
reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Protocol

from emulator.realtime.audio_formats import G711, complete_format
from emulator.realtime.deployments import Deployments, known_as
from emulator.realtime.errors import ApiError, invalid_value
from emulator.realtime.schema import (
    Check,
    Json,
    anything,
    array,
    boolean,
    decimal,
    integer,
    nullable,
    one_of,
    record,
    string,
    variants,
)

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

MERGED_KEYS = frozenset({"audio", "input", "output", "turn_detection", "transcription", "noise_reduction", "format"})
"""Objects that an update merges with; any other object in an update replaces the old one as a whole."""


AUDIO_FORMAT: Check = variants(
    "type",
    {
        "audio/pcm": record({"type": anything, "rate": integer(24_000, 24_000)}),
        **{name: record({"type": anything}) for name in G711},
    },
)


class InputSettings(Protocol):
    """The part of a session's configuration that applies to input audio."""

    @property
    def input_format(self) -> str: ...

    @property
    def turn_detection(self) -> Json | None: ...

    @property
    def transcription(self) -> Json | None: ...


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
                "idle_timeout_ms": nullable(integer(1)),
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

INPUT: Check = record(
    {
        "format": AUDIO_FORMAT,
        "transcription": nullable(TRANSCRIPTION),
        "noise_reduction": nullable(NOISE_REDUCTION),
        "turn_detection": nullable(TURN_DETECTION),
    }
)
"""What an update may contain, for session types with turns."""

GUIDED_MODELS = ("gpt-transcribe", "gpt-live-transcribe")
"""Models that take `keywords` and `languages`."""
STREAMING_MODEL = "gpt-realtime-whisper"
"""The model that takes `delay`, no `prompt`, and, in a transcription session, no turn detection."""
KNOWN_MODELS = frozenset(
    {
        *GUIDED_MODELS,
        STREAMING_MODEL,
        "whisper-1",
        "gpt-4o-transcribe",
        "gpt-4o-transcribe-diarize",
        "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
    }
)


def check_transcription(settings: Json | None, deployments: Deployments | None, path: str) -> None:
    """Check the members that depend on the model; an unknown model accepts them all. Raises ApiError."""
    if settings is None or "model" not in settings:
        return
    name = settings["model"]
    if deployments is not None and (name not in deployments or deployments[name].kind != "transcription"):
        there = sorted(name for name, one in deployments.items() if one.kind == "transcription")
        raise invalid_value(name, there, f"{path}.model")
    model = known_as(deployments, name)
    if model not in KNOWN_MODELS:
        return
    refused = {
        "keywords": model not in GUIDED_MODELS,
        "languages": model not in GUIDED_MODELS,
        "delay": model != STREAMING_MODEL,
        "prompt": model == STREAMING_MODEL,
    }
    for member in settings:
        if refused.get(member):
            raise ApiError("invalid_value", f"'{member}' is not supported by '{model}'.", f"{path}.{member}")


def merged(current: Json, patch: Json) -> Json:
    """Return `current` updated with `patch` as a new document that shares nothing with either."""
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


def complete_noise_reduction(candidate: Json, previous: Json) -> None:
    """Complete `noise_reduction` of `audio.input`: a missing strength keeps its previous value, initially 1."""
    if candidate["noise_reduction"] is not None:
        before = previous["noise_reduction"] or {}
        complete = {"type": "near_field", "strength": 1.0, **before, **candidate["noise_reduction"]}
        candidate["noise_reduction"] = complete


def complete_input(candidate: Json, previous: Json, turn_detection_defaults: Mapping[str, Json]) -> None:
    """Complete the members that newly set objects of `audio.input` leave out."""
    if (detection := candidate["turn_detection"]) is not None:
        candidate["turn_detection"] = {**turn_detection_defaults[detection["type"]], **detection}
    complete_noise_reduction(candidate, previous)
    candidate["format"] = complete_format(candidate["format"])
