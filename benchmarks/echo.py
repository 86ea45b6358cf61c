"""Measures how the bot's own voice is found: frame by frame in mixed audio, and as a share of one speaker's audio.

    python -m benchmarks.echo

All voices are synthesised by the local engine, the bot's and the speakers' being different; noise is pink. Frames count
if the voice in question is within 25 dB of its loudest frame.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.speech import SENTENCES
from bot.live_room.echo_detection import EchoDetector
from bot.live_room.echo_meter import EchoMeter
from emulator.engine.local.synthesis import Synthesiser, Voice

FRAME = 480
DELAYS_MS = (40, 110, 250, 430, 590)
LEVELS_DB = (-6, -12, -20)
NOISE_DB = (-40, -30)
"""Level of the noise relative to the voice."""
SEED = 7

Audio = NDArray[np.float64]


async def voices() -> tuple[Audio, list[Audio]]:
    """Return the bot's voice, and three others of the same length."""
    async with Synthesiser() as synthesiser:

        async def said(language: str, locale: str, voice: Voice) -> Audio:
            pieces = [await synthesiser.say(text, language, voice) for text in SENTENCES[locale]]
            return np.frombuffer(b"".join(pieces), np.int16).astype(np.float64)

        ours = await said("es", "es-ES", Voice(name="es", variant="f2", rate=160))
        others = [
            await said("en", "en-US", Voice(name="en-us", variant="m3", rate=155)),
            await said("en", "en-US", Voice(name="en-us", variant="f3", rate=165)),
            await said("es", "es-ES", Voice(name="es", variant="m3", rate=150)),
        ]
    return ours, [np.resize(other, len(ours)) for other in others]


def decibel(level: float) -> float:
    return float(10 ** (level / 20))


def levelled(audio: Audio, level: float) -> Audio:
    """Scale audio to an average level where there is a voice."""
    loud = audio[np.abs(audio) > 200]
    power = float(np.mean(loud**2))
    scaled: Audio = audio * (level / power**0.5)
    return scaled


def noise(samples: int, level: float, rng: np.random.Generator) -> Audio:
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    pink: Audio = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), samples)
    scaled: Audio = pink / np.std(pink) * level
    return scaled


def late(audio: Audio, delay_ms: int) -> Audio:
    delay = delay_ms * 24
    return np.concatenate([np.zeros(delay), audio[:-delay]])


def active(audio: Audio) -> list[bool]:
    powers = [float(np.mean(frame**2)) for frame in split(audio)]
    return [power > max(powers) * decibel(-50) for power in powers]


def split(audio: Audio) -> Iterator[Audio]:
    for start in range(0, len(audio) - FRAME + 1, FRAME):
        yield audio[start : start + FRAME]


def pcm(frame: Audio) -> bytes:
    return frame.clip(-32768, 32767).astype(np.int16).tobytes()


def judged(played: Audio, heard: Audio) -> tuple[list[bool], bool]:
    """Return the detector's verdict for each frame, and whether it ever found a delay."""
    detector, verdicts, found = EchoDetector(), [], False
    for ours, theirs in zip(split(played), split(heard), strict=True):
        detector.played(pcm(ours))
        verdicts.append(detector.is_ours(pcm(theirs)))
        found = found or detector.delay_ms is not None
    return verdicts, found


def share(verdicts: Iterable[bool], counted: Iterable[bool]) -> tuple[int, int]:
    picked = [verdict for verdict, counts in zip(verdicts, counted, strict=True) if counts]
    return sum(picked), len(picked)


