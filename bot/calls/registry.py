"""Which calls we are in, which of us is in each, what is still to be done: what all replicas know and a crash leaves.

Built on SharedState's atomic swap: a room has one record, a record one owner, and whoever changes it must know it as it
is. An owner counts as alive while its lease is renewed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from bot.calls.state_machine import CallState
from storage.key_value import KeyValueStore
from webhooks import events as webhook_events
from webhooks.events import CallEvent, CallReport

LEASE_S = 5.0
"""A replica that has not renewed its lease for so long is gone: with the next look of the others, and the steps of
`recovery.py`, its calls are heard again within ten seconds."""
BEAT_S = 1.5
"""Between two renewals: two may fail."""
OFF_BEAT_S = 0.013
"""By how much what recurs here is set off from the grid of 20 ms on which all audio moves."""
REMEMBERED_S = 24 * 3600.0
"""Event Grid repeats for a day; what has ended or been left is known for as long."""
OUTCOME_S = 30 * 24 * 3600.0


LANES_RECORDED = 32
"""Of a call: some 6 kB. Those that are not as they should be first."""


class LaneSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One lane of a call, as other replicas can tell of it: nothing that changes with each utterance, and no words."""

    speaker: str
    """raw id"""
    source: str
    target: str
    state: str
    """`open`, `parked` or `refused`"""
    engine: str = ""
    """`translation`, `conversation`, `captions` or `passthrough`; empty while nothing serves it"""
    reason: str = ""
    """why it is not served as it was asked for"""


class CallRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call of a room. Times in seconds of the wall clock."""

    room_id: str
    acs_room_id: str
    owner: str
    """replica id"""
    secret: str
    """of the addresses ACS was given"""
    request_id: str
    """repeatability id of the connect request: asked again with it, ACS gives the same answer"""
    name: str
    """begins every utterance id of the call"""
    since: float
    state: CallState = CallState.CONNECTING
    connection_id: str | None = None
    server_call_id: str | None = None
    """of the report that made us join; None when an admin did, until the call is reported"""
    present: tuple[str, ...] = ()
    """people in the call, by raw id"""
    was_heard: bool = False
    paused: bool = False
    reason: str | None = None
    """what is being done to win the media stream back"""
    unclosed: tuple[str, ...] = ()
    """names the call had with owners that are gone, whose open utterances have not been given their end yet"""
    lanes: tuple[LaneSummary, ...] = ()
    """`LANES_RECORDED` at most"""


class WantedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that we should be in."""

    room_id: str
    server_call_id: str | None
    since: float
    attempts: int = 0
    """that failed"""
    retry_at: float = 0.0


class LastCall(msgspec.Struct, frozen=True, kw_only=True):
    """How a room's last call ended, or why there is none."""

    state: str
    reason: str
    at: float
    connection_id: str | None = None


class LiveReplicas(msgspec.Struct, frozen=True):
    """Who holds a lease, ourselves included."""

    replicas: frozenset[str]
    certain: bool
    """The store has not just lost leases, ours among them: who holds none is gone."""

    def gone(self, owner: str) -> bool:
        """Whether the calls of this one may be taken over; those of nobody may."""
        return not owner or (self.certain and owner not in self.replicas)


class _EncodedEvent(msgspec.Struct, frozen=True):
    type: str
    event: dict[str, Any]


def encode_event(event: CallReport | CallEvent) -> bytes:
    return msgspec.json.encode(_EncodedEvent(type(event).__name__, msgspec.to_builtins(event)))


def decode_event(kept: bytes) -> Any:
    """The event, as it was.

    Raises:
        msgspec.ValidationError: not written by `encode_event`.
    """
    found = msgspec.json.decode(kept, type=_EncodedEvent)
    known = getattr(webhook_events, found.type, None)
    if known is None:
        raise msgspec.ValidationError(f"no event is called {found.type}")
    return msgspec.convert(found.event, known)


_record = msgspec.json.Decoder(CallRecord)
_wanted = msgspec.json.Decoder(WantedCall)
_outcome = msgspec.json.Decoder(LastCall)


