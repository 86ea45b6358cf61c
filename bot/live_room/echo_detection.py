"""Recognises the interpreter's own voice in mixed audio, by correlating what is heard with what was played.

Mixed audio does not say whose voice it is. What was played is kept for as long as it may take to come back; both
signals are decimated to 4 kHz and whitened by a first difference. While nothing was played this costs next to nothing;
otherwise the delay is searched 5 times a second, and each frame is compared at the delay found.

A frame counts as the interpreter's own if what was played explains most of its power, so that a person who speaks over
the interpreter is still heard. The method finds a single return path with a single delay, as through a mixer; for the
many paths from a loudspeaker through a room there is `echo_meter.py`. Delays found by chance do no harm: they explain
hardly any frame.
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
"""From sending a frame to its return: ACS's buffers, its mixer and the network, both ways."""
COMPARED_FRAMES = 16
"""320 ms of heard audio, in which the delay is searched: a syllable or two."""
DECIDING_FRAMES = 5
"""100 ms of audio decide about a frame: so a person who speaks over the interpreter is noticed within 100 ms."""
SEARCH_EVERY = 10
"""Frames between two searches."""
FOUND_AT = 0.25
"""Correlation from which a delay counts as found; unrelated speech reaches it now and then."""
OURS_AT = 0.5
"""Share of the heard power, from which a frame counts as the interpreter's own."""
HELD_FRAMES = 50
"""How long a delay is used without being found again: 1 s, since voices pause."""
AHEAD_FRAMES = 25
"""Sent frames that may wait to be heard: ACS drops what exceeds 500 ms."""
QUIET_POWER = 20.0**2
"""Below this power there is no speech; the same limit as in `voice_activity.py`."""

_HISTORY = LONGEST_DELAY_MS // FRAME_MS + COMPARED_FRAMES + 2
_SIZE = 4096
"""Length of the transforms in samples: holds the history and the compared audio."""

Samples = NDArray[np.float32]


class EchoDetector:
    """Serves one mixed stream. Call `played` for each sent frame and `is_ours` for each received frame of 20 ms."""

    def __init__(self) -> None:
        self._whiten_played, self._whiten_heard = _Whitener(), _Whitener()
        self._ahead: deque[bytes] = deque(maxlen=AHEAD_FRAMES)
        self._played = np.zeros(_HISTORY * FRAME, np.float32)
        self._heard = np.zeros(COMPARED_FRAMES * FRAME, np.float32)
        self._silent_for = _HISTORY
        """Frames since the interpreter last played a frame."""
        self._since_search = SEARCH_EVERY
        self._delay: int | None = None
        """In samples."""
        self._held = 0

    def played(self, pcm: bytes) -> None:
        """Note a sent frame of 20 ms; ACS plays them one after the other."""
        self._ahead.append(pcm)

    def stopped(self) -> None:
        """Note that frames that were sent and not heard yet were discarded."""
        self._ahead.clear()

    def is_ours(self, pcm: bytes) -> bool:
        """Return whether the next received frame is the interpreter's own voice."""
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
        """Delay with which the interpreter's voice comes back, in ms; None while it is not heard."""
        return None if self._delay is None else self._delay * DECIMATION / 24

    def _search(self) -> None:
        """Find the delay at which what was played correlates best with what was heard."""
        heard, played = self._heard, self._played
        found, at = 0.0, 0
        power = float(heard @ heard)
        if power > QUIET_POWER * len(heard):
            spectrum = np.fft.rfft(played, _SIZE) * np.conj(np.fft.rfft(heard, _SIZE))
            lags = len(played) - len(heard) + 1
            products = np.fft.irfft(spectrum, _SIZE)[:lags]
            sums = np.concatenate(([0.0], np.cumsum(played.astype(np.float64) ** 2)))
            powers = sums[len(heard) : len(heard) + lags] - sums[:lags]
            correlation = products / np.sqrt(power * np.maximum(powers, QUIET_POWER * len(heard)))
            at = int(np.argmax(correlation))
            found = float(correlation[at])
        if found >= FOUND_AT:
            self._delay, self._held = len(played) - len(heard) - at, 0
            return
        self._held += SEARCH_EVERY
        if self._held >= HELD_FRAMES:
            self._delay = None

    def _explained(self, delay: int) -> float:
        """Return the share of the power of the last 100 ms that what was played `delay` samples before explains."""
        size = DECIDING_FRAMES * FRAME
        heard = self._heard[-size:]
        end = len(self._played) - delay
        played = self._played[end - size : end]
        both = float(heard @ heard) * float(played @ played)
        return 0.0 if both <= 0.0 else max(0.0, float(heard @ played)) ** 2 / both


class _Whitener:
    """Decimates to 4 kHz, by the mean of six samples, and takes differences.

    The power of voices lies at low frequencies, where all voices are alike.
    """

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
