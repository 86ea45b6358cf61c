"""How the record of a call is written while it is on, and settled when it was left."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bot.calls.call_record import (
    RETRY_S,
    SAVE_RETRY_S,
    AfterCall,
    CallEnd,
    RecordKeeper,
    Rejoin,
    RetryLater,
    lane_summaries,
    new_record,
    settle,
    try_later,
)
from bot.calls.environment import PlannedRoom
from bot.calls.replicas.registry import CallRecord, LastCall, Registry, WantedCall
from bot.calls.state_machine import CallState, CallTrigger
from bot.interpreting.lane_status import LaneStatuses
from bot.interpreting.plan import Lane
from storage.errors import StoreUnavailable
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.meeting import TWO_LANGUAGES
from tests.support.virtual_time import virtual_time

RECORD = CallRecord(
    room_id="room-1", acs_room_id="acs-1", owner="us", secret="s3cret", request_id="request", name="name", since=0.0
)
WANTED = WantedCall(room_id="room-1", server_call_id="server-call-1", since=0.0)
OUTCOME = LastCall(state="ended", reason="stopped", at=1.0)


def left(reason: str, following: AfterCall = None, **more: Any) -> CallEnd:
    known = {"record": RECORD, "server_call_id": "server-call-1", **more}
    return CallEnd(reason=reason, following=following, **known)


def new_registry() -> Registry:
    return Registry(InMemoryKeyValue(asyncio.get_running_loop().time), "us")


async def settled(end: CallEnd, wanted: WantedCall | None = WANTED) -> tuple[Registry, WantedCall | None, bool]:
    """Settle a call; return what is wanted after that, and whether the call is known as over."""
    registry = new_registry()
    await registry.claim(end.record)
    if wanted is not None:
        await registry.want(wanted)
    await settle(end, registry, 100.0)
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
    registry, wanted, over = await settled(left("stopped", outcome=OUTCOME))
    assert (wanted, over) == (None, True)
    assert await registry.calls() == []
    assert await registry.outcome("room-1") == OUTCOME


@pytest.mark.parametrize(
    "end", [left("disconnected", RetryLater(), paused=True), left("service_stopping", paused=True)]
)
def test_a_call_that_goes_on_stays_paused(end: CallEnd) -> None:
    @virtual_time
    async def script() -> None:
        _, wanted, _ = await settled(end)
        assert wanted is not None and wanted.paused
        _, wanted, _ = await settled(replace(end, paused=False), msgspec.structs.replace(WANTED, paused=True))
        assert wanted is not None and not wanted.paused

    script()


@pytest.mark.parametrize("end", [left("everybody_left"), left("stopped", Rejoin(None))])
def test_a_call_that_may_be_joined_again_is_not_over(end: CallEnd) -> None:
    @virtual_time
    async def script() -> None:
        _, wanted, over = await settled(end)
        assert (wanted, over) == (None, False)

    script()


@virtual_time
async def test_a_call_that_is_left_for_another_is_over() -> None:
    _, wanted, over = await settled(left("disconnected", Rejoin("server-call-2")))
    assert (wanted, over) == (None, True)


@pytest.mark.parametrize("reason", ["service_stopping", "cancelled"])
def test_calls_of_a_service_that_stops_stay_wanted(reason: str) -> None:
    @virtual_time
    async def script() -> None:
        _, wanted, over = await settled(left(reason))
        assert (wanted, over) == (WANTED, False)

    script()


@virtual_time
async def test_nothing_is_known_of_a_room_that_is_deleted() -> None:
    registry, wanted, _ = await settled(left("room_deleted", outcome=OUTCOME, server_call_id=None))
    assert wanted is None and await registry.outcome("room-1") is None


@pytest.mark.parametrize(
    ("end", "attempts"),
    [
        (left("no_media", RetryLater()), 5),
        (left("media_lost", RetryLater(), healthy=True), 1),
    ],
)
def test_a_lost_call_is_tried_again_and_one_that_was_heard_from_the_beginning(end: CallEnd, attempts: int) -> None:
    @virtual_time
    async def script() -> None:
        _, wanted, over = await settled(end, msgspec.structs.replace(WANTED, server_call_id=None, attempts=4))
        assert wanted is not None and not over
        assert (wanted.attempts, wanted.server_call_id) == (attempts, "server-call-1")

    script()


@virtual_time
async def test_a_lost_call_that_has_ended_is_not_tried_again() -> None:
    registry = new_registry()
    await registry.want(WANTED)
    await registry.over("server-call-1")
    await settle(left("media_lost", RetryLater()), registry, 100.0)
    assert await registry.all_wanted() == []


@virtual_time
async def test_a_lost_call_that_the_store_has_forgotten_is_tried_again() -> None:
    _, wanted, _ = await settled(left("no_media", RetryLater()), wanted=None)
    assert wanted is not None and wanted.attempts == 1


# --- while the call is on --------------------------------------------------------------------------


class Kept:
    """A keeper of `RECORD` whose `state` the test changes."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.store = FailingStore(self.loop.time)
        self.registry = Registry(self.store, "us")
        self.state = RECORD.state
        self.happened: list[CallTrigger] = []
        self.keeper = RecordKeeper(self.registry, RECORD, current=self._current, happen=self._happen)

    def _current(self, record: CallRecord) -> CallRecord:
        return msgspec.structs.replace(record, state=self.state, server_call_id="server-call-1")

    def _happen(self, trigger: CallTrigger, reason: str) -> None:
        self.happened.append(trigger)

    async def stored(self) -> CallRecord | None:
        return await self.registry.call("room-1")


