"""Makes scenes: sentences whose beginning and end are known, with pauses between them, under one condition each.

The sentences are recorded ones where `SPEECH_RECORDINGS` names a folder with them, else those of the local voices.
"""

from __future__ import annotations

import json
import os
import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from benchmarks.speech import synthesise

RATE = 24_000
FRAME = 480
SEED = 20
LEVEL_DB = -26.0
"""Of the speech: what a working headset gives."""
LONG_PAUSE_FRAMES = 45
"""After a pause of 0.9 s inside a recording another sentence begins, as far as ends of turns are concerned."""
ROOM_DB = -70.0
"""Of the noise in a quiet room."""

Audio = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence from its first sound to its last, brought to `LEVEL_DB`."""

    name: str
    audio: Audio


@dataclass(frozen=True, slots=True)
class Span:
    """Where a sentence lies in a scene, in frames."""

    name: str
    begins: int
    ends: int


@dataclass(frozen=True, slots=True)
class Scene:
    """Sentences under one condition."""

    name: str
    frames: Sequence[bytes]
    spans: Sequence[Span]
    gaps: frozenset[int] = frozenset()
    """Frames in which an utterance may be cut: in a gap between words of at least 60 ms, or at its edge."""
    silent: frozenset[int] = frozenset()
    """Frames that ACS marks as silent."""


async def sentences() -> tuple[list[Sentence], str]:
    """Return the sentences, and where they come from.

    Raises:
        EngineError: there are neither recordings nor local voices.
    """
    folder = Path(os.environ.get("SPEECH_RECORDINGS", ""))
    if (folder / "manifest.json").exists():
        clips = json.loads((folder / "manifest.json").read_text())["clips"]
        named = [(clip["file"], read_wav(folder / clip["file"])) for clip in clips if clip["speech"] == "human"]
        return [Sentence(name, trimmed(audio)) for name, audio in named], "recorded"
    spoken = await synthesise()
    return [
        Sentence(f"{tag} {number}", trimmed(np.frombuffer(pcm, np.int16) / 32768))
        for tag, said in spoken.items()
        for number, pcm in enumerate(said)
    ], "synthesised"


# --- how sentences follow each other ---------------------------------------------------------------


@dataclass(slots=True)
class _Tape:
    """A scene while it is being put together."""

    rng: np.random.Generator
    pieces: list[Audio] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    length: int = 0

    def pause(self, low_s: float, high_s: float) -> None:
        self._add(np.zeros(round(self.rng.uniform(low_s, high_s) * 50) * FRAME))

    def say(self, name: str, audio: Audio) -> None:
        whole = np.concatenate([audio, np.zeros(-len(audio) % FRAME)])
        begins, at, parts = 0, self.length // FRAME, []
        for first, last in runs(sorted(gaps(whole))):
            if last - first - 1 >= LONG_PAUSE_FRAMES:
                parts.append((begins, first + 1))
                begins = last
        parts.append((begins, len(whole) // FRAME))
        self.spans += [Span(name, at + first, at + last) for first, last in parts if last - first > 5]
        self._add(whole)

    def sound(self, audio: Audio) -> None:
        self._add(audio[: len(audio) // FRAME * FRAME])

    def _add(self, audio: Audio) -> None:
        self.pieces.append(audio)
        self.length += len(audio)

    @property
    def audio(self) -> Audio:
        return np.concatenate(self.pieces)


def _one_by_one(spoken: Sequence[Sentence], change: Callable[[int, Audio], Audio] = lambda _, audio: audio) -> _Tape:
    tape = _Tape(np.random.default_rng(SEED))
    tape.pause(1.5, 1.5)
    for number, sentence in enumerate(spoken):
        tape.say(sentence.name, change(number, sentence.audio))
        tape.pause(1.6, 2.6)
    return tape


def _scene(name: str, tape: _Tape, audio: Audio, room_db: float = ROOM_DB) -> Scene:
    heard = audio + decibel(room_db) * np.random.default_rng(SEED + 1).standard_normal(len(audio))
    return Scene(name, _frames(heard), tape.spans, gaps(tape.audio))


# --- the conditions -------------------------------------------------------------------------------


def _clean(spoken: Sequence[Sentence]) -> Scene:
    tape = _one_by_one(spoken)
    return _scene("clean", tape, tape.audio)


def _pink(spoken: Sequence[Sentence]) -> Scene:
    tape = _one_by_one(spoken)
    return _scene("pink noise, 10 dB", tape, tape.audio + decibel(LEVEL_DB - 10) * pink(tape.length))


def _babble(spoken: Sequence[Sentence]) -> Scene:
    tape = _one_by_one(spoken)
    voices = [np.roll(np.resize(one.audio, tape.length), 7_919 * i) for i, one in enumerate(spoken)]
    babble = np.sum(voices, axis=0)
    babble *= decibel(LEVEL_DB - 20) / np.std(babble)
    return _scene("babble, 20 dB", tape, tape.audio + babble)


def _low(level_db: float) -> Callable[[Sequence[Sentence]], Scene]:
    def make(spoken: Sequence[Sentence]) -> Scene:
        tape = _one_by_one(spoken)
        return _scene(f"low level, {level_db:.0f} dB", tape, tape.audio * decibel(level_db - LEVEL_DB), -76.0)

    return make


def _whisper(spoken: Sequence[Sentence]) -> Scene:
    rng = np.random.default_rng(SEED + 2)
    tape = _one_by_one(spoken, lambda _, audio: whispered(audio, rng) * decibel(-10))
    return _scene("whisper", tape, tape.audio)


def _hum(spoken: Sequence[Sentence]) -> Scene:
    tape = _one_by_one(spoken)
    time = np.arange(tape.length) / RATE
    waves = sum(gain * np.sin(2 * np.pi * 50 * n * time) for n, gain in ((1, 1.0), (2, 0.3), (3, 0.3)))
    return _scene("hum, 50 Hz", tape, tape.audio + decibel(LEVEL_DB) * waves)


def _offset(spoken: Sequence[Sentence]) -> Scene:
    tape = _one_by_one(spoken)
    return _scene("DC offset, 0.1", tape, tape.audio + 0.1)


def _telephone(spoken: Sequence[Sentence]) -> Scene:
    tape = _one_by_one(spoken)
    spectrum = np.fft.rfft(tape.audio)
    frequency = np.fft.rfftfreq(tape.length, 1 / RATE)
    spectrum[(frequency < 300) | (frequency > 3_400)] = 0
    band = np.fft.irfft(spectrum, tape.length)
    companded = np.round(127 * np.sign(band) * np.log1p(255 * np.abs(band).clip(0, 1)) / np.log(256)) / 127
    return _scene("telephone", tape, np.sign(companded) * np.expm1(np.abs(companded) * np.log(256)) / 255)


def _near_and_far(spoken: Sequence[Sentence]) -> Scene:
    tape = _one_by_one(spoken, lambda number, audio: audio * decibel(6 if number % 2 == 0 else -18))
    return _scene("near and far", tape, tape.audio)


def _after_a_bang(spoken: Sequence[Sentence]) -> Scene:
    tape = _Tape(np.random.default_rng(SEED))
    for sentence in spoken:
        tape.sound(decibel(-14) * tape.rng.standard_normal(RATE // 2))
        tape.pause(8, 8)
        tape.say(sentence.name, sentence.audio)
        tape.pause(1.6, 1.6)
    return Scene("bang, then silence", _frames(tape.audio), tape.spans, gaps(tape.audio))


def _hesitant(spoken: Sequence[Sentence]) -> Scene:
    rng = np.random.default_rng(SEED + 3)
    tape = _one_by_one(spoken, lambda _, audio: hesitant(audio, rng))
    return _scene("hesitations", tape, tape.audio)


def _reading(spoken: Sequence[Sentence]) -> Scene:
    tape = _Tape(np.random.default_rng(SEED))
    long = [one.audio for one in spoken if len(one.audio) > 2 * RATE]
    tape.pause(1.5, 1.5)
    for start in range(3):
        order = long[start::3] + long[(start + 1) % 3 :: 3]
        joined = [np.concatenate([audio, np.zeros(round(tape.rng.uniform(0.08, 0.16) * RATE))]) for audio in order]
        tape.say(f"reading {start + 1}", np.concatenate(joined))
        tape.pause(2, 2)
    return _scene("continuous reading", tape, tape.audio)


CONDITIONS: Mapping[str, Callable[[Sequence[Sentence]], Scene]] = {
    "clean": _clean,
    "pink": _pink,
    "babble": _babble,
    "low-46": _low(-46),
    "low-56": _low(-56),
    "whisper": _whisper,
    "hum": _hum,
    "offset": _offset,
    "telephone": _telephone,
    "near-far": _near_and_far,
    "bang": _after_a_bang,
    "hesitations": _hesitant,
    "reading": _reading,
}
QUICK = ("clean", "babble", "hesitations", "reading")


# --- sounds ----------------------------------------------------------------------------------------


def decibel(level: float) -> float:
    return float(10 ** (level / 20))


def pink(samples: int) -> Audio:
    spectrum = np.fft.rfft(np.random.default_rng(SEED + 4).standard_normal(samples))
    noise: Audio = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), samples)
    return noise / np.std(noise)


def whispered(audio: Audio, rng: np.random.Generator) -> Audio:
    """Return the same spectral envelopes with noise in place of the voice."""
    size, hop, order = 600, 300, 40
    window = np.hanning(size)
    padded = np.concatenate([np.zeros(size), audio, np.zeros(size)])
    noise, out = rng.standard_normal(len(padded)), np.zeros(len(padded))
    for start in range(0, len(padded) - size, hop):
        cepstrum = np.fft.irfft(np.log(np.abs(np.fft.rfft(padded[start : start + size] * window)) + 1e-5))
        cepstrum[order:-order] = 0
        envelope = np.exp(np.fft.rfft(cepstrum).real)
        frequency = np.fft.rfftfreq(size, 1 / RATE)
        carrier = np.fft.rfft(noise[start : start + size] * window)
        out[start : start + size] += np.fft.irfft(envelope * carrier * np.minimum(1, frequency / 800), size) * window
    out = out[size : size + len(audio)]
    same_level: Audio = out * (np.std(audio) / np.std(out))
    return same_level


def hesitant(audio: Audio, rng: np.random.Generator) -> Audio:
    """Return a sentence with one or two pauses of 0.3 to 0.8 s between its words."""
    pieces, begins = [], 0
    fade = np.linspace(1, 0, 120)
    for frame in between_words(audio, 1 if len(audio) < 3 * RATE else 2, 50):
        piece = audio[begins : frame * FRAME + FRAME // 2].copy()
        piece[-120:] *= fade
        pieces += [piece, np.zeros(round(rng.uniform(0.3, 0.8) * RATE))]
        begins = frame * FRAME + FRAME // 2
    return np.concatenate([*pieces, audio[begins:]])


def between_words(audio: Audio, count: int, apart: int) -> list[int]:
    """Return the softest frames inside, so many, and so many frames apart; in order."""
    smooth = np.convolve(_powers(audio), np.ones(3) / 3, "same")
    places: list[int] = []
    for frame in np.argsort(smooth):
        if 25 <= frame <= len(smooth) - 25 and all(abs(frame - other) > apart for other in places):
            places.append(int(frame))
        if len(places) == count:
            break
    return sorted(places)


def gaps(audio: Audio) -> frozenset[int]:
    """Return the frames of gaps: at least 60 ms, 18 dB softer than the speech around them; a frame more or less."""
    power = _powers(audio)
    around = np.array([power[max(0, i - 50) : i + 50].max() for i in range(len(power))])
    soft = power < around * decibel(-18) ** 2
    found: set[int] = set()
    run = 0
    for frame, is_soft in enumerate([*soft, False]):
        if is_soft:
            run += 1
            continue
        if run >= 3:
            found.update(range(frame - run - 1, frame + 1))
        run = 0
    return frozenset(found)


def runs(frames: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of successive numbers."""
    found: list[tuple[int, int]] = []
    for frame in frames:
        if found and frame == found[-1][1] + 1:
            found[-1] = found[-1][0], frame
        else:
            found.append((frame, frame))
    return found


def _powers(audio: Audio) -> Audio:
    powers: Audio = np.square(audio[: len(audio) // FRAME * FRAME]).reshape(-1, FRAME).mean(axis=1)
    return powers


def trimmed(audio: Audio) -> Audio:
    """Return the audio from the first to the last frame within 25 dB of the usual level, at `LEVEL_DB`."""
    power = _powers(audio)
    usual = np.mean(np.sort(power)[-len(power) // 3 :])
    spoken = np.flatnonzero(power > usual * decibel(-50))
    gain = decibel(LEVEL_DB) / float(np.sqrt(usual))
    return audio[spoken[0] * FRAME : (spoken[-1] + 1) * FRAME] * gain


def read_wav(path: Path) -> Audio:
    """Return a recording at 24 kHz, within ±1."""
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
        audio: Audio = soxr.resample(pcm, file.getframerate(), RATE)
    return audio


def _frames(audio: Audio) -> list[bytes]:
    pcm = (audio.clip(-1, 1) * 32767).astype(np.int16).tobytes()
    return [pcm[start : start + 2 * FRAME] for start in range(0, len(pcm) - 2 * FRAME + 1, 2 * FRAME)]
