"""Answers with scripted texts and marker tones after a fixed delay, without recognising anything.

Every utterance has a number. A source that begins with a marker tone has the number of that tone; others are numbered
in the order of their first appearance, and the same audio keeps its number in all sessions. The interpretation of
number n begins with marker tone n, so the tones in a listener's recording show which utterances arrived, how often and
in which order. The two ways of numbering are independent: a test marks all of its sources, or none.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Self
from zlib import crc32

import numpy as np

from emulator.engine.base import BYTES_PER_MS, NO_TERMS, SAMPLE_RATE, Heard, Spoken

MARKERS = 64
"""Number of marker tones; utterance n has the tone n modulo this."""
MARKER_MS = 200
MARKER_BASE_HZ = 600
MARKER_STEP_HZ = 50
"""Distance of the tones: twice the resolution of a 40 ms window; 63 steps stay below 3.8 kHz, in telephone band."""
MARKER_LEVEL = 8_000
BODY_HZ = 180
"""Frequency of the tone after the marker: far below every marker, so that it is not read as one."""
BODY_LEVEL = 3_000
WINDOW_MS = 40
PURITY = 0.6
"""Share of a window's energy that a marker must have: speech stays below, tones reach 0.9."""
MEMORY = 4_096
"""Number of utterances whose number is remembered."""

Texts = Sequence[str] | Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class ScriptedHeard(Heard):
    """A recognised utterance with its number and duration."""

    number: int
    duration_ms: int


