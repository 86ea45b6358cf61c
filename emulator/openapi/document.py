"""The OpenAPI 3.1 document of the emulator's REST requests; docs/emulator.md describes the sockets.

The statuses are those without faults; a fault document can add any other outside `/emulator/`. Bodies list what the
emulator reads; the vendor's documentation has the rest.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from emulator.openapi.schemas import BODIES

Operation = dict[str, Any]

CALLING_VERSION, ROOMS_VERSION, IDENTITY_VERSION = "2025-06-15", "2025-03-13", "2023-10-01"
"""An accepted api-version of each service; the header `api-supported-versions` lists them all."""

_SIGNED: list[dict[str, list[str]]] = [{"hmac": []}, {"entra": []}]
_PARAMETERS = {
    "connection_id": "The id of a call connection, from connect, create or answer.",
    "recording_id": "The id of a recording, from its start.",
    "raw_id": "The raw id of a participant.",
    "room_id": "17 digits, beginning with 99.",
    "user_id": "8:acs:{resource}_{user}",
    "robot_id": "The id of a robot, from its creation.",
    "name": "The name of a subscription.",
    "code": "The code from a subscription's validation event.",
}
_CALL = "/calling/callConnections/{connection_id}"
_RECORDING = "/calling/recordings/{recording_id}"
_ROBOT = "/emulator/rooms/{room_id}/robots"
_SUBSCRIPTION = "/emulator/eventgrid/subscriptions"

# (method, path, summary, name of the body or None, status of success); 400, 401 and 404 are added to each.
_CALLING = [
    ("post", "/calling/callConnections", "Call one or more people", "Create", 201),
    ("post", "/calling/callConnections:connect", "Join the call of a room, or a call by its id", "Connect", 200),
    ("post", "/calling/callConnections:answer", "Answer an incoming call", "Answer", 200),
    ("post", "/calling/callConnections:redirect", "Send an incoming call to somebody else", "Redirect", 204),
    ("post", "/calling/callConnections:reject", "Refuse an incoming call", "Reject", 204),
    ("get", _CALL, "Get a call connection", None, 200),
    ("delete", _CALL, "Disconnect the bot; the call goes on", None, 204),
    ("post", f"{_CALL}:terminate", "End the call for everybody", None, 204),
    ("post", f"{_CALL}:transferToParticipant", "Transfer the call to somebody else", "Transfer", 202),
    ("get", f"{_CALL}/participants", "List participants", None, 200),
    ("get", f"{_CALL}/participants/{{raw_id}}", "Get a participant", None, 200),
    ("post", f"{_CALL}/participants:add", "Add a participant by ringing", "AddParticipant", 202),
    ("post", f"{_CALL}/participants:cancelAddParticipant", "Cancel an invitation that rings", "CancelAdd", 202),
    ("post", f"{_CALL}/participants:remove", "Remove a participant", "RemoveParticipant", 202),
    ("post", f"{_CALL}/participants:mute", "Mute a participant", "Mute", 200),
    ("post", f"{_CALL}/participants:moveHere", "Move participants here from another call", "Move", 202),
    ("post", f"{_CALL}:play", "Play files and spoken text", "Play", 202),
    ("post", f"{_CALL}:cancelAllMediaOperations", "Cancel all play and recognize actions", "Action", 202),
    ("post", f"{_CALL}:recognize", "Play a prompt and take keys or speech for an answer", "Recognize", 202),
    ("post", f"{_CALL}:startContinuousDtmfRecognition", "Start reporting keys", "Target", 200),
    ("post", f"{_CALL}:stopContinuousDtmfRecognition", "Stop reporting keys", "Target", 200),
    ("post", f"{_CALL}:sendDtmfTones", "Send tones to a phone", "SendTones", 202),
    ("post", f"{_CALL}:hold", "Put a participant on hold", "Hold", 200),
    ("post", f"{_CALL}:unhold", "Resume a participant who is on hold", "Target", 200),
    ("post", f"{_CALL}:startMediaStreaming", "Open the media socket", "Action", 202),
    ("post", f"{_CALL}:stopMediaStreaming", "Close the media socket", "Action", 202),
    ("post", f"{_CALL}:startTranscription", "Open the transcription socket", "Transcription", 202),
    ("post", f"{_CALL}:stopTranscription", "Close the transcription socket", "Action", 202),
    ("post", f"{_CALL}:updateTranscription", "Change the language of transcription", "UpdateTranscription", 202),
    ("post", "/calling/recordings", "Start recording", "Record", 200),
    ("get", _RECORDING, "Get the state of a recording", None, 200),
    ("delete", _RECORDING, "Stop recording", None, 204),
    ("post", f"{_RECORDING}:pause", "Pause recording", None, 202),
    ("post", f"{_RECORDING}:resume", "Resume recording", None, 202),
]
# Further errors: 412 another media action is running, 405 there is no speech service for text.
_IN_THE_WAY = {
    f"{_CALL}:play": (405, 412),
    f"{_CALL}:recognize": (405, 412),
    f"{_CALL}:startContinuousDtmfRecognition": (412,),
    f"{_CALL}:sendDtmfTones": (412,),
}
_ROOMS = [
    ("post", "/rooms", "Create a room", "Room", 201),
    ("get", "/rooms", "List rooms", None, 200),
    ("get", "/rooms/{room_id}", "Get a room", None, 200),
    ("patch", "/rooms/{room_id}", "Change the period of a room", "RoomChange", 200),
    ("delete", "/rooms/{room_id}", "Delete a room", None, 204),
    ("get", "/rooms/{room_id}/participants", "List the roster of a room", None, 200),
    ("patch", "/rooms/{room_id}/participants", "Add, change and remove members of the roster", "Roster", 200),
]
_IDENTITY = [
    ("post", "/identities", "Create a user, with a token if scopes are named", "User", 201),
    ("get", "/identities/{user_id}", "Get a user", None, 200),
    ("delete", "/identities/{user_id}", "Delete a user", None, 204),
    ("post", "/identities/{user_id}/:issueAccessToken", "Issue a token", "Token", 200),
    ("post", "/identities/{user_id}/:revokeAccessTokens", "Revoke a user's tokens", None, 204),
]
# The same with the errors of each.
_LOCAL = [
    ("get", "/calling/keys", "Get the keys that verify callback and media tokens", None, 200, ()),
    (
        "get",
        "/calling/.well-known/acsopenidconfiguration",
        "Get the issuer of callback and media tokens",
        None,
        200,
        (),
    ),
    ("get", "/emulator/entra/keys", "Get the keys that verify Entra tokens", None, 200, ()),
    ("get", "/emulator/entra/.well-known/openid-configuration", "Get the issuer of Entra tokens", None, 200, ()),
    ("post", "/emulator/tokens", "Issue a bearer token, as Entra does", "EntraToken", 201, (400,)),
    ("post", "/emulator/keys/rotate", "Replace the signing key", "Rotation", 200, (400,)),
    ("get", "/emulator/health", "Check that the emulator is ready", None, 200, ()),
    ("post", "/emulator/reset", "End running calls and delete all state", None, 204, ()),
    ("get", "/emulator/journal", "Read the journal; any other parameter filters by field=value", None, 200, (400,)),
    ("get", "/emulator/faults", "Get the faults still to come and the switches in force", None, 200, ()),
    ("put", "/emulator/faults", "Replace the faults", "Faults", 200, (400,)),
    ("delete", "/emulator/faults", "Remove all faults and restore the switches", None, 204, ()),
    ("get", "/emulator/faults/schema", "Get the JSON Schema of the fault document", None, 200, ()),
    ("get", "/emulator/openapi.json", "Get this document", None, 200, ()),
    ("get", "/emulator/calls", "List calls with their participants, bots and counters", None, 200, ()),
    ("get", "/emulator/invitations", "List the invitations that the page offers", None, 200, ()),
    ("put", "/emulator/invitations", "Replace the invitations of the page", "Invitations", 200, (400,)),
    ("get", _SUBSCRIPTION, "List event subscriptions", None, 200, ()),
    ("get", f"{_SUBSCRIPTION}/{{name}}", "Get an event subscription", None, 200, (404,)),
    (
        "put",
        f"{_SUBSCRIPTION}/{{name}}",
        "Create an event subscription, after a handshake",
        "Subscription",
        201,
        (400,),
    ),
    ("delete", f"{_SUBSCRIPTION}/{{name}}", "Delete an event subscription", None, 204, (404,)),
    ("get", f"{_SUBSCRIPTION}/{{name}}/dead-letters", "List the events that could not be delivered", None, 200, (404,)),
    ("get", "/emulator/eventgrid/validate/{code}", "Confirm a subscription by its validation code", None, 200, (404,)),
    ("post", _ROBOT, "Add a robot that speaks a recording", "Robot", 201, (400, 401, 403, 404)),
    ("get", _ROBOT, "List the robots of a room", None, 200, ()),
    ("get", f"{_ROBOT}/{{robot_id}}", "Get a robot's counters", None, 200, (404,)),
    ("delete", f"{_ROBOT}/{{robot_id}}", "Remove a robot from its call", None, 200, (404,)),
]


@cache
def document() -> dict[str, Any]:
    """Return the whole document."""
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
    "entra": {"type": "http", "scheme": "bearer", "description": "A token from POST /emulator/tokens."},
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
        content = {}  # no body, or a body in some cases
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
        401: "Signature or token missing or not valid",
        403: "Not allowed",
        404: "Not found",
        405: "A speech service is required",
        412: "Another media action is running",
    }
    return {"description": meanings[status], "content": {"application/json": {"schema": schema}}}
