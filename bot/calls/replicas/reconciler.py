"""Compares what is with what should be, and says what to do about it. Finds what no event reported. Does no I/O.

this replica               the registry or ACS says            action
not in the call            the record's replica is gone        TakeOver
not in the call            the record is this replica's        RemoveRecord
in the call                the record is another's, or none    CheckOwner
not in the call            the call is wanted, no record       Join, after a while GiveUp
in the call                ACS does not know the connection    ReportGone
in the call                ACS lists the participants          UpdateParticipants
in the call                nobody of the roster for long       LeaveEmpty
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from bot.calls.acs_client import CallLook
from bot.calls.replicas.registry import CallRecord, LiveReplicas, WantedCall

EMPTY_S = 120.0
"""How long an interpreter stays in a call without people, in seconds: an admin may have sent it ahead."""
ATTEMPTS = 15
"""Attempts to join a call, ten minutes; after that only an admin or another call leads to a new attempt."""


@dataclass(frozen=True, slots=True)
class TakeOver:
    record: CallRecord


@dataclass(frozen=True, slots=True)
class RemoveRecord:
    """The call was left while the store was unavailable."""

    record: CallRecord


@dataclass(frozen=True, slots=True)
class CheckOwner:
    """The call may have moved to another replica."""

    room_id: str


@dataclass(frozen=True, slots=True)
class Join:
    wanted: WantedCall


@dataclass(frozen=True, slots=True)
class GiveUp:
    wanted: WantedCall


@dataclass(frozen=True, slots=True)
class ReportGone:
    """ACS does not know the call's connection any more."""

    room_id: str


@dataclass(frozen=True, slots=True)
class UpdateParticipants:
    room_id: str
    participants: frozenset[str]
    """raw ids, bots included"""


@dataclass(frozen=True, slots=True)
class LeaveEmpty:
    """Nobody of the roster has been in the call for `EMPTY_S`."""

    room_id: str


Correction = TakeOver | RemoveRecord | CheckOwner | Join | GiveUp | ReportGone | UpdateParticipants | LeaveEmpty


@dataclass(frozen=True, slots=True)
class RegistryContents:
    """What all replicas share."""

    records: Sequence[CallRecord]
    wanted: Sequence[WantedCall]
    living: LiveReplicas


@dataclass(frozen=True, slots=True)
class OwnCalls:
    """Calls of this replica, by room id."""

    active: AbstractSet[str]
    ending: AbstractSet[str] = frozenset()
    """being left"""
    joining: AbstractSet[str] = frozenset()
    """about to be joined or taken over"""
    accepting: bool = True
    """whether new calls are joined"""


class Reconciler:
    """Compares; remembers only since when calls have been empty."""

    def __init__(self, replica: str) -> None:
        self._replica = replica
        self._empty_since: dict[str, float] = {}
        """By connection id, wall clock seconds."""

    def compare_with_registry(self, shared: RegistryContents, own: OwnCalls, now: float) -> list[Correction]:
        """Return what to do so that every wanted call has one interpreter. `now` is wall clock seconds."""
        found = [self._compare_record(record, shared.living, own) for record in shared.records]
        recorded = {record.room_id for record in shared.records}
        found += [CheckOwner(room_id) for room_id in sorted(own.active - recorded)]
        if own.accepting:
            found += [
                Join(wanted) if wanted.attempts < ATTEMPTS else GiveUp(wanted)
                for wanted in shared.wanted
                if wanted.room_id not in recorded and now >= wanted.retry_at
            ]
        return [correction for correction in found if correction is not None]

    def _compare_record(self, record: CallRecord, living: LiveReplicas, own: OwnCalls) -> Correction | None:
        is_own = record.owner == self._replica
        if record.room_id in own.active:
            return None if is_own else CheckOwner(record.room_id)
        if record.room_id in own.ending:
            return None
        if living.gone(record.owner):
            return TakeOver(record)
        return RemoveRecord(record) if is_own and record.room_id not in own.joining else None

    def compare_with_acs(
        self, room_id: str, connection_id: str, roster: AbstractSet[str], seen: CallLook | None, now: float
    ) -> list[Correction]:
        """Return what to do about one call of this replica.

        Args:
            roster: raw ids of the people invited to the room.
            seen: what ACS says of the connection; None if it does not know it.
            now: wall clock seconds.
        """
        if seen is None:
            self._empty_since.pop(connection_id, None)
            return [ReportGone(room_id)]
        found: list[Correction] = [UpdateParticipants(room_id, seen.participants)]
        if seen.participants & roster:
            self._empty_since.pop(connection_id, None)
        elif now - self._empty_since.setdefault(connection_id, now) >= EMPTY_S:
            found.append(LeaveEmpty(room_id))
        return found

    def forget_connections_except(self, connection_ids: AbstractSet[str]) -> None:
        """Drop what is remembered of connections that are no more."""
        for gone in self._empty_since.keys() - connection_ids:
            del self._empty_since[gone]
