"""What the decoders listen for: the English domain model and the phrase grammars, made from sentences; decodes nothing.

English has an acoustic model and a dictionary of its own, so its sentences become a small n-gram model beside the
general one. Every other language is heard through the English acoustic model, which carries no free speech: its
sentences become a grammar that matches whole sentences only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pocketsphinx import get_model_path
from pocketsphinx.lm import ArpaBoLM

from emulator.engine.local.phonetics import UnknownSound, merge, phones
from emulator.engine.local.phrasebook import normalise
from emulator.engine.local.recogniser_worker import DecoderSettings

GENERAL = DecoderSettings()
"""The bundled model of spoken English, 130,000 words."""

ALLPHONE = DecoderSettings(allphone=get_model_path("en-us/en-us-phone.lm.bin"), lw=2.0, beam=1e-20, pbeam=1e-20)
"""Any sequence of phones: the score of a sentence is measured against it."""

_DICTIONARY = Path(get_model_path("en-us/cmudict-en-us.dict"))
_VARIANT = re.compile(r"\(\d+\)$")
_EDGES = re.compile(r"^[^\w]+|[^\w]+$")


@dataclass(frozen=True)
class Grammar:
    """A decoder that matches whole sentences, and how to read its words."""

    decoder: DecoderSettings
    words: Mapping[str, str]
    """The decoder's word -> the written word: its own are numbered, safe from any alphabet."""

    def read(self, text: str) -> str:
        """A hypothesis as written words."""
        return " ".join(self.words[word] for word in text.split())


def tokens(sentence: str) -> list[str]:
    """The words of a sentence as the voice says them: hyphens and apostrophes stay inside, punctuation goes."""
    stripped = (_EDGES.sub("", word.lower()) for word in sentence.split())
    return [word for word in stripped if word]


def not_in_dictionary(sentences: Iterable[str]) -> list[str]:
    """The words of these English sentences whose pronunciation has to come from the voice."""
    wanted = {word for sentence in sentences for word in normalise(sentence).split()}
    return sorted(wanted - english_pronunciations(wanted).keys())


def domain_model(sentences: Iterable[str], spoken: Mapping[str, str], folder: Path) -> DecoderSettings:
    """The n-gram model of these English sentences, written into `folder`.

    `spoken` gives IPA for words, asked only for those the English dictionary lacks.
    """
    lines = sorted({normalise(sentence) for sentence in sentences})
    wanted = {word for line in lines for word in line.split()}
    pronunciations = english_pronunciations(wanted)
    for word in wanted - pronunciations.keys():
        pronunciations[word] = phones(spoken[word])
    model = ArpaBoLM(text="".join(f"<s> {line} </s>\n" for line in lines))
    model.compute()
    path = folder / "en.lm"
    with path.open("w", encoding="utf-8") as file:
        model.write(file)
    return DecoderSettings(lm=str(path), dict=str(_write_dictionary(pronunciations, folder / "en.dict")))


def english_pronunciations(words: Iterable[str]) -> dict[str, list[str]]:
    """What the bundled dictionary says of these words; those it lacks are left out."""
    wanted, found = set(words), dict[str, list[str]]()
    with _DICTIONARY.open(encoding="utf-8") as lines:
        for line in lines:
            entry, _, pronunciation = line.strip().partition(" ")
            if (word := _VARIANT.sub("", entry)) in wanted:
                found.setdefault(word, []).append(pronunciation.strip())
    return found


def phrase_grammar(language: str, spoken: Mapping[str, Sequence[str]], folder: Path) -> Grammar:
    """The grammar of these sentences, written into `folder`.

    `spoken` holds each sentence with the IPA of its words: one line per voice that said it. A line whose words
    aren't the sentence's (the voice ran some together) adds nothing.
    """
    heard: dict[str, list[list[str]]] = {}
    for sentence, lines in spoken.items():
        words = tokens(sentence)
        for line in lines:
            parts = line.split()
            if len(parts) == len(words):
                for word, ipa in zip(words, parts, strict=True):
                    heard.setdefault(word, []).append(_phones(ipa))
    numbered = {word: f"w{number}" for number, word in enumerate(sorted(heard))}
    known = {tuple(words) for sentence in spoken if heard.keys() >= set(words := tokens(sentence))}
    path = folder / f"{language}.fsg"
    path.write_text(_automaton(tuple(numbered[word] for word in words) for words in known if words))
    dictionary = {numbered[word]: merge(lists) for word, lists in heard.items()}
    return Grammar(
        DecoderSettings(
            fsg=str(path),
            dict=str(_write_dictionary(dictionary, folder / f"{language}.dict")),
            # As wide as it gets: the sounds are approximations, and a narrow search loses the path through them.
            beam=1e-70,
            pbeam=1e-70,
            wbeam=1e-60,
        ),
        {number: word for word, number in numbered.items()},
    )


def _automaton(sentences: Iterable[tuple[str, ...]]) -> str:
    """These word sequences as a finite-state grammar in pocketsphinx's format, common beginnings and ends shared.

    Every transition has probability 1: a longer phrasebook must not make a sentence less likely to be accepted.
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


def _phones(ipa: str) -> list[str]:
    try:
        return phones(ipa)
    except UnknownSound:
        return []


def _write_dictionary(pronunciations: Mapping[str, Sequence[str]], path: Path) -> Path:
    lines = [
        f"{word if number == 1 else f'{word}({number})'} {pronunciation}"
        for word, variants in sorted(pronunciations.items())
        for number, pronunciation in enumerate(variants, 1)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
