"""End-of-turn timing: when a speaker's utterance begins and ends. Arithmetic on frames and what the detector says.

    idle ──speech for onset_ms──► speaking ──a pause, or no frames at all──► idle
                                     │
                                     └──the length cap──► speaking: what lies behind the last gap between words

An utterance that ended by a pause may turn out not to be over: `TurnBegan` then offers what was said before the pause.

Audio time is counted in frames, because frames may come in bursts after a stall. Only their absence is judged by the
clock: a participant who is muted or has left sends none.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from bot.interpreting.plan import Endpointing
from bot.interpreting.word_gaps import GapFinder, last_gap, power

FRAME_MS = 20
"""Length of a frame from ACS (media streaming protocol)."""
GAP_GRACE_MS = 100
"""How late a frame may be before its absence counts as silence."""
CAP_WINDOW_MS = 2_000
"""How long before the length cap a gap between words is looked for; at most half the cap."""
CAP_WINDOW_BYTES = 48 * CAP_WINDOW_MS


@dataclass(frozen=True, slots=True)
class TurnBegan:
    """An utterance has begun; `pcm` is its beginning, pre-roll included."""

    pcm: bytes
    ago_ms: int = field(default=0, compare=False)
    """How long ago it began: behind a cut at the length cap it is known late."""
    before: bytes = field(default=b"", compare=False)
    """What the speaker said before a pause that may have been one inside a sentence; see `Endpointer.go_on`."""


@dataclass(frozen=True, slots=True)
class TurnAudio:
    """The utterance goes on."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The utterance is complete."""

    last_voiced_at: float
    patience_ms: int
    """The pause that ended it, or at the length cap what there was of one."""
    reason: str
    """`pause`, `cap` or `gap`."""
    voiced_ms: int = field(default=0, compare=False)
    """Duration of its frames with speech; speech that the detector missed does not count."""


TurnEvent = TurnBegan | TurnAudio | TurnEnded


@dataclass(slots=True)
class _Said:
    """An utterance that a pause has ended, while its speaker may still go on."""

    pieces: list[bytes]
    spoken_ms: int
    spoken_bytes: int
    voiced_ms: int
    pause_ms: int
    """From its last speech to now, in frames that have come."""
    last_voiced_at: float


