"""Reading of Event Grid and Call Automation events, from captured bodies and from bad ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent as SdkEventGridEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from webhooks.errors import MalformedEvent
from webhooks.events import (
    CallConnected,
    CallDisconnected,
    CallEnded,
    CallStarted,
    ConnectFailed,
    Ignored,
    MediaStreamingFailed,
    MediaStreamingStopped,
    OtherCallEvent,
    ParticipantAdded,
    ParticipantRemoved,
    ParticipantsUpdated,
    SubscriptionValidation,
    read_callbacks,
    read_event_grid,
)

WIRE = Path(__file__).parents[1] / "wire"
ADA = "8:acs:1f5b6a4e-0000-4000-8000-0000000000aa_0000002b-1111-2222-3333-444444444401"
BEN = "8:acs:1f5b6a4e-0000-4000-8000-0000000000aa_0000002b-1111-2222-3333-444444444402"
SERVER_CALL = "aHR0cHM6Ly9jb252LWV1c3QyLnNreXBlLm5ldDo0NDMvY29udi9hYmM"
ROOM = "99117812428622880"
CONNECTION = "5b006980-0000-4000-8000-000000000001"


def wire(name: str) -> bytes:
    return (WIRE / f"{name}.json").read_bytes()


def event_grid(name: str) -> Any:
    (event,) = read_event_grid(wire(f"eventgrid_{name}"))
    return event


def callback(name: str) -> Any:
    (event,) = read_callbacks(wire(f"callback_{name}"))
    return event


def reasons(events: Any) -> list[str]:
    return [event.message for event in events if isinstance(event, MalformedEvent)]


# --- Event Grid ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("call_started", CallStarted("a8bcd8a3-0000-4000-8000-000000000001", ROOM, SERVER_CALL)),
        ("call_started_nested_identifier", CallStarted("a8bcd8a3-0000-4000-8000-000000000002", ROOM, SERVER_CALL)),
        ("call_ended", CallEnded("a8bcd8a3-0000-4000-8000-000000000003", ROOM, SERVER_CALL)),
        ("participant_added", ParticipantAdded("a8bcd8a3-0000-4000-8000-000000000004", ROOM, SERVER_CALL)),
        ("participant_removed", ParticipantRemoved("a8bcd8a3-0000-4000-8000-000000000005", ROOM, SERVER_CALL)),
        ("cloudevent_call_started", CallStarted("a8bcd8a3-0000-4000-8000-000000000008", ROOM, SERVER_CALL)),
        ("time_unreadable", CallStarted("a8bcd8a3-0000-4000-8000-000000000012", ROOM, SERVER_CALL)),
        (
            "recording_file",
            Ignored("a8bcd8a3-0000-4000-8000-000000000007", "Microsoft.Communication.RecordingFileStatusUpdated"),
        ),
        (
            "subscription_validation",
            SubscriptionValidation("2d1781af-0000-4000-8000-000000000006", code="512d38b6-c7b8-40c8-89fe-f46f9e9622b6"),
        ),
    ],
)
def test_captured_events(name: str, event: object) -> None:
    assert event_grid(name) == event


def test_cloud_events_in_a_batch() -> None:
    batch = read_event_grid(wire("eventgrid_cloudevent_batch"))
    assert len(batch) == 2
    first, second = batch
    assert isinstance(first, CallStarted)
    assert isinstance(second, CallEnded)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("malformed_no_server_call_id", "serverCallId is missing"),
        ("malformed_room_is_text", "room is not an object"),
        ("malformed_no_schema", "an event follows neither schema: no eventType, no specversion"),
    ],
)
def test_malformed_events_say_what_is_wrong(name: str, reason: str) -> None:
    assert reasons(read_event_grid(wire(f"eventgrid_{name}"))) == [reason]


def test_one_malformed_event_does_not_hide_the_other() -> None:
    bad, good = read_event_grid(wire("eventgrid_malformed_one_of_two"))
    assert isinstance(bad, MalformedEvent)
    assert bad.message == "data is not an object"
    assert isinstance(good, CallEnded)


@pytest.mark.parametrize("body", [b"", b"[", b"\xff\xfe", wire("eventgrid_malformed_cut_off"), b"NaN"])
def test_a_body_that_is_not_json(body: bytes) -> None:
    with pytest.raises(MalformedEvent, match="the body is not JSON"):
        read_event_grid(body)


def test_a_body_without_events() -> None:
    with pytest.raises(MalformedEvent, match="the body holds no event"):
        read_event_grid(b"[]")


@pytest.mark.parametrize("body", [b"1", b'"text"', b"null", b"[[]]"])
def test_an_event_that_is_not_an_object(body: bytes) -> None:
    assert reasons(read_event_grid(body)) == ["an event is not an object"]
    assert reasons(read_callbacks(body)) == ["an event is not an object"]


def changed(name: str, **data: object) -> list[Any]:
    """The captured event with keys of its `data` replaced."""
    (item,) = json.loads(wire(name))
    item["data"] |= data
    read: Any = read_event_grid if name.startswith("eventgrid") else read_callbacks
    return list(read(json.dumps([item]).encode()))


@pytest.mark.parametrize("room", [None, {}, {"id": 7}])
def test_a_call_of_no_room(room: object) -> None:
    (event,) = changed("eventgrid_call_ended", room=room)
    assert event.room_id is None


@pytest.mark.parametrize(
    "started_by",
    [
        {},
        None,
        "somebody",
        {"role": "Presenter"},
        {"phoneNumber": {"value": "+15551234567"}},
        {"kind": "phoneNumber", "rawId": None, "phoneNumber": {"value": "+15551234567"}},
        {"microsoftTeamsUser": {"userId": "u-1", "isAnonymous": False, "cloud": "PUBLIC"}},
        {"communicationIdentifier": {"phoneNumber": {"value": "+15551234567"}}},
    ],
)
def test_whoever_started_it_a_call_has_started(started_by: object) -> None:
    assert changed("eventgrid_call_started", startedBy=started_by) == [event_grid("call_started")]
    assert changed("eventgrid_participant_added", user=started_by) == [event_grid("participant_added")]


# --- Call Automation -----------------------------------------------------------------------------


def test_connected_and_roster_in_one_post() -> None:
    assert list(read_callbacks(wire("callback_connected_and_participants"))) == [
        CallConnected("7d5a0000-0000-4000-8000-000000000001", CONNECTION, 200, 0),
        ParticipantsUpdated("7d5a0000-0000-4000-8000-000000000002", CONNECTION, 200, 0, 1, (ADA, BEN)),
    ]


@pytest.mark.parametrize(
    ("name", "kind", "code", "sub_code"),
    [
        ("call_connected", CallConnected, 200, 0),
        ("2023_without_version", CallConnected, 0, 0),
        ("call_disconnected", CallDisconnected, 200, 7000),
        ("connect_failed", ConnectFailed, 404, 8522),
        ("media_streaming_started", OtherCallEvent, 200, 0),
        ("media_streaming_stopped", MediaStreamingStopped, 200, 0),
        ("media_streaming_failed", MediaStreamingFailed, 400, 8581),
        ("dtmf_tone", OtherCallEvent, 200, 0),
        ("play_completed", OtherCallEvent, 200, 0),
    ],
)
def test_captured_callbacks(name: str, kind: type[Any], code: int, sub_code: int) -> None:
    event = callback(name)
    assert type(event) is kind
    assert (event.call_connection_id, event.code, event.sub_code) == (CONNECTION, code, sub_code)


def test_other_callbacks_keep_their_name() -> None:
    assert callback("play_completed").type == "PlayCompleted"


@pytest.mark.parametrize(
    ("written", "read"), [("5300", 5300), (5300, 5300), ("many", 0), (True, 0), (None, 0), (5300.5, 0), ("²", 0)]
)
def test_codes_are_read_in_any_form(written: object, read: int) -> None:
    (event,) = changed("callback_call_disconnected", resultInformation={"code": written, "subCode": written})
    assert (event.code, event.sub_code) == (read, read)


@pytest.mark.parametrize("result", [None, "fine", 7, [], {"message": 7}])
def test_a_result_that_says_nothing(result: object) -> None:
    (event,) = changed("callback_call_disconnected", resultInformation=result)
    assert (event.code, event.sub_code) == (0, 0)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_participants", "participants is not an array"),
        ("no_call_connection_id", "callConnectionId is missing"),
        ("no_id", "id is missing"),
    ],
)
def test_malformed_callbacks_say_what_is_wrong(name: str, reason: str) -> None:
    assert reasons(read_callbacks(wire(f"callback_malformed_{name}"))) == [reason]


def test_a_sequence_number_in_a_text() -> None:
    assert callback("sequence_number_is_text").sequence_number == 3


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"sequenceNumber": None}, "sequenceNumber is missing or no integer"),
        ({"sequenceNumber": True}, "sequenceNumber is missing or no integer"),
        ({"sequenceNumber": "third"}, "sequenceNumber is missing or no integer"),
        ({"participants": {"0": ADA}}, "participants is not an array"),
        ({"callConnectionId": 7}, "callConnectionId is not a text"),
    ],
)
def test_a_roster_that_cannot_be_trusted_is_refused(data: dict[str, object], reason: str) -> None:
    """A missing roster must never read as an empty one: the interpreter would leave."""
    assert reasons(changed("callback_participants_updated_phone_on_hold", **data)) == [reason]


def roster(*participants: object) -> tuple[tuple[str, ...], int]:
    (event,) = changed("callback_participants_updated_phone_on_hold", participants=list(participants))
    return event.participants, event.unnamed


def test_an_empty_roster_is_empty() -> None:
    assert roster() == ((), 0)


@pytest.mark.parametrize(
    ("identifier", "raw_id"),
    [
        ({"rawId": ADA, "communicationUser": {"id": BEN}}, ADA),
        ({"communicationUser": {"id": ADA}}, ADA),
        ({"rawId": 7, "communicationUser": {"id": ADA}}, ADA),
        ({"communicationIdentifier": {"rawId": ADA}}, ADA),
        ({"communicationIdentifier": {"communicationUser": {"id": ADA}}}, ADA),
        ({"communicationIdentifier": "nested", "rawId": ADA}, ADA),
        ({"kind": "phoneNumber", "phoneNumber": {"value": "+15551234567"}}, "4:+15551234567"),
        ({"microsoftTeamsUser": {"userId": "u-1", "cloud": "PUBLIC"}}, "8:orgid:u-1"),
        ({"microsoftTeamsApp": {"appId": "a-1"}}, "28:orgid:a-1"),
        ({"rawId": "28:interpreter", "kind": "unknown"}, "28:interpreter"),
    ],
)
def test_participants_are_named_by_whatever_identifies_them(identifier: object, raw_id: str) -> None:
    assert roster({"identifier": identifier, "isMuted": "no", "isOnHold": None}) == ((raw_id,), 0)


@pytest.mark.parametrize(
    "participant",
    [
        {},
        ADA,
        None,
        {"identifier": None},
        {"identifier": ADA},
        {"identifier": {"kind": "unknown"}},
        {"identifier": {"rawId": ""}},
        {"identifier": {"phoneNumber": "+15551234567"}},
        {"identifier": {"phoneNumber": {"value": None}}},
    ],
)
def test_a_participant_without_any_name_is_counted_and_hides_nobody(participant: object) -> None:
    ben = {"identifier": {"rawId": BEN}}
    assert roster(participant, ben) == ((BEN,), 1)
    assert roster(participant) == ((), 1)


# --- laws ----------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def whole_bodies(prefix: str) -> list[str]:
    return [p.read_text() for p in sorted(WIRE.glob(f"{prefix}_*.json")) if "cut_off" not in p.name]


BODIES = {prefix: whole_bodies(prefix) for prefix in ("eventgrid", "callback")}


def places(value: Any, so_far: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, as the keys that lead there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [so_far] + [place for key, one in inner for place in places(one, (*so_far, key))]


def read(prefix: str, body: object) -> list[Any]:
    reader: Any = read_event_grid if prefix == "eventgrid" else read_callbacks
    return list(reader(json.dumps(body).encode()))


@pytest.mark.parametrize("prefix", BODIES)
@settings(deadline=None)
@given(data=st.data())
def test_whatever_is_changed_the_answer_is_an_event_or_a_reason(prefix: str, data: st.DataObject) -> None:
    """Any captured body with any one value replaced reads as events or as `MalformedEvent`, nothing else."""
    body = json.loads(data.draw(st.sampled_from(BODIES[prefix])))
    *parents, last = data.draw(st.sampled_from([place for place in places(body) if place]))
    holder = body
    for key in parents:
        holder = holder[key]
    holder[last] = data.draw(json_values)
    try:
        events = read(prefix, body)
    except MalformedEvent as error:
        assert error.message
    else:
        for event in events:
            assert event.message if isinstance(event, MalformedEvent) else event.event_id


USED = {
    "id",
    "type",
    "eventType",
    "specversion",
    "data",
    "room",
    "serverCallId",
    "validationCode",
    "callConnectionId",
    "resultInformation",
    "code",
    "subCode",
    "sequenceNumber",
    "participants",
    "identifier",
    "communicationIdentifier",
    "rawId",
    "communicationUser",
}
"""Keys that an event is about; `id` stands for the room's and the user's as well."""
GRID_ONLY = {"startedBy", "user", "code", "subCode", "rawId", "communicationUser", "communicationIdentifier"}


def unused(value: Any, prefix: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Return every field of a body that nobody uses, as its holder and key."""
    if isinstance(value, list):
        for one in value:
            yield from unused(one, prefix)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key not in USED or (prefix == "eventgrid" and key in GRID_ONLY):
                yield value, key
            else:
                yield from unused(one, prefix)


