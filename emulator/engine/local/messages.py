"""Defines the messages to and from the worker processes, without the libraries of either side."""

from __future__ import annotations

import msgspec


class DecoderSettings(msgspec.Struct, frozen=True):
    """Settings of a decoder; without lm, fsg and allphone it uses the general English model.

    `lm`, `fsg` and `dict` are paths of files; the rest are pocketsphinx's own settings of those names.
    """

    lm: str | None = None
    fsg: str | None = None
    allphone: bool = False
    """Whether to recognise any sequence of English phones."""
    dict: str | None = None
    lw: float | None = None
    beam: float | None = None
    pbeam: float | None = None
    wbeam: float | None = None


class Utterance(msgspec.Struct, frozen=True):
    """Asks a recogniser to decode an utterance with one decoder. Empty audio only loads the decoder."""

    decoder: DecoderSettings
    pcm: bytes
    """PCM16 mono 24 kHz."""


class Hypothesis(msgspec.Struct, frozen=True):
    """Answer of a recogniser."""

    text: str | None
    """The decoder's words with its marks; None if nothing fits."""
    score: float | None
    """Acoustic and language score per 10 ms frame; comparable between decoders on the same utterance only."""
    covered: float = 0.0
    """Share of the loud frames that its words cover; the rest was decoded as silence or noise."""
    slowest: float = 0.0
    """Seconds per phone of its slowest word of at least three phones."""


class SpeakRequest(msgspec.Struct, frozen=True, tag=True):
    """Asks the voice to speak; the answer is PCM16 mono 24 kHz."""

    text: str
    voice: str
    """espeak-ng voice, optionally with a variant: "en-us+f3"."""
    rate: int
    """Words per minute."""
    pitch: int
    """0 to 100; 50 is the voice's default."""


class PronounceRequest(msgspec.Struct, frozen=True, tag=True):
    """Asks the voice for pronunciations; the answer is a line of IPA for each text, with words separated by spaces."""

    texts: list[str]
    voice: str
