"""Several replicas in virtual time: one store and one ACS between them, and each may freeze, die or lose the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from bot.calls.call_record import RETRY_S
from bot.calls.commands import CommandRefused
from bot.calls.replicas.mailbox import ANSWER_S, ReplicaMailbox, ReplicaMessage, ReplicaSilent
from bot.calls.replicas.registry import LEASE_S, CallRecord, Registry
from bot.calls.state_machine import CallState
from bot.errors import CallError
from bot.interpreting.events import BoothDegraded, Order, TextTyped
from bot.interpreting.glossary import GlossaryEntries
from bot.live_room.microphones import RoomMicrophone
from listeners.microphones import MicrophoneRefused
from rooms_admin.transcripts.records import LedgerRecord
from storage.errors import StoreUnavailable
from tests.support.audio import numbered
from tests.support.call_service import WEB_ROOM, FakeCalls, Kept, ServiceHarness, ended, report, roster, started
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.media_streams import FakeMediaStream, audio_json
from tests.support.meeting import ADA, ADA_INTO_SPANISH, BENITO, BENITO_INTO_ENGLISH, CHLOE, PEOPLE, TWO_LANGUAGES
from tests.support.virtual_time import virtual_time
from webhooks.events import CallConnected, CallDisconnected, MediaStreamingFailed, ParticipantsUpdated

HEARD_AGAIN_S = 10.0
ONE_WAY_S = 0.001


class Gate:
    """The way of one process to everything outside: open, shut as if the process stood still, or broken."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.broken = False

    @property
    def shut(self) -> bool:
        return not self._open.is_set()

    def freeze(self) -> None:
        self._open.clear()

    def thaw(self) -> None:
        self._open.set()

    async def passed(self) -> None:
        await asyncio.sleep(ONE_WAY_S)
        await self._open.wait()


class GatedState:
    """The shared store as one replica reaches it: each step takes time, so that others come between."""

    def __init__(self, state: InMemoryKeyValue, gate: Gate) -> None:
        self._state, self._gate = state, gate

    async def _passed(self) -> None:
        await self._gate.passed()
        if self._gate.broken:
            raise StoreUnavailable("away")

    async def get(self, key: str) -> bytes | None:
        await self._passed()
        return await self._state.get(key)

    async def put(self, values: Mapping[str, bytes], ttl_s: float | None = None) -> None:
        await self._passed()
        await self._state.put(values, ttl_s)

    async def swap(self, key: str, old: bytes | None, new: bytes | None, ttl_s: float | None = None) -> bool:
        await self._passed()
        done = await self._state.swap(key, old, new, ttl_s)
        await self._passed()
        return done

    async def remove(self, *keys: str) -> None:
        await self._passed()
        await self._state.remove(*keys)

    async def find(self, prefix: str) -> Mapping[str, bytes]:
        await self._passed()
        return await self._state.find(prefix)

    async def push(self, queue: str, item: bytes) -> None:
        await self._passed()
        await self._state.push(queue, item)

    async def pop(self, queue: str, wait_s: float) -> bytes | None:
        await self._passed()
        found = await self._state.pop(queue, wait_s)
        if self._gate.shut and found is not None:  # whoever stands still takes nothing
            await self._state.push(queue, found)
            await self._gate.passed()
            return None
        return found


