"""What is said to an upgrade request."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from emulator.realtime.deployments import read_deployments
from emulator.realtime.upgrade import (
    PREVIEW_PATHS,
    REALTIME_PATHS,
    TRANSLATION_PATHS,
    Admission,
    Refused,
    UpgradePolicy,
)

KEY = "the-key"
NAMES = ("talk", "live=translation:gpt-realtime-translate-2026-05-06", "scribe=transcription:gpt-transcribe")
ANY = UpgradePolicy(KEY)
LISTED = UpgradePolicy(KEY, read_deployments(NAMES))


def ask(policy: UpgradePolicy, path: str, query: dict[str, str], **headers: str) -> Admission:
    sent = CIMultiDict({"upgrade": "WebSocket", **(headers or {"api-key": KEY})})
    return policy.admit(path, query, sent)


def refused(policy: UpgradePolicy, path: str, query: dict[str, str], **headers: str) -> tuple[int, Any]:
    with pytest.raises(Refused) as caught:
        ask(policy, path, query, **headers)
    body: Any = caught.value.body
    assert set(body["error"]) == {"message", "type", "code", "param"}
    return caught.value.status, body["error"]["code"]


@pytest.mark.parametrize("path", REALTIME_PATHS)
def test_a_conversation(path: str) -> None:
    assert ask(ANY, path, {"model": "anything"}) == Admission("conversation", "anything")
    assert ask(LISTED, path, {"model": "talk"}) == Admission("conversation", "talk")


@pytest.mark.parametrize("path", TRANSLATION_PATHS)
def test_a_translation_shows_the_model_behind_the_deployment(path: str) -> None:
    assert ask(ANY, path, {"model": "anything"}) == Admission("translation", "anything")
    assert ask(LISTED, path, {"model": "live"}) == Admission("translation", "gpt-realtime-translate-2026-05-06")


@pytest.mark.parametrize("path", REALTIME_PATHS)
def test_a_transcription_by_intent_or_by_its_model(path: str) -> None:
    for policy in (ANY, LISTED):
        assert ask(policy, path, {"intent": "transcription"}) == Admission("transcription", "")
        assert ask(policy, path, {"intent": "transcription", "model": "talk"}) == Admission("transcription", "")
    assert ask(LISTED, path, {"model": "scribe"}) == Admission("transcription", "scribe")
    assert ask(ANY, path, {"model": "gpt-realtime-whisper"}) == Admission("transcription", "gpt-realtime-whisper")


def test_the_wrong_path_for_a_deployment_is_refused_as_the_service_spells_it() -> None:
    realtime, translations = REALTIME_PATHS[1], TRANSLATION_PATHS[1]
    for policy, path, query in (
        (LISTED, realtime, {"model": "live"}),
        (LISTED, realtime, {"model": "live", "intent": "transcription"}),
        (ANY, realtime, {"model": "gpt-realtime-translate"}),
        (LISTED, translations, {"model": "talk"}),
        (ANY, translations, {"model": "gpt-realtime-whisper"}),
    ):
        assert refused(policy, path, query) == (400, "OpperationNotSupported")


def test_a_deployment_that_is_not_there() -> None:
    for path in (*REALTIME_PATHS, *TRANSLATION_PATHS):
        assert refused(LISTED, path, {"model": "nobody"}) == (404, "DeploymentNotFound")


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("/openai/v1/realtime", {"model": "talk", "api-version": "2025-04-01-preview"}, 401, "401"),
        ("/openai/v1/realtime/translations", {"model": "live", "api-version": "x"}, 401, "401"),
        ("/openai/v1/realtime", {}, 400, "missing_required_parameter"),
        ("/openai/v1/realtime/translations", {}, 400, "missing_required_parameter"),
        ("/openai/v1/realtime", {"intent": "dictation"}, 400, "invalid_value"),
        ("/openai/v1/realtime/translations", {"model": "live", "intent": "transcription"}, 400, "invalid_value"),
    ],
)
def test_what_else_is_refused(path: str, query: dict[str, str], status: int, code: str) -> None:
    assert refused(LISTED, path, query) == (status, code)


@pytest.mark.parametrize("path", PREVIEW_PATHS)
def test_the_preview_is_refused_plainly(path: str) -> None:
    query = {"api-version": "2025-04-01-preview", "deployment": "talk"}
    assert refused(ANY, path, query) == (400, "unsupported_api_version")


def test_a_request_that_is_no_upgrade() -> None:
    with pytest.raises(Refused) as caught:
        ANY.admit("/v1/realtime", {"model": "m"}, CIMultiDict({"api-key": KEY}))
    assert caught.value.status == 426


def test_keys() -> None:
    path, query = REALTIME_PATHS[0], {"model": "m"}
    assert ask(ANY, path, query, Authorization=f"Bearer {KEY}")
    assert ask(ANY, path, query, Authorization="Basic x", **{"api-key": KEY})
    for headers in ({"api-key": "wrong"}, {"Authorization": f"Bearer {KEY}x"}, {"Authorization": KEY}, {"Bearer": KEY}):
        assert refused(ANY, path, query, **headers) == (401, "401")


def test_a_browser_presents_its_key_where_the_service_of_the_path_takes_it() -> None:
    """OpenAI takes it among the subprotocols, Azure in the query; neither takes it in the other's way."""
    offer = {"Sec-WebSocket-Protocol": f"realtime, openai-insecure-api-key.{KEY}"}
    assert ask(ANY, "/v1/realtime", {"model": "m"}, **offer)
    assert ask(ANY, "/v1/realtime/translations", {"model": "m"}, **offer)
    assert refused(ANY, "/openai/v1/realtime", {"model": "m"}, **offer) == (401, "401")
    wrong = {"Sec-WebSocket-Protocol": "realtime, openai-insecure-api-key.wrong"}
    assert refused(ANY, "/v1/realtime", {"model": "m"}, **wrong) == (401, "401")
    offer = {"Sec-WebSocket-Protocol": "realtime"}
    assert ask(ANY, "/openai/v1/realtime", {"model": "m", "api-key": KEY}, **offer)
    assert refused(ANY, "/openai/v1/realtime", {"model": "m", "api-key": "wrong"}, **offer) == (401, "401")
    assert refused(ANY, "/v1/realtime", {"model": "m", "api-key": KEY}, **offer) == (401, "401")


def test_who_asks_for_the_beta_is_known() -> None:
    query = {"model": "m"}
    header = {"api-key": KEY, "OpenAI-Beta": "realtime=v1"}
    offer = {"Sec-WebSocket-Protocol": f"realtime, openai-insecure-api-key.{KEY}, openai-beta.realtime-v1"}
    assert ask(ANY, "/v1/realtime", query, **header).beta
    assert ask(ANY, "/v1/realtime", query, **offer).beta
    assert not ask(ANY, "/v1/realtime/translations", query, **header).beta
    assert not ask(ANY, "/v1/realtime", query, **{"api-key": KEY, "OpenAI-Beta": "assistants=v2"}).beta


def test_a_translation_may_take_its_key_in_its_own_header_alone() -> None:
    strict = UpgradePolicy(KEY, translation_bearer=False)
    translations, query = TRANSLATION_PATHS[0], {"model": "m"}
    assert ask(ANY, translations, query, Authorization=f"Bearer {KEY}")
    assert refused(strict, translations, query, Authorization=f"Bearer {KEY}") == (401, "401")
    assert ask(strict, translations, query, **{"api-key": KEY})
    assert ask(strict, REALTIME_PATHS[0], query, Authorization=f"Bearer {KEY}")
