"""Names and what they stand for."""

from __future__ import annotations

import pytest

from emulator.realtime.deployments import Deployment, kind_named, known_as, read_deployments


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gpt-realtime-translate", "translation"),
        ("gpt-realtime-translate-2026-05-06", "translation"),
        ("gpt-realtime-whisper", "transcription"),
        ("gpt-4o-mini-transcribe", "transcription"),
        ("gpt-realtime-2.1", None),
        ("interpreter", None),
    ],
)
def test_a_name_tells_what_it_is_for(name: str, kind: str | None) -> None:
    assert kind_named(name) == kind


def test_deployments_are_read_from_words() -> None:
    words = ["interpreter", "gpt-realtime-translate", "live=translation", "scribe=transcription:gpt-transcribe"]
    assert read_deployments(words) == {
        "interpreter": Deployment("conversation"),
        "gpt-realtime-translate": Deployment("translation"),
        "live": Deployment("translation"),
        "scribe": Deployment("transcription", "gpt-transcribe"),
    }


@pytest.mark.parametrize("word", ["live=", "live=karaoke", "=translation"])
def test_a_kind_there_is_not_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="conversation, translation, transcription"):
        read_deployments([word])


def test_a_deployment_may_hide_the_model_behind_it() -> None:
    deployments = read_deployments(["scribe=transcription:gpt-transcribe", "plain"])
    assert [known_as(deployments, name) for name in ("scribe", "plain", "none")] == ["gpt-transcribe", "plain", "none"]
    assert known_as(None, "scribe") == "scribe"