def run() -> None:
    ours, others = asyncio.run(voices())
    ours = levelled(ours, 3_000)
    rng = np.random.default_rng(SEED)
    rows: list[tuple[str, int, int, int, int]] = []
    for level in LEVELS_DB:
        good = total = found = runs = 0
        for delay in DELAYS_MS:
            for quiet in NOISE_DB:
                echo = late(ours, delay) * decibel(level)
                heard = echo + noise(len(ours), 3_000 * decibel(level + quiet), rng)
                verdicts, seen = judged(ours, heard)
                count = share(verdicts, active(echo))
                good, total, found, runs = good + count[0], total + count[1], found + seen, runs + 1
        rows.append((f"our voice alone, {level} dB: taken for ours", good, total, found, runs))
    for under_it in (*LEVELS_DB, None):
        wrong = total = found = runs = 0
        for other in others:
            voice = levelled(other, 3_000)
            for delay in DELAYS_MS:
                echo = np.zeros(len(ours)) if under_it is None else late(ours, delay) * decibel(under_it)
                heard = voice + echo + noise(len(ours), 3_000 * decibel(-35), rng)
                verdicts, seen = judged(ours, heard)
                count = share(verdicts, active(voice))
                wrong, total, found, runs = wrong + count[0], total + count[1], found + seen, runs + 1
        under = "nothing of ours" if under_it is None else f"ours {under_it} dB under it"
        rows.append((f"another's voice, {under}: taken for ours", wrong, total, found, runs))
    measure(ours, others, rng)
    for name, some, total, found, runs in rows:
        sys.stdout.write(f"{name:62} {some:6} of {total:6} frames {some / total:7.1%}; delay found {found} of {runs}\n")
    sys.stdout.write(f"cost: {cost(ours):.1f} us per frame while we play\n")


def measure(ours: Audio, others: list[Audio], rng: np.random.Generator) -> None:
    """Print what the meter makes of our voice in rooms, of other voices, and of both."""
    scenes = {f"another's voice {number}": levelled(other, 300) for number, other in enumerate(others, start=1)}
    scenes["our voice with other words"] = levelled(np.roll(ours, len(ours) // 3), 300)
    for reverberation_ms, straight in ((0, 1.0), (200, 2.0), (300, 1.0), (500, 1.0), (500, 0.5)):
        echo = levelled(in_a_room(late(ours, 310), reverberation_ms, straight, rng), 300)
        name = f"ours, {reverberation_ms} ms of room, straight path x {straight:g}"
        scenes[name] = echo
        scenes[f"{name}, another as loud"] = echo + levelled(others[0], 300)
    for name, scene in scenes.items():
        shares, us = metered(ours, scene + noise(len(ours), 10, rng))
        low, middle, high = np.percentile(shares, [5, 50, 95])
        sys.stdout.write(f"{name:62} {low:5.2f} {middle:5.2f} {high:5.2f} (5, 50, 95 % of pieces) {us:6.0f} us each\n")


def in_a_room(audio: Audio, reverberation_ms: int, straight: float, rng: np.random.Generator) -> Audio:
    """Add reverberation that falls by 60 dB, of the power of the straight path times `straight`."""
    samples = max(1, reverberation_ms * 24)
    paths = rng.standard_normal(samples) * 10 ** (-3 * np.arange(samples) / samples)
    paths /= np.sqrt(np.sum(paths**2))
    paths[0] = straight
    size = 1 << (len(audio) + samples).bit_length()
    heard: Audio = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(paths, size), size)[: len(audio)]
    return heard


def metered(played: Audio, heard: Audio) -> tuple[list[float], float]:
    """Return the share of each piece that is loud enough, and the microseconds each takes."""
    frames = [(pcm(ours), pcm(theirs)) for ours, theirs in zip(split(played), split(heard), strict=True)]
    meter, shares, began = EchoMeter(), [], time.process_time()
    for number, (ours, theirs) in enumerate(frames):
        meter.played("room", ours, number * 0.02)
        measured = meter.heard("room", "somebody", theirs, True, number * 0.02)
        if measured is not None and measured[0] > 0.0:
            shares.append(measured[0])
    return shares, (time.process_time() - began) / max(1, len(shares)) * 1e6


def cost(ours: Audio) -> float:
    frames = [pcm(frame) for frame in split(ours)]
    detector = EchoDetector()
    began = time.process_time()
    for frame in frames:
        detector.played(frame)
        detector.is_ours(frame)
    return (time.process_time() - began) / len(frames) * 1e6


if __name__ == "__main__":
    run()
