"""Measures recordings: finds speech, locates known speech, and separates it from the rest.

All functions work on arrays of PCM16 samples at 24 kHz. Positions and lengths are in samples unless the name says
otherwise. Times of interpretations are measured here, in the recordings of their listeners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emulator.engine.base import SAMPLE_RATE

Samples = npt.NDArray[np.int16]

RATE = SAMPLE_RATE

FRAME = RATE // 100
"""Frame length in samples (10 ms): the resolution of all times."""

AUDIBLE = 60.0
"""RMS of an audible frame in 16-bit steps, about -55 dB: above the noise of a quiet room, below any speech."""

OVER_NOISE = 4.0
"""Factor (12 dB) by which speech exceeds a recording's noise floor."""

UNDER_PEAK = 10.0
"""Factor (20 dB) below the loudest frame within which nothing counts as noise: a recording without pauses shows no
noise floor."""

PAUSE = RATE // 4
"""Samples of silence (250 ms) that separate stretches; a shorter one is a comma or a stop consonant."""

_CHUNK = RATE * 2 // 5
"""Length in samples (400 ms) of the pieces in which known speech is located; long enough to be distinctive."""
_DRIFT = RATE // 2
"""Maximum distance in samples of a piece from its expected position: underruns insert silence."""
_FOUND = 0.4
"""Minimum correlation of a located piece; with another voice of the same loudness it is 0.7."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a recording, in samples; `end` is not part of it."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / RATE


@dataclass(frozen=True, slots=True)
class Trace:
    """Known speech located in a recording."""

    spans: tuple[Span, ...]
    """Its audible stretches in the recording."""
    rest: Samples
    """The recording without this speech."""


def loudness(samples: Samples) -> npt.NDArray[np.float64]:
    """Return the RMS of each whole 10 ms frame."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    loud: npt.NDArray[np.float64] = np.sqrt(np.mean(np.square(frames), axis=1))
    return loud


def threshold(samples: Samples) -> float:
    """Return the loudness above which a frame of this recording is audible: above its noise, at least AUDIBLE."""
    levels = loudness(samples)
    if not len(levels):
        return AUDIBLE
    noise = OVER_NOISE * float(np.percentile(levels, 5))
    return max(AUDIBLE, min(noise, float(levels.max()) / UNDER_PEAK))


def spans(samples: Samples, pause: int = PAUSE, level: float = AUDIBLE) -> list[Span]:
    """Return the audible stretches; silences shorter than `pause` are part of them."""
    audible = np.flatnonzero(loudness(samples) >= level)
    found: list[Span] = []
    for frame in audible.tolist():
        start, end = frame * FRAME, (frame + 1) * FRAME
        if found and start - found[-1].end < pause:
            found[-1] = Span(found[-1].start, end)
        else:
            found.append(Span(start, end))
    return found


def trace(recording: Samples, speech: Samples, start: int, end: int) -> Trace | None:
    """Locate `speech` between `start` and `end` of the recording and subtract it; None if it is not there.

    A room mixes by adding samples, so the remainder is what the others said, even at the same time.
    """
    stretches = spans(speech, level=threshold(speech))
    if not stretches:
        return None
    start = max(0, start)
    shift = _locate(recording[start:end], speech, 0)
    if shift is None:
        return None
    shift += start
    rest = recording.astype(np.int32)
    shifts: list[tuple[int, int]] = []  # (end of the piece in the speech, shift)
    for at in range(0, len(speech), _CHUNK):
        piece = speech[at : at + _CHUNK]
        shift = _follow(recording, piece, at + shift) - at
        target = rest[max(0, at + shift) : at + shift + len(piece)]
        target -= piece[: len(target)]
        shifts.append((at + len(piece), shift))

    def place(position: int) -> int:
        return position + next(shift for end, shift in shifts if position <= end)

    return Trace(
        tuple(Span(place(span.start), min(place(span.end), len(recording))) for span in stretches),
        np.clip(rest, -32768, 32767).astype(np.int16),
    )


QUIETEST_DB = -90.0


def level_db(recording: Samples, speech: Samples, start: int, end: int) -> float:
    """Return the level of `speech` in the recording from `start` to `end`, at any position, in dB.

    0 is the level at which it was spoken. The level is measured by correlation, so other loud sounds do not count.
    """
    heard = recording[max(0, start) : max(0, end)].astype(np.float64)
    spoken = speech.astype(np.float64)
    energy = float(spoken @ spoken)
    if not len(heard) or not energy:
        return QUIETEST_DB
    size = 1 << (len(heard) + len(spoken) - 1).bit_length()
    alike = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(spoken, size)), size)
    share = float(np.abs(alike).max()) / energy
    return max(QUIETEST_DB, 20 * float(np.log10(share))) if share else QUIETEST_DB


def ended_before(stretches: Sequence[Span], begin: int) -> int:
    """Return the end of the speech before an interpretation: of the last stretch ended by `begin`, else of the last."""
    over = [stretch.end for stretch in stretches if stretch.end <= begin]
    return over[-1] if over else stretches[-1].end


def milliseconds(samples: int) -> int:
    return round(samples * 1000 / RATE)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the nearest-rank percentile for `share` (0-1); None without values."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(0, int(np.ceil(share * len(ranked))) - 1)]


def _follow(recording: Samples, piece: Samples, expected: int) -> int:
    """Return the position of a piece near its expected one; it differs only after an underrun."""
    here = recording[max(0, expected) : expected + len(piece)]
    if _likeness(here, piece) > 0.99 or not np.any(piece):
        return expected
    start = max(0, expected - _DRIFT)
    found = _locate(recording[start : expected + len(piece) + _DRIFT], piece, expected - start)
    return expected if found is None else start + found


def _locate(recording: Samples, piece: Samples, expected: int) -> int | None:
    """Return the position with the best correlation; None if no correlation suffices."""
    if len(recording) < FRAME or not np.any(piece):
        return None
    # Padding for a piece that is cut off at the end of the recording.
    heard = np.concatenate([recording.astype(np.float64), np.zeros(len(piece))])
    size = 1 << (len(heard) + len(piece) - 1).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(piece.astype(np.float64), size))
    likely = np.fft.irfft(spectrum, size)[: len(recording)]
    best = int(np.argmax(likely))
    return best if _likeness(recording[best : best + len(piece)], piece) >= _FOUND else None


def _likeness(here: Samples, piece: Samples) -> float:
    """Return the correlation coefficient of two stretches, the shorter one padded with silence; 0 if one is silent."""
    first = np.zeros(len(piece))
    first[: len(here)] = here
    second = piece.astype(np.float64)
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / scale if scale else 0.0
