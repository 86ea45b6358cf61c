from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot.interpreting.plan import Attendee, Layout, Mode, Order, RoomPlan, Stability
from bot.room_book import plan_of
from rooms_admin.store import Glossary, Participant, Room, RoomSettings, Term

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
    assert glossary.version == 4
    assert list(glossary.into("en-US", "es-ES")) == [(("Contoso",), "Contoso"), (("pier",), "muelle")]
    assert list(glossary.into("es-ES", "en-US")) == [(("Contoso",), "Contoso"), (("muelle", "pier"), "pier")]


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
    )
    room = replace(_room(), participants=(ada,), settings=settings, mode="simultaneous")
    plan = plan_of(room)
    assert plan.attendees == {"8:acs:ada": Attendee("8:acs:ada", "Ada", "en-US", "es-ES")}
    assert (plan.mode, plan.layout, plan.stability) == (Mode.SIMULTANEOUS, Layout.SHARED, Stability.BALANCED)
    assert (plan.barge_in_stops, plan.announcement, plan.max_lanes, plan.pivot) == (True, True, 3, "en-US")
    assert (plan.chair, plan.keypad) == ("8:acs:ada", {"#": Order.PAUSE})


def test_a_room_with_the_usual_settings_has_no_chair_and_no_pivot() -> None:
    plan = plan_of(_room())
    assert (plan.chair, plan.pivot, plan.keypad) == (None, None, {"*": Order.HUSH})
    assert plan == replace(RoomPlan(("en-US", "es-ES")), glossary=plan.glossary)


def test_a_room_without_a_glossary_wants_nothing() -> None:
    assert not plan_of(_room()).glossary.terms
