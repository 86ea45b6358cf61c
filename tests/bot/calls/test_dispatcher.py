from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.calls import dispatcher as switchboard_module
from bot.calls.acs_client import CallLook
from bot.calls.call import PlannedRoom
from bot.calls.commands import CallStatus, CommandRefused
from bot.calls.dispatcher import LEAVE_TIMEOUT_S, Dispatcher
from bot.calls.registry import Registry
from bot.calls.state_machine import CallState, CallTrigger
from bot.errors import CallError
from bot.interpreting.events import Order
from bot.interpreting.plan import RoomPlan
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.live_room import LiveRoom, TranscriptSink
from bot.log_format import JsonFormatter
from bot.outputs.listener_feed import ListenerFeed
from bot.outputs.transcript_writer import TranscriptWriter
from http_serving.errors import Overloaded
from listeners.feed import Feed
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from storage.key_value import KeyValueStore
from tests.support.booths import FakeBooths
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.media_streams import FakeMediaStream, NumberedSpeech
from tests.support.meeting import ADA, BENITO, PEOPLE, TWO_LANGUAGES, Answers
from tests.support.virtual_time import virtual_time
from webhooks.events import (
    CallConnected,
    CallDisconnected,
    CallEnded,
    CallEvent,
    CallParticipant,
    CallStarted,
    ConnectFailed,
    MediaStreamingFailed,
    OtherCallEvent,
    ParticipantAdded,
    ParticipantsUpdated,
)

ROOMS = {f"room-{n}": PlannedRoom(f"room-{n}", f"acs-{n}", TWO_LANGUAGES) for n in range(1, 5)}
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
WALL_CLOCK = 1_800_000_000.0


def started(room: int = 1, call: str = "server-call-1") -> CallStarted:
    return CallStarted("event", f"acs-{room}", call, ADA, NOW, "correlation")


def ended(room: int = 1, call: str = "server-call-1") -> CallEnded:
    return CallEnded("event", f"acs-{room}", call, ADA, NOW, "correlation", 60.0)


def report(connection: str = "connection-1", **more: Any) -> dict[str, Any]:
    common = {
        "event_id": "event",
        "call_connection_id": connection,
        "server_call_id": "spelled otherwise",
        "correlation_id": "correlation",
        "operation_context": None,
        "code": 200,
        "sub_code": 0,
        "message": "",
    }
    return {**common, **more}


def roster(*raw_ids: str) -> ParticipantsUpdated:
    people = tuple(CallParticipant(raw_id, "communicationUser", False, False) for raw_id in raw_ids)
    return ParticipantsUpdated(**report(sequence_number=next(_sequence), participants=people))


_sequence = itertools.count(1)


class Book:
    """A RoomBook; may be slow."""

    def __init__(self) -> None:
        self.rooms = dict(ROOMS)
        self.takes_s = 0.0

    async def by_acs_room(self, acs_room_id: str) -> PlannedRoom | None:
        await asyncio.sleep(self.takes_s)
        if acs_room_id == "acs-broken":
            raise ConnectionError("the store is away")
        return next((room for room in self.rooms.values() if room.acs_room_id == acs_room_id), None)

    async def by_room(self, room_id: str) -> PlannedRoom | None:
        await asyncio.sleep(self.takes_s)
        return self.rooms.get(room_id)


class FakeCalls:
    """ACS as far as calls go: connections are numbered in the order in which they were asked for."""

    def __init__(self) -> None:
        self.connects: list[dict[str, str]] = []
        self.request_ids: list[str] = []
        self.hang_ups: list[str] = []
        self.restarts: list[str] = []
        self.restart: Callable[[], None] = lambda: None
        """What comes of a restart of streaming; may raise."""
        self.looks: dict[str, CallLook | None] = {}
        """What ACS says of connections; of those not in it, that Ada is there."""
        self.connect_takes_s = 0.1
        self.hang_up_takes_s = 0.1
        self.refuses: Exception | None = None
        self.refuses_to_let_go: Exception | None = None

    async def connect(
        self, acs_room_id: str, callback_url: str, media_url: str, context: str, request_id: str, *, mixed: bool = False
    ) -> str:
        self.request_ids.append(request_id)
        self.connects.append({"room": acs_room_id, "callback": callback_url, "media": media_url, "context": context})
        number = len(self.connects)
        await asyncio.sleep(self.connect_takes_s)
        if self.refuses is not None:
            raise self.refuses
        return f"connection-{number}"

    async def hang_up(self, call_connection_id: str) -> None:
        self.hang_ups.append(call_connection_id)
        await asyncio.sleep(self.hang_up_takes_s)
        if self.refuses_to_let_go is not None:
            raise self.refuses_to_let_go

    async def restart_streaming(self, call_connection_id: str) -> None:
        self.restarts.append(call_connection_id)
        self.restart()

    async def look(self, call_connection_id: str) -> CallLook | None:
        return self.looks.get(call_connection_id, CallLook("connected", frozenset({ADA})))

    @property
    def rooms(self) -> list[str]:
        return [connect["room"] for connect in self.connects]

    def secret(self, number: int = 1) -> str:
        return self.connects[number - 1]["media"].rpartition("/")[2]


