"""Signaling: presence, what the interpreter does, and messages from one member to another; in virtual time."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from listeners.feed import Feed
from listeners.messages import InterpreterSignal
from listeners.readers import Reader
from listeners.rooms import ListenedRoom, Person
from listeners.sockets.members import Members
from listeners.sockets.signaling import MESSAGES_PER_S, PURPOSES, SignalingSockets, shown_name
from tests.support.listeners import TICKETS, Application, SocketPeer, dialled, door
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time

ADA = Person("p-ada", "Ada", "en-US", "en-US", "8:acs:ada")


async def find(room_id: str) -> ListenedRoom:
    return ListenedRoom(room_id, "Weekly", ("en-US", "es-ES"), "active", {ADA.participant_id: ADA})


def application(feed: Feed) -> Application:
    members = Members(feed.listeners)
    feed.listeners_changed = members.listeners_changed
    sockets = SignalingSockets(feed, members, asyncio.get_running_loop().time)
    return partial(door(feed, find_room=find).admit, purposes=PURPOSES, open_socket=sockets.open, tag="type")


def listener(room_id: str = "room-1") -> SocketPeer:
    return SocketPeer(f"/ws/signaling/{room_id}", ticket=TICKETS.issue("signaling", room_id)[0])


def ada() -> SocketPeer:
    ticket, _ = TICKETS.issue("speak", "room-1", participant_id="p-ada")
    return SocketPeer("/ws/signaling/room-1", ticket=ticket)


async def hello_of(one: SocketPeer) -> dict[str, Any]:
    return await one.hears_kind("hello")


async def test_members_learn_of_one_another() -> None:
    app = application(Feed())
    async with dialled(app, listener()) as first:
        alone = await hello_of(first)
        assert alone["members"] == [{"member_id": alone["member_id"], "name": ""}]
        async with dialled(app, ada()) as second:
            hello = await hello_of(second)
            shown = {
                "member_id": hello["member_id"],
                "participant_id": "p-ada",
                "speaker_id": "8:acs:ada",
                "name": "Ada",
                "speaks": "en-US",
                "hears": "en-US",
                "muted": False,
            }
            assert hello["members"] == [*alone["members"], shown]
            assert await first.hears() == {"type": "joined", "member": shown}
            second.says({"type": "username", "name": " Ada\u202e \n Lovelace\x00"})
            renamed = {"type": "renamed", "member": {**shown, "name": "Ada Lovelace"}}
            assert await first.hears() == renamed
            assert await second.hears() == renamed
        assert await first.hears() == {"type": "left", "member": renamed["member"]}


async def test_who_may_not_speak_has_no_name() -> None:
    async with dialled(application(Feed()), listener()) as one, dialled(application(Feed()), ada()) as speaker:
        await hello_of(one)
        await hello_of(speaker)
        one.says({"type": "username", "name": "Mallory"})
        assert (await one.hears())["error"]["code"] == "not_allowed"
        for name in (None, "", "\u202e", "x" * 65, ["Ada"]):
            speaker.says({"type": "username", "name": name})
            assert (await speaker.hears())["error"]["code"] == "malformed"


@pytest.mark.parametrize(("written", "shown"), [("  A  b ", "A b"), ("<b>", "<b>"), ("\x00", None), (7, None)])
async def test_names(written: object, shown: str | None) -> None:
    assert shown_name(written) == shown


async def test_offers_go_to_the_member_they_are_for_and_to_nobody_else() -> None:
    app = application(Feed())
    async with (
        dialled(app, listener()) as one,
        dialled(app, listener()) as two,
        dialled(app, listener()) as three,
        dialled(app, listener("room-2")) as foreign,
    ):
        ids = [(await hello_of(peer))["member_id"] for peer in (one, two, three, foreign)]
        two.says({"type": "offer", "to": ids[0], "sdp": "v=0", "from": "forged"})
        offer = {"type": "offer", "to": ids[0], "sdp": "v=0", "from": ids[1]}
        assert await one.hears_kind("offer") == offer
        for to in (ids[3], ids[1], "nobody", None, ["x"]):
            two.says({"type": "candidate", "to": to})
            assert (await two.hears_kind("error"))["error"]["code"] == "no_such_member"
        await asyncio.sleep(1)
        heard = [await three.hears() for _ in range(three.sent.qsize())]
        assert not [message for message in heard if message["type"] in ("offer", "candidate")]
        assert foreign.sent.empty()


async def test_more_messages_than_allowed_are_dropped() -> None:
    app = application(Feed())
    async with dialled(app, listener()) as one, dialled(app, listener()) as two:
        to = (await hello_of(one))["member_id"]
        await hello_of(two)
        for number in range(int(MESSAGES_PER_S) + 3):
            two.says({"type": "candidate", "to": to, "number": number})
        codes = [(await two.hears_kind("error"))["error"]["code"] for _ in range(3)]
        assert codes == ["too_many"] * 3
        await asyncio.sleep(0.1)
        two.says({"type": "dance"})
        assert (await two.hears_kind("error"))["error"]["code"] == "unknown_message"
        two.says(b"\x00")
        assert (await two.hears_kind("error"))["error"]["code"] == "unknown_message"
        heard = [await one.hears() for _ in range(one.sent.qsize())]
        numbers = [message["number"] for message in heard if message["type"] == "candidate"]
        assert numbers == list(range(int(MESSAGES_PER_S)))


async def test_what_the_interpreter_does_is_in_hello_and_comes_as_it_changes() -> None:
    feed = Feed(wall_clock=lambda: 1_800_000_000.0)
    feed.call_began("room-1")
    feed.interpreter("room-1", InterpreterSignal("listening"))
    feed.speaking("room-1", frozenset({"8:ada"}))
    feed.voice_begins("room-1", "8:ada", "es-ES")
    async with dialled(application(feed), listener()) as one:
        hello = await hello_of(one)
        assert hello["interpreter"] == {"state": "listening", "behind_ms": 0, "reason": ""}
        assert hello["speaking"] == ["8:ada"]
        suppressed = await one.hears()
        assert suppressed == {
            "type": "suppress_original",
            "speaker_id": "8:ada",
            "language": "es-ES",
            "at_us": 1_800_000_000_000_000,
        }
        feed.interpreter("room-1", InterpreterSignal("listening"))  # no news
        feed.interpreter("room-1", InterpreterSignal("behind", 2500))
        feed.speaking("room-1", frozenset({"8:ben"}))
        assert await one.hears() == {"type": "interpreter", "state": "behind", "behind_ms": 2500, "reason": ""}
        assert await one.hears() == {"type": "speaking", "speaker_id": "8:ada", "speaking": False}
        assert await one.hears() == {"type": "speaking", "speaker_id": "8:ben", "speaking": True}
        feed.room_state("room-1", "paused")
        assert await one.hears() == {"type": "room", "state": "paused"}


async def test_listeners_are_counted_by_language_once_a_second_at_most() -> None:
    feed = Feed()
    before = feed.read_audio("room-1", "es-ES")
    async with dialled(application(feed), listener()) as one:
        hello = await hello_of(one)
        assert (hello["listener_count"], hello["listeners"]) == (1, {"es-ES": 1})
        readers: list[Reader[Any]] = [feed.read_captions("room-1", "es-ES"), feed.read_captions("room-1"), before]
        readers += [feed.read_audio("room-1", "en-US") for _ in range(5)]
        counted = await one.hears_kind("listener_count")
        assert counted == {"type": "listener_count", "count": 6, "by_language": {"en-US": 5, "es-ES": 1}}
        for reader in readers:
            reader.close()
        assert (await one.hears_kind("listener_count"))["count"] == 0
        await asyncio.sleep(5)
        assert one.sent.empty()


async def test_a_muted_microphone_is_shown_and_remembered() -> None:
    feed = Feed()
    members = Members(feed.listeners)

    class Socket:
        def __init__(self) -> None:
            self.told: list[str] = []

        def message(self, kind: str, **fields: Any) -> str:
            return f"{kind} {fields['member']['muted']}"

        def post(self, text: str) -> None:
            self.told.append(text)

    watcher, first = Socket(), Socket()
    members.join("room-1", watcher, None)
    member = members.join("room-1", first, ADA)
    members.mute("room-1", "p-ada", True)
    members.mute("room-1", "p-ada", True)
    again = members.join("room-1", Socket(), ADA)
    assert again.muted
    members.mute("room-1", "p-ada", False)
    assert watcher.told == ["joined False", "muted True", "joined True", "unmuted False", "unmuted False"]
    assert not member.muted
    members.rename("room-1", again, "Ada L.")
    assert again.shown()["name"] == "Ada L."