class Acs(FakeCalls):
    """ACS for all: a request that is repeated gets the answer it had."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, int] = {}

    async def connect(
        self, acs_room_id: str, callback_url: str, media_url: str, context: str, request_id: str, *, mixed: bool = False
    ) -> str:
        self.request_ids.append(request_id)
        if request_id not in self.answers:
            self.connects.append({"room": acs_room_id, "media": media_url, "callback": callback_url})
            self.answers[request_id] = len(self.connects)
        await asyncio.sleep(self.connect_takes_s)
        return f"connection-{self.answers[request_id]}"


class GatedCalls(FakeCalls):
    """ACS as one replica reaches it."""

    def __init__(self, acs: Acs, gate: Gate) -> None:
        super().__init__()
        self._acs, self._gate = acs, gate
        self.connects = acs.connects

    async def _passed(self) -> None:
        await self._gate.passed()
        if self._gate.broken:
            raise CallError("gone", "", retryable=False)

    async def connect(self, *args: Any, **more: Any) -> str:
        await self._passed()
        answer = await self._acs.connect(*args, **more)
        await self._passed()
        return answer

    async def hang_up(self, call_connection_id: str) -> None:
        await self._passed()
        await self._acs.hang_up(call_connection_id)

    async def restart_streaming(self, call_connection_id: str) -> None:
        await self._passed()
        await self._acs.restart_streaming(call_connection_id)

    async def look(self, call_connection_id: str) -> Any:
        await self._passed()
        return await self._acs.look(call_connection_id)


class Books(Kept):
    """The archive as one replica reaches it; what is open when it dies is closed by another."""

    def __init__(self, all_of_them: Kept, gate: Gate) -> None:
        super().__init__()
        self.lines, self.passages, self.open = all_of_them.lines, all_of_them.passages, all_of_them.open
        self._gate = gate

    def opened(self, *entry: str) -> None:
        if not self._gate.shut:
            super().opened(*entry)

    def line(self, *entry: Any) -> None:
        if not self._gate.shut:
            super().line(*entry)

    def closed(self, room_id: str, passage: LedgerRecord) -> None:
        if not self._gate.shut:
            super().closed(room_id, passage)

    async def close_open(self, room_id: str, prefix: str, reason: str) -> int:
        if self._gate.broken:
            raise StoreUnavailable("away")
        left = [one for one in self.open if one[0] == room_id and one[1].startswith(prefix)]
        for _, utterance, target in left:
            self.closed(
                room_id, LedgerRecord(utterance, "", "", target, "abandoned", reason, 0, 0, None, None, 0, None)
            )
        return len(left)


class Replica(ServiceHarness):
    def __init__(self, name: str, cluster: Cluster) -> None:
        self.gate = Gate()
        super().__init__(
            replica=name,
            state=GatedState(cluster.state, self.gate),
            calls=GatedCalls(cluster.acs, self.gate),
            records=Books(cluster.records, self.gate),
        )

    def freeze(self) -> None:
        """As SIGSTOP: nothing is done, nothing ends. For the others that is what SIGKILL is, too."""
        self.gate.freeze()

    def thaw(self) -> None:
        self.gate.thaw()

    def loses_the_store(self) -> None:
        self.gate.broken = True

    def has_the_store_again(self) -> None:
        self.gate.broken = False


class Cluster:
    """Replicas `a`, `b` and `c`."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.state = InMemoryKeyValue(self.loop.time)
        self.acs = Acs()
        self.records = Kept()
        self.a, self.b, self.c = (Replica(name, self) for name in "abc")

    @property
    def all(self) -> list[Replica]:
        return [self.a, self.b, self.c]

    def record(self, room: int = 1) -> CallRecord | None:
        registry = Registry(self.state, "nobody")
        coroutine = registry.call(f"room-{room}")
        try:
            coroutine.send(None)
        except StopIteration as done:
            found: CallRecord | None = done.value
            return found
        raise AssertionError("the store in memory does not wait")

    def owner(self, room: int = 1) -> str | None:
        record = self.record(room)
        return None if record is None else record.owner

    async def until(self, what: str, good: Any, limit_s: float = 30.0) -> float:
        """Seconds until something was so."""
        began = self.loop.time()
        while not good():
            assert self.loop.time() - began < limit_s, what
            await asyncio.sleep(0.05)
        return self.loop.time() - began

    async def forget(self) -> None:
        """The store was restarted, and has kept nothing."""
        await self.state.remove(*await self.state.find(""))

    def states(self, room: int | str = 1) -> list[tuple[str, str]]:
        return [(one.state, one.reason) for one in self.records.passages[f"room-{room}"]]

    def interpreters(self, room: int = 1) -> list[str]:
        """Replicas that believe to be in the call."""
        return [one.registry.replica for one in self.all if one.active_calls.by_room(f"room-{room}") is not None]


@asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    """Running; whoever is left frozen is gone at the end."""
    made = Cluster()
    async with AsyncExitStack() as stack:
        for one in made.all:
            await stack.enter_async_context(one)
        try:
            yield made
        finally:
            for one in made.all:
                if one.gate.shut:
                    one.loses_the_store()
                    one.thaw()


async def in_a_call(cluster: Cluster) -> FakeMediaStream:
    """`a` is in the call of room 1, and heard."""
    await cluster.a.tell(started())
    acs = await cluster.a.dial()
    await cluster.a.report(CallConnected(**report()), roster(ADA, BENITO))
    assert (cluster.owner(), cluster.interpreters()) == ("a", ["a"])
    return acs


async def interpreted(acs: FakeMediaStream) -> None:
    """Ada says something, and it is spoken."""
    before = len(acs.played)
    await acs.says(ADA, seconds=1.0)
    await asyncio.sleep(3.0)
    assert len(acs.played) - before == 100


def roster_of(connection: str, *raw_ids: str) -> ParticipantsUpdated:
    return replace(roster(*raw_ids), call_connection_id=connection)


# --- a replica that is gone ------------------------------------------------------------------------------


