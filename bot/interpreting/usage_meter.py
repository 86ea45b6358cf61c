"""What interpreting a room uses, lane by lane, and the cap at which interpretations are only read.

A cap never cuts an utterance short: what has begun is spoken to its end, and what begins later is read, not heard.
What earlier calls of the room used, and the price table of the admins, are handed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.interpreting.ledger import Entry
from bot.interpreting.plan import Lane, UsageCap, primary

Price = Callable[[Mapping[str, int]], float]
"""Tokens by kind, and milliseconds by kind -> what they cost, in the currency of the price table."""

NOT_TOKENS = frozenset({"input_cached", "transcription_ms", "translation_ms"})
"""Kinds that are part of other kinds, or are milliseconds."""

CAPTIONS_ONLY = "usage_cap"
"""Reason in the ledger of an interpretation that is only read because the cap is reached."""

_TEXTS = {
    "de": "Das Budget dieses Raums ist aufgebraucht: Ab jetzt wird die Verdolmetschung nur noch mitgelesen.",
    "en": "This room's allowance is used up: from now on the interpretation can only be read.",
    "es": "Se ha agotado el cupo de esta sala: a partir de ahora la interpretación solo se puede leer.",
    "fr": "Le quota de cette salle est épuisé : désormais, l'interprétation peut seulement être lue.",
    "it": "Il budget di questa stanza è esaurito: da ora l'interpretazione si può solo leggere.",
    "pt": "O limite desta sala foi atingido: a partir de agora a interpretação só pode ser lida.",
}


def notice(language: str) -> str:
    """Return the notice to readers that the cap is reached; in English for a language without words for it."""
    return _TEXTS.get(primary(language), _TEXTS["en"])


@dataclass(slots=True)
class Used:
    """What a lane or a room has used."""

    spoken_ms: int = 0
    """Audio that went to the model: speech, and the pauses around it."""
    interpreted_ms: int = 0
    """Interpretation that was heard."""
    tokens: Counter[str] = field(default_factory=Counter)
    """By kind: `input_text`, `input_audio`, `input_cached` (part of the inputs), `output_text`, `output_audio`, the
    same of transcriptions, and milliseconds: `transcription_ms`, `translation_ms`."""

    @property
    def total_tokens(self) -> int:
        return sum(count for kind, count in self.tokens.items() if kind not in NOT_TOKENS)

    def add(self, spoken_ms: int, interpreted_ms: int, tokens: Mapping[str, int]) -> None:
        self.spoken_ms += spoken_ms
        self.interpreted_ms += interpreted_ms
        self.tokens.update(tokens)


class UsageMeter:
    """What one room has used.

    An utterance counts when it is settled. What was used apart from utterances counts at once, and is written down with
    the next utterance of its lane.
    """

    def __init__(self, cap: UsageCap, price: Price | None = None, before: Used | None = None) -> None:
        """`before`: what earlier calls of the room used."""
        self.total = Used()
        self.lanes: dict[Lane, Used] = {}
        """Usage of this call by lane."""
        self._cap = cap
        self._price = price
        self._unwritten: dict[Lane, Counter[str]] = {}
        """What was used apart from utterances, and is in no entry yet."""
        if before is not None:
            self.total.add(before.spoken_ms, before.interpreted_ms, before.tokens)
        self.reached = self._limit_reached()
        """Which limit of the cap is reached: `money`, `tokens` or `minutes`; empty while none is."""

    @property
    def cap(self) -> UsageCap:
        return self._cap

    @cap.setter
    def cap(self, cap: UsageCap) -> None:
        self._cap = cap
        self.reached = self._limit_reached()

    @property
    def money(self) -> float | None:
        """What the room has cost so far; None without a price table."""
        return None if self._price is None else self._price(self.total.tokens)

    def count(self, entry: Entry) -> None:
        """Add a settled entry, and complete it. Voices that are passed through cost nothing."""
        if entry.lane.passthrough:
            return
        self._add(entry.lane, entry.heard_ms, entry.played_ms, entry.tokens)
        for kind, count in self._unwritten.pop(entry.lane, Counter()).items():
            entry.tokens[kind] = entry.tokens.get(kind, 0) + count

    def use(self, lane: Lane, tokens: Mapping[str, int]) -> None:
        """Add what was used apart from what is in entries."""
        self._add(lane, 0, 0, tokens)
        self._unwritten.setdefault(lane, Counter()).update(tokens)

    def rest(self) -> dict[Lane, dict[str, int]]:
        """Return what has been used and is in no entry, by lane: there will be no other."""
        rest, self._unwritten = self._unwritten, {}
        return {lane: dict(tokens) for lane, tokens in rest.items() if tokens.total()}

    def _add(self, lane: Lane, spoken_ms: int, interpreted_ms: int, tokens: Mapping[str, int]) -> None:
        for used in (self.total, self.lanes.setdefault(lane, Used())):
            used.add(spoken_ms, interpreted_ms, tokens)
        self.reached = self._limit_reached()

    def _limit_reached(self) -> str:
        cap = self._cap
        if cap.tokens is not None and self.total.total_tokens >= cap.tokens:
            return "tokens"
        if cap.minutes is not None and self.total.spoken_ms >= cap.minutes * 60_000:
            return "minutes"
        if cap.money is not None and (money := self.money) is not None and money >= cap.money:
            return "money"
        return ""
