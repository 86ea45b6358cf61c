"""Every utterance's way, lane by lane, from heard to exactly one final state: nothing is lost without an entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bot.interpreting.plan import Lane


class EntryState(StrEnum):
    HEARD = "heard"
    """Being spoken."""
    COMMITTED = "committed"
    """Complete, and with the model."""
    TRANSLATED = "translated"
    """The interpretation has begun to arrive; while the speaker still speaks, if interpreting is simultaneous."""
    SPOKEN = "spoken"
    CAPTION_ONLY = "caption_only"
    """Read, not heard: there was text, but no voice in time."""
    NOT_NEEDED = "not_needed"
    """The speaker spoke the target language already, or said nothing that wants interpreting."""
    ABANDONED = "abandoned"
    """No interpretation; the reason says why."""


class EntryKind(StrEnum):
    """Whose words an entry is about."""

    UTTERANCE = "utterance"
    PASSTHROUGH = "passthrough"
    """The speaker's own voice in another room."""
    ANNOUNCEMENT = "announcement"
    """The interpreter's own: that it is a machine."""


FINAL = frozenset({EntryState.SPOKEN, EntryState.CAPTION_ONLY, EntryState.NOT_NEEDED, EntryState.ABANDONED})

# The table is the rule: what is not listed cannot happen. A final state leads nowhere.
NEXT: dict[EntryState, frozenset[EntryState]] = {
    EntryState.HEARD: FINAL - {EntryState.SPOKEN} | {EntryState.COMMITTED, EntryState.TRANSLATED},
    EntryState.COMMITTED: frozenset(
        {EntryState.TRANSLATED, EntryState.CAPTION_ONLY, EntryState.NOT_NEEDED, EntryState.ABANDONED}
    ),
    EntryState.TRANSLATED: frozenset(
        {EntryState.SPOKEN, EntryState.CAPTION_ONLY, EntryState.NOT_NEEDED, EntryState.ABANDONED}
    ),
    EntryState.SPOKEN: frozenset(),
    EntryState.CAPTION_ONLY: frozenset(),
    EntryState.NOT_NEEDED: frozenset(),
    EntryState.ABANDONED: frozenset(),
}


@dataclass(slots=True)
class ChannelPlayout:
    """What became of a voice on one channel, in bytes of PCM16 at 24 kHz: 48 to the millisecond.

    What was received, and the silence that fills the last frame, is the sum of these when the entry is closed.
    """

    played: int = 0
    trimmed: int = 0
    """Of pauses that were shortened because the channel lagged."""
    dropped: int = 0


@dataclass(slots=True)
class Entry:
    """One utterance in one lane. Times are seconds on the session's clock, None until they happen."""

    utterance: str
    lane: Lane
    state: EntryState
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
    """On the channel on which most was heard."""
    tokens: dict[str, int] = field(default_factory=dict)
    kind: EntryKind = EntryKind.UTTERANCE
    received: int = 0
    """Bytes of voice the booth has given, or the speaker where it is passed through."""
    playouts: dict[str, ChannelPlayout] = field(default_factory=dict)
    """By channel."""
    speed: float = 1.0
    """Of the voice, as asked for."""
    strict: bool = False
    """Interpreted a second time, because the first was no interpretation."""
    faults: tuple[str, ...] = ()
    """What is wrong with the interpretation, as far as a machine can tell."""
    engine: str = ""
    """What served the lane, where it was not what had been asked for."""


class IllegalTransition(Exception):
    """The books contradict themselves: a bug of ours, never a fault of somebody outside."""


class Ledger:
    """The open entries of one room. Forgets an entry when it reaches a final state."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, Lane], Entry] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, utterance: str, lane: Lane, now: float, kind: EntryKind = EntryKind.UTTERANCE) -> Entry:
        key = (utterance, lane)
        if key in self._open:
            raise IllegalTransition(f"{utterance} is open already")
        entry = self._open[key] = Entry(utterance, lane, EntryState.HEARD, now, kind=kind)
        return entry

    def entries(self) -> list[Entry]:
        return list(self._open.values())

    def advance(self, entry: Entry, state: EntryState, reason: str = "") -> None:
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
