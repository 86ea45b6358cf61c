"""Writes the decoders' files: grammars, dictionaries and the English n-gram model.

A phrase grammar matches whole sentences only. English, the language of the acoustic model, is also recognised freely:
by the general model, and by a small n-gram model of the known sentences for utterances similar to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.engine.local.messages import DecoderSettings
from emulator.engine.local.phonetics import UnknownSound, merge, phones

GENERAL = DecoderSettings()
"""The bundled model of spoken English, 130,000 words."""

ALLPHONE = DecoderSettings(allphone=True, lw=2.0, beam=1e-20, pbeam=1e-20)
"""Decoder for any sequence of phones; scores of texts are compared with its score."""

_BEAM, _WORD_BEAM = 1e-70, 7e-29
"""Beam widths: wide inside words, whose sounds are approximations; narrow between words, where a wide beam takes five
times as long and finds nothing more."""

_VARIANT = re.compile(r"\(\d+\)$")
_EDGES = re.compile(r"^[^\w]+|[^\w]+$")

Pronunciations = dict[str, list[str]]
"""Word -> its pronunciations as ARPAbet, likeliest first."""


@dataclass(frozen=True)
class Grammar:
    """A decoder for whole sentences, with a translation of its words."""

    decoder: DecoderSettings
    sentences: Mapping[tuple[str, ...], str]
    """The decoder's words -> the sentence. The decoder's words are numbered and so independent of any alphabet."""

    def read(self, text: str) -> str | None:
        """Return the sentence of a hypothesis; None if it is incomplete."""
        return self.sentences.get(tuple(text.split()))


def tokens(sentence: str) -> list[str]:
    """Return the words of a sentence as the voice speaks them: with inner hyphens and apostrophes, no punctuation."""
    stripped = (_EDGES.sub("", word.lower()) for word in sentence.split())
    return [word for word in stripped if word]


def phrase_grammar(
    name: str, sentences: Iterable[Sequence[str]], pronunciations: Mapping[str, Sequence[str]], folder: Path
) -> Grammar:
    """Write the grammar of these sentences, given as words, into `folder`.

    Sentences with a word without a pronunciation are left out.
    """
    sayable = sorted({tuple(words) for words in sentences if words and all(map(pronunciations.get, words))})
    used = sorted({word for words in sayable for word in words})
    numbered = {word: f"w{number}" for number, word in enumerate(used)}
    path = folder / f"{name}.fsg"
    written = {tuple(numbered[word] for word in words): " ".join(words) for words in sayable}
    path.write_text(_automaton(written))
    dictionary = {numbered[word]: pronunciations[word] for word in used}
    return Grammar(
        DecoderSettings(
            fsg=str(path),
            dict=str(_write_dictionary(dictionary, folder / f"{name}.dict")),
            beam=_BEAM,
            pbeam=_BEAM,
            wbeam=_WORD_BEAM,
        ),
        written,
    )


def domain_model(
    name: str, sentences: Iterable[Sequence[str]], pronunciations: Mapping[str, Sequence[str]], folder: Path
) -> DecoderSettings:
    """Write the n-gram model of these sentences, given as words that all have pronunciations, into `folder`."""
    # Imported here so that the module loads without pocketsphinx, which the doctor reports.
    from pocketsphinx.lm import ArpaBoLM

    lines = sorted({tuple(words) for words in sentences})
    model = ArpaBoLM(text="".join(f"<s> {' '.join(words)} </s>\n" for words in lines))
    model.compute()
    path = folder / f"{name}.lm"
    with path.open("w", encoding="utf-8") as file:
        model.write(file)
    used = {word: pronunciations[word] for words in lines for word in words}
    return DecoderSettings(lm=str(path), dict=str(_write_dictionary(used, folder / f"{name}-domain.dict")))


def english_pronunciations(words: Iterable[str]) -> Pronunciations:
    """Return the bundled dictionary's pronunciations of these words, without unknown words."""
    from pocketsphinx import get_model_path  # see domain_model

    wanted, found = set(words), Pronunciations()
    with Path(get_model_path("en-us/cmudict-en-us.dict")).open(encoding="utf-8") as lines:
        for line in lines:
            entry, _, pronunciation = line.strip().partition(" ")
            if (word := _VARIANT.sub("", entry)) in wanted:
                found.setdefault(word, []).append(pronunciation.strip())
    return found


def approximate_pronunciations(spoken: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Pronunciations:
    """Derive pronunciations from spoken words with their IPA, without words that contain an unknown sound.

    A word pronounced differently in several sentences, or by several voices, gets all these pronunciations.
    """
    heard: dict[str, list[list[str]]] = {}
    for words, ipa in spoken:
        for word, sounds in zip(words, ipa, strict=True):
            try:
                heard.setdefault(word, []).append(phones(sounds))
            except UnknownSound:
                continue
    return {word: merged for word, lists in heard.items() if (merged := merge(lists))}


def _automaton(sentences: Iterable[tuple[str, ...]]) -> str:
    """Return these word sequences as a finite-state grammar for pocketsphinx, sharing common beginnings and ends.

    Every transition has probability 1, so that a longer phrasebook does not lower the score of a sentence.
    """
    states: dict[frozenset[tuple[str, ...]], int] = {}
    transitions: list[str] = []
    final = 1  # 0 is the start

    def state(ends: frozenset[tuple[str, ...]]) -> int:
        if ends not in states:
            states[ends] = here = len(states) + (1 if states else 0)
            for word in sorted({end[0] for end in ends}):
                rest = frozenset(end[1:] for end in ends if end[0] == word)
                if () in rest:
                    transitions.append(f"TRANSITION {here} {final} 1.0 {word}")
                if more := rest - {()}:
                    transitions.append(f"TRANSITION {here} {state(more)} 1.0 {word}")
        return states[ends]

    state(frozenset(sentences))
    head = ["FSG_BEGIN sentences", f"NUM_STATES {len(states) + 1}", "START_STATE 0", f"FINAL_STATE {final}"]
    return "\n".join([*head, *transitions, "FSG_END", ""])


def _write_dictionary(pronunciations: Mapping[str, Sequence[str]], path: Path) -> Path:
    lines = [
        f"{word if number == 1 else f'{word}({number})'} {pronunciation}"
        for word, variants in sorted(pronunciations.items())
        for number, pronunciation in enumerate(variants, 1)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
