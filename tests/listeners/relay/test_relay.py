"""Listeners of one replica follow a room that another one interprets; in virtual time, over channels in memory."""

from __future__ import annotations

from typing import Any

import msgspec

from listeners.feed import REPLAYED_LINES
from listeners.messages import CaptionMessage, InterpreterSignal, SignalMessage, SpeakingSignal
from listeners.readers import Reader
from listeners.relay.listening import Listening
from listeners.relay.messages import LARGEST
from listeners.relay.relay import KEPT_S, SILENT_S
from listeners.rooms import PINNED_LINES, ListenedRoom
from rooms_admin.rooms.requests import MOST_CHARACTERS
from tests.support.replicas import ROOM, Replica, Wire, passes, read, replicas
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


def caption(utterance: int, revision: int = 1, *, room: str = ROOM, language: str = "es-ES") -> CaptionMessage:
    return CaptionMessage(
        room, f"u-{utterance}", revision, "8:acs:ada", "Ada", language, f"{utterance}.{revision}", True, 5
    )


async def texts(reader: Reader[Any]) -> list[str]:
    return [line.caption.text for line in await read(reader)]


async def test_what_one_replica_publishes_is_read_at_the_other() -> None:
    async with replicas() as (owner, other):
        owner.feed.call_began(ROOM)
        everything, spanish = other.feed.read_captions(ROOM), other.feed.read_captions(ROOM, "es-ES")
        signals = other.feed.read_signals(ROOM)
        other.listens()
        await passes()
        owner.feed.room_state(ROOM, "active")
        owner.feed.caption(caption(1))
        owner.feed.caption(caption(2, language="en-US"), ("en-US", "en-GB"))
        owner.feed.voice_begins(ROOM, "8:acs:ada", "es-ES")
        owner.feed.interpreter(ROOM, InterpreterSignal("interpreting"))
        owner.feed.speaking(ROOM, frozenset({"8:acs:ada"}))
        owner.feed.lane_served(ROOM, "8:acs:ada", "es-ES", "captions", "quota")
        await passes(0.01)
        lines = await read(everything)
        assert [line.caption.text for line in lines] == ["1.1", "2.1"]
        assert lines[1].languages == ("en-US", "en-GB")
        assert [line.position for line in lines] == [line.position for line in owner.feed.kept(ROOM)[0]]
        assert await texts(spanish) == ["1.1"]
        assert other.states == ["active"]
        assert {type(signal).__name__ for signal in await read(signals)} == {
            "SignalMessage",
            "InterpreterSignal",
            "SpeakingSignal",
            "LaneSignal",
        }
        assert other.feed.present(ROOM) == owner.feed.present(ROOM)
        owner.feed.call_ended(ROOM)
        await passes()
        assert other.states == ["active", "created"]
        assert other.feed.present(ROOM) == (InterpreterSignal("off"), frozenset())


async def test_nothing_is_published_of_a_room_that_no_other_replica_follows() -> None:
    wire = Wire()
    async with replicas(2, wire) as (owner, _):
        owner.feed.call_began(ROOM)
        await passes(2)
        said = len(wire.messages)
        for number in range(10):
            owner.feed.caption(caption(number))
        await passes(10)
        assert len(wire.messages) == said, "not even that it is there"


async def test_a_room_is_followed_no_longer_than_somebody_listens() -> None:
    async with replicas() as (owner, other):
        owner.feed.call_began(ROOM)
        reader = other.feed.read_captions(ROOM, "es-ES")
        await passes()
        assert owner.feed.listeners(ROOM) == {"es-ES": 1}
        reader.close()
        await passes()
        assert owner.feed.listeners(ROOM) == {}
        assert ROOM in other.channels.subscribed
        await passes(KEPT_S)
        assert ROOM not in other.channels.subscribed


async def test_listeners_of_all_replicas_are_counted_and_have_their_languages_interpreted() -> None:
    async with replicas(3) as (owner, one, two):
        wanted: list[set[str]] = []
        owner.feed.call_began(ROOM, lambda languages, listened: wanted.append(set(languages)))
        changes: list[str] = []
        owner.feed.listeners_changed = changes.append
        readers = [each.feed.read_captions(ROOM, "es-ES") for each in (owner, one, two, two)]
        french = two.feed.read_captions(ROOM, "fr-FR")
        await passes()
        for each in (owner, one, two):
            assert each.feed.listeners(ROOM) == {"es-ES": 4, "fr-FR": 1}
        assert wanted[-1] == {"es-ES", "fr-FR"}
        assert changes
        french.close()
        await passes()
        assert wanted[-1] == {"es-ES"}
        for reader in readers[1:]:
            reader.close()
        await passes()
        assert owner.feed.listeners(ROOM) == {"es-ES": 1}


