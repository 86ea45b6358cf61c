"""Divides the output of a translation session among utterances, by their positions in the stream. No clock, no I/O.

The service never says to which utterance its output belongs. It works through its input in order, some seconds late:

    input, ms      ├─ u-1 ─┤      ├ u-2 ┤                       position: audio that was sent before, silence included
    output, ms               ····─── u-1 ───···─ u-2 ─···       position: of the input the service has heard by then
                   ├── lag ──────┤

Output passes from an utterance to the next where that is due by the lag: at a pause if there is one, else where as much
was said as was heard; within speech that was cut at the longest utterance, by position alone. Text runs ahead of the
voice, and passes on by itself. The lag is measured wherever an utterance's output begins after a pause.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from bot.realtime.messages import BYTES_PER_MS
from bot.realtime.translation_messages import STEP_MS

INITIAL_LAG_MS = 4_000.0
"""Lag of the stream until it is measured: between the 3 s of human interpreters and 5.4 s, measured elsewhere."""
LAG_BOUNDS_MS = (1_000.0, 8_000.0)
"""Measured lags are clipped to these bounds."""
LEAST_LAG_MS = 1_000.0
"""No output comes sooner after the speaker began."""
INITIAL_RATIO = 1.1
RATIO_BOUNDS = (0.5, 2.0)
"""How long interpretations are, in lengths of their sources, until it is measured, and within which bounds."""
PAUSE_MS = 150.0
"""Pause at which the output may pass on; the noise gate has added 300 to 500 ms to the end of the last word."""
CONTIGUOUS_MS = 300.0
"""Utterances that follow one another as closely were one speech, cut where it was too long."""
EARLY_MS = 1_500.0
"""How much sooner than by the usual lag an interpretation may begin after a pause: lags differ by a second or so."""
EARLIEST_MS = 750.0
"""The same without a pause before it."""
LATE_MS = 1_000.0
"""How much later it is taken to have begun in any case."""
HALF, WHOLE = 0.5, 0.9
"""Share of the expected interpretation that must have come before the output passes on: at a pause, and without one."""
MOST_OWED_MS = 2_000.0
"""Greatest share of an interpretation that is expected to follow after the output has passed on without a pause."""
TEXT_LEAD_MS = 400.0
"""How far text runs ahead of its voice."""


@dataclass(slots=True, eq=False)
class StreamedUtterance:
    """An utterance in a stream. Positions are milliseconds of audio sent since the beginning of the session."""

    id: str
    start_ms: float
    end_ms: float | None = None
    """None while it is being heard."""
    ended_at: float | None = None
    """When its last audio was heard, in seconds."""
    heard: int = 0
    """Bytes of source audio."""
    spoken: int = 0
    """Bytes of its interpretation."""
    voice_until_ms: float | None = None
    """Position after the last of its voice; None before the first."""
    text_until_ms: float | None = None
    last_output_at: float | None = None
    """In seconds."""
    source: str = ""
    over: bool = False
    """Its interpretation has ended or is not wanted: later output is dropped."""

    @property
    def lasted_ms(self) -> float:
        """How long the speaker spoke."""
        return max(1.0, (self.end_ms or 0.0) - self.start_ms)


class StreamAlignment:
    """The utterances of one session whose interpretation has not ended, the oldest first."""

    def __init__(self) -> None:
        self.utterances: OrderedDict[str, StreamedUtterance] = OrderedDict()
        self.lag_ms = INITIAL_LAG_MS
        self.ratio = INITIAL_RATIO
        self.free_ms = 0.0
        """Position at which the output before that of the oldest utterance ended."""
        self._text_of: StreamedUtterance | None = None
        """Whose text comes at present; None for the oldest utterance."""
        self._text_since_ms = 0.0
        self._owed_ms = 0.0
        """Voice of an ended utterance that is expected to come as the oldest one's: there was no pause between them."""

    @property
    def oldest(self) -> StreamedUtterance | None:
        return next(iter(self.utterances.values()), None)

    def pop(self, at_ms: float | None = None) -> StreamedUtterance:
        """Take away the oldest utterance: its interpretation has ended. `at_ms`: where the next one's has begun."""
        oldest = next(iter(self.utterances.values()))
        owed_ms = self._expected_ms(oldest) - oldest.spoken / BYTES_PER_MS if at_ms is not None else 0.0
        paused = at_ms is None or at_ms - (oldest.voice_until_ms or 0.0) >= PAUSE_MS
        self._owed_ms = 0.0 if paused else min(max(owed_ms, 0.0), MOST_OWED_MS)
        del self.utterances[oldest.id]
        if oldest.spoken and oldest.end_ms is not None:
            low, high = RATIO_BOUNDS
            self.ratio += 0.1 * (min(max(oldest.spoken / BYTES_PER_MS / oldest.lasted_ms, low), high) - self.ratio)
        self.free_ms = max(self.free_ms, oldest.voice_until_ms or 0.0)
        if self._text_of is oldest:
            self._text_of = None
        return oldest

    def passed(self, at_ms: float) -> bool:
        """Return whether voice at this position is no longer the oldest utterance's but the next one's."""
        first = iter(self.utterances.values())
        oldest, following = next(first, None), next(first, None)
        if oldest is None or following is None:
            return False
        written = self._text_of is not None and self._text_of is not oldest
        if written and oldest.spoken and at_ms >= self._text_since_ms + STEP_MS:
            return True
        return self._passes(oldest, following, at_ms, oldest.voice_until_ms)

    def voice(self, at_ms: float, until_ms: float, size: int) -> StreamedUtterance | None:
        """Return the utterance that this voice belongs to, and measure the lag; call `pop` while it has `passed`."""
        oldest = self.oldest
        if oldest is None:
            return None
        if oldest.voice_until_ms is None and at_ms - self.free_ms >= PAUSE_MS:
            low, high = LAG_BOUNDS_MS
            lag_ms = min(max(at_ms - oldest.start_ms, low), high)
            self.lag_ms += 0.3 * (lag_ms - self.lag_ms)
        oldest.voice_until_ms = until_ms
        oldest.spoken += size
        return oldest

    def text(self, at_ms: float) -> StreamedUtterance | None:
        """Return the utterance that text at this position belongs to."""
        oldest = self.oldest
        if oldest is None:
            return None
        current = self._text_of or oldest
        following = self._after(current)
        voice_ms = at_ms + TEXT_LEAD_MS
        if following is not None and self._passes(current, following, voice_ms, current.text_until_ms):
            self._text_of = current = following
            self._text_since_ms = at_ms
        current.text_until_ms = voice_ms + STEP_MS
        return current

    def _passes(
        self, current: StreamedUtterance, following: StreamedUtterance, at_ms: float, until_ms: float | None
    ) -> bool:
        """Return whether output at this position is the following utterance's. `until_ms`: end of the output before."""
        if at_ms < following.start_ms + LEAST_LAG_MS:
            return False
        due_ms = following.start_ms + self.lag_ms
        if until_ms is None:
            return self._is_late(current, at_ms, due_ms)
        if following.start_ms - (current.end_ms or 0.0) < CONTIGUOUS_MS:
            return at_ms >= due_ms
        share = self._share(current)
        if at_ms - until_ms >= PAUSE_MS:
            return at_ms >= due_ms + LATE_MS or (share >= HALF and at_ms >= due_ms - EARLY_MS)
        return share >= WHOLE and at_ms >= due_ms - EARLIEST_MS

    def _is_late(self, utterance: StreamedUtterance, at_ms: float, next_due_ms: float) -> bool:
        """Return whether output is too late for an utterance that has none yet, and rather the next one's."""
        due_ms = max(utterance.start_ms + self.lag_ms, self.free_ms)
        return at_ms - due_ms > abs(at_ms - next_due_ms) + LATE_MS

    def _share(self, utterance: StreamedUtterance) -> float:
        """Return how much of the expected interpretation has come: 1.0 for all of it."""
        return utterance.spoken / BYTES_PER_MS / self._expected_ms(utterance)

    def _expected_ms(self, utterance: StreamedUtterance) -> float:
        """Return how much voice is expected while the utterance is the oldest."""
        return utterance.lasted_ms * self.ratio + (self._owed_ms if utterance is self.oldest else 0.0)

    def _after(self, current: StreamedUtterance) -> StreamedUtterance | None:
        found = False
        for utterance in self.utterances.values():
            if found:
                return utterance
            found = utterance is current
        return None
