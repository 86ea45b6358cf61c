"""What the decoders listen for, as files: grammars, dictionaries and the English n-gram model; decodes nothing.

A phrase grammar matches whole sentences and nothing else. Only English, whose acoustic model this is, has free speech
as well: the general model, and beside it a small n-gram model of the known sentences for what is nearly one of them.
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
"""Any sequence of phones: the score of a text is measured against it."""

_BEAM, _WORD_BEAM = 1e-70, 7e-29
"""How far a path may fall behind: wide inside words, whose sounds are approximations, and narrow between them, where
width costs five times the time and finds nothing more."""

_VARIANT = re.compile(r"\(\d+\)$")
_EDGES = re.compile(r"^[^\w]+|[^\w]+$")

Pronunciations = dict[str, list[str]]
"""Word -> its pronunciations as ARPAbet, likeliest first."""


@dataclass(frozen=True)
class Grammar:
    """A decoder for whole sentences, and how to read its words."""

    decoder: DecoderSettings
    sentences: Mapping[tuple[str, ...], str]
    """The decoder's words -> the sentence as written words; its words are numbered, safe from any alphabet."""

    def read(self, text: str) -> str | None:
        """The sentence a hypothesis stands for; None when it broke off inside one."""
        return self.sentences.get(tuple(text.split()))


def tokens(sentence: str) -> list[str]:
    """The words of a sentence as the voice says them: hyphens and apostrophes stay inside, punctuation goes."""
    stripped = (_EDGES.sub("", word.lower()) for word in sentence.split())
    return [word for word in stripped if word]


def phrase_grammar(
    name: str, sentences: Iterable[Sequence[str]], pronunciations: Mapping[str, Sequence[str]], folder: Path
) -> Grammar:
    """The grammar of these sentences, given as words, written into `folder`.

    A sentence with a word that has no pronunciation is left out.
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
    """The n-gram model of these sentences, given as words that all have pronunciations, written into `folder`."""
    # Here and not above: the module has to load where pocketsphinx is missing, for the doctor to say so.
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
    """What the bundled dictionary says of these words; those it lacks are left out."""
    from pocketsphinx import get_model_path  # see domain_model

    wanted, found = set(words), Pronunciations()
    with Path(get_model_path("en-us/cmudict-en-us.dict")).open(encoding="utf-8") as lines:
        for line in lines:
            entry, _, pronunciation = line.strip().partition(" ")
            if (word := _VARIANT.sub("", entry)) in wanted:
                found.setdefault(word, []).append(pronunciation.strip())
    return found


def approximate_pronunciations(spoken: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Pronunciations:
    """Pronunciations from what a voice said: words, and IPA for each of them. Words with an unknown sound are left out.

    A word said differently in several sentences, or by several voices, gets all of these.
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


def _write_dictionary(pronunciations: Mapping[str, Sequence[str]], path: Path) -> Path:
    lines = [
        f"{word if number == 1 else f'{word}({number})'} {pronunciation}"
        for word, variants in sorted(pronunciations.items())
        for number, pronunciation in enumerate(variants, 1)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