class Kept:
    """What the rooms yielded, by room."""

    def __init__(self) -> None:
        self.lines: defaultdict[str, list[TranscriptLine]] = defaultdict(list)
        self.passages: defaultdict[str, list[LedgerRecord]] = defaultdict(list)
        self.open: set[tuple[str, str, str]] = set()

    def opened(self, room_id: str, utterance_id: str, speaker_id: str, source: str, target: str) -> None:
        self.open.add((room_id, utterance_id, target))

    async def close_open(self, room_id: str, prefix: str, reason: str) -> int:
        left = {one for one in self.open if one[0] == room_id and one[1].startswith(prefix)}
        self.open -= left
        return len(left)

    def line(self, room_id: str, line: TranscriptLine) -> None:
        self.lines[room_id].append(line)

    def passage(self, room_id: str, passage: LedgerRecord) -> None:
        self.open.discard((room_id, passage.utterance_id, passage.target))
        self.passages[room_id].append(passage)


class Exchange:
    """A switchboard with everything round it."""

    def __init__(
        self,
        *,
        max_calls: int = 3,
        replica: str = "us",
        state: KeyValueStore | None = None,
        calls: Any = None,
        records: Kept | None = None,
    ) -> None:
        """Replicas share `state`, `calls` (FakeCalls, unless it is another CallControl) and `records`."""
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.book = Book()
        self.calls = calls or FakeCalls()
        self.booths = FakeBooths(Answers(seconds=2.0))
        self.records = records or Kept()
        self.state = state or InMemoryKeyValue(self.loop.time)
        self.registry = Registry(self.state, replica)
        self.metronome = FrameTimer()
        self.rooms: list[LiveRoom] = []
        self.switchboard = Dispatcher(
            rooms=self.book,
            calls=self.calls,
            registry=self.registry,
            open_room=self._open_room,
            scribe=lambda room_id: TranscriptWriter(self.records, room_id, 0),
            close_books=self.records.close_open,
            public_base_url="https://bot",
            media_base_url="wss://bot",
            max_calls=max_calls,
            wall_clock=lambda: WALL_CLOCK + self.loop.time() - self.began,
            clock=self.loop.time,
            tell=lambda kind, room_id, data: self.told.append((kind, room_id, data.get("reason"))),
        )
        self.feed = Feed()
        self.told: list[tuple[str, str, object]] = []
        """What integrators are told."""
        self.running: asyncio.Task[None]
        self._stack = AsyncExitStack()

    def _open_room(self, room: PlannedRoom, name: str, scribe: TranscriptSink) -> LiveRoom:
        live = LiveRoom(
            room.plan,
            name=name,
            booths=self.booths,
            detectors=NumberedSpeech(),
            metronome=self.metronome,
            scribe=scribe,
            audience=ListenerFeed(self.feed, room.room_id, 0),
            clock=self.loop.time,
        )
        self.rooms.append(live)
        return live

    async def __aenter__(self) -> Exchange:
        self._start(self.metronome.run())
        self.running = self._start(self.switchboard.run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    def _start(self, coroutine: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)

        async def stop() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._stack.push_async_callback(stop)
        return task

    @property
    def now(self) -> float:
        return round(self.loop.time() - self.began, 3)

    async def tell(self, *events: CallStarted | CallEnded, wait_s: float = 0.5) -> None:
        """Event Grid reports; and then some time passes."""
        for event in events:
            await self.switchboard.deliver(event)
        await asyncio.sleep(wait_s)

    async def report(self, *events: CallEvent, number: int = 1, wait_s: float = 0.5) -> None:
        """Call Automation reports on the connection with this number."""
        for event in events:
            await self.switchboard.deliver_call_event(self.calls.secret(number), event)
        await asyncio.sleep(wait_s)

    async def dial(self, number: int = 1) -> FakeMediaStream:
        """ACS opens the media socket of the connection with this number."""
        acs = FakeMediaStream()

        async def serve() -> None:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(acs.stream.write())
                await self.switchboard.serve_media(acs.stream, self.calls.secret(number))
                writer.cancel()
            await acs.stream.close()

        self._start(serve())
        await asyncio.sleep(0.01)
        return acs

    async def status(self, room: int = 1) -> tuple[CallState, str | None]:
        told = await self.switchboard.status(f"room-{room}")
        return told.state, told.reason


# --- a call ------------------------------------------------------------------------------------------


@virtual_time
async def test_a_call_that_starts_is_joined_interpreted_and_left() -> None:
    async with Exchange() as exchange:
        assert await exchange.switchboard.status("room-1") == CallStatus(CallState.SCHEDULED)
        await exchange.tell(started(), wait_s=0.05)
        assert await exchange.switchboard.status("room-1") == CallStatus(CallState.CONNECTING, None, WALL_CLOCK)
        (connect,) = exchange.calls.connects
        secret = exchange.calls.secret()
        assert len(secret) >= 43, "256 bits"
        assert connect == {
            "room": "acs-1",
            "callback": f"https://bot/webhooks/calls/{secret}",
            "media": f"wss://bot/media/{secret}",
            "context": "room-1",
        }
        acs = await exchange.dial()
        await exchange.report(CallConnected(**report()), roster(ADA, BENITO, "28:us"))
        status = await exchange.switchboard.status("room-1")
        assert replace(status, lanes=()) == CallStatus(CallState.STREAMING, "connection-1", WALL_CLOCK)
        assert [(one.lane.speaker, one.lane.target, one.state) for one in status.lanes] == [
            (ADA, "es-ES", "open"),
            (BENITO, "en-US", "open"),
        ]
        assert len(exchange.booths.running) == 2, "opened ahead, for both"
        await acs.says(ADA, seconds=1.0)
        await asyncio.sleep(3)
        spoken, silent = (await exchange.switchboard.status("room-1")).lanes
        assert (len(spoken.spans_ms or ()), spoken.waiting, silent.spans_ms) == (1, 0, ())
        await exchange.tell(ended())
        await exchange.report(CallDisconnected(**report(sub_code=7000)))
        assert await exchange.status() == (CallState.ENDED, "call_ended")
        assert [passage.state for passage in exchange.records.passages["room-1"]] == ["spoken"]
        assert exchange.calls.hang_ups == ["connection-1"]
        assert exchange.booths.running == []
        assert acs.close_code == 1000
        assert exchange.switchboard.live_calls == 0


@virtual_time
async def test_when_everybody_has_left_the_interpreter_hangs_up() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.dial()
        await exchange.report(roster("28:us"))
        assert await exchange.status() == (CallState.STREAMING, None), "nobody has come yet"
        await exchange.report(roster(ADA, BENITO, "28:us"), roster(ADA, "28:us"))
        assert await exchange.status() == (CallState.STREAMING, None)
        await exchange.report(roster("28:us"))
        assert await exchange.status() == (CallState.ENDED, "everybody_left")
        assert exchange.calls.hang_ups == ["connection-1"]


@virtual_time
async def test_when_event_grid_says_that_the_people_have_left_the_interpreter_hangs_up() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.tell(ended())
        assert await exchange.status() == (CallState.ENDED, "call_ended")
        assert exchange.calls.hang_ups == ["connection-1"]


@virtual_time
async def test_a_media_socket_that_comes_and_goes_shows() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.report(CallConnected(**report()))
        assert await exchange.status() == (CallState.CONNECTED, None)
        acs = await exchange.dial()
        assert await exchange.status() == (CallState.STREAMING, None)
        acs.hangs_up()
        await asyncio.sleep(1)
        assert await exchange.status() == (CallState.INTERRUPTED, "waiting for the re-dial")
        await exchange.dial()
        assert await exchange.status() == (CallState.STREAMING, None)


@virtual_time
async def test_integrators_are_told_of_a_call_from_its_beginning_to_its_end() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        acs = await exchange.dial()
        acs.hangs_up()
        await asyncio.sleep(0.01)
        await exchange.dial()
        await exchange.switchboard.stop("room-1")
        await asyncio.sleep(1.0)
        assert exchange.told == [
            ("room.live", "room-1", None),
            ("interpreter.joined", "room-1", None),
            ("interpreter.left", "room-1", "stopped"),
            ("room.ended", "room-1", "stopped"),
        ]


@virtual_time
async def test_an_interpreter_that_never_heard_anything_was_not_there() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.switchboard.stop("room-1")
        await asyncio.sleep(1.0)
        assert [kind for kind, _, _ in exchange.told] == ["room.live", "room.ended"]


@virtual_time
async def test_a_call_that_never_streams_is_left() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.report(MediaStreamingFailed(**report(code=400, sub_code=8581, status="", details="")))
        assert exchange.calls.restarts == ["connection-1"], "waiting would be in vain"
        await asyncio.sleep(28.5)
        assert exchange.calls.rooms == ["acs-1"] * 3, "left and joined again, twice"
        assert await exchange.status() == (CallState.LIVE, "no_media")
        assert exchange.calls.hang_ups == ["connection-1", "connection-2", "connection-3"]


@virtual_time
async def test_a_failed_room_is_reported_and_left_and_the_others_go_on() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started(1), started(2, "server-call-2"))
        await exchange.dial(1)
        acs = await exchange.dial(2)
        await exchange.report(roster(ADA, BENITO), number=1)
        exchange.booths.made[0].breaks(RuntimeError("broken"))
        await asyncio.sleep(0.5)
        assert await exchange.status(1) == (CallState.LIVE, "internal_error")
        assert exchange.calls.hang_ups == ["connection-1"]
        await acs.says(ADA, seconds=1.0)
        await asyncio.sleep(3)
        assert await exchange.status(2) == (CallState.STREAMING, None)
        assert [passage.state for passage in exchange.records.passages["room-2"]] == ["spoken"]


