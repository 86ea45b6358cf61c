"""The emulator's REST surface as an OpenAPI 3.1 document: paths, bodies, statuses. The sockets are in docs/emulator.md.

Statuses are those the emulator answers with by itself; a fault document can add any other to what is not under
`/emulator/`. What requests say in full is in the vendor's documentation; here is what the emulator reads of it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from emulator.openapi.schemas import BODIES

Operation = dict[str, Any]

CALLING_VERSION, ROOMS_VERSION, IDENTITY_VERSION = "2025-06-15", "2025-03-13", "2023-10-01"
"""One of those taken; an answer's `api-supported-versions` has them all."""

_SIGNED: list[dict[str, list[str]]] = [{"hmac": []}, {"entra": []}]
_PARAMETERS = {
    "connection_id": "A call connection, as connect, create or answer gave it.",
    "recording_id": "A recording, as its start gave it.",
    "raw_id": "The raw id of a participant.",
    "room_id": "17 digits, beginning with 99.",
    "user_id": "8:acs:{resource}_{user}",
    "robot_id": "A robot, as its creation gave it.",
    "name": "The name of a subscription.",
    "code": "From a subscription's validation event.",
}
_CALL = "/calling/callConnections/{connection_id}"
_RECORDING = "/calling/recordings/{recording_id}"
_ROBOT = "/emulator/rooms/{room_id}/robots"
_SUBSCRIPTION = "/emulator/eventgrid/subscriptions"

