"""Registry of calls that all replicas share and that outlives a crash: who is in which call, what remains to be done.

Built on the atomic swap of `KeyValueStore`: a room has one record, a record has one owner, and a change succeeds only
for a replica that knows the record as it stands. An owner counts as alive while its lease is renewed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args

import msgspec

from bot.calls.state_machine import CallState
from storage.documents import Documents
from storage.health import StoreHealth
from storage.key_value import KeyValueStore
from webhooks.events import CallEvent, CallReport

LEASE_S = 5.0
"""Lifetime of a lease in seconds. A replica whose lease has expired is gone; with the next comparison of the others and
the steps of `media_recovery.py` its calls are heard again within ten seconds."""
BEAT_S = 1.5
"""Lease renewal interval in seconds. Two consecutive renewals may fail before the lease expires."""
OFF_BEAT_S = 0.013
"""Offset in seconds of recurring work from the 20 ms grid on which audio frames are sent."""
REMEMBERED_S = 24 * 3600.0
"""How long secrets, ended calls and pending work are kept, in seconds: Event Grid repeats its events for a day."""
LAST_EVENT = "last-event"
"""Key of when Event Grid delivered an event last, in seconds of the wall clock."""
OUTCOME_S = 30 * 24 * 3600.0
"""How long the outcome of a room's last call is kept, in seconds."""
Stored = TypeVar("Stored")
LANES_RECORDED = 32
"""Most lanes stored per call, some 6 kB. Lanes with a problem come first."""


class LaneSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """State of a lane for other replicas to report: nothing that changes with each utterance, and no words."""

    speaker: str
    """raw id"""
    source: str
    target: str
    state: str
    """`open`, `parked` or `refused`"""
    engine: str = ""
    """`translation`, `conversation`, `captions` or `passthrough`; empty while nothing serves it"""
    reason: str = ""
    """why it is not served as requested"""


class CallRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call of a room. Times in seconds of the wall clock."""

    room_id: str
    acs_room_id: str
    owner: str
    """replica id"""
    secret: str
    """part of the addresses ACS was given; grants access to the call"""
    request_id: str
    """repeatability id of the connect request: ACS answers a repeated request as it did the first"""
    name: str
    """prefix of every utterance id of the call"""
    since: float
    state: CallState = CallState.CONNECTING
    connection_id: str | None = None
    server_call_id: str | None = None
    """of the report on which we joined; None after an admin's start, until the call is reported"""
    present: tuple[str, ...] = ()
    """people in the call, by raw id"""
    was_heard: bool = False
    paused: bool = False
    reason: str | None = None
    """current step of the media recovery, or why not everything is interpreted as requested"""
    unclosed: tuple[str, ...] = ()
    """`name` under earlier owners whose open utterances have not been closed in the ledger yet"""
    lanes: tuple[LaneSummary, ...] = ()
    """at most `LANES_RECORDED`"""


class WantedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that a replica should join."""

    room_id: str
    server_call_id: str | None
    since: float
    attempts: int = 0
    """failed attempts so far"""
    retry_at: float = 0.0
    paused: bool = False
    """whether an admin had paused the interpreter in this call"""


class LastCall(msgspec.Struct, frozen=True, kw_only=True):
    """How a room's last call ended, or why it could not be joined."""

    state: str
    reason: str
    at: float
    connection_id: str | None = None


class LiveReplicas(msgspec.Struct, frozen=True):
    """Replicas that hold a lease, this one included."""

    replicas: frozenset[str]
    certain: bool
    """False for a while after the store lost leases: a replica without a lease may then be alive."""

    def gone(self, owner: str) -> bool:
        """Say whether the owner's calls may be taken over; calls without an owner always may."""
        return not owner or (self.certain and owner not in self.replicas)


class _EncodedEvent(msgspec.Struct, frozen=True):
    type: str
    """Key of `_EVENT_TYPES`."""
    event: dict[str, Any]


_EVENT_TYPES: Mapping[str, type[CallReport | CallEvent]] = {
    kind.__name__: kind for kind in (*get_args(CallReport), *get_args(CallEvent))
}
"""Every event that may be stored, by its tag; a stored tag selects from these alone."""


