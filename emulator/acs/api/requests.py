"""Reads and checks the parts of Call Automation requests.

Every function raises AcsError, 400/8523 unless it says otherwise, for a value that does not fit."""

from __future__ import annotations

import math
from typing import Any, get_args

from aiohttp import web

from emulator.acs.calls.actions.host import Operation
from emulator.acs.calls.actions.play import PlayRequest, Source
from emulator.acs.calls.actions.recognition import InputType, RecognizeRequest
from emulator.acs.calls.actions.speech import DEFAULT_LANGUAGE, Words, language_of_voice
from emulator.acs.calls.actions.tones import KEYS
from emulator.acs.calls.actions.utterances import END_SILENCE_S
from emulator.acs.wire.errors import bad_argument
from emulator.acs.wire.options import ConnectOptions, Locator, MediaOptions, TranscriptionOptions

Document = dict[str, Any]

_RATES = {"pcm16KMono": 16_000, "pcm24KMono": 24_000}
_MOST_SOURCES = 10
_INPUTS: dict[str, InputType] = {each: each for each in get_args(InputType)}


def connect_options(request: web.Request, document: Document, *, strict: bool) -> ConnectOptions:
    """Read what connect, create and answer have in common. `strict` accepts https and wss only."""
    speech = _object(document, "callIntelligenceOptions")
    return ConnectOptions(
        callback_uri=url(document, "callbackUri", ("https",) if strict else ("https", "http")),
        version=request.query["api-version"],
        operation_context=text(document, "operationContext"),
        media=_media(_object(document, "mediaStreamingOptions"), strict),
        transcription=_transcription(_object(document, "transcriptionOptions"), strict),
        speech=bool(speech is not None and text(speech, "cognitiveServicesEndpoint")),
    )


def locator(document: Document, key: str = "callLocator") -> Locator:
    """Read the locator of a call."""
    value = _object(document, key)
    if value is None:
        raise bad_argument("The field CallLocator is required.")
    match value.get("kind"), value.get("roomId"), value.get("serverCallId"), value.get("groupCallId"):
        case "roomCallLocator", str(room_id), None, None:
            return Locator(room_id=room_id)
        case "serverCallLocator", None, str(server_call_id), None:
            return Locator(server_call_id=server_call_id)
        case "groupCallLocator", None, None, str(group_id):
            return Locator(group_id=group_id)
        case _:
            raise _invalid(key)


def operation(document: Document) -> Operation:
    """Read the operation context and callback of an action."""
    callback = text(document, "operationCallbackUri")
    if callback is not None:
        callback = url(document, "operationCallbackUri", ("https", "http"))
    return Operation(text(document, "operationContext"), callback)


def url(document: Document, key: str, schemes: tuple[str, ...]) -> str:
    """Read an absolute URL."""
    found = document.get(key)
    if not isinstance(found, str) or not found.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise _invalid(key)
    return found


def text(document: Document, key: str) -> str | None:
    """Read an optional text."""
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise _invalid(key)
    return value


def required(document: Document, key: str) -> str:
    """Read a required text that is not empty."""
    value = text(document, key)
    if not value:
        raise _invalid(key)
    return value


def flag(document: Document, key: str) -> bool:
    """Read a boolean; false when it is missing."""
    value = document.get(key)
    if value is not None and not isinstance(value, bool):
        raise _invalid(key)
    return bool(value)


def seconds(document: Document, key: str, least: float, most: float) -> float | None:
    """Read an optional number of seconds."""
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _invalid(key)
    if not least <= value <= most:
        raise _invalid(key)
    return float(value)


def raw_id(value: object, key: str) -> str:
    """Read the raw id of an identifier in the form of requests, which has no kind."""
    if isinstance(value, dict):
        user, phone = value.get("communicationUser"), value.get("phoneNumber")
        found = value.get("rawId") or (user.get("id") if isinstance(user, dict) else None)
        if not found and isinstance(phone, dict) and isinstance(phone.get("value"), str):
            found = "4:" + phone["value"]
        if isinstance(found, str) and found:
            return found
    raise _invalid(key)


def own_identity(document: Document, key: str) -> str | None:
    """Read the identity under which a bot calls or answers: an ACS user, optional."""
    value = _object(document, key)
    if value is None:
        return None
    found = required(value, "id")
    if not found.startswith("8:acs:"):
        raise _invalid(key)
    return found


def raw_ids(document: Document, key: str) -> list[str]:
    """Read the raw ids of an optional list of identifiers."""
    return [raw_id(each, key) for each in _list(document, key)]


def play_request(document: Document) -> PlayRequest:
    """Read the body of a play action."""
    sources = sources_of(document, "playSources")
    if not sources:
        raise _invalid("playSources")
    options = _object(document, "playOptions") or {}
    return PlayRequest(
        sources=sources,
        targets=tuple(raw_ids(document, "playTo")),
        loop=flag(options, "loop"),
        interrupt=flag(document, "interruptCallMediaOperation"),
        operation=operation(document),
    )


def sources_of(document: Document, key: str) -> list[Source]:
    """Read an optional list of play sources."""
    found = [source(each, key) for each in _list(document, key)]
    if len(found) > _MOST_SOURCES:
        raise _invalid(key)
    return found