@virtual_time
async def test_whoever_acs_dials_again_goes_on_at_once_and_the_lost_utterance_gets_its_end() -> None:
    async with cluster() as replicas:
        acs = await in_a_call(replicas)
        await interpreted(acs)
        async with asyncio.TaskGroup() as group:
            speaking = group.create_task(acs.says(ADA, seconds=5.0))
            await asyncio.sleep(2.0)
            replicas.a.freeze()
            speaking.cancel()
        await asyncio.sleep(0.5)
        again = await replicas.b.dial()
        assert await replicas.b.status() == (CallState.STREAMING, None)
        await interpreted(again)
        await asyncio.sleep(LEASE_S)
        assert replicas.states() == [("spoken", ""), ("spoken", ""), ("abandoned", "replica_lost")]
        assert replicas.records.open == set()
        assert replicas.acs.restarts == [], "what is there need not be won back"
        assert (len(replicas.acs.connects), replicas.acs.hang_ups) == (1, [])
        assert replicas.owner() == "b"


@virtual_time
async def test_without_a_dial_one_of_the_others_takes_over_within_ten_seconds() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        replicas.a.freeze()
        seconds = await replicas.until("asked to dial again", lambda: replicas.acs.restarts)
        assert LEASE_S - 2 < seconds < HEARD_AGAIN_S - 1
        survivor = next(one for one in (replicas.b, replicas.c) if one.active_calls.all)
        acs = await survivor.dial()
        assert await survivor.status() == (CallState.STREAMING, None)
        await interpreted(acs)
        await acs.says(ADA, seconds=0.0, pause=30.0)
        assert replicas.acs.restarts == ["connection-1"]
        assert len([one for one in (replicas.b, replicas.c) if one.active_calls.all]) == 1
        assert (len(replicas.acs.connects), replicas.acs.hang_ups) == (1, [])


@virtual_time
async def test_a_restart_that_does_not_help_is_followed_by_one_new_connection() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        replicas.a.freeze()
        seconds = await replicas.until("joined again", lambda: len(replicas.acs.connects) == 2)
        assert seconds < HEARD_AGAIN_S + 3
        assert replicas.acs.hang_ups == ["connection-1"], "never twice in the call"


@virtual_time
async def test_whoever_dies_on_its_way_in_is_followed_by_one_that_gets_the_same_answer() -> None:
    async with cluster() as replicas:
        replicas.acs.connect_takes_s = 0.5
        await replicas.a.tell(started(), wait_s=0.2)
        replicas.a.freeze()
        await replicas.until("asked again", lambda: len(replicas.acs.request_ids) == 2)
        assert len(set(replicas.acs.request_ids)) == 1
        await asyncio.sleep(1.0)
        survivor = next(one for one in (replicas.b, replicas.c) if one.active_calls.all)
        acs = await survivor.dial()
        await interpreted(acs)
        await acs.says(ADA, seconds=0.0, pause=30.0)
        assert (len(replicas.acs.connects), replicas.acs.hang_ups, replicas.acs.restarts) == (1, [], [])


@virtual_time
async def test_whoever_dies_between_the_answer_and_the_media_socket_is_followed_by_whom_acs_dials() -> None:
    async with cluster() as replicas:
        await replicas.a.tell(started(), wait_s=0.2)
        replicas.a.freeze()
        acs = await replicas.c.dial()
        await interpreted(acs)
        await acs.says(ADA, seconds=0.0, pause=30.0)
        assert replicas.interpreters() == ["a", "c"], "the first is not there to know better"
        assert (len(replicas.acs.connects), replicas.acs.hang_ups, replicas.acs.restarts) == (1, [], [])


@virtual_time
async def test_a_media_socket_that_comes_before_the_answer_and_elsewhere_is_one_interpreter() -> None:
    async with cluster() as replicas:
        replicas.acs.connect_takes_s = 2.0
        await replicas.a.tell(started(), wait_s=0.2)
        acs = await replicas.b.dial()
        await asyncio.sleep(5.0)
        await interpreted(acs)
        assert replicas.interpreters() == ["b"]
        assert (len(replicas.acs.request_ids), replicas.acs.hang_ups, replicas.acs.restarts) == (1, [], [])


@virtual_time
async def test_what_was_passed_on_to_a_dead_replica_reaches_its_successor() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        replicas.a.freeze()
        await replicas.b.report(roster("28:us"))
        await replicas.until("left", lambda: replicas.acs.hang_ups, limit_s=HEARD_AGAIN_S)
        await replicas.until("written down", lambda: replicas.record() is None, limit_s=1.0)


@virtual_time
async def test_that_the_stream_of_a_dead_replica_has_failed_is_not_said_of_its_successors() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        replicas.a.freeze()
        await replicas.b.report(MediaStreamingFailed(**report(code=400, sub_code=8581)))
        await replicas.until("asked to dial again", lambda: replicas.acs.restarts, limit_s=HEARD_AGAIN_S)
        survivor = next(one for one in (replicas.b, replicas.c) if one.active_calls.all)
        await asyncio.sleep(0.5)
        await interpreted(await survivor.dial())
        assert (len(replicas.acs.connects), replicas.acs.hang_ups) == (1, [])


