"""The calls of one replica with everything round them, in virtual time: store, ACS, ledger and booths are fakes."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from bot.calls.acs_client import CallLook
from bot.calls.environment import (
    CallAddresses,
    Interpreted,
    PlannedRoom,
    WebSeat,
    call_key,
    is_per_language,
    room_of,
    stream_of,
)
from bot.calls.replicas.registry import Registry
from bot.calls.service import CallService
from bot.calls.state_machine import CallState
from bot.interpreting.plan import Layout
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.live_room import LiveRoom
from bot.live_room.shared_room import SharedRooms
from bot.outputs.listener_publisher import ListenerPublisher
from bot.outputs.transcript_writer import TranscriptWriter
from bot.tasks import ServiceTasks
from listeners.feed import Feed
from listeners.microphones import MicrophoneRefused
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from storage.key_value import KeyValueStore
from tests.support.booths import FakeBooths
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.media_streams import FakeMediaStream, NumberedSpeech
from tests.support.meeting import ADA, TWO_LANGUAGES, Answers
from webhooks.events import CallEnded, CallEvent, CallStarted, ParticipantsUpdated

ROOMS = {f"room-{n}": PlannedRoom(f"room-{n}", f"acs-{n}", TWO_LANGUAGES) for n in range(1, 5)}
SISTERS = {
    call_key("room-9", language): PlannedRoom(
        call_key("room-9", language), f"acs-9-{language}", replace(TWO_LANGUAGES, layout=Layout.SISTER)
    )
    for language in TWO_LANGUAGES.languages
}
"""The calls of a room with an ACS room per language: `acs-9-en-US` and `acs-9-es-ES`."""

WEB_ROOM = PlannedRoom("room-8", "", replace(TWO_LANGUAGES, layout=Layout.CHANNELS, web=True))
"""A room without a call."""

WALL_CLOCK = 1_800_000_000.0


def started(room: int | str = 1, call: str = "server-call-1") -> CallStarted:
    return CallStarted("event", f"acs-{room}", call)


def ended(room: int = 1, call: str = "server-call-1") -> CallEnded:
    return CallEnded("event", f"acs-{room}", call)


def report(connection: str = "connection-1", **more: Any) -> dict[str, Any]:
    common = {
        "event_id": "event",
        "call_connection_id": connection,
        "code": 200,
        "sub_code": 0,
    }
    return {**common, **more}


def roster(*raw_ids: str) -> ParticipantsUpdated:
    return ParticipantsUpdated(**report(sequence_number=next(_sequence), participants=raw_ids))


_sequence = itertools.count(1)


class FakeRoomPlans:
    """A RoomBook; may be slow."""

    def __init__(self) -> None:
        self.rooms = ROOMS | SISTERS | {WEB_ROOM.room_id: WEB_ROOM}
        self.takes_s = 0.0

    async def by_acs_room(self, acs_room_id: str) -> PlannedRoom | None:
        await asyncio.sleep(self.takes_s)
        if acs_room_id == "acs-broken":
            raise ConnectionError("the store is away")
        return next((room for room in self.rooms.values() if room.acs_room_id == acs_room_id), None)

    async def by_room(self, room_id: str) -> PlannedRoom | None:
        await asyncio.sleep(self.takes_s)
        return self.rooms.get(room_id)

    async def seat(self, room_id: str, participant_id: str) -> WebSeat:
        """Participants have their raw ids; those of rooms per language hear Spanish."""
        await asyncio.sleep(self.takes_s)
        if participant_id not in TWO_LANGUAGES.attendees:
            raise MicrophoneRefused("not_on_roster", "the participant is not on the roster")
        spanish = call_key(room_id, "es-ES")
        return WebSeat(spanish if spanish in self.rooms else room_id, participant_id)


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

    def closed(self, room_id: str, passage: LedgerRecord) -> None:
        self.open.discard((room_id, passage.utterance_id, passage.target))
        self.passages[room_id].append(passage)


class ServiceHarness:
    """A call service with everything round it."""

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
        self.plans = FakeRoomPlans()
        self.calls = calls or FakeCalls()
        self.booths = FakeBooths(Answers(seconds=2.0))
        self.records = records or Kept()
        self.state = state or InMemoryKeyValue(self.loop.time)
        self.registry = Registry(self.state, replica)
        self.frame_timer = FrameTimer()
        self.rooms: list[LiveRoom] = []
        self.tasks = ServiceTasks()
        self.shared_rooms = SharedRooms(self.tasks.spawn)
        self.service = CallService(
            rooms=self.plans,
            acs=self.calls,
            registry=self.registry,
            tasks=self.tasks,
            open_room=self._open_room,
            close_ledger=lambda key, prefix, reason: self.records.close_open(room_of(key), prefix, reason),
            addresses=CallAddresses("https://bot", "wss://bot"),
            max_calls=max_calls,
            wall_clock=lambda: WALL_CLOCK + self.loop.time() - self.began,
            clock=self.loop.time,
            emit=lambda kind, room_id, data: self.emitted.append((kind, room_id, data.get("reason"))),
        )
        self.active_calls = self.service.active_calls
        self.commands = self.service.commands
        self.dispatcher = self.service.dispatcher
        self.feed = Feed()
        self.emitted: list[tuple[str, str, object]] = []
        """Webhook events."""
        self.running: asyncio.Task[None]
        self._stack = AsyncExitStack()

    def _open_room(self, room: PlannedRoom, name: str) -> Interpreted:
        if is_per_language(room.room_id):
            return self.shared_rooms.share(
                room_of(room.room_id), stream_of(room.room_id), name, lambda name: self._live_room(room, name)
            )
        return self._live_room(room, name)

    def _live_room(self, room: PlannedRoom, name: str) -> LiveRoom:
        live = LiveRoom(
            room.plan,
            name=name,
            booths=self.booths,
            detectors=NumberedSpeech(),
            frame_timer=self.frame_timer,
            transcript=TranscriptWriter(self.records, room_of(room.room_id), 0),
            audience=ListenerPublisher(self.feed, room_of(room.room_id), 0),
            clock=self.loop.time,
        )
        self.rooms.append(live)
        return live

    async def __aenter__(self) -> ServiceHarness:
        self._start(self.frame_timer.run())
        self.running = self._start(self.service.run())
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
    def live_calls(self) -> int:
        return len(self.active_calls)

    @property
    def now(self) -> float:
        return round(self.loop.time() - self.began, 3)

    async def tell(self, *events: CallStarted | CallEnded, wait_s: float = 0.5) -> None:
        """Event Grid reports; and then some time passes."""
        for event in events:
            await self.dispatcher.deliver(event)
        await asyncio.sleep(wait_s)

    async def report(self, *events: CallEvent, number: int = 1, wait_s: float = 0.5) -> None:
        """Call Automation reports on the connection with this number."""
        for event in events:
            await self.dispatcher.deliver_call_event(self.calls.secret(number), event)
        await asyncio.sleep(wait_s)

    async def dial(self, number: int = 1) -> FakeMediaStream:
        """ACS opens the media socket of the connection with this number."""
        acs = FakeMediaStream(connection=f"connection-{number}")
        self.opened(acs, number)
        await asyncio.sleep(0.01)
        return acs

    def opened(self, acs: FakeMediaStream, number: int = 1) -> None:
        """Serve a media socket."""

        async def serve() -> None:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(acs.stream.write())
                await self.service.media_sockets.serve(acs.stream, self.calls.secret(number))
                writer.cancel()
            await acs.stream.close()

        self._start(serve())

    async def status(self, room: int = 1) -> tuple[CallState, str | None]:
        status = await self.commands.status(f"room-{room}")
        return status.state, status.reason
