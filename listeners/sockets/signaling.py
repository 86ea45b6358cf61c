"""WS /ws/signaling/{room_id}: presence, what the interpreter does, and WebRTC messages from one member to another."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable
from contextlib import closing
from typing import Final

import msgspec

from http_serving.rate_limiter import TokenBuckets
from listeners.feed import Feed
from listeners.messages import Signal
from listeners.sockets.connection import ListenerSocket, Message
from listeners.sockets.door import Asked, ServeSocket
from listeners.sockets.members import Member, Members
from listeners.tickets import TicketUse

PURPOSES: Final[frozenset[TicketUse]] = frozenset({"signaling", "speak"})
RELAYED: Final = ("offer", "answer", "candidate")
"""Messages of WebRTC that one member sends to another."""
MESSAGES_PER_S = 20.0
"""Messages of a member per second. ICE finds some 10 candidates within a second, for each of a few peers."""
LONGEST_NAME = 64
"""Characters of a name."""


def shown_name(written: object) -> str | None:
    """Return a name without control and direction characters and in one line; None if nothing is left, or too much."""
    if not isinstance(written, str) or len(written) > 4 * LONGEST_NAME:
        return None
    kept = "".join(letter for letter in written if letter.isspace() or unicodedata.category(letter)[0] != "C")
    name = re.sub(r"\s+", " ", kept).strip()
    return name if 0 < len(name) <= LONGEST_NAME else None


class SignalingSockets:
    """Serves the signaling of all rooms."""

    def __init__(self, feed: Feed, members: Members, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, monotonic."""
        self._feed = feed
        self._members = members
        self._rate = TokenBuckets(MESSAGES_PER_S, MESSAGES_PER_S, clock)

    def open(self, asked: Asked) -> ServeSocket:
        """Return what serves a socket; it takes no parameters."""
        room_id = asked.room.room_id
        person = asked.room.people.get(asked.ticket.participant_id or "")

        async def serve(socket: ListenerSocket) -> None:
            member = self._members.join(room_id, socket, person)
            try:
                with closing(self._feed.read_signals(room_id)) as reader:
                    interpreter, speaking = self._feed.present(room_id)
                    count = self._members.count(room_id)
                    await socket.hello(
                        member_id=member.member_id,
                        members=self._members.shown(room_id),
                        listener_count=count["count"],
                        listeners=count["by_language"],
                        interpreter=_state_of(interpreter),
                        speaking=sorted(speaking),
                    )
                    socket.follow(reader, _encoded)
                    async for message in socket:
                        self._take(socket, room_id, member, message)
            finally:
                self._members.leave(room_id, member)

        return serve

    def _take(self, socket: ListenerSocket, room_id: str, member: Member, message: Message | bytes) -> None:
        if self._rate.take(member.member_id):
            socket.error("too_many", f"more than {MESSAGES_PER_S:g} messages in a second")
        elif isinstance(message, bytes):
            socket.unknown(message)
        elif message["type"] in RELAYED:
            to, text = message.get("to"), msgspec.json.encode({**message, "from": member.member_id}).decode()
            if to == member.member_id or not self._members.send(room_id, to, text):
                socket.error("no_such_member", "nobody else in this room has this id")
        elif message["type"] == "username":
            name = shown_name(message.get("name"))
            if socket.ticket.purpose != "speak" or member.person is None:
                socket.error("not_allowed", "only a ticket to speak allows another name")
            elif name is None:
                socket.error("malformed", f"a name has 1 to {LONGEST_NAME} characters")
            else:
                self._members.rename(room_id, member, name)
        else:
            socket.unknown(message)


def _encoded(signal: Signal) -> str:
    return msgspec.json.encode(signal).decode()


def _state_of(signal: Signal) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(signal)
    del fields["type"]
    return fields
