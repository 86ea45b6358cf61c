"""The wire format of translation sessions, as far as it is not that of conversations: what we send. No rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pybase64

from bot.realtime.messages import BYTES_PER_MS

STEP_MS = 200
"""The engine works on frames of so much; shorter appends are collected there, longer ones cut."""
STEP_BYTES = STEP_MS * BYTES_PER_MS

TARGETS = ("es", "pt", "fr", "ja", "ru", "zh", "de", "ko", "hi", "id", "vi", "it", "en")
"""The documented targets. The service takes more codes than it speaks well: acceptance is no proof."""


@dataclass(frozen=True, slots=True)
class TranslationSettings:
    """What is the same for all lanes."""

    transcribe: str | None = None
    """Deployment that writes down what the speaker said; None: nobody does."""
    noise_reduction: str | None = None
    """`near_field`, `far_field` or None."""


def translation_config(target: str, settings: TranslationSettings) -> dict[str, Any]:
    """`session` of a `session.update`: neither `type` nor `model`, which are fixed by the address.

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
