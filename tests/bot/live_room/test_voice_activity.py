from __future__ import annotations

import importlib.util
import json
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from bot.live_room.voice_activity import (
    FIRST_LOOK_BACK_FRAMES,
    FRAME_BYTES,
    HOLD_FRAMES,
    IDLE_S,
    LOOK_BACK_FRAMES,
    RELEASE_FRAMES,
    SETTLED_FRAMES,
    SPARED_FRAMES,
    Decimator,
    DetectorPool,
    SpeechDetector,
    SpeechModel,
)
from tests.support.speech import spoken

FloatAudio = NDArray[np.float64]
SILENCE = bytes(FRAME_BYTES)


def frames(audio: FloatAudio) -> list[bytes]:
    """Audio within ±1 at 24 kHz, as ACS would send it."""
    pcm = (audio.clip(-1, 1) * 32767).astype(np.int16).tobytes()
    return [pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]


def tone(level: float) -> bytes:
    return frames(level * np.sin(np.arange(480) * 0.1))[0]


def white(samples: int, seed: int = 1) -> FloatAudio:
    return np.random.default_rng(seed).standard_normal(samples)


def pink(samples: int) -> FloatAudio:
    spectrum = np.fft.rfft(white(samples))
    noise: FloatAudio = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), samples)
    return noise / np.std(noise)


def decibel(level: float) -> float:
    return float(10 ** (level / 20))


# --- 24 kHz to 16 kHz


@pytest.mark.parametrize(("frequency", "gain"), [(200, 1.0), (3_000, 1.0), (9_500, 0.0), (11_500, 0.0)])
def test_decimating_keeps_speech_and_rejects_what_would_fold_back(frequency: int, gain: float) -> None:
    decimator = Decimator()
    source = 10_000 * np.sin(2 * np.pi * frequency * np.arange(24_000) / 24_000)
    out = np.concatenate([decimator.frame(source[start : start + 480]) for start in range(0, 24_000, 480)])
    assert len(out) == 16_000
    assert np.std(out[320:]) / (np.std(source) / 32768) == pytest.approx(gain, abs=0.01)
    if gain:
        spectrum = np.abs(np.fft.rfft(out[:16_000] * np.hanning(16_000)))
        assert int(np.argmax(spectrum)) == frequency


# --- the cascade, with a model that counts what it hears


class FakeModel:
    """Says what it is told to; counts what it hears."""

    def __init__(self, verdict: bool = True) -> None:
        self.verdict = verdict
        self.heard = 0
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def is_speech(self, samples: NDArray[np.float32]) -> bool:
        assert len(samples) == 320
        self.heard += 1
        return self.verdict


class FakePool(DetectorPool):
    """One model for all speakers."""

    def __init__(self, model: SpeechModel) -> None:
        super().__init__(0)
        self.model = model
        self.lent = 0
        self.kept = False

    def lend(self, borrower: SpeechDetector) -> tuple[SpeechModel, bool]:
        self.lent += 1
        return self.model, self.kept

    def give_back(self, borrower: SpeechDetector, model: SpeechModel, *, keep: bool) -> None:
        self.lent -= 1
        self.kept = keep


def test_silence_wakes_nobody() -> None:
    pool = FakePool(FakeModel())
    detector = pool.detector()
    assert not any(detector.voiced(SILENCE) for _ in range(100))
    assert not any(detector.voiced(tone(0.5), silent=True) for _ in range(100))  # ACS has the last word
    assert pool.lent == 0


def test_what_may_be_speech_is_examined_with_what_came_before() -> None:
    model = FakeModel()
    detector = FakePool(model).detector()
    for _ in range(2 * FIRST_LOOK_BACK_FRAMES):
        detector.voiced(SILENCE)
    assert detector.voiced(tone(0.5))
    assert model.heard == FIRST_LOOK_BACK_FRAMES + 1


def test_a_model_that_remembers_the_speaker_is_told_less_of_what_came_before() -> None:
    model = FakeModel()
    detector = FakePool(model).detector()
    detector.voiced(tone(0.5))
    for _ in range(HOLD_FRAMES + RELEASE_FRAMES):
        detector.voiced(SILENCE)
    before = model.heard
    detector.voiced(tone(0.5))
    assert model.heard - before == LOOK_BACK_FRAMES + 1


