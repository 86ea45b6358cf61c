"""The registry keeps the same promises in memory and on disk: one record per room, changed only by who knows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given

from bot.calls.replicas.registry import (
    LEASE_S,
    CallRecord,
    LastCall,
    LiveReplicas,
    Registry,
    WantedCall,
    decode_event,
    decode_report,
    encode_event,
)
from bot.calls.state_machine import CallState
from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from storage.key_value import KeyValueStore
from storage.sqlite import IN_MEMORY, SqliteDatabase
from storage.sqlite_key_value import SqliteKeyValue
from tests.support.hostile import anything_of
from tests.support.in_memory_stores import InMemoryKeyValue
from webhooks.events import CallConnected, CallEvent, CallReport, CallStarted, OtherCallEvent, ParticipantAdded

STARTED = CallStarted("event-1", "acs-1", "server-call-1")
RECORD = CallRecord(
    room_id="room-1", acs_room_id="acs-1", owner="us", secret="s3cret", request_id="request", name="name", since=1.5
)
"""What stands in it matters to nobody here."""


@pytest.fixture(params=["memory", "sqlite"])
async def state(request: pytest.FixtureRequest) -> AsyncIterator[KeyValueStore]:
    if request.param == "memory":
        yield InMemoryKeyValue(asyncio.get_running_loop().time)
        return
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        yield SqliteKeyValue(database)


@pytest.fixture
def registry(state: KeyValueStore) -> Registry:
    return Registry(state, "us")


async def test_a_room_has_one_call(state: KeyValueStore, registry: Registry) -> None:
    other = Registry(state, "others")
    assert await registry.call("room-1") is None
    assert await registry.claim(RECORD)
    assert not await other.claim(msgspec.structs.replace(RECORD, owner="others", secret="another"))
    assert await other.call("room-1") == RECORD
    assert await other.calls() == [RECORD]


async def test_a_record_is_changed_by_who_knows_it_as_it_is(registry: Registry) -> None:
    await registry.claim(RECORD)
    changed = msgspec.structs.replace(RECORD, state=CallState.STREAMING, present=("ada",), connection_id="connection-1")
    assert await registry.change(RECORD, changed)
    assert not await registry.change(RECORD, msgspec.structs.replace(RECORD, owner="others"))
    assert not await registry.release(RECORD)
    assert await registry.call("room-1") == changed
    assert await registry.release(changed)
    assert await registry.call("room-1") is None


async def test_of_many_who_claim_at_once_one_succeeds(state: KeyValueStore) -> None:
    records = [msgspec.structs.replace(RECORD, owner=f"replica-{n}", secret=f"secret-{n}") for n in range(8)]
    won = await asyncio.gather(*(Registry(state, record.owner).claim(record) for record in records))
    assert sum(won) == 1


async def test_a_secret_leads_to_its_call_and_is_known_when_that_is_over(registry: Registry) -> None:
    await registry.claim(RECORD)
    assert await registry.by_secret("s3cret") == RECORD
    moved = msgspec.structs.replace(RECORD, secret="new")
    await registry.change(RECORD, moved)
    assert await registry.by_secret("s3cret") is None
    assert await registry.by_secret("new") == moved
    await registry.release(moved)
    assert await registry.by_secret("new") is None
    assert await registry.knows_secret("new") and await registry.knows_secret("s3cret")
    assert not await registry.knows_secret("guessed")
    assert await registry.by_secret("guessed") is None


async def test_who_renews_the_lease_lives(state: KeyValueStore, registry: Registry) -> None:
    other = Registry(state, "others")
    assert (await registry.living()).replicas == {"us"}, "we do, whatever it says"
    await other.beat()
    await registry.beat()
    assert (await registry.living()).replicas == {"us", "others"}
    await other.retire()
    await other.beat()
    assert (await registry.living()).replicas == {"us"}, "who has retired does not come back"


async def test_a_store_that_has_lost_our_lease_may_have_lost_those_of_others(registry: Registry, state: Any) -> None:
    await registry.beat()
    assert (await registry.living()).certain
    await state.remove("replica:us")
    assert not (await registry.living()).certain
    await registry.beat()
    assert not (await registry.living()).certain, "the others get the time to renew theirs"


async def test_who_has_retired_doubts_nothing(registry: Registry) -> None:
    await registry.beat()
    await registry.retire()
    assert (await registry.living()).certain


def test_whose_calls_may_be_taken_over() -> None:
    living = LiveReplicas(frozenset({"us", "others"}), certain=True)
    assert [living.gone(owner) for owner in ("us", "others", "dead", "")] == [False, False, True, True]
    doubtful = LiveReplicas(frozenset({"us"}), certain=False)
    assert [doubtful.gone(owner) for owner in ("dead", "")] == [False, True]
    assert LEASE_S == 5.0


async def test_calls_that_are_wanted(registry: Registry) -> None:
    wanted = WantedCall(room_id="room-1", server_call_id="server-call-1", since=1.0, attempts=2, retry_at=3.0)
    assert await registry.wanted("room-1") is None
    await registry.want(wanted)
    assert await registry.wanted("room-1") == wanted
    assert await registry.all_wanted() == [wanted]
    await registry.unwant("room-1")
    assert await registry.all_wanted() == []


async def test_calls_that_are_over_and_how_they_ended(registry: Registry) -> None:
    outcome = LastCall(state="ended", reason="stopped", at=1.0, connection_id="connection-1")
    assert not await registry.is_over("server-call-1")
    await registry.over("server-call-1")
    assert await registry.is_over("server-call-1")
    assert await registry.outcome("room-1") is None
    await registry.note("room-1", outcome)
    await registry.want(WantedCall(room_id="room-1", server_call_id=None, since=1.0))
    assert await registry.outcome("room-1") == outcome
    await registry.forget_room("room-1")
    assert await registry.outcome("room-1") is None and await registry.wanted("room-1") is None


async def test_connections_left_behind(registry: Registry) -> None:
    await registry.orphan("connection-1")
    await registry.orphan("connection-1")
    assert await registry.orphans() == ["connection-1"]
    await registry.forget_orphan("connection-1")
    assert await registry.orphans() == []


async def test_what_was_promised_is_done_by_a_successor_and_by_one_alone(state: KeyValueStore) -> None:
    dead, us, others = (Registry(state, name) for name in ("dead", "us", "others"))
    living = LiveReplicas(frozenset({"us", "others"}), certain=True)
    await dead.promise(STARTED)
    await dead.promise(replace(STARTED, event_id="event-2"))
    await dead.done(replace(STARTED, event_id="event-2"))
    assert await us.left_undone(LiveReplicas(frozenset({"dead"}), certain=True)) == []
    found = await asyncio.gather(us.left_undone(living), others.left_undone(living))
    assert sorted(found, key=len) == [[], [STARTED]]
    assert await us.left_undone(living) == [], "it is ours now"
    await us.done(STARTED)
    await others.done(STARTED)
    assert await state.find("event:") == {}


async def test_messages_come_in_order_to_whom_they_are_for(registry: Registry) -> None:
    await registry.send("others", b"1")
    await registry.send("others", b"2")
    assert await registry.receive("us", 0.0) is None
    assert [await registry.receive("others", 0.0) for _ in range(3)] == [b"1", b"2", None]


SAMPLES: dict[str, Any] = {
    "str": "text",
    "str | None": None,
    "int": 7,
    "tuple[str, ...]": ("8:acs:ada", "4:+15551234567"),
}


@pytest.mark.parametrize("kind", [*get_args(CallReport), *get_args(CallEvent)])
def test_every_event_is_kept_as_it_is(kind: type[Any]) -> None:
    fields = {name: SAMPLES[found.type] for name, found in kind.__dataclass_fields__.items()}
    event = kind(**fields)
    assert decode_event(encode_event(event)) == event
    assert type(decode_event(encode_event(event))) is kind


def test_events_by_hand() -> None:
    common = ("event", "connection", 200, 0)
    for event in (
        STARTED,
        ParticipantAdded("event", None, "server"),
        CallConnected(*common),
        OtherCallEvent(*common, type="PlayStarted"),
    ):
        assert decode_event(encode_event(event)) == event


def test_an_event_of_call_automation_is_no_report() -> None:
    assert decode_report(encode_event(STARTED)) == STARTED
    stored = encode_event(CallConnected("event", "connection", 200, 0))
    with pytest.raises(msgspec.DecodeError, match="CallConnected is no event of Event Grid"):
        decode_report(stored)


def test_the_stored_form_is_kept() -> None:
    stored = b'{"type":"ParticipantRemoved","event":{"event_id":"e","room_id":null,"server_call_id":"s"}}'
    assert encode_event(decode_report(stored)) == stored


def test_fields_that_an_earlier_version_stored_are_skipped() -> None:
    stored = b'{"type":"CallStarted","event":{"event_id":"e","room_id":null,"server_call_id":"s",' + (
        b'"started_by":null,"time":"2026-11-20T09:30:00Z","correlation_id":"c"}}'
    )
    assert decode_report(stored) == CallStarted("e", None, "s")


@pytest.mark.parametrize(
    "kept",
    [
        b'{"type":"GridCallEvent","event":{}}',
        b"{",
        b'{"type":"Nothing","event":{}}',
        b'{"type":"CallStarted","event":{}}',
    ],
)
def test_what_is_no_event_is_refused(kept: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_event(kept)


# --- what cannot be read -----------------------------------------------------------------------------------------


async def test_a_record_of_another_version_hurts_no_other(state: KeyValueStore, registry: Registry) -> None:
    """Whatever was stored under its name, all other calls are found; it stays stored."""
    assert await registry.claim(RECORD)
    await registry.want(WantedCall(room_id="room-1", server_call_id=None, since=1.0))
    odd = {"call:room-2": b'{"since":"soon"}', "wanted:room-2": b"{", "outcome:room-2": b"\xff"}
    await state.put(odd)
    assert await registry.calls() == [RECORD]
    assert [one.room_id for one in await registry.all_wanted()] == ["room-1"]
    assert (await registry.call("room-2"), await registry.wanted("room-2")) == (None, None)
    assert await registry.outcome("room-2") is None
    assert {key: await state.get(key) for key in odd} == odd


async def test_a_room_whose_record_cannot_be_read_can_be_joined(state: KeyValueStore, registry: Registry) -> None:
    await state.put({"call:room-1": b"{"})
    assert await registry.claim(RECORD)
    assert await registry.call("room-1") == RECORD
    assert await state.get("unreadable:call:room-1") == b"{"


@pytest.mark.parametrize("kind", [*get_args(CallReport), *get_args(CallEvent)], ids=lambda kind: kind.__name__)
def test_whatever_event_is_stored_can_be_read(kind: type[Any]) -> None:
    @given(anything_of(kind))
    def write_and_read(event: Any) -> None:
        try:
            stored = encode_event(event)
        except ValueError:
            return  # no text, which no event from outside contains
        assert type(decode_event(stored)) is kind

    write_and_read()


async def test_an_event_that_cannot_be_read_stays_and_the_others_are_taken_over(
    state: KeyValueStore, registry: Registry
) -> None:
    await Registry(state, "gone").promise(STARTED)
    await state.put({"event:gone:0": b'{"type":"CallStarted","event":{}}', "event:gone:1": b"["})
    assert await registry.left_undone(LiveReplicas(frozenset({"us"}), True)) == [STARTED]
    assert await state.get("event:gone:1") == b"["
