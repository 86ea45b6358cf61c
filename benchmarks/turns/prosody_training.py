"""Trains `bot/live_room/prosody.py` and prints its weights and how it does on speech it was not trained with.

    python -m benchmarks.turns.prosody_training                       from prosody_training.csv
    python -m benchmarks.turns.prosody_training --write --lj FOLDER   makes that file again

The file holds features, not audio: of the first 32 clips of LJ Speech (one reader, public domain, whose clips end
within sentences as well as with them), and of sentences spoken by the local voices in several languages. Positive are
ends of sentences; negative are pauses inside, and places between words where a speaker might hesitate. The recordings
that `python -m benchmarks --only turns` measures with are not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.turns.scenes import FRAME, RATE, SEED, Audio, between_words, decibel, gaps, read_wav, runs, trimmed
from bot.live_room.prosody import HEARD_FRAMES, NAMES, features
from emulator.engine.local.synthesis import VOICES, Synthesiser, Voice

DATA = Path(__file__).with_suffix(".csv")
PAUSE_FRAMES = 5
"""A pause is judged when it is 100 ms long."""
SENTENCES = 240
FOLDS = 5
RIDGE = 0.05
SYNTHETIC_WEIGHT = 0.5
"""Of the local voices against the human reader."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    """A pause: in whose speech, in which clip, and whether a sentence ends there."""

    source: str
    clip: str
    finished: bool
    heard: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Model:
    weights: Floats
    """The last is the bias."""

    def likelihood(self, examples: Sequence[Example]) -> Floats:
        likelihood: Floats = 1 / (1 + np.exp(-_matrix(examples) @ self.weights))
        return likelihood


def fit(examples: Sequence[Example]) -> Model:
    """Return the regularised logistic regression; each source and class counts the same, the local voices by half."""
    values = _matrix(examples)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    mean[-1], scale[-1] = 0.0, 1.0
    standard = (values - mean) / scale
    wanted = np.array([example.finished for example in examples], float)
    weight = np.array([SYNTHETIC_WEIGHT if example.source == "synthetic" else 1.0 for example in examples])
    groups = [(example.source, example.finished) for example in examples]
    weight /= np.array([groups.count(group) for group in groups])
    weight /= weight.sum()
    ridge = np.diag([RIDGE] * len(NAMES) + [0.0])
    found = np.zeros(len(NAMES) + 1)
    for _ in range(12):  # Newton's method
        guess = 1 / (1 + np.exp(-standard @ found))
        slope = standard.T @ (weight * (guess - wanted)) + ridge @ found
        bend = (standard * (weight * guess * (1 - guess))[:, None]).T @ standard + ridge
        found -= np.linalg.solve(bend, slope)
    weights = found / scale
    weights[-1] -= (weights[:-1] * mean[:-1]).sum()
    return Model(weights)


def unseen(examples: Sequence[Example]) -> Floats:
    """Return the likelihood of each example by models trained without its clip."""
    clips = sorted({example.clip for example in examples})
    order = np.random.default_rng(SEED).permutation(len(clips))
    fold = {clip: number % FOLDS for clip, number in zip(clips, order, strict=True)}
    likelihood = np.zeros(len(examples))
    for left_out in range(FOLDS):
        asked = [i for i, example in enumerate(examples) if fold[example.clip] == left_out]
        model = fit([example for example in examples if fold[example.clip] != left_out])
        likelihood[asked] = model.likelihood([examples[i] for i in asked])
    return likelihood


def _matrix(examples: Sequence[Example]) -> Floats:
    return np.array([[*example.heard, 1.0] for example in examples])


# --- the data ----------------------------------------------------------------------------------------


def load() -> list[Example]:
    """Return the examples of the file."""
    with DATA.open(newline="") as file:
        return [
            Example(row["source"], row["clip"], row["finished"] == "1", tuple(float(row[name]) for name in NAMES))
            for row in csv.DictReader(file)
        ]


def of_clip(source: str, clip: str, audio: Audio, finished: bool) -> Iterator[Example]:
    """Return the pauses of a clip, its end, and places where the speaker might have hesitated."""
    rng = np.random.default_rng(SEED)
    length = len(audio) // FRAME
    silence = np.zeros(PAUSE_FRAMES * FRAME)
    places = [(np.concatenate([audio[: length * FRAME], silence]), finished)]
    for begins, ends in runs(sorted(gaps(audio))):
        if 20 < begins < length - 20 and ends - begins - 2 > PAUSE_FRAMES:
            places.append((audio[: (begins + 1 + PAUSE_FRAMES) * FRAME], False))
    for frame in between_words(audio, max(1, round(length / HEARD_FRAMES)), 30):
        places.append((np.concatenate([audio[: frame * FRAME + FRAME // 2], silence]), False))
    for heard, is_end in places:
        heard = heard[-HEARD_FRAMES * FRAME :]
        noisy = heard + decibel(-70) * rng.standard_normal(len(heard))
        found = features((noisy.clip(-1, 1) * 32767).astype(np.int16).tobytes())
        if found is not None:
            yield Example(source, clip, is_end, found)


def of_reader(folder: Path) -> Iterator[Example]:
    """Return examples of LJ Speech: `metadata.csv`, and clips beside it or in `wavs`."""
    for line in (folder / "metadata.csv").read_text().splitlines():
        clip, _, text = line.split("|")[:3]
        path = next((path for path in (folder / f"{clip}.wav", folder / "wavs" / f"{clip}.wav") if path.exists()), None)
        if path is not None and not text.endswith(";"):  # neither an end nor none
            yield from of_clip("reader", clip, trimmed(read_wav(path)), text[-1] in ".!?")


async def of_voices() -> list[Example]:
    """Return examples of the local voices: sentences that the guard was developed with."""
    rng = np.random.default_rng(SEED)
    texts: list[tuple[str, str]] = []
    for path in sorted((Path(__file__).parents[1] / "guard").glob("dev_*.toml")):
        texts += _texts(tomllib.loads(path.read_text()))
    found: list[Example] = []
    async with Synthesiser() as synthesiser:
        for number in rng.permutation(len(texts))[:SENTENCES]:
            language, text = texts[number]
            variant = str(rng.choice(["f1", "f2", "f3", "f4", "m1", "m2", "m3", "m4", "m5", "m7"]))
            voice = Voice(VOICES[language], variant, int(rng.integers(120, 190)), int(rng.integers(30, 70)))
            audio = np.frombuffer(await synthesiser.say(text, language, voice), np.int16) / 32768
            if len(audio) > RATE:
                found += of_clip("synthetic", f"{language} {number}", trimmed(audio), True)
    return found


def _texts(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            language = str(key).split("-")[0]
            if isinstance(one, str):
                if len(one) > 25 and language in VOICES:
                    yield language, one
            else:
                yield from _texts(one)


def write(folder: Path) -> None:
    """Make the file of examples."""
    examples = [*of_reader(folder), *asyncio.run(of_voices())]
    with DATA.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["source", "clip", "finished", *NAMES])
        for one in examples:
            rows.writerow([one.source, one.clip, int(one.finished), *(f"{value:.3f}" for value in one.heard)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, and print the weights and the shares."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.turns.prosody_training")
    parser.add_argument("--write", action="store_true", help="make the examples again")
    parser.add_argument("--lj", type=Path, help="folder of LJ Speech", default=Path("lj"))
    read = parser.parse_args(arguments)
    if read.write:
        write(read.lj)
    examples = load()
    weights = fit(examples).weights
    print(f"WEIGHTS = ({', '.join(f'{weight:.3f}' for weight in weights[:-1])})\nBIAS = {weights[-1]:.3f}\n")
    likelihood = unseen(examples)
    print("of clips not trained with: ends taken for ends / other pauses taken for ends")
    for threshold in (0.1, 0.2, 0.3, 0.32, 0.35, 0.4, 0.5):
        shares = []
        for source in ("reader", "synthetic"):
            of_source = np.array([example.source == source for example in examples])
            ends = np.array([example.finished for example in examples])
            taken = likelihood >= threshold
            shares.append(f"{source} {taken[of_source & ends].mean():4.0%} / {taken[of_source & ~ends].mean():4.0%}")
        print(f"{threshold:.2f}  {'   '.join(shares)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
