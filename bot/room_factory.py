"""Opens live rooms for calls: one for each call, or one that all calls of a room per language share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.booth import BoothFactory
from bot.calls.environment import Interpreted, PlannedRoom, is_per_language, room_of, stream_of
from bot.interpreting.quality.language_id import IdentifyLanguage
from bot.interpreting.usage_meter import UsageMeter
from bot.live_room.echo_detection import EchoDetector
from bot.live_room.echo_meter import EchoMeter
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.live_room import LiveRoom
from bot.live_room.ports import TranscriptSink
from bot.live_room.shared_room import SharedRooms
from bot.live_room.voice_activity import DetectorPool
from bot.outputs.listener_publisher import ListenerPublisher
from bot.outputs.transcript_writer import TranscriptArchive, TranscriptWriter
from bot.outputs.webhook_events import EmitEvent
from listeners.feed import Feed
from rooms_admin.integrations.subscriptions import EventKind
from rooms_admin.transcripts.recorder import TranscriptRecorder


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomFactory:
    """Makes live rooms, and maps what concerns one call of a room to the room itself."""

    booths: BoothFactory
    detectors: DetectorPool
    frame_timer: FrameTimer
    feed: Feed
    keeper: TranscriptArchive
    archive: TranscriptRecorder
    shared_rooms: SharedRooms
    emit: EmitEvent
    """Queues a webhook event."""
    observe: Callable[[TranscriptSink, str], TranscriptSink]
    """Wraps what records a room, whose id it is given, so that it is counted."""
    identify: IdentifyLanguage
    """Names the language of a text."""
    price: Callable[[Mapping[str, int]], float] | None
    """Cost of tokens by kind; None without prices in the settings."""
    clock: Callable[[], float]
    """Seconds of the event loop."""

    def open_room(self, room: PlannedRoom, name: str) -> Interpreted:
        """Make the live room of a call, or its share of the one that another call of the room has opened.

        Args:
            name: prefix of the call's utterance ids.
        """
        if is_per_language(room.room_id):
            return self.shared_rooms.share(
                room_of(room.room_id), stream_of(room.room_id), name, lambda name: self._live_room(room, name)
            )
        return self._live_room(room, name)

    def _live_room(self, room: PlannedRoom, name: str) -> LiveRoom:
        room_id, began_at_ms = room_of(room.room_id), round(time.time() * 1000)
        return LiveRoom(
            room.plan,
            name=name,
            booths=self.booths,
            detectors=self.detectors,
            frame_timer=self.frame_timer,
            transcript=self.observe(TranscriptWriter(self.keeper, room_id, began_at_ms), room_id),
            audience=ListenerPublisher(self.feed, room_id, began_at_ms, self.emit),
            clock=self.clock,
            meter=UsageMeter(room.plan.usage_cap, self.price, room.used),
            echo=EchoDetector,
            echo_meter=EchoMeter(),
            identify=self.identify,
        )

    async def close_ledger(self, call_key: str, prefix: str, reason: str) -> int:
        """Close the open utterances of a call whose ids have this prefix; return their number."""
        return await self.archive.close_open(room_of(call_key), prefix, reason)

    def emit_call_event(self, kind: EventKind, room_id: str, data: Mapping[str, object]) -> None:
        """Queue a webhook event about a call; for a room per language it carries the call's language."""
        language = {"language": stream_of(room_id)} if is_per_language(room_id) else {}
        self.emit(kind, room_of(room_id), {**data, **language})
