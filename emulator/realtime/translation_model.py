"""How the emulated translation model behaves where the real one is measured rather than documented: as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FRAME_MS = 200
"""The model works in steps of so much input."""


@dataclass(frozen=True, slots=True)
class OutputMode:
    """How translated audio leaves. The captures contradict each other, so there are several."""

    step_bytes: int
    """Audio for each 200 ms of input, speech or noise."""
    delta_bytes: tuple[int, int]
    """Shortest and longest delta, even numbers."""
    burst_steps: tuple[int, int] = (1, 1)
    """Fewest and most steps whose deltas leave together."""
    omitted: float = 0.0
    """How likely each optional member of an event is missing."""
    catch_up: float = 4.7
    """How many times faster than real time the model works off what waits: input, or the rest after session.close."""


REAL_TIME = OutputMode(9_600, (9_600, 9_600))
"""200 ms of audio for 200 ms of input, over the whole input: captured on Azure in June 2026."""
DOUBLE = OutputMode(19_200, (19_200, 19_200), burst_steps=(1, 6), catch_up=2.35)
"""400 ms of audio for 200 ms of input, in bursts: captured on OpenAI in October 2026, where audio arrived at twice
real time, and at 4.7 times after session.close."""
IRREGULAR = OutputMode(9_600, (480, 28_800), omitted=0.3)
"""What the reference allows: deltas of any length, optional members missing."""

OUTPUT_MODES: Mapping[str, OutputMode] = {"real_time": REAL_TIME, "double": DOUBLE, "irregular": IRREGULAR}


@dataclass(frozen=True, slots=True)
class TranslationModel:
    """The same for all translation sessions of a server."""

    output: OutputMode = REAL_TIME
    lag_ms: tuple[int, int] = (3_000, 5_000)
    """Least and most time, drawn for each segment, from where its speech begins to its interpretation. That begins
    later when the engine is not ready or the one before still lasts."""
    text_lead_ms: int = 400
    """How far the transcript is ahead of the audio."""
    pause_ms: int = 300
    """A pause of so much ends a segment."""
    cap_ms: int = 6_000
    """A segment is cut when it gets so long, at its quietest place near the end."""
    listens_for: tuple[str, ...] = ("en", "es")
    """Languages the speaker may use (ISO 639-1), likeliest first: the real model tells seventy apart, engines fewer."""
    says_not_understood: bool = False
    """Whether sound that no language was found in is answered with the engine's "I did not understand"."""
    noise_peak: int = 63
    """Largest sample outside speech, as captured on Azure; 0 makes digital silence."""