async def test_who_comes_late_is_given_what_was_said_before_the_socket_opens() -> None:
    async with replicas() as (owner, other):
        owner.feed.call_began(ROOM)
        owner.feed.caption(caption(1))
        owner.feed.caption(caption(2), pinned=True)
        owner.feed.voice_begins(ROOM, "8:acs:ada", "es-ES")
        middle = owner.feed.kept(ROOM)[0][0].position
        await passes()

        async def find(room_id: str) -> ListenedRoom | None:
            return ListenedRoom(room_id, "Weekly", ("es-ES",), "active") if room_id == ROOM else None

        find_here = Listening(find, other.relay.open_microphone, other.members).with_others(other.relay).find_room
        assert await find_here(ROOM) == await find(ROOM)
        assert await find_here("none") is None
        assert other.feed.keeps_all_since(ROOM, middle)
        lines = other.feed.read_captions(ROOM)
        signals = other.feed.read_signals(ROOM)
        assert await texts(lines) == ["1.1", "2.1"]
        assert [one.type for one in await read(signals)] == ["suppress_original"]
        assert await texts(other.feed.read_captions(ROOM, since=middle)) == ["2.1"]


async def test_missed_messages_are_asked_for() -> None:
    async with replicas() as (owner, other):
        owner.feed.call_began(ROOM)
        reader, signals = other.feed.read_captions(ROOM), other.feed.read_signals(ROOM)
        await passes()
        owner.feed.caption(caption(1))
        owner.feed.voice_begins(ROOM, "8:acs:ada", "es-ES")
        await passes()
        other.channels.cut()
        owner.feed.caption(caption(2))
        owner.feed.caption(caption(1, 2))
        owner.feed.voice_ends(ROOM, "8:acs:ada", "es-ES")
        await passes()
        other.channels.mend()
        await passes()
        owner.feed.caption(caption(3))
        await passes()
        assert await texts(reader) == ["2.1", "1.2", "3.1"], "each once; of a line its latest revision"
        assert [one.type for one in await read(signals)] == ["suppress_original", "restore_original"]


async def test_a_message_that_was_lost_on_the_way_is_noticed_with_the_next() -> None:
    async with replicas() as (owner, other):
        owner.feed.call_began(ROOM)
        reader = other.feed.read_captions(ROOM)
        await passes()
        for lost in (1, 2):
            owner.channels.cut()
            owner.feed.caption(caption(lost))
            owner.channels._cut = False  # nobody tells it that something was lost
            await passes(3)
        owner.feed.caption(caption(3))
        await passes()
        assert await texts(reader) == ["1.1", "2.1", "3.1"]


async def test_a_message_that_is_lost_just_after_another_was_is_asked_for_too() -> None:
    async with replicas() as (owner, other):
        owner.feed.call_began(ROOM)
        reader = other.feed.read_captions(ROOM)
        await passes(3)
        for lost in (1, 3):
            owner.channels.cut()
            owner.feed.caption(caption(lost))
            owner.channels._cut = False
            owner.feed.caption(caption(lost + 1))
            await passes(0.2)
        await passes(3)
        assert sorted(await texts(reader)) == ["1.1", "2.1", "3.1", "4.1"]


async def test_a_room_full_of_the_longest_texts_is_known_at_the_other_replica() -> None:
    async with replicas() as (owner, other):
        owner.feed.call_began(ROOM)
        longest = "\N{GRINNING FACE}" * MOST_CHARACTERS
        for number in range(REPLAYED_LINES + PINNED_LINES):
            line = msgspec.structs.replace(caption(number), text=longest)
            owner.feed.caption(line, pinned=number < PINNED_LINES)
        reader = other.feed.read_captions(ROOM)
        await passes()
        assert len(await read(reader)) == REPLAYED_LINES + PINNED_LINES
        assert other.relay.refused == 0


