"""Tickets: short-lived, signed permission for a listener to use one room for one purpose. No HTTP.

A ticket is `v1.<claims>.<signature>`, both base64url: safe in a query string, where browsers must put it because their
WebSockets send no headers. The signature is HMAC-SHA256 over the claims, so nothing has to be stored or looked up.
Tickets cannot be revoked, so they are short-lived. A ticket is no ACS token and gives no access to ACS.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal, get_args

TicketUse = Literal["captions", "audio", "signaling", "speak"]
Reason = Literal["missing", "malformed", "signature", "expired", "purpose", "room", "language"]

LIFETIME_S = 15 * 60.0
"""Seconds. Checked only when a socket is opened: time to open the link, not the length of the meeting."""
LONGEST_TICKET = 1024
"""Characters; issued tickets have some 250."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a valid ticket allows."""

    purpose: TicketUse
    room_id: str
    language: str | None
    """The only language allowed; None: any of the room's."""
    participant_id: str | None
    """The participant it was issued for; None if it was not for a person on the roster."""
    expires_at: float
    """Seconds since the Unix epoch."""


class TicketRefused(Exception):
    """The ticket is missing or invalid, or does not allow the request; `reason` says which."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"the ticket is not accepted: {reason}")
        self.reason = reason


class Tickets:
    """Issues and checks tickets with a secret, which all replicas share."""

    def __init__(self, secret: str, *, now: Callable[[], float] = time.time, lifetime_s: float = LIFETIME_S) -> None:
        """Raises ValueError if the secret is empty."""
        if not secret:
            raise ValueError("the ticket secret must not be empty")
        # A derived key, in case the same secret ever signs something else too.
        self._key = hmac.digest(secret.encode(), b"listener ticket v1", hashlib.sha256)
        self._now = now
        self._lifetime_s = lifetime_s

    def issue(
        self,
        purpose: TicketUse,
        room_id: str,
        *,
        language: str | None = None,
        participant_id: str | None = None,
        lifetime_s: float | None = None,
    ) -> tuple[str, Ticket]:
        """Return a new ticket as text, and what it contains. `lifetime_s`: if not the usual one."""
        expires_at = float(int(self._now() + (self._lifetime_s if lifetime_s is None else lifetime_s)))
        claims: dict[str, object] = {"p": purpose, "r": room_id, "x": expires_at}
        claims |= {} if language is None else {"l": language}
        claims |= {} if participant_id is None else {"u": participant_id}
        claims["n"] = secrets.token_hex(4)  # makes tickets of the same second different
        payload = _encode(json.dumps(claims, separators=(",", ":")).encode())
        signed = f"v1.{payload}"
        ticket = Ticket(purpose, room_id, language, participant_id, expires_at)
        return f"{signed}.{_encode(self._sign(signed))}", ticket

    def check(self, text: str | None, *, purposes: Collection[TicketUse], room_id: str) -> Ticket:
        """Return what the ticket contains if it is for this room and one of these purposes.

        Whether it is for a language is for the caller to compare (`Ticket.language`), who knows what was asked for.

        Raises:
            TicketRefused: it does not. The signature is checked before anything that it signs.
        """
        if not text:
            raise TicketRefused("missing")
        ticket = self._read(text)
        if ticket.expires_at <= self._now():
            raise TicketRefused("expired")
        if ticket.purpose not in purposes:
            raise TicketRefused("purpose")
        if ticket.room_id != room_id:
            raise TicketRefused("room")
        return ticket

    def speaker(self, text: str) -> Ticket:
        """Return what a ticket to speak contains, whichever room it is for.

        Raises:
            TicketRefused: it is no valid ticket to speak.
        """
        ticket = self._read(text)
        if ticket.expires_at <= self._now():
            raise TicketRefused("expired")
        if ticket.purpose != "speak":
            raise TicketRefused("purpose")
        return ticket

    def _read(self, text: str) -> Ticket:
        signed, _, signature = text.rpartition(".")
        if len(text) > LONGEST_TICKET or not text.isascii() or not signed.startswith("v1."):
            raise TicketRefused("malformed")
        if not hmac.compare_digest(_encode(self._sign(signed)), signature):
            raise TicketRefused("signature")
        try:
            claims = json.loads(_decode(signed.removeprefix("v1.")))
            purpose: TicketUse = claims["p"]
            if purpose not in get_args(TicketUse):
                raise TicketRefused("purpose")
            return Ticket(purpose, claims["r"], claims.get("l"), claims.get("u"), claims["x"])
        except (
            binascii.Error,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
        ) as error:  # not possible with our signature
            raise TicketRefused("malformed") from error

    def _sign(self, signed: str) -> bytes:
        return hmac.digest(self._key, signed.encode(), hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
