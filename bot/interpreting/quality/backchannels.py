"""Backchannels: short sounds that only say "I am listening", and are not interpreted. Possible answers are none.

Three conditions must hold: there was no more than `SHORT_MS` of voice, the transcript is known, and it holds nothing
but words of these lists. A hum ("mm-hm", "ajá") never has content. An assent ("ok", "sí", "right") has content when it
answers somebody: it is a backchannel only if another person was speaking before and after it, and if the last thing
another person said was not a question. "No" is in no list: people who say it mean it.
"""

from __future__ import annotations

import re

from bot.interpreting.plan import AUTO, primary

SHORT_MS = 700
"""Most voice of a backchannel, which lasts 150-600 ms. Longer utterances are interpreted whatever their words."""
QUESTION_S = 10.0
"""Seconds after a question in which an assent is an answer."""

_HUMS = {
    "en": "mm mmm mhm mhmm mm-hm mm-hmm hmm hm uh-huh aha ah uh um er",
    "es": "mm mmm mhm mm-hm hmm hm ajá aja eh ah em",
    "fr": "mm mmm mhm hmm hm hum euh ah hein",
    "de": "mm mmm mhm mm-hm hmm hm aha äh ähm ah",
    "it": "mm mmm mhm hmm hm ah eh ehm",
    "pt": "mm mmm mhm hmm hm aham ah hã eh",
}
_ASSENTS = {
    "en": "ok okay yes yeah yep right sure",
    "es": "ok okay sí si vale claro ya",
    "fr": "ok oui ouais d'accord voilà",
    "de": "ok okay ja genau klar",
    "it": "ok sì si certo va bene",
    "pt": "ok sim tá certo pois",
}
_WORD = re.compile(r"[^\s.,;:?!¿¡…。、，！？]+")
_QUESTION = re.compile(r"[?？؟][\s\"'»”)]*$")


def _lists(words: dict[str, str]) -> dict[str, frozenset[str]]:
    by_language = {language: frozenset(text.split()) for language, text in words.items()}
    return {**by_language, AUTO: frozenset().union(*by_language.values())}


_HUM, _ASSENT = _lists(_HUMS), _lists(_ASSENTS)


def is_question(text: str) -> bool:
    """Return whether a text ends in a question mark."""
    return _QUESTION.search(text.strip()) is not None


def is_backchannel(text: str, language: str, *, voiced_ms: int, talked_over: bool, asked: bool) -> bool:
    """Return whether an utterance is a backchannel.

    Args:
        text: what was recognised; empty if nothing was.
        language: BCP 47 tag of it, or `auto`.
        voiced_ms: how much speech there was.
        talked_over: another person was speaking before it began, and still when it had ended.
        asked: the last thing another person has said is a question, and not older than `QUESTION_S`.
    """
    if voiced_ms > SHORT_MS or is_question(text):
        return False
    known = primary(language)
    words = [word.casefold() for word in _WORD.findall(text)]
    assents = _ASSENT.get(known, frozenset()) if talked_over and not asked else frozenset()
    hums = _HUM.get(known, frozenset())
    return all(word in hums or word in assents for word in words)