# --- events that are repeated, late, or out of order -------------------------------------------------------


@virtual_time
async def test_two_reports_of_a_start_lead_to_one_connect() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started(), started(), wait_s=0.0)
        exchange.book.takes_s = 0.2
        await exchange.tell(started(), started())
        await exchange.tell(started())
        assert exchange.calls.rooms == ["acs-1"]


@virtual_time
async def test_an_admin_and_a_report_at_the_same_time_lead_to_one_connect() -> None:
    async with Exchange() as exchange:
        exchange.book.takes_s = 0.2
        await exchange.switchboard.deliver(started())
        await exchange.switchboard.start("room-1")
        await asyncio.sleep(1)
        assert exchange.calls.rooms == ["acs-1"]
        await exchange.switchboard.deliver(started(2))
        await asyncio.sleep(0)
        with pytest.raises(CommandRefused, match="already_live"):
            await exchange.switchboard.start("room-2")
        await asyncio.sleep(1)
        assert exchange.calls.rooms == ["acs-1", "acs-2"]


@virtual_time
async def test_a_start_that_is_reported_after_its_end_is_not_acted_on() -> None:
    async with Exchange() as exchange:
        await exchange.tell(ended(), started())
        assert exchange.calls.connects == []
        await exchange.tell(started(call="server-call-2"))
        assert exchange.calls.rooms == ["acs-1"]