async def opened_on_one_of(*replicas: Replica) -> RoomMicrophone | None:
    """What a browser does: its socket reaches one replica or the other, until one lets Ada speak in the web room."""
    for replica in replicas:
        try:
            return await replica.service.open_microphone(WEB_ROOM.room_id, ADA, lambda _: None)
        except MicrophoneRefused as refusal:
            assert refusal.reason == "other_replica"
    return None


async def speaks(microphone: RoomMicrophone, seconds: float) -> None:
    for number in range(round((seconds + 0.6) / 0.02)):
        await asyncio.sleep(0.02)
        microphone.frame(numbered(1 if number * 0.02 < seconds else 0), 1_800_000_000_000_000 + number * 20_000)


@virtual_time
async def test_a_room_without_a_call_goes_on_where_its_people_come_back_when_the_replica_dies() -> None:
    async with cluster() as replicas:
        ada = await opened_on_one_of(replicas.a)
        assert ada is not None
        async with asyncio.TaskGroup() as group:
            speaking = group.create_task(speaks(ada, 5.0))
            await asyncio.sleep(2.0)
            replicas.a.freeze()
            speaking.cancel()
        assert await opened_on_one_of(replicas.b, replicas.c) is None, "nobody knows yet that the replica is gone"
        await asyncio.sleep(LEASE_S + 3)
        back = await opened_on_one_of(replicas.b, replicas.c)
        assert back is not None
        await speaks(back, 1.0)
        await asyncio.sleep(30)
        assert sorted(replicas.states(8)) == [("abandoned", "replica_lost")] * 2 + [("spoken", "")] * 2
        assert replicas.records.open == set()
        assert len(replicas.interpreters(8)) == 2, "one, and the one that is frozen and knows nothing of it"
        assert (replicas.acs.connects, replicas.acs.hang_ups) == ([], [])


async def in_sister_calls(replica: Replica) -> dict[str, FakeMediaStream]:
    """The replica is in both calls of room 9, and heard in each."""
    streams = {}
    for number, language in enumerate(TWO_LANGUAGES.languages, start=1):
        await replica.tell(started(f"9-{language}", f"server-call-{language}"))
        streams[language] = await replica.dial(number)
    await replica.report(CallConnected(**report()), roster(ADA))
    await replica.report(CallConnected(**report("connection-2")), roster_of("connection-2", BENITO), number=2)
    return streams


@pytest.mark.parametrize("dialled", [True, False])
def test_what_was_said_in_a_room_per_language_gets_its_end_when_the_replica_dies(dialled: bool) -> None:
    @virtual_time
    async def script() -> None:
        async with cluster() as replicas:
            streams = await in_sister_calls(replicas.a)
            async with asyncio.TaskGroup() as group:
                speaking = group.create_task(streams["en-US"].says(ADA, seconds=5.0))
                await asyncio.sleep(2.0)
                assert len(replicas.records.open) == 1
                replicas.a.freeze()
                speaking.cancel()
            if dialled:
                await asyncio.sleep(0.5)
                again = await replicas.b.dial(1)
                await replicas.b.dial(2)
                await again.says(ADA, seconds=1.0)
            await asyncio.sleep(30)
            assert replicas.records.open == set()
            assert sorted(replicas.states(9)) == [("abandoned", "replica_lost"), ("spoken", "")][: 1 + dialled]

    script()


@virtual_time
async def test_a_sister_call_taken_over_closes_nothing_that_its_living_replica_still_interprets() -> None:
    async with cluster() as replicas:
        streams = await in_sister_calls(replicas.a)
        call = replicas.a.active_calls.by_room("room-9/es-ES")
        assert call is not None
        await call.hand_over()
        await replicas.b.dial(2)
        speaking = asyncio.create_task(streams["en-US"].says(ADA, seconds=40.0))
        await asyncio.sleep(30)
        assert all(reason != "replica_lost" for _, reason in replicas.states(9))
        speaking.cancel()


@virtual_time
async def test_a_lost_call_of_a_room_per_language_is_joined_again_by_the_replica_of_the_others() -> None:
    """The regression: whichever replica looked first joined it, and what was said there was not heard elsewhere."""
    async with cluster() as replicas:
        await in_sister_calls(replicas.a)
        lost = replicas.a.active_calls.by_room("room-9/es-ES")
        assert lost is not None
        lost.reported(CallDisconnected(**report("connection-2", sub_code=500)))
        await asyncio.sleep(RETRY_S[0] + 5)
        assert replicas.a.active_calls.by_room("room-9/es-ES") not in (None, lost)


