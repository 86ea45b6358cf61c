"""Lays out the output of a translation on one time line: speech when due, faint noise between. Sends nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from random import Random
from typing import Literal

import numpy as np

from emulator.engine.base import BYTES_PER_MS, SAMPLE_RATE

FRAGMENT_CHARACTERS = (2, 8)
"""Shortest and longest transcript delta in characters; they end inside words, as captured."""
UNSPACED = frozenset({"ja", "km", "lo", "my", "th", "zh"})
"""Languages without a space between sentences."""

Reached = Literal["word", "first", "half", "done"]
"""Progress of a speech: text sent inside a word before its audio; first audio; half of it; all of it."""


@dataclass(slots=True)
class Speech:
    """An interpretation on the timeline."""

    number: int
    target: str
    text: str
    pcm: bytes
    due_ms: float
    """Earliest model time of its audio."""
    sent_bytes: int = 0
    sent_characters: int = 0

    @property
    def sent_text(self) -> str:
        return self.text[: self.sent_characters]

    @property
    def inside_a_word(self) -> bool:
        """Return whether the text sent so far ends between two letters."""
        place = self.sent_characters
        return self.text[max(0, place - 1) : place].isalpha() and self.text[place : place + 1].isalpha()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of output."""

    pcm: bytes
    speech: Speech | None = None
    """The speech it contains; None for noise alone."""
    reached: tuple[Reached, ...] = ()
    """Progress that the speech makes with it."""


class OutputTimeline:
    """The timeline. Call `text` before each `audio`. Speeches keep the order in which they were added."""

    def __init__(self, text_lead_ms: int, noise_peak: int, seed: str | None) -> None:
        self._lead_ms = text_lead_ms
        self._random = Random(seed)
        self._noise = _noise(noise_peak)
        self._noise_at = 0
        self._speeches: deque[Speech] = deque()
        self._any_text = False
        self.noise_bytes = 0

    def __len__(self) -> int:
        """Return the number of unfinished speeches."""
        return len(self._speeches)

    @property
    def head(self) -> Speech | None:
        """Return the current or next speech."""
        return self._speeches[0] if self._speeches else None

    @property
    def waiting(self) -> int:
        """Return the bytes of speech not yet returned."""
        return sum(len(speech.pcm) - speech.sent_bytes for speech in self._speeches)

    def add(self, speech: Speech) -> None:
        """Queue a speech; a space separates its text from the previous one, where the language has spaces."""
        if speech.text:
            if self._any_text and speech.target not in UNSPACED:
                speech.text = " " + speech.text
            self._any_text = True
        self._speeches.append(speech)

    def drop_head(self) -> None:
        """Drop the rest of the first speech."""
        self._speeches.popleft()

    def text(self, model_ms: float, coming_bytes: int) -> list[str]:
        """Return the text fragments of the first speech that are due before the next `coming_bytes` of audio."""
        speech = self.head
        if speech is None:
            return []
        ahead_ms = max(float(self._lead_ms), coming_bytes / BYTES_PER_MS)
        if not speech.sent_bytes:
            ahead_ms = min(ahead_ms, self._lead_ms - (speech.due_ms - model_ms))
            if model_ms >= speech.due_ms:
                ahead_ms = max(ahead_ms, coming_bytes / BYTES_PER_MS)
            if ahead_ms <= 0:
                return []
        position_ms = speech.sent_bytes / BYTES_PER_MS + ahead_ms
        lasts_ms = len(speech.pcm) / BYTES_PER_MS
        share = min(1.0, position_ms / lasts_ms) if lasts_ms else 1.0
        return self._fragments(speech, ceil(len(speech.text) * share))

    def audio(self, size: int, model_ms: float) -> Chunk:
        """Return the next `size` bytes. A chunk never has two speeches: the second one's text would be late."""
        speech = self.head
        if speech is None or model_ms < speech.due_ms:
            return Chunk(self._take_noise(size))
        total = len(speech.pcm)
        before = speech.sent_bytes
        voice = speech.pcm[before : before + size]
        speech.sent_bytes = after = before + len(voice)
        reached: list[Reached] = []
        if not before:
            reached.append("first")
        if before < total / 2 <= after or not total:
            reached.append("half")
        if after == total:
            reached.append("done")
            self._speeches.popleft()
        return Chunk(voice + self._take_noise(size - len(voice)), speech, tuple(reached))

    def _fragments(self, speech: Speech, due: int) -> list[str]:
        found: list[str] = []
        while speech.sent_characters < due:
            start = speech.sent_characters
            fragment = speech.text[start : start + self._random.randint(*FRAGMENT_CHARACTERS)]
            speech.sent_characters += len(fragment)
            found.append(fragment)
        return found

    def _take_noise(self, size: int) -> bytes:
        self.noise_bytes += size
        start = self._noise_at
        end = start + size
        if end > len(self._noise):
            taken = (self._noise[start:] + self._noise * (size // len(self._noise) + 1))[:size]
        else:
            taken = self._noise[start:end]
        self._noise_at = end % len(self._noise)
        return taken


@lru_cache(maxsize=4)
def _noise(peak: int) -> bytes:
    """Return one second of noise, PCM16 mono 24 kHz; always the same."""
    samples = np.random.default_rng(peak).normal(0.0, peak / 3, SAMPLE_RATE)
    pcm: bytes = np.clip(samples, -peak, peak).astype("<i2").tobytes()
    return pcm
