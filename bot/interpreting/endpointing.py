"""End-of-turn timing: when a speaker's utterance begins and ends. Arithmetic on frames and what the detector says.

    idle ──speech for onset_ms──► speaking ──a pause, the length cap, or no frames at all──► idle

Audio time is counted in frames, because frames may come in bursts after a stall. Only their absence is judged by the
clock: a participant who is muted or has left sends none.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from bot.interpreting.plan import Endpointing

FRAME_MS = 20
"""Length of a frame from ACS (media streaming protocol)."""
GAP_GRACE_MS = 100
"""How late a frame may be before its absence counts as silence."""


@dataclass(frozen=True, slots=True)
class TurnBegan:
    """An utterance has begun; `pcm` is its beginning, pre-roll included."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class TurnAudio:
    """The utterance goes on."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The utterance is complete."""

    last_voiced_at: float
    patience_ms: int
    """The pause that ended it; 0 when the length cap ended it amid speech."""
    reason: str
    """`pause`, `cap` or `gap`."""
    voiced_ms: int = field(default=0, compare=False)
    """Duration of its frames with speech; speech that the detector missed does not count."""


TurnEvent = TurnBegan | TurnAudio | TurnEnded


class Endpointer:
    """Cuts one speaker's frames into utterances.

    Every frame is part of exactly one utterance, in order, or is not sent: silence before the pre-roll and the pause
    after the tail are left out.
    """

    def __init__(self, settings: Endpointing) -> None:
        self.settings = settings
        """May be changed at any time, within an utterance as well."""
        self._speaking = False
        # Idle: the last frames, in case an utterance begins. Speaking: the silence since the last speech.
        self._held: deque[tuple[bytes, bool]] = deque()
        self._spoken_ms = 0
        self._spoken_bytes = 0
        self._voiced_ms = 0
        self._last_voiced_at = 0.0
        self._last_frame_at = 0.0

    def frame(self, pcm: bytes, voiced: bool, now: float) -> list[TurnEvent]:
        """Take the next frame of 20 ms; returns what it begins, continues or ends."""
        self._last_frame_at = now
        if not self._speaking:
            return self._listen(pcm, voiced, now)
        self._held.append((pcm, voiced))
        held_ms = len(self._held) * FRAME_MS
        held_bytes = sum(len(held) for held, _ in self._held)
        full = (
            self._spoken_ms + held_ms >= self.settings.max_utterance_ms
            or self._spoken_bytes + held_bytes >= self.settings.max_bytes
        )
        if not voiced:
            if held_ms >= self.patience_ms:
                return self._end("pause", self.patience_ms)
            return self._end("cap", held_ms) if full else []
        self._last_voiced_at = now
        self._voiced_ms += FRAME_MS
        self._spoken_ms += held_ms
        self._spoken_bytes += held_bytes
        piece = TurnAudio(b"".join(held for held, _ in self._held))
        self._held.clear()
        return [piece, *self._end("cap", 0)] if full else [piece]

    @property
    def patience_ms(self) -> int:
        """The pause that ends the utterance now: shorter after long speech."""
        long = self._spoken_ms >= self.settings.long_speech_ms
        return self.settings.end_of_turn_after_long_ms if long else self.settings.end_of_turn_ms

    @property
    def deadline(self) -> float | None:
        """When to call `expire` if no frame comes before."""
        if not self._speaking:
            return None
        missing_ms = self.patience_ms - len(self._held) * FRAME_MS
        return self._last_frame_at + (missing_ms + GAP_GRACE_MS) / 1000

    def expire(self, now: float) -> list[TurnEvent]:
        """End the utterance if no frame has come for too long."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return []
        return self._end("gap", self.patience_ms)

    def stop(self) -> list[TurnEvent]:
        """End the utterance under way, and forget held frames: the speaker has left."""
        turns = self._end("gap", 0) if self._speaking else []
        self._held.clear()
        return turns

    def _listen(self, pcm: bytes, voiced: bool, now: float) -> list[TurnEvent]:
        settings = self.settings
        self._held.append((pcm, voiced))
        while len(self._held) * FRAME_MS > settings.preroll_ms + settings.onset_window_ms:
            self._held.popleft()
        if not voiced:
            return []
        window = settings.onset_window_ms // FRAME_MS
        recent = [speech for _, speech in list(self._held)[-window:]]
        if sum(recent) * FRAME_MS < settings.onset_ms:
            return []
        # Pre-roll counts from the first speech of the window, not from the moment it was believed.
        first = len(self._held) - len(recent) + recent.index(True)
        start = max(0, first - settings.preroll_ms // FRAME_MS)
        frames = [held for held, _ in self._held][start:]
        self._voiced_ms = FRAME_MS * sum(speech for _, speech in list(self._held)[start:])
        self._held.clear()
        self._speaking = True
        self._last_voiced_at = now
        self._spoken_ms = len(frames) * FRAME_MS
        begun = b"".join(frames)
        self._spoken_bytes = len(begun)
        return [TurnBegan(begun)]

    def _end(self, reason: str, patience_ms: int) -> list[TurnEvent]:
        tail_frames = self.settings.tail_ms // FRAME_MS
        tail = b"".join(held for held, _ in list(self._held)[:tail_frames])
        for _ in range(min(tail_frames, len(self._held))):
            self._held.popleft()  # the rest of the pause may be the pre-roll of what comes next
        self._speaking = False
        ended = TurnEnded(self._last_voiced_at, patience_ms, reason, self._voiced_ms)
        return [TurnAudio(tail), ended] if tail else [ended]
