"""What the interpreter says of itself at the start, that it is a machine: the words, and the languages they are due in.

Readers have it as a caption at once, those who join late with what is replayed to them. It is spoken by the first booth
into each language, when nobody speaks: it holds the floor like any interpretation, and has its own entry in the ledger.
"""

from __future__ import annotations

from bot.interpreting.plan import RoomPlan, primary

SPEAKER = "interpreter"
"""Whose words they are, in captions; no raw id looks like it."""
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
    """What to say in a room language; empty where nobody has given us words for it."""
    given = plan.announcements
    return given.get(language) or given.get(primary(language)) or _TEXTS.get(primary(language), "")


def languages(plan: RoomPlan) -> list[str]:
    """Those in which it is due, each once."""
    return [tag for tag in dict.fromkeys(plan.languages) if plan.announcement and text(plan, tag)]
