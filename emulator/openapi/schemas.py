"""JSON Schemas of request bodies: the members that the emulator reads."""

from __future__ import annotations

from typing import Any

from emulator.acs.auth.identity import LONGEST, SCOPES, SHORTEST
from emulator.acs.calls.actions.tones import KEYS
from emulator.acs.calls.rooms import ROLES

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_HTTP: Schema = {"type": "string", "pattern": "^https?://[a-z0-9.]{1,20}(:[0-9]{2,4})?/[a-z]{0,8}$"}
_SOCKET: Schema = {"type": "string", "pattern": "^wss?://[a-z0-9.]{1,20}(:[0-9]{2,4})?/[a-z]{0,8}$"}


def _object(*required: str, **members: Schema) -> Schema:
    return {"type": "object", "properties": members, "required": list(required)}


def _list(items: Schema, **limits: int) -> Schema:
    return {"type": "array", "items": items, **limits}


def _one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


_PERSON: Schema = {
    "oneOf": [
        _object("communicationUser", communicationUser=_object("id", id={"type": "string", "pattern": "^8:acs:"})),
        _object("phoneNumber", phoneNumber=_object("value", value={"type": "string", "pattern": "^\\+[0-9]{3,15}$"})),
        _object("rawId", rawId=_TEXT),
    ]
}
_OPERATION = {"operationContext": _TEXT, "operationCallbackUri": _HTTP}
_NUMBER = _object("value", value=_TEXT)
_FILE = _object("kind", "file", kind=_one_of("file"), file=_object("uri", uri=_HTTP), playSourceCacheId=_TEXT)
_TEXT_SOURCE = _object(
    "kind", "text", kind=_one_of("text"), text=_object("text", text=_TEXT, voiceName=_TEXT, sourceLocale=_TEXT)
)
_SSML_SOURCE = _object("kind", "ssml", kind=_one_of("ssml"), ssml=_object("ssmlText", ssmlText=_TEXT))
_SOURCE: Schema = {"oneOf": [_FILE, _TEXT_SOURCE, _SSML_SOURCE]}
_TONES = _list(_one_of(*KEYS))
_MEDIA = _object(
    "transportUrl",
    "transportType",
    "audioChannelType",
    transportUrl=_SOCKET,
    transportType=_one_of("websocket"),
    contentType=_one_of("audio"),
    audioChannelType=_one_of("mixed", "unmixed"),
    audioFormat=_one_of("pcm16KMono", "pcm24KMono"),
    startMediaStreaming=_FLAG,
    enableBidirectional=_FLAG,
    enableDtmfTones=_FLAG,
)
_TRANSCRIPTION = _object(
    "transportUrl", "locale", transportUrl=_SOCKET, transportType=_one_of("websocket"), locale=_TEXT,
    startTranscription=_FLAG, enableIntermediateResults=_FLAG,
)  # fmt: skip
_LOCATOR: Schema = {
    "oneOf": [
        _object("kind", "roomId", kind=_one_of("roomCallLocator"), roomId=_TEXT),
        _object("kind", "serverCallId", kind=_one_of("serverCallLocator"), serverCallId=_TEXT),
        _object("kind", "groupCallId", kind=_one_of("groupCallLocator"), groupCallId=_TEXT),
    ]
}
_BOT: dict[str, Schema] = {
    "callbackUri": _HTTP,
    "operationContext": _TEXT,
    "mediaStreamingOptions": _MEDIA,
    "transcriptionOptions": _TRANSCRIPTION,
    "callIntelligenceOptions": _object(cognitiveServicesEndpoint=_HTTP),
}
_ROSTER = {
    "type": "object",
    "propertyNames": {"pattern": "^8:acs:"},
    "additionalProperties": {"anyOf": [{"type": "null"}, _object(role=_one_of(*ROLES))]},
}
_MOMENTS: dict[str, Schema] = {
    "validFrom": {"type": "string", "format": "date-time"},
    "validUntil": {"type": "string", "format": "date-time"},
    "pstnDialOutEnabled": _FLAG,
}
_MINUTES: Schema = {"type": "integer", "minimum": SHORTEST, "maximum": LONGEST}
_SCOPES = _list(_one_of(*sorted(SCOPES)))

