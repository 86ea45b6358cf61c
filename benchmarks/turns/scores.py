"""Runs detectors and the endpointer over scenes, and counts what was missed, cut, late or false."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from benchmarks.percentiles import percentile
from benchmarks.turns.scenes import FRAME, Scene
from bot.interpreting.endpointing import FRAME_MS, Endpointer, TurnAudio, TurnBegan, TurnEnded
from bot.interpreting.plan import Endpointing
from bot.live_room.voice_activity import Decimator, DetectorPool, SileroModel, WebRtcModel

BOT, YARDSTICK = "the bot's", "silero alone"
MISSED_BEGINNING_MS = 60
"""More of a sentence than this lost at its beginning counts as lost: a short sound."""
SLACK_FRAMES = 25
"""An utterance that ends or begins this close to a sentence belongs to it."""


FIRST_SIGN_MS = 500
"""From the end of an utterance to the first of its interpretation. Until then it is taken back if the speaker goes on.
Models are said to need 0.5 to 1.2 s to their first sound (realtime protocol)."""


class Ears(Protocol):
    """Tells speech from other sounds, frame by frame."""

    def voiced(self, pcm: bytes, silent: bool = False) -> bool: ...

    def close(self) -> None: ...


class _EveryFrame:
    """A model that hears every frame: no gate, nothing spared."""

    def __init__(self, model: SileroModel | WebRtcModel) -> None:
        self._model = model
        self._decimator = Decimator()

    def voiced(self, pcm: bytes, silent: bool = False) -> bool:
        return self._model.is_speech(self._decimator.frame(np.frombuffer(pcm, np.int16).astype(np.float32)))

    def close(self) -> None:
        pass


def detectors() -> dict[str, Callable[[], Ears]]:
    """Return the detectors to compare, by name."""
    pool = DetectorPool(1)
    pool.load()
    return {
        BOT: pool.detector,
        YARDSTICK: lambda: _EveryFrame(SileroModel()),
        "webrtc alone": lambda: _EveryFrame(WebRtcModel()),
    }


@dataclass(slots=True)
class Utterance:
    """What the endpointer made of frames; positions in frames."""

    begins: int
    """First frame that was passed on."""
    ends: int
    """Behind the last."""
    last_voiced: int
    """Behind the last frame with speech."""
    decided: int
    """When the end was noticed."""
    reason: str
    taken_back: int = 0
    """How often it seemed to have ended."""


@dataclass(frozen=True, slots=True)
class Score:
    """One detector under one condition."""

    scene: str
    detector: str
    sentences: int
    missed_beginnings: int
    missed_utterances: int
    false_per_min: float
    """Utterances without any speech, per minute without speech."""
    ends_ms: Sequence[float]
    """From the last sound of each sentence to the decision that it is over."""
    cuts: int
    """Ends of utterances inside sentences, by a pause, that were not taken back."""
    taken_back: int
    """Utterances whose speaker went on before anything had come of them."""
    speech_s: float
    cap_cuts: int
    """Ends at the length cap."""
    cap_cuts_amid_words: int
    us_per_frame: float
    """Of the detector, in this run."""

    @property
    def end_p50_ms(self) -> float | None:
        return percentile(self.ends_ms, 0.5)

    @property
    def end_p95_ms(self) -> float | None:
        return percentile(self.ends_ms, 0.95)

    @property
    def cuts_per_h(self) -> float:
        return self.cuts / self.speech_s * 3600

    @property
    def cuts_range(self) -> tuple[float, float]:
        """Between which cuts per hour the true number lies with 95 % confidence, if cuts come independently."""
        low, high = poisson_range(self.cuts)
        return low / self.speech_s * 3600, high / self.speech_s * 3600

    def document(self) -> dict[str, Any]:
        derived = ("end_p50_ms", "end_p95_ms", "cuts_per_h", "cuts_range")
        return {**asdict(self), **{name: getattr(self, name) for name in derived}}


def poisson_range(count: int) -> tuple[float, float]:
    """Return the exact 95 % confidence interval of a Poisson mean of which `count` were seen."""

    def at_most(seen: int, mean: float) -> float:
        return math.fsum(math.exp(-mean + n * math.log(mean) - math.lgamma(n + 1)) for n in range(seen + 1))

    def mean_with(seen: int, share: float) -> float:
        low, high = 1e-9, 4 * seen + 20.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if at_most(seen, middle) > share else (low, middle)
        return high

    return mean_with(count - 1, 0.975) if count else 0.0, mean_with(count, 0.025)


def measure(scene: Scene) -> list[Score]:
    """Return the score of every detector in a scene."""
    found = []
    for name, make in detectors().items():
        cut, took_s = utterances(scene, make(), Endpointing())
        found.append(_score(scene, name, cut, took_s * 1e6 / len(scene.frames)))
    return found


def utterances(
    scene: Scene, ears: Ears, settings: Endpointing, sign_ms: int = FIRST_SIGN_MS
) -> tuple[list[Utterance], float]:
    """Return what the scene is cut into, and the detector's time in seconds.

    Args:
        sign_ms: from the end of an utterance to the first of its interpretation.
    """
    began = time.process_time()
    heard = [ears.voiced(pcm, index in scene.silent) for index, pcm in enumerate(scene.frames)]
    took_s = time.process_time() - began
    ears.close()
    endpointer = Endpointer(settings)
    found: list[Utterance] = []
    sent = 0
    for index, pcm in enumerate(scene.frames):
        for turn in endpointer.frame(pcm, heard[index], (index + 1) * FRAME_MS / 1000):
            match turn:
                case TurnBegan(begun, _, before) if before and (index + 1 - found[-1].decided) * FRAME_MS <= sign_ms:
                    endpointer.go_on()
                    sent = found[-1].ends = index + 1
                    found[-1].taken_back += 1
                case TurnBegan(begun):
                    frames = len(begun) // (2 * FRAME)
                    start = max(_at(scene, begun[: 2 * FRAME], index + 1 - frames), sent)
                    found.append(Utterance(start, start + frames, 0, 0, ""))
                    sent = start + frames
                case TurnAudio(more):
                    sent += len(more) // (2 * FRAME)
                    found[-1].ends = sent
                case TurnEnded(last_voiced_at, _, reason):
                    last = found[-1]
                    last.last_voiced, last.decided, last.reason = round(last_voiced_at * 50), index + 1, reason
    if found and not found[-1].decided:
        found[-1].decided = found[-1].last_voiced = len(scene.frames)
    return found, took_s


def _at(scene: Scene, pcm: bytes, latest: int) -> int:
    """Return the position of a frame, which is the latest possible unless the endpointer has held it for longer."""
    for index in range(latest, max(-1, latest - 200), -1):
        if scene.frames[index] == pcm:
            return index
    return latest


def _score(scene: Scene, detector: str, found: Sequence[Utterance], us_per_frame: float) -> Score:
    missed_beginnings = missed = cuts = 0
    late: list[float] = []
    of_speech = [False] * len(found)
    allowed = MISSED_BEGINNING_MS // FRAME_MS
    for span in scene.spans:
        heard = [(i, one) for i, one in enumerate(found) if one.begins < span.ends and one.ends > span.begins]
        for index, _ in heard:
            of_speech[index] = True
        covered = sum(min(one.ends, span.ends) - max(one.begins, span.begins) for _, one in heard)
        if covered * 2 < span.ends - span.begins:
            missed += 1
            continue
        if heard[0][1].begins > span.begins + allowed:
            missed_beginnings += 1
        cuts += sum(one.reason == "pause" and one.decided < span.ends for _, one in heard)
        late.append((heard[-1][1].decided - span.ends) * FRAME_MS)
    for index, one in enumerate(found):
        close = any(span.begins - SLACK_FRAMES <= one.begins <= span.ends + SLACK_FRAMES for span in scene.spans)
        of_speech[index] = of_speech[index] or close
    caps = [one for one in found if one.reason == "cap"]
    speech = sum(span.ends - span.begins for span in scene.spans)
    return Score(
        scene.name,
        detector,
        len(scene.spans),
        missed_beginnings,
        missed,
        of_speech.count(False) / ((len(scene.frames) - speech) * FRAME_MS / 60_000),
        late,
        cuts,
        sum(one.taken_back for one in found),
        speech * FRAME_MS / 1000,
        len(caps),
        sum(one.ends not in scene.gaps for one in caps),
        us_per_frame,
    )
