"""Whose interpretation is heard on one channel: one voice at a time, in the order in which people began to speak.

    WAITING ──audio arrives──► READY ──its turn──► SPEAKING ──all played──► (gone)
                                 │                    │
                                 └────── muted ───────┴──► MUTED: will be read, not heard

A passage is one utterance's interpretation on its way to the listeners. Nothing that is said in the room takes the
floor from it; only `drop` and `mute` do, and `drop` may come at any stage. One that keeps the others waiting too long
for its first sound loses its place in the order, not its turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from bot.interpreting.ledger import Entry
from bot.interpreting.pacing import Pacer

HEAD_WAIT_S = 3.0
"""How long one whose interpretation is late may keep the next, which is ready, from being heard."""

BETWEEN_S = 0.2
"""A breath between two interpretations, so that they are not heard as one."""


class Stage(Enum):
    WAITING = auto()
    READY = auto()
    SPEAKING = auto()
    MUTED = auto()


@dataclass(slots=True, eq=False)
class Passage:
    """One interpretation on one channel."""

    entry: Entry
    since: float
    """When it was given its place in the order: the end of the turn."""
    stage: Stage = Stage.WAITING
    pacer: Pacer = field(default_factory=Pacer)
    complete: bool = False
    """The model has said its last word."""
    ready_at: float = 0.0
    last_sign_at: float = 0.0
    """When the model was last heard of: audio or text."""


class Floor:
    """The passages of one channel. At most one is SPEAKING."""

    def __init__(self) -> None:
        self.passages: list[Passage] = []
        self.speaking: Passage | None = None
        """The one whose stage says so."""
        self._free_at = 0.0

    @property
    def queued_ms(self) -> float:
        return sum(passage.pacer.queued_ms for passage in self.passages)

    def find(self, entry: Entry) -> Passage | None:
        return next((passage for passage in self.passages if passage.entry is entry), None)

    def enter(self, entry: Entry, now: float) -> Passage:
        """Give an interpretation its place: by when its speaker began."""
        passage = Passage(entry, now)
        place = sum(1 for other in self.passages if other.entry.began_at <= entry.began_at)
        self.passages.insert(place, passage)
        return passage

    def audio(self, passage: Passage, pcm: bytes, now: float) -> None:
        passage.pacer.push(pcm)
        if passage.stage is Stage.WAITING:
            passage.stage = Stage.READY
            passage.ready_at = now

    def complete(self, passage: Passage) -> None:
        passage.complete = True
        passage.pacer.finish()

    def drop(self, passage: Passage) -> None:
        """Take it off the floor, whatever its stage; what it had queued is gone."""
        self._fall_silent(passage)
        self.passages.remove(passage)

    def mute(self, passage: Passage) -> None:
        """Throw away its voice, what may still come of it included. Nobody waits for it any longer."""
        self._fall_silent(passage)
        passage.stage = Stage.MUTED

    def next_turn(self, now: float) -> Passage | None:
        """Give the floor to the next passage if it is free; returns the one that has begun to speak."""
        if self.speaking is not None:
            return None
        passage, turn_at = self._upcoming()
        if passage is None or now < turn_at:
            return None
        passage.stage = Stage.SPEAKING
        self.speaking = passage
        return passage

    def deadline(self, now: float) -> float | None:
        """When something here is due by the clock: a frame, or the end of patience with a late one."""
        if self.speaking is not None:
            return self.speaking.pacer.deadline(now)
        passage, turn_at = self._upcoming()
        return None if passage is None else turn_at

    def _upcoming(self) -> tuple[Passage | None, float]:
        """Whose turn is next, and from when on; `next_turn` and `deadline` have to agree about it to the last bit."""
        turn_at = self._free_at
        for passage in self.passages:
            if passage.stage is Stage.READY:
                return passage, turn_at
            if passage.stage is Stage.WAITING:
                turn_at = max(turn_at, passage.since + HEAD_WAIT_S)
        return None, turn_at

    def _fall_silent(self, passage: Passage) -> None:
        if passage is self.speaking:
            self.speaking = None
            self._free_at = passage.pacer.free_at + BETWEEN_S
        passage.pacer.clear()
