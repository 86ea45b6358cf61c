"""The rules about transcription that depend on the model."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.realtime.audio_settings import check_transcription
from emulator.realtime.deployments import read_deployments
from emulator.realtime.errors import ApiError


@pytest.mark.parametrize(
    ("settings", "member"),
    [
        ({"model": "whisper-1", "keywords": ["x"]}, "keywords"),
        ({"model": "gpt-4o-transcribe", "languages": ["de"]}, "languages"),
        ({"model": "gpt-transcribe", "delay": "low"}, "delay"),
        ({"model": "gpt-realtime-whisper", "prompt": "x"}, "prompt"),
        ({"model": "scribe", "prompt": "x"}, "prompt"),
    ],
)
def test_what_a_model_does_not_take(settings: dict[str, Any], member: str) -> None:
    deployments = read_deployments([f"{settings['model']}=transcription", "scribe=transcription:gpt-realtime-whisper"])
    with pytest.raises(ApiError) as caught:
        check_transcription(settings, deployments, "t")
    assert (caught.value.code, caught.value.param) == ("invalid_value", f"t.{member}")


@pytest.mark.parametrize(
    "settings",
    [
        None,
        {"language": "de"},
        {"model": "gpt-transcribe", "languages": ["de"], "keywords": ["x"], "prompt": "y"},
        {"model": "gpt-realtime-whisper", "delay": "low", "language": "de"},
        {"model": "my-own-name", "delay": "low", "prompt": "x", "keywords": []},
    ],
)
def test_what_it_takes(settings: dict[str, Any] | None) -> None:
    check_transcription(settings, None, "t")


def test_where_deployments_are_listed_the_model_is_one_of_them() -> None:
    deployments = read_deployments(["talk", "scribe=transcription"])
    check_transcription({"model": "scribe"}, deployments, "t")
    for name in ("talk", "gpt-transcribe"):
        with pytest.raises(ApiError, match=f"Invalid value: '{name}'. Supported values are: 'scribe'."):
            check_transcription({"model": name}, deployments, "t")