def test_a_model_that_found_no_speech_does_not_go_on_from_there() -> None:
    pool = FakePool(FakeModel(verdict=False))
    detector = pool.detector()
    detector.voiced(tone(0.5))
    for _ in range(RELEASE_FRAMES):
        detector.voiced(SILENCE)
    assert (pool.lent, pool.kept) == (0, False)


@pytest.mark.parametrize("silence", [(SILENCE, False), (SILENCE, True)])
def test_after_a_bang_the_background_falls_in_silence(silence: tuple[bytes, bool]) -> None:
    model = FakeModel(verdict=False)
    pool = FakePool(model)
    detector = pool.detector()
    for frame in frames(decibel(-14) * white(12_000)):
        detector.voiced(frame)
    for _ in range(50):
        detector.voiced(*silence)
    assert pool.lent == 0
    model.verdict = True
    assert detector.voiced(tone(decibel(-50)))


def test_a_speaker_who_leaves_after_a_bang_comes_back_without_it() -> None:
    model = FakeModel(verdict=False)
    detector = FakePool(model).detector()
    for frame in frames(decibel(-14) * white(12_000)):
        detector.voiced(frame)
    detector.close()
    model.verdict = True
    assert detector.voiced(tone(decibel(-50)))


@pytest.mark.parametrize(
    "background", [np.full(48_000, 0.1), 0.1 * np.sin(2 * np.pi * 50 * np.arange(48_000) / 24_000)], ids=["dc", "hum"]
)
def test_offset_and_hum_hide_no_voice_and_wake_nobody(background: FloatAudio) -> None:
    model = FakeModel()
    pool = FakePool(model)
    detector = pool.detector()
    assert not any(detector.voiced(frame) for frame in frames(background))
    assert pool.lent == 0
    assert detector.voiced(frames(background[:480] + decibel(-56) * np.sin(np.arange(480) * 0.1))[0])


def test_a_soft_voice_is_amplified_and_a_loud_one_is_not() -> None:
    peaks: list[float] = []

    class Listener(FakeModel):
        def is_speech(self, samples: NDArray[np.float32]) -> bool:
            peaks.append(float(np.abs(samples).max()))
            return super().is_speech(samples)

    for level in (-20, -50):
        detector = FakePool(Listener()).detector()
        for _ in range(3):
            detector.voiced(tone(decibel(level)))
    loud, soft = peaks[2], peaks[5]
    assert loud == pytest.approx(decibel(-20), rel=0.05)
    assert soft == pytest.approx(decibel(-50 + 12), rel=0.05)


def test_soft_speech_that_the_model_misses_does_not_close_the_gate_for_what_follows() -> None:
    model = FakeModel(verdict=False)
    detector = FakePool(model).detector()
    for _ in range(10):  # syllables of 100 ms, 100 ms apart, in a quiet room
        for frame in [tone(decibel(-50))] * 5 + frames(decibel(-70) * white(2_400)):
            detector.voiced(frame)
    model.verdict = True
    assert detector.voiced(tone(decibel(-50)))


def test_beside_a_clear_voice_the_background_is_a_pause_without_asking() -> None:
    model = FakeModel()
    detector = FakePool(model).detector()
    noise = frames(decibel(-70) * white(24_000))
    model.verdict = False
    for frame in noise:
        detector.voiced(frame)
    model.verdict = True
    for _ in range(SETTLED_FRAMES):
        detector.voiced(tone(0.5))
    before = model.heard
    assert [detector.voiced(frame) for frame in noise[:4]] == [True] * HOLD_FRAMES + [False] * 2
    assert model.heard == before


def test_a_steady_background_is_soon_left_alone() -> None:
    model = FakeModel(verdict=False)
    pool = FakePool(model)
    detector = pool.detector()
    noise = frames(decibel(-40) * white(24_000 * 20))
    for frame in noise:
        assert not detector.voiced(frame)
    assert pool.lent == 0
    assert model.heard < 200  # of 1000


