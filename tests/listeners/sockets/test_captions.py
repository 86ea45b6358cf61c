"""Captions over a socket and as events: resumed without loss or repetition, marked, typed; in virtual time."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest

from http_serving.errors import Conflict
from listeners.feed import CAPTIONS_LOST_LIMIT, Feed
from listeners.messages import CaptionMessage
from listeners.sockets import captions
from listeners.sockets.captions import PURPOSES, CaptionSockets, CaptionStream, position_of
from listeners.sockets.closing import CloseCode, SocketRefused
from listeners.sockets.door import Asked
from tests.support.listeners import ROOM, TICKETS, Application, SocketPeer, dialled, door, match
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


def caption(utterance: int, revision: int = 1, language: str = "es-ES", **more: Any) -> CaptionMessage:
    text = f"{utterance}.{revision}"
    return CaptionMessage(
        "room-1", f"u-{utterance}", revision, "8:acs:ada", "Ada", language, text, False, 1000 * utterance, **more
    )


def application(feed: Feed, **options: Any) -> Application:
    sockets = CaptionSockets(feed, **options)
    return partial(door(feed).admit, purposes=PURPOSES, open_socket=sockets.open, tag="event")


def peer(purpose: Any = "captions", participant_id: str | None = None, **query: Any) -> SocketPeer:
    ticket, _ = TICKETS.issue(purpose, "room-1", participant_id=participant_id)
    return SocketPeer("/ws/captions/room-1", ticket=ticket, **query)


async def test_a_late_reader_gets_history_and_then_what_is_said() -> None:
    feed = Feed(wall_clock=lambda: 1_800_000_000.0)
    feed.call_began("room-1")
    feed.caption(caption(1, original=True))
    feed.caption(caption(9), pinned=True)
    async with dialled(application(feed), peer(language="es")) as one:
        hello = await one.hears_kind("hello")
        assert (hello["language"], hello["resumed"]) == ("es-ES", None)
        assert await one.hears() == {
            "event": "caption",
            "room_id": "room-1",
            "utterance_id": "u-1",
            "revision": 1,
            "speaker_id": "8:acs:ada",
            "speaker_name": "Ada",
            "language": "es-ES",
            "text": "1.1",
            "is_final": False,
            "timestamp_ms": 1000,
            "original": True,
            "position": "1800000000000001",
            "history": True,
        }
        pinned = await one.hears()
        assert (pinned["pinned"], pinned["history"], pinned["original"]) == (True, True, False)
        feed.caption(caption(2, language="en-US"))
        feed.caption(caption(3, typed=True))
        live = await one.hears()
        assert (live["utterance_id"], live["typed"], "history" in live) == ("u-3", True, False)


async def test_who_comes_back_learns_whether_all_is_still_there() -> None:
    feed = Feed(replayed_lines=2)
    feed.call_began("room-1")
    feed.caption(caption(1))
    async with dialled(application(feed), peer()) as one:
        await one.hears_kind("hello")
        position = (await one.hears())["position"]
    feed.caption(caption(2))
    async with dialled(application(feed), peer(after=position)) as one:
        assert (await one.hears_kind("hello"))["resumed"] is True
        assert (await one.hears())["text"] == "2.1"
    feed.caption(caption(3))
    feed.caption(caption(4))
    async with dialled(application(feed), peer(after=position)) as one:
        assert (await one.hears_kind("hello"))["resumed"] is False
        assert [(await one.hears())["text"] for _ in range(2)] == ["3.1", "4.1"]


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "²", "9" * 21])
async def test_a_position_that_was_never_given_is_refused(after: str) -> None:
    async with dialled(application(Feed()), peer(after=after)) as one:
        assert await one.refusal() == (400, "after")
    with pytest.raises(SocketRefused):
        position_of(after)


async def test_a_slow_reader_is_closed_and_another_is_not_delayed() -> None:
    feed = Feed(caption_limit=10, replayed_lines=10)
    feed.call_began("room-1")
    app = application(feed)
    async with dialled(app, peer()) as slow, dialled(app, peer()) as quick:
        await slow.hears_kind("hello")
        await quick.hears_kind("hello")
        slow.reads.clear()
        for number in range(CAPTIONS_LOST_LIMIT + 20):
            feed.caption(caption(number))
            assert (await quick.hears())["utterance_id"] == f"u-{number}"
        await asyncio.sleep(1)
        slow.reads.set()
        assert await slow.closed() == (CloseCode.TOO_SLOW, "too_slow")
    assert feed.statistics().cut_readers == 1
    assert feed.statistics().readers == 0


async def take(room_id: str, participant_id: str, text: str, language: str | None) -> str:
    if text == "too late":
        raise Conflict("the room has ended")
    return f"{room_id}/{participant_id}/{text}/{language}"


async def test_typed_text_is_taken_from_who_may_speak() -> None:
    async with dialled(application(Feed(), take_message=take), peer("speak", "p-1")) as one:
        await one.hears_kind("hello")
        one.says({"event": "message", "text": "hi", "client_id": "c-1", "language": "en-US"})
        accepted = {"event": "message_accepted", "client_id": "c-1", "utterance_id": "room-1/p-1/hi/en-US"}
        assert await one.hears() == accepted
        one.says({"event": "message", "text": "too late"})
        assert (await one.hears())["error"] == {"code": "conflict", "message": "the room has ended"}


class Taker:
    """Takes typed texts in half a second, after refusing some."""

    def __init__(self, refusals: int = 0) -> None:
        self.taken: list[tuple[str, str]] = []
        self._refusals = refusals

    async def __call__(self, room_id: str, participant_id: str, text: str, language: str | None) -> str:
        await asyncio.sleep(0.5)
        if self._refusals:
            self._refusals -= 1
            raise Conflict("paused")
        self.taken.append((participant_id, text))
        return f"u-{len(self.taken)}"


HI = {"event": "message", "text": "hi", "client_id": "c-1"}


@pytest.mark.parametrize("refusals", [0, 1])
async def test_a_message_that_comes_again_is_taken_once_over_whichever_socket(refusals: int) -> None:
    taker = Taker(refusals)
    app = application(Feed(), take_message=taker)
    async with dialled(app, peer("speak", "p-1")) as lost, dialled(app, peer("speak", "p-1")) as again:
        for one in (lost, again):
            await one.hears_kind("hello")
            one.says(HI)
        again.says(HI)
        answers = [await lost.hears(), await again.hears(), await again.hears()]
        accepted = [one for one in answers if one["event"] == "message_accepted"]
        assert [one["utterance_id"] for one in accepted] == ["u-1"] * (3 - refusals)
        assert all(one["client_id"] == "c-1" for one in answers)
    assert taker.taken == [("p-1", "hi")]


async def test_a_socket_that_is_lost_meanwhile_leaves_the_message_to_the_next() -> None:
    taker = Taker()
    app = application(Feed(), take_message=taker)
    one, other = peer("speak", "p-1"), peer("speak", "p-1")
    serving = asyncio.create_task(app(one.scope, one.receive, one.send))
    await one.hears_kind("hello")
    one.says(HI)
    async with dialled(app, other):
        await other.hears_kind("hello")
        await asyncio.sleep(0.1)
        other.says(HI)
        await asyncio.sleep(0.1)
        serving.cancel()
        assert (await other.hears())["utterance_id"] == "u-1"
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert taker.taken == [("p-1", "hi")]


async def test_other_messages_are_other_messages_and_the_oldest_are_forgotten() -> None:
    taker = Taker()
    app = application(Feed(), take_message=taker)
    others: list[dict[str, Any]] = [HI | {"text": "hello"}, HI | {"client_id": "c-2"}, HI | {"language": "en-US"}]
    nameless = {"event": "message", "text": "hi"}
    with patch.object(captions, "KNOWN_MESSAGES", 4):
        async with dialled(app, peer("speak", "p-1")) as one, dialled(app, peer("speak", "p-2")) as other:
            await one.hears_kind("hello")
            await other.hears_kind("hello")
            for sender, message in [(one, HI), *((one, each) for each in others), (one, nameless), (one, nameless)]:
                sender.says(message)
                await sender.hears_kind("message_accepted")
            assert len(taker.taken) == 6
            one.says(HI)
            assert (await one.hears_kind("message_accepted"))["utterance_id"] == "u-1"
            other.says(HI)
            assert (await other.hears_kind("message_accepted"))["utterance_id"] == "u-7"
            one.says(HI)
            assert (await one.hears_kind("message_accepted"))["utterance_id"] == "u-8", "four others came since"


@pytest.mark.parametrize(
    ("purpose", "message", "code"),
    [
        ("captions", {"text": "hi"}, "not_allowed"),
        ("speak", {"text": 7}, "malformed"),
        ("speak", {}, "malformed"),
        ("speak", {"text": "hi", "language": 7}, "malformed"),
        ("speak", {"text": "hi", "client_id": "c" * 65}, "malformed"),
        ("speak", {"text": "hi", "client_id": ["c"]}, "malformed"),
        ("speak", {"text": "hi"}, "not_available"),
    ],
)
async def test_other_text_is_refused(purpose: str, message: dict[str, object], code: str) -> None:
    async with dialled(application(Feed()), peer(purpose, "p-1")) as one:
        await one.hears_kind("hello")
        one.says({"event": "message", **message})
        assert (await one.hears())["error"]["code"] == code


async def test_frames_are_not_for_this_socket() -> None:
    async with dialled(application(Feed()), peer()) as one:
        await one.hears_kind("hello")
        one.says(b"\x01\x02")
        assert (await one.hears())["error"]["code"] == "unknown_message"


# --- server-sent events


def stream(feed: Feed, last_event_id: str | None = None, **query: str) -> CaptionStream:
    asked = Asked(TICKETS.issue("captions", "room-1")[1], ROOM, query, match)
    return CaptionSockets(feed).stream(asked, last_event_id)


def data(event: bytes) -> Any:
    return json.loads(event.decode().partition("data: ")[2])


async def test_events_carry_the_same_captions_and_their_positions() -> None:
    feed = Feed(wall_clock=lambda: 1_800_000_000.0)
    feed.call_began("room-1")
    feed.caption(caption(1))
    events = stream(feed, language="es")
    assert await anext(events) == b"retry: 2000\n\n"
    assert data(await anext(events)) == {
        "event": "hello",
        "room_id": "room-1",
        "room_state": "active",
        "languages": ["en-US", "es-ES"],
        "heartbeat_ms": 10_000,
        "language": "es-ES",
        "resumed": None,
    }
    line = await anext(events)
    assert line.startswith(b"id: 1800000000000001\ndata: {")
    assert (data(line)["text"], data(line)["history"]) == ("1.1", True)
    assert await anext(events) == b": heartbeat\n\n"
    again = stream(feed, "1800000000000001", after="0")
    feed.caption(caption(2))
    await anext(again)
    assert data(await anext(again))["resumed"] is True
    assert data(await anext(again))["text"] == "2.1"
    for one in (events, again):
        one.close()
    assert [event async for event in events] != []


async def test_events_tell_of_the_room_and_end_with_it() -> None:
    feed = Feed()
    events = stream(feed)
    for _ in range(2):
        await anext(events)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(anext(events))
        await asyncio.sleep(1)
        events.tell_room_state("paused")
        events.tell_room_state("active")
    assert data(waiting.result()) == {"event": "room", "state": "paused"}
    assert data(await anext(events)) == {"event": "room", "state": "active"}
    events.tell_room_state("ended")
    assert [data(event) for event in [one async for one in events]] == [{"event": "room", "state": "ended"}]


async def test_events_end_with_a_drain() -> None:
    events = stream(Feed())
    for _ in range(2):
        await anext(events)
    events.drain(1500)
    assert [one async for one in events] == [
        b'data: {"event":"draining","reconnect_after_ms":1500}\n\n',
        b"retry: 1500\n\n",
    ]
