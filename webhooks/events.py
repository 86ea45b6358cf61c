"""Parses Event Grid and CloudEvents JSON into typed events, with all quirks of both. Knows no HTTP.

Two senders post to us. *Event Grid* reports calls of the whole resource (`EventGridEvent` below) in either of
its schemas, one object or an array; *Call Automation* reports one call connection (`CallEvent`), always as
CloudEvents. An identifier comes flat (`{"rawId", "communicationUser"}`) in the documented samples and nested
(`{"communicationIdentifier": {...}}`) in the typed models of other languages: both are read.

Only what somebody acts on is read, so that no other field, whatever it holds, can lose an event.

The names of the events are the SDK's. Its envelope classes are not used: they make up an id where none was
sent (and so defeat deduplication), take a CloudEvent for an Event Grid event in silence, and refuse events for the
form of fields that nobody uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson
from azure.eventgrid import SystemEventNames

from webhooks.errors import MalformedEvent
from webhooks.json_fields import JsonObject, lenient_integer, lenient_text, object_at, text

# --- what Event Grid reports ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GridCallEvent:
    """A call report of Event Grid.

    Bind it to a room by `room_id` alone: the `server_call_id` of Event Grid and that of Call Automation are
    spelled differently for the same call.
    """

    event_id: str
    room_id: str | None
    server_call_id: str


@dataclass(frozen=True, slots=True)
class CallStarted(GridCallEvent):
    """The first human joined; may arrive twice, and after `CallEnded`."""


@dataclass(frozen=True, slots=True)
class CallEnded(GridCallEvent):
    """The last human left."""


@dataclass(frozen=True, slots=True)
class ParticipantAdded(GridCallEvent):
    """A participant joined. Reported for calling clients only, not for bots, telephones or Teams users."""


@dataclass(frozen=True, slots=True)
class ParticipantRemoved(GridCallEvent):
    """A participant left. Reported for calling clients only, like `ParticipantAdded`."""


@dataclass(frozen=True, slots=True)
class SubscriptionValidation:
    """Event Grid validates a subscription: respond with `code`."""

    event_id: str
    code: str


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
    """A callback. `code` and `sub_code` are 0 where none was given."""

    event_id: str
    call_connection_id: str
    code: int
    """HTTP-like: 200 is success."""
    sub_code: int
    """Code of ACS, for example 7000: ended by a server."""


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
class ParticipantsUpdated(CallConnectionEvent):
    """The whole roster of the call; may precede `CallConnected`. A lower `sequence_number` is out of date."""

    sequence_number: int
    participants: tuple[str, ...]
    """Raw ids, bots included."""
    unnamed: int = 0
    """Participants whose entry names nobody."""


@dataclass(frozen=True, slots=True)
class MediaStreamingStopped(CallConnectionEvent):
    """ACS has stopped streaming, on request or by itself."""


@dataclass(frozen=True, slots=True)
class MediaStreamingFailed(CallConnectionEvent):
    """ACS could not open or keep the media socket."""


@dataclass(frozen=True, slots=True)
class OtherCallEvent(CallConnectionEvent):
    """Any callback without a class of its own, `type` without its `Microsoft.Communication.` prefix."""

    type: str


CallEvent = (
    CallConnected
    | CallDisconnected
    | ConnectFailed
    | ParticipantsUpdated
    | MediaStreamingStopped
    | MediaStreamingFailed
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


_VALIDATION = SystemEventNames.EventGridSubscriptionValidationEventName.value
_REPORTS: Mapping[str, type[CallStarted | CallEnded | ParticipantAdded | ParticipantRemoved]] = {
    SystemEventNames.AcsCallStartedEventName.value: CallStarted,
    SystemEventNames.AcsCallEndedEventName.value: CallEnded,
    SystemEventNames.AcsCallParticipantAddedEventName.value: ParticipantAdded,
    SystemEventNames.AcsCallParticipantRemovedEventName.value: ParticipantRemoved,
}


def _event_grid_event(item: JsonObject) -> EventGridEvent:
    event_id, kind = text(item, "id"), text(item, _type_key(item))
    if kind == _VALIDATION:
        return SubscriptionValidation(event_id, text(object_at(item, "data"), "validationCode"))
    report = _REPORTS.get(kind)
    if report is None:
        return Ignored(event_id, kind)
    data = object_at(item, "data")
    room_id = None if data.get("room") is None else lenient_text(object_at(data, "room"), "id")
    return report(event_id, room_id, text(data, "serverCallId"))


def _type_key(item: JsonObject) -> str:
    """Return the name of the field with the type, in the schema of this object."""
    if "eventType" in item:
        return "eventType"
    if "specversion" in item:
        return "type"
    raise MalformedEvent("an event follows neither schema: no eventType, no specversion")


_CALL_AUTOMATION = "Microsoft.Communication."
_PLAIN: Mapping[
    str, type[CallConnected | CallDisconnected | ConnectFailed | MediaStreamingStopped | MediaStreamingFailed]
] = {
    "CallConnected": CallConnected,
    "CallDisconnected": CallDisconnected,
    "ConnectFailed": ConnectFailed,
    "MediaStreamingStopped": MediaStreamingStopped,
    "MediaStreamingFailed": MediaStreamingFailed,
}


def _call_event(item: JsonObject) -> CallEvent:
    event_id, kind = text(item, "id"), text(item, "type").removeprefix(_CALL_AUTOMATION)
    data = object_at(item, "data")
    result = _object(data.get("resultInformation"))
    common = (
        event_id,
        text(data, "callConnectionId"),
        lenient_integer(result, "code") or 0,
        lenient_integer(result, "subCode") or 0,
    )
    if plain := _PLAIN.get(kind):
        return plain(*common)
    if kind == "ParticipantsUpdated":
        number = lenient_integer(data, "sequenceNumber")
        if number is None:
            raise MalformedEvent("sequenceNumber is missing or no integer")
        return ParticipantsUpdated(*common, number, *_roster(data))
    return OtherCallEvent(*common, kind)


# --- participants ----------------------------------------------------------------------------------


def _roster(data: JsonObject) -> tuple[tuple[str, ...], int]:
    """Return the raw ids of a roster, and how many entries name nobody.

    A missing roster is malformed: an empty one means that everybody has left.
    """
    listed = data.get("participants")
    if not isinstance(listed, list):
        raise MalformedEvent("participants is not an array")
    named = [raw_id for raw_id in map(_raw_id, listed) if raw_id is not None]
    return tuple(named), len(listed) - len(named)


_DERIVED = (
    ("communicationUser", "id", ""),
    ("phoneNumber", "value", "4:"),
    ("microsoftTeamsUser", "userId", "8:orgid:"),
    ("microsoftTeamsApp", "appId", "28:orgid:"),
)
"""Kinds of identifiers, the field that names somebody, and the prefix with which it is the raw id (public cloud)."""


def _raw_id(participant: object) -> str | None:
    """Return the raw id of an entry of a roster, flat or nested; derived from what else it says, if it has none."""
    holder = _object(_object(participant).get("identifier"))
    identifier = _object(holder.get("communicationIdentifier")) or holder
    if raw_id := lenient_text(identifier, "rawId"):
        return raw_id
    for kind, key, prefix in _DERIVED:
        if name := lenient_text(_object(identifier.get(kind)), key):
            return prefix + name
    return None


def _object(value: object) -> JsonObject:
    """Return a JSON object, empty if the value is none."""
    return value if isinstance(value, dict) else {}