class FailingStore(InMemoryKeyValue):
    away = False

    async def get(self, key: str) -> bytes | None:
        if self.away:
            raise StoreUnavailable("away")
        return await super().get(key)

    async def swap(self, key: str, old: bytes | None, new: bytes | None, ttl_s: float | None = None) -> bool:
        if self.away:
            raise StoreUnavailable("away")
        return await super().swap(key, old, new, ttl_s)


@virtual_time
async def test_changes_are_written_as_soon_as_the_store_is_available() -> None:
    kept = Kept()
    await kept.registry.claim(RECORD)
    running = asyncio.create_task(kept.keeper.run())
    kept.store.away, kept.state = True, CallState.STREAMING
    kept.keeper.changed()
    await asyncio.sleep(3 * SAVE_RETRY_S)
    kept.store.away = False
    await asyncio.sleep(SAVE_RETRY_S)
    stored = await kept.stored()
    assert stored is not None and stored.state is CallState.STREAMING
    assert kept.keeper.record == stored
    running.cancel()
    await asyncio.wait([running])


@virtual_time
async def test_a_record_of_another_replica_is_not_overwritten() -> None:
    kept = Kept()
    theirs = msgspec.structs.replace(RECORD, owner="others")
    await kept.registry.claim(theirs)
    running = asyncio.create_task(kept.keeper.run())
    kept.state = CallState.STREAMING
    kept.keeper.changed()
    await asyncio.sleep(0.1)
    assert (await kept.stored(), kept.happened) == (theirs, [CallTrigger.MOVED])
    running.cancel()
    await asyncio.wait([running])


@virtual_time
async def test_nothing_is_written_for_a_call_that_has_moved() -> None:
    kept = Kept()
    await kept.registry.claim(RECORD)
    kept.keeper.owned, kept.state = False, CallState.STREAMING
    assert await kept.keeper.save()
    assert not await kept.keeper.give_away()
    assert not await kept.keeper.is_own()
    await kept.registry.release(RECORD)
    await kept.keeper.check_owner()
    assert kept.happened == [] and await kept.stored() is None


@pytest.mark.parametrize("over", [False, True])
def test_a_record_the_store_has_lost_is_stored_again_unless_the_call_is_over(over: bool) -> None:
    @virtual_time
    async def script() -> None:
        kept = Kept()
        if over:
            await kept.registry.over("server-call-1")
        await kept.keeper.check_owner()
        assert (await kept.stored() == RECORD) is not over
        assert kept.happened == ([CallTrigger.CALL_ENDED] if over else [])

    script()


@virtual_time
async def test_a_record_that_another_stores_first_is_left_alone() -> None:
    kept = Kept()

    async def claim(record: CallRecord) -> bool:
        return False

    kept.registry.claim = claim  # type: ignore[method-assign]  # another replica is faster
    await kept.keeper.check_owner()
    assert kept.happened == [] and await kept.stored() is None


@virtual_time
async def test_a_record_that_is_known_is_own_and_one_of_another_is_not() -> None:
    kept = Kept()
    await kept.registry.claim(RECORD)
    assert await kept.keeper.is_own() and kept.happened == []
    kept.store.away = True
    assert await kept.keeper.is_own(), "as far as is known"
    kept.store.away = False
    written = msgspec.structs.replace(RECORD, reason="odd")
    await kept.registry.change(RECORD, written)
    assert await kept.keeper.is_own()
    assert kept.keeper.record == written, "written although it was reported as failed"


@virtual_time
async def test_a_call_given_away_has_no_owner() -> None:
    kept = Kept()
    await kept.registry.claim(RECORD)
    assert await kept.keeper.give_away()
    stored = await kept.stored()
    assert stored is not None and (stored.owner, stored.state) == ("", CallState.INTERRUPTED)
    assert not kept.keeper.owned and kept.keeper.record == stored


@virtual_time
async def test_a_call_that_is_not_ours_cannot_be_given_away() -> None:
    kept = Kept()
    await kept.registry.claim(msgspec.structs.replace(RECORD, owner="others"))
    assert not await kept.keeper.give_away()
    assert kept.keeper.owned, "until it is known why"


def test_the_name_of_a_calls_utterances_says_nothing_of_its_secret() -> None:
    record = new_record(PlannedRoom("room-1", "acs-1", TWO_LANGUAGES), "us", None, 0.0)
    assert record.name not in record.secret


def test_lanes_with_a_problem_come_first_and_passed_through_voices_are_left_out() -> None:
    lanes = LaneStatuses()
    well, worse, passed = (Lane("8:acs:ada", "en-US", target) for target in ("es-ES", "fr-FR", "en-US"))
    for lane in (well, worse, passed):
        lanes.booth_opened(lane)
    lanes.served(worse, "captions", "no_voice")
    assert passed.passthrough
    assert [(one.target, one.reason, one.state) for one in lane_summaries(lanes)] == [
        ("fr-FR", "no_voice", "open"),
        ("es-ES", "", "open"),
    ]
