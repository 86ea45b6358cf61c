"""Issues and reads the tickets that the routes of admins hand out, in their terms."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from bot.config import Settings
from listeners.tickets import TicketRefused, Tickets
from rooms_admin.rooms.requests import TicketPurpose


def ticket_secret(settings: Settings) -> str:
    """Return what signs tickets and guest keys; without it in the settings, a secret of this process alone."""
    given = settings.ticket_secret
    return secrets.token_urlsafe(32) if given is None else given.get_secret_value()


class TicketOffice:
    """Issues and reads tickets."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    def issue(
        self, purpose: TicketPurpose, room_id: str, language: str | None, participant_id: str | None
    ) -> tuple[str, datetime]:
        """Issue a ticket; returns its text and its expiry."""
        text, ticket = self._tickets.issue(purpose, room_id, language=language, participant_id=participant_id)
        return text, datetime.fromtimestamp(ticket.expires_at, UTC)

    def issue_link(self, room_id: str, participant_id: str, lifetime_s: float) -> str:
        """Issue the ticket of a speaker's link, which lasts as long as the session."""
        return self._tickets.issue("speak", room_id, participant_id=participant_id, lifetime_s=lifetime_s)[0]

    def speaker(self, text: str) -> tuple[str, str] | None:
        """Return the room and the participant of a valid ticket to speak; None if it is none."""
        try:
            ticket = self._tickets.speaker(text)
        except TicketRefused:
            return None
        return None if ticket.participant_id is None else (ticket.room_id, ticket.participant_id)
