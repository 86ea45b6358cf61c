"""Bodies of requests as the clients send them, and what is wrong with others."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.acs.api.requests import (
    locator,
    operation,
    play_request,
    raw_id,
    recognize_request,
    seconds,
    tone_words,
)
from emulator.acs.calls.actions.host import Operation
from emulator.acs.calls.actions.play import Source
from emulator.acs.calls.actions.speech import Words
from emulator.acs.wire.errors import AcsError
from emulator.acs.wire.options import Locator

USER = {"rawId": "8:acs:x_y", "communicationUser": {"id": "8:acs:x_y"}}
FILE = {"kind": "file", "playSourceCacheId": "c", "file": {"uri": "https://x.example/a.wav"}}


def test_a_play_request_is_read() -> None:
    request = play_request(
        {
            "playSources": [
                FILE,
                {"kind": "text", "text": {"text": "hello"}},
                {"kind": "text", "text": {"text": "hola", "sourceLocale": "es-ES", "voiceName": "en-US-NancyNeural"}},
                {"kind": "text", "text": {"text": "olá", "voiceName": "pt-BR-FranciscaNeural"}},
                {"kind": "ssml", "ssml": {"ssmlText": "s"}},
            ],
            "playTo": [USER],
            "playOptions": {"loop": True},
            "interruptCallMediaOperation": False,
            "operationContext": "o",
            "operationCallbackUri": "https://x.example/cb",
        }
    )
    assert request.sources == [
        Source("https://x.example/a.wav", "c"),
        Source(words=Words("hello", "en-US")),
        Source(words=Words("hola", "es-ES")),
        Source(words=Words("olá", "pt-BR")),
        Source(ssml="s"),
    ]
    assert request.targets == ("8:acs:x_y",)
    assert request.loop
    assert request.operation == Operation("o", "https://x.example/cb")


def test_a_recognize_request_is_read_with_the_documented_defaults() -> None:
    options: dict[str, Any] = {"targetParticipant": USER, "interruptPrompt": True}
    request = recognize_request({"recognizeInputType": "dtmf", "recognizeOptions": options, "playPrompt": FILE})
    assert (request.initial_silence_s, request.between_tones_s, request.most_tones) == (5.0, 2.0, None)
    assert request.target == "8:acs:x_y"
    assert request.prompts == [Source("https://x.example/a.wav", "c")]
    choices = [{"label": "yes", "phrases": ["yes"], "tone": "one"}, {"label": "no", "phrases": ["no"]}]
    request = recognize_request(
        {"recognizeInputType": "choices", "recognizeOptions": options | {"choices": choices}, "playPrompts": [FILE]}
    )
    assert request.choices == {"one": "yes"}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"roomId": "99", "kind": "roomCallLocator"}, Locator(room_id="99")),
        ({"serverCallId": "s", "kind": "serverCallLocator"}, Locator(server_call_id="s")),
        ({"groupCallId": "g", "kind": "groupCallLocator"}, Locator(group_id="g")),
    ],
)
def test_a_call_is_named(document: object, found: Locator) -> None:
    assert locator({"callLocator": document}) == found


@pytest.mark.parametrize(
    ("identifier", "found"),
    [
        (USER, "8:acs:x_y"),
        ({"communicationUser": {"id": "8:acs:x_y"}}, "8:acs:x_y"),
        ({"phoneNumber": {"value": "+15551234567"}}, "4:+15551234567"),
        ({"rawId": "28:orgid:x", "microsoftTeamsApp": {"appId": "x"}}, "28:orgid:x"),
    ],
)
def test_identifiers_come_without_kind(identifier: object, found: str) -> None:
    assert raw_id(identifier, "target") == found


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"playSources": []},
        {"playSources": [{}]},
        {"playSources": [{"kind": "file", "file": {"uri": "ftp://x"}}]},
        {"playSources": [{"kind": "text", "text": {"text": ""}}]},
        {"playSources": [FILE] * 11},
        {"playSources": [FILE], "playTo": [{}]},
        {"playSources": [FILE], "playTo": {}},
        {"playSources": [FILE], "playOptions": {"loop": 1}},
        {"playSources": [FILE], "operationContext": 1},
        {"playSources": [FILE], "operationCallbackUri": "nowhere"},
    ],
)
def test_what_cannot_be_played_is_a_bad_argument(document: dict[str, Any]) -> None:
    with pytest.raises(AcsError) as refused:
        play_request(document)
    assert (refused.value.status, refused.value.code) == (400, "8523")


@pytest.mark.parametrize("value", [True, "1", -1, 181, float("inf"), float("nan"), []])
def test_seconds_have_bounds(value: object) -> None:
    with pytest.raises(AcsError):
        seconds({"s": value}, "s", 0, 180)
    assert seconds({"s": 180}, "s", 0, 180) == 180
    assert seconds({}, "s", 0, 180) is None


def test_keys_and_operations_are_words() -> None:
    assert tone_words({"tones": ["one", "pound", "a"]}, "tones") == ["one", "pound", "a"]
    for wrong in (["eleven"], [1], "one"):
        with pytest.raises(AcsError):
            tone_words({"tones": wrong}, "tones")
    assert operation({}) == Operation(None, None)