@virtual_time
async def test_a_missing_call_of_a_room_per_language_is_started_by_the_replica_of_the_others() -> None:
    """The regression: the replica that the admin reached joined it, and the room was divided."""
    async with cluster() as replicas:
        await in_sister_calls(replicas.a)
        await replicas.b.commands.stop("room-9/es-ES")
        await asyncio.sleep(2.0)
        assert replicas.a.active_calls.by_room("room-9/es-ES") is None
        await replicas.b.commands.start("room-9/es-ES")
        assert replicas.b.active_calls.by_room("room-9/es-ES") is None
        assert replicas.a.active_calls.by_room("room-9/es-ES") is not None
        with pytest.raises(CommandRefused, match="already_live"):
            await replicas.b.commands.start("room-9/es-ES")
        with pytest.raises(CommandRefused, match="not_live"):
            await replicas.a.commands.follow("room-1", "start")


@virtual_time
async def test_the_calls_of_a_room_per_language_are_taken_over_by_one_replica() -> None:
    async with cluster() as replicas:
        await in_sister_calls(replicas.a)
        replicas.a.freeze()
        await asyncio.sleep(0.5)
        await replicas.c.dial(1)
        await asyncio.sleep(LEASE_S + 5)
        assert [replicas.c.active_calls.by_room(f"room-9/{one}") is not None for one in ("en-US", "es-ES")] == [
            True
        ] * 2


@virtual_time
async def test_a_paused_interpreter_stays_paused() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        await replicas.b.commands.order("room-1", Order.PAUSE)
        await asyncio.sleep(0.5)
        replicas.a.freeze()
        acs = await replicas.b.dial()
        assert (await replicas.c.commands.status("room-1")).paused
        await acs.says(ADA, seconds=1.0)
        await asyncio.sleep(3.0)
        assert acs.played == []


@pytest.mark.parametrize("orders", [[Order.PAUSE], [Order.PAUSE, Order.RESUME]])
def test_a_room_per_language_is_taken_over_paused_if_it_was(orders: list[Order]) -> None:
    """The regression: only the call that the order was given to was recorded as paused, or not paused any more."""

    @virtual_time
    async def script() -> None:
        async with cluster() as replicas:
            await in_sister_calls(replicas.a)
            for order, key in zip(orders, ("room-9/en-US", "room-9/es-ES"), strict=False):
                await replicas.a.commands.order(key, order)
                await asyncio.sleep(0.5)
            replicas.a.freeze()
            await asyncio.sleep(LEASE_S + 5)
            for key in ("room-9/en-US", "room-9/es-ES"):
                assert (await replicas.c.commands.status(key)).paused == (orders[-1] is Order.PAUSE)

    script()


@pytest.mark.parametrize("first", ["a newcomer", "audio", "an admin"])
def test_whatever_reaches_a_call_first_after_it_was_taken_over_the_room_runs(first: str) -> None:
    """The regression: what came before the room's task had begun ended the room, and the interpreter left."""

    @virtual_time
    async def script() -> None:
        async with cluster() as replicas:
            await replicas.a.tell(started())
            await replicas.a.dial()
            await replicas.a.report(CallConnected(**report()), roster(ADA))
            replicas.a.freeze()
            await asyncio.sleep(LEASE_S)
            match first:
                case "a newcomer":
                    await replicas.b.report(roster(ADA, BENITO), wait_s=0.1)
                    acs = await replicas.b.dial()
                case "audio":
                    acs = FakeMediaStream()
                    for number in range(1, 50):
                        acs.sends(audio_json(BENITO, numbered(number)))
                    replicas.b.opened(acs)
                case _:
                    await replicas.b.commands.order("room-1", Order.PAUSE)
                    await replicas.b.commands.order("room-1", Order.RESUME)
                    acs = await replicas.b.dial()
            await asyncio.sleep(5)
            await replicas.b.report(roster(ADA, BENITO))
            await interpreted(acs)
            assert (len(replicas.acs.connects), replicas.acs.hang_ups) == (1, [])

    script()


@virtual_time
async def test_whoever_comes_first_after_a_room_per_language_was_taken_over_it_runs() -> None:
    """The calls share a room, whose task begins later than theirs."""
    async with cluster() as replicas:
        await in_sister_calls(replicas.a)
        replicas.a.freeze()
        await asyncio.sleep(LEASE_S)
        await replicas.b.report(roster_of("connection-2", BENITO, CHLOE), number=2, wait_s=0.1)
        await replicas.b.report(roster(ADA), wait_s=0.1)
        streams = [await replicas.b.dial(number) for number in (1, 2)]
        await asyncio.sleep(5)
        await streams[0].says(ADA, seconds=1.0)
        await asyncio.sleep(3.0)
        assert len(streams[1].played) >= 50
        assert replicas.acs.hang_ups == []


