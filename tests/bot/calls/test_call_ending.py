"""How a call that was left is recorded, when it is tried again, and how a failed hang-up is repeated."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from bot.calls.call import AfterCall, PlannedRoom, Rejoin, RetryLater
from bot.calls.call_ending import RETRY_S, hang_up_orphan, settle, try_later
from bot.calls.registry import CallRecord, LastCall, Registry, WantedCall
from bot.calls.state_machine import CallState
from bot.errors import CallError
from storage.errors import StoreUnavailable
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.meeting import TWO_LANGUAGES
from tests.support.virtual_time import virtual_time

RECORD = CallRecord(
    room_id="room-1", acs_room_id="acs-1", owner="us", secret="s3cret", request_id="request", name="name", since=0.0
)
WANTED = WantedCall(room_id="room-1", server_call_id="server-call-1", since=0.0)
OUTCOME = LastCall(state="ended", reason="stopped", at=1.0)


@dataclass
class LeftCall:
    """As much of a `call.Call` as is recorded."""

    reason: str
    following: AfterCall = None
    server_call_id: str | None = "server-call-1"
    state: CallState = CallState.STREAMING
    outcome: LastCall | None = None
    moved: bool = False
    was_heard: bool = False
    record: CallRecord = RECORD
    room: PlannedRoom = field(default_factory=lambda: PlannedRoom("room-1", "acs-1", TWO_LANGUAGES))


class FakeAcs:
    """Hangs up, or raises."""

    def __init__(self, refuses: Exception | None = None) -> None:
        self.hang_ups: list[str] = []
        self.refuses = refuses

    async def hang_up(self, call_connection_id: str) -> None:
        self.hang_ups.append(call_connection_id)
        if self.refuses is not None:
            raise self.refuses


def new_registry() -> Registry:
    return Registry(InMemoryKeyValue(asyncio.get_running_loop().time), "us")


async def settled(call: LeftCall, wanted: WantedCall | None = WANTED) -> tuple[Registry, WantedCall | None, bool]:
    """Settle a call; return what is wanted after that, and whether the call is known as over."""
    registry = new_registry()
    await registry.claim(call.record)
    if wanted is not None:
        await registry.want(wanted)
    ended: Any = call
    await settle(ended, registry, 100.0)
    return registry, await registry.wanted("room-1"), await registry.is_over("server-call-1")


@virtual_time
async def test_pauses_grow_and_the_last_is_repeated() -> None:
    registry = new_registry()
    pauses, wanted = [], WANTED
    for _ in range(len(RETRY_S) + 2):
        await try_later(registry, wanted, 100.0)
        (wanted,) = await registry.all_wanted()
        pauses.append(wanted.retry_at - 100.0)
    assert pauses == pytest.approx([*RETRY_S, RETRY_S[-1], RETRY_S[-1]])


@virtual_time
async def test_a_call_that_was_left_on_purpose_is_over_and_forgotten() -> None:
    registry, wanted, over = await settled(LeftCall("stopped", outcome=OUTCOME))
    assert (wanted, over) == (None, True)
    assert await registry.calls() == []
    assert await registry.outcome("room-1") == OUTCOME


@pytest.mark.parametrize("call", [LeftCall("everybody_left"), LeftCall("stopped", Rejoin(None))])
def test_a_call_that_may_be_joined_again_is_not_over(call: LeftCall) -> None:
    @virtual_time
    async def script() -> None:
        _, wanted, over = await settled(call)
        assert (wanted, over) == (None, False)

    script()


@virtual_time
async def test_a_call_that_is_left_for_another_is_over() -> None:
    _, wanted, over = await settled(LeftCall("disconnected", Rejoin("server-call-2")))
    assert (wanted, over) == (None, True)


@virtual_time
async def test_a_call_that_moved_is_settled_by_its_new_owner() -> None:
    registry, wanted, over = await settled(LeftCall("moved", moved=True))
    assert (wanted, over) == (WANTED, False)
    assert await registry.calls() == [RECORD]


@virtual_time
async def test_calls_of_a_service_that_stops_stay_wanted() -> None:
    _, wanted, over = await settled(LeftCall("service_stopping"))
    assert (wanted, over) == (WANTED, False)


@virtual_time
async def test_nothing_is_known_of_a_room_that_is_deleted() -> None:
    registry, wanted, _ = await settled(LeftCall("room_deleted", outcome=OUTCOME, server_call_id=None))
    assert wanted is None and await registry.outcome("room-1") is None


@pytest.mark.parametrize(
    ("call", "attempts"),
    [
        (LeftCall("no_media", RetryLater()), 5),
        (LeftCall("media_lost", RetryLater(), was_heard=True, state=CallState.LIVE), 1),
    ],
)
def test_a_lost_call_is_tried_again_and_one_that_was_heard_from_the_beginning(call: LeftCall, attempts: int) -> None:
    @virtual_time
    async def script() -> None:
        _, wanted, over = await settled(call, msgspec.structs.replace(WANTED, server_call_id=None, attempts=4))
        assert wanted is not None and not over
        assert (wanted.attempts, wanted.server_call_id) == (attempts, "server-call-1")

    script()


@virtual_time
async def test_a_lost_call_that_has_ended_is_not_tried_again() -> None:
    registry = new_registry()
    await registry.want(WANTED)
    await registry.over("server-call-1")
    ended: Any = LeftCall("media_lost", RetryLater())
    await settle(ended, registry, 100.0)
    assert await registry.all_wanted() == []


@virtual_time
async def test_a_lost_call_that_the_store_has_forgotten_is_tried_again() -> None:
    _, wanted, _ = await settled(LeftCall("no_media", RetryLater()), wanted=None)
    assert wanted is not None and wanted.attempts == 1


@pytest.mark.parametrize("refusal", [None, CallError("timeout", "", retryable=False)])
def test_a_late_hang_up_while_the_store_is_away_troubles_nobody(
    refusal: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The regression: it ran in the dispatcher's own group, and would have ended that."""

    async def away(connection_id: str) -> None:
        raise StoreUnavailable("away")

    @virtual_time
    async def script() -> None:
        registry, acs = new_registry(), FakeAcs(refusal)
        monkeypatch.setattr(registry, "orphan", away)
        monkeypatch.setattr(registry, "forget_orphan", away)
        control: Any = acs
        await hang_up_orphan(control, registry, "connection-1")
        assert acs.hang_ups == ["connection-1"]

    script()
