"""Updates of the session configuration: merged as a whole or refused as a whole."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.audio_settings import SERVER_VAD, merged
from emulator.realtime.errors import ApiError
from emulator.realtime.session_config import SessionConfig, default_session


def config() -> SessionConfig:
    return SessionConfig(default_session("sess_1", "interpreter", 1_000_000))


def update(target: SessionConfig, locked: bool = False, **patch: Any) -> None:
    target.update({"type": "realtime", **patch}, voice_locked=locked)


def test_default_is_the_captured_one() -> None:
    document = config().document
    assert document["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200
    assert document["audio"]["output"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "voice": "alloy",
        "speed": 1.0,
    }
    assert document["max_output_tokens"] == "inf"
    assert "temperature" not in document


def test_only_present_fields_change() -> None:
    changed = config()
    update(changed, audio={"output": {"voice": "marin"}}, max_output_tokens=1024)
    expected = config().document
    expected["audio"]["output"]["voice"] = "marin"
    expected["max_output_tokens"] = 1024
    assert changed.document == expected


def test_null_clears_and_a_later_object_starts_from_the_defaults() -> None:
    changed = config()
    update(changed, audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.8}}})
    assert changed.turn_detection == {**SERVER_VAD, "threshold": 0.8}
    update(changed, audio={"input": {"turn_detection": None}})
    assert changed.turn_detection is None
    update(changed, audio={"input": {"turn_detection": {"type": "server_vad"}}})
    assert changed.turn_detection == SERVER_VAD


def test_another_kind_of_turn_detection_replaces_the_old_one() -> None:
    changed = config()
    update(changed, audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}})
    assert changed.turn_detection == {
        "type": "semantic_vad",
        "eagerness": "high",
        "create_response": True,
        "interrupt_response": True,
    }


def test_noise_reduction_keeps_its_strength() -> None:
    changed = config()
    update(changed, audio={"input": {"noise_reduction": {"type": "near_field"}}})
    assert changed.document["audio"]["input"]["noise_reduction"] == {"type": "near_field", "strength": 1.0}
    update(changed, audio={"input": {"noise_reduction": {"type": "near_field", "strength": 0.4}}})
    update(changed, audio={"input": {"noise_reduction": {"type": "far_field"}}})
    assert changed.document["audio"]["input"]["noise_reduction"] == {"type": "far_field", "strength": 0.4}


@pytest.mark.parametrize(
    ("patch", "code", "param"),
    [
        ({"totally_made_up_field": 1}, "unknown_parameter", "session.totally_made_up_field"),
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"voice": "alloy"}, "unknown_parameter", "session.voice"),
        ({"audio": {"input": {"rate": 16000}}}, "unknown_parameter", "session.audio.input.rate"),
        ({"audio": {"output": {"voice": "nobody"}}}, "invalid_value", "session.audio.output.voice"),
        ({"audio": {"output": {"speed": 2}}}, "decimal_above_max_value", "session.audio.output.speed"),
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": []}, "invalid_value", "session.output_modalities"),
        ({"max_output_tokens": 4097}, "integer_above_max_value", "session.max_output_tokens"),
        ({"max_output_tokens": "all"}, "invalid_value", "session.max_output_tokens"),
        ({"instructions": 1}, "invalid_type", "session.instructions"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "translation"}, "invalid_value", "session.type"),
        ({"model": "another"}, "invalid_value", "session.model"),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "integer_below_min_value",
            "session.audio.input.format.rate",
        ),
        (
            {"audio": {"input": {"turn_detection": {"threshold": 0.5}}}},
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 0}}}},
            "integer_below_min_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
    ],
)
def test_a_refused_update_changes_nothing(patch: dict[str, Any], code: str, param: str) -> None:
    target = config()
    with pytest.raises(ApiError) as caught:
        update(target, **{"instructions": "new", "max_output_tokens": 7, **patch})
    assert (caught.value.code, caught.value.param) == (code, param)
    assert target.document == config().document


def test_type_is_mandatory() -> None:
    with pytest.raises(ApiError) as caught:
        config().update({"instructions": "x"}, voice_locked=False)
    assert (caught.value.code, caught.value.param) == ("missing_required_parameter", "session.type")


def test_transcription_settings_are_refused_on_a_conversation() -> None:
    with pytest.raises(ApiError, match="Passing a transcription session update event to a realtime session"):
        config().update({"type": "transcription"}, voice_locked=False)


def test_voice_is_locked_but_may_be_repeated() -> None:
    target = config()
    update(target, locked=True, audio={"output": {"voice": "alloy"}})
    with pytest.raises(ApiError) as caught:
        update(target, locked=True, audio={"output": {"voice": "marin"}})
    assert caught.value.code == "cannot_update_voice"


def test_tracing_cannot_be_changed_once_on() -> None:
    target = config()
    update(target, tracing="auto")
    with pytest.raises(ApiError):
        update(target, tracing=None)


DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(["audio", "input", "type", "x"]), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.dictionaries(st.sampled_from(["audio", "x"]), DOCUMENTS),
    st.dictionaries(st.sampled_from(["audio", "x"]), DOCUMENTS),
)
def test_merging_shares_nothing_and_is_idempotent(current: dict[str, Any], patch: dict[str, Any]) -> None:
    before = deepcopy((current, patch))
    once = merged(current, patch)
    assert merged(once, patch) == once
    assert (current, patch) == before
    assert set(once) == set(current) | set(patch)