def test_a_loud_steady_voice_is_examined_now_and_then_only() -> None:
    model = FakeModel()
    detector = FakePool(model).detector()
    for _ in range(SETTLED_FRAMES):
        detector.voiced(tone(0.5))
    before = model.heard
    assert all(detector.voiced(tone(0.5)) for _ in range(6 * (SPARED_FRAMES + 1)))
    assert model.heard - before == 6
    model.verdict = False
    verdicts = [detector.voiced(tone(0.5)) for _ in range(SPARED_FRAMES + 1)]
    assert verdicts == [True] * SPARED_FRAMES + [False]


def test_a_softer_frame_is_examined_at_once() -> None:
    model = FakeModel()
    detector = FakePool(model).detector()
    for _ in range(SETTLED_FRAMES):
        detector.voiced(tone(0.5))
    model.verdict = False
    assert not detector.voiced(tone(0.1))


def test_a_voice_over_a_loud_background_is_examined_always() -> None:
    model = FakeModel(verdict=False)
    detector = FakePool(model).detector()
    for frame in frames(0.02 * white(24_000 * 5)):
        detector.voiced(frame)
    model.verdict = True
    before = model.heard
    for _ in range(50):
        detector.voiced(tone(0.1))
    assert model.heard - before >= 50


def test_speech_bridges_the_silence_of_a_consonant_but_not_a_pause() -> None:
    detector = FakePool(FakeModel()).detector()
    for _ in range(SETTLED_FRAMES):
        detector.voiced(tone(0.5))
    assert [detector.voiced(SILENCE) for _ in range(HOLD_FRAMES + 2)] == [True] * HOLD_FRAMES + [False] * 2
    assert detector.voiced(tone(0.5))


def test_what_is_lent_is_kept_while_sounds_follow_each_other() -> None:
    pool = FakePool(FakeModel(verdict=False))
    detector = pool.detector()
    for _ in range(10):
        for frame in [tone(0.5), *[SILENCE] * 8]:
            detector.voiced(frame)
    assert pool.lent == 1


def test_what_is_lent_is_given_back_after_a_pause() -> None:
    pool = FakePool(FakeModel())
    detector = pool.detector()
    detector.voiced(tone(0.5))
    assert pool.lent == 1
    for _ in range(HOLD_FRAMES + RELEASE_FRAMES):
        detector.voiced(SILENCE)
    assert pool.lent == 0
    detector.voiced(tone(0.5))
    detector.close()
    detector.close()
    assert pool.lent == 0


@pytest.mark.parametrize("size", [0, 2, 320, 958, 962, 4_800])
def test_a_frame_of_another_length_does_no_harm(size: int) -> None:
    detector = FakePool(FakeModel()).detector()
    detector.voiced((tone(0.5) * 5)[:size])
    assert detector.voiced(tone(0.5))


# --- the pool


@pytest.fixture(scope="module")
def loaded() -> DetectorPool:
    pool = DetectorPool(2)
    pool.load()
    pool.load()  # does not load more
    if not pool.free:
        pytest.skip("no silero on this platform")
    assert pool.free == 2
    return pool


def test_nothing_is_loaded_until_asked_for() -> None:
    assert DetectorPool().free == 0


def test_whoever_comes_too_late_gets_the_poorer_detector_and_it_is_counted(loaded: DetectorPool) -> None:
    detectors = [loaded.detector() for _ in range(4)]
    before = loaded.fallbacks
    for detector in detectors:
        detector.voiced(tone(0.5))
    assert loaded.free == 0
    assert loaded.fallbacks - before == 2
    for detector in detectors:
        detector.close()
    assert loaded.free == 2


def test_a_closed_pool_keeps_no_model() -> None:
    loaded = DetectorPool(2)
    loaded.load()
    borrower = loaded.detector()
    borrower.voiced(tone(0.5))
    loaded.close()
    assert loaded.free == 0
    before = loaded.fallbacks
    loaded.detector().voiced(tone(0.5))
    assert loaded.fallbacks == before + 1