@virtual_time
async def test_the_late_end_of_an_earlier_call_does_not_end_the_present_one() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started(call="server-call-2"))
        await exchange.tell(ended(call="server-call-1"), ended(room=2, call="server-call-2"))
        assert await exchange.status() == (CallState.CONNECTED, None)


@pytest.mark.parametrize("wait_s", [0.0, 0.05, 3.0])
def test_a_call_that_starts_while_the_one_before_ends_is_joined(wait_s: float) -> None:
    """The regression: the room counted as live while it was being left, and the new call had no interpreter."""

    @virtual_time
    async def script() -> None:
        async with Exchange() as exchange:
            await exchange.tell(started(call="server-call-1"))
            await exchange.tell(ended(call="server-call-1"), wait_s=wait_s)
            await exchange.tell(started(call="server-call-2"), wait_s=3)
            assert exchange.calls.rooms == ["acs-1", "acs-1"]
            assert exchange.calls.hang_ups == ["connection-1"]
            await exchange.tell(ended(call="server-call-1"))
            assert await exchange.status() == (CallState.CONNECTED, None)
            await exchange.tell(ended(call="server-call-2"))
            assert await exchange.status() == (CallState.ENDED, "call_ended")

    script()


@virtual_time
async def test_a_call_that_starts_before_the_end_of_the_one_before_is_reported_is_joined_then() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started(call="server-call-1"))
        await exchange.tell(started(call="server-call-2"))
        assert exchange.calls.rooms == ["acs-1"]
        await exchange.report(CallDisconnected(**report()))
        assert exchange.calls.rooms == ["acs-1", "acs-1"]


@virtual_time
async def test_a_following_call_that_has_ended_as_well_is_not_joined() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started(call="server-call-1"))
        await exchange.tell(started(call="server-call-2"), ended(call="server-call-2"), ended(call="server-call-1"))
        assert exchange.calls.rooms == ["acs-1"]
        assert await exchange.status() == (CallState.ENDED, "call_ended")


