from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.calls.environment import WebSeat, is_per_language, room_of, stream_of
from bot.interpreting.plan import Attendee, Layout, Mode, Order, RoomPlan, Stability
from bot.room_plans import StoredRoomPlans, follow_change, follow_removal, plan_of, planned
from listeners.microphones import MicrophoneRefused
from rooms_admin.rooms.room import Glossary, Participant, Room, RoomSettings, Term
from rooms_admin.transcripts.records import LedgerRecord
from tests.support.in_memory_stores import InMemoryRooms

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _room(*terms: Term) -> Room:
    return Room(
        room_id="room-1",
        acs_room_id="acs-1",
        join_code="123456",
        name="planning",
        languages=("en-US", "es-ES"),
        mode="consecutive",
        participants=(),
        valid_from=NOON,
        valid_until=NOON,
        created_at=NOON,
        glossary=Glossary(version=4, terms=terms),
    )


def test_the_glossary_of_a_room_is_read_by_language() -> None:
    glossary = plan_of(_room(Term("Contoso"), Term("pier", {"es-ES": "muelle"}))).glossary
    assert list(glossary.into("en-US", "es-ES")) == [(("Contoso",), "Contoso"), (("pier",), "muelle")]
    assert list(glossary.into("es-ES", "en-US")) == [(("Contoso",), "Contoso"), (("muelle", "pier"), "pier")]


def test_bots_of_the_roster_are_not_among_the_people_of_the_plan() -> None:
    people = [
        Participant(f"participant-{name}", f"8:acs:{name}", name, "Attendee", "fr-FR", "fr-FR")
        for name in ("ada", "recorder")
    ]
    room = replace(_room(), participants=tuple(people), settings=RoomSettings(bots=("participant-recorder",)))
    assert plan_of(room).attendees.keys() == {"8:acs:ada"}


def test_what_an_admin_sets_is_what_the_interpreter_follows() -> None:
    ada = Participant("participant-1", "8:acs:ada", "Ada", "Presenter", "en-US", "es-ES")
    settings = RoomSettings(
        barge_in="stop",
        announcement=True,
        captions="balanced",
        max_lanes=3,
        pivot="en-US",
        chair="participant-1",
        keypad={"#": "pause"},
        separate_varieties=True,
    )
    room = replace(_room(), participants=(ada,), settings=settings, mode="simultaneous")
    plan = plan_of(room)
    assert plan.attendees == {"8:acs:ada": Attendee("8:acs:ada", "Ada", "en-US", "es-ES")}
    assert (plan.mode, plan.layout, plan.stability) == (Mode.SIMULTANEOUS, Layout.SHARED, Stability.BALANCED)
    assert (plan.barge_in_stops, plan.announcement, plan.max_lanes, plan.pivot) == (True, True, 3, "en-US")
    assert plan.separate_varieties
    assert (plan.chair, plan.keypad) == ("8:acs:ada", {"#": Order.PAUSE})


def test_a_room_with_the_usual_settings_has_no_chair_and_no_pivot() -> None:
    plan = plan_of(_room())
    assert (plan.chair, plan.pivot, plan.keypad) == (None, None, {"*": Order.HUSH})
    assert plan == replace(RoomPlan(("en-US", "es-ES")), glossary=plan.glossary)


def test_a_room_without_a_glossary_wants_nothing() -> None:
    assert not plan_of(_room()).glossary.terms


class NoLedger:
    async def whole_ledger(self, room_id: str) -> list[LedgerRecord]:
        raise AssertionError("not read for a room without a cap")


SISTERS = {"en-US": "acs-1", "es-ES": "acs-2"}


async def test_a_room_is_found_by_any_of_its_acs_rooms_and_by_the_keys_of_its_calls() -> None:
    store = InMemoryRooms()
    await store.add(replace(_room(), sisters=SISTERS))
    plans = StoredRoomPlans(store, NoLedger())
    calls = await plans.calls("room-1")
    assert [(one.room_id, one.acs_room_id) for one in calls] == [("room-1/en-US", "acs-1"), ("room-1/es-ES", "acs-2")]
    for one in calls:
        assert is_per_language(one.room_id) and room_of(one.room_id) == "room-1"
        assert await plans.by_acs_room(one.acs_room_id) == await plans.by_room(one.room_id) == one
    assert [stream_of(one.room_id) for one in calls] == list(SISTERS)
    assert await plans.by_room("room-1") is None, "no call has this key"
    assert (await plans.by_acs_room("acs-3"), await plans.by_room("room-2/en-US"), await plans.calls("room-2")) == (
        None,
        None,
        [],
    )


