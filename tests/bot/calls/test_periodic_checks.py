"""The checks run at intervals whatever fails, ask ACS about every call, and hand in what they find."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from bot.calls.acs_client import CallLook
from bot.calls.environment import PlannedRoom, hang_up_orphan
from bot.calls.periodic_checks import REGISTRY_CHECK_S, PeriodicChecks
from bot.calls.replicas.reconciler import CheckOwner, Join, RemoveRecord, ReportGone, TakeOver, UpdateParticipants
from bot.calls.replicas.registry import CallRecord, Registry, WantedCall
from bot.errors import CallError
from storage.errors import StoreUnavailable
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.meeting import ADA, TWO_LANGUAGES
from tests.support.virtual_time import virtual_time
from webhooks.events import CallEnded, CallReport

RECORD = CallRecord(
    room_id="room-1", acs_room_id="acs-1", owner="us", secret="s3cret", request_id="request", name="name", since=0.0
)


@dataclass
class FakeCall:
    """As much of a `call.Call` as is compared."""

    room: PlannedRoom = field(default_factory=lambda: PlannedRoom("room-1", "acs-1", TWO_LANGUAGES))
    connection: Any = field(default_factory=lambda: SimpleNamespace(id="connection-1"))
    moved: bool = False
    live: Any = field(default_factory=lambda: SimpleNamespace(over=False))


class FakeCalls:
    """As much of `ActiveCalls` as is compared."""

    def __init__(self) -> None:
        self.all: list[FakeCall] = []
        self.joining: set[str] = set()
        self.accepting = True

    def is_joining(self, room_id: str) -> bool:
        return room_id in self.joining


class FakeDispatcher:
    """Writes down what it is handed."""

    def __init__(self) -> None:
        self.handed: list[Any] = []
        self.retries = 0

    def retry_failed_events(self) -> None:
        self.retries += 1

    def take_up(self, event: CallReport) -> None:
        self.handed.append(event)

    async def correct(self, correction: Any) -> None:
        self.handed.append(correction)


class FakeAcs:
    """What ACS says of every connection, or raises."""

    def __init__(self) -> None:
        self.says: CallLook | Exception | None = CallLook("connected", frozenset({ADA}))
        self.asked = 0
        self.hang_ups: list[str] = []
        self.refuses: Exception | None = None

    async def look(self, call_connection_id: str) -> CallLook | None:
        self.asked += 1
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
        self.dispatcher, self.calls, self.acs = FakeDispatcher(), FakeCalls(), FakeAcs()
        self.state = InMemoryKeyValue(loop.time)
        self.registry = Registry(self.state, "us")
        dispatcher: Any = self.dispatcher
        calls: Any = self.calls
        acs: Any = self.acs
        self.checks = PeriodicChecks(dispatcher, calls, self.registry, acs, loop.time)
        self.checks.correct = self.dispatcher.correct  # type: ignore[method-assign]  # what is said, not what is done

    async def registry_checked(self) -> list[Any]:
        self.dispatcher.handed.clear()
        await self.checks.check_registry()
        return list(self.dispatcher.handed)

    async def acs_checked(self) -> list[Any]:
        self.dispatcher.handed.clear()
        await self.checks.check_acs()
        return list(self.dispatcher.handed)


@virtual_time
async def test_a_call_of_a_replica_that_is_gone_is_taken_over() -> None:
    world = World()
    theirs = msgspec.structs.replace(RECORD, owner="others")
    await world.registry.claim(theirs)
    others = Registry(world.state, "others")
    await others.beat()
    assert await world.registry_checked() == []
    await others.retire()
    assert await world.registry_checked() == [TakeOver(theirs)]
    assert world.dispatcher.retries == 2


@virtual_time
async def test_an_event_accepted_by_a_replica_that_is_gone_is_handled() -> None:
    world = World()
    event = CallEnded("event", "acs-1", "server-call-1")
    await Registry(world.state, "others").promise(event)
    assert await world.registry_checked() == [event]


@virtual_time
async def test_own_calls_are_compared_as_they_are() -> None:
    world, call = World(), FakeCall()
    await world.registry.claim(RECORD)
    world.calls.joining.add("room-1")
    assert await world.registry_checked() == []
    world.calls.joining.clear()
    assert await world.registry_checked() == [RemoveRecord(RECORD)]
    world.calls.all = [call]
    assert await world.registry_checked() == []
    await world.registry.release(RECORD)
    assert await world.registry_checked() == [CheckOwner("room-1")]
    call.live.over = True
    assert await world.registry_checked() == []
    call.live.over, call.moved = False, True
    assert await world.registry_checked() == [], "another's"


@virtual_time
async def test_a_wanted_call_is_joined_unless_the_service_is_stopping() -> None:
    world = World()
    wanted = WantedCall(room_id="room-1", server_call_id="server-call-1", since=0.0)
    await world.registry.want(wanted)
    assert await world.registry_checked() == [Join(wanted)]
    world.calls.accepting = False
    assert await world.registry_checked() == []


@virtual_time
async def test_checks_go_on_whatever_goes_wrong(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    errors = iter([StoreUnavailable("away"), StoreUnavailable("away"), RuntimeError("a bug of ours")])
    count = 0

    def retry_failed_events() -> None:
        nonlocal count
        count += 1
        error = next(errors, None)
        if error is not None:
            raise error

    world.dispatcher.retry_failed_events = retry_failed_events  # type: ignore[method-assign]  # it breaks as often as told
    running = asyncio.create_task(world.checks.run())
    await asyncio.sleep(5 * REGISTRY_CHECK_S)
    running.cancel()
    await asyncio.wait([running])
    assert count == 5
    messages = ["reconciliation paused", "reconciliation failed"]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == messages


@virtual_time
async def test_what_acs_says_of_a_call_is_handed_in() -> None:
    world = World()
    world.calls.all = [
        FakeCall(),
        FakeCall(connection=SimpleNamespace(id=None)),
        FakeCall(live=SimpleNamespace(over=True)),
    ]
    assert await world.acs_checked() == [UpdateParticipants("room-1", frozenset({ADA}))]
    world.acs.says = None
    assert await world.acs_checked() == [ReportGone("room-1")]
    assert world.acs.asked == 2


@virtual_time
async def test_acs_that_cannot_say_changes_nothing() -> None:
    world = World()
    world.calls.all = [FakeCall()]
    world.acs.says = CallError("acs_500", "", retryable=True)
    assert await world.acs_checked() == []


@pytest.mark.parametrize("change", ["another connection", "over", "not yet", "none any more"])
def test_an_answer_about_a_connection_that_is_no_more_is_ignored(change: str) -> None:
    @virtual_time
    async def script() -> None:
        world, call = World(), FakeCall()
        world.calls.all = [call]
        world.acs.says = None
        asking = asyncio.create_task(world.acs_checked())
        await asyncio.sleep(0 if change == "not yet" else 0.005)
        if change == "over":
            call.live.over = True
        else:
            call.connection.id = "connection-2" if change == "another connection" else None
        assert await asking == []

    script()


@pytest.mark.parametrize("refusal", [CallError("timeout", "", retryable=True), RuntimeError("a bug of ours")])
def test_a_hang_up_that_fails_is_repeated_until_it_succeeds(
    refusal: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    @virtual_time
    async def script() -> None:
        world = World()
        world.acs.refuses = refusal
        control: Any = world.acs
        await hang_up_orphan(control, world.registry, "connection-1")
        assert await world.registry.orphans() == ["connection-1"]
        await world.acs_checked()
        world.acs.refuses = None
        await world.acs_checked()
        await world.acs_checked()
        assert world.acs.hang_ups == ["connection-1"] * 3
        assert await world.registry.orphans() == []

    script()
    assert {record.getMessage() for record in caplog.records} == {"hang-up failed"}