@virtual_time
async def test_an_interpreter_sent_by_an_admin_learns_which_call_it_is_in() -> None:
    async with Exchange() as exchange:
        await exchange.switchboard.start("room-1")
        await exchange.tell(started(call="server-call-2"))
        await exchange.tell(ended(call="server-call-1"))
        assert await exchange.status() == (CallState.CONNECTED, None)
        await exchange.tell(ended(call="server-call-2"))
        assert await exchange.status() == (CallState.ENDED, "call_ended")


@virtual_time
async def test_an_interpreter_sent_by_an_admin_leaves_with_the_people_whichever_call_it_was() -> None:
    async with Exchange() as exchange:
        await exchange.switchboard.start("room-1")
        await exchange.tell(ended(call="server-call-1"))
        assert await exchange.status() == (CallState.ENDED, "call_ended")


@virtual_time
async def test_calls_outside_our_rooms_are_none_of_our_business() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started(room=77), replace(started(), room_id=None))
        await exchange.switchboard.deliver(
            ParticipantAdded("event", "acs-77", "server-call-1", ADA, NOW, "correlation", ADA, "Ada", "Presenter")
        )
        await asyncio.sleep(1)
        assert exchange.calls.connects == []


@virtual_time
async def test_an_event_that_cannot_be_acted_on_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with Exchange() as exchange:
        await exchange.tell(replace(started(), room_id="acs-broken"), started(2))
        assert exchange.calls.rooms == ["acs-2"]
    assert "event could not be acted on" in [record.getMessage() for record in caplog.records]


@virtual_time
async def test_more_events_than_can_be_kept_are_to_be_brought_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switchboard_module, "INBOX_LIMIT", 2)
    exchange = Exchange()
    await exchange.switchboard.deliver(started(1))
    await exchange.switchboard.deliver(started(2))
    with pytest.raises(Overloaded):
        await exchange.switchboard.deliver(started(3))


@virtual_time
async def test_reports_about_a_call_we_have_left_are_known_and_change_nothing() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        secret = exchange.calls.secret()
        assert exchange.switchboard.call_secrets == [secret]
        assert await exchange.switchboard.knows_call(secret)
        assert await exchange.switchboard.knows_secret(secret)
        await exchange.switchboard.stop("room-1")
        assert not await exchange.switchboard.knows_secret(secret), "no media any more"
        await asyncio.sleep(1)
        assert await exchange.switchboard.knows_call(secret)
        assert not await exchange.switchboard.knows_call("somebody else's")
        await exchange.report(roster(ADA), OtherCallEvent(**report(type="PlayStarted")))
        await exchange.switchboard.deliver_call_event("somebody else's", roster(ADA))
        await asyncio.sleep(0.1)
        assert await exchange.status() == (CallState.ENDED, "stopped")


@virtual_time
async def test_reports_nobody_needs_change_nothing() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.report(OtherCallEvent(**report(type="PlayStarted")))
        assert await exchange.status() == (CallState.CONNECTED, None)


@virtual_time
async def test_media_for_a_call_we_have_left_is_let_go_at_once() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.switchboard.stop("room-1")
        await asyncio.sleep(1)
        acs = await exchange.dial()
        await asyncio.sleep(0.1)
        assert acs.close_code == 1000
        assert await exchange.status() == (CallState.ENDED, "stopped")


# --- what goes wrong between us and ACS -----------------------------------------------------------------


@virtual_time
async def test_a_call_that_cannot_be_joined_is_told_with_the_reason() -> None:
    async with Exchange() as exchange:
        exchange.calls.refuses = CallError("acs_7504", "Forbidden", retryable=False)
        await exchange.tell(started())
        assert await exchange.status() == (CallState.LIVE, "connect_failed: acs_7504")
        assert exchange.switchboard.live_calls == 0
        assert exchange.calls.hang_ups == []
        exchange.calls.refuses = None
        await exchange.tell(started(call="server-call-2"))
        assert await exchange.status() == (CallState.CONNECTED, None)


@virtual_time
async def test_a_connect_that_fails_after_it_was_accepted_is_told_with_the_reason() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.report(ConnectFailed(**report(code=404, sub_code=8522)))
        assert await exchange.status() == (CallState.LIVE, "connect_failed_8522")
        assert exchange.calls.hang_ups == []


@virtual_time
async def test_a_room_that_is_over_before_we_have_joined_is_left_as_soon_as_we_have() -> None:
    async with Exchange() as exchange:
        exchange.calls.connect_takes_s = 5.0
        await exchange.tell(started())
        await exchange.report(roster("28:us"), CallDisconnected(**report()))
        assert exchange.calls.hang_ups == []
        await asyncio.sleep(5)
        assert exchange.calls.hang_ups == ["connection-1"]
        assert await exchange.status() == (CallState.ENDED, "call_ended")


