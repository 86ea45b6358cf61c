"""Members of a room's signaling who are connected to different replicas: they see one another, and reach one another.

Each replica says on a channel of the room who is connected to it, on every change and again and again; a replica that
falls silent has taken its members with it. What one member sends to another goes the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any, Final

import msgspec

from listeners.relay.messages import LARGEST, ReplicaId
from listeners.sockets.members import Members
from storage.replica_channels import ReplicaChannels

HERE_EVERY_S: Final = 1.5
"""Seconds after which a replica repeats who is connected to it."""
SILENT_S: Final = 5.0
"""Seconds after which a replica that has not repeated it is gone."""
MOST_PEERS: Final = 100
"""Replicas in a room that are listened to."""
ShortText = Annotated[str, msgspec.Meta(max_length=256)]


class MemberShown(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member as others see them; see `Member.shown`."""

    member_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{12}$")]
    name: ShortText
    participant_id: ShortText | msgspec.UnsetType = msgspec.UNSET
    speaker_id: ShortText | msgspec.UnsetType = msgspec.UNSET
    speaks: ShortText | msgspec.UnsetType = msgspec.UNSET
    hears: ShortText | msgspec.UnsetType = msgspec.UNSET
    muted: bool | msgspec.UnsetType = msgspec.UNSET


class MembersHere(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="members"):
    """Says who is connected to the sender, and which participants were muted there."""

    sender: ReplicaId
    members: tuple[MemberShown, ...] = ()
    muted: tuple[ShortText, ...] = ()


class MembersAsked(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="ask"):
    """Asks every replica to say who is connected to it."""

    sender: ReplicaId


class ToMember(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="to"):
    """A message of one member to another, as it is sent."""

    sender: ReplicaId
    member_id: str
    text: str


_decoder: Final[msgspec.json.Decoder[MembersHere | MembersAsked | ToMember]] = msgspec.json.Decoder(
    MembersHere | MembersAsked | ToMember
)
_encode: Final = msgspec.json.Encoder().encode


class RelayedMembers:
    """The members of all rooms, as far as they are connected to several replicas."""

    def __init__(self, channels: ReplicaChannels, replica: str, members: Members, clock: Callable[[], float]) -> None:
        self.refused = 0
        """Messages that were none."""
        self._channels = channels
        self._replica = replica
        self._members = members
        self._clock = clock
        self._heard_at: dict[str, dict[str, float]] = {}
        """By room and replica, in loop time."""
        self._said: dict[str, tuple[int, float]] = {}
        """By room: the last change that was said, and when."""
        members.send_elsewhere = self._send_to

    def look(self, rooms: Iterable[str]) -> None:
        """Follow these rooms, and no others; say what has changed, and drop who has fallen silent."""
        now, wanted = self._clock(), set(rooms)
        for room_id in wanted - self._heard_at.keys():
            self._heard_at[room_id] = {}
            self._said[room_id] = -1, now
            self._channels.subscribe(_channel(room_id), partial(self.take, room_id), partial(self._ask, room_id))
        for room_id in self._heard_at.keys() - wanted:
            self._channels.unsubscribe(_channel(room_id))
            self._channels.publish(_channel(room_id), _encode(MembersHere(sender=self._replica)))
            for sender in self._heard_at.pop(room_id):
                self._members.follow(room_id, sender, {}, ())
            del self._said[room_id]
        for room_id, heard_at in self._heard_at.items():
            for sender in [sender for sender, at in heard_at.items() if now - at > SILENT_S]:
                del heard_at[sender]
                self._members.follow(room_id, sender, {}, ())
            changes, at = self._said[room_id]
            if changes != self._members.changes(room_id) or now - at >= HERE_EVERY_S:
                self._say(room_id)

    def take(self, room_id: str, data: bytes) -> None:
        """Take a message of another replica; what is none is counted and dropped."""
        try:
            if len(data) > LARGEST:
                raise ValueError("the message is too large")
            message = _decoder.decode(data)
        except (ValueError, RecursionError):
            self.refused += 1
            return
        heard_at = self._heard_at.get(room_id)
        if heard_at is None or message.sender == self._replica:
            return
        match message:
            case MembersHere(sender=sender):
                if sender in heard_at or len(heard_at) < MOST_PEERS:
                    heard_at[sender] = self._clock()
                    shown: dict[str, dict[str, Any]] = {
                        one.member_id: msgspec.to_builtins(one) for one in message.members
                    }
                    self._members.follow(room_id, sender, shown, message.muted)
            case MembersAsked():
                self._say(room_id)
            case ToMember():
                if (member := self._members.find(room_id, message.member_id)) is not None:
                    member.socket.post(message.text)

    def _ask(self, room_id: str) -> None:
        self._say(room_id)
        self._channels.publish(_channel(room_id), _encode(MembersAsked(sender=self._replica)))

    def _say(self, room_id: str) -> None:
        """Say who is here; of nobody only once."""
        shown, muted = self._members.shown_here(room_id), self._members.muted_here(room_id)
        before = self._said.get(room_id, (-1, 0.0))[0]
        self._said[room_id] = self._members.changes(room_id), self._clock()
        if shown or muted or before != self._members.changes(room_id):
            members = tuple(MemberShown(**one) for one in shown)
            self._channels.publish(
                _channel(room_id), _encode(MembersHere(sender=self._replica, members=members, muted=tuple(muted)))
            )

    def _send_to(self, room_id: str, member_id: str, text: str) -> None:
        message = ToMember(sender=self._replica, member_id=member_id, text=text)
        self._channels.publish(_channel(room_id), _encode(message))


def _channel(room_id: str) -> str:
    return f"{room_id}/members"
