"""The configuration of a translation: strict keys, languages of one's own."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.realtime.deployments import Deployment
from emulator.realtime.errors import ApiError
from emulator.realtime.translation_config import TARGETS, TranslationConfig, default_translation


def config(**deployments: Deployment) -> TranslationConfig:
    return TranslationConfig(default_translation("sess_1", "gpt-realtime-translate"), deployments or None)


def refused(patch: Any, target: TranslationConfig | None = None) -> ApiError:
    changed = target or config()
    before = str(changed.document)
    with pytest.raises(ApiError) as caught:
        changed.update(patch)
    assert str(changed.document) == before
    return caught.value


def test_default_is_the_captured_one() -> None:
    assert config().document == {
        "id": "sess_1",
        "type": "translation",
        "model": "gpt-realtime-translate",
        "expires_at": 0,
        "audio": {
            "input": {"transcription": None, "noise_reduction": None},
            "output": {"language": "es"},
        },
    }


@pytest.mark.parametrize("language", TARGETS)
def test_every_documented_language_is_taken(language: str) -> None:
    changed = config()
    changed.update({"audio": {"output": {"language": language}}})
    assert changed.language == language


def test_most_three_letter_codes_are_taken_and_shown_as_they_came() -> None:
    changed = config()
    changed.update({"audio": {"output": {"language": "deu"}}})
    assert changed.document["audio"]["output"]["language"] == "deu"
    assert changed.language == "de"


@pytest.mark.parametrize("language", ["zho", "es-ES", "xx", "", "ES"])
def test_a_wrong_language_is_told_the_accepted_ones(language: str) -> None:
    error = refused({"audio": {"output": {"language": language}}})
    assert (error.code, error.param) == ("invalid_value", "session.audio.output.language")
    assert f"Invalid value: '{language}'. Supported values are: 'af', 'ar', 'az', 'be', 'bg', 'bn', 'bs'" in (
        error.message
    )
    assert all(f"'{target}'" in error.message for target in TARGETS)


@pytest.mark.parametrize(
    ("patch", "code", "param"),
    [
        ({"type": "translation"}, "unknown_parameter", "session.type"),
        ({"model": "x"}, "unknown_parameter", "session.model"),
        ({"instructions": "x"}, "unknown_parameter", "session.instructions"),
        ({"audio": {"input": {"language": "de"}}}, "unknown_parameter", "session.audio.input.language"),
        ({"audio": {"input": {"turn_detection": None}}}, "unknown_parameter", "session.audio.input.turn_detection"),
        ({"audio": {"output": {"voice": "marin"}}}, "unknown_parameter", "session.audio.output.voice"),
        ({"audio": {"output": {"language": 1}}}, "invalid_type", "session.audio.output.language"),
        (
            {"audio": {"input": {"transcription": {"model": "m", "language": "de"}}}},
            "unknown_parameter",
            "session.audio.input.transcription.language",
        ),
        (
            {"audio": {"input": {"transcription": {}}}},
            "missing_required_parameter",
            "session.audio.input.transcription.model",
        ),
        ({"audio": {"output": {"language": "fr"}, "oops": 1}}, "unknown_parameter", "session.audio.oops"),
    ],
)
def test_anything_else_refuses_the_whole_update(patch: Any, code: str, param: str) -> None:
    error = refused(patch)
    assert (error.code, error.param) == (code, param)


def test_only_present_members_change_and_null_clears() -> None:
    changed = config()
    changed.update({"audio": {"input": {"transcription": {"model": "m"}, "noise_reduction": {"type": "far_field"}}}})
    changed.update({"audio": {"output": {"language": "fr"}}})
    assert changed.transcribes
    assert changed.document["audio"]["input"]["noise_reduction"] == {"type": "far_field", "strength": 1.0}
    changed.update({"audio": {"input": {"transcription": None, "noise_reduction": {"strength": 0.5}}}})
    assert not changed.transcribes
    assert changed.document["audio"]["input"]["noise_reduction"] == {"type": "far_field", "strength": 0.5}
    assert changed.language == "fr"
    changed.update({})
    assert changed.language == "fr"


def test_the_transcription_model_is_a_deployment_of_that_kind() -> None:
    changed = config(scribe=Deployment("transcription"), talk=Deployment("conversation"))
    changed.update({"audio": {"input": {"transcription": {"model": "scribe"}}}})
    for name in ("talk", "gpt-transcribe"):
        error = refused({"audio": {"input": {"transcription": {"model": name}}}}, changed)
        assert error.message == f"Invalid value: '{name}'. Supported values are: 'scribe'."