@virtual_time
async def test_a_successor_that_dies_too_leaves_no_utterance_without_its_end() -> None:
    async with cluster() as replicas:
        acs = await in_a_call(replicas)
        for replica, following in ((replicas.a, replicas.b), (replicas.b, replicas.c)):
            async with asyncio.TaskGroup() as group:
                speaking = group.create_task(acs.says(ADA, seconds=5.0))
                await asyncio.sleep(2.0)
                replica.freeze()
                speaking.cancel()
            acs = await following.dial()
        await interpreted(acs)
        await asyncio.sleep(2 * LEASE_S)
        assert replicas.states() == [("spoken", ""), ("abandoned", "replica_lost"), ("abandoned", "replica_lost")]
        assert replicas.records.open == set()
        assert replicas.owner() == "c"


# --- a replica that stands still and goes on ------------------------------------------------------------------


@virtual_time
async def test_whoever_was_out_of_time_lets_go_when_it_goes_on() -> None:
    async with cluster() as replicas:
        old = await in_a_call(replicas)
        replicas.a.freeze()
        await replicas.until("asked to dial again", lambda: replicas.acs.restarts)
        acs = await replicas.b.dial()
        await asyncio.sleep(12.0 - LEASE_S)
        old.hangs_up()  # by ACS, long ago
        replicas.a.thaw()
        await asyncio.sleep(2.5)
        assert replicas.interpreters() == ["b"]
        await interpreted(acs)
        await acs.says(ADA, seconds=0.0, pause=30.0)
        assert replicas.acs.hang_ups == []
        assert replicas.acs.restarts == ["connection-1"]
        assert len(replicas.acs.connects) == 1
        assert replicas.owner() == "b"


@virtual_time
async def test_an_order_that_waited_for_somebody_out_of_time_does_not_end_the_call_of_another() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        replicas.a.freeze()
        began = replicas.loop.time()
        with pytest.raises(ReplicaSilent):
            await replicas.b.commands.stop("room-1")
        assert replicas.loop.time() - began == pytest.approx(ANSWER_S, abs=0.1)
        await replicas.c.dial()
        replicas.a.thaw()
        await asyncio.sleep(5.0)
        assert replicas.interpreters() == ["c"]
        assert replicas.acs.hang_ups == []


@virtual_time
async def test_whoever_was_out_of_time_and_is_told_to_stop_leaves_the_call_to_its_successor() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        replicas.a.freeze()
        await replicas.b.dial()
        replicas.a.thaw()
        await replicas.a.service.drain(0.0)
        assert replicas.acs.hang_ups == []
        assert replicas.owner() == "b"


# --- what reaches another replica than the one in the call -----------------------------------------------------


@virtual_time
async def test_callbacks_and_reports_may_come_to_any_replica() -> None:
    async with cluster() as replicas:
        await replicas.a.tell(started())
        await replicas.b.report(CallConnected(**report()))
        await replicas.c.tell(started())
        await replicas.b.dial()
        await replicas.c.report(roster(ADA, BENITO))
        assert replicas.interpreters() == ["b"], "whoever has the media socket is in the call"
        record = replicas.record()
        assert record is not None
        assert record.present == (ADA, BENITO)
        await replicas.a.report(CallConnected(**report()))
        assert replicas.acs.hang_ups == [], "told again what it was told before the call moved"
        await replicas.a.tell(ended())
        assert await replicas.c.status() == (CallState.ENDED, "call_ended")
        assert replicas.acs.hang_ups == ["connection-1"]
        assert len(replicas.acs.connects) == 1


@virtual_time
async def test_how_lanes_are_served_is_known_to_any_replica_and_written_only_when_it_changes() -> None:
    async with cluster() as replicas:
        acs = await in_a_call(replicas)
        await asyncio.sleep(0.1)
        (call,) = replicas.a.active_calls.all
        call.live.deliver(BoothDegraded(ADA_INTO_SPANISH, "captions", "quota"))
        await asyncio.sleep(0.1)
        told = {one.lane: one for one in (await replicas.b.commands.status("room-1")).lanes}
        assert told.keys() == {ADA_INTO_SPANISH, BENITO_INTO_ENGLISH}
        worst = told[ADA_INTO_SPANISH]
        assert (worst.state, worst.engine, worst.reason) == ("open", "captions", "quota")
        assert (worst.spans_ms, worst.waiting) == (None, None)
        before = replicas.record()
        await acs.says(BENITO, seconds=1.0)
        await asyncio.sleep(3.0)
        assert replicas.record() is not None
        assert replicas.record() == before, "an utterance is nothing to write down"
        mine = {one.lane: one for one in (await replicas.a.commands.status("room-1")).lanes}
        assert len(mine[BENITO_INTO_ENGLISH].spans_ms or ()) == 1


