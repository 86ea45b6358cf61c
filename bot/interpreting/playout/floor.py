"""Whose voice is heard on one channel: one at a time, in the order in which people began to speak, the chair first.

    WAITING ──audio arrives──► READY ──its turn──► SPEAKING ──all played──► (gone)
       └───────────────────────────┴─────── dropped ────┴──► (gone)

A passage is one utterance's interpretation on its way to the listeners. Nothing that is said in the room takes the
floor from it; only `drop` does, at any stage. One that keeps the others waiting too long for its first sound loses its
place in the order, not its turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from bot.interpreting.ledger import Entry
from bot.interpreting.playout.pacer import Pacer

HEAD_WAIT_S = 3.0
"""How long one whose interpretation is late may keep the next, which is ready, from being heard."""

BETWEEN_S = 0.2
"""A breath between two interpretations, so that they are not heard as one."""


class FloorStage(Enum):
    WAITING = auto()
    READY = auto()
    SPEAKING = auto()


@dataclass(slots=True, eq=False)
class FloorEntry:
    """One interpretation on one channel."""

    entry: Entry
    since: float
    """When it was given its place in the order: the end of the turn, or its beginning if voices run along with it."""
    channel: str = ""
    chair: bool = False
    """Goes before all others that have not begun."""
    yields: bool = False
    """Does not begin while somebody in the room speaks."""
    simultaneous: bool = False
    """Comes while the speaker speaks, at the speaker's pace, and breaks off when the speaker does."""
    stage: FloorStage = FloorStage.WAITING
    pacer: Pacer = field(default_factory=Pacer)
    ready_at: float = 0.0
    held_until: float = 0.0
    """Not to begin before this: it is not sure yet that it should be heard."""


class Floor:
    """The passages of one channel. At most one is SPEAKING."""

    def __init__(self) -> None:
        self.passages: list[FloorEntry] = []
        self.speaking: FloorEntry | None = None
        """The one whose stage says so."""
        self._free_at = 0.0

    @property
    def queued_ms(self) -> float:
        """What is still to be heard, of all."""
        return sum(passage.pacer.queued_ms for passage in self.passages)

    @property
    def waiting_ms(self) -> float:
        """The same without the one that is being heard."""
        return sum(passage.pacer.queued_ms for passage in self.passages if passage is not self.speaking)

    @property
    def lag_ms(self) -> float:
        """How long the last of those that have something to say has to wait for it: one alone does not wait."""
        queued = [queue for passage in self.passages if (queue := passage.pacer.queued_ms)]
        return sum(queued[:-1])

    def enter(self, passage: FloorEntry) -> None:
        """Give an interpretation its place: by when its speaker began, the chair's before the others'."""
        self.passages.append(passage)
        self.passages.sort(key=self._order)  # the one being heard may have gone before others, whose turn it was

    def audio(self, passage: FloorEntry, pcm: bytes, now: float) -> None:
        passage.pacer.push(pcm)
        if passage.stage is FloorStage.WAITING:
            passage.stage = FloorStage.READY
            passage.ready_at = now

    def drop(self, passage: FloorEntry) -> None:
        """Take it off the floor, whatever its stage; what it had queued is gone."""
        if passage is self.speaking:
            self.speaking = None
            self._free_at = passage.pacer.free_at + BETWEEN_S
        passage.pacer.clear()
        self.passages.remove(passage)

    def restart(self, passage: FloorEntry, now: float) -> None:
        """Forget what it has to say: something else is to come in its place. It must not have begun."""
        if passage is self.speaking:
            raise ValueError("it is being heard already")
        passage.pacer.discard()
        passage.stage, passage.since, passage.held_until = FloorStage.WAITING, now, 0.0

    def next_turn(self, now: float, *, quiet: bool = True) -> FloorEntry | None:
        """Give the floor to the next passage if it is free; returns the one that has begun to speak.

        Args:
            quiet: nobody in the room speaks.
        """
        if self.speaking is not None:
            return None
        passage, turn_at = self._upcoming(quiet)
        if passage is None or now < turn_at:
            return None
        passage.stage = FloorStage.SPEAKING
        self.speaking = passage
        return passage

    def deadline(self, now: float, *, quiet: bool = True) -> float | None:
        """When something here is due by the clock: a frame, or the end of patience with a late one."""
        if self.speaking is not None:
            return self.speaking.pacer.deadline(now)
        passage, turn_at = self._upcoming(quiet)
        return None if passage is None else turn_at

    def _upcoming(self, quiet: bool) -> tuple[FloorEntry | None, float]:
        """Whose turn is next, and from when on; `next_turn` and `deadline` have to agree about it to the last bit."""
        turn_at = self._free_at
        for passage in self.passages:
            if passage.yields and (not quiet or passage.stage is FloorStage.WAITING):
                continue  # nobody waits for it
            if passage.stage is FloorStage.READY:
                return passage, max(turn_at, passage.held_until)
            turn_at = max(turn_at, passage.since + HEAD_WAIT_S)
        return None, turn_at

    @staticmethod
    def _order(passage: FloorEntry) -> tuple[bool, bool, float]:
        """The one being heard is before all, whoever comes."""
        return passage.stage is not FloorStage.SPEAKING, not passage.chair, passage.entry.began_at