class ScriptedEngine:
    """A deterministic engine at the cost of a few memory copies per utterance.

    Args:
        delay_s: duration of an interpretation request.
        hear_delay_s: duration of a recognition request.
        transcripts: texts that utterances are recognised as, in turn, by source language or for all; "utterance n"
            without them.
        translations: texts they are interpreted as, in turn, by (source, target); "[es] utterance n" without them.
        not_understood: numbers that are not recognised.
        languages: which of several candidates number n was spoken in; else the first.
        duration_ms: length of interpretations; None for that of their source.
        max_duration_ms: maximum length of interpretations.
    """

    def __init__(
        self,
        delay_s: float = 0.3,
        *,
        hear_delay_s: float = 0.0,
        transcripts: Texts = (),
        translations: Mapping[tuple[str, str], Sequence[str]] | None = None,
        not_understood: Collection[int] = (),
        languages: Mapping[int, str] | None = None,
        duration_ms: int | None = None,
        max_duration_ms: int = 10_000,
    ) -> None:
        self._delay_s = delay_s
        self._hear_delay_s = hear_delay_s
        self._transcripts = transcripts
        self._translations = translations or {}
        self._not_understood = frozenset(not_understood)
        self._languages = languages or {}
        self._duration_ms = duration_ms
        self._max_duration_ms = max_duration_ms
        self._body = tone(BODY_HZ, max_duration_ms, BODY_LEVEL)
        self._numbers: OrderedDict[int, int] = OrderedDict()
        self._next_number = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def hear(self, pcm: bytes, languages: Sequence[str]) -> ScriptedHeard:
        number = self._number(pcm)
        await asyncio.sleep(self._hear_delay_s)
        language = self._languages.get(number, "")
        if language not in languages:
            language = languages[0]
        text = None if number in self._not_understood else self._transcript(number, language)
        return ScriptedHeard(language, text, number, len(pcm) // BYTES_PER_MS)

    async def overhear(self, pcm: bytes, languages: Sequence[str]) -> Heard:
        """Hear nothing: only whole utterances have a number."""
        return Heard(languages[0], None)

    async def interpret(self, heard: Heard, target: str, terms: Mapping[str, str] = NO_TERMS) -> Spoken:
        """Answer with the next scripted text as it is, whatever the terms."""
        await asyncio.sleep(self._delay_s)
        if heard.language == target:
            return Spoken("", b"", True)
        if isinstance(heard, ScriptedHeard):
            number, duration_ms = heard.number, heard.duration_ms
        else:  # a typed text: spoken at about fifteen characters a second
            number = self._remember(crc32((heard.text or "").encode()))
            duration_ms = 70 * len(heard.text or "")
        pcm = self._speech(number, duration_ms)
        if heard.text is None:
            return Spoken(f"[{target}] I did not understand.", pcm, False)
        lines = self._translations.get((heard.language, target))
        text = lines[number % len(lines)] if lines else f"[{target}] {heard.text}"
        return Spoken(text, pcm, True)

    async def say(self, text: str, language: str) -> Spoken:
        """Speak a typed text at about fifteen characters per second, with its own number."""
        await asyncio.sleep(self._delay_s)
        return Spoken(text, self._speech(self._remember(crc32(text.encode())), 70 * len(text)), True)

    def _number(self, pcm: bytes) -> int:
        marker = first_marker(pcm)
        return self._remember(crc32(pcm)) if marker is None else marker

    def _remember(self, digest: int) -> int:
        if digest in self._numbers:
            self._numbers.move_to_end(digest)
        else:
            self._numbers[digest] = self._next_number
            self._next_number += 1
            if len(self._numbers) > MEMORY:
                self._numbers.popitem(last=False)
        return self._numbers[digest]

    def _transcript(self, number: int, language: str) -> str:
        lines = self._transcripts.get(language, ()) if isinstance(self._transcripts, Mapping) else self._transcripts
        return lines[number % len(lines)] if lines else f"utterance {number}"

    def _speech(self, number: int, duration_ms: int) -> bytes:
        wanted = min(duration_ms if self._duration_ms is None else self._duration_ms, self._max_duration_ms)
        rest = max(0, wanted - MARKER_MS) * BYTES_PER_MS
        return marker_tone(number) + self._body[:rest]


def tone(frequency_hz: float, duration_ms: int, level: float) -> bytes:
    """Return a sine as PCM16 mono 24 kHz; `level` is its peak."""
    samples = np.arange(duration_ms * SAMPLE_RATE // 1000)
    wave = level * np.sin(2 * np.pi * frequency_hz / SAMPLE_RATE * samples)
    pcm: bytes = wave.astype("<i2").tobytes()
    return pcm


@lru_cache(maxsize=MARKERS)
def _marker(index: int) -> bytes:
    return tone(MARKER_BASE_HZ + MARKER_STEP_HZ * index, MARKER_MS, MARKER_LEVEL)


def marker_tone(number: int) -> bytes:
    """Return the marker tone of a number: 200 ms of PCM16 mono 24 kHz."""
    return _marker(number % MARKERS)


def first_marker(pcm: bytes) -> int | None:
    """Return the marker at the start of the audio, after at most 400 ms of quiet; None if there is none."""
    found = read_markers(pcm[: (400 + MARKER_MS) * BYTES_PER_MS])
    return found[0] if found else None


def read_markers(pcm: bytes) -> list[int]:
    """Return the markers in a recording, in order; a marker lasts at least two windows (80 ms)."""
    found: list[int] = []
    run: int | None = None
    length = 0
    for marker in _marker_of_each_window(pcm):
        length = length + 1 if marker == run else 1
        run = marker
        if run is not None and length == 2:
            found.append(run)
    return found


def _marker_of_each_window(pcm: bytes) -> list[int | None]:
    size = WINDOW_MS * SAMPLE_RATE // 1000
    count = len(pcm) // 2 // size
    if not count:
        return []
    windows = np.frombuffer(pcm, dtype="<i2", count=count * size).reshape(count, size).astype(np.float32)
    energy = np.square(windows).mean(axis=1)
    # Bins of the transform are 25 Hz apart, so every marker lies in the middle of a bin.
    resolution = SAMPLE_RATE // size
    bins = (MARKER_BASE_HZ + MARKER_STEP_HZ * np.arange(MARKERS)) // resolution
    amplitude = 2 * np.abs(np.fft.rfft(windows, axis=1)[:, bins]) / size
    best = amplitude.argmax(axis=1)
    # A sine of amplitude a has a mean square of a²/2.
    share = np.square(amplitude[np.arange(count), best]) / 2 / np.maximum(energy, 1.0)
    loud = energy > (MARKER_LEVEL / 50) ** 2  # markers are recognised down to -31 dB
    return [
        int(marker) if is_loud and part >= PURITY else None
        for marker, is_loud, part in zip(best, loud, share, strict=True)
    ]
