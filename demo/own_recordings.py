"""Turns recordings into a meeting: parses `SPEAK="en:a.wav es:b.wav"` and cuts files into turns."""

from __future__ import annotations

import glob
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demo import recording_analysis
from demo.recording_analysis import RATE, Samples, Span
from demo.script import Person, Turn, primary
from emulator.engine.local import LANGUAGES
from emulator.wav import read_wav

TURN_PAUSE = RATE * 7 // 10
"""Samples of silence (700 ms) that end a turn; the interpreter ends a turn after 500 ms."""
SHORTEST = RATE * 3 // 20
"""Minimum length of a turn in samples (150 ms): shorter sounds are clicks or breaths."""
MARGIN = RATE // 5
"""Samples of the recording's own silence (200 ms) kept on either side of a turn, so that no soft start is cut off."""

LONGEST_S = 600
"""Maximum length of a recording in seconds; a longer one is probably a mistake."""

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_REGIONS = {"en": "US", "es": "ES", "fr": "FR", "it": "IT", "pt": "BR", "de": "DE", "ca": "ES"}
_NAMES = ("Ana", "Luis")


class WrongRequest(Exception):
    """`SPEAK` is invalid; the message says what is wrong and how to correct it."""


class UnusableRecording(Exception):
    """A file cannot be used; the message names it and the reason."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A file of the request."""

    language: str
    """BCP 47 tag."""
    path: Path


def parse(request: str) -> list[Recording]:
    """Parse `en:a.wav es:b.wav …`, in speaking order; a path with spaces needs quotes.

    Raises:
        WrongRequest: wrong syntax, no file, more than two languages, or one that the local engine cannot recognise.
    """
    try:
        words = shlex.split(request)
    except ValueError as error:
        raise WrongRequest(f"SPEAK: {error}") from error
    recordings: list[Recording] = []
    for word in words:
        language, colon, path = word.partition(":")
        if not (colon and path and _TAG.fullmatch(language)):
            raise WrongRequest(f"SPEAK: {word!r} is not language:file, as in en:hello.wav")
        if primary(language) not in LANGUAGES:
            raise WrongRequest(
                f"SPEAK: the local speech engine cannot recognise {language!r}; it recognises {', '.join(LANGUAGES)}"
            )
        recordings.append(Recording(_with_region(language), Path(path).expanduser()))
    if not recordings:
        raise WrongRequest('SPEAK names no file; for example SPEAK="en:hello.wav es:hola.wav"')
    languages = {recording.language.split("-")[0] for recording in recordings}
    if len(languages) > 2:
        raise WrongRequest(f"SPEAK: at most two languages are possible, got {', '.join(sorted(languages))}")
    return recordings


def people(recordings: Sequence[Recording]) -> list[Person]:
    """Return two people, one per language, the first speaker first. With one language the other person listens."""
    languages = list({recording.language.split("-")[0]: recording.language for recording in recordings}.values())
    if len(languages) == 1:
        languages.append("es-ES" if languages[0].startswith("en") else "en-US")
    return [Person(name, language) for name, language in zip(_NAMES, languages, strict=True)]


def read(path: Path) -> Samples:
    """Read a recording of any rate, width and number of channels as PCM16 mono 24 kHz.

    Raises:
        UnusableRecording: the file is missing, not an uncompressed WAV, or longer than LONGEST_S.
    """
    try:
        samples = np.frombuffer(read_wav(path), "<i2").astype(np.int16)
    except OSError as error:
        raise UnusableRecording(f"{path}: {error.strerror}") from error
    except ValueError as error:
        hint = f"ffmpeg -i {shlex.quote(path.name)} -c:a pcm_s16le {shlex.quote(path.stem)}-pcm.wav makes one"
        raise UnusableRecording(f"{path}: {error}; {hint}") from error
    if len(samples) > LONGEST_S * RATE:
        raise UnusableRecording(
            f"{path}: is {len(samples) / RATE / 60:.0f} minutes long; at most {LONGEST_S // 60} are possible"
        )
    return samples


def turns(recordings: Sequence[Recording], attendees: Sequence[Person]) -> list[Turn]:
    """Return the turns of all files in order, each by the person who speaks its language.

    Raises:
        UnusableRecording: a file cannot be read, or contains no sound.
    """
    planned: list[Turn] = []
    for recording in recordings:
        speaker = next(one for one in attendees if one.primary == recording.language.split("-")[0])
        pieces = cut(read(recording.path))
        if not pieces:
            raise UnusableRecording(f"{recording.path}: contains no sound")
        for number, piece in enumerate(pieces, 1):
            name = recording.path.name if len(pieces) == 1 else f"{recording.path.name}, part {number}"
            beside = texts_beside(recording.path) if len(pieces) == 1 else {}  # of a part, nobody knows the words
            transcript = beside.pop("", None)
            planned.append(Turn(speaker, None, why=name, transcript=transcript, references=beside, recording=piece))
    return planned


def texts_beside(path: Path) -> dict[str, str]:
    """Return the texts beside `hello.wav`: its transcript `hello.txt` as "", a translation `hello.es.txt` as "es".

    Raises:
        UnusableRecording: a text is not UTF-8.
    """
    try:
        return {
            text.suffixes[-2].lstrip(".") if text.stem != path.stem else "": text.read_text(encoding="utf-8").strip()
            for text in sorted(path.parent.glob(f"{glob.escape(path.stem)}*.txt"))
            if re.fullmatch(rf"{re.escape(path.stem)}(\.[a-z]{{2,3}})?\.txt", text.name)
        }
    except UnicodeDecodeError as error:
        raise UnusableRecording(f"{path}: a text beside it is not UTF-8") from error


def cut(samples: Samples) -> list[Samples]:
    """Cut a recording into turns at pauses of TURN_PAUSE."""
    stretches = recording_analysis.spans(samples, TURN_PAUSE, recording_analysis.threshold(samples))
    return [_with_margin(samples, stretch) for stretch in stretches if stretch.end - stretch.start >= SHORTEST]


def _with_margin(samples: Samples, stretch: Span) -> Samples:
    return samples[max(0, stretch.start - MARGIN) : stretch.end + MARGIN]


def _with_region(tag: str) -> str:
    language, *rest = tag.split("-")
    language = language.lower()
    if rest:
        return "-".join([language, *(part.upper() if len(part) == 2 else part for part in rest)])
    region = _REGIONS.get(language)
    return f"{language}-{region}" if region else language