class Endpointer:
    """Cuts one speaker's frames into utterances.

    Every frame is part of exactly one utterance, in order, or is not sent: silence before the pre-roll and the pause
    after the tail are left out.
    """

    def __init__(self, settings: Endpointing, *, streamed: bool = False) -> None:
        """Wait for speech.

        Args:
            streamed: speech is interpreted while it goes on. So near the length cap nothing is held back, and the
                first gap between words ends the utterance instead of the last.
        """
        self.settings = settings
        """May be changed at any time, within an utterance as well."""
        self.streamed = streamed
        self._speaking = False
        self._goes_on = False
        """Whether the last frame was speech, cut off by the length cap."""
        # Idle: the last frames, in case an utterance begins. Speaking: what has not been passed on, which is the
        # silence since the last speech, and close to the length cap all there is.
        self._held: deque[tuple[bytes, bool]] = deque()
        self._held_bytes = 0
        self._silent_frames = 0
        """Frames without speech at the end of those held."""
        self._pieces: list[bytes] = []
        """What was passed on of the utterance, if it may have to be said again."""
        self._said: _Said | None = None
        self._gaps = GapFinder()
        """Hears streamed speech since the length cap came close."""
        self._spoken_ms = 0
        self._spoken_bytes = 0
        self._voiced_ms = 0
        self._last_voiced_at = 0.0
        self._last_frame_at = 0.0

    def frame(self, pcm: bytes, voiced: bool, now: float) -> list[TurnEvent]:
        """Take the next frame of 20 ms; returns what it begins, continues or ends."""
        self._last_frame_at = now
        if voiced and self._speaking and not self._held and self._far_from_the_cap:
            self._last_voiced_at = now
            self._voiced_ms += FRAME_MS
            self._spoken_ms += FRAME_MS
            self._spoken_bytes += len(pcm)
            if not self.streamed:
                self._pieces.append(pcm)
            return [TurnAudio(pcm)]  # nearly all frames of speech
        self._held.append((pcm, voiced))
        if not self._speaking:
            return self._listen(voiced, now)
        self._held_bytes += len(pcm)
        if voiced:
            self._silent_frames = 0
            self._voiced_ms += FRAME_MS
            self._last_voiced_at = now
        else:
            self._silent_frames += 1
            if self._silent_frames * FRAME_MS >= self.patience_ms:
                return self._end("pause", self.patience_ms)
        settings = self.settings
        left_ms = settings.max_utterance_ms - self._spoken_ms - len(self._held) * FRAME_MS
        left_bytes = settings.max_bytes - self._spoken_bytes - self._held_bytes
        if left_ms <= 0 or left_bytes <= 0:
            return self._cut()
        window_ms = min(CAP_WINDOW_MS, settings.max_utterance_ms // 2)
        window_bytes = min(CAP_WINDOW_BYTES, settings.max_bytes // 2)
        if left_ms < window_ms or left_bytes < window_bytes:
            if not self.streamed:
                return []
            if self._gaps.is_gap(pcm, 1 - min(left_ms / window_ms, left_bytes / window_bytes, 1.0)):
                return self._end("cap", self._silent_frames * FRAME_MS)
        if not voiced:
            return []
        return [self._pass_on()]

    @property
    def _far_from_the_cap(self) -> bool:
        settings = self.settings
        return (
            self._spoken_ms + FRAME_MS + CAP_WINDOW_MS <= settings.max_utterance_ms
            and self._spoken_bytes + 2 * CAP_WINDOW_BYTES <= settings.max_bytes
        )

    @property
    def patience_ms(self) -> int:
        """The pause that ends the utterance now: shorter after long speech."""
        spoken_ms = self._spoken_ms + (len(self._held) - self._silent_frames) * FRAME_MS
        long = spoken_ms >= self.settings.long_speech_ms
        return self.settings.end_of_turn_after_long_ms if long else self.settings.end_of_turn_ms

    @property
    def deadline(self) -> float | None:
        """When to call `expire` if no frame comes before."""
        if not self._speaking:
            return None
        missing_ms = self.patience_ms - self._silent_frames * FRAME_MS
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
        self._said = None
        return turns

    def go_on(self) -> None:
        """Count to the utterance that has just begun what was said `before`, which is heard again as part of it."""
        said = self._said
        assert said is not None
        self._spoken_ms += said.spoken_ms
        self._spoken_bytes += said.spoken_bytes
        self._voiced_ms += said.voiced_ms
        self._pieces = said.pieces + self._pieces

    def _listen(self, voiced: bool, now: float) -> list[TurnEvent]:
        settings = self.settings
        while len(self._held) * FRAME_MS > settings.preroll_ms + settings.onset_window_ms:
            self._held.popleft()
        goes_on, self._goes_on = self._goes_on, False
        if self._said is not None:
            self._said.pause_ms += FRAME_MS
            if self._said.pause_ms > settings.end_of_turn_unfinished_ms + settings.onset_window_ms:
                self._said = None
        if not voiced:
            return []
        window = settings.onset_window_ms // FRAME_MS
        recent = [speech for _, speech in list(self._held)[-window:]]
        if sum(recent) * FRAME_MS < settings.onset_ms and not goes_on:
            return []
        # Pre-roll counts from the first speech of the window, not from the moment it was believed.
        first = len(self._held) - len(recent) + recent.index(True)
        for _ in range(first - settings.preroll_ms // FRAME_MS):
            self._held.popleft()
        self._last_voiced_at = now
        return [self._begin(before=self._before((len(recent) - recent.index(True)) * FRAME_MS, now))]

    def _before(self, ago_ms: int, now: float) -> bytes:
        """Return what was said before the pause, which ended `ago_ms` ago, if both are short enough."""
        said, settings = self._said, self.settings
        if (
            said is None
            or max(said.pause_ms, (now - said.last_voiced_at) * 1000) - ago_ms >= settings.end_of_turn_unfinished_ms
            or said.spoken_ms + CAP_WINDOW_MS > settings.max_utterance_ms
            or said.spoken_bytes + CAP_WINDOW_BYTES > settings.max_bytes
        ):
            return b""
        return b"".join(said.pieces)

    def _begin(self, ago_ms: int = 0, before: bytes = b"") -> TurnBegan:
        """Begin an utterance with the frames held, up to the last speech."""
        self._speaking = True
        self._spoken_ms = self._spoken_bytes = 0
        self._voiced_ms = FRAME_MS * sum(voiced for _, voiced in self._held)
        self._held_bytes = sum(len(pcm) for pcm, _ in self._held)
        self._gaps = GapFinder()
        self._pieces = []
        return TurnBegan(self._pass_on().pcm, ago_ms, before)

    def _pass_on(self) -> TurnAudio:
        """Pass on the frames held, up to the last speech."""
        frames = [self._held.popleft()[0] for _ in range(len(self._held) - self._silent_frames)]
        piece = b"".join(frames)
        self._spoken_ms += len(frames) * FRAME_MS
        self._spoken_bytes += len(piece)
        self._held_bytes -= len(piece)
        if not self.streamed:
            self._pieces.append(piece)
        return TurnAudio(piece)

    def _cut(self) -> list[TurnEvent]:
        """End the utterance at the length cap; what is held behind a gap between words is the next one."""
        patience_ms = self._silent_frames * FRAME_MS
        count = gap = len(self._held)
        if not self.streamed:
            gap = last_gap([power(pcm) for pcm, _ in self._held])
        spoken = [-1, *(place for place, (_, voiced) in enumerate(self._held) if voiced)]  # -1: what was passed on
        before = [place for place in spoken if place < gap]
        behind = [self._held.pop() for _ in range(count - gap)][::-1]
        self._voiced_ms -= FRAME_MS * (len(spoken) - len(before))
        self._silent_frames = 0
        self._said = None
        last_voiced_at = self._last_voiced_at - (spoken[-1] - before[-1]) * FRAME_MS / 1000
        ended = TurnEnded(last_voiced_at, patience_ms, "cap", self._voiced_ms)
        turns: list[TurnEvent] = [self._pass_on(), ended]
        self._speaking = False
        self._goes_on = not behind and not patience_ms
        self._held.extend(behind)
        if len(spoken) > len(before):
            self._silent_frames = count - 1 - spoken[-1]
            turns.append(self._begin((count - 1 - spoken[len(before)]) * FRAME_MS))
        return turns

    def _end(self, reason: str, patience_ms: int) -> list[TurnEvent]:
        silent = self._silent_frames
        self._silent_frames -= min(silent, self.settings.tail_ms // FRAME_MS)
        rest = self._pass_on()  # what is left of the pause may be the pre-roll of what comes next
        self._speaking = False
        self._silent_frames = 0
        self._said = None
        if reason == "pause" and not self.streamed:
            self._said = _Said(
                self._pieces,
                self._spoken_ms,
                self._spoken_bytes,
                self._voiced_ms,
                silent * FRAME_MS,
                self._last_voiced_at,
            )
        ended = TurnEnded(self._last_voiced_at, patience_ms, reason, self._voiced_ms)
        return [rest, ended] if rest.pcm else [ended]
