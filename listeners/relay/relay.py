"""Rooms that listeners of several replicas follow: who interprets a room tells the others what it publishes.

    Feed ─tap─► Relay ══ channel of the room ══► Relay ─► Feed, as if it had been published there
                  ▲                                │
                  └─ Here: a call, or listeners ◄──┘

Every replica that has a call or listeners in a room subscribes to the room's channel and says so (`Here`), again and
again; who falls silent has gone. Nothing is published of a room that no other replica follows. Whoever comes, or has
missed something, asks, and is told `Everything` that is kept. So it does not matter what is lost on the way, when the
interpreter moves to another replica, or how long the channels are away: listeners stay where they are, and are told
that the interpreter is `off` until it is heard again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from listeners.feed import Feed, Published
from listeners.messages import InterpreterSignal, Line
from listeners.microphones import Microphone, MicrophoneRefused, OpenMicrophone
from listeners.relay.members import RelayedMembers
from listeners.relay.messages import (
    MOST_STREAMS,
    Ask,
    Everything,
    Gone,
    Here,
    LineTold,
    MicrophoneAnswered,
    MicrophoneAsked,
    MicrophoneOver,
    News,
    RelayMessage,
    RoomOver,
    SignalsTold,
    check_room,
    decode,
    encode,
)
from listeners.relay.microphones import RelayedMicrophones
from listeners.relay.streams import Streams
from listeners.rooms import RoomState
from listeners.sockets.members import Members
from storage.replica_channels import ReplicaChannels

logger = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.1
"""Seconds between two looks at who follows which room here."""
HERE_EVERY_S: Final = 1.5
"""Seconds after which a replica repeats that it is there."""
SILENT_S: Final = 5.0
"""Seconds after which a replica that has not repeated it is gone, as with a call's lease."""
KEPT_S: Final = 5.0
"""Seconds for which a room is followed after its last listener: people load a page again."""
FIRST_S: Final = 0.5
"""Seconds that a listener waits for what another replica has kept; it comes within milliseconds."""
ASK_EVERY_S: Final = 1.0
"""Shortest interval in seconds of asking for everything of a room, and LOOK_EVERY_S of telling it."""
MOST_PEERS: Final = 100
"""Replicas in a room that are listened to."""


@dataclass(slots=True)
class _Peer:
    """Another replica in a room."""

    heard_at: float
    here: Here


