"""The announcement at the start that a machine interprets: its words, and the languages it is due in.

Readers get it as a caption at once, or when they join. A booth into each language reads it aloud at the first pause: it
holds the floor like any interpretation, and has its own entry in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.interpreting.ledger import Entry, EntryState
from bot.interpreting.plan import AUTO, Lane, RoomPlan, primary

SPEAKER = "interpreter"
"""The speaker of these words in captions. No raw id looks like it."""
NAME = "Interpreter"
ATTEMPTS = 4
"""Most booths asked to read it aloud in a language."""
_FAILED = frozenset({EntryState.ABANDONED, EntryState.CAPTION_ONLY})
_STOPPED = frozenset({"hushed", "paused", "barge_in"})
"""Reasons for which somebody wanted it to stop."""

_TEXTS = {
    "de": "Dieses Gespräch wird von einer Maschine gedolmetscht.",
    "en": "This meeting is interpreted by a machine.",
    "es": "Una máquina interpreta esta reunión.",
    "fr": "Cette réunion est interprétée par une machine.",
    "it": "Questa riunione è interpretata da una macchina.",
    "pt": "Esta reunião é interpretada por uma máquina.",
}


def text(plan: RoomPlan, language: str) -> str:
    """Return the announcement in a room language; empty for a language without words for it."""
    given = plan.announcements
    return given.get(language) or given.get(primary(language)) or _TEXTS.get(primary(language), "")


def languages(plan: RoomPlan) -> list[str]:
    """Return the languages in which it is due, each once; varieties with the same words share theirs."""
    due: dict[tuple[str, str], str] = {}
    for tag in plan.languages if plan.announcement else ():
        words = text(plan, tag)
        if words:
            due.setdefault((primary(tag), words), tag)
    return list(due.values())


class ReadAloud:
    """Which booth is asked to read the announcement aloud, in each language, until it has been heard.

    A booth that cannot, or fails, is not asked again. When every booth into the language has been asked, one is opened
    for these words alone.
    """

    def __init__(self) -> None:
        self._asked: dict[str, list[Lane]] = {}
        """By language."""
        self._last: dict[str, Entry] = {}
        """By language: what came, or comes, of the last attempt."""

    def next(self, language: str, lanes: Iterable[Lane]) -> Lane | None:
        """Return the lane to ask; None if nothing is to be asked now.

        Args:
            lanes: with an open booth, and heard somewhere.
        """
        last, asked = self._last.get(language), self._asked.get(language, [])
        if last is not None and (last.state not in _FAILED or last.reason in _STOPPED or len(asked) >= ATTEMPTS):
            return None
        into = [lane for lane in lanes if primary(lane.target) == primary(language)]
        if not into:
            return None
        own = Lane(SPEAKER, AUTO, into[0].target)
        return next((lane for lane in (*into, own) if lane not in asked), None)

    def asked(self, language: str, lane: Lane, entry: Entry) -> None:
        """Note that a booth was asked; the entry says what becomes of it."""
        self._asked.setdefault(language, []).append(lane)
        self._last[language] = entry

    def attempts(self, language: str) -> int:
        """Return how often a booth was asked."""
        return len(self._asked.get(language, []))
