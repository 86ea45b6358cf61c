"""What no event has told is found: the registry and ACS compared with what we are doing, row by row."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from bot.calls.acs_client import CallLook
from bot.calls.call import PlannedRoom
from bot.calls.reconciler import (
    ATTEMPTS,
    EMPTY_S,
    LOOK_S,
    RETRY_S,
    Reconciler,
)
from bot.calls.registry import CallRecord, LastCall, Registry, WantedCall
from bot.calls.state_machine import CallState, CallTrigger
from bot.errors import CallError
from storage.errors import StoreUnavailable
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.meeting import ADA, TWO_LANGUAGES
from tests.support.virtual_time import virtual_time
from webhooks.events import CallEnded, CallReport

RECORD = CallRecord(
    room_id="room-1", acs_room_id="acs-1", owner="us", secret="s3cret", request_id="request", name="name", since=0.0
)
WANTED = WantedCall(room_id="room-1", server_call_id="server-call-1", since=0.0)
OUTCOME = LastCall(state="ended", reason="stopped", at=1.0)


@dataclass
class FakeCall:
    """As much of a `call.Call` as is compared."""

    room: PlannedRoom = field(default_factory=lambda: PlannedRoom("room-1", "acs-1", TWO_LANGUAGES))
    connection_id: str | None = "connection-1"
    server_call_id: str | None = "server-call-1"
    record: CallRecord = RECORD
    state: CallState = CallState.STREAMING
    reason: str | None = None
    outcome: LastCall | None = None
    moved: bool = False
    wanted_again: bool = False
    was_heard: bool = False
    rejoin: bool = False
    next_server_call_id: str | None = None
    checked: int = 0
    told: list[Any] = field(default_factory=list)
    live: Any = field(default_factory=lambda: SimpleNamespace(over=False))

    async def check_owner(self) -> None:
        self.checked += 1

    def happen(self, happening: CallTrigger, reason: str) -> None:
        self.told.append((happening, reason))

    def disconnected(self) -> None:
        self.told.append("disconnected")

    def participants(self, raw_ids: frozenset[str]) -> None:
        self.told.append(raw_ids)


class FakeExchange:
    """A `reconciliation.Exchange` that writes down what it is asked for."""

    def __init__(self) -> None:
        self.accepting = True
        self.calls: list[Any] = []
        self.joining: set[str] = set()
        self.asked: list[Any] = []
        self.breaks: Exception | None = None

    def call_of(self, room_id: str) -> Any:
        return next((call for call in self.calls if call.room.room_id == room_id), None)

    def is_joining(self, room_id: str) -> bool:
        return room_id in self.joining

    def try_again(self) -> None:
        self.asked.append("try again")

    def take_up(self, event: CallReport) -> None:
        self.asked.append(event)

    async def retry(self, wanted: WantedCall) -> None:
        self.asked.append(wanted)

    async def adopt(self, record: CallRecord) -> None:
        if self.breaks is not None:
            raise self.breaks
        self.asked.append(record)


class FakeAcs:
    """What ACS says of every connection, or raises."""

    def __init__(self) -> None:
        self.says: CallLook | Exception | None = CallLook("connected", frozenset({ADA}))
        self.hang_ups: list[str] = []
        self.refuses: Exception | None = None

    async def look(self, call_connection_id: str) -> CallLook | None:
        await asyncio.sleep(0.01)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def hang_up(self, call_connection_id: str) -> None:
        self.hang_ups.append(call_connection_id)
        if self.refuses is not None:
            raise self.refuses


class World:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.exchange, self.acs = FakeExchange(), FakeAcs()
        self.state = InMemoryKeyValue(loop.time)
        self.registry = Registry(self.state, "us")
        calls: Any = self.acs
        self.reconciliation = Reconciler(self.exchange, self.registry, calls, loop.time)

    @property
    def asked(self) -> list[Any]:
        """Of the exchange, but for what every look begins with."""
        return [one for one in self.exchange.asked if one != "try again"]

    async def look(self) -> list[Any]:
        await self.reconciliation.look()
        return self.asked


# --- the registry -----------------------------------------------------------------------------------------


@virtual_time
async def test_what_a_replica_that_is_gone_has_left_is_taken_over() -> None:
    world = World()
    theirs = msgspec.structs.replace(RECORD, owner="others")
    await world.registry.claim(theirs)
    others = Registry(world.state, "others")
    await others.beat()
    assert await world.look() == []
    await others.retire()
    assert await world.look() == [theirs]
    assert world.exchange.asked[0] == "try again"


@virtual_time
async def test_an_event_promised_by_a_replica_that_is_gone_is_acted_on() -> None:
    world = World()
    event = CallEnded("event", "acs-1", "server-call-1", None, datetime(2026, 11, 20, tzinfo=UTC), "correlation", None)
    await Registry(world.state, "others").promise(event)
    assert await world.look() == [event]


@virtual_time
async def test_one_room_that_cannot_be_taken_over_does_not_keep_the_others_waiting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    await world.registry.claim(msgspec.structs.replace(RECORD, owner="others"))
    await world.registry.want(msgspec.structs.replace(WANTED, room_id="room-2"))
    world.exchange.breaks = RuntimeError("a bug of ours")
    assert [one.room_id for one in await world.look()] == ["room-2"]
    assert [record.getMessage() for record in caplog.records] == ["a call could not be compared"]
    world.exchange.breaks = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        await world.look()


@virtual_time
async def test_a_record_of_ours_without_a_call_is_cleared_away() -> None:
    world = World()
    await world.registry.claim(RECORD)
    world.exchange.joining.add("room-1")
    await world.look()
    assert await world.registry.calls() == [RECORD], "about to have a call"
    world.exchange.joining.clear()
    await world.look()
    assert await world.registry.calls() == []


@virtual_time
async def test_a_call_of_ours_that_the_register_has_as_anothers_or_not_at_all_is_looked_at() -> None:
    world, call, over = World(), FakeCall(), FakeCall(live=SimpleNamespace(over=True))
    for ours, looked_at in ((call, 1), (over, 0)):
        world.exchange.calls = [ours]
        await world.look()
        assert ours.checked == looked_at, "not in the registry"
    await world.registry.claim(msgspec.structs.replace(RECORD, owner="others"))
    for ours, looked_at in ((call, 2), (over, 0)):
        world.exchange.calls = [ours]
        await world.look()
        assert ours.checked == looked_at, "another's in the registry"


@virtual_time
async def test_a_call_that_is_as_it_is_written_down_is_let_be() -> None:
    world, call = World(), FakeCall()
    await world.registry.claim(RECORD)
    world.exchange.calls = [call]
    assert await world.look() == [] and call.checked == 0


@virtual_time
async def test_a_wanted_call_is_joined_when_it_is_due_and_nobody_is_in_it() -> None:
    world = World()
    now = asyncio.get_running_loop().time()
    due = msgspec.structs.replace(WANTED, retry_at=now + 5)
    await world.registry.want(due)
    assert await world.look() == []
    await asyncio.sleep(5)
    world.exchange.accepting = False
    assert await world.look() == []
    world.exchange.accepting = True
    await world.registry.claim(RECORD)
    world.exchange.calls = [FakeCall()]
    assert await world.look() == []
    await world.registry.release(RECORD)
    assert await world.look() == [due]


@virtual_time
async def test_a_call_that_cannot_be_joined_is_given_up_at_last(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    await world.registry.want(msgspec.structs.replace(WANTED, attempts=ATTEMPTS))
    assert await world.look() == []
    assert await world.registry.all_wanted() == []
    assert [record.getMessage() for record in caplog.records] == ["a call has been given up"]


@virtual_time
async def test_pauses_grow_and_the_last_is_repeated() -> None:
    world = World()
    pauses, wanted = [], WANTED
    for _ in range(len(RETRY_S) + 2):
        await world.reconciliation.try_later(wanted)
        (wanted,) = await world.registry.all_wanted()
        pauses.append(wanted.retry_at - asyncio.get_running_loop().time())
    assert pauses == pytest.approx([*RETRY_S, RETRY_S[-1], RETRY_S[-1]])


@virtual_time
async def test_it_looks_again_and_again_whatever_goes_wrong(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    errors = iter([StoreUnavailable("away"), StoreUnavailable("away"), RuntimeError("a bug of ours")])

    def try_again() -> None:
        world.exchange.asked.append("try again")
        error = next(errors, None)
        if error is not None:
            raise error

    world.exchange.try_again = try_again  # type: ignore[method-assign]  # it breaks as often as told
    running = asyncio.create_task(world.reconciliation.run())
    await asyncio.sleep(5 * LOOK_S)
    running.cancel()
    await asyncio.wait([running])
    assert len(world.exchange.asked) == 5
    messages = ["reconciliation waits: the store is away", "reconciliation failed"]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == messages


# --- how a call ended -----------------------------------------------------------------------------------------


async def settled(call: FakeCall, wanted: WantedCall | None = WANTED) -> tuple[World, WantedCall | None, bool]:
    """What is wanted after that, and whether the call is known as over."""
    world = World()
    await world.registry.claim(call.record)
    if wanted is not None:
        await world.registry.want(wanted)
    ended: Any = call
    await world.reconciliation.settle(ended)
    return world, await world.registry.wanted("room-1"), await world.registry.is_over("server-call-1")


@virtual_time
async def test_a_call_that_was_left_on_purpose_is_over_and_forgotten() -> None:
    world, wanted, over = await settled(FakeCall(reason="stopped", outcome=OUTCOME))
    assert (wanted, over) == (None, True)
    assert await world.registry.calls() == []
    assert await world.registry.outcome("room-1") == OUTCOME


@pytest.mark.parametrize("call", [FakeCall(reason="everybody_left"), FakeCall(reason="stopped", rejoin=True)])
def test_a_call_in_which_we_may_be_wanted_again_is_not_over(call: FakeCall) -> None:
    @virtual_time
    async def script() -> None:
        _, wanted, over = await settled(call)
        assert (wanted, over) == (None, False)

    script()


@virtual_time
async def test_a_call_that_moved_is_anothers_to_settle() -> None:
    world, wanted, over = await settled(FakeCall(reason="moved", moved=True))
    assert (wanted, over) == (WANTED, False)
    assert await world.registry.calls() == [RECORD]


@virtual_time
async def test_what_a_service_that_stops_leaves_is_left_to_whoever_comes_next() -> None:
    _, wanted, over = await settled(FakeCall(reason="service_stopping"))
    assert (wanted, over) == (WANTED, False)


@virtual_time
async def test_nothing_is_known_of_a_room_that_is_deleted() -> None:
    world, wanted, _ = await settled(FakeCall(reason="room_deleted", outcome=OUTCOME, server_call_id=None))
    assert wanted is None and await world.registry.outcome("room-1") is None


@pytest.mark.parametrize(
    ("call", "attempts"),
    [
        (FakeCall(reason="no_media", wanted_again=True), 5),
        (FakeCall(reason="media_lost", wanted_again=True, was_heard=True, state=CallState.LIVE), 1),
        (FakeCall(reason="media_lost", wanted_again=True, rejoin=True, next_server_call_id="server-call-1"), 5),
    ],
)
def test_a_lost_call_is_tried_again_and_one_that_was_heard_from_the_beginning(call: FakeCall, attempts: int) -> None:
    @virtual_time
    async def script() -> None:
        _, wanted, over = await settled(call, msgspec.structs.replace(WANTED, server_call_id=None, attempts=4))
        assert wanted is not None and not over
        assert (wanted.attempts, wanted.server_call_id) == (attempts, "server-call-1")
        assert not call.rejoin, "after a pause, not at once"

    script()


@virtual_time
async def test_a_lost_call_that_the_store_has_forgotten_is_tried_again() -> None:
    _, wanted, _ = await settled(FakeCall(reason="no_media", wanted_again=True), wanted=None)
    assert wanted is not None and wanted.attempts == 1


# --- ACS ------------------------------------------------------------------------------------------------------


@virtual_time
async def test_what_acs_says_of_a_call_is_told_to_it() -> None:
    world, call = World(), FakeCall()
    world.exchange.calls = [
        call,
        FakeCall(connection_id=None),
        FakeCall(live=SimpleNamespace(over=True)),
    ]
    await world.reconciliation.ask_acs()
    assert [one.told for one in world.exchange.calls] == [[frozenset({ADA})], [], []]
    world.acs.says = None
    await world.reconciliation.ask_acs()
    assert call.told[1:] == ["disconnected"]


@virtual_time
async def test_acs_that_cannot_say_changes_nothing() -> None:
    world, call = World(), FakeCall()
    world.exchange.calls = [call]
    world.acs.says = CallError("acs_500", "", retryable=True)
    await world.reconciliation.ask_acs()
    assert call.told == []


@pytest.mark.parametrize("change", ["another connection", "over", "not yet", "none any more"])
def test_an_answer_about_what_is_no_more_is_ignored(change: str) -> None:
    @virtual_time
    async def script() -> None:
        world, call = World(), FakeCall()
        world.exchange.calls = [call]
        world.acs.says = None
        asking = asyncio.create_task(world.reconciliation.ask_acs())
        await asyncio.sleep(0 if change == "not yet" else 0.005)
        if change == "over":
            call.live.over = True
        else:
            call.connection_id = "connection-2" if change == "another connection" else None
        await asking
        assert call.told == []

    script()


@virtual_time
async def test_an_interpreter_alone_for_too_long_leaves_and_one_with_people_does_not() -> None:
    world, call = World(), FakeCall()
    world.exchange.calls = [call]
    alone = CallLook("connected", frozenset({"28:us"}))
    for says, wait_s in ((alone, EMPTY_S - 1), (CallLook("connected", frozenset({ADA})), 1), (alone, EMPTY_S - 1)):
        world.acs.says = says
        await world.reconciliation.ask_acs()
        await asyncio.sleep(wait_s)
    await world.reconciliation.ask_acs()
    assert (CallTrigger.EVERYBODY_LEFT, "nobody_came") not in call.told
    await asyncio.sleep(1)
    await world.reconciliation.ask_acs()
    assert call.told[-1] == (CallTrigger.EVERYBODY_LEFT, "nobody_came")


@pytest.mark.parametrize("refusal", [CallError("timeout", "", retryable=True), RuntimeError("a bug of ours")])
def test_a_hang_up_that_fails_is_tried_again_until_it_succeeds(
    refusal: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    @virtual_time
    async def script() -> None:
        world = World()
        world.acs.refuses = refusal
        await world.reconciliation.hang_up("connection-1")
        assert await world.registry.orphans() == ["connection-1"]
        await world.reconciliation.ask_acs()
        world.acs.refuses = None
        await world.reconciliation.ask_acs()
        await world.reconciliation.ask_acs()
        assert world.acs.hang_ups == ["connection-1"] * 3
        assert await world.registry.orphans() == []

    script()
    assert {record.getMessage() for record in caplog.records} == {"hang-up failed"}


@pytest.mark.parametrize("refusal", [None, CallError("timeout", "", retryable=False)])
def test_a_late_hang_up_while_the_store_is_away_troubles_nobody(
    refusal: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The regression: it ran in the switchboard's own group, and would have ended that."""

    async def away(connection_id: str) -> None:
        raise StoreUnavailable("away")

    @virtual_time
    async def script() -> None:
        world = World()
        world.acs.refuses = refusal
        monkeypatch.setattr(world.registry, "orphan", away)
        monkeypatch.setattr(world.registry, "forget_orphan", away)
        await world.reconciliation.hang_up("connection-1")
        assert world.acs.hang_ups == ["connection-1"]

    script()
