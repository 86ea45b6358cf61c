"""Builds callback events and the values they carry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from emulator.acs.wire.times import wire_time
from emulator.clock import utc_now
from emulator.randomness import uuid4

Event = dict[str, Any]

PREFIX = "Microsoft.Communication."
# Messages of the service, as recorded.
HUNG_UP = "Call was ended by Azure Communication Service Call Automation API or a server bot. DiagCode: 0#7000.@"
CONVERSATION_ENDED = "The conversation has ended. DiagCode: 0#7000.@"
REMOVED = "The conversation has ended. DiagCode: 0#5300.@"
MEDIA_DONE = "Action completed successfully."
MEDIA_UNREACHABLE = "Action failed, Transport url is not valid or web socket server is not operational."


@dataclass(frozen=True, slots=True)
class CallIds:
    """The ids in every event of a call connection. `version` is the api-version of the request that created it."""

    call_connection_id: str
    server_call_id: str
    correlation_id: str
    version: str


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an operation: an HTTP-like code, the service's sub-code and message."""

    code: int = 200
    sub_code: int = 0
    message: str = ""

    def body(self) -> dict[str, Any]:
        return {"code": self.code, "subCode": self.sub_code, "message": self.message}


def user_identifier(raw_id: str) -> dict[str, Any]:
    """Return an identifier as the service returns it, with its kind."""
    if raw_id.startswith("8:acs:"):
        return {"rawId": raw_id, "kind": "communicationUser", "communicationUser": {"id": raw_id}}
    if raw_id.startswith("4:"):
        return {"rawId": raw_id, "kind": "phoneNumber", "phoneNumber": {"value": raw_id.removeprefix("4:")}}
    if raw_id.startswith("8:orgid:"):
        user = {"userId": raw_id.removeprefix("8:orgid:"), "isAnonymous": False, "cloud": "public"}
        return {"rawId": raw_id, "kind": "microsoftTeamsUser", "microsoftTeamsUser": user}
    return {"rawId": raw_id, "kind": "unknown"}


def participant(raw_id: str, muted: bool, on_hold: bool = False) -> dict[str, Any]:
    """Return a CallParticipant."""
    return {"identifier": user_identifier(raw_id), "isMuted": muted, "isOnHold": on_hold}


def event(ids: CallIds, kind: str, context: str | None, data: dict[str, Any]) -> Event:
    """Return an event in its CloudEvents 1.0 envelope. `kind` has no prefix; context None leaves the key out."""
    source = f"calling/callConnections/{ids.call_connection_id}"
    named = {} if context is None else {"operationContext": context}
    return {
        "id": uuid4(),
        "source": source,
        "type": PREFIX + kind,
        "data": {
            "version": ids.version,
            **named,
            **data,
            "callConnectionId": ids.call_connection_id,
            "serverCallId": ids.server_call_id,
            "correlationId": ids.correlation_id,
            "publicEventType": PREFIX + kind,
        },
        "time": wire_time(utc_now()),
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "subject": source,
    }


def outcome(ids: CallIds, kind: str, context: str | None, result: Result, **data: Any) -> Event:
    """Return an event that reports a result."""
    return event(ids, kind, context, {"resultInformation": result.body(), **data})


def participants_updated(ids: CallIds, number: int, people: Iterable[dict[str, Any]]) -> Event:
    """Return ParticipantsUpdated. `people` are `CallParticipant`."""
    data = {
        "sequenceNumber": number,
        "resultInformation": Result().body(),
        "participants": list(people),
    }
    return event(ids, "ParticipantsUpdated", None, data)


def media_update(status: str, details: str) -> dict[str, str]:
    """Return `mediaStreamingUpdate`. `status` is Started, Stopped or Failed; `details` a word of the service."""
    return {
        "contentType": "Audio",
        "mediaStreamingStatus": f"mediaStreaming{status}",
        "mediaStreamingStatusDetails": details,
    }