@virtual_time
async def test_a_connect_whose_answer_is_lost_is_known_by_its_callback() -> None:
    async with Exchange() as exchange:
        exchange.calls.refuses = CallError("timeout", "ACS did not answer in time", retryable=True)
        await exchange.tell(started(), wait_s=0.05)
        await exchange.report(CallConnected(**report("connection-77")))
        assert await exchange.status() == (CallState.CONNECTED, None)
        await exchange.switchboard.stop("room-1")
        await asyncio.sleep(1)
        assert exchange.calls.hang_ups == ["connection-77"]


@virtual_time
async def test_a_connect_that_was_given_up_but_came_through_is_undone() -> None:
    async with Exchange() as exchange:
        exchange.calls.refuses = CallError("timeout", "ACS did not answer in time", retryable=True)
        await exchange.tell(started())
        assert await exchange.status() == (CallState.LIVE, "connect_failed: timeout")
        await exchange.report(CallConnected(**report("connection-77")))
        assert exchange.calls.hang_ups == ["connection-77"]


@virtual_time
async def test_a_connect_that_comes_through_while_it_is_given_up_is_undone_as_well() -> None:
    """The regression: a callback between the lost answer and the end of the call was learnt, and then forgotten."""
    async with Exchange() as exchange:
        exchange.calls.refuses = CallError("timeout", "ACS did not answer in time", retryable=True)
        await exchange.tell(started(), wait_s=0.099)
        exchange.switchboard.call_of("room-1").happen(CallTrigger.CONNECT_FAILED, "connect_failed: timeout")  # type: ignore[union-attr]  # it is there
        await exchange.report(CallConnected(**report("connection-77")))
        assert exchange.calls.hang_ups == ["connection-77"]


@pytest.mark.parametrize("roster_told", [True, False])
def test_people_whose_interpreter_acs_has_forgotten_get_another(roster_told: bool) -> None:
    """The regression: a connection that was gone counted as the end of the call, however many people were in it."""

    @virtual_time
    async def script() -> None:
        async with Exchange() as exchange:
            await exchange.tell(started())
            await exchange.dial()
            if roster_told:
                await exchange.report(roster(ADA, BENITO))
            exchange.calls.looks["connection-1"] = None
            await asyncio.sleep(25)
            assert exchange.calls.rooms == ["acs-1", "acs-1"]
            assert await exchange.status() == (CallState.CONNECTED, None)

    script()


@virtual_time
async def test_somebody_who_comes_while_a_lost_call_is_left_has_it_joined_again() -> None:
    """The regression: the report of that person made the call one that was over, and nobody interpreted it any more."""
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.dial()
        await exchange.report(roster(ADA))
        exchange.calls.hang_up_takes_s = 1.0
        exchange.booths.running[0].breaks(RuntimeError("a bug of ours"))
        await asyncio.sleep(0.1)
        assert await exchange.status() == (CallState.DRAINING, "internal_error")
        await exchange.switchboard.deliver(
            ParticipantAdded("event", "acs-1", "server-call-1", ADA, NOW, "correlation", BENITO, "Benito", "Presenter")
        )
        await asyncio.sleep(5)
        assert exchange.calls.rooms == ["acs-1", "acs-1"]
        assert await exchange.status() == (CallState.CONNECTED, None)


@virtual_time
async def test_an_admin_who_starts_an_interpreter_that_was_stopped_has_it_follow_the_call_again() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.switchboard.stop("room-1")
        await exchange.switchboard.start("room-1")
        await asyncio.sleep(1)
        await exchange.tell(started(), ended(call="server-call-0"))
        assert await exchange.status() == (CallState.CONNECTED, None), (
            "the end of an earlier call is not the end of this"
        )


@virtual_time
async def test_our_own_hang_up_on_the_way_to_joining_again_does_not_end_the_call() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        exchange.calls.restart = lambda: exchange.calls.looks.clear()
        exchange.calls.hang_up_takes_s = 1.0
        acs = await exchange.dial()
        acs.hangs_up()
        await asyncio.sleep(8.2)
        assert exchange.calls.hang_ups == ["connection-1"]
        await exchange.report(CallDisconnected(**report(sub_code=7000)), wait_s=1.5)
        assert exchange.calls.rooms == ["acs-1", "acs-1"]
        assert await exchange.status() == (CallState.INTERRUPTED, "joining again")
        assert len(exchange.rooms) == 1, "the same session"


