"""Tickets as the routes of admins hand them out and read them."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import SecretStr

from bot.config import Settings
from bot.listening.ticket_office import TicketOffice, ticket_secret
from listeners.tickets import LIFETIME_S, Tickets

NOW = 1_800_000_000.0


def office() -> TicketOffice:
    return TicketOffice(Tickets("secret", now=lambda: NOW))


def test_a_link_of_a_speaker_tells_who_and_where_and_lasts_as_long_as_it_should() -> None:
    ticket = office().issue_link("room-1", "participant-1", 86_400.0)
    assert office().speaker(ticket) == ("room-1", "participant-1")
    tomorrow = TicketOffice(Tickets("secret", now=lambda: NOW + 86_400.0))
    assert tomorrow.speaker(ticket) is None


def test_what_is_no_ticket_of_a_speaker_is_none() -> None:
    listening, expires_on = office().issue("captions", "room-1", "es-ES", None)
    assert expires_on == datetime.fromtimestamp(NOW + LIFETIME_S, UTC)
    nobodys, _ = office().issue("speak", "room-1", None, None)
    foreign = TicketOffice(Tickets("another", now=lambda: NOW)).issue_link("room-1", "participant-1", 60.0)
    assert [office().speaker(text) for text in (listening, nobodys, foreign, "v1.x.y", "")] == [None] * 5


def test_without_a_secret_in_the_settings_each_process_has_its_own() -> None:
    settings = Settings.model_construct(ticket_secret=SecretStr("given"))
    assert ticket_secret(settings) == "given"
    settings = Settings.model_construct(ticket_secret=None)
    assert ticket_secret(settings) != ticket_secret(settings)
