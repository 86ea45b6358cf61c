"""Has everything that depends on a stored room follow its changes and its end."""

from __future__ import annotations

from bot.listening.listener_rooms import ListenerRooms
from bot.room_plans import PlanListener, follow_change, follow_removal
from listeners.feed import Feed
from rooms_admin.integrations.subscriptions import SubscriptionStore
from rooms_admin.rooms.room import Room
from rooms_admin.transcripts.recorder import TranscriptRecorder


class RoomChanges:
    """Has running calls follow what admins change; ends the call of a deleted room and drops what is kept for it."""

    def __init__(
        self,
        calls: PlanListener,
        archive: TranscriptRecorder,
        subscriptions: SubscriptionStore,
        feed: Feed,
        listener_rooms: ListenerRooms,
    ) -> None:
        self._calls = calls
        self._archive = archive
        self._subscriptions = subscriptions
        self._feed = feed
        self._listener_rooms = listener_rooms

    def changed(self, room: Room) -> None:
        follow_change(self._calls, room)
        self._listener_rooms.changed(room)

    def removed(self, room: Room) -> None:
        follow_removal(self._calls, room)
        self._archive.forget(room.room_id)
        self._subscriptions.forget_room(room.room_id)
        self._feed.close_room(room.room_id, "room_deleted")
