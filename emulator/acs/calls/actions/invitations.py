"""Adds people to a call by ringing them; an invitation can be cancelled while it rings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from emulator.acs.calls.actions.host import Host, Operation
from emulator.acs.calls.leg import EnteredCall, Leg
from emulator.acs.calls.phones import NoAnswer, Phones
from emulator.acs.wire.callback_events import Result, user_identifier
from emulator.randomness import uuid4

# Documented limit of an invitation, in seconds.
LONGEST_S = 180
_UNKNOWN = Result(404, 8522, "The invitation is not known, or has been answered.")


@dataclass(frozen=True, slots=True)
class Invitation:
    """A checked add action."""

    raw_id: str
    display_name: str = ""
    timeout_s: float | None = None
    operation: Operation = field(default_factory=Operation)


class Invitations:
    """The unanswered invitations of one connection."""

    def __init__(self, host: Host, raw_id: str) -> None:
        """Args: raw_id: the bot's own, shown on the phones that ring."""
        self._host = host
        self._raw_id = raw_id
        self._pending: dict[str, asyncio.Task[None]] = {}

    def add(self, invitation: Invitation, call: EnteredCall, phones: Phones) -> str:
        """Ring somebody and return the invitation's id; an event reports the result."""
        invitation_id = uuid4()
        self._pending[invitation_id] = self._host.spawn(
            self._add(invitation_id, invitation, call, phones), "invitation"
        )
        return invitation_id

    def cancel(self, invitation_id: str, operation: Operation) -> None:
        """Stop ringing; an event reports whether it was in time."""
        task = self._pending.pop(invitation_id, None)
        if task is not None:
            task.cancel()
        self._host.say(
            "CancelAddParticipantFailed" if task is None else "CancelAddParticipantSucceeded",
            _UNKNOWN if task is None else Result(),
            operation.context,
            operation.callback_uri,
            invitationId=invitation_id,
        )

    async def _add(self, invitation_id: str, invitation: Invitation, call: EnteredCall, phones: Phones) -> None:
        kind, result = "AddParticipantSucceeded", Result()
        try:
            leg = await self._answer(invitation, call, phones)
        except NoAnswer as error:
            kind, result = "AddParticipantFailed", error.result
        else:
            if leg is not None:
                call.arrive(leg)
        finally:
            self._pending.pop(invitation_id, None)
        operation, person = invitation.operation, user_identifier(invitation.raw_id)
        self._host.say(kind, result, operation.context, operation.callback_uri, participant=person)

    async def _answer(self, invitation: Invitation, call: EnteredCall, phones: Phones) -> Leg | None:
        name = invitation.display_name
        return await phones.ring(invitation.raw_id, self._raw_id, name, call, invitation.timeout_s)
