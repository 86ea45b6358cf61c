"""Phrases of a model that behaves as an assistant instead of interpreting, in six languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum


class AssistantPhrase(Enum):
    ITSELF = 1
    """The model speaks of itself as a machine."""
    ANNOUNCES = 2
    """It says that a translation follows, or whose words these are."""
    OFFERS = 3
    """It offers help."""
    REFUSES = 4
    """It says what it cannot do."""
    ASKS_AGAIN = 5
    """It has not understood, and asks to repeat."""


ALONE = frozenset({AssistantPhrase.ITSELF, AssistantPhrase.ANNOUNCES})
"""Phrases that people hardly say in a meeting. People do say the other phrases: those count only if the original has
none of them."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(patterns)})", re.IGNORECASE)


_PATTERNS: Mapping[AssistantPhrase, re.Pattern[str]] = {
    AssistantPhrase.ITSELF: _any(
        r"\b(?:as|i am|i'm) an? (?:ai|artificial intelligence|language model|large language model|virtual assistant"
        r"|translation machine|ai \w+)\b",
        r"\b(?:como|soy|eu sou|sou) (?:una? |um |uma )?(?:ia|inteligencia artificial|inteligência artificial"
        r"|modelo de (?:lenguaje|linguagem|idioma)|(?:asistente|assistente) (?:de ia|virtual))\b",
        r"\b(?:en tant qu['e] ?|je suis (?:une? )?)(?:ia|intelligence artificielle|modèle de langage"
        r"|assistant (?:ia|virtuel))\b",
        r"\b(?:als|ich bin) (?:ein|eine)? ?(?:ki|künstliche intelligenz|sprachmodell|ki-\w+|virtueller assistent)\b",
        r"\b(?:in quanto|come|sono) (?:un |una |un')?(?:ia|intelligenza artificiale|modello (?:linguistico"
        r"|di linguaggio)"
        r"|assistente (?:ia|virtuale))\b",
    ),
    AssistantPhrase.ANNOUNCES: _any(
        r"^\W*(?:(?:sure|certainly|of course|okay)\W+)?here(?:'s| is) (?:the|your|a) (?:\w+ )?translation\b",
        r"^\W*(?:the )?(?:\w+ )?translation(?: is)?\s*:", r"\bin (?:english|german|spanish|french|italian|portuguese)"
        r"(?:,)? (?:this|that|it) (?:is|would be|means)\b", r"^\W*the (?:speaker|user) (?:says|said|asks)\b",
        r"^\W*(?:(?:claro|por supuesto|desde luego)\W+)?aquí (?:está|tiene|tienes) (?:la|su|tu) traducción\b",
        r"^\W*(?:la )?traducción(?: es)?\s*:", r"\ben (?:español|inglés)(?:,)? (?:sería|se dice|es|significa)\s*:",
        r"^\W*(?:el hablante|la hablante|el orador|el usuario) (?:dice|pregunta)\b",
        r"^\W*(?:(?:bien sûr|certainement|d'accord)\W+)?voici (?:la|votre|une) traduction\b",
        r"^\W*(?:la )?traduction(?: est)?\s*:",
        r"\ben (?:français|anglais)(?:,)? (?:cela|ça|on) (?:donne|dit|signifie)\b",
        r"^\W*(?:l'orateur|l'oratrice|l'utilisateur|le locuteur) (?:dit|demande)\b",
        r"^\W*(?:(?:gerne|natürlich|sicher|klar)\W+)?hier ist (?:die|ihre|deine|eine) übersetzung\b",
        r"^\W*(?:die )?übersetzung(?: lautet| ist)?\s*:",
        r"\bauf (?:deutsch|englisch) (?:heißt|bedeutet|wäre|lautet)\b",
        r"^\W*(?:der sprecher|die sprecherin|der nutzer) (?:sagt|fragt)\b",
        r"^\W*(?:(?:certo|certamente|naturalmente)\W+)?ecco (?:la|una|a lei la) (?:sua )?traduzione\b",
        r"^\W*(?:la )?traduzione(?: è)?\s*:", r"\bin (?:italiano|inglese)(?:,)? (?:sarebbe|si dice|è|significa)\b",
        r"^\W*(?:l'oratore|l'oratrice|l'utente|chi parla) (?:dice|chiede)\b",
        r"^\W*(?:(?:claro|certo|com certeza)\W+)?aqui está (?:a|sua|uma) (?:sua )?tradução\b",
        r"^\W*(?:a )?tradução(?: é)?\s*:", r"\bem (?:português|inglês)(?:,)? (?:seria|fica|é|significa)\b",
        r"^\W*(?:o orador|a oradora|o falante|o usuário) (?:diz|pergunta)\b",
    ),
    AssistantPhrase.OFFERS: _any(
        r"\bhow (?:can|may) i (?:help|assist)\b", r"\banything else (?:that )?i can\b",
        r"\b(?:can|may) i (?:help|assist) you with\b", r"\bhappy to (?:help|assist)\b",
        r"\b(?:cómo|en qué) (?:puedo|podría) ayudar", r"\balgo más en (?:lo )?que pueda\b",
        r"\b(?:comment|en quoi) (?:puis-je|pourrais-je|je peux) (?:vous |t')?aider\b",
        r"\bautre chose (?:que je|pour vous)\b",
        r"\bwie kann ich (?:ihnen|dir|euch)(?: \w+)? helfen\b", r"\bsonst noch etwas für (?:sie|dich)\b",
        r"\b(?:come|in che (?:cosa|modo)) posso (?:aiutar|esser)",
        r"\bc'è altro (?:in cui|che) (?:io )?(?:posso|possa)\b",
        r"\b(?:como|em que) (?:eu )?posso (?:te |lhe |o |a )?ajud[aá]", r"\balguma coisa em que (?:eu )?possa\b",
    ),
    AssistantPhrase.REFUSES: _any(
        r"\bi(?:'m| am) (?:sorry|afraid)\b.{0,12}\b(?:can't|cannot|can not|unable|not able)\b",
        r"\bi (?:can't|cannot) (?:help|assist)\b",
        r"\b(?:lo siento|disculpe|perdón)\b.{0,12}\bno (?:me es posible|(?:le |te )?puedo|podré)\b",
        r"\b(?:désolée?|regrette)\b.{0,12}\bje ne (?:peux|puis|pourrai) pas\b",
        r"\b(?:tut mir (?:sehr )?leid|entschuldigung|bedaure)\b.{0,30}\b(?:ich|dabei)\b.{0,40}\bnicht\b",
        r"\b(?:mi dispiace|spiacente|scusi)\b.{0,20}\bnon (?:posso|riesco|sono in grado)\b",
        r"\b(?:desculpe|sinto muito|lamento)\b.{0,20}\bnão (?:posso|consigo|me é possível)\b",
    ),
    AssistantPhrase.ASKS_AGAIN: _any(
        r"\b(?:didn't|did not|couldn't|could not) (?:quite )?(?:catch|understand|hear)\b.{0,20}\brepeat"
        r"|\bcould you (?:please )?repeat\b",
        r"\bpodrías? repetir|\bpuedes? repetir", r"\b(?:pourriez|pouvez)-vous (?:le |la )?répéter",
        r"\b(?:könnten|können) sie (?:das |es )?(?:bitte )?(?:noch einmal )?wiederholen",
        r"\bpotrebbe ripetere|\bpotresti ripetere|\bpuò ripetere",
        r"\b(?:poderia|pode) (?:por favor )?repetir",
    ),
}  # fmt: skip


