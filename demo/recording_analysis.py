"""Measures recordings: where there is speech, where known speech lies in them, when something new begins.

Arithmetic on arrays of PCM16 samples at 24 kHz. Positions and lengths are in samples unless the name says
otherwise. What the interpreter said and when is read from here, from what people heard, never from the
interpreter's own account.
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
"""Loudness is judged in frames of 10 ms: the resolution of every time given here."""

AUDIBLE = 60.0
"""RMS of a 10 ms frame in 16-bit steps, about -55 dB: over the noise floor of a quiet room, under any speech."""

OVER_NOISE = 4.0
"""Speech is at least this much (12 dB) over a recording's own noise floor."""

UNDER_PEAK = 10.0
"""Nor is anything less than 20 dB under the loudest sound taken for noise: a recording without a pause has no silence
to judge by."""

PAUSE = RATE // 4
"""250 ms: a shorter silence is a comma or a stop consonant."""

_CHUNK = RATE * 2 // 5
"""400 ms: known speech is followed in pieces of this length, long enough to be told from any other sound."""
_DRIFT = RATE // 2
"""A piece may lie this far from where the one before let expect it: underruns insert silence."""
_FOUND = 0.4
"""Correlation over which a piece counts as found, even when somebody as loud speaks at the same time (0.7)."""


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
    """Known speech, found in a recording."""

    spans: tuple[Span, ...]
    """Where its audible stretches lie in the recording."""
    rest: Samples
    """The recording without it."""


def loudness(samples: Samples) -> npt.NDArray[np.float64]:
    """RMS of each whole 10 ms frame."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    loud: npt.NDArray[np.float64] = np.sqrt(np.mean(np.square(frames), axis=1))
    return loud


def threshold(samples: Samples) -> float:
    """The loudness from which a frame of this recording counts as audible: over its own noise, never under AUDIBLE."""
    levels = loudness(samples)
    if not len(levels):
        return AUDIBLE
    noise = OVER_NOISE * float(np.percentile(levels, 5))
    return max(AUDIBLE, min(noise, float(levels.max()) / UNDER_PEAK))


def spans(samples: Samples, pause: int = PAUSE, level: float = AUDIBLE) -> list[Span]:
    """The audible stretches; silences shorter than `pause` are part of them."""
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
    """Find `speech` between `start` and `end` of the recording, and take it out; None if it is not there.

    A room mixes by adding samples, so what is left after subtracting is what the others said, even where all spoke at
    once.
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
    """How loud `speech` is in the recording from `start` to `end`, wherever it lies there, against how it was spoken.

    0: as it was spoken. What is merely as loud does not count, only what goes up and down with it.
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
    """The end of the speech that an interpretation follows: the last stretch over by `begin`, or the last of all."""
    over = [stretch.end for stretch in stretches if stretch.end <= begin]
    return over[-1] if over else stretches[-1].end


def milliseconds(samples: int) -> int:
    return round(samples * 1000 / RATE)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of all are not over (nearest rank); None of none."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(0, int(np.ceil(share * len(ranked))) - 1)]


def _follow(recording: Samples, piece: Samples, expected: int) -> int:
    """Where a piece is, given where it is expected: usually exactly there, elsewhere before or after an underrun."""
    here = recording[max(0, expected) : expected + len(piece)]
    if _likeness(here, piece) > 0.99 or not np.any(piece):
        return expected
    start = max(0, expected - _DRIFT)
    found = _locate(recording[start : expected + len(piece) + _DRIFT], piece, expected - start)
    return expected if found is None else start + found


def _locate(recording: Samples, piece: Samples, expected: int) -> int | None:
    """Where in the recording `piece` correlates best, if it does at all."""
    if len(recording) < FRAME or not np.any(piece):
        return None
    # Room for a piece that is cut off at the end of the recording.
    heard = np.concatenate([recording.astype(np.float64), np.zeros(len(piece))])
    size = 1 << (len(heard) + len(piece) - 1).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(piece.astype(np.float64), size))
    likely = np.fft.irfft(spectrum, size)[: len(recording)]
    best = int(np.argmax(likely))
    return best if _likeness(recording[best : best + len(piece)], piece) >= _FOUND else None


def _likeness(here: Samples, piece: Samples) -> float:
    """Correlation coefficient of two stretches, the shorter one filled up with silence; 0 if one is silent."""
    first = np.zeros(len(piece))
    first[: len(here)] = here
    second = piece.astype(np.float64)
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / scale if scale else 0.0