async def test_listeners_are_told_that_the_owner_is_silent_and_are_fed_by_the_next() -> None:
    async with replicas(3) as (owner, other, heir):
        owner.feed.call_began(ROOM)
        owner.feed.room_state(ROOM, "active")
        owner.feed.interpreter(ROOM, InterpreterSignal("listening"))
        reader, signals = other.feed.read_captions(ROOM), other.feed.read_signals(ROOM)
        heard_at_heir = heir.feed.read_captions(ROOM)
        other.listens()
        await passes()
        owner.feed.voice_begins(ROOM, "8:acs:ada", "es-ES")
        owner.feed.caption(caption(1))
        await passes()
        owner.dies()
        await passes(SILENT_S + 1)
        assert other.states == ["active", "created"]
        assert other.feed.present(ROOM)[0] == InterpreterSignal("off", reason="replica_lost")
        heir.feed.call_began(ROOM)
        heir.feed.room_state(ROOM, "active")
        heir.feed.caption(caption(2))
        await passes()
        heir.feed.caption(caption(3))
        await passes()
        assert await texts(reader) == ["1.1", "2.1", "3.1"]
        assert await texts(heard_at_heir) == ["1.1", "2.1", "3.1"]
        assert other.states == ["active", "created", "active"]
        said = [one.type for one in await read(signals) if isinstance(one, SignalMessage)]
        assert said == ["suppress_original", "restore_original"]


async def test_listeners_of_a_replica_stay_when_its_call_moves_to_another() -> None:
    async with replicas() as (first, second):
        first.feed.call_began(ROOM)
        reader = first.feed.read_captions(ROOM)
        first.feed.caption(caption(1))
        await passes()
        second.feed.call_began(ROOM)
        first.feed.call_ended(ROOM)
        second.feed.caption(caption(2))
        await passes()
        second.feed.caption(caption(3))
        await passes()
        assert await texts(reader) == ["1.1", "2.1", "3.1"]


async def test_without_channels_listeners_of_the_own_replica_miss_nothing() -> None:
    async with replicas() as (owner, other):
        owner.feed.call_began(ROOM)
        owner.feed.room_state(ROOM, "active")
        mine, theirs = owner.feed.read_captions(ROOM), other.feed.read_captions(ROOM)
        other.listens()
        owner.listens()
        await passes()
        for one in (owner, other):
            one.channels.cut()
        owner.feed.caption(caption(1))
        await passes(SILENT_S + 1)
        assert (owner.states, other.states) == ([], ["active", "created"])
        for one in (owner, other):
            one.channels.mend()
        await passes()
        assert await texts(mine) == ["1.1"]
        assert await texts(theirs) == ["1.1"]
        assert other.states == ["active", "created", "active"]


async def test_a_room_that_is_deleted_at_any_replica_ends_at_all() -> None:
    wire = Wire()
    async with replicas(3, wire) as made:
        readers = [one.feed.read_captions(ROOM) for one in made[:2]]
        for one in made[:2]:
            one.listens()
        await passes()
        made[2].feed.close_room(ROOM, "room_deleted")
        await passes(0.01)
        assert [reader.reason for reader in readers] == ["room_deleted"] * 2
        assert [one.states for one in made] == [["ended"], ["ended"], []]
        assert sum(b'"over"' in message for _, message in wire.messages) == 1, "nobody passes it on"


async def test_what_is_no_message_is_dropped_and_nobody_is_disturbed() -> None:
    async with replicas() as (owner, other):
        stranger = Replica(Wire(), 99)
        owner.feed.call_began(ROOM)
        reader = other.feed.read_captions(ROOM)
        await passes()
        (room,) = other.relay._rooms.values()
        told = {"kind": "news", "sender": owner.name, "number": 1}
        line = {"position": 1, "caption": msgspec.to_builtins(caption(1, room="room-2")), "languages": ["es-ES"]}
        for garbled in (
            b"",
            b"\xff\x00",
            b"{}",
            b"[" * 100_000,
            b"x" * (LARGEST + 1),
            msgspec.json.encode(told | {"sender": "nobody"}),
            msgspec.json.encode(told | {"number": -1}),
            msgspec.json.encode(told | {"state": "on fire"}),
            msgspec.json.encode(told | {"line": line}),
        ):
            before = other.relay.refused
            other.relay.take(room, garbled)
            assert other.relay.refused == before + 1
        line["caption"] = msgspec.to_builtins(caption(1))
        other.relay.take(room, msgspec.json.encode(told | {"sender": stranger.name, "line": line}))
        owner.feed.caption(caption(2))
        await passes()
        assert await texts(reader) == ["2.1"], "nobody believes a replica that has no call"


async def test_speakers_of_a_former_call_fall_silent() -> None:
    async with replicas() as (owner, other):
        owner.feed.call_began(ROOM)
        signals = other.feed.read_signals(ROOM)
        await passes()
        owner.feed.speaking(ROOM, frozenset({"8:acs:ada"}))
        await passes()
        owner.dies()
        other.feed.call_began(ROOM)
        await passes()
        speaking = [one.speaking for one in await read(signals) if isinstance(one, SpeakingSignal)]
        assert speaking == [True, False]
