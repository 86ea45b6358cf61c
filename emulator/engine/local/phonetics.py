"""Converts the voice's IPA to the phones of the English acoustic model.

The only acoustic model that comes in a package is US English, with the 39 phones of ARPAbet. Other languages are
recognised with it: each of their sounds becomes the nearest English one, or two if it lies between them (Spanish "e" is
between EY and EH), and the recogniser uses the better fit.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable

MAX_VARIANTS = 6
"""Maximum pronunciations per word: more slow the search down without better recognition."""

# Sounds and their alternatives, separated by "|". The longest match wins, so affricates and nasal vowels stay whole.
_TABLE = """
a    AA|AH        aː   AA           ɑ    AA           ɑː   AA           æ    AH|AA        ɐ    AH|AA
ã    AA N|AA      ɑ̃    AA|AO N      ɐ̃    AE N|AH N    ɐ̃ʊ̃   AW N|AW
e    EY|IH|EH     eː   EY           ɛ    EH|IH        ɛː   EH|EY        ẽ    EY N         ɛ̃    AE N|AA N
eɪ   EY           ɛɪ   EY           ej   EY
ə    AH           ɜ    AH|ER        ɘ    AH           ɨ    IH|AH
i    IY           iː   IY           ɪ    IH|IY        ĩ    IY N         ɪ̃    IH N
o    OW|AO        oː   OW           ɔ    AO|OW        ɔː   AO           õ    OW N         ɔ̃    OW|AO N
oɪ   OY|OW IY     ɔɪ   OY           ɔø   OY           oj   OY           õj   OY N|OY
u    UW           uː   UW           ʊ    UH|UW        ũ    UW N         ʊ̃    UH N
y    IY|UW|IH     yː   UW|IY        ʏ    UH|IH        ø    AH|ER        øː   ER|UH        œ    UH|ER   œ̃ AH|AE N
aɪ   AY           aj   AY           aʊ   AW|AA UH     aw   AW           ow   OW
p    P            b    B            t    T            d    D            k    K            ɡ    G       g    G
β    B|V          ð    D|DH         ɣ    G
f    F            v    V            θ    TH           s    S            z    Z
ʃ    SH           ʒ    ZH|JH        ç    SH|HH        x    HH|K         h    HH           ɦ    HH
tʃ   CH           dʒ   JH           ts   T S          dz   D Z          pf   P F
m    M            n    N            ŋ    NG|N         ɲ    N Y          ɲj   N Y
l    L            ʎ    L Y|Y        ɫ    L
r    R            ɾ    R|D          ɹ    R            ʁ    R|HH         ʀ    R
j    Y            ʝ    Y|JH         w    W|UW         ɥ    W
"""

_DROPPED = frozenset("ˈˌ|-_‿.ʰ̩̯͡ʲ")
"""Stress, ties and syllable marks, which the acoustic model does not use."""

_VOICE_MARK = re.compile(r"\([a-z-]+\)")
"""espeak-ng writes "(en)" before and "(de)" after a word that it takes for English."""


def _read_table(table: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    sounds: dict[str, tuple[tuple[str, ...], ...]] = {}
    cells: list[list[str]] = []
    for item in table.split():
        # An item that is no ARPAbet (all capitals and bars) opens a new sound.
        if item.isascii() and item.replace("|", "").isupper():
            cells[-1].append(item)
        else:
            cells.append([item])
    for symbol, *phones in cells:
        alternatives = " ".join(phones).split("|")
        sounds[unicodedata.normalize("NFD", symbol)] = tuple(tuple(one.split()) for one in alternatives)
    return sounds


_SOUNDS = _read_table(_TABLE)
_LONGEST = max(map(len, _SOUNDS))


class UnknownSound(ValueError):
    """A word has a sound that is not in the table; the message names it."""


def split_sounds(ipa: str) -> list[str]:
    """Split a word's IPA into known sounds. A long consonant counts once. Raises UnknownSound."""
    marks = _VOICE_MARK.sub("", unicodedata.normalize("NFD", ipa))
    plain = "".join(character for character in marks if character not in _DROPPED)
    sounds: list[str] = []
    at = 0
    while at < len(plain):
        for length in range(min(_LONGEST, len(plain) - at), 0, -1):
            sound = plain[at : at + length]
            if sound in _SOUNDS:
                sounds.append(sound)
                at += length
                break
        else:
            if plain[at] != "ː":  # length of a consonant, or of a vowel listed without it
                raise UnknownSound(f"no phone for {plain[at]!r} in {ipa!r}")
            at += 1
    return sounds


def phones(ipa: str) -> list[str]:
    """Return a word's pronunciations in ARPAbet, likeliest first, at most MAX_VARIANTS. Raises UnknownSound.

    A sound keeps the same alternative throughout a word: speakers are consistent, and lists stay short.
    """
    sounds = split_sounds(ipa)
    open_sounds = sorted({sound for sound in sounds if len(_SOUNDS[sound]) > 1}, key=sounds.index)
    variants: list[str] = []
    # Variants closest to the first alternatives come first, so that a shortened list still varies each sound.
    choices = itertools.product(*(range(len(_SOUNDS[sound])) for sound in open_sounds))
    for choice in sorted(choices, key=sum):
        chosen = {sound: _SOUNDS[sound][number] for sound, number in zip(open_sounds, choice, strict=True)}
        spelled = [phone for sound in sounds for phone in chosen.get(sound, _SOUNDS[sound][0])]
        # A doubled consonant is one phone to this model.
        text = " ".join(phone for phone, _ in itertools.groupby(spelled))
        if text and text not in variants:
            variants.append(text)
    return variants[:MAX_VARIANTS]


def merge(pronunciations: Iterable[Iterable[str]]) -> list[str]:
    """Merge lists of a word's pronunciations into one, taking from each in turn, without repeats."""
    merged: dict[str, None] = {}
    for row in itertools.zip_longest(*pronunciations):
        merged.update(dict.fromkeys(one for one in row if one))
    return list(merged)[:MAX_VARIANTS]