def lapses(text: str) -> set[AssistantPhrase]:
    """Return the phrases in a text, in English, Spanish, French, German, Italian or Portuguese."""
    plain = text.replace("’", "'")
    return {lapse for lapse, pattern in _PATTERNS.items() if pattern.search(plain)}


_NEGATED = re.compile(
    r"\b(?:not|no|nicht|kein\w*|nie|cannot|never|unable|non|não|nunca|jamás|ne|pas|nem|ni|tampoco)\b|n't\b|n'",
    re.IGNORECASE,
)
_HELPS = re.compile(r"\b(?:help|assist|ayud|servir|aide|hilf|helf|unterstütz|aiut|ajud|atender)", re.IGNORECASE)
_PARDON = re.compile(
    r"\b(?:pardon|sorry|excuse|what|again|repeat\w*|cómo|perdón?|perdone|repet\w+|répét\w+|comment|plaît|bitte|wiederhol\w*"
    r"|noch ?mal|come|scus\w+|ripet\w+|como|desculp\w+|otra vez|encore|akustisch|verstanden)\b",
    re.IGNORECASE,
)


_TRANSLATES = re.compile(r"translat|traduc|traduz|traduir|übersetz|trascri|transcri", re.IGNORECASE)
_MOST_WORDS_OF_PARDON = 6


def said_otherwise(original: str, interpretation: str) -> set[AssistantPhrase]:
    """Return the phrases that may interpret what a person has said in other words, in one of these languages."""
    plain = original.replace("’", "'")
    helps, found = _HELPS.search(plain) is not None, set()
    if helps:
        found.add(AssistantPhrase.OFFERS)
    if _PARDON.search(plain) and len(plain.split()) <= _MOST_WORDS_OF_PARDON:
        found.add(AssistantPhrase.ASKS_AGAIN)
    if _NEGATED.search(plain) and (helps or not of_its_task(interpretation)):
        found.add(AssistantPhrase.REFUSES)
    return found


def of_its_task(interpretation: str) -> set[AssistantPhrase]:
    """Return a refusal if it is one to help or to translate: people hardly refuse these."""
    of_task = _TRANSLATES.search(interpretation) or _HELPS.search(interpretation)
    return {AssistantPhrase.REFUSES} if of_task else set()
