"""Participants of Call Automation over HTTP: list, add, remove, mute, move from another call."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from emulator.acs.api.call_automation_api import check_caller_id
from emulator.acs.api.calling_paths import PARTICIPANTS, action, answer, context_of, present
from emulator.acs.api.requests import Document, operation, raw_id, raw_ids, required, seconds, text
from emulator.acs.calls.actions.host import Operation
from emulator.acs.calls.actions.invitations import LONGEST_S, Invitation
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.connection import CallConnection
from emulator.acs.calls.leg import Leg
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.wire.bodies import page
from emulator.acs.wire.callback_events import Result, participant, user_identifier
from emulator.acs.wire.errors import bad_argument
from emulator.faults import FaultPlan

_NOT_HERE = Result(404, 8558, "The participant is not in the call.")
_MOST_MOVED = 100


class ParticipantsApi:
    """Routes of `/calling/callConnections/{id}/participants`."""

    def __init__(self, calls: Calls, faults: FaultPlan) -> None:
        self._calls = calls
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for `web.Application.add_routes`."""
        calls = self._calls
        return [
            web.get(PARTICIPANTS, self._list),
            web.post(f"{PARTICIPANTS}:add", action(calls, self._add)),
            web.post(f"{PARTICIPANTS}:cancelAddParticipant", action(calls, self._cancel_add)),
            web.post(f"{PARTICIPANTS}:remove", action(calls, self._remove)),
            web.post(f"{PARTICIPANTS}:mute", action(calls, self._mute)),
            web.post(f"{PARTICIPANTS}:moveHere", action(calls, self._move)),
            web.get(f"{PARTICIPANTS}/{{raw_id}}", self._get),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        _, call = self._calls.find(request.match_info["connection_id"])
        return page(request, list(call.participants()), self._faults.switches.page_size)

    async def _get(self, request: web.Request) -> web.Response:
        connection, call = self._calls.find(request.match_info["connection_id"])
        return answer(connection, call.participant(present(call, request.match_info["raw_id"])))

    def _add(self, connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
        person = raw_id(document.get("participantToAdd"), "participantToAdd")
        check_caller_id(document, [person])
        asked = operation(document)
        invitation = Invitation(
            raw_id=person,
            display_name=text(document, "sourceDisplayName") or "",
            timeout_s=seconds(document, "invitationTimeoutInSeconds", 0, LONGEST_S),
            operation=asked,
        )
        invitation_id = connection.invitations.add(invitation, call, self._calls.phones)
        body = {"participant": participant(person, False), "invitationId": invitation_id, **context_of(asked)}
        return answer(connection, body, status=202)

    def _cancel_add(self, connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
        invitation_id = required(document, "invitationId")
        asked = operation(document)
        connection.invitations.cancel(invitation_id, asked)
        return answer(connection, {"invitationId": invitation_id, **context_of(asked)}, status=202)

    def _remove(self, connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
        person = raw_id(document.get("participantToRemove"), "participantToRemove")
        asked = operation(document)
        party = call.find_party(person)
        if party is None:
            _say(connection, "RemoveParticipantFailed", _NOT_HERE, asked, participant=user_identifier(person))
        else:
            _say(connection, "RemoveParticipantSucceeded", Result(), asked, participant=user_identifier(person))
            call.remove(party)
        return answer(connection, context_of(asked), status=202)

    def _mute(self, connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
        targets = raw_ids(document, "targetParticipants")
        if len(targets) != 1:
            raise bad_argument("Exactly one participant can be muted at a time.")
        if not targets[0].startswith("8:acs:"):
            raise bad_argument("Only ACS users can be muted.")
        asked = operation(document)
        call.mute(present(call, targets[0]), True)
        return answer(connection, context_of(asked))

    def _move(self, connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
        people = raw_ids(document, "targetParticipants")
        if not 1 <= len(people) <= _MOST_MOVED:
            raise bad_argument("The field TargetParticipants is invalid.")
        from_call = required(document, "fromCall")
        asked = operation(document)
        _, origin = self._calls.find(from_call)
        if origin is call:
            raise bad_argument("The field FromCall is invalid.")
        for person in people:
            self._move_one(connection, origin, call, person, from_call, asked)
        body: dict[str, Any] = {
            "participants": [participant(person, False) for person in people],
            "fromCall": from_call,
            **context_of(asked),
        }
        return answer(connection, body, status=202)

    def _move_one(
        self,
        connection: CallConnection,
        origin: RoomCall,
        target: RoomCall,
        person: str,
        from_call: str,
        asked: Operation,
    ) -> None:
        leg: Leg | None = origin.find(person)
        known: dict[str, Any] = {"participant": user_identifier(person), "fromCall": from_call}
        if leg is None:
            _say(connection, "MoveParticipantFailed", _NOT_HERE, asked, **known)
            return
        self._calls.move(leg, origin, target)
        _say(connection, "MoveParticipantSucceeded", Result(), asked, **known)


def _say(connection: CallConnection, kind: str, result: Result, asked: Operation, **data: Any) -> None:
    connection.say(kind, result, asked.context, asked.callback_uri, **data)