@pytest.mark.parametrize("prefix", BODIES)
@settings(max_examples=30)
@given(data=st.data())
def test_fields_that_nobody_uses_change_nothing(prefix: str, data: st.DataObject) -> None:
    """Any captured body reads the same with any of its unused fields dropped or replaced, and with further ones."""
    body = json.loads(data.draw(st.sampled_from([text for text in BODIES[prefix] if "malformed" not in text])))
    before = [repr(event) for event in read(prefix, body)]
    found = list(unused(body, prefix))
    for holder, key in found:
        match data.draw(st.sampled_from(["kept", "dropped", "replaced"])):
            case "dropped":
                del holder[key]
            case "replaced":
                holder[key] = data.draw(json_values)
            case _:
                pass
        holder[data.draw(st.sampled_from(["extra", "x-new"]))] = data.draw(json_values)
    assert [repr(event) for event in read(prefix, body)] == before


# --- against the SDK -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["call_started", "call_ended", "participant_added", "cloudevent_call_started"])
def test_our_reading_agrees_with_the_sdk(name: str) -> None:
    parsed = json.loads(wire(f"eventgrid_{name}"))
    ours = event_grid(name)
    if name.startswith("cloudevent"):
        cloud: CloudEvent[Any] = CloudEvent.from_dict(parsed)
        assert cloud.id == ours.event_id
        assert cloud.type == f"Microsoft.Communication.{type(ours).__name__}"
    else:
        grid: Any = SdkEventGridEvent.from_dict(parsed[0])
        assert grid.id == ours.event_id
        assert "Call" in grid.event_type
