"""Reading of Event Grid and Call Automation events, from captured bodies and from bad ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
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
    CallParticipant,
    CallStarted,
    ConnectFailed,
    DtmfTone,
    Ignored,
    MediaStreamingFailed,
    MediaStreamingStarted,
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
CORRELATION = "d4f40000-0000-4000-8000-000000000002"


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


def test_call_started_names_the_room_and_who_started_it() -> None:
    assert event_grid("call_started") == CallStarted(
        event_id="a8bcd8a3-0000-4000-8000-000000000001",
        room_id=ROOM,
        server_call_id=SERVER_CALL,
        started_by=ADA,
        time=datetime(2026, 11, 20, 8, 0, 3, 123456, UTC),  # the seventh digit is cut
        correlation_id=CORRELATION,
    )


def test_identifiers_are_read_nested_as_well() -> None:
    assert event_grid("call_started_nested_identifier").started_by == ADA
    removed = event_grid("participant_removed")
    assert isinstance(removed, ParticipantRemoved)
    assert (removed.raw_id, removed.display_name, removed.role) == (BEN, "Ben", "Attendee")


def test_call_ended_says_how_long_it_took() -> None:
    ended = event_grid("call_ended")
    assert isinstance(ended, CallEnded)
    assert (ended.room_id, ended.duration_s) == (ROOM, 61.25)


def test_participant_added() -> None:
    added = event_grid("participant_added")
    assert isinstance(added, ParticipantAdded)
    assert (added.raw_id, added.display_name, added.role, added.room_id) == (BEN, "Ben", "Attendee", ROOM)


def test_subscription_validation() -> None:
    assert event_grid("subscription_validation") == SubscriptionValidation(
        event_id="2d1781af-0000-4000-8000-000000000006",
        code="512d38b6-c7b8-40c8-89fe-f46f9e9622b6",
        url="https://rp-westeurope.eventgrid.azure.net:553/eventsubscriptions/calls/validate?id=512d38b6",
    )


def test_other_types_are_ignored_whatever_they_carry() -> None:
    assert event_grid("recording_file") == Ignored(
        "a8bcd8a3-0000-4000-8000-000000000007", "Microsoft.Communication.RecordingFileStatusUpdated"
    )


def test_cloud_events_say_the_same_single_or_in_a_batch() -> None:
    started = event_grid("cloudevent_call_started")
    assert isinstance(started, CallStarted)
    assert (started.room_id, started.started_by) == (ROOM, ADA)

    batch = read_event_grid(wire("eventgrid_cloudevent_batch"))
    assert len(batch) == 2
    first, second = batch
    assert isinstance(first, CallStarted)
    assert isinstance(second, CallEnded)
    assert second.time == datetime(2026, 11, 20, 8, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("malformed_no_server_call_id", "serverCallId is missing"),
        ("malformed_time", "eventTime is not a time"),
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


def test_what_event_grid_may_leave_out() -> None:
    (event,) = changed("eventgrid_call_ended", startedBy=None, room=None, correlationId=None, durationOfCall=None)
    assert (event.started_by, event.room_id, event.correlation_id, event.duration_s) == (None, None, "", None)


def test_an_id_in_the_communication_user_alone_is_enough() -> None:
    (event,) = changed("eventgrid_call_started", startedBy={"communicationUser": {"id": ADA}})
    assert event.started_by == ADA


def test_an_identifier_that_names_nobody() -> None:
    assert reasons(changed("eventgrid_call_started", startedBy={"role": "Presenter"})) == ["startedBy names nobody"]
    assert reasons(changed("eventgrid_participant_added", user=None)) == ["user is missing"]


@pytest.mark.parametrize("duration", ["61", True])
def test_a_duration_that_is_no_number(duration: object) -> None:
    assert reasons(changed("eventgrid_call_ended", durationOfCall=duration)) == ["durationOfCall is not a number"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-20T08:00:03", datetime(2026, 11, 20, 8, 0, 3, tzinfo=UTC)),  # no offset: UTC
        ("2026-11-20T13:30:03+05:30", datetime(2026, 11, 20, 8, 0, 3, tzinfo=UTC)),
    ],
)
def test_times_are_instants_in_utc(written: str, meant: datetime) -> None:
    (item,) = json.loads(wire("eventgrid_call_started"))
    (event,) = read_event_grid(json.dumps([item | {"eventTime": written}]).encode())
    assert isinstance(event, CallStarted)
    assert event.time == meant
    assert event.time.utcoffset() == timedelta(0)


def test_a_time_beyond_the_calendar_is_malformed() -> None:
    (item,) = json.loads(wire("eventgrid_call_started"))
    body = json.dumps([item | {"eventTime": "0001-01-01T00:00:00+14:00"}]).encode()
    assert reasons(read_event_grid(body)) == ["eventTime is not a time"]


# --- Call Automation -----------------------------------------------------------------------------


def test_connected_and_roster_in_one_post() -> None:
    connected, updated = read_callbacks(wire("callback_connected_and_participants"))
    assert connected == CallConnected(
        event_id="7d5a0000-0000-4000-8000-000000000001",
        call_connection_id="5b006980-0000-4000-8000-000000000001",
        server_call_id="aHR0cHM6Ly9hcGkuZmxpZ2h0cHJveHkuc2t5cGUuY29t",
        correlation_id="0f0c0000-0000-4000-8000-000000000002",
        operation_context="room-42",
        code=200,
        sub_code=0,
        message="",
    )
    assert isinstance(updated, ParticipantsUpdated)
    assert updated.operation_context is None
    assert updated.sequence_number == 1
    assert updated.participants == (
        CallParticipant(ADA, "communicationUser", muted=False, on_hold=False),
        CallParticipant(BEN, "communicationUser", muted=True, on_hold=False),
    )


def test_the_kind_of_an_identifier_is_deduced_where_it_is_not_said() -> None:
    updated = callback("participants_updated_phone_on_hold")
    assert updated.participants == (
        CallParticipant("4:+15551234567", "phoneNumber", muted=False, on_hold=True),
        CallParticipant("28:interpreter", "unknown", muted=False, on_hold=False),
    )
    (bare,) = changed(
        "callback_participants_updated_phone_on_hold",
        participants=[{"identifier": {"rawId": "28:interpreter"}}],
    )
    assert bare.participants == (CallParticipant("28:interpreter", "unknown", muted=False, on_hold=False),)


def test_disconnected_says_why() -> None:
    event = callback("call_disconnected")
    assert isinstance(event, CallDisconnected)
    assert (event.code, event.sub_code) == (200, 7000)
    assert event.message.startswith("Call was ended by")


def test_connect_failed_says_why() -> None:
    event = callback("connect_failed")
    assert isinstance(event, ConnectFailed)
    assert (event.code, event.sub_code, event.operation_context) == (404, 8522, "room-42")


@pytest.mark.parametrize(
    ("name", "kind", "details", "code", "sub_code"),
    [
        ("started", MediaStreamingStarted, "subscriptionStarted", 200, 0),
        ("stopped", MediaStreamingStopped, "subscriptionStopped", 200, 0),
        ("failed", MediaStreamingFailed, "initialWebSocketConnectionFailed", 400, 8581),
    ],
)
def test_media_streaming(
    name: str,
    kind: type[MediaStreamingStarted | MediaStreamingStopped | MediaStreamingFailed],
    details: str,
    code: int,
    sub_code: int,
) -> None:
    event = callback(f"media_streaming_{name}")
    assert isinstance(event, kind)
    assert (event.status, event.details) == (f"mediaStreaming{name.title()}", details)
    assert (event.code, event.sub_code) == (code, sub_code)


def test_media_streaming_without_its_update_is_still_known() -> None:
    (event,) = changed("callback_media_streaming_failed", mediaStreamingUpdate=None)
    assert isinstance(event, MediaStreamingFailed)
    assert (event.status, event.details, event.sub_code) == ("", "", 8581)


def test_a_pressed_key() -> None:
    event = callback("dtmf_tone")
    assert isinstance(event, DtmfTone)
    assert (event.tone, event.sequence_id) == ("five", 1)


def test_other_callbacks_keep_their_name() -> None:
    event = callback("play_completed")
    assert isinstance(event, OtherCallEvent)
    assert (event.type, event.code, event.message) == ("PlayCompleted", 200, "Action completed successfully.")


def test_callbacks_of_2023_say_less() -> None:
    event = callback("2023_without_version")
    assert isinstance(event, CallConnected)
    assert (event.operation_context, event.code, event.message) == (None, 0, "")
    assert event.correlation_id == "0f0c0000-0000-4000-8000-000000000002"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_participants", "participants is not an array of objects"),
        ("sequence_number_is_text", "sequenceNumber is not an integer"),
        ("no_call_connection_id", "callConnectionId is missing"),
        ("no_id", "id is missing"),
    ],
)
def test_malformed_callbacks_say_what_is_wrong(name: str, reason: str) -> None:
    assert reasons(read_callbacks(wire(f"callback_malformed_{name}"))) == [reason]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"sequenceNumber": None}, "sequenceNumber is missing"),
        ({"sequenceNumber": True}, "sequenceNumber is not an integer"),
        ({"participants": [ADA]}, "participants is not an array of objects"),
        ({"participants": [{"identifier": {"kind": "unknown"}}]}, "identifier names nobody"),
        ({"participants": [{}]}, "identifier is missing"),
        ({"callConnectionId": 7}, "callConnectionId is not a text"),
        ({"resultInformation": "fine"}, "resultInformation is not an object"),
    ],
)
def test_a_roster_that_cannot_be_trusted_is_refused(data: dict[str, object], reason: str) -> None:
    """A missing roster must never read as an empty one: the interpreter would leave."""
    assert reasons(changed("callback_participants_updated_phone_on_hold", **data)) == [reason]


def test_an_empty_roster_is_empty() -> None:
    (event,) = changed("callback_participants_updated_phone_on_hold", participants=[])
    assert event.participants == ()


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
    read: Any = read_event_grid if prefix == "eventgrid" else read_callbacks
    try:
        events = list(read(json.dumps(body).encode()))
    except MalformedEvent as error:
        assert error.message
    else:
        for event in events:
            assert event.message if isinstance(event, MalformedEvent) else event.event_id


# --- against the SDK -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["call_started", "call_ended", "participant_added", "cloudevent_call_started"])
def test_our_reading_agrees_with_the_sdk(name: str) -> None:
    parsed = json.loads(wire(f"eventgrid_{name}"))
    ours = event_grid(name)
    if name.startswith("cloudevent"):
        cloud: CloudEvent[Any] = CloudEvent.from_dict(parsed)
        assert (cloud.id, cloud.time) == (ours.event_id, ours.time)
        assert cloud.type == f"Microsoft.Communication.{type(ours).__name__}"
    else:
        grid: Any = SdkEventGridEvent.from_dict(parsed[0])
        assert (grid.id, grid.event_time) == (ours.event_id, ours.time)
        assert "Call" in grid.event_type