def source(value: object, key: str) -> Source:
    """Read a play source."""
    if not isinstance(value, dict):
        raise _invalid(key)
    match value.get("kind"):
        case "file":
            file = _object(value, "file") or {}
            return Source(url(file, "uri", ("https", "http")), text(value, "playSourceCacheId"))
        case "text":
            words = _object(value, "text") or {}
            spoken_in = text(words, "sourceLocale") or language_of_voice(text(words, "voiceName"))
            return Source(words=Words(required(words, "text"), spoken_in or DEFAULT_LANGUAGE))
        case "ssml":
            return Source(ssml=required(_object(value, "ssml") or {}, "ssmlText"))
        case _:
            raise _invalid(key)


def recognize_request(document: Document) -> RecognizeRequest:
    """Read the body of a recognize action, with the documented bounds and defaults of times."""
    input_type = _INPUTS.get(str(document.get("recognizeInputType")))
    if input_type is None:
        raise _invalid("recognizeInputType")
    options = _object(document, "recognizeOptions") or {}
    tones = _object(options, "dtmfOptions") or {}
    most = seconds(tones, "maxTonesToCollect", 1, 1000)
    prompt = document.get("playPrompt")
    prompts = [source(prompt, "playPrompt")] if prompt is not None else sources_of(document, "playPrompts")
    silence = seconds(options, "initialSilenceTimeoutInSeconds", 0, 300)
    between = seconds(tones, "interToneTimeoutInSeconds", 1, 60)
    end_silence = seconds(_object(options, "speechOptions") or {}, "endSilenceTimeoutInMs", 0, 60_000)
    choices = _choices(options)
    if input_type == "choices" and not choices:
        raise _invalid("choices")
    return RecognizeRequest(
        input_type=input_type,
        target=raw_id(options.get("targetParticipant"), "targetParticipant"),
        prompts=prompts,
        initial_silence_s=5.0 if silence is None else silence,
        between_tones_s=2.0 if between is None else between,
        most_tones=None if most is None else int(most),
        stop_tones=frozenset(tone_words(tones, "stopTones")),
        choices={tone: label for label, tone, _ in choices if tone is not None},
        phrases={label: phrases for label, _, phrases in choices},
        language=text(options, "speechLanguage") or DEFAULT_LANGUAGE,
        end_silence_s=END_SILENCE_S if end_silence is None else end_silence / 1000,
        interrupt_prompt=flag(options, "interruptPrompt"),
        interrupt=flag(document, "interruptCallMediaOperation"),
        operation=operation(document),
    )


def tone_words(document: Document, key: str) -> list[str]:
    """Read an optional list of key names."""
    words = _list(document, key)
    if not all(isinstance(word, str) and word in KEYS for word in words):
        raise _invalid(key)
    return words


def _choices(options: Document) -> list[tuple[str, str | None, list[str]]]:
    """Return the choices as (label, tone, phrases)."""
    found = []
    for choice in _list(options, "choices"):
        if not isinstance(choice, dict):
            raise _invalid("choices")
        tone = text(choice, "tone")
        if tone is not None and tone not in KEYS:
            raise _invalid("choices")
        phrases = _list(choice, "phrases")
        if not all(isinstance(phrase, str) for phrase in phrases):
            raise _invalid("choices")
        found.append((required(choice, "label"), tone, phrases))
    return found


def _media(value: Document | None, strict: bool) -> MediaOptions | None:
    if value is None:
        return None
    if value.get("transportType") != "websocket" or value.get("contentType", "audio") != "audio":
        raise bad_argument("Media streaming carries audio over a websocket.")
    channels, form = value.get("audioChannelType"), value.get("audioFormat") or "pcm16KMono"
    rate = _RATES.get(form) if isinstance(form, str) else None
    if channels not in ("mixed", "unmixed") or rate is None:
        raise bad_argument("The field AudioChannelType or AudioFormat is invalid.")
    return MediaOptions(
        url=url(value, "transportUrl", ("wss",) if strict else ("wss", "ws")),
        rate=rate,
        unmixed=channels == "unmixed",
        start=flag(value, "startMediaStreaming"),
        bidirectional=flag(value, "enableBidirectional"),
        tones=flag(value, "enableDtmfTones"),
    )


def _transcription(value: Document | None, strict: bool) -> TranscriptionOptions | None:
    if value is None:
        return None
    if value.get("transportType", "websocket") != "websocket":
        raise bad_argument("Transcription comes over a websocket.")
    return TranscriptionOptions(
        url=url(value, "transportUrl", ("wss",) if strict else ("wss", "ws")),
        locale=required(value, "locale"),
        start=flag(value, "startTranscription"),
        intermediate=flag(value, "enableIntermediateResults"),
    )


def _object(document: Document, key: str) -> Document | None:
    value = document.get(key)
    if value is not None and not isinstance(value, dict):
        raise _invalid(key)
    return value


def _list(document: Document, key: str) -> list[Any]:
    value = document.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _invalid(key)
    return value


def _invalid(key: str) -> Exception:
    return bad_argument(f"The field {key[:1].upper() + key[1:]} is invalid.")