def encode_event(event: CallReport | CallEvent) -> bytes:
    """Encode an event as tagged JSON for the store or a message between replicas."""
    return msgspec.json.encode(_EncodedEvent(type(event).__name__, msgspec.to_builtins(event)))


def decode_event(stored: bytes) -> CallReport | CallEvent:
    """Decode what `encode_event` wrote.

    Raises:
        msgspec.DecodeError: anything else.
    """
    found = msgspec.json.decode(stored, type=_EncodedEvent)
    kind = _EVENT_TYPES.get(found.type)
    if kind is None:
        raise msgspec.ValidationError(f"unknown event type {found.type!r}")
    return msgspec.convert(found.event, kind)


def decode_report(stored: bytes) -> CallReport:
    """Decode an event of Event Grid.

    Raises:
        msgspec.DecodeError: anything else, events of Call Automation included.
    """
    event = decode_event(stored)
    if isinstance(event, CallReport):
        return event
    raise msgspec.ValidationError(f"{type(event).__name__} is no event of Event Grid")


class Registry:
    """Reads and writes the shared records. Every method may raise `StoreUnavailable`.

    A record that cannot be read, such as that of another version, is set aside: it does not exist for this replica.
    """

    def __init__(self, state: KeyValueStore, replica: str, health: StoreHealth | None = None) -> None:
        self._state = state
        self._health = health or StoreHealth()
        self._records = Documents("call", CallRecord, self._health)
        self._wanted = Documents("wanted call", WantedCall, self._health)
        self._outcomes = Documents("outcome", LastCall, self._health)
        self.replica = replica
        self._lease = f"replica:{replica}"
        self._leased = False
        self._retired = False
        self._doubt_until = float("-inf")

    # --- replicas --------------------------------------------------------------------------------

    async def beat(self) -> None:
        """Renew this replica's lease."""
        if self._retired:
            return
        held = await self._state.get(self._lease) is not None
        await self._state.put({self._lease: b"1"}, LEASE_S)
        self._doubt(held)
        self._leased = True

    async def retire(self) -> None:
        """Give up the lease: the remaining calls of this replica may be taken over at once."""
        self._retired = True
        await self._state.remove(self._lease)

    async def living(self) -> LiveReplicas:
        """Return the replicas whose lease holds; this replica always counts."""
        found = await self._state.find("replica:")
        self._doubt(self._lease in found)
        replicas = frozenset(key.removeprefix("replica:") for key in found) | {self.replica}
        return LiveReplicas(replicas, asyncio.get_running_loop().time() >= self._doubt_until)

    def _doubt(self, held: bool) -> None:
        """Doubt missing leases for a while if the store has lost ours: others need time to renew theirs."""
        if self._leased and not held and not self._retired:
            self._doubt_until = asyncio.get_running_loop().time() + LEASE_S

    # --- calls -----------------------------------------------------------------------------------

    async def claim(self, record: CallRecord) -> bool:
        """Store a new call; False if the room has one already."""
        await self._state.put({f"secret:{record.secret}": record.room_id.encode()}, REMEMBERED_S)
        key, document = f"call:{record.room_id}", self._records.encode(record)
        if await self._state.swap(key, None, document):
            return True
        stored = await self._state.get(key)
        if stored is None or self._records.decode(record.room_id, stored) is not None:
            return False
        await self._state.put({f"unreadable:{key}": stored}, OUTCOME_S)
        return await self._state.swap(key, stored, document)

    async def change(self, old: CallRecord, new: CallRecord) -> bool:
        """Replace `old` by `new`; False if the stored record is not `old` any more."""
        if new.secret != old.secret:
            await self._state.put({f"secret:{new.secret}": new.room_id.encode()}, REMEMBERED_S)
        return await self._state.swap(f"call:{new.room_id}", msgspec.json.encode(old), self._records.encode(new))

    async def release(self, record: CallRecord) -> bool:
        """Remove a call that has been left; its secret stays known for `REMEMBERED_S`."""
        return await self._state.swap(f"call:{record.room_id}", msgspec.json.encode(record), None)

    async def call(self, room_id: str) -> CallRecord | None:
        found = await self._state.get(f"call:{room_id}")
        return None if found is None else self._records.decode(room_id, found)

    async def calls(self) -> Sequence[CallRecord]:
        return await self._all("call:", self._records)

    async def _all(self, prefix: str, documents: Documents[Stored]) -> list[Stored]:
        stored = await self._state.find(prefix)
        found = (documents.decode(key.removeprefix(prefix), document) for key, document in stored.items())
        return [one for one in found if one is not None]

    async def by_secret(self, secret: str) -> CallRecord | None:
        room_id = await self._state.get(f"secret:{secret}")
        record = None if room_id is None else await self.call(room_id.decode())
        return record if record is not None and record.secret == secret else None

    async def knows_secret(self, secret: str) -> bool:
        """Say whether a current or past call has this secret."""
        return await self._state.get(f"secret:{secret}") is not None

    # --- calls to join, and calls that are over ----------------------------------------------

    async def want(self, wanted: WantedCall) -> None:
        await self._state.put({f"wanted:{wanted.room_id}": self._wanted.encode(wanted)}, REMEMBERED_S)

    async def wanted(self, room_id: str) -> WantedCall | None:
        found = await self._state.get(f"wanted:{room_id}")
        return None if found is None else self._wanted.decode(room_id, found)

    async def all_wanted(self) -> Sequence[WantedCall]:
        return await self._all("wanted:", self._wanted)

    async def unwant(self, room_id: str) -> None:
        await self._state.remove(f"wanted:{room_id}")

    async def over(self, server_call_id: str) -> None:
        """Mark a call as over: later reports of its start are ignored."""
        await self._state.put({f"over:{server_call_id}": b"1"}, REMEMBERED_S)

    async def is_over(self, server_call_id: str) -> bool:
        return await self._state.get(f"over:{server_call_id}") is not None

    async def note(self, room_id: str, outcome: LastCall) -> None:
        await self._state.put({f"outcome:{room_id}": self._outcomes.encode(outcome)}, OUTCOME_S)

    async def outcome(self, room_id: str) -> LastCall | None:
        found = await self._state.get(f"outcome:{room_id}")
        return None if found is None else self._outcomes.decode(room_id, found)

    async def forget_room(self, room_id: str) -> None:
        await self._state.remove(f"outcome:{room_id}", f"wanted:{room_id}")

    # --- connections without an owner --------------------------------------------------

    async def orphan(self, connection_id: str) -> None:
        """Remember a connection whose hang-up failed."""
        await self._state.put({f"orphan:{connection_id}": b"1"}, REMEMBERED_S)

    async def orphans(self) -> Sequence[str]:
        return [key.removeprefix("orphan:") for key in await self._state.find("orphan:")]

    async def forget_orphan(self, connection_id: str) -> None:
        await self._state.remove(f"orphan:{connection_id}")

    # --- events accepted and not handled yet ---------------------------------------------------------

    async def promise(self, event: CallReport) -> None:
        """Keep an accepted event until `done`; a successor finds it. The time of the last one is kept for a day."""
        key = f"event:{self.replica}:{event.event_id}"
        await self._state.put({key: encode_event(event), LAST_EVENT: str(time.time()).encode()}, REMEMBERED_S)

    async def done(self, event: CallReport) -> None:
        await self._state.remove(f"event:{self.replica}:{event.event_id}")

    async def left_undone(self, living: LiveReplicas) -> Sequence[CallReport]:
        """Take over the events that replicas accepted and did not handle before they were gone."""
        found: list[CallReport] = []
        for key, kept in (await self._state.find("event:")).items():
            owner = key.split(":", 2)[1]
            if not living.gone(owner):
                continue
            try:
                event = decode_report(kept)
            except (ValueError, RecursionError) as error:
                self._health.set_aside("event", key, type(error).__name__)
                continue
            if await self._state.swap(key, kept, None):
                await self.promise(event)
                found.append(event)
        return found

    # --- messages among replicas ---------------------------------------------------------------------------

    async def send(self, to: str, message: bytes) -> None:
        await self._state.push(f"to:{to}", message)

    async def receive(self, address: str, wait_s: float) -> bytes | None:
        return await self._state.pop(f"to:{address}", wait_s)