# (method, path, summary, body's name or None, status of success); 400, 401 and 404 go without saying.
_CALLING = [
    ("post", "/calling/callConnections", "Call people", "Create", 201),
    ("post", "/calling/callConnections:connect", "Join the call of a room, or a call by its id", "Connect", 200),
    ("post", "/calling/callConnections:answer", "Answer an incoming call", "Answer", 200),
    ("post", "/calling/callConnections:redirect", "Send an incoming call to somebody else", "Redirect", 204),
    ("post", "/calling/callConnections:reject", "Refuse an incoming call", "Reject", 204),
    ("get", _CALL, "Look at a call connection", None, 200),
    ("delete", _CALL, "Hang up; the others go on", None, 204),
    ("post", f"{_CALL}:terminate", "End the call for everybody", None, 204),
    ("post", f"{_CALL}:transferToParticipant", "Hand the call over", "Transfer", 202),
    ("get", f"{_CALL}/participants", "List participants", None, 200),
    ("get", f"{_CALL}/participants/{{raw_id}}", "Look at a participant", None, 200),
    ("post", f"{_CALL}/participants:add", "Ring somebody", "AddParticipant", 202),
    ("post", f"{_CALL}/participants:cancelAddParticipant", "Stop ringing", "CancelAdd", 202),
    ("post", f"{_CALL}/participants:remove", "Take somebody out", "RemoveParticipant", 202),
    ("post", f"{_CALL}/participants:mute", "Mute somebody", "Mute", 200),
    ("post", f"{_CALL}/participants:moveHere", "Bring people over from another call", "Move", 202),
    ("post", f"{_CALL}:play", "Play files", "Play", 202),
    ("post", f"{_CALL}:cancelAllMediaOperations", "Stop playing and recognising", "Action", 202),
    ("post", f"{_CALL}:recognize", "Ask, and take keys for an answer", "Recognize", 202),
    ("post", f"{_CALL}:startContinuousDtmfRecognition", "Listen for keys", "Target", 200),
    ("post", f"{_CALL}:stopContinuousDtmfRecognition", "Listen for keys no longer", "Target", 200),
    ("post", f"{_CALL}:sendDtmfTones", "Press keys", "SendTones", 202),
    ("post", f"{_CALL}:hold", "Put somebody on hold", "Hold", 200),
    ("post", f"{_CALL}:unhold", "Take somebody off hold", "Target", 200),
    ("post", f"{_CALL}:startMediaStreaming", "Dial the media socket", "Action", 202),
    ("post", f"{_CALL}:stopMediaStreaming", "Close the media socket", "Action", 202),
    ("post", f"{_CALL}:startTranscription", "Dial the transcription socket", "Transcription", 202),
    ("post", f"{_CALL}:stopTranscription", "Close the transcription socket", "Action", 202),
    ("post", f"{_CALL}:updateTranscription", "Transcribe another language", "UpdateTranscription", 202),
    ("post", "/calling/recordings", "Start recording", "Record", 200),
    ("get", _RECORDING, "Look at a recording", None, 200),
    ("delete", _RECORDING, "Stop recording", None, 204),
    ("post", f"{_RECORDING}:pause", "Pause recording", None, 202),
    ("post", f"{_RECORDING}:resume", "Resume recording", None, 202),
]
# Refusals beyond 400, 401 and 404: another media action is in the way; text is to be spoken and nothing can.
_IN_THE_WAY = {
    f"{_CALL}:play": (405, 412),
    f"{_CALL}:recognize": (405, 412),
    f"{_CALL}:startContinuousDtmfRecognition": (412,),
    f"{_CALL}:sendDtmfTones": (412,),
}
_ROOMS = [
    ("post", "/rooms", "Create a room", "Room", 201),
    ("get", "/rooms", "List rooms", None, 200),
    ("get", "/rooms/{room_id}", "Look at a room", None, 200),
    ("patch", "/rooms/{room_id}", "Change a room's time", "RoomChange", 200),
    ("delete", "/rooms/{room_id}", "Delete a room", None, 204),
    ("get", "/rooms/{room_id}/participants", "List who is invited", None, 200),
    ("patch", "/rooms/{room_id}/participants", "Invite, change roles, uninvite", "Roster", 200),
]
_IDENTITY = [
    ("post", "/identities", "Create a user, with a token if scopes are named", "User", 201),
    ("delete", "/identities/{user_id}", "Delete a user", None, 204),
    ("post", "/identities/{user_id}/:issueAccessToken", "Issue a token", "Token", 200),
    ("post", "/identities/{user_id}/:revokeAccessTokens", "Make a user's tokens worthless", None, 204),
]
# The same, with the refusals there are.
_LOCAL = [
    ("get", "/calling/keys", "The keys behind callback and media tokens", None, 200, ()),
    ("get", "/calling/.well-known/acsopenidconfiguration", "Their issuer", None, 200, ()),
    ("get", "/emulator/entra/keys", "The keys behind Entra's tokens", None, 200, ()),
    ("get", "/emulator/entra/.well-known/openid-configuration", "Their issuer", None, 200, ()),
    ("post", "/emulator/tokens", "A bearer token, as Entra would give it", "EntraToken", 201, (400,)),
    ("post", "/emulator/keys/rotate", "Sign with a new key from now on", "Rotation", 200, (400,)),
    ("get", "/emulator/health", "Check that the emulator is ready", None, 200, ()),
    ("post", "/emulator/reset", "End running calls and delete all state", None, 204, ()),
    ("get", "/emulator/journal", "What happened; any other parameter is field=value", None, 200, (400,)),
    ("get", "/emulator/faults", "The faults still to come, and the switches in force", None, 200, ()),
    ("put", "/emulator/faults", "Replace them", "Faults", 200, (400,)),
    ("delete", "/emulator/faults", "No faults, switches as at the start", None, 204, ()),
    ("get", "/emulator/faults/schema", "The JSON Schema of that document", None, 200, ()),
    ("get", "/emulator/openapi.json", "This document", None, 200, ()),
    ("get", "/emulator/calls", "Every call with its people, bots and counters", None, 200, ()),
    ("get", "/emulator/invitations", "The people of the page", None, 200, ()),
    ("put", "/emulator/invitations", "Say who they are", "Invitations", 200, (400,)),
    ("get", _SUBSCRIPTION, "List event subscriptions", None, 200, ()),
    ("get", f"{_SUBSCRIPTION}/{{name}}", "Look at a subscription", None, 200, (404,)),
    ("put", f"{_SUBSCRIPTION}/{{name}}", "Subscribe: handshake first", "Subscription", 201, (400,)),
    ("delete", f"{_SUBSCRIPTION}/{{name}}", "Unsubscribe", None, 204, (404,)),
    ("get", f"{_SUBSCRIPTION}/{{name}}/dead-letters", "Events given up", None, 200, (404,)),
    ("get", "/emulator/eventgrid/validate/{code}", "Validate a subscription by hand", None, 200, (404,)),
    ("post", _ROBOT, "Send somebody in who speaks a recording", "Robot", 201, (400, 401, 403, 404)),
    ("get", _ROBOT, "List a room's robots", None, 200, ()),
    ("get", f"{_ROBOT}/{{robot_id}}", "What a robot said and heard, counted", None, 200, (404,)),
    ("delete", f"{_ROBOT}/{{robot_id}}", "Let a robot leave", None, 200, (404,)),
]


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Operation]] = {}
    for rows, version, tag in (
        (_CALLING, CALLING_VERSION, "Call Automation"),
        (_ROOMS, ROOMS_VERSION, "Rooms"),
        (_IDENTITY, IDENTITY_VERSION, "Identity"),
    ):
        for method, path, summary, body, status in rows:
            refused = (400, 401, 404, *_IN_THE_WAY.get(path, ()))
            operation = _operation(path, summary, body, status, refused, tag)
            operation["parameters"].append(_query("api-version", {"type": "string", "enum": [version]}, required=True))
            operation["security"] = _SIGNED
            paths.setdefault(path, {})[method] = operation
    for method, path, summary, body, status, refusals in _LOCAL:
        paths.setdefault(path, {})[method] = _operation(path, summary, body, status, refusals, "Emulator")
    number = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
    paths["/emulator/journal"]["get"]["parameters"] += [
        _query("kind", {"type": "string"}),
        _query("since", number),
        _query("until", number),
    ]
    for path in ("/rooms", "/rooms/{room_id}/participants", f"{_CALL}/participants"):
        paths[path]["get"]["parameters"].append(_query("skip", number | {"maximum": 10**9 - 1}))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Emulator of Azure Communication Services", "version": "1"},
        "paths": paths,
        "components": {"schemas": BODIES, "securitySchemes": _SCHEMES},
    }