@dataclass(slots=True, eq=False)
class _SharedRoom:
    """A room that is followed or interpreted here."""

    room_id: str
    used_at: float
    """When somebody was last seen to use it, in loop time; so are all others."""
    told: RoomState
    """The state that listeners here were told last; of a room that is interpreted here, its state."""
    streams: Streams
    owns_since_us: int = 0
    """When its call began here, µs since the Unix epoch; 0 without a call."""
    number: int = 0
    """Of what was published of it here."""
    peers: dict[str, _Peer] = field(default_factory=dict)
    followed: str = ""
    """The replica whose call is followed."""
    seen: int = 0
    """Number of the last thing taken from it."""
    current: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while everything of the followed replica is known."""
    said: dict[str, Any] = field(default_factory=dict)
    """What `Here` said last."""
    said_at: float = float("-inf")
    asked_at: float = float("-inf")
    told_all_at: float = float("-inf")
    tell_all: bool = False
    """Somebody waits to be told everything."""


class Relay:
    """The rooms of this replica, as far as others have to do with them. `run` must be running."""

    def __init__(
        self,
        channels: ReplicaChannels,
        replica: str,
        feed: Feed,
        open_microphone: OpenMicrophone,
        members: Members,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        """Args:
        replica: id of this replica, 16 hexadecimal digits.
        open_microphone: opens one in a room that has its call here, or refuses with `other_replica`.
        clock: seconds of the event loop.
        """
        self.refused = 0
        """Messages that were none."""
        self._channels = channels
        self._replica = replica
        self._feed = feed
        self._clock = clock
        self._wall_clock = wall_clock
        self._rooms: dict[str, _SharedRoom] = {}
        self._ending = ""
        """The room that ends because another replica said so."""
        self._open_here = open_microphone
        self._group: asyncio.TaskGroup | None = None
        self._microphones = RelayedMicrophones(channels, replica, open_microphone, self._send_in, self._spawn)
        self._members = RelayedMembers(channels, replica, members, clock)
        feed.tap = self._published

    async def prepare(self, room_id: str, state: RoomState) -> None:
        """Follow a room, and wait a moment for what another replica has kept of it. Safe to cancel."""
        room = self._entered(room_id, state)
        room.used_at = self._clock()
        if state != "created" and not self._feed.has_call(room_id):
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_S):
                    await room.current.wait()

    async def run(self) -> None:
        """Keep up with who follows which room, until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            while True:
                self.look()
                await asyncio.sleep(LOOK_EVERY_S)

    async def open_microphone(self, room_id: str, participant_id: str, ended: Callable[[str], None]) -> Microphone:
        """Open a participant's microphone, at whichever replica has the room. Implements `OpenMicrophone`."""
        try:
            return await self._open_here(room_id, participant_id, ended)
        except MicrophoneRefused as refusal:
            if refusal.reason != "other_replica":
                raise
        await self.prepare(room_id, "active")
        owner = self._entered(room_id).followed
        if not owner:
            raise MicrophoneRefused("replica_silent", "the replica that has the room is not heard; try again")
        return await self._microphones.open(room_id, owner, participant_id, ended)

    def look(self) -> None:
        """Compare what is followed and interpreted here with what the others know of it."""
        now = self._clock()
        for room_id in self._feed.in_use():
            self._entered(room_id).used_at = now
        for room in list(self._rooms.values()):
            if now - room.used_at > KEPT_S:
                self._leave(room)
            else:
                self._look_at(room, now)
        self._members.look(self._rooms)

    def _look_at(self, room: _SharedRoom, now: float) -> None:
        owns = self._feed.has_call(room.room_id)
        if owns != bool(room.owns_since_us):
            room.owns_since_us = round(self._wall_clock() * 1_000_000) if owns else 0
            room.tell_all = owns
        for sender, peer in list(room.peers.items()):
            if now - peer.heard_at > SILENT_S:
                self._drop(room, sender)
                logger.warning("replica silent", extra={"room_id": room.room_id, "replica": sender})
        self._settle(room, "replica_lost")
        if self._here(room) != room.said or (now - room.said_at >= HERE_EVERY_S and (room.peers or not owns)):
            self._say_here(room)
        if room.tell_all and room.peers:
            self._tell_everything(room)
        room.streams.hear(room.said["streams"])

    def _settle(self, room: _SharedRoom, reason: str) -> None:
        """Follow whoever has the call, and count who listens elsewhere, after any change of peers.

        Args:
            reason: why nobody has the call any more, if nobody has.
        """
        listeners: Counter[str] = Counter()
        for peer in room.peers.values():
            listeners.update(peer.here.listeners)
        self._feed.count_elsewhere(room.room_id, dict(listeners))
        room.streams.send(
            {one for peer in room.peers.values() for one in peer.here.streams} if room.owns_since_us else ()
        )
        owners = {sender: peer.here.owns_since_us for sender, peer in room.peers.items() if peer.here.owns_since_us}
        followed = "" if room.owns_since_us or not owners else max(owners, key=lambda sender: owners[sender])
        if followed == room.followed:
            return
        room.followed = followed
        room.streams.followed = followed
        self._microphones.follow(room.room_id, followed)
        room.current.clear()
        if followed:
            self._ask(room)
        elif not room.owns_since_us:
            self._feed.take_signals(room.room_id, [InterpreterSignal("off", reason=reason)], complete=True)
            self._tell_state(room, "created")

    def _drop(self, room: _SharedRoom, sender: str) -> None:
        del room.peers[sender]
        self._microphones.keep(room.room_id, sender, ())

    def _entered(self, room_id: str, state: RoomState = "created") -> _SharedRoom:
        room = self._rooms.get(room_id)
        if room is None:
            streams = Streams(self._channels, self._replica, self._feed, room_id)
            room = self._rooms[room_id] = _SharedRoom(room_id, self._clock(), state, streams)
            self._feed.hold(room_id, True)
            self._channels.subscribe(room_id, partial(self.take, room), partial(self._subscribed, room))
        return room

    def _leave(self, room: _SharedRoom) -> None:
        del self._rooms[room.room_id]
        self._send(room, Gone)
        room.streams.send(())
        room.streams.hear(())
        self._channels.unsubscribe(room.room_id)
        self._feed.take_signals(room.room_id, [InterpreterSignal("off")], complete=True)
        self._feed.hold(room.room_id, False)

    # --- out -------------------------------------------------------------------------------------

    def _published(self, room_id: str, published: Published) -> None:
        """Tell the others what was published here."""
        if published == "ended":
            if room_id != self._ending:
                self._channels.publish(room_id, encode(RoomOver(sender=self._replica)))
        elif self._feed.has_call(room_id):
            room = self._entered(room_id)
            room.number += 1
            if isinstance(published, str):
                room.told = published
                self._send(room, News, state=published)
            elif isinstance(published, Line):
                self._send(room, News, line=LineTold.of(published))
            else:
                self._send(room, News, signals=SignalsTold.of([published]))

    def _send(self, room: _SharedRoom, kind: type[RelayMessage], **fields: Any) -> None:
        if room.peers or kind in (Here, Ask):
            self._channels.publish(room.room_id, encode(kind(sender=self._replica, number=room.number, **fields)))

    def _send_in(self, room_id: str, kind: type[RelayMessage], fields: dict[str, Any]) -> None:
        if (room := self._rooms.get(room_id)) is not None:
            self._send(room, kind, **fields)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._group is None:
            work.close()
        else:
            self._group.create_task(work, name="microphone of another replica")

    def _here(self, room: _SharedRoom) -> dict[str, Any]:
        """Return what `Here` says now."""
        followed = self._feed.find(room.room_id)
        listeners = {} if followed is None else dict(followed.here())
        streams = () if followed is None or room.owns_since_us else tuple(sorted(followed.streams)[:MOST_STREAMS])
        microphones = self._microphones.open_in(room.room_id)
        return {
            "owns_since_us": room.owns_since_us,
            "listeners": listeners,
            "streams": streams,
            "microphones": microphones,
        }

    def _say_here(self, room: _SharedRoom) -> None:
        room.said, room.said_at = self._here(room), self._clock()
        self._send(room, Here, **room.said)

    def _tell_everything(self, room: _SharedRoom) -> None:
        """Tell all that is kept of a room, now or with the next look."""
        now = self._clock()
        room.tell_all = now - room.told_all_at < LOOK_EVERY_S
        if not room.tell_all:
            room.told_all_at = now
            lines, known_from, signals = self._feed.kept(room.room_id)
            told = tuple(LineTold.of(line) for line in lines)
            self._send(
                room, Everything, state=room.told, lines=told, known_from=known_from, signals=SignalsTold.of(signals)
            )

    def _subscribed(self, room: _SharedRoom) -> None:
        """Ask, for messages begin to come, or some may have been missed."""
        room.asked_at = float("-inf")
        self._say_here(room)
        self._ask(room)

    def _ask(self, room: _SharedRoom) -> None:
        now = self._clock()
        if now - room.asked_at >= ASK_EVERY_S:
            room.asked_at = now
            self._send(room, Ask)

    # --- in --------------------------------------------------------------------------------------

    def take(self, room: _SharedRoom, data: bytes) -> None:
        """Take a message of the room's channel; what is none is counted and dropped."""
        try:
            message = decode(data)
            check_room(message, room.room_id)
        except ValueError as error:
            self.refused += 1
            if self.refused == 1:
                logger.warning("relayed message refused", extra={"room_id": room.room_id, "reason": str(error)})
            return
        sender = message.sender
        if sender == self._replica or self._rooms.get(room.room_id) is not room:
            return
        match message:
            case Here():
                self._take_here(room, message)
            case Gone():
                if sender in room.peers:
                    self._drop(room, sender)
                    self._settle(room, "")
            case Ask():
                self._say_here(room)
                if room.owns_since_us:
                    self._tell_everything(room)
            case News() | Everything() if sender == room.followed:
                self._follow(room, message)
            case MicrophoneAsked() if room.owns_since_us:
                self._microphones.host(room.room_id, message)
            case MicrophoneAnswered() | MicrophoneOver():
                self._microphones.take(message)
            case RoomOver():
                self._ending = room.room_id
                self._feed.close_room(room.room_id, "room_deleted")
                self._ending = ""
            case _:
                pass  # of a replica whose call has moved, or is not known yet: what it has kept is asked for then

    def _take_here(self, room: _SharedRoom, here: Here) -> None:
        known = here.sender in room.peers
        if not known and len(room.peers) >= MOST_PEERS:
            return
        room.peers[here.sender] = _Peer(self._clock(), here)
        if not known:
            self._say_here(room)
        self._microphones.keep(room.room_id, here.sender, here.microphones)
        self._settle(room, "")
        if here.sender == room.followed and not (room.current.is_set() and here.number == room.seen):
            self._ask(room)

    def _follow(self, room: _SharedRoom, message: News | Everything) -> None:
        """Publish here what the replica has published that has the room's call."""
        signals = message.signals.signals()
        if isinstance(message, Everything):
            lines, known_from = message.lines, message.known_from
            self._feed.take(room.room_id, [told.line() for told in lines], known_from)
            self._feed.take_signals(room.room_id, signals, complete=True)
            room.current.set()
        else:
            if message.number != room.seen + 1:
                room.current.clear()  # so that it is asked again, if it was asked a moment ago
                self._ask(room)
            if message.line is not None:
                self._feed.take(room.room_id, [message.line.line()])
            self._feed.take_signals(room.room_id, signals)
        room.seen = message.number
        if message.state is not None:
            self._tell_state(room, message.state)

    def _tell_state(self, room: _SharedRoom, state: RoomState) -> None:
        if state != room.told:
            room.told = state
            self._feed.room_state(room.room_id, state)
