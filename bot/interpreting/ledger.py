"""Every utterance's way, lane by lane, from heard to exactly one final state: nothing is lost without an entry."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from bot.interpreting.plan import Lane


class State(StrEnum):
    HEARD = "heard"
    """Being spoken."""
    COMMITTED = "committed"
    """Complete, and with the model."""
    TRANSLATED = "translated"
    """The interpretation has begun to arrive."""
    SPOKEN = "spoken"
    CAPTION_ONLY = "caption_only"
    """Read, not heard: there was text, but no voice in time."""
    NOT_NEEDED = "not_needed"
    """The speaker spoke the target language already."""
    ABANDONED = "abandoned"
    """No interpretation; the reason says why."""


FINAL = frozenset({State.SPOKEN, State.CAPTION_ONLY, State.NOT_NEEDED, State.ABANDONED})

# The table is the rule: what is not listed cannot happen. A final state leads nowhere.
NEXT: dict[State, frozenset[State]] = {
    State.HEARD: frozenset({State.COMMITTED, State.ABANDONED}),
    State.COMMITTED: frozenset({State.TRANSLATED, State.CAPTION_ONLY, State.NOT_NEEDED, State.ABANDONED}),
    State.TRANSLATED: frozenset({State.SPOKEN, State.CAPTION_ONLY, State.ABANDONED}),
    State.SPOKEN: frozenset(),
    State.CAPTION_ONLY: frozenset(),
    State.NOT_NEEDED: frozenset(),
    State.ABANDONED: frozenset(),
}


@dataclass(slots=True)
class Entry:
    """One utterance in one lane. Times are seconds on the session's clock, None until they happen."""

    utterance: str
    lane: Lane
    state: State
    began_at: float
    """Arrival of the frame that made it an utterance."""
    reason: str = ""
    ended_at: float | None = None
    """Arrival of the last frame with speech."""
    committed_at: float | None = None
    first_audio_at: float | None = None
    """The model's first audio."""
    first_played_at: float | None = None
    last_played_at: float | None = None
    patience_ms: int = 0
    """The pause that ended the turn: intended, not ours to count as delay."""
    waited_ms: float = 0.0
    """How long the first audio waited for the floor, because somebody else was being interpreted."""
    played_ms: int = 0
    tokens: dict[str, int] = field(default_factory=dict)


class IllegalTransition(Exception):
    """The books contradict themselves: a bug of ours, never a fault of somebody outside."""


class Ledger:
    """The open entries of one room, and the count of closed ones. Closed entries are handed out and forgotten."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, Lane], Entry] = {}
        self.closed: Counter[State] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, utterance: str, lane: Lane, now: float) -> Entry:
        key = (utterance, lane)
        if key in self._open:
            raise IllegalTransition(f"{utterance} is open already")
        entry = self._open[key] = Entry(utterance, lane, State.HEARD, now)
        return entry

    def find(self, utterance: str, lane: Lane) -> Entry | None:
        """The open entry, or None when there is none (never opened, or closed)."""
        return self._open.get((utterance, lane))

    def entries(self) -> list[Entry]:
        return list(self._open.values())

    def of_lane(self, lane: Lane) -> list[Entry]:
        return [entry for entry in self._open.values() if entry.lane == lane]

    def advance(self, entry: Entry, state: State, reason: str = "") -> None:
        """Move an entry on.

        Raises:
            IllegalTransition: the table does not allow it.
        """
        if state not in NEXT[entry.state]:
            raise IllegalTransition(f"{entry.utterance}: {entry.state} -> {state}")
        entry.state = state
        entry.reason = reason
        if state in FINAL:
            del self._open[entry.utterance, entry.lane]
            self.closed[state] += 1
