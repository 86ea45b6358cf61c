"""What listeners are told of rooms: found for any room, and published as the calls of this replica change."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.calls.environment import Interpreted
from bot.calls.state_machine import CallState
from bot.interpreting.lane_status import LaneState, LaneView
from bot.interpreting.plan import Lane
from bot.listening.listener_rooms import BEHIND_EVERY_S, BEHIND_MS, ListenerRooms, WatchedCall, closest, condition
from bot.listening.room_changes import RoomChanges
from listeners.feed import Feed
from listeners.rooms import Person
from rooms_admin.api import InterpreterState
from rooms_admin.rooms.room import Room
from storage.errors import StoreUnavailable
from tests.support.in_memory_stores import InMemoryRooms
from tests.support.rooms import room as stored

LANE = Lane("8:ada", "en-US", "es-ES")


class Calls:
    """Calls of this replica, as a test sets them."""

    def __init__(self) -> None:
        self.session = SimpleNamespace(paused=False, speaking=frozenset[str](), queued_ms=0.0, open_entries=[])
        self.views: list[LaneView] = []
        self.states: dict[str, CallState] = {}

    @property
    def live(self) -> Interpreted:
        lanes = SimpleNamespace(views=lambda: self.views)
        return cast(Interpreted, SimpleNamespace(session=self.session, lanes=lanes))

    def __call__(self) -> list[WatchedCall]:
        calls = [
            SimpleNamespace(room=SimpleNamespace(room_id=key), state=state, live=self.live)
            for key, state in self.states.items()
        ]
        return cast(list[WatchedCall], calls)


class Stage:
    def __init__(self, status: Any = "idle", until: timedelta = timedelta(days=1)) -> None:
        self.now = 100.0
        self.calls, self.feed, self.store = Calls(), Feed(), InMemoryRooms()
        self.room = replace(stored(1), valid_until=datetime.now(UTC) + until)
        self.status = status
        self.rooms = ListenerRooms(self.store.get, self._state, self.calls, self.feed, lambda: self.now)
        self.told: list[str] = []

    async def _state(self, room_id: str) -> InterpreterState:
        return InterpreterState(self.status)

    async def open(self) -> None:
        await self.store.add(self.room)
        self.feed.watch_room("room-1", self.told.append)
        self.signals = self.feed.read_signals("room-1")

    async def heard(self) -> list[dict[str, Any]]:
        self.signals.close()
        found = [one async for one in self.signals]
        self.signals = self.feed.read_signals("room-1")
        return [{"type": one.type, **{name: getattr(one, name) for name in one.__struct_fields__}} for one in found]


@pytest.mark.parametrize(
    ("status", "state"),
    [("idle", "created"), ("waiting", "created"), ("interpreting", "active"), ("paused", "paused"),
     ("interrupted", "active"), ("stopped", "created")],
)  # fmt: skip
async def test_a_room_is_found_with_its_people_and_its_state(status: str, state: str) -> None:
    stage = Stage(status)
    await stage.open()
    found = await stage.rooms.find("room-1")
    assert found is not None
    assert (found.name, found.languages, found.state) == ("Board", ("en-US", "es-ES"), state)
    assert found.people == {"participant-1": Person("participant-1", "Ada", "en-US", "en-US", "8:acs:a")}
    assert await stage.rooms.find("room-2") is None


async def test_an_expired_room_has_ended() -> None:
    stage = Stage("interpreting", -timedelta(seconds=1))
    await stage.open()
    found = await stage.rooms.find("room-1")
    assert found is not None
    assert found.state == "ended"


async def test_a_room_that_expires_ends_for_its_listeners_unless_it_was_prolonged() -> None:
    stage = Stage(until=timedelta(milliseconds=30))
    await stage.open()
    await stage.rooms.find("room-1")
    stage.rooms.changed(replace(stage.room, valid_until=datetime.now(UTC) + timedelta(days=1)))
    await asyncio.sleep(0.05)
    await stage.rooms.end_expired()
    assert stage.told == []
    await stage.rooms.find("room-1")
    stage.rooms.changed(stored(2))
    await stage.rooms.end_expired()
    assert stage.told == ["ended"]


async def test_a_room_that_was_prolonged_at_another_replica_goes_on() -> None:
    stage = Stage(until=timedelta(milliseconds=30))
    await stage.open()
    await stage.rooms.find("room-1")
    later = datetime.now(UTC) + timedelta(days=1)
    await stage.store.update("room-1", lambda room: replace(room, valid_until=later))
    await asyncio.sleep(0.05)
    await stage.rooms.end_expired()
    assert stage.told == []
    await stage.store.update("room-1", lambda room: replace(room, valid_until=datetime.now(UTC)))
    stage.rooms.changed(replace(stage.room, valid_until=datetime.now(UTC)))
    await stage.rooms.end_expired()
    assert stage.told == ["ended"]


async def test_a_room_ends_later_if_its_store_is_away_when_it_expires() -> None:
    stage = Stage(until=timedelta(milliseconds=30))
    await stage.open()
    await stage.rooms.find("room-1")
    find, answers, ended = stage.rooms._find_stored, asyncio.Event(), asyncio.Event()
    stage.feed.watch_room("room-1", lambda state: ended.set())

    async def away(room_id: str) -> Room | None:
        stage.rooms._find_stored = find
        answers.set()
        raise StoreUnavailable("Redis does not answer")

    stage.rooms._find_stored = away
    running = asyncio.create_task(stage.rooms.run())
    await answers.wait()
    assert stage.told == []
    await ended.wait()
    running.cancel()
    assert stage.told == ["ended"]


async def test_a_room_nobody_follows_is_not_kept_in_mind() -> None:
    stage = Stage()
    await stage.store.add(stage.room)
    await stage.rooms.find("room-1")
    await stage.rooms.end_expired()
    assert not stage.rooms._until


async def test_states_are_published_as_they_change() -> None:
    stage = Stage()
    await stage.open()
    for states, paused in (
        ({}, False),
        ({"room-1": CallState.CONNECTING}, False),
        ({"room-1": CallState.STREAMING}, False),
        ({"room-1": CallState.STREAMING}, False),
        ({"room-1": CallState.BY_BROWSER}, True),
        ({"room-1": CallState.INTERRUPTED}, True),
        ({"room-1/en-US": CallState.CONNECTING, "room-1/es-ES": CallState.STREAMING}, False),
        ({}, False),
    ):
        stage.calls.states, stage.calls.session.paused = states, paused
        stage.rooms.look()
    assert stage.told == ["active", "paused", "active", "created"]


async def test_who_speaks_and_what_the_interpreter_does_is_published() -> None:
    stage = Stage()
    await stage.open()
    stage.calls.states = {"room-1": CallState.STREAMING}
    stage.calls.session.speaking = frozenset({"8:ada"})
    stage.rooms.look()
    stage.rooms.look()
    stage.calls.states = {"room-1": CallState.ENDED}
    stage.rooms.look()
    assert await stage.heard() == [
        {"type": "interpreter", "state": "listening", "behind_ms": 0, "reason": ""},
        {"type": "speaking", "speaker_id": "8:ada", "speaking": True},
        {"type": "speaking", "speaker_id": "8:ada", "speaking": False},
        {"type": "interpreter", "state": "off", "behind_ms": 0, "reason": ""},
    ]


async def test_how_far_it_is_behind_is_said_once_a_second() -> None:
    stage = Stage()
    await stage.open()
    stage.calls.states = {"room-1": CallState.STREAMING}
    for queued_ms in (BEHIND_MS, BEHIND_MS + 100, BEHIND_MS + 200):
        stage.calls.session.queued_ms = queued_ms
        stage.rooms.look()
    stage.now += BEHIND_EVERY_S
    stage.rooms.look()
    stage.calls.session.queued_ms = 0
    stage.rooms.look()
    stage.calls.session.queued_ms = BEHIND_MS
    stage.rooms.look()
    assert [one["behind_ms"] for one in await stage.heard()] == [2000, 2200, 0, 2000]
    stage.calls.states = {}
    stage.rooms.look()
    assert not stage.rooms._behind


def view(state: LaneState = LaneState.OPEN, engine: str = "", reason: str = "", lane: Lane = LANE) -> LaneView:
    return LaneView(lane, state, engine, reason, spans_ms=deque())


@pytest.mark.parametrize(
    ("views", "state", "reason"),
    [
        ([], "listening", ""),
        ([view(engine="conversation")], "listening", ""),
        ([view(engine="captions", reason="quota")], "captions_only", "quota"),
        ([view(LaneState.REFUSED, reason="http_401")], "captions_only", "http_401"),
        ([view(engine="captions", reason="quota"), view(engine="translation")], "listening", ""),
        ([view(LaneState.PARKED, engine="captions", reason="quota")], "listening", ""),
        ([view(engine="passthrough", lane=Lane("8:ada", "en-US", "en-US"))], "listening", ""),
    ],
)
async def test_an_interpreter_without_a_voice_says_why(views: list[LaneView], state: str, reason: str) -> None:
    calls = Calls()
    calls.views = views
    assert (condition(calls.live).state, condition(calls.live).reason) == (state, reason)


async def test_it_is_interpreting_while_something_is_open_and_paused_before_all_else() -> None:
    calls = Calls()
    calls.session.open_entries = ["an entry"]
    assert condition(calls.live).state == "interpreting"
    calls.session.paused = True
    assert condition(calls.live).state == "paused"


@pytest.mark.parametrize(
    ("wanted", "languages", "found"),
    [
        ("es", ("en-US", "es-ES"), "es-ES"),
        ("ES-es", ("en-US", "es-MX", "es-ES"), "es-ES"),
        ("es-MX", ("en-US", "es-ES"), "es-ES"),
        ("zh-TW", ("zh-CN", "zh-Hant"), "zh-Hant"),
        ("zh", ("zh-Hant", "zh-CN"), "zh-CN"),
        ("zh-TW", ("zh-CN",), "zh-CN"),
        ("fr", ("en-US", "es-ES"), None),
        ("", ("en-US",), None),
    ],
)
def test_the_language_that_serves_a_reader(wanted: str, languages: tuple[str, ...], found: str | None) -> None:
    assert closest(wanted, languages) == found


async def test_the_end_of_a_stored_room_reaches_all_that_depends_on_it() -> None:
    stage = Stage()
    await stage.open()
    noted: list[str] = []
    calls = SimpleNamespace(
        change_plan=lambda room_id, plan: noted.append(f"plan of {room_id}"),
        room_deleted=lambda room_id: noted.append(f"end of {room_id}"),
    )
    archive: Any = SimpleNamespace(forget=lambda room_id: noted.append(f"archive of {room_id}"))
    subscriptions: Any = SimpleNamespace(forget_room=lambda room_id: noted.append(f"subscriptions of {room_id}"))
    changes = RoomChanges(calls, archive, subscriptions, stage.feed, stage.rooms)
    room: Room = stage.room
    changes.changed(room)
    changes.removed(room)
    assert noted == ["plan of room-1", "end of room-1", "archive of room-1", "subscriptions of room-1"]
    assert stage.told == ["ended"]
