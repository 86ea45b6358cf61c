"""Builds the Event Grid events about calls: subject and data of each type. `events.event_grid` delivers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.acs.calls.leg import Leg
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.wire.grid_event import GridEvent
from emulator.clock import monotonic, utc_now
from emulator.randomness import uuid4

# Group id that events of a room call carry.
_NO_GROUP = "00000000-0000-0000-0000-000000000000"
_ENDPOINT = "acs-emulator"

Role = Callable[[RoomCall, Leg], str]


def call_started(call: RoomCall, role: str) -> GridEvent:
    """Build CallStarted: the first person has joined."""
    raw_id = call.started_by.raw_id if call.started_by is not None else ""
    subject = f"call/{call.event_grid_id}/startedBy/{raw_id}"
    return _event("CallStarted", subject, _common(call, role))


def call_ended(call: RoomCall, role: str) -> GridEvent:
    """Build CallEnded: the last participant has left."""
    data = {"durationOfCall": monotonic() - call.started_at, **_common(call, role)}
    return _event("CallEnded", f"call/{call.event_grid_id}", data)


def participant_added(call: RoomCall, leg: Leg, role: Role) -> GridEvent:
    """Build CallParticipantAdded."""
    return _participant("CallParticipantAdded", call, leg, role)


def participant_removed(call: RoomCall, leg: Leg, role: Role) -> GridEvent:
    """Build CallParticipantRemoved: the participant left or was removed."""
    return _participant("CallParticipantRemoved", call, leg, role)


def recording_file_status(server_call_id: str, recording_id: str, storage: dict[str, Any], **data: Any) -> GridEvent:
    """Build RecordingFileStatusUpdated: the files of a recording are available."""
    subject = f"/recording/call/{server_call_id}/recordingId/{recording_id}"
    return _event("RecordingFileStatusUpdated", subject, {"recordingStorageInfo": storage, **data})


def _participant(kind: str, call: RoomCall, leg: Leg, role: Role) -> GridEvent:
    starter = call.started_by or leg
    data = {
        "user": _user(leg.raw_id, role(call, leg)),
        "displayName": leg.display_name,
        "participantId": leg.leg_id,
        "endpointType": _ENDPOINT,
        **_common(call, role(call, starter)),
    }
    return _event(kind, f"call/{call.event_grid_id}/participant/{leg.raw_id}", data)


def _common(call: RoomCall, role: str) -> dict[str, Any]:
    starter = call.started_by
    return {
        "startedBy": _user(starter.raw_id, role) if starter is not None else None,
        "serverCallId": call.event_grid_id,
        **(
            {"group": {"id": call.group_id}}
            if call.room_id is None
            else {"group": {"id": _NO_GROUP}, "room": {"id": call.room_id}}
        ),
        "isTwoParty": call.two_party,
        "correlationId": call.correlation_id,
        "isRoomsCall": call.room_id is not None,
    }


def _user(raw_id: str, role: str) -> dict[str, Any]:
    return {"rawId": raw_id, "communicationUser": {"id": raw_id}, "role": role}


def _event(kind: str, subject: str, data: dict[str, Any]) -> GridEvent:
    return GridEvent(uuid4(), kind, subject, data, utc_now())
