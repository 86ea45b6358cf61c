"""Defines the configuration of a transcription session: defaults, checks and updates."""

from __future__ import annotations

from emulator.realtime.audio_formats import PCM_24K
from emulator.realtime.audio_settings import (
    INPUT,
    STREAMING_MODEL,
    check_transcription,
    complete_input,
    merged,
)
from emulator.realtime.deployments import Deployments, known_as
from emulator.realtime.errors import ApiError
from emulator.realtime.schema import Check, Json, anything, array, nullable, one_of, record
from emulator.realtime.session_config import refuse_other_session_type

SERVER_VAD: Json = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
}
SEMANTIC_VAD: Json = {"type": "semantic_vad", "eagerness": "auto"}
TURN_DETECTION_DEFAULTS = {"server_vad": SERVER_VAD, "semantic_vad": SEMANTIC_VAD}
"""Defaults of conversations without the members about responses."""

TRANSCRIPTION_UPDATE: Check = record(
    {
        "type": anything,
        "audio": record({"input": INPUT}),
        "include": nullable(array(one_of("item.input_audio_transcription.logprobs"))),
    },
    required=("type",),
)


def default_transcription(session_id: str, model: str, object_name: str) -> Json:
    """Return the `session` of `session.created`; `model` is the deployment in the URL, "" for none."""
    return {
        "type": "transcription",
        "object": object_name,
        "id": session_id,
        "expires_at": 0,
        "audio": {
            "input": {
                "format": dict(PCM_24K),
                "transcription": {"model": model} if model else None,
                "noise_reduction": None,
                "turn_detection": dict(SERVER_VAD),
            }
        },
        "include": None,
    }


class TranscriptionConfig:
    """Effective configuration; `document` is what `session.created` and `session.updated` show."""

    def __init__(self, document: Json, deployments: Deployments | None = None) -> None:
        self.document = document
        self._deployments = deployments
        if self._streams(document):
            document["audio"]["input"]["turn_detection"] = None

    def update(self, patch: Json) -> None:
        """Check and merge `patch`, the `session` of a `session.update`. Raises ApiError and then changes nothing."""
        refuse_other_session_type(patch, "transcription", "realtime")
        TRANSCRIPTION_UPDATE(patch, "session")
        candidate = merged(self.document, patch)
        audio_input = candidate["audio"]["input"]
        complete_input(audio_input, self.document["audio"]["input"], TURN_DETECTION_DEFAULTS)
        transcription = audio_input["transcription"]
        check_transcription(transcription, self._deployments, "session.audio.input.transcription")
        if self._streams(candidate) and audio_input["turn_detection"] is not None:
            raise ApiError(
                "invalid_value",
                f"Turn detection is not supported with '{STREAMING_MODEL}'; set it to null.",
                "session.audio.input.turn_detection",
            )
        self.document = candidate

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

    def _streams(self, document: Json) -> bool:
        """Return whether the model is the streaming one, which detects no turns."""
        transcription = document["audio"]["input"]["transcription"] or {}
        return known_as(self._deployments, transcription.get("model", "")) == STREAMING_MODEL