async def test_a_shared_room_is_one_call_under_its_own_id() -> None:
    store = InMemoryRooms()
    await store.add(_room())
    (call,) = planned(_room())
    assert (call.room_id, stream_of(call.room_id), is_per_language(call.room_id)) == ("room-1", "room", False)
    assert await StoredRoomPlans(store, NoLedger()).by_room("room-1") == call


# --- people who come by browser ---------------------------------------------------------------------------


PEOPLE = tuple(
    Participant(f"participant-{name}", f"8:acs:{name}", name, "Attendee", "es-ES", "es-ES")
    for name in ("ada", "recorder")
) + (Participant("participant-phone", "4:+15551234567", "", "Attendee", "es-ES", "es-ES", phone_number="+15551234567"),)


def test_a_room_without_acs_is_one_call_that_is_open_as_long_as_the_room() -> None:
    web = replace(_room(), acs_room_id="", media="web", settings=RoomSettings(layout="channels"))
    (call,) = planned(web)
    assert (call.room_id, call.acs_room_id, call.plan.web) == ("room-1", "", True)
    assert call.plan.open_until == NOON.timestamp()
    assert planned(_room())[0].plan.open_until == math.inf, "ACS ends its rooms itself"


@pytest.mark.parametrize(
    ("sisters", "participant", "found"),
    [
        ({}, "participant-ada", WebSeat("room-1", "8:acs:ada")),
        (SISTERS, "participant-ada", WebSeat("room-1/es-ES", "8:acs:ada")),
        ({}, "participant-recorder", "not_on_roster"),
        ({}, "participant-phone", "not_on_roster"),
        ({}, "8:acs:ada", "not_on_roster"),
    ],
)
async def test_where_somebody_speaks_who_comes_by_browser(
    sisters: dict[str, str], participant: str, found: WebSeat | str
) -> None:
    store = InMemoryRooms()
    settings = RoomSettings(bots=("participant-recorder",))
    await store.add(replace(_room(), participants=PEOPLE, settings=settings, sisters=sisters))
    before = StoredRoomPlans(store, NoLedger(), lambda: NOON - timedelta(seconds=1))
    if isinstance(found, WebSeat):
        assert await before.seat("room-1", participant) == found
    else:
        with pytest.raises(MicrophoneRefused) as refusal:
            await before.seat("room-1", participant)
        assert refusal.value.reason == found
    for plans, room, reason in (
        (StoredRoomPlans(store, NoLedger(), lambda: NOON), "room-1", "room_ended"),
        (before, "room-2", "room_not_found"),
    ):
        with pytest.raises(MicrophoneRefused) as refusal:
            await plans.seat(room, participant)
        assert refusal.value.reason == reason


def test_all_calls_of_a_room_follow_its_changes() -> None:
    class Switched:
        def __init__(self) -> None:
            self.told: list[str] = []

        def change_plan(self, room_id: str, plan: RoomPlan) -> None:
            self.told.append(f"{room_id} changed")

        def room_deleted(self, room_id: str) -> None:
            self.told.append(f"{room_id} deleted")

    switched = Switched()
    follow_change(switched, replace(_room(), sisters=SISTERS))
    follow_removal(switched, _room())
    assert switched.told == ["room-1/en-US changed", "room-1/es-ES changed", "room-1 deleted"]


class FakeLedger:
    """What two passages of earlier calls used; one of them was a voice passed through."""

    async def whole_ledger(self, room_id: str) -> list[LedgerRecord]:
        spoken = LedgerRecord("u-1", "8:acs:a", "en-US", "es-ES", "spoken", "", 2_000, 1_500, None, None, 0, None, {})
        return [spoken, replace(spoken, target="en-US", kind="passthrough")]


async def test_what_earlier_calls_used_counts_where_there_is_a_cap() -> None:
    store = InMemoryRooms()
    await store.add(replace(_room(), settings=RoomSettings(usage_cap={"minutes": 5.0})))
    call = await StoredRoomPlans(store, FakeLedger()).by_room("room-1")
    assert call is not None
    assert (call.used.spoken_ms, call.used.interpreted_ms) == (2_000, 1_500)