def test_detectors_of_speakers_who_fell_silent_without_a_frame_are_taken_back() -> None:
    now = 0.0
    pool = DetectorPool(1, clock=lambda: now)
    pool.load()
    if not pool.free:
        pytest.skip("no silero on this platform")
    gone, present = pool.detector(), pool.detector()
    gone.voiced(tone(0.5))
    now = IDLE_S / 2
    gone.voiced(tone(0.5))
    now = IDLE_S * 1.4
    present.voiced(tone(0.5))
    assert pool.fallbacks == 1  # 0.9 s after the last frame of the other
    present.close()
    now = IDLE_S * 1.6
    present.voiced(tone(0.5))
    assert pool.fallbacks == 1
    gone.voiced(tone(0.5))  # comes back, and finds the good one taken
    assert pool.fallbacks == 2
    gone.close()
    present.close()
    assert pool.free == 1


def test_a_speaker_gets_the_model_that_remembers_them_until_somebody_else_has_had_it() -> None:
    pool = DetectorPool(0)
    models = [FakeModel(), FakeModel()]
    pool._free.update(dict.fromkeys(models))
    ada, benito = pool.detector(), pool.detector()
    lent, remembers = pool.lend(ada)
    first = next(model for model in models if model is lent)
    assert not remembers
    pool.give_back(ada, first, keep=True)
    other, remembers = pool.lend(benito)
    assert other is not first
    assert not remembers
    assert pool.lend(ada) == (first, True)
    pool.give_back(ada, first, keep=True)
    cleo = pool.detector()
    assert pool.lend(cleo) == (first, False), "none other is free"
    assert first.resets == 2
    pool.give_back(cleo, first, keep=True)
    cleo.close()
    assert pool.lend(cleo) == (first, False), "who has left is forgotten"


def test_without_silero_webrtc_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    pool = DetectorPool()
    pool.load()
    detector = pool.detector()
    assert pool.free == 0
    detector.voiced(tone(0.5))
    assert pool.fallbacks == 1


@pytest.mark.line  # the voice is a process of its own
def test_a_lent_detector_remembers_nothing_of_its_last_speaker(loaded: DetectorPool, speech: FloatAudio) -> None:
    once = [verdict for verdict, _ in decisions(loaded, speech)]
    again = [verdict for verdict, _ in decisions(loaded, speech)]
    assert once == again


# --- real speech


def decisions(pool: DetectorPool, audio: FloatAudio) -> list[tuple[bool, float]]:
    """The verdict on each frame, and when the frame ends, in seconds."""
    detector = pool.detector()
    verdicts = [(detector.voiced(frame), (number + 1) * 0.02) for number, frame in enumerate(frames(audio))]
    detector.close()
    return verdicts


@pytest.fixture(scope="module")
def speech() -> FloatAudio:
    """A synthesised sentence at -26 dBFS, without silence around it."""
    pcm = spoken("We open the meeting now and welcome everybody who joined us today.", "en")
    return trimmed(np.frombuffer(pcm, np.int16) / 32768)


def read(path: Path) -> FloatAudio:
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
        audio: FloatAudio = soxr.resample(pcm, file.getframerate(), 24_000)
    return audio


