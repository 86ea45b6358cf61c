"""Decides who may join a call: by token, scope, roster and time, before a socket is opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from emulator.acs.auth.identity import IdentityStore, TokenRefused
from emulator.acs.calls.rooms import RoomStore
from emulator.acs.wire.errors import AcsError, not_found


@dataclass(frozen=True, slots=True)
class Admitted:
    """A user who may join a call."""

    user_id: str
    role: str

    @property
    def may_speak(self) -> bool:
        """Whether the user may be heard; the role Consumer only listens."""
        return self.role != "Consumer"


def admit(
    token: str,
    room_id: str,
    *,
    identities: IdentityStore,
    rooms: RoomStore,
    call_runs: bool,
    now: datetime,
) -> Admitted:
    """Return the user whom this token admits to this room.

    Args:
        call_runs: whether the call has started; the scope `voip.join` cannot start one.

    Raises:
        AcsError: 401 bad, expired or revoked token; 403 no voip scope, not invited, room not open; 404 no such room.
    """
    user_id = admit_to_group(token, identities=identities, call_runs=call_runs).user_id
    try:
        room = rooms.get(room_id)
    except AcsError as error:
        raise not_found() from error
    role = room.roster.get(user_id)
    if role is None:
        raise AcsError(403, "Forbidden", "The user is not invited to this room.")
    if not room.is_open(now):
        raise AcsError(403, "Forbidden", "The room is not open now.")
    return Admitted(user_id, role)


def admit_to_group(token: str, *, identities: IdentityStore, call_runs: bool) -> Admitted:
    """Return the user whom this token admits to a group call, which has no roster. Arguments as for `admit`.

    Raises:
        AcsError: 401 bad, expired or revoked token; 403 no voip scope.
    """
    try:
        bearer = identities.check(token)
    except TokenRefused as error:
        raise AcsError(401, "Unauthorized", str(error)) from error
    if not bearer.scopes & {"voip", "voip.join"}:
        raise AcsError(403, "Forbidden", "The token has no voip scope.")
    if not call_runs and "voip" not in bearer.scopes:
        raise AcsError(403, "Forbidden", "A token with the scope voip.join cannot start a call.")
    return Admitted(bearer.user_id, "Attendee")
