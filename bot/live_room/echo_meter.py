"""Measures how much of a speaker's speech is the interpreter's own voice, come back through a loudspeaker and a room.

Our voice comes back on many paths. For each 0.8 s in which somebody speaks while we are heard, the meter fits a filter
of 24 ms that makes what was heard of what was played, and returns the share of the heard power that this explains: 0.4
to 1 of our voice in a room, 0 to 0.35 of other people's speech; a person who speaks over our voice lowers it
(`python -m benchmarks.echo`). Audio is kept only while we are heard; nothing is computed before a piece is complete.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from bot.live_room.echo_detection import DECIMATION, FRAME, FRAME_MS, QUIET_POWER, Samples

LONGEST_DELAY_MS = 1_000
"""Longest way of our voice from the socket to a loudspeaker, a microphone and back, as far as the meter looks."""
PIECE_FRAMES = 40
"""800 ms: a pause of 500 ms ends an utterance, so that one of 300 ms of speech is measured before it ends."""
LONGEST_PIECE_S = 1.2
"""A piece that takes longer has gaps, and is begun again."""
FEWEST_VOICED = 5
"""Fewer frames of speech are the rest of an utterance, and not measured."""
TAPS = 96
"""24 ms of a room: what came by the straightest path, and most of the first reflections."""
TAPS_BEFORE = 4
"""Of these, ahead of the strongest path."""
JITTER_S = 0.06
"""A frame sent that much late is still played right behind the one before: ACS buffers."""
_FRAME_BYTES = 2 * FRAME * DECIMATION
_SIZE = 8192
"""Length of the transforms in samples: holds 1.8 s of what was played."""


@dataclass(slots=True)
class _Played:
    """What one media stream was sent lately."""

    frames: deque[tuple[float, bytes]] = field(default_factory=deque)
    """When each frame begins to be played."""
    until: float = -math.inf


@dataclass(slots=True)
class _Heard:
    """A piece of one speaker's audio that is to be measured."""

    began_at: float
    frames: list[bytes] = field(default_factory=list)
    voiced: int = 0


class EchoMeter:
    """Serves the speakers of one room. Call `played` for each sent frame and `heard` for each received one of 20 ms."""

    def __init__(self) -> None:
        self._played: dict[str, _Played] = {}
        self._heard: dict[tuple[str, str], _Heard] = {}
        """By stream and speaker: one who is in two rooms is heard twice."""

    def played(self, stream: str, pcm: bytes, now: float) -> None:
        """Note a frame that was sent to a media stream."""
        played = self._played.setdefault(stream, _Played())
        at = played.until if now - played.until < JITTER_S else now
        played.frames.append((at, pcm))
        played.until = at + FRAME_MS / 1000
        oldest = now - (LONGEST_DELAY_MS + (PIECE_FRAMES + 2) * FRAME_MS) / 1000
        while played.frames[0][0] < oldest:
            played.frames.popleft()

    def stopped(self, stream: str, now: float) -> None:
        """Note that frames that were sent and not heard yet were discarded."""
        played = self._played.get(stream)
        while played is not None and played.frames and played.frames[-1][0] > now:
            played.until = played.frames.pop()[0]

    def heard(self, stream: str, speaker: str, pcm: bytes, voiced: bool, now: float) -> tuple[float, int] | None:
        """Take a frame of a speaker of this stream.

        Returns the share of the power of the last piece that was our own voice, and the milliseconds of speech in it;
        None while no piece is complete.
        """
        key = stream, speaker
        heard = self._heard.get(key)
        if heard is None or now > heard.began_at + LONGEST_PIECE_S:
            played = self._played.get(stream)
            if not voiced or played is None or now > played.until + LONGEST_DELAY_MS / 1000:
                return None
            heard = self._heard[key] = _Heard(now)
        heard.frames.append(pcm)
        heard.voiced += voiced
        if len(heard.frames) < PIECE_FRAMES:
            return None
        del self._heard[key]
        if heard.voiced < FEWEST_VOICED:
            return None
        return self._share(self._played[stream], heard), heard.voiced * FRAME_MS

    def _share(self, played: _Played, heard: _Heard) -> float:
        line = np.zeros((LONGEST_DELAY_MS // FRAME_MS + PIECE_FRAMES + 1) * FRAME, np.float32)
        began_at = heard.began_at - LONGEST_DELAY_MS / 1000
        for (at, _), thinned in zip(played.frames, _thinned(pcm for _, pcm in played.frames), strict=True):
            start = round((at - began_at) * FRAME * 1000 / FRAME_MS)
            if 0 <= start <= len(line) - FRAME:
                line[start : start + FRAME] = thinned
        return _explained_by_a_room(_white(_thinned(heard.frames).ravel()), _white(line))


def _thinned(frames: Iterable[bytes]) -> Samples:
    """Decimate frames to 4 kHz, a row each; done for many at once, since it is the number of calls that costs."""
    pcm = b"".join(frame[:_FRAME_BYTES].ljust(_FRAME_BYTES, b"\0") for frame in frames)
    samples = np.frombuffer(pcm, np.int16).astype(np.float32)
    thinned: Samples = samples.reshape(-1, FRAME, DECIMATION).mean(axis=2, dtype=np.float32)
    return thinned


def _white(samples: Samples) -> Samples:
    return np.diff(samples, prepend=samples[:1])


def _explained_by_a_room(heard: Samples, played: Samples) -> float:
    """Return the share of the heard power that the best filter of `TAPS` samples makes of what was played."""
    size, lags = len(heard), len(played) - len(heard) + 1
    power = float(heard @ heard)
    if power <= QUIET_POWER * size:
        return 0.0
    spectrum = np.fft.rfft(played, _SIZE) * np.conj(np.fft.rfft(heard, _SIZE))
    products = np.fft.irfft(spectrum, _SIZE)[:lags]
    sums = np.concatenate(([0.0], np.cumsum(played.astype(np.float64) ** 2)))
    powers = sums[size : size + lags] - sums[:lags]
    strongest = int(np.argmax(np.abs(products) / np.sqrt(np.maximum(powers, QUIET_POWER * size))))
    first, last = max(0, strongest + TAPS_BEFORE - TAPS), min(lags, strongest + TAPS_BEFORE)
    # The played audio's autocorrelation makes a Toeplitz matrix. A product of matrices would wake the threads of BLAS.
    around = played[first : last + size - 1]
    alike = np.fft.irfft(np.abs(np.fft.rfft(around, _SIZE)) ** 2, _SIZE)[: last - first]
    alike[0] = alike[0] * 1.001 + QUIET_POWER
    taps = np.arange(last - first)
    filtered = np.linalg.solve(alike[np.abs(taps[:, None] - taps)], products[first:last])
    rest = heard - np.convolve(around, filtered[::-1], "valid").astype(np.float32)
    return max(0.0, 1.0 - float(rest @ rest) / power)
