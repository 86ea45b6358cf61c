"""What the worker processes are asked and what they answer: plain data, without the libraries of either side."""

from __future__ import annotations

import msgspec


class DecoderSettings(msgspec.Struct, frozen=True):
    """What a decoder listens for; without lm, fsg and allphone it is the general English model.

    `lm`, `fsg` and `dict` are paths of files; the rest are pocketsphinx's own settings of those names.
    """

    lm: str | None = None
    fsg: str | None = None
    allphone: bool = False
    """Any sequence of English phones."""
    dict: str | None = None
    lw: float | None = None
    beam: float | None = None
    pbeam: float | None = None
    wbeam: float | None = None


class Utterance(msgspec.Struct, frozen=True):
    """To a recogniser: what does one decoder make of this utterance. Empty audio just loads the decoder."""

    decoder: DecoderSettings
    pcm: bytes
    """PCM16 mono 24 kHz."""


class Hypothesis(msgspec.Struct, frozen=True):
    """A recogniser's answer."""

    text: str | None
    """The decoder's words, marks included; None when nothing fits."""
    score: float | None
    """Acoustic and language score per 10 ms frame; comparable between decoders on the same utterance only."""
    covered: float = 0.0
    """Share of the loud frames that its words take up; the rest went to silence and noise."""
    slowest: float = 0.0
    """Seconds per phone of its slowest word, words of one or two phones aside."""


class SpeakRequest(msgspec.Struct, frozen=True, tag=True):
    """To the voice: the answer is PCM16 mono 24 kHz."""

    text: str
    voice: str
    """espeak-ng voice, with a variant: "en-us+f3"."""
    rate: int
    """Words per minute."""
    pitch: int
    """0 to 100, 50 is the voice's own."""


class PronounceRequest(msgspec.Struct, frozen=True, tag=True):
    """To the voice: the answer is one line of IPA for each text, its words parted by spaces."""

    texts: list[str]
    voice: str
