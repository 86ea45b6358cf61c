"""What a live room needs from others, as Protocols. All methods are called in the event loop and never block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.ledger import Entry
from bot.interpreting.plan import Lane


class VoiceDetector(Protocol):
    """Tells speech from other sound, for one speaker."""

    def voiced(self, pcm: bytes, silent: bool) -> bool:
        """Return whether the next frame is speech; `silent` is what ACS says of it."""
        ...

    def close(self) -> None: ...


class VoiceDetectors(Protocol):
    """Makes voice detectors."""

    def detector(self) -> VoiceDetector: ...


class EchoFilter(Protocol):
    """Recognises the interpreter's own voice when it comes back in mixed audio."""

    def played(self, pcm: bytes) -> None:
        """Note a frame that was sent into the call."""
        ...

    def stopped(self) -> None:
        """Note that frames that were sent and not heard yet were discarded."""
        ...

    def is_ours(self, pcm: bytes) -> bool:
        """Return whether the next received frame is the interpreter's own voice."""
        ...


class EchoMeasurement(Protocol):
    """Measures the interpreter's own voice in the audio of single speakers."""

    def played(self, stream: str, pcm: bytes, now: float) -> None:
        """Note a frame that was sent to a media stream."""
        ...

    def stopped(self, stream: str, now: float) -> None:
        """Note that frames that were sent and not heard yet were discarded."""
        ...

    def heard(self, stream: str, speaker: str, pcm: bytes, voiced: bool, now: float) -> tuple[float, int] | None:
        """Take a frame; returns the share of our voice in the last piece, and the milliseconds of speech in it."""
        ...


class TranscriptSink(Protocol):
    """Records what the room produces."""

    def opened(self, lane: Lane, utterance: str) -> None:
        """Record that an utterance has begun, so that another replica can close it should this one fail."""
        ...

    def caption(self, line: CaptionLine) -> None: ...

    def settled(self, entry: Entry) -> None:
        """Record an utterance that has reached its final state."""
        ...


ReadersWatcher = Callable[[frozenset[str], frozenset[str]], None]


class Audience(Protocol):
    """Passes what the room produces on to people and systems outside the call."""

    def began(self, readers_changed: ReadersWatcher) -> None:
        """Note that the room starts; nothing else is called before.

        Args:
            readers_changed: to be called at every change with the languages that are read or listened to outside the
                call, and with those that are listened to.
        """
        ...

    def ended(self, readers_changed: ReadersWatcher) -> None: ...

    def caption(self, line: CaptionLine) -> None: ...

    def audio(self, channel: str, pcm: bytes, original: bool, without: dict[str, bytes]) -> None:
        """Pass on a frame of a channel other than the shared room's.

        Args:
            original: no interpretation is in it.
            without: as of `floor`.
        """
        ...

    def floor_heard(self) -> bool:
        """Return whether anybody listens to what people say themselves."""
        ...

    def floor(self, pcm: bytes, without: dict[str, bytes]) -> None:
        """Pass on a frame of it. `without`: by raw id, what those hear instead whose own voice is in it."""
        ...

    def stopped(self, channel: str) -> None:
        """Discard what was not heard of the channel yet."""
        ...

    def voice_begins(self, lane: Lane) -> None:
        """Note that the lane's interpretation begins to play on one more channel."""
        ...

    def voice_ends(self, lane: Lane) -> None: ...

    def lane_served(self, lane: Lane, engine: str, reason: str) -> None:
        """Note that a lane is served by another engine than requested, by none, or as requested again.

        Called once for each change. `engine` is empty for none; the reason is `restored` for as requested again.
        """
        ...
