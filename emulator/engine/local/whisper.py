"""Recognises any speech with a Whisper model in the form of CTranslate2, in the recogniser's process."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emulator.engine.local.audio import HOP, RECOGNISER_RATE, Samples, log_mel, loudness

WINDOW_S = 30.0
"""Seconds of sound that Whisper was trained on. Fewer are enough, and take a tenth of the time for a short sentence."""

TAIL_S = 2.0
"""Seconds of silence after an utterance, where its end is found. With less of it Whisper repeats itself."""

LONGEST_S = 27.0
"""Longest piece of an utterance; a longer one is cut at its softest place."""

TOKENS_PER_S, FURTHER_TOKENS = 8, 12
"""Bound of a text: people say 3 to 6 tokens a second."""

MOST_TOKENS = 224
"""Tokens of a text at most, half of what the model has places for: CTranslate2 keeps the other half for what came
before, and halves the bound that it is given likewise."""

UNLIKELY = -1.0
"""Mean log probability of a text's tokens from which it is not believed. Texts invented for noise and music have -1.6
or less, those of people's speech -0.6 or more."""

UNLIKELY_SPEECH = 0.6
"""Probability that there is no speech, from which a text must be likelier than `DOUBTFUL`."""

DOUBTFUL = -0.7

STRANGE = 0.02
"""Probability of the candidate languages together under which speech is in none of them: it is 0.01 or less for what
people say in others, 0.5 or more in theirs. Without it Whisper would translate, or invent."""

_REPEATED = re.compile(r"\b(\w+(?:\W+\w+)+?\b)(?:\W+\1\b)+", re.IGNORECASE)

SAME_WORD = 4
"""Times from which a word alone is no text: Whisper fills short noises with it."""

COMPRESSIBLE = 2.4
"""Ratio by which a text can be compressed from which it is a repetition."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was recognised in an utterance."""

    language: str
    text: str | None
    """None if there was no speech, not in any of the languages, or not to be understood."""


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    text: str
    likely: float
    """Mean log probability of its tokens."""
    silent: float
    """Probability that there is no speech."""
    ended: bool
    """Whether the text has an end, and did not reach its bound."""

    @property
    def repeats(self) -> bool:
        words = self.text.lower().split()
        twice = any(words[-size:] == words[-2 * size : -size] for size in range(2, len(words) // 2 + 1))
        return not self.ended or twice

    @property
    def believable(self) -> bool:
        least = DOUBTFUL if self.silent > UNLIKELY_SPEECH else UNLIKELY
        written, words = self.text.encode(), re.findall(r"\w+", self.text.lower())
        return (
            self.likely > least
            and self.ended
            and len(written) < COMPRESSIBLE * len(zlib.compress(written))
            and (len(set(words)) > 1 or 0 < len(words) < SAME_WORD)
        )


class Whisper:
    """A model, loaded from its folder. One thread decodes: two workers share two cores."""

    def __init__(self, folder: Path) -> None:
        import ctranslate2  # only here: a machine may do without it

        self._views = ctranslate2.StorageView
        self._model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=1)

    def transcribe(self, samples: Samples, languages: Sequence[str]) -> Transcript:
        """Return the text of an utterance, 16 kHz in 16-bit steps, in the likeliest of `languages`."""
        language, texts = languages[0], []
        for number, piece in enumerate(pieces(samples)):
            encoded = self._encode(piece, TAIL_S)
            if number == 0:
                shares = {name.strip("<|>"): share for name, share in self._model.detect_language(encoded)[0]}
                if sum(shares.get(one, 0.0) for one in languages) < STRANGE:
                    break
                language = max(languages, key=lambda one: shares.get(one, 0.0))
            texts.append(self._text(piece, encoded, language, "transcribe"))
        return Transcript(language, " ".join(filter(None, texts)) or None)

    def translate(self, samples: Samples, language: str) -> str | None:
        """Return an utterance in English, None if it was not understood."""
        texts = [self._text(one, self._encode(one, TAIL_S), language, "translate") for one in pieces(samples)]
        return " ".join(filter(None, texts)) or None

    def _text(self, piece: Samples, encoded: Any, language: str, task: str) -> str | None:
        found = self._decode(encoded, len(piece), language, task)
        if found.repeats:
            found = self._decode(self._encode(piece, WINDOW_S), len(piece), language, task)
        return once(found.text) if found.believable else None

    def _encode(self, piece: Samples, tail: float) -> Any:
        """Return the encoded sound, of at most the window, with `tail` seconds of silence at the end if they fit."""
        room = int(WINDOW_S * RECOGNISER_RATE) - len(piece)
        padded = np.pad(piece, (0, max(0, min(room, int(tail * RECOGNISER_RATE)))))
        spectrogram = log_mel(padded, self._model.n_mels)
        return self._model.encode(self._views.from_array(np.ascontiguousarray(spectrogram[None])))

    def _decode(self, encoded: Any, samples: int, language: str, task: str) -> _Hypothesis:
        bound = min(int(samples / RECOGNISER_RATE * TOKENS_PER_S) + FURTHER_TOKENS, MOST_TOKENS)
        prompt = ["<|startoftranscript|>", f"<|{language}|>", f"<|{task}|>", "<|notimestamps|>"]
        best = self._model.generate(
            encoded,
            [prompt],
            beam_size=1,
            max_length=2 * bound,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = best.sequences[0]
        return _Hypothesis(text_of(tokens), best.scores[0], best.no_speech_prob, len(tokens) < bound)


def pieces(samples: Samples) -> list[Samples]:
    """Cut an utterance longer than LONGEST_S at the softest 200 ms of the second half of each piece."""
    found = []
    longest = int(LONGEST_S * RECOGNISER_RATE)
    while len(samples) > longest:
        half = longest // 2
        levels = np.convolve(loudness(samples[half:longest]), np.ones(20), "valid")
        cut = half + (int(levels.argmin()) + 10) * HOP
        found.append(samples[:cut])
        samples = samples[cut:]
    return [*found, samples]


def once(text: str) -> str:
    """Return a text in which two or more words that are repeated at once stand once."""
    return _REPEATED.sub(r"\1", text)


def text_of(tokens: Sequence[str]) -> str:
    """Return the text of the model's tokens, in which each character stands for a byte."""
    written = b"".join(bytes(map(_BYTES.__getitem__, token)) for token in tokens if not token.startswith("<|"))
    return written.decode(errors="ignore").strip()


def _byte_characters() -> dict[str, int]:
    """Return the byte that each character of a token stands for: printable ones themselves, the rest from 256 on."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + number): byte for number, byte in enumerate(others)}


_BYTES = _byte_characters()