@pytest.mark.parametrize("failure", [CallError("timeout", "", retryable=False), RuntimeError("a bug of ours")])
def test_a_hang_up_that_fails_is_told_and_the_room_is_free_again(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    @virtual_time
    async def script() -> None:
        async with Exchange() as exchange:
            await exchange.tell(started(1), started(2, "server-call-2"))
            exchange.calls.refuses_to_let_go = failure
            await exchange.switchboard.stop("room-1")
            await asyncio.sleep(1)
            assert await exchange.status(1) == (CallState.ENDED, "stopped")
            assert await exchange.status(2) == (CallState.CONNECTED, None)
            assert {record.getMessage() for record in caplog.records} == {"hang-up failed"}
            exchange.calls.refuses_to_let_go = None
            await asyncio.sleep(45)
            assert exchange.calls.hang_ups.count("connection-1") == 2, "until it is done, and not any more then"

    script()


@virtual_time
async def test_a_bug_in_joining_ends_one_call_and_not_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with Exchange() as exchange:
        await exchange.tell(started(1))
        exchange.calls.refuses = RuntimeError("a bug of ours")
        await exchange.tell(started(2, "server-call-2"))
        assert await exchange.status(2) == (CallState.LIVE, "internal_error")
        assert await exchange.status(1) == (CallState.CONNECTED, None)
    assert "call failed" in [record.getMessage() for record in caplog.records]


# --- admins ------------------------------------------------------------------------------------------


@virtual_time
async def test_one_call_too_many_is_refused_with_a_reason_and_the_others_are_not_touched() -> None:
    async with Exchange(max_calls=2) as exchange:
        await exchange.tell(*(started(n, f"server-call-{n}") for n in (1, 2, 3)))
        assert exchange.calls.rooms == ["acs-1", "acs-2"]
        assert await exchange.status(3) == (CallState.LIVE, "no capacity: 2 calls are live")
        assert (await exchange.switchboard.status("room-3")).failed
        with pytest.raises(CommandRefused, match="no_capacity: no capacity: 2 calls are live"):
            await exchange.switchboard.start("room-4")
        assert exchange.switchboard.live_calls == 2
        assert [room.over for room in exchange.rooms] == [False, False]
        await exchange.switchboard.stop("room-1")
        await asyncio.sleep(3)
        assert await exchange.status(3) == (CallState.CONNECTED, None), "joined by itself, as soon as there is room"


@virtual_time
async def test_an_admin_starts_pauses_resumes_and_stops() -> None:
    async with Exchange() as exchange:
        await exchange.switchboard.start("room-1")
        await asyncio.sleep(0.5)
        await exchange.dial()
        await exchange.switchboard.order("room-1", Order.PAUSE)
        assert (await exchange.switchboard.status("room-1")).paused
        await exchange.switchboard.order("room-1", Order.RESUME)
        assert not (await exchange.switchboard.status("room-1")).paused
        await exchange.switchboard.stop("room-1")
        await asyncio.sleep(1)
        assert await exchange.status() == (CallState.ENDED, "stopped")
        assert exchange.calls.hang_ups == ["connection-1"]


@virtual_time
async def test_orders_without_a_call_are_not_possible() -> None:
    async with Exchange() as exchange:
        with pytest.raises(CommandRefused, match="not_found"):
            await exchange.switchboard.start("room-77")
        with pytest.raises(CommandRefused, match="not_live"):
            await exchange.switchboard.stop("room-1")
        with pytest.raises(CommandRefused, match="not_live"):
            await exchange.switchboard.order("room-1", Order.HUSH)
        await exchange.switchboard.start("room-1")
        with pytest.raises(CommandRefused, match="already_live"):
            await exchange.switchboard.start("room-1")
        await exchange.switchboard.stop("room-1")
        with pytest.raises(CommandRefused, match="not_live"):
            await exchange.switchboard.stop("room-1")
        with pytest.raises(CommandRefused, match="not_live"):
            await exchange.switchboard.order("room-1", Order.HUSH)


@virtual_time
async def test_a_start_right_after_a_stop_joins_when_the_call_has_been_left() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.switchboard.stop("room-1")
        await exchange.switchboard.start("room-1")
        with pytest.raises(CommandRefused, match="already_live"):
            await exchange.switchboard.start("room-1")
        await asyncio.sleep(1)
        assert exchange.calls.rooms == ["acs-1", "acs-1"]
        assert exchange.calls.hang_ups == ["connection-1"]


@virtual_time
async def test_a_stop_right_after_that_start_takes_it_back() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.switchboard.stop("room-1")
        await exchange.switchboard.start("room-1")
        await exchange.switchboard.stop("room-1")
        await asyncio.sleep(1)
        assert exchange.calls.rooms == ["acs-1"]
        assert await exchange.status() == (CallState.ENDED, "stopped")


@virtual_time
async def test_a_running_call_follows_a_changed_plan() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        await exchange.dial()
        await exchange.report(roster(ADA))
        (booth,) = exchange.booths.running
        assert booth.lane.target == "es-ES"
        exchange.switchboard.change_plan("room-1", RoomPlan(("en-US", "fr-FR"), {ADA: PEOPLE[ADA]}))
        exchange.switchboard.change_plan("room-2", TWO_LANGUAGES)
        await exchange.report(roster(ADA, BENITO), roster(BENITO))
        assert await exchange.status() == (CallState.ENDED, "everybody_left"), "Benito is not on the roster any more"


@virtual_time
async def test_the_call_of_a_deleted_room_is_left_and_nothing_is_known_of_it() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started(1))
        exchange.switchboard.room_deleted("room-1")
        await asyncio.sleep(1)
        assert exchange.calls.hang_ups == ["connection-1"]
        exchange.switchboard.room_deleted("room-1")
        assert await exchange.status() == (CallState.SCHEDULED, None)


