"""Backchannels: short sounds that only say "I am listening", and are not interpreted. Possible answers are none.

Three conditions must hold: there was no more than `SHORT_MS` of voice, the transcript is known, and it holds words of
these lists and no others. A hum ("mm-hm", "ajá") or an assent ("ok", "sí", "right") has content when it answers
somebody: neither is a backchannel if the last thing another person said was a question, and an assent is one only if
another person was speaking before and after it. A filler ("um", "euh") answers nothing. "No" is in no list: people who
say it mean it.
"""

from __future__ import annotations

import re

from bot.interpreting.plan import AUTO, primary

SHORT_MS = 700
"""Most voice of a backchannel, which lasts 150-600 ms. Longer utterances are interpreted whatever their words."""
QUESTION_S = 10.0
"""Seconds after a question in which a hum or an assent is an answer."""

MOST_WORDS, MOST_LETTERS = 2, 24
"""Of an interpretation that may be right although no word was recognised."""

_HUMS = {
    "en": "mm mmm mhm mhmm mm-hm mm-hmm hmm hm uh-huh aha ah uh um er",
    "es": "mm mmm mhm mm-hm hmm hm ajá aja eh ah em",
    "fr": "mm mmm mhm hmm hm hum euh ah hein",
    "de": "mm mmm mhm mm-hm hmm hm aha äh ähm ah",
    "it": "mm mmm mhm hmm hm ah eh ehm",
    "pt": "mm mmm mhm hmm hm aham ah hã eh",
}
_FILLERS = frozenset("ah uh um er hm hmm eh em euh hum hein äh ähm ehm hã".split())
"""Hums of people who think."""
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


def is_a_word(text: str) -> bool:
    """Return whether a text is a word or two: as much as an utterance holds of which no word was recognised."""
    return 0 < len(_WORD.findall(text)) <= MOST_WORDS and len(text) <= MOST_LETTERS


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
    if asked:
        hums &= _FILLERS
    return bool(words) and all(word in hums or word in assents for word in words)


class OpenQuestion:
    """The question that somebody has asked, if that is the last thing anybody said."""

    def __init__(self) -> None:
        self._asked: tuple[str, float] | None = None
        """By whom, and when."""

    def said(self, speaker: str, text: str, now: float) -> None:
        """Note what somebody said. Others' words leave a question open: they may be the answer."""
        asked = is_question(text)
        if asked or (self._asked is not None and self._asked[0] == speaker):
            self._asked = (speaker, now) if asked else None

    def awaits(self, speaker: str, at: float) -> bool:
        """Return whether words that this speaker began at this time may answer it."""
        return self._asked is not None and self._asked[0] != speaker and at <= self._asked[1] + QUESTION_S
