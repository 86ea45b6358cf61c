"""Synthesises the sentences of the load's speakers: 2-4 s each, without a long pause."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.stamps import FRAME_BYTES, FRAME_SAMPLES
from emulator.engine.local.synthesis import Synthesiser, Voice

AUDIBLE_RMS = 60.0
"""Minimum RMS of an audible frame in 16-bit steps (-55 dB), as in `demo`."""

LANGUAGES = ("en-US", "es-ES")
"""Languages of the two speakers of every call."""

VOICES = {
    "en-US": (
        "en",
        (Voice(name="en-us", variant="f3", rate=165), Voice(name="en-us", variant="m3", rate=155)),
    ),
    "es-ES": ("es", (Voice(name="es", variant="m3", rate=165), Voice(name="es", variant="f2", rate=155))),
}

SENTENCES = {
    "en-US": (
        "We have to make a decision about the new office today.",
        "The results of this quarter are better than we expected.",
        "I would like to hear what the other team thinks about it.",
        "Everything is ready for the presentation tomorrow morning.",
        "Who is responsible for the next part of this project?",
    ),
    "es-ES": (
        "Tenemos que tomar una decisión sobre la nueva oficina hoy.",
        "Los resultados de este trimestre son mejores de lo esperado.",
        "Me gustaría saber qué piensa de esto el otro equipo.",
        "Todo está listo para la presentación de mañana por la mañana.",
        "Necesitamos más información antes de firmar el contrato.",
    ),
}


async def synthesise() -> dict[str, list[bytes]]:
    """Synthesise every sentence in every voice, by language tag: whole frames of PCM16 mono 24 kHz, trimmed.

    Raises:
        EngineError: the voice is not installed.
    """
    speech: dict[str, list[bytes]] = {}
    async with Synthesiser() as synthesiser:
        for tag, (language, voices) in VOICES.items():
            said = [await synthesiser.say(text, language, voice) for voice in voices for text in SENTENCES[tag]]
            speech[tag] = [trimmed(pcm) for pcm in said]
    return speech


def trimmed(pcm: bytes) -> bytes:
    """Return the frames from the first audible one to the last."""
    levels = frame_levels(pcm)
    audible = [index for index, level in enumerate(levels) if level >= AUDIBLE_RMS]
    return pcm[audible[0] * FRAME_BYTES : (audible[-1] + 1) * FRAME_BYTES] if audible else b""


def longest_pause_ms(levels: Sequence[float]) -> int:
    """Return the longest run of inaudible frames in milliseconds."""
    longest = run = 0
    for level in levels:
        run = run + 1 if level < AUDIBLE_RMS else 0
        longest = max(longest, run)
    return longest * 20


def frame_levels(pcm: bytes) -> list[float]:
    """Return the RMS of each whole frame, in 16-bit steps."""
    frames = len(pcm) // FRAME_BYTES
    samples = np.frombuffer(pcm, dtype="<i2", count=frames * FRAME_SAMPLES).reshape(frames, FRAME_SAMPLES)
    levels: list[float] = np.sqrt(np.mean(np.square(samples.astype(np.float64)), axis=1)).tolist()
    return levels
