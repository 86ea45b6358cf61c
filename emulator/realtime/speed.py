"""Changes the length of speech: its speed at the same pitch, or by fault rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from emulator.engine.base import BYTES_PER_MS, SAMPLE_RATE, Spoken
from emulator.realtime.faults.rules import FaultAction, FaultRule

WINDOW = SAMPLE_RATE * 40 // 1000
"""Window length in samples. Windows overlap by half."""
SEARCH = SAMPLE_RATE * 10 // 1000
"""Search range in samples each way for the best continuation of a window: a period of a low voice."""
ENDLESS_MS = 60_000


def shortened(spoken: Spoken) -> Spoken:
    """Return the first half of the words, and of the voice."""
    words = spoken.text.split()
    return replace(spoken, text=" ".join(words[: (len(words) + 1) // 2]), pcm=spoken.pcm[: len(spoken.pcm) // 4 * 2])


def stretched(pcm: bytes, speed: float) -> bytes:
    """Return the speech `speed` times as fast (0.25 to 1.5), by overlap-add with the best fit for each window."""
    source = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    hop = WINDOW // 2
    wanted = int(len(source) / speed)
    if len(source) <= WINDOW + 2 * SEARCH:
        return pcm
    padded = np.concatenate([source, np.zeros(WINDOW + 2 * SEARCH, np.float32)])
    fade = np.hanning(WINDOW + 1)[:WINDOW].astype(np.float32)
    result = np.zeros(wanted + WINDOW, np.float32)
    place = 0
    for start in range(0, wanted, hop):
        if start:
            natural = padded[place + hop : place + hop + WINDOW]
            around = min(max(0, int(start * speed) - SEARCH), len(source))
            region = padded[around : around + WINDOW + 2 * SEARCH]
            place = around + int(np.correlate(region, natural, "valid").argmax()) if len(natural) == WINDOW else around
        piece = padded[place : place + WINDOW]
        if not start:
            result[:hop] += piece[:hop] * (1 - fade[:hop])  # no previous window to overlap with
        result[start : start + len(piece)] += piece * fade[: len(piece)]
    stretched_pcm: bytes = np.clip(result[:wanted], -32_768, 32_767).astype("<i2").tobytes()
    return stretched_pcm


def misspoken(spoken: Spoken, take: Callable[[FaultAction], FaultRule | None]) -> Spoken:
    """Apply the fault rules about its sound: none, zeros, half of it, or endless."""
    if take("silent"):
        spoken = replace(spoken, text="", pcm=b"")
    if take("mute"):
        spoken = replace(spoken, pcm=bytes(len(spoken.pcm)))
    if take("half_audio"):
        spoken = replace(spoken, pcm=spoken.pcm[: len(spoken.pcm) // 4 * 2])
    if take("endless_audio") and spoken.pcm:
        longest = ENDLESS_MS * BYTES_PER_MS
        spoken = replace(spoken, pcm=(spoken.pcm * (longest // len(spoken.pcm) + 1))[:longest])
    return spoken