@virtual_time
async def test_orders_and_changes_may_be_given_to_any_replica() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        await replicas.b.commands.order("room-1", Order.PAUSE)
        assert (await replicas.a.commands.status("room-1")).paused
        await replicas.c.commands.order("room-1", Order.RESUME)
        assert not (await replicas.a.commands.status("room-1")).paused
        await replicas.c.commands.order("room-1", Order.HUSH)
        with pytest.raises(CommandRefused, match="already_live"):
            await replicas.b.commands.start("room-1")
        plan = type(TWO_LANGUAGES)(("en-US", "es-ES"), {ADA: PEOPLE[ADA]}, glossary=GlossaryEntries.of({"ACS": {}}))
        for one in replicas.all:
            one.plans.rooms["room-1"] = type(one.plans.rooms["room-1"])("room-1", "acs-1", plan)
        replicas.b.dispatcher.change_plan("room-1", plan)
        await asyncio.sleep(0.5)
        (call,) = replicas.a.active_calls.all
        assert call.room.plan is plan
        await replicas.c.commands.stop("room-1")
        await asyncio.sleep(1.0)
        assert await replicas.b.status() == (CallState.ENDED, "stopped")
        assert replicas.acs.hang_ups == ["connection-1"]


@virtual_time
async def test_a_deleted_room_is_left_wherever_it_was_deleted() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        replicas.b.dispatcher.room_deleted("room-1")
        await asyncio.sleep(1.0)
        assert replicas.interpreters() == []
        assert replicas.acs.hang_ups == ["connection-1"]


@virtual_time
async def test_all_replicas_told_of_a_call_at_once_join_it_once() -> None:
    async with cluster() as replicas:
        for one in replicas.all:
            await one.dispatcher.deliver(started())
        async with asyncio.TaskGroup() as group:
            outcomes = [group.create_task(_started_by_hand(one)) for one in replicas.all]
        await asyncio.sleep(1.0)
        assert len(replicas.interpreters()) == 1
        assert len(replicas.acs.request_ids) == 1
        assert sum(task.result() for task in outcomes) <= 1
        assert replicas.acs.hang_ups == []


async def _started_by_hand(replica: Replica) -> bool:
    try:
        await replica.commands.start("room-1")
    except CommandRefused as error:
        assert error.code == "already_live"
        return False
    return True


@virtual_time
async def test_a_call_that_everything_asks_one_replica_to_take_over_is_taken_over_once() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        replicas.a.freeze()
        replicas.c.freeze()
        await asyncio.sleep(LEASE_S - 1.5)
        async with asyncio.TaskGroup() as group:
            for _ in range(200):
                group.create_task(replicas.b.report(roster(ADA, BENITO), wait_s=0.0))
                await asyncio.sleep(0.02)
            dialled = await replicas.b.dial()
        await asyncio.sleep(1.0)
        assert len(replicas.b.rooms) == 1
        await interpreted(dialled)


@virtual_time
async def test_a_call_can_come_back_to_a_replica_it_has_left() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        (await replicas.b.dial()).hangs_up()
        await asyncio.sleep(1.0)
        assert replicas.interpreters() == ["b"]
        acs = await replicas.a.dial()
        await asyncio.sleep(1.0)
        assert replicas.interpreters() == ["a"]
        await replicas.c.report(roster(ADA, BENITO))
        await interpreted(acs)
        assert replicas.acs.hang_ups == []


@virtual_time
async def test_a_message_nobody_understands_does_not_keep_others_from_being_read() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        replicas_of_b = ReplicaMailbox(replicas.b.registry)
        await replicas.state.push("to:a", b"{")
        await replicas_of_b.send("a", ReplicaMessage(kind="of a newer replica"))
        with pytest.raises(CommandRefused):
            await replicas_of_b.ask("a", ReplicaMessage(kind="order", room_id="room-1", order="dance"), CommandRefused)
        await replicas.b.commands.order("room-1", Order.PAUSE)
        assert (await replicas.a.commands.status("room-1")).paused


# --- leaving in good order ------------------------------------------------------------------------------------


@virtual_time
async def test_each_call_is_handed_over_in_a_pause_of_its_own() -> None:
    async with cluster() as replicas:
        acs = await in_a_call(replicas)
        await replicas.a.tell(started(2, "server-call-2"))
        second = await replicas.a.dial(2)
        async with asyncio.TaskGroup() as group:
            group.create_task(acs.says(ADA, seconds=1.0))
            group.create_task(second.says(ADA, seconds=8.0))
            await asyncio.sleep(0.5)
            draining = group.create_task(replicas.a.service.drain(20.0))
            await replicas.until("closed for another to be dialled", lambda: acs.close_code == 1012)
            assert not draining.done()
            assert second.close_code is None, "somebody is speaking there"
            again = await replicas.b.dial(1)
            await interpreted(again)
        assert second.close_code == 1012
        await replicas.c.dial(2)
        assert (replicas.owner(1), replicas.owner(2)) == ("b", "c")
        assert replicas.states(1) == [("spoken", ""), ("spoken", "")]
        assert replicas.states(2) == [("spoken", "")]
        await asyncio.sleep(10)
        assert (replicas.acs.hang_ups, replicas.acs.restarts) == ([], [])
        assert len(replicas.acs.connects) == 2