# --- the end of the service ----------------------------------------------------------------------------


@virtual_time
async def test_draining_lets_what_is_interpreted_be_said_and_then_leaves() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started(1), started(2, "server-call-2"))
        acs = await exchange.dial(1)
        await acs.says(ADA, seconds=1.0)  # 2 s of interpretation follow half a second later
        began = exchange.now
        await exchange.switchboard.drain(20.0)
        assert 2.0 < exchange.now - began < 3.0
        assert len(acs.played) == 100
        assert sorted(exchange.calls.hang_ups) == ["connection-1", "connection-2"]
        assert await exchange.status(1) == (CallState.LIVE, "service_stopping"), "whoever comes next goes on"
        assert not exchange.switchboard.accepting
        await exchange.tell(started(3, "server-call-3"))
        assert await exchange.status(3) == (CallState.LIVE, "service_stopping")
        await asyncio.sleep(5)
        assert len(exchange.calls.connects) == 2


@virtual_time
async def test_draining_does_not_wait_longer_than_told(caplog: pytest.LogCaptureFixture) -> None:
    async with Exchange() as exchange:
        await exchange.tell(started())
        acs = await exchange.dial()
        await acs.says(ADA, seconds=1.0)
        began = exchange.now
        await exchange.switchboard.drain(1.0)
        assert exchange.now - began == pytest.approx(1.1, abs=0.01)
        assert [(p.state, p.reason) for p in exchange.records.passages["room-1"]] == [("abandoned", "service_stopping")]
    assert [record.getMessage() for record in caplog.records] == ["drain limit reached"]


@virtual_time
async def test_draining_does_not_wait_for_ever_for_an_answer_to_a_connect(caplog: pytest.LogCaptureFixture) -> None:
    async with Exchange() as exchange:
        exchange.calls.connect_takes_s = 3_600
        await exchange.tell(started())
        began = exchange.now
        await exchange.switchboard.drain(5.0)
        assert exchange.now - began == LEAVE_TIMEOUT_S
    assert [record.getMessage() for record in caplog.records] == ["calls could not be left in time"]


@virtual_time
async def test_a_switchboard_that_is_cancelled_hangs_up_everywhere() -> None:
    async with Exchange() as exchange:
        await exchange.tell(started(1), started(2, "server-call-2"))
        await exchange.dial(1)
        exchange.running.cancel()
        await asyncio.wait([exchange.running])
        assert sorted(exchange.calls.hang_ups) == ["connection-1", "connection-2"]
        assert await exchange.status(1) == (CallState.ENDED, "cancelled")
        assert exchange.booths.running == []


@virtual_time
async def test_nothing_is_joined_before_the_switchboard_runs() -> None:
    exchange = Exchange()
    with pytest.raises(RuntimeError, match="not running"):
        await exchange.switchboard.start("room-1")
    assert exchange.calls.connects == []


@virtual_time
async def test_lines_about_a_call_carry_its_room(caplog: pytest.LogCaptureFixture) -> None:
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonFormatter().format(record))

    listener = Listener()
    logger = logging.getLogger("bot")
    logger.addHandler(listener)
    try:
        with caplog.at_level(logging.INFO, "bot"):
            async with Exchange() as exchange:
                await exchange.tell(started(1))
                await exchange.dial(1)
                await exchange.switchboard.stop("room-1")
                await asyncio.sleep(1)
    finally:
        logger.removeHandler(listener)
    messages = {json.loads(line)["message"] for line in lines}
    assert messages == {"call state", "call joined", "media stream opened", "media stream closed", "room ended"}
    assert all(json.loads(line)["room_id"] == "room-1" for line in lines)
    assert not any(exchange.calls.secret() in line for line in lines)