BODIES: dict[str, Schema] = {
    "Error": _object("error", error=_object("code", "message", code=_TEXT, message=_TEXT, details=_list({}))),
    "Connect": _object("callLocator", "callbackUri", callLocator=_LOCATOR, **_BOT),
    "Create": _object(
        "targets", "callbackUri", targets=_list(_PERSON), sourceCallerIdNumber=_NUMBER, sourceDisplayName=_TEXT, **_BOT
    ),
    "Answer": _object("incomingCallContext", "callbackUri", incomingCallContext=_TEXT, **_BOT),
    "Redirect": _object("incomingCallContext", "target", incomingCallContext=_TEXT, target=_PERSON),
    "Reject": _object("incomingCallContext", incomingCallContext=_TEXT, callRejectReason=_TEXT),
    "Transfer": _object(
        "targetParticipant", targetParticipant=_PERSON, transferee=_PERSON, sourceCallerIdNumber=_NUMBER, **_OPERATION
    ),
    "AddParticipant": _object(
        "participantToAdd",
        participantToAdd=_PERSON,
        sourceCallerIdNumber=_NUMBER,
        sourceDisplayName=_TEXT,
        invitationTimeoutInSeconds={"type": "integer", "minimum": 0, "maximum": 180},
        **_OPERATION,
    ),
    "CancelAdd": _object("invitationId", invitationId=_TEXT, **_OPERATION),
    "RemoveParticipant": _object("participantToRemove", participantToRemove=_PERSON, **_OPERATION),
    "Mute": _object("targetParticipants", targetParticipants=_list(_PERSON, minItems=1, maxItems=1), **_OPERATION),
    "Move": _object(
        "targetParticipants", "fromCall", targetParticipants=_list(_PERSON, maxItems=100), fromCall=_TEXT, **_OPERATION
    ),
    "Action": _object(**_OPERATION),
    "Target": _object("targetParticipant", targetParticipant=_PERSON, **_OPERATION),
    "SendTones": _object("targetParticipant", "tones", targetParticipant=_PERSON, tones=_TONES, **_OPERATION),
    "Hold": _object("targetParticipant", targetParticipant=_PERSON, playSourceInfo=_SOURCE, **_OPERATION),
    "Play": _object(
        "playSources",
        playSources=_list(_SOURCE, maxItems=10),
        playTo=_list(_PERSON),
        interruptCallMediaOperation=_FLAG,
        playOptions=_object(loop=_FLAG),
        **_OPERATION,
    ),
    "Recognize": _object(
        "recognizeInputType",
        "recognizeOptions",
        recognizeInputType=_one_of("dtmf", "speech", "speechOrDtmf", "choices"),
        playPrompt=_SOURCE,
        interruptCallMediaOperation=_FLAG,
        recognizeOptions=_object(
            "targetParticipant",
            targetParticipant=_PERSON,
            interruptPrompt=_FLAG,
            initialSilenceTimeoutInSeconds={"type": "integer", "minimum": 0, "maximum": 300},
            speechLanguage=_TEXT,
            speechOptions=_object(endSilenceTimeoutInMs={"type": "integer", "minimum": 0, "maximum": 60_000}),
            choices=_list(_object("label", label=_TEXT, phrases=_list(_TEXT), tone=_one_of(*KEYS))),
            dtmfOptions=_object(
                interToneTimeoutInSeconds={"type": "integer", "minimum": 1, "maximum": 60},
                maxTonesToCollect={"type": "integer", "minimum": 1},
                stopTones=_TONES,
            ),
        ),
        **_OPERATION,
    ),
    "Transcription": _object(locale=_TEXT, **_OPERATION),
    "UpdateTranscription": _object("locale", locale=_TEXT, **_OPERATION),
    "Record": _object(
        callLocator=_LOCATOR,
        callConnectionId=_TEXT,
        recordingStateCallbackUri=_HTTP,
        recordingContentType=_one_of("audio", "audioVideo"),
        recordingFormatType=_one_of("wav", "mp3", "mp4"),
        recordingChannelType=_one_of("mixed", "unmixed"),
        pauseOnStart=_FLAG,
    ),
    "Room": _object(participants=_ROSTER, **_MOMENTS),
    "RoomChange": _object(**_MOMENTS),
    "Roster": _object("participants", participants=_ROSTER),
    "User": _object(createTokenWithScopes=_SCOPES, expiresInMinutes=_MINUTES, customId=_TEXT),
    "Token": _object("scopes", scopes=_SCOPES | {"minItems": 1}, expiresInMinutes=_MINUTES),
    "EntraToken": _object(audience=_TEXT, roles=_list(_TEXT), lifetime_s={"type": "integer"}),
    "Rotation": _object(keep_old=_FLAG),
    "Faults": {"type": "object", "description": "See GET /emulator/faults/schema."},
    "Invitations": _list(
        _object("name", "language", "room", "token", name=_TEXT, language=_TEXT, room=_TEXT, token=_TEXT)
    ),
    "Subscription": _object(
        "endpoint",
        endpoint=_HTTP,
        schema=_one_of("EventGridSchema", "CloudEventSchemaV1_0"),
        headers={"type": "object", "additionalProperties": _TEXT},
        included_event_types=_list({"type": "string", "pattern": "^Microsoft\\.Communication\\."}),
        max_events={"type": "integer", "minimum": 1, "maximum": 5000},
        audience=_TEXT,
        dead_letter=_FLAG,
    ),
    "Robot": _object(
        "token",
        token=_TEXT,
        display_name=_TEXT,
        wav=_TEXT | {"description": "A file on the emulator's machine."},
        pcm_base64=_TEXT | {"description": "PCM16 mono 24 kHz."},
        loop=_FLAG,
        start_after_ms={"type": "integer", "minimum": 0},
    ),
}
