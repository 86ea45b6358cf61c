"""What interpreting a room uses while it goes on, lane by lane, and the cap at which it is only read. Pure.

A cap never cuts an utterance short: what has begun is spoken to its end, and what begins after it is read, not heard.
What was used in earlier calls of the room, and what tokens cost, is given: the price table is the admins'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.interpreting.ledger import Entry, EntryKind
from bot.interpreting.plan import Lane, UsageCap, primary

Price = Callable[[Mapping[str, int]], float]
"""What tokens cost, by kind, in the currency of the price table."""

CAPTIONS_ONLY = "usage_cap"
"""Why an interpretation is read and not heard, in the ledger."""

_TEXTS = {
    "de": "Das Budget dieses Raums ist aufgebraucht: Ab jetzt wird die Verdolmetschung nur noch mitgelesen.",
    "en": "This room's allowance is used up: from now on the interpretation can only be read.",
    "es": "Se ha agotado el cupo de esta sala: a partir de ahora la interpretación solo se puede leer.",
    "fr": "Le quota de cette salle est épuisé : désormais, l'interprétation peut seulement être lue.",
    "it": "Il budget di questa stanza è esaurito: da ora l'interpretazione si può solo leggere.",
    "pt": "O limite desta sala foi atingido: a partir de agora a interpretação só pode ser lida.",
}


def notice(language: str) -> str:
    """What readers of a language are told; in English where nobody has given us words for it."""
    return _TEXTS.get(primary(language), _TEXTS["en"])


@dataclass(slots=True)
class Used:
    """By one lane, or by a whole room."""

    spoken_ms: int = 0
    """By the speaker, as far as it went to the model."""
    interpreted_ms: int = 0
    """Of interpretation that was heard."""
    tokens: Counter[str] = field(default_factory=Counter)
    """By kind: `input_text`, `input_audio`, `input_cached` (part of the inputs), `output_text`, `output_audio`."""

    @property
    def total_tokens(self) -> int:
        return sum(count for kind, count in self.tokens.items() if kind != "input_cached")

    def add(self, spoken_ms: int, interpreted_ms: int, tokens: Mapping[str, int]) -> None:
        self.spoken_ms += spoken_ms
        self.interpreted_ms += interpreted_ms
        self.tokens.update(tokens)


class UsageMeter:
    """What one room has used. An utterance counts when it is closed: the model tells its tokens at its end."""

    def __init__(self, cap: UsageCap, price: Price | None = None, before: Used | None = None) -> None:
        """`before`: what earlier calls of the room have used."""
        self.cap = cap
        self.total = Used()
        self.lanes: dict[Lane, Used] = {}
        """Of this call."""
        self._price = price
        if before is not None:
            self.total.add(before.spoken_ms, before.interpreted_ms, before.tokens)

    @property
    def money(self) -> float | None:
        """None without a price table."""
        return None if self._price is None else self._price(self.total.tokens)

    def count(self, entry: Entry) -> None:
        """Take a closed entry into account. Voices that are passed through cost nothing."""
        if entry.kind is EntryKind.PASSTHROUGH:
            return
        spoken_ms = 0 if entry.ended_at is None else round((entry.ended_at - entry.began_at) * 1000)
        for used in (self.total, self.lanes.setdefault(entry.lane, Used())):
            used.add(spoken_ms, entry.played_ms, entry.tokens)

    @property
    def reached(self) -> str:
        """Which part of the cap has been: `money`, `tokens` or `minutes`; empty while none has."""
        cap = self.cap
        if cap.tokens is not None and self.total.total_tokens >= cap.tokens:
            return "tokens"
        if cap.minutes is not None and self.total.spoken_ms >= cap.minutes * 60_000:
            return "minutes"
        if cap.money is not None and (money := self.money) is not None and money >= cap.money:
            return "money"
        return ""
