"""What is sent in translation sessions: configuration, audio, the request to close. No rules about their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pybase64

from bot.realtime.messages import BYTES_PER_MS

STEP_MS = 200
"""The service works on frames of this length: it collects shorter appends and cuts longer ones."""
STEP_BYTES = STEP_MS * BYTES_PER_MS

TARGETS = ("es", "pt", "fr", "ja", "ru", "zh", "de", "ko", "hi", "id", "vi", "it", "en")
"""The documented target languages. The service accepts further codes, without speaking those languages well."""


@dataclass(frozen=True, slots=True)
class TranslationSettings:
    """Settings shared by all translation sessions."""

    transcribe: str | None = None
    """Deployment that transcribes the speaker; None: no transcription."""
    noise_reduction: str | None = None
    """`near_field`, `far_field` or None."""


def translation_config(target: str, settings: TranslationSettings) -> dict[str, Any]:
    """Return `session` of a `session.update`: without `type` and `model`, which the address fixes.

    Args:
        target: ISO 639-1.
    """
    return {
        "audio": {
            "input": {
                "transcription": {"model": settings.transcribe} if settings.transcribe else None,
                "noise_reduction": {"type": settings.noise_reduction} if settings.noise_reduction else None,
            },
            "output": {"language": target},
        }
    }


def append(pcm: bytes) -> str:
    return '{"type":"session.input_audio_buffer.append","audio":"' + pybase64.b64encode_as_string(pcm) + '"}'


SILENCE = append(bytes(STEP_BYTES))
CLOSE = '{"type":"session.close"}'