def trimmed(audio: FloatAudio) -> FloatAudio:
    """From the first to the last 20 ms within 25 dB of the usual level, brought to -26 dBFS."""
    power = np.square(audio[: len(audio) // 480 * 480]).reshape(-1, 480).mean(axis=1)
    usual = np.mean(np.sort(power)[-len(power) // 3 :])
    spoken = np.flatnonzero(power > usual * decibel(-50))
    gain = decibel(-26) / float(np.sqrt(usual))
    return audio[spoken[0] * 480 : (spoken[-1] + 1) * 480] * gain


PAUSE = 24_000 * 3 // 2
Noise = Callable[[int], FloatAudio]
QUIET: Noise = lambda samples: decibel(-70) * white(samples)  # noqa: E731  (one of a table)
NOISES: dict[str, Noise] = {
    "quiet": QUIET,
    "white 20 dB": lambda samples: decibel(-46) * white(samples),
    "white 10 dB": lambda samples: decibel(-36) * white(samples),
    "pink 10 dB": lambda samples: decibel(-36) * pink(samples),
}


def measured(pool: DetectorPool, speech: FloatAudio, noise: Noise) -> tuple[float, float, int]:
    """Onset and end against the truth, in seconds, and how many frames of background were taken for speech."""
    audio = np.concatenate([np.zeros(PAUSE), speech, np.zeros(PAUSE)])
    verdicts = decisions(pool, audio + noise(len(audio)))
    begins, ends = PAUSE / 24_000, (PAUSE + len(speech)) / 24_000
    voiced = [at for verdict, at in verdicts if verdict]
    false = [at for at in voiced if at < begins or at > ends + 0.5]
    true = [at for at in voiced if begins <= at <= ends + 0.5]
    assert true, "the speech was not noticed"
    return true[0] - begins, true[-1] - ends, len(false)


@pytest.mark.line  # the voice is a process of its own
@pytest.mark.parametrize("name", NOISES)
def test_speech_is_found_and_its_end_as_well(loaded: DetectorPool, speech: FloatAudio, name: str) -> None:
    onset, end, false = measured(loaded, speech, NOISES[name])
    assert onset <= 0.20
    assert -0.35 <= end <= 0.30  # the full detector on every frame: up to 0.28
    assert false == 0


@pytest.mark.line  # the voice is a process of its own
@pytest.mark.parametrize("silent", [False, True])
def test_a_bang_and_a_minute_of_silence_take_nothing_from_the_next_sentence(
    loaded: DetectorPool, speech: FloatAudio, silent: bool
) -> None:
    detector = loaded.detector()
    for frame in frames(decibel(-14) * white(12_000)):
        detector.voiced(frame)
    for _ in range(60 * 50):
        detector.voiced(SILENCE, silent)
    verdicts = [detector.voiced(frame) for frame in frames(speech)]
    detector.close()
    assert verdicts.index(True) <= 10


@pytest.mark.line  # the voice is a process of its own
@pytest.mark.parametrize(
    "change",
    [
        lambda audio: audio * decibel(-20),
        lambda audio: audio * decibel(-30),
        lambda audio: audio + 0.1,
        lambda audio: audio + decibel(-26) * np.sin(2 * np.pi * 50 * np.arange(len(audio)) / 24_000),
    ],
    ids=["-46 dB", "-56 dB", "dc", "hum"],
)
def test_speech_is_found_where_it_is_soft_or_lies_on_an_offset_or_hum(
    loaded: DetectorPool, speech: FloatAudio, change: Callable[[FloatAudio], FloatAudio]
) -> None:
    pause = np.zeros(PAUSE)
    audio = change(np.concatenate([pause, speech, pause]))
    verdicts = decisions(loaded, audio + decibel(-76) * white(len(audio)))
    voiced = [at for verdict, at in verdicts if verdict]
    assert voiced[0] - PAUSE / 24_000 <= 0.20
    assert -0.35 <= voiced[-1] - (PAUSE + len(speech)) / 24_000 <= 0.30


@pytest.mark.line  # the voice is a process of its own
def test_webrtc_finds_speech_in_quiet(speech: FloatAudio) -> None:
    onset, end, false = measured(DetectorPool(0), speech, QUIET)
    assert onset <= 0.12
    assert abs(end) <= 0.20
    assert false == 0


@pytest.mark.recordings
def test_recorded_speech_is_found_and_its_end_as_well(loaded: DetectorPool, recordings: Path) -> None:
    clips = json.loads((recordings / "manifest.json").read_text())["clips"]
    voices = [trimmed(read(recordings / clip["file"])) for clip in clips if clip["speech"] == "human"]
    babble = np.sum([np.resize(voice / np.std(voice), 24_000 * 40) for voice in voices], axis=0)
    babble /= np.std(babble)
    # The full detector on every frame: onset 0.08 s, end 0.00-0.06 s, in babble 0.22 s.
    for name, noise, latest, false_frames in [
        *((name, noise, 0.10, 0) for name, noise in NOISES.items()),
        ("babble 15 dB", lambda samples: decibel(-41) * babble[-samples:], 0.30, 12),
    ]:
        results = [measured(loaded, voice, noise) for voice in voices if len(voice) < 24_000 * 8]
        onsets, ends, false = (np.array(column) for column in zip(*results, strict=True))
        assert np.median(onsets) <= 0.12, name
        assert -0.10 <= np.median(ends) <= latest, name
        assert false.mean() <= false_frames, name
