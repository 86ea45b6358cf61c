"""Text and SSML that a bot plays, spoken by the engine's voice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

from emulator.acs.calls.sound_files import Unplayable, in_frames
from emulator.acs.wire.callback_events import Result
from emulator.engine.base import Engine, EngineError

# Sub-codes from the published enumeration of the .NET client (MediaEventReasonCode).
NO_SPEECH_SERVICE = Result(400, 8565, "Action failed due to a bad request to Cognitive Services.")
NOTHING_TO_SAY = Result(400, 8582, "Action failed, the text or SSML to play is empty.")

# Documented: what is spoken and recognised where no language is named.
DEFAULT_LANGUAGE = "en-US"
# Names of voices begin with their language: "en-US-NancyNeural".
_VOICE = re.compile(r"[a-z]{2,3}-[A-Z]{2}(?=-)")
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True, slots=True)
class Words:
    """A text to speak, in a language (BCP 47)."""

    text: str
    language: str = DEFAULT_LANGUAGE


def language_of_voice(name: str | None) -> str | None:
    """Return the language of a voice by its name."""
    found = _VOICE.match(name or "")
    return found[0] if found else None


def read_ssml(ssml: str) -> Words:
    """Return the text of an SSML document, and its language or that of its first voice.

    Raises:
        Unplayable: it is no XML, or declares entities.
    """
    if "<!" in ssml:
        raise Unplayable(NO_SPEECH_SERVICE)
    try:
        root = ElementTree.fromstring(ssml)
    except ElementTree.ParseError as error:
        raise Unplayable(NO_SPEECH_SERVICE) from error
    voices = [each.get("name") for each in root.iter() if each.tag.rpartition("}")[2] == "voice"]
    spoken_in = next(filter(None, map(language_of_voice, voices)), None)
    return Words(" ".join("".join(root.itertext()).split()), spoken_in or root.get(_XML_LANG) or DEFAULT_LANGUAGE)


async def spoken(engine: Engine, words: Words) -> list[bytes]:
    """Return words as frames of a call. Cancelling is safe.

    Raises:
        Unplayable: there is nothing to say, or no voice for the language.
    """
    if not words.text.strip():
        raise Unplayable(NOTHING_TO_SAY)
    try:
        return in_frames((await engine.say(words.text, primary(words.language))).pcm)
    except EngineError as error:
        raise Unplayable(NO_SPEECH_SERVICE) from error


def primary(tag: str) -> str:
    """Return the language of a BCP 47 tag as engines name it: "es" for "es-MX"."""
    return tag.partition("-")[0].lower()
