"""Describes the translation model's behaviour that is measured rather than documented, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FRAME_MS = 200
"""Input per step of the model in milliseconds."""


@dataclass(frozen=True, slots=True)
class OutputMode:
    """How translated audio is sent. The captures contradict each other, so there are several modes."""

    step_bytes: int
    """Audio for each 200 ms of input, speech or noise."""
    delta_bytes: tuple[int, int]
    """Shortest and longest delta in bytes, even numbers."""
    burst_steps: tuple[int, int] = (1, 1)
    """Fewest and most steps whose deltas are sent together."""
    omitted: float = 0.0
    """Probability that an optional member of an event is missing."""
    catch_up: float = 4.7
    """Speed, in multiples of real time, at which waiting input or the rest after session.close is processed."""


REAL_TIME = OutputMode(9_600, (9_600, 9_600))
"""200 ms of audio for 200 ms of input, over the whole input: captured on Azure in June 2026."""
DOUBLE = OutputMode(19_200, (19_200, 19_200), burst_steps=(1, 6), catch_up=2.35)
"""400 ms of audio for 200 ms of input, in bursts: captured on OpenAI in October 2026, where audio arrived at twice
real time, and at 4.7 times after session.close."""
IRREGULAR = OutputMode(9_600, (480, 28_800), omitted=0.3)
"""Deltas of any length and missing optional members, as the reference allows."""

OUTPUT_MODES: Mapping[str, OutputMode] = {"real_time": REAL_TIME, "double": DOUBLE, "irregular": IRREGULAR}


@dataclass(frozen=True, slots=True)
class TranslationModel:
    """Behaviour of all translation sessions of a server."""

    output: OutputMode = REAL_TIME
    lag_ms: tuple[int, int] = (3_000, 5_000)
    """Range of the time from the start of a segment's speech to its interpretation, drawn for each segment. The
    interpretation starts later when the engine is not ready or the previous one still lasts."""
    text_lead_ms: int = 400
    """Lead of the transcript over the audio in milliseconds."""
    pause_ms: int = 300
    """Pause in milliseconds that ends a segment."""
    cap_ms: int = 6_000
    """Maximum segment length in milliseconds; a longer one is cut at its quietest place near the end."""
    listens_for: tuple[str, ...] = ("en", "es")
    """Languages to recognise (ISO 639-1), likeliest first. The real model distinguishes seventy, engines fewer."""
    says_not_understood: bool = False
    """Whether unrecognised speech is answered with the engine's "I did not understand"."""
    noise_peak: int = 63
    """Peak sample value outside speech, as captured on Azure; 0 is digital silence."""
