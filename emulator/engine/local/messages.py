"""Defines the messages to and from the worker processes, without the libraries of either side."""

from __future__ import annotations

import msgspec


class Utterance(msgspec.Struct, frozen=True, tag=True):
    """Asks a recogniser for the text of an utterance; the answer is a `Recognition`. Empty audio only loads models."""

    pcm: bytes
    """PCM16 mono 24 kHz."""
    languages: list[str]
    """Candidates, likeliest first."""
    phrases: dict[str, list[str]]
    """Language -> files of `PhraseSounds`."""
    model: str | None
    """Folder of the Whisper model; None to recognise known sentences only."""


class ToEnglish(msgspec.Struct, frozen=True, tag=True):
    """Asks a recogniser to translate an utterance; the answer is a `Recognition` in English."""

    pcm: bytes
    language: str
    model: str


class Learn(msgspec.Struct, frozen=True, tag=True):
    """Asks a recogniser to write the sounds of these sentences to a file; the answer is empty."""

    texts: list[str]
    spoken: list[bytes]
    """PCM16 mono 24 kHz of each."""
    path: str


class Recognition(msgspec.Struct, frozen=True):
    """The text of an utterance."""

    language: str
    text: str | None
    """None if nothing was understood."""


class Speak(msgspec.Struct, frozen=True):
    """Asks the voice to speak texts one after the other; the answer has PCM16 mono 24 kHz for each."""

    texts: list[str]
    voice: str
    """Voice of Pico, with its region in capitals ("en-GB"), or of espeak-ng, optionally with a variant: "en-us+f3"."""
    rate: int
    """Words per minute."""
    pitch: int
    """0 to 100; 50 is the voice's default."""


class Translate(msgspec.Struct, frozen=True):
    """Asks the translator for a text in another language; the answer is the text."""

    text: str
    source: str
    target: str
