"""Members of signaling at two replicas see and reach one another; in virtual time."""

from __future__ import annotations

import msgspec

from listeners.relay.members import SILENT_S
from listeners.rooms import Person
from listeners.sockets.members import Member
from tests.support.replicas import ROOM, Replica, Wire, passes, replicas
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time
ADA = Person("p-ada", "Ada", "en-US", "en-US", "8:acs:ada")


class Peer:
    """A member's socket."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def message(self, kind: str, **fields: object) -> str:
        return msgspec.json.encode({"type": kind, **fields}).decode()

    def post(self, text: str) -> None:
        self.heard.append(text)

    def kinds(self) -> list[str]:
        """Say what it was told of members, and of whom."""
        told = [msgspec.json.decode(text) for text in self.heard]
        return [f"{one['type']} {one['member']['name']}" for one in told if "member" in one]


def joins(replica: Replica, person: Person | None = None) -> tuple[Member, Peer]:
    replica.listens()
    peer = Peer()
    return replica.members.join(ROOM, peer, person), peer


async def test_members_of_two_replicas_see_one_another() -> None:
    async with replicas() as (one, two):
        listener, told = joins(one)
        await passes()
        ada, _ = joins(two, ADA)
        await passes()
        assert two.members.shown(ROOM) == [ada.shown(), listener.shown()]
        assert one.members.shown(ROOM) == [listener.shown(), ada.shown()]
        two.members.rename(ROOM, ada, "Ada Lovelace")
        two.members.mute(ROOM, "p-ada", True)
        await passes()
        two.members.mute(ROOM, "p-ada", False)
        await passes(10)
        two.members.leave(ROOM, ada)
        await passes()
        assert told.kinds() == [
            "joined Ada",
            "renamed Ada Lovelace",
            "muted Ada Lovelace",
            "unmuted Ada Lovelace",
            "left Ada Lovelace",
        ]


async def test_what_changes_in_a_room_is_said_in_that_room_alone() -> None:
    wire = Wire()
    async with replicas(2, wire) as (one, two):
        ada, _ = joins(one, ADA)
        for replica in (one, two):
            replica.listens()
            replica.feed.watch_room("room-2", lambda state: None)
        one.members.join("room-2", Peer(), None)
        await passes(3)
        wire.messages.clear()
        for number in range(10):
            one.members.rename(ROOM, ada, f"Ada {number}")
            await passes(0.1)
        said = [channel for channel, message in wire.messages if b'"members"' in message]
        assert said.count(f"{ROOM}/members") >= 10
        assert said.count("room-2/members") <= 2, "only that they are still there"


async def test_a_message_reaches_a_member_at_the_other_replica_alone() -> None:
    async with replicas(3) as (one, two, three):
        _, first = joins(one)
        ada, second = joins(two, ADA)
        _, third = joins(three)
        await passes()
        for peer in (first, second, third):
            peer.heard.clear()
        assert one.members.send(ROOM, ada.member_id, '{"type":"offer"}')
        assert not one.members.send(ROOM, "nobody", "{}")
        assert not one.members.send(ROOM, None, "{}")
        assert not one.members.send("room-2", ada.member_id, "{}")
        await passes(0.02)
        assert (first.heard, second.heard, third.heard) == ([], ['{"type":"offer"}'], [])


async def test_who_is_muted_at_one_replica_is_shown_so_by_their_socket_at_another() -> None:
    async with replicas() as (one, two):
        ada, told = joins(one, ADA)
        two.listens()
        await passes()
        two.members.mute(ROOM, "p-ada", True)
        await passes()
        assert ada.muted
        two.members.mute(ROOM, "p-ada", False)
        await passes()
        assert not ada.muted
        assert told.kinds() == ["muted Ada", "unmuted Ada"]


async def test_members_of_a_replica_that_is_gone_have_left() -> None:
    async with replicas() as (one, two):
        _, told = joins(one)
        joins(two, ADA)
        await passes()
        two.dies()
        await passes(SILENT_S + 1)
        assert told.kinds() == ["joined Ada", "left Ada"]
        two.channels.mend()
        await passes()
        assert told.kinds()[-1] == "joined Ada"


async def test_what_is_no_message_is_dropped_and_counted() -> None:
    async with replicas() as (one, two):
        _, told = joins(one)
        await passes()
        here = {"kind": "members", "sender": two.name}
        for refused in (
            b"",
            b"{}",
            b"[" * 100_000,
            b"x" * 2_000_000,
            msgspec.json.encode(here | {"sender": "nobody"}),
            msgspec.json.encode(here | {"members": [{"member_id": "<b>", "name": "x"}]}),
            msgspec.json.encode(here | {"members": [{"member_id": "0" * 12, "name": "x" * 300}]}),
        ):
            before = one.relay._members.refused
            one.relay._members.take(ROOM, refused)
            assert one.relay._members.refused == before + 1
        one.relay._members.take(ROOM, msgspec.json.encode(here | {"kind": "to", "member_id": "0" * 12, "text": "{}"}))
        one.relay._members.take("room-2", msgspec.json.encode(here))
        assert told.heard == []
