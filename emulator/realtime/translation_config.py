"""Defines the configuration of a translation session: languages, defaults, checks and updates."""

from __future__ import annotations

from emulator.realtime.audio_settings import NOISE_REDUCTION, check_transcription, complete_noise_reduction, merged
from emulator.realtime.deployments import Deployments
from emulator.realtime.errors import invalid_value
from emulator.realtime.schema import Check, Json, nullable, record, string

TARGETS = ("es", "pt", "fr", "ja", "ru", "zh", "de", "ko", "hi", "id", "vi", "it", "en")
"""Documented target languages."""
DEFAULT_LANGUAGE = "es"
"""Target language of a new session, as captured."""

ALSO_ACCEPTED = (
    "af", "ar", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "el", "et", "eu", "fa", "fi", "gl", "gu", "he",
    "hr", "hu", "hy", "jv", "ka", "kk", "ku", "lt", "lv", "mk", "ml", "mn", "mr", "ms", "ne", "nl", "no", "pa", "pl",
    "ro", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "te", "th", "tl", "tr", "uk", "ur", "uz", "yo",
)  # fmt: skip
"""Accepted without an error, as captured for the first of them; their quality is unknown."""

THREE_LETTERS = {
    "spa": "es", "por": "pt", "fra": "fr", "jpn": "ja", "rus": "ru", "deu": "de", "kor": "ko", "hin": "hi",
    "ind": "id", "vie": "vi", "ita": "it", "eng": "en",
}  # fmt: skip
"""ISO 639-3 codes that are accepted too; `zho` is refused, as captured."""

ACCEPTED = sorted({*TARGETS, *ALSO_ACCEPTED})
"""Languages that an error message lists."""


def language(value: object, path: str) -> None:
    string()(value, path)
    if value not in ACCEPTED and value not in THREE_LETTERS:
        raise invalid_value(value, ACCEPTED, path)


TRANSLATION_UPDATE: Check = record(
    {
        "audio": record(
            {
                "input": record(
                    {
                        "transcription": nullable(record({"model": string(256)}, required=("model",))),
                        "noise_reduction": nullable(NOISE_REDUCTION),
                    }
                ),
                "output": record({"language": language}),
            }
        )
    }
)
"""Check of an update: `type` and `model` cannot change."""


def default_translation(session_id: str, model: str) -> Json:
    """Return the `session` of `session.created`."""
    return {
        "id": session_id,
        "type": "translation",
        "model": model,
        "expires_at": 0,
        "audio": {
            "input": {"transcription": None, "noise_reduction": None},
            "output": {"language": DEFAULT_LANGUAGE},
        },
    }


class TranslationConfig:
    """Effective configuration; `document` is what `session.created` and `session.updated` show."""

    def __init__(self, document: Json, deployments: Deployments | None = None) -> None:
        self.document = document
        self._deployments = deployments

    def update(self, patch: Json) -> None:
        """Check and merge `patch`, the `session` of a `session.update`. Raises ApiError and then changes nothing."""
        TRANSLATION_UPDATE(patch, "session")
        candidate = merged(self.document, patch)
        complete_noise_reduction(candidate["audio"]["input"], self.document["audio"]["input"])
        transcription = candidate["audio"]["input"]["transcription"]
        check_transcription(transcription, self._deployments, "session.audio.input.transcription")
        self.document = candidate

    @property
    def language(self) -> str:
        """Return the target language (ISO 639-1)."""
        chosen = str(self.document["audio"]["output"]["language"])
        return THREE_LETTERS.get(chosen, chosen)

    @property
    def transcribes(self) -> bool:
        """Return whether the client gets a source transcript."""
        return self.document["audio"]["input"]["transcription"] is not None