class Registry:
    """Errors of the store leave as `StoreUnavailable`."""

    def __init__(self, state: KeyValueStore, replica: str) -> None:
        self._state = state
        self.replica = replica
        self._lease = f"replica:{replica}"
        self._leased = False
        self._retired = False
        self._doubt_until = float("-inf")

    # --- replicas --------------------------------------------------------------------------------

    async def beat(self) -> None:
        """Renew our lease."""
        if self._retired:
            return
        held = await self._state.get(self._lease) is not None
        await self._state.put({self._lease: b"1"}, LEASE_S)
        self._doubt(held)
        self._leased = True

    async def retire(self) -> None:
        """Give the lease back: what is left of ours may be taken over at once."""
        self._retired = True
        await self._state.remove(self._lease)

    async def living(self) -> LiveReplicas:
        """Whose lease holds; ours does, whatever the store says."""
        found = await self._state.find("replica:")
        self._doubt(self._lease in found)
        replicas = frozenset(key.removeprefix("replica:") for key in found) | {self.replica}
        return LiveReplicas(replicas, asyncio.get_running_loop().time() >= self._doubt_until)

    def _doubt(self, held: bool) -> None:
        """A store that has been away, or was restarted, has lost our lease, and so those of others who live: they get
        the time to renew theirs."""
        if self._leased and not held and not self._retired:
            self._doubt_until = asyncio.get_running_loop().time() + LEASE_S

    # --- calls -----------------------------------------------------------------------------------

    async def claim(self, record: CallRecord) -> bool:
        """Enter a new call; False if the room has one."""
        await self._state.put({f"secret:{record.secret}": record.room_id.encode()}, REMEMBERED_S)
        return await self._state.swap(f"call:{record.room_id}", None, msgspec.json.encode(record))

    async def change(self, old: CallRecord, new: CallRecord) -> bool:
        """Put `new` in the place of `old`; False if the record is not `old` any more."""
        if new.secret != old.secret:
            await self._state.put({f"secret:{new.secret}": new.room_id.encode()}, REMEMBERED_S)
        return await self._state.swap(f"call:{new.room_id}", msgspec.json.encode(old), msgspec.json.encode(new))

    async def release(self, record: CallRecord) -> bool:
        """The call has been left; its secret is known for a while."""
        return await self._state.swap(f"call:{record.room_id}", msgspec.json.encode(record), None)

    async def call(self, room_id: str) -> CallRecord | None:
        found = await self._state.get(f"call:{room_id}")
        return None if found is None else _record.decode(found)

    async def calls(self) -> Sequence[CallRecord]:
        return [_record.decode(found) for found in (await self._state.find("call:")).values()]

    async def by_secret(self, secret: str) -> CallRecord | None:
        room_id = await self._state.get(f"secret:{secret}")
        record = None if room_id is None else await self.call(room_id.decode())
        return record if record is not None and record.secret == secret else None

    async def knows_secret(self, secret: str) -> bool:
        """Whether a call, present or past, was given this secret."""
        return await self._state.get(f"secret:{secret}") is not None

    # --- calls we should be in, and calls that are over ----------------------------------------------

    async def want(self, wanted: WantedCall) -> None:
        await self._state.put({f"wanted:{wanted.room_id}": msgspec.json.encode(wanted)}, REMEMBERED_S)

    async def wanted(self, room_id: str) -> WantedCall | None:
        found = await self._state.get(f"wanted:{room_id}")
        return None if found is None else _wanted.decode(found)

    async def all_wanted(self) -> Sequence[WantedCall]:
        return [_wanted.decode(found) for found in (await self._state.find("wanted:")).values()]

    async def unwant(self, room_id: str) -> None:
        await self._state.remove(f"wanted:{room_id}")

    async def over(self, server_call_id: str) -> None:
        """No report of this call's start is to be acted on any more."""
        await self._state.put({f"over:{server_call_id}": b"1"}, REMEMBERED_S)

    async def is_over(self, server_call_id: str) -> bool:
        return await self._state.get(f"over:{server_call_id}") is not None

    async def note(self, room_id: str, outcome: LastCall) -> None:
        await self._state.put({f"outcome:{room_id}": msgspec.json.encode(outcome)}, OUTCOME_S)

    async def outcome(self, room_id: str) -> LastCall | None:
        found = await self._state.get(f"outcome:{room_id}")
        return None if found is None else _outcome.decode(found)

    async def forget_room(self, room_id: str) -> None:
        await self._state.remove(f"outcome:{room_id}", f"wanted:{room_id}")

    # --- connections nobody is responsible for any more --------------------------------------------------

    async def orphan(self, connection_id: str) -> None:
        """A hang-up that failed: to be tried again."""
        await self._state.put({f"orphan:{connection_id}": b"1"}, REMEMBERED_S)

    async def orphans(self) -> Sequence[str]:
        return [key.removeprefix("orphan:") for key in await self._state.find("orphan:")]

    async def adopted(self, connection_id: str) -> None:
        await self._state.remove(f"orphan:{connection_id}")

    # --- events promised and not acted on yet ---------------------------------------------------------

    async def promise(self, event: CallReport) -> None:
        """Keep an event until `done`; a successor finds it."""
        await self._state.put({f"event:{self.replica}:{event.event_id}": encode_event(event)}, REMEMBERED_S)

    async def done(self, event: CallReport) -> None:
        await self._state.remove(f"event:{self.replica}:{event.event_id}")

    async def left_undone(self, living: LiveReplicas) -> Sequence[CallReport]:
        """Events promised by replicas that are gone, taken over by us: they are ours to do from now on."""
        found: list[CallReport] = []
        for key, kept in (await self._state.find("event:")).items():
            owner = key.split(":", 2)[1]
            if living.gone(owner) and await self._state.swap(key, kept, None):
                event = decode_event(kept)
                await self.promise(event)
                found.append(event)
        return found

    # --- messages among replicas ---------------------------------------------------------------------------

    async def send(self, to: str, message: bytes) -> None:
        await self._state.push(f"to:{to}", message)

    async def receive(self, address: str, wait_s: float) -> bytes | None:
        return await self._state.pop(f"to:{address}", wait_s)
