"""Whether a text holds a question: by its punctuation, or by the forms of its words; unknown if neither shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping

_MARKS = re.compile(r"[?¿؟？⁇‽]")
_GREEK_MARKS = re.compile(r"[?;\u037e]")
_ENDS = re.compile(r"[.!…。！।]+[\"'»“”’)\]]*\s*$")
_SENTENCES = re.compile(r"[.!…;:,]\s+")


def _beginning(pattern: str) -> re.Pattern[str]:
    return re.compile(" ".join(pattern.split()), re.IGNORECASE)


_CERTAIN: Mapping[str, re.Pattern[str]] = {
    "en": _beginning(
        r"(?:(?:what|where|who|why|how|which|when|how (?:much|many|long|often|far))(?: \w+)? "
        r"(?:is|are|was|were|do|does|did|can|could|will|would|should|have|has)|(?:what|where|who|how)'s"
        r"|(?:do|does|did|can|could|will|would|should|have|has|is|are|was|were|may|shall) "
        r"(?:i|you|he|she|it|we|they|there|this|that|these|those|anyone|anybody|someone|your|our|my))\b"
    ),
    "es": _beginning(
        r"(?:y |pero |o )?(?:a |de |con |en |por |para |desde |hasta )?"
        r"(?:qué|cómo|cuándo|dónde|adónde|quién|quiénes|cuál|cuáles|cuánto|cuánta|cuántos|cuántas)\b"
    ),
    "fr": _beginning(
        r"(?:.*\best-ce qu|(?:pouvez|pourriez|avez|êtes|voulez|voudriez|savez|devez|allez|faites|aviez|êtiez)-vous\b"
        r"|(?:peux|as|es|veux|sais|vas)-tu\b|(?:y a|a|est|sont|peut|va|ont)-(?:t-)?(?:ils?|elles?|on)\b"
        r"|(?:qui|que|quand|où|comment|pourquoi|combien)\b.*-(?:t-)?(?:je|tu|ils?|elles?|on|nous|vous)\b)"
    ),
    "de": _beginning(
        r"(?:(?:was|wer|wen|wem|wo|woher|wohin|wann|warum|wieso|weshalb|wie|welche[rsnm]?)(?: \w+)? "
        r"(?:ist|sind|war|waren|hat|haben|kann|können|wird|werden|soll|sollen|muss|müssen|möchten|kostet|machen)"
        r"|(?:können|könnten|kann|könnte|haben|hat|hatten|sind|ist|war|waren|möchten|wollen|würden|dürfen|werden|gibt) "
        r"(?:sie|ich|er|es|wir|ihr|du|das|jemand))\b"
    ),
    "it": _beginning(r"(?:e |ma )?(?:che cosa|cos'è|dov'è|qual è|com'è|chi è|quanto costa)\b"),
    "pt": _beginning(r"(?:e |mas )?(?:por que|o que é|qual é|onde fica|onde está|quem é|quanto custa|será que)\b"),
    "ja": re.compile(
        r".*(?:ですか|ますか|でしょうか|ませんか|ましたか|かな|ますかね|かい)[。\s]*$|.*(?:いつ|どこ|誰|だれ|なぜ|いくら|何時)"
    ),
    "zh": re.compile(r".*[吗呢嗎][。\s]*$|.*(?:什么|什麼|哪|谁|誰|几点|幾點|多少|怎么|怎麼|为何|是不是|有没有)"),
    "ko": re.compile(r".*(?:까|까요|나요|가요|니|는지요)[.\s]*$|.*(?:무엇|뭐|언제|어디|누가|누구|왜|어떻게|몇|얼마)"),
    "pl": _beginning(r"(?:a |i |ale )?(?:czy|co|kto|kogo|gdzie|kiedy|dlaczego|jak|ile|który|która|które|skąd|dokąd)\b"),
}
"""Beginnings (in Japanese and Chinese, ends) of sentences that are hardly anything but questions."""

_POSSIBLE: Mapping[str, re.Pattern[str]] = {
    "en": _beginning(
        r"(?:what|where|who\w*|why|how|which|when|do|does|did|can|could|will|would|should|have|has|is|are|was|were|may"
        r"|shall|any)\b|.*\b(?:right|please|okay)\W*$"
    ),
    "es": _beginning(
        r"(?:que|como|cuando|donde|quien|cual|cuanto|puede|podría|podemos|hay|es|está|tiene|quiere)\b|.*\b(?:verdad|no)\W*$"
    ),
    "fr": _beginning(
        r"(?:qui|que|quoi|quand|où|comment|pourquoi|combien|quel\w*|vous|tu|on|c'est|y a)\b"
        r"|.*(?:n'est-ce pas|plaît)\W*$"
    ),
    "de": _beginning(
        r"(?:w[aeio]\w+|ist|sind|haben|hat|kann|können|könnt\w+|darf|möcht\w+|würd\w+|gibt|soll\w*|muss|müssen"
        r"|\w+en sie|\w+t (?:es|das|die|der))\b|.*\b(?:oder|bitte)\W*$"
    ),
    "it": _beginning(
        r"(?:che|chi|cosa|come|quando|dove|qual\w*|quant\w+|perché|può|potrebbe|possiamo|è|c'è|ci sono|ha|hai|avete)\b"
        r"|.*\b(?:vero|no|favore)\W*$"
    ),
    "pt": _beginning(
        r"(?:que|quem|como|quando|onde|qual|quais|quant\w+|por que|o que|você|vocês|pode|poderia|podemos|há|é|está"
        r"|tem)\b|.*\b(?:né|não é|favor)\W*$"
    ),
}
"""Beginnings and ends of questions, and of other sentences: here a full stop may be a guess of the recogniser."""
_SHOWN_BY_FORM = frozenset({"ja", "zh", "ko", "pl"})
"""Languages whose questions have a form: what the model writes in them without one is none."""
_NO_MARKS = frozenset({"th", "lo", "km", "my"})
"""Languages that hardly use question marks or full stops."""


def may_begin_question(beginning: str, language: str) -> bool:
    """Return whether a question may begin so; True where the forms of a language (ISO 639) do not show it."""
    if _MARKS.search(beginning):
        return True
    forms = [table[language] for table in (_CERTAIN, _POSSIBLE) if language in table]
    return language not in _POSSIBLE or any(form.match(beginning.strip()) for form in forms)


def asks(text: str, language: str | None, *, recognised: bool) -> bool | None:
    """Return whether a text in a language (ISO 639) holds a question; None if that is not clear.

    Args:
        recognised: the punctuation comes from a recogniser, which may have heard no more than a pause.
    """
    if (_GREEK_MARKS if language == "el" else _MARKS).search(text):
        return True
    ended = _ENDS.search(text) is not None
    sentences = [text.strip(), *_SENTENCES.split(text)[1:]]
    certain = _CERTAIN.get(language or "")
    if certain is not None and any(map(certain.match, sentences)):
        return None if ended else True
    if not ended and not recognised and language in _SHOWN_BY_FORM:
        return False
    if not ended or language is None or language in _NO_MARKS:
        return None
    possible = _POSSIBLE.get(language)
    if recognised and (possible is None or any(map(possible.match, sentences))):
        return None
    return False
