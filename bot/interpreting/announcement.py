"""The announcement at the start that a machine interprets: its words, and the languages it is due in.

Readers get it as a caption at once, or when they join. The first booth into each language reads it aloud while nobody
speaks: it holds the floor like any interpretation, and has its own entry in the ledger.
"""

from __future__ import annotations

from bot.interpreting.plan import RoomPlan, primary

SPEAKER = "interpreter"
"""The speaker of these words in captions. No raw id looks like it."""
NAME = "Interpreter"

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
    """Return the languages in which it is due, each once."""
    return [tag for tag in dict.fromkeys(plan.languages) if plan.announcement and text(plan, tag)]