@virtual_time
async def test_for_a_call_that_is_handed_over_acs_gets_its_time_to_dial_and_is_then_asked_to() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        await replicas.a.service.drain(20.0)
        await replicas.until("taken over", lambda: replicas.owner() in ("b", "c"), limit_s=2.5)
        await asyncio.sleep(3.5)
        assert replicas.acs.restarts == []
        seconds = await replicas.until("asked to dial", lambda: replicas.acs.restarts)
        assert seconds < 1.0


@virtual_time
async def test_a_replica_that_is_leaving_ends_no_call_of_another_for_a_report_that_is_repeated() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        replicas.b.freeze()
        replicas.c.freeze()
        await replicas.a.service.drain(20.0)
        assert replicas.owner() == ""
        await replicas.a.report(CallConnected(**report()))
        replicas.b.thaw()
        await asyncio.sleep(5.0)
        assert replicas.owner() == "b"
        assert replicas.acs.hang_ups == []


@virtual_time
async def test_the_last_replica_leaves_its_calls_for_whoever_comes_next() -> None:
    async with cluster() as replicas:
        replicas.b.freeze()
        replicas.c.freeze()
        await asyncio.sleep(LEASE_S)
        await in_a_call(replicas)
        await replicas.a.service.drain(20.0)
        assert replicas.acs.hang_ups == ["connection-1"]
        replicas.b.thaw()
        await replicas.until("joined again", lambda: replicas.owner() == "b")


# --- the store is lost -------------------------------------------------------------------------------------------


@virtual_time
async def test_a_store_that_has_forgotten_everything_is_told_again_and_no_call_moves() -> None:
    async with cluster() as replicas:
        acs = await in_a_call(replicas)
        record = replicas.record()
        for _ in range(5):
            await replicas.forget()
            await replicas.until("told again", lambda: replicas.record() == record, limit_s=2.5)
            await asyncio.sleep(1.3)
        assert replicas.interpreters() == ["a"]
        await interpreted(acs)
        assert (replicas.acs.restarts, replicas.acs.hang_ups, len(replicas.acs.connects)) == ([], [], 1)


@virtual_time
async def test_a_store_that_was_away_and_let_every_lease_run_out_moves_no_call() -> None:
    async with cluster() as replicas:
        acs = await in_a_call(replicas)
        for one in replicas.all:
            one.loses_the_store()
        await asyncio.sleep(20.0)
        await interpreted(acs)
        for one in (replicas.b, replicas.c, replicas.a):
            one.has_the_store_again()
            await asyncio.sleep(1.0)
        await asyncio.sleep(10.0)
        assert replicas.interpreters() == ["a"]
        assert replicas.owner() == "a"
        assert (replicas.acs.restarts, replicas.acs.hang_ups, len(replicas.acs.connects)) == ([], [], 1)


@virtual_time
async def test_while_the_store_is_away_a_lost_media_stream_is_won_back_by_whoever_had_it() -> None:
    async with cluster() as replicas:
        acs = await in_a_call(replicas)
        for one in replicas.all:
            one.loses_the_store()
        acs.hangs_up()
        await asyncio.sleep(1.0)
        assert not await replicas.b.service.media_sockets.knows(replicas.acs.secret()), "nobody can say whose it is"
        again = await replicas.a.dial()
        await interpreted(again)


@virtual_time
async def test_a_replica_that_dies_after_the_store_has_forgotten_is_followed_all_the_same() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        await replicas.forget()
        await asyncio.sleep(3.0)
        replicas.a.freeze()
        await replicas.until("asked to dial again", lambda: replicas.acs.restarts, limit_s=HEARD_AGAIN_S)


@virtual_time
async def test_a_typed_text_reaches_the_call_from_any_replica() -> None:
    async with cluster() as replicas:
        await in_a_call(replicas)
        typed = TextTyped("7", ADA, "Ada", "Hello", "en-US")
        names = {
            await one.commands.message("room-1", replace(typed, utterance=str(number)))
            for number, one in enumerate(replicas.all)
        }
        await asyncio.sleep(5.0)
        (call,) = replicas.a.active_calls.all
        assert names == {f"{call.live.name}-text-{number}" for number in range(len(replicas.all))}
        (booth,) = [one for one in replicas.a.booths.made if one.lane.typed]
        assert {utterance for utterance, _ in booth.translated} == names
        await replicas.b.commands.order("room-1", Order.PAUSE)
        with pytest.raises(CommandRefused, match="paused"):
            await replicas.c.commands.message("room-1", typed)
        await replicas.b.commands.stop("room-1")
        await asyncio.sleep(1.0)
        with pytest.raises(CommandRefused, match="not_running"):
            await replicas.c.commands.message("room-1", typed)