_SCHEMES = {
    "hmac": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "HMAC-SHA256 over method, path and query, and the headers x-ms-date, host, x-ms-content-sha256.",
    },
    "entra": {"type": "http", "scheme": "bearer", "description": "From POST /emulator/tokens."},
}


def _operation(
    path: str, summary: str, body: str | None, status: int, refusals: tuple[int, ...], tag: str
) -> Operation:
    content: dict[str, Any] = {} if status == 204 else {"content": {"application/json": {}}}
    if path.endswith("/schema"):
        content = {"content": {"application/schema+json": {}}}
    elif "/validate/" in path:
        content = {"content": {"text/plain": {}}}
    elif status == 202 or body in ("Target", "Hold"):
        content = {}  # without a body, or some with and some without
    operation: Operation = {
        "summary": summary,
        "tags": [tag],
        "parameters": [
            {"name": name, "in": "path", "required": True, "description": meaning, "schema": _segment(name)}
            for name, meaning in _PARAMETERS.items()
            if f"{{{name}}}" in path
        ],
        "responses": {
            str(status): {"description": "Done", **content},
            **{str(refusal): _refusal(refusal) for refusal in refusals},
        },
    }
    if body is not None:
        schema = {"$ref": f"#/components/schemas/{body}"}
        operation["requestBody"] = {"required": False, "content": {"application/json": {"schema": schema}}}
    return operation


def _segment(name: str) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, **({"pattern": "^99[0-9]{15}$"} if name == "room_id" else {})}


def _query(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _refusal(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    meanings = {
        400: "Malformed",
        401: "Not signed, or no token",
        403: "Not allowed",
        404: "There is no such thing",
        405: "Not to be had without a speech service",
        412: "Another media action is in the way",
    }
    return {"description": meanings[status], "content": {"application/json": {"schema": schema}}}
