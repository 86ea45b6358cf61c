"""Publishes what a call's room produces to listeners outside the call, and changes of engines to webhooks."""

from __future__ import annotations

from dataclasses import dataclass

from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.lane_status import RESTORED
from bot.interpreting.plan import Lane
from bot.outputs.webhook_events import EmitEvent
from listeners.audio_channels import FLOOR
from listeners.feed import Feed
from listeners.messages import CaptionMessage
from listeners.rooms import WantedChanged


@dataclass(frozen=True, slots=True)
class ListenerPublisher:
    """The audience of a call (implements `bot.live_room.ports.Audience`)."""

    feed: Feed
    room_id: str
    began_at_ms: int
    """Begin of the call since the Unix epoch: the call's captions count from it."""
    emit: EmitEvent = lambda kind, room_id, data: None
    """Sends webhook events."""

    def began(self, readers_changed: WantedChanged) -> None:
        self.feed.call_began(self.room_id, readers_changed)

    def ended(self, readers_changed: WantedChanged) -> None:
        self.feed.call_ended(self.room_id, readers_changed)

    def caption(self, line: CaptionLine) -> None:
        self.feed.caption(
            CaptionMessage(
                room_id=self.room_id,
                utterance_id=line.utterance,
                revision=line.revision,
                speaker_id=line.speaker,
                speaker_name=line.speaker_name,
                language=line.language,
                text=line.text,
                is_final=line.is_final,
                timestamp_ms=line.timestamp_ms + self.began_at_ms,
                original=line.is_original,
                typed=line.typed,
            ),
            languages=line.languages,
            pinned=line.pinned,
        )

    def audio(self, channel: str, pcm: bytes, original: bool, without: dict[str, bytes]) -> None:
        self.feed.audio(self.room_id, channel, pcm, original=original, without=without)

    def floor_heard(self) -> bool:
        return self.feed.floor_heard(self.room_id)

    def floor(self, pcm: bytes, without: dict[str, bytes]) -> None:
        self.feed.audio(self.room_id, FLOOR, pcm, original=True, without=without)

    def stopped(self, channel: str) -> None:
        self.feed.flush(self.room_id, channel)

    def voice_begins(self, lane: Lane) -> None:
        self.feed.voice_begins(self.room_id, lane.speaker, lane.target)

    def voice_ends(self, lane: Lane) -> None:
        self.feed.voice_ends(self.room_id, lane.speaker, lane.target)

    def lane_served(self, lane: Lane, engine: str, reason: str) -> None:
        self.feed.lane_served(self.room_id, lane.speaker, lane.target, engine, "" if reason == RESTORED else reason)
        data = {
            "speaker_id": lane.speaker,
            "source": lane.source,
            "target": lane.target,
            "engine": engine,
            "reason": reason,
        }
        self.emit("interpreter.restored" if reason == RESTORED else "interpreter.degraded", self.room_id, data)
