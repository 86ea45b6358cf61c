"""Parses Event Grid and CloudEvents JSON into typed events, with all quirks of both. Knows no HTTP.

Two senders post to us. *Event Grid* reports calls of the whole resource (`EventGridEvent` below) in either of
its schemas, one object or an array; *Call Automation* reports one call connection (`CallEvent`), always as
CloudEvents. An identifier comes flat (`{"rawId", "communicationUser"}`) in the documented samples and nested
(`{"communicationIdentifier": {...}}`) in the typed models of other languages: both are read.

The names of the events are the SDK's. Its envelope classes are not used: they make up an id where none was
sent (and so defeat deduplication), take a CloudEvent for an Event Grid event in silence, and read `+05:30`
as half an hour. A test compares our reading with theirs where theirs is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import orjson
from azure.eventgrid import SystemEventNames

from webhooks.errors import MalformedEvent
from webhooks.json_fields import (
    JsonObject,
    instant,
    integer,
    object_at,
    optional_integer,
    optional_number,
    optional_object,
    optional_text,
    text,
)

# --- what Event Grid reports ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GridCallEvent:
    """Common fields of the call reports of Event Grid.

    Bind it to a room by `room_id` alone: the `server_call_id` of Event Grid and that of Call Automation are
    spelled differently for the same call. `time` is aware, in UTC.
    """

    event_id: str
    room_id: str | None
    server_call_id: str
    started_by: str | None
    """Raw id of the user who started the call."""
    time: datetime
    correlation_id: str


@dataclass(frozen=True, slots=True)
class CallStarted(GridCallEvent):
    """The first human joined; may arrive twice, and after `CallEnded`."""


@dataclass(frozen=True, slots=True)
class CallEnded(GridCallEvent):
    """The last human left."""

    duration_s: float | None


@dataclass(frozen=True, slots=True)
class ParticipantReport(GridCallEvent):
    raw_id: str
    display_name: str | None
    role: str | None
    """Role in the room: Presenter, Attendee, Consumer or Collaborator."""


@dataclass(frozen=True, slots=True)
class ParticipantAdded(ParticipantReport):
    """A participant joined. Reported for calling clients only, not for bots, telephones or Teams users."""


@dataclass(frozen=True, slots=True)
class ParticipantRemoved(ParticipantReport):
    """A participant left. Reported for calling clients only, like `ParticipantAdded`."""


@dataclass(frozen=True, slots=True)
class SubscriptionValidation:
    """Event Grid validates a subscription: respond with `code`, or open `url` within ten minutes."""

    event_id: str
    code: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """A well-formed event of a type that is not used."""

    event_id: str
    type: str


CallReport = CallStarted | CallEnded | ParticipantAdded | ParticipantRemoved
EventGridEvent = CallReport | SubscriptionValidation | Ignored

# --- what Call Automation reports ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallConnectionEvent:
    """Common fields of all callbacks. `code` and `sub_code` are 0 and `message` is "" where none was given.

    `operation_context` is the text we passed with the operation, None if we passed none.
    """

    event_id: str
    call_connection_id: str
    server_call_id: str
    correlation_id: str
    operation_context: str | None
    code: int
    """HTTP-like: 200 is success."""
    sub_code: int
    """Code of ACS, for example 7000: ended by a server."""
    message: str


@dataclass(frozen=True, slots=True)
class CallConnected(CallConnectionEvent):
    """The bot has joined the call. The media socket may have opened earlier."""


@dataclass(frozen=True, slots=True)
class CallDisconnected(CallConnectionEvent):
    """The bot has left the call; the last event of a call connection."""


@dataclass(frozen=True, slots=True)
class ConnectFailed(CallConnectionEvent):
    """The bot could not join the call."""


@dataclass(frozen=True, slots=True)
class CallParticipant:
    raw_id: str
    kind: str
    """communicationUser, phoneNumber, microsoftTeamsUser, microsoftTeamsApp, teamsExtensionUser or unknown"""
    muted: bool
    on_hold: bool


@dataclass(frozen=True, slots=True)
class ParticipantsUpdated(CallConnectionEvent):
    """The whole roster of the call; may precede `CallConnected`. A lower `sequence_number` is out of date."""

    sequence_number: int
    participants: tuple[CallParticipant, ...]


@dataclass(frozen=True, slots=True)
class MediaStreamingReport(CallConnectionEvent):
    status: str
    """mediaStreamingStarted, mediaStreamingStopped, mediaStreamingFailed or unspecifiedError"""
    details: str
    """for example subscriptionStarted, streamConnectionInterrupted, initialWebSocketConnectionFailed"""


@dataclass(frozen=True, slots=True)
class MediaStreamingStarted(MediaStreamingReport):
    """ACS streams audio, for the first time or again after an interruption."""


@dataclass(frozen=True, slots=True)
class MediaStreamingStopped(MediaStreamingReport):
    """ACS stopped streaming on request."""


@dataclass(frozen=True, slots=True)
class MediaStreamingFailed(MediaStreamingReport):
    """ACS could not open or keep the media socket."""


@dataclass(frozen=True, slots=True)
class DtmfTone(CallConnectionEvent):
    """A key was pressed."""

    tone: str
    """zero … nine, a … d, pound, asterisk"""
    sequence_id: int


@dataclass(frozen=True, slots=True)
class OtherCallEvent(CallConnectionEvent):
    """Any callback without a class of its own, `type` without its `Microsoft.Communication.` prefix."""

    type: str


CallEvent = (
    CallConnected
    | CallDisconnected
    | ConnectFailed
    | ParticipantsUpdated
    | MediaStreamingStarted
    | MediaStreamingStopped
    | MediaStreamingFailed
    | DtmfTone
    | OtherCallEvent
)

# --- reading -------------------------------------------------------------------------------------

Event = TypeVar("Event")


class EventBatch(Generic[Event]):
    """The events of a request body, in order; a malformed event is represented by its error.

    Each is read when it is its turn, for a batch may hold 5,000.
    """

    def __init__(self, items: Sequence[object], read: Callable[[JsonObject], Event]) -> None:
        self._items = items
        self._read = read

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Event | MalformedEvent]:
        for item in self._items:
            try:
                if not isinstance(item, dict):
                    raise MalformedEvent("an event is not an object")
                event = self._read(item)
            except MalformedEvent as error:
                yield error
            else:
                yield event


def read_event_grid(body: bytes) -> EventBatch[EventGridEvent]:
    """Parse a body from Event Grid. Each object identifies its schema itself; headers are not used.

    Raises:
        MalformedEvent: the body is no JSON, or an empty array.
    """
    return EventBatch(_items(body), _event_grid_event)


def read_callbacks(body: bytes) -> EventBatch[CallEvent]:
    """Parse a body from Call Automation; errors as in `read_event_grid`."""
    return EventBatch(_items(body), _call_event)


def _items(body: bytes) -> list[object]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedEvent("the body is not JSON") from error
    items = parsed if isinstance(parsed, list) else [parsed]
    if not items:
        raise MalformedEvent("the body holds no event")
    return items


_STARTED = SystemEventNames.AcsCallStartedEventName.value
_ENDED = SystemEventNames.AcsCallEndedEventName.value
_ADDED = SystemEventNames.AcsCallParticipantAddedEventName.value
_REMOVED = SystemEventNames.AcsCallParticipantRemovedEventName.value
_VALIDATION = SystemEventNames.EventGridSubscriptionValidationEventName.value
_REPORTS = frozenset({_STARTED, _ENDED, _ADDED, _REMOVED})


def _event_grid_event(item: JsonObject) -> EventGridEvent:
    type_key, time_key = _schema(item)
    event_id, kind = text(item, "id"), text(item, type_key)
    if kind == _VALIDATION:
        data = object_at(item, "data")
        return SubscriptionValidation(event_id, text(data, "validationCode"), optional_text(data, "validationUrl"))
    if kind not in _REPORTS:
        return Ignored(event_id, kind)
    data = object_at(item, "data")
    common = (
        event_id,
        _room_id(data),
        text(data, "serverCallId"),
        _optional_raw_id(data, "startedBy"),
        instant(item, time_key),
        optional_text(data, "correlationId") or "",
    )
    if kind == _STARTED:
        return CallStarted(*common)
    if kind == _ENDED:
        return CallEnded(*common, optional_number(data, "durationOfCall"))
    report = ParticipantAdded if kind == _ADDED else ParticipantRemoved
    user = object_at(data, "user")
    return report(*common, _raw_id(user, "user"), optional_text(data, "displayName"), optional_text(user, "role"))


def _schema(item: JsonObject) -> tuple[str, str]:
    """Return the names of the type and time fields in the schema of this object."""
    if "eventType" in item:
        return "eventType", "eventTime"
    if "specversion" in item:
        return "type", "time"
    raise MalformedEvent("an event follows neither schema: no eventType, no specversion")


_CALL_AUTOMATION = "Microsoft.Communication."
_PLAIN: dict[str, type[CallConnected | CallDisconnected | ConnectFailed]] = {
    "CallConnected": CallConnected,
    "CallDisconnected": CallDisconnected,
    "ConnectFailed": ConnectFailed,
}
_STREAMING: dict[str, type[MediaStreamingStarted | MediaStreamingStopped | MediaStreamingFailed]] = {
    "MediaStreamingStarted": MediaStreamingStarted,
    "MediaStreamingStopped": MediaStreamingStopped,
    "MediaStreamingFailed": MediaStreamingFailed,
}


def _call_event(item: JsonObject) -> CallEvent:
    event_id, kind = text(item, "id"), text(item, "type").removeprefix(_CALL_AUTOMATION)
    data = object_at(item, "data")
    result = optional_object(data, "resultInformation") or {}
    common = (
        event_id,
        text(data, "callConnectionId"),
        optional_text(data, "serverCallId") or "",
        optional_text(data, "correlationId") or "",
        optional_text(data, "operationContext"),
        optional_integer(result, "code") or 0,
        optional_integer(result, "subCode") or 0,
        optional_text(result, "message") or "",
    )
    if plain := _PLAIN.get(kind):
        return plain(*common)
    if streaming := _STREAMING.get(kind):
        update = optional_object(data, "mediaStreamingUpdate") or {}
        return streaming(
            *common,
            optional_text(update, "mediaStreamingStatus") or "",
            optional_text(update, "mediaStreamingStatusDetails") or "",
        )
    if kind == "ParticipantsUpdated":
        return ParticipantsUpdated(*common, integer(data, "sequenceNumber"), _roster(data))
    if kind == "ContinuousDtmfRecognitionToneReceived":
        return DtmfTone(*common, text(data, "tone"), optional_integer(data, "sequenceId") or 0)
    return OtherCallEvent(*common, kind)


def _roster(data: JsonObject) -> tuple[CallParticipant, ...]:
    """Parse a roster. A missing one is malformed: an empty one means that everybody has left."""
    listed = data.get("participants")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise MalformedEvent("participants is not an array of objects")
    return tuple(_participant(one) for one in listed)


def _participant(one: JsonObject) -> CallParticipant:
    identifier = object_at(one, "identifier")
    kind = optional_text(identifier, "kind") or next((k for k in _IDENTIFIER_KINDS if k in identifier), "unknown")
    return CallParticipant(
        raw_id=_raw_id(identifier, "identifier"),
        kind=kind,
        muted=one.get("isMuted") is True,
        on_hold=one.get("isOnHold") is True,
    )


# --- identifiers -----------------------------------------------------------------------------------

_IDENTIFIER_KINDS = (
    "communicationUser",
    "phoneNumber",
    "microsoftTeamsUser",
    "microsoftTeamsApp",
    "teamsExtensionUser",
)


def _raw_id(holder: JsonObject, name: str) -> str:
    """Return the raw id of a flat or nested identifier; the id of a communication user is its raw id."""
    identifier = optional_object(holder, "communicationIdentifier") or holder
    user = optional_object(identifier, "communicationUser") or {}
    raw_id = optional_text(identifier, "rawId") or optional_text(user, "id")
    if raw_id is None:
        raise MalformedEvent(f"{name} names nobody")
    return raw_id


def _optional_raw_id(data: JsonObject, key: str) -> str | None:
    holder = optional_object(data, key)
    return None if holder is None else _raw_id(holder, key)


def _room_id(data: JsonObject) -> str | None:
    room = optional_object(data, "room")
    return None if room is None else optional_text(room, "id")
