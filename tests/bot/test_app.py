from __future__ import annotations

from datetime import UTC, datetime

from bot.app import plan_of
from rooms_admin.store import Glossary, Room, Term

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
    glossary = plan_of(_room(Term("Contoso"), Term("pier", {"es-ES": "muelle"}))).plan.glossary
    assert glossary.version == 4
    assert list(glossary.into("en-US", "es-ES")) == [(("Contoso",), "Contoso"), (("pier",), "muelle")]
    assert list(glossary.into("es-ES", "en-US")) == [(("Contoso",), "Contoso"), (("muelle", "pier"), "pier")]


def test_a_room_without_a_glossary_wants_nothing() -> None:
    assert not plan_of(_room()).plan.glossary.terms
