"""Turn-taking on one channel: one voice at a time, in the order in which people began to speak, the chair first.

    WAITING ──audio arrives──► READY ──its turn──► SPEAKING ──all played──► (gone)
       └───────────────────────────┴─────── dropped ────┴──► (gone)

A passage is one utterance's interpretation on its way to the listeners. Speech in the room does not take the floor from
it; only `drop` does, at any stage. A passage whose first sound is late loses its place in the order, not its turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from bot.interpreting.ledger import Entry
from bot.interpreting.playout.pacer import Pacer

HEAD_WAIT_S = 3.0
"""Seconds for which a passage without sound, or one that is held back, may hold up the next one, which is ready."""

BETWEEN_S = 0.2
"""Seconds of silence between two interpretations, so that they are not heard as one."""


POLITE_S = 5.0
"""Seconds for which a passage that yields waits for a pause in the room. Where people talk without one, it is heard
when the floor is next free."""


class FloorStage(Enum):
    WAITING = auto()
    READY = auto()
    SPEAKING = auto()


@dataclass(slots=True, eq=False)
class FloorEntry:
    """A passage: one interpretation on one channel."""

    entry: Entry
    since: float
    """When it took its place in the order: the end of the turn; its beginning if interpreted simultaneously."""
    channel: str = ""
    chair: bool = False
    """It goes before all passages that have not begun."""
    yields: bool = False
    """It does not begin while somebody in the room speaks, for `POLITE_S` at most."""
    simultaneous: bool = False
    """Its sound comes while the speaker speaks, and breaks off when the speaker pauses."""
    stage: FloorStage = FloorStage.WAITING
    pacer: Pacer = field(default_factory=Pacer)
    ready_at: float = 0.0
    """When the sound came with which it could begin."""
    held_until: float = 0.0
    """It does not begin before this: whether it should be heard is not certain yet."""

    @property
    def own_voice(self) -> bool:
        """Whether it is the speaker's own voice as it comes, which waits for nobody and has no place on the floor."""
        return self.entry.lane.passthrough

    @property
    def said_ms(self) -> float:
        """How long what it interprets was; 0 while the speaker still speaks."""
        return 0.0 if self.entry.ended_at is None else (self.entry.ended_at - self.entry.began_at) * 1000

    @property
    def expected_ms(self) -> float:
        """How long it will be: as long as what was said, or as what has come."""
        return self.pacer.queued_ms if self.pacer.finished else max(self.said_ms, self.pacer.queued_ms)


class Floor:
    """The passages of one channel. At most one is SPEAKING."""

    def __init__(self) -> None:
        self.passages: list[FloorEntry] = []
        self.speaking: FloorEntry | None = None
        """The passage being heard: its stage is SPEAKING."""
        self._free_at = 0.0

    @property
    def queued_ms(self) -> float:
        """Audio of all passages that is still to be heard."""
        return sum(passage.pacer.queued_ms for passage in self.passages)

    def free_at(self, now: float) -> float:
        """When the voice now heard will have been heard, as far as it has come, and a breath after it."""
        if self.speaking is None:
            return max(now, self._free_at)
        return now + self.speaking.pacer.queued_ms / 1000 + BETWEEN_S

    def wait_ms(self, passage: FloorEntry, now: float) -> float:
        """How long a passage has to wait; those of which nothing has come are taken to be as long as what was said."""
        before = self.passages[: self.passages.index(passage)]
        ahead = sum(each.expected_ms for each in before if each is not self.speaking)
        return (self.free_at(now) - now) * 1000 + ahead

    @property
    def lag_ms(self) -> float:
        """How long the last passage with queued audio has to wait; 0 if there is only one."""
        queued = [queue for passage in self.passages if (queue := passage.pacer.queued_ms)]
        return sum(queued[:-1])

    def enter(self, passage: FloorEntry) -> None:
        """Give a passage its place: by when its speaker began, the chair's before all others."""
        self.passages.append(passage)
        self.passages.sort(key=self._order)  # the one being heard may have gone before others, whose turn it was

    def audio(self, passage: FloorEntry, pcm: bytes, now: float) -> None:
        """Queue a piece of voice; the first whole frame makes the passage READY."""
        passage.pacer.push(pcm)
        if passage.stage is FloorStage.WAITING:
            passage.ready_at = now
            self._ready(passage)

    def finish(self, passage: FloorEntry) -> None:
        """Pad what there is to whole frames: no more will come."""
        passage.pacer.finish()
        if passage.stage is FloorStage.WAITING:
            self._ready(passage)

    def drop(self, passage: FloorEntry) -> None:
        """Take a passage off the floor, whatever its stage, and discard what it has queued."""
        if passage is self.speaking:
            self.speaking = None
            self._free_at = passage.pacer.free_at + BETWEEN_S
        passage.pacer.clear()
        self.passages.remove(passage)

    def restart(self, passage: FloorEntry, now: float) -> None:
        """Discard what a passage has queued, and let it wait for other sound."""
        if passage is self.speaking:
            self.speaking = None
        passage.pacer.discard()
        passage.stage, passage.since, passage.held_until = FloorStage.WAITING, now, 0.0

    def next_turn(self, now: float, *, quiet: bool = True) -> FloorEntry | None:
        """Give the floor to the next passage if it is free; returns the passage that begins.

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
        """When a frame, or the next turn, is due."""
        if self.speaking is not None:
            return self.speaking.pacer.deadline(now)
        passage, turn_at = self._upcoming(quiet)
        return None if passage is None else turn_at

    def _upcoming(self, quiet: bool) -> tuple[FloorEntry | None, float]:
        """Return whose turn is next, and from when: `next_turn` and `deadline` must agree to the last bit."""
        turn_at = self._free_at
        polite: FloorEntry | None = None
        found: FloorEntry | None = None
        held: FloorEntry | None = None
        for passage in self.passages:
            if passage.yields and (not quiet or passage.stage is FloorStage.WAITING):
                polite = passage if polite is None and passage.stage is FloorStage.READY else polite
                continue  # nobody waits for it
            waited_for = max(turn_at, passage.since + HEAD_WAIT_S)
            if passage.stage is FloorStage.READY and passage.held_until <= waited_for:
                found, turn_at = passage, max(turn_at, passage.held_until)
                break
            if passage.stage is FloorStage.READY and (held is None or passage.held_until < held.held_until):
                held = passage
            turn_at = waited_for
        if held is not None and (found is None or held.held_until <= turn_at):
            found, turn_at = held, held.held_until
        if polite is not None:
            patient_until = max(self._free_at, polite.held_until, polite.ready_at + POLITE_S)
            if found is None or patient_until <= turn_at:
                return polite, patient_until
        return found, turn_at

    @staticmethod
    def _ready(passage: FloorEntry) -> None:
        """A passage with the floor has a frame to play: it has begun, or it can still be restarted."""
        if not passage.pacer.dry:
            passage.stage = FloorStage.READY

    @staticmethod
    def _order(passage: FloorEntry) -> tuple[bool, bool, float]:
        """The passage being heard stays first."""
        return passage.stage is not FloorStage.SPEAKING, not passage.chair, passage.entry.began_at
