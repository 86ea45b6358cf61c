"""Is this frame of mixed audio our own voice coming back? Correlates what is heard with what was played, by waveform.

Mixed audio says of nobody whose voice it is, ours included. What was played is remembered for as long as it may take to
come back; both are thinned out to 4 kHz and whitened by a first difference. While nothing was played it costs next to
nothing; else the delay is looked for 5 times a second, and each frame is compared at the delay that was found.

A frame is taken for ours if what we played explains most of its power: so a person who speaks over our voice is heard.
It sees one way back with one delay, as a mixer returns it; a loudspeaker's many ways through a room it sees badly. By
chance delays are found where there is nothing of ours, which does no harm: hardly a frame is explained by them.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

FRAME_MS = 20
DECIMATION = 6
"""24 kHz to 4 kHz: what a telephone leaves of a voice, and a sixth of the work."""
FRAME = 480 // DECIMATION
LONGEST_DELAY_MS = 600
"""From our sending a frame to its return: ACS's buffers, mixer and network, each way."""
COMPARED_FRAMES = 16
"""320 ms of what was heard, in which the delay is looked for: a syllable or two."""
JUDGED_FRAMES = 5
"""100 ms, by which a frame is judged: one who speaks over us is noticed within that."""
SEARCH_EVERY = 10
"""Frames between two searches."""
FOUND_AT = 0.25
"""Correlation at which a delay counts as found. Speech has it by chance now and then."""
OURS_AT = 0.5
"""Share of the power of what is heard that has to be ours."""
HELD_FRAMES = 50
"""How long a delay holds that is not found again: voices have pauses."""
AHEAD_FRAMES = 25
"""Frames that wait to be heard at the other end: those beyond 500 ms would have been dropped by ACS."""
QUIET_POWER = 20.0**2
"""As the speech detector has it: below this nobody speaks."""

_HISTORY = LONGEST_DELAY_MS // FRAME_MS + COMPARED_FRAMES + 2
_SIZE = 4096
"""Of the transforms: the history and what is compared, in samples, with room to spare."""

Samples = NDArray[np.float32]


class EchoDetector:
    """One mixed stream: `played` for each frame that goes out, `is_ours` for each that comes in, 20 ms either."""

    def __init__(self) -> None:
        self._whiten_played, self._whiten_heard = _Whitener(), _Whitener()
        self._ahead: deque[bytes] = deque(maxlen=AHEAD_FRAMES)
        self._played = np.zeros(_HISTORY * FRAME, np.float32)
        self._heard = np.zeros(COMPARED_FRAMES * FRAME, np.float32)
        self._silent_for = _HISTORY
        """Frames since the last that was played."""
        self._since_search = SEARCH_EVERY
        self._delay: int | None = None
        """In samples."""
        self._held = 0

    def played(self, pcm: bytes) -> None:
        """A frame of 20 ms went out; ACS plays them one after the other."""
        self._ahead.append(pcm)

    def stopped(self) -> None:
        """What went out and was not heard yet has been thrown away."""
        self._ahead.clear()

    def is_ours(self, pcm: bytes) -> bool:
        """Judge the next frame that came in."""
        if self._ahead:
            self._silent_for = 0
            ours = self._whiten_played(self._ahead.popleft())
        elif self._silent_for >= _HISTORY:
            return False
        else:
            self._silent_for += 1
            ours = None
        _push(self._played, ours)
        _push(self._heard, self._whiten_heard(pcm))
        self._since_search += 1
        if self._since_search >= SEARCH_EVERY:
            self._since_search = 0
            self._search()
        return self._delay is not None and self._explained(self._delay) >= OURS_AT

    @property
    def delay_ms(self) -> float | None:
        """How long our voice takes to come back; None while it is not heard."""
        return None if self._delay is None else self._delay * DECIMATION / 24

    def _search(self) -> None:
        """Look for the delay at which what was played is most like what was heard."""
        heard, played = self._heard, self._played
        found, at = 0.0, 0
        power = float(heard @ heard)
        if power > QUIET_POWER * len(heard):
            spectrum = np.fft.rfft(played, _SIZE) * np.conj(np.fft.rfft(heard, _SIZE))
            lags = len(played) - len(heard) + 1
            products = np.fft.irfft(spectrum, _SIZE)[:lags]
            sums = np.concatenate(([0.0], np.cumsum(played.astype(np.float64) ** 2)))
            powers = sums[len(heard) : len(heard) + lags] - sums[:lags]
            likeness = products / np.sqrt(power * np.maximum(powers, QUIET_POWER * len(heard)))
            at = int(np.argmax(likeness))
            found = float(likeness[at])
        if found >= FOUND_AT:
            self._delay, self._held = len(played) - len(heard) - at, 0
            return
        self._held += SEARCH_EVERY
        if self._held >= HELD_FRAMES:
            self._delay = None

    def _explained(self, delay: int) -> float:
        """The share of the power of the last 100 ms that is what we played so long before, louder or softer."""
        size = JUDGED_FRAMES * FRAME
        heard = self._heard[-size:]
        end = len(self._played) - delay
        played = self._played[end - size : end]
        both = float(heard @ heard) * float(played @ played)
        return 0.0 if both <= 0.0 else max(0.0, float(heard @ played)) ** 2 / both


class _Whitener:
    """To 4 kHz, by the mean of six samples, and to their differences: a voice has its power where it is low, and all
    voices are alike there."""

    _MEAN = np.full(DECIMATION, 1 / DECIMATION, np.float32)

    def __init__(self) -> None:
        self._last = np.float32(0.0)

    def __call__(self, pcm: bytes) -> Samples:
        if len(pcm) != 2 * FRAME * DECIMATION:
            pcm = pcm[: 2 * FRAME * DECIMATION].ljust(2 * FRAME * DECIMATION, b"\0")
        thinned = np.frombuffer(pcm, np.int16).astype(np.float32).reshape(FRAME, DECIMATION) @ self._MEAN
        white = np.empty(FRAME, np.float32)
        white[0] = thinned[0] - self._last
        np.subtract(thinned[1:], thinned[:-1], out=white[1:])
        self._last = thinned[-1]
        return white


def _push(line: Samples, samples: Samples | None) -> None:
    line[:-FRAME] = line[FRAME:]
    line[-FRAME:] = 0.0 if samples is None else samples
