"""Ledger of every utterance in every lane, from heard to exactly one final state: nothing is lost without an entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bot.interpreting.plan import Lane

BYTES_PER_MS = 48
"""PCM16 at 24 kHz."""


class EntryState(StrEnum):
    HEARD = "heard"
    """The speaker is still speaking."""
    COMMITTED = "committed"
    """The utterance is complete, and with the model."""
    TRANSLATED = "translated"
    """The interpretation has begun to arrive; in simultaneous mode while the speaker still speaks."""
    SPOKEN = "spoken"
    CAPTION_ONLY = "caption_only"
    """Read, not heard: text came, but no voice in time."""
    NOT_NEEDED = "not_needed"
    """The speaker spoke the target language, or said nothing that needs interpreting."""
    ABANDONED = "abandoned"
    """No interpretation; the reason says why."""


class EntryKind(StrEnum):
    """Whose words an entry is about."""

    UTTERANCE = "utterance"
    PASSTHROUGH = "passthrough"
    """The speaker's own voice where they are not heard; in an `auto` lane, in place of an interpretation."""
    ANNOUNCEMENT = "announcement"
    """The interpreter's own words."""
    USAGE = "usage"
    """Nobody's words: what a lane has used after its last utterance."""


FINAL = frozenset({EntryState.SPOKEN, EntryState.CAPTION_ONLY, EntryState.NOT_NEEDED, EntryState.ABANDONED})

RESPONSE_KINDS = ("input_text", "input_audio", "input_cached", "output_text", "output_audio")
"""Kinds of tokens of a response."""

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

    When the entry is closed, the sum of these is what was received and the silence that fills the last frame.
    """

    played: int = 0
    trimmed: int = 0
    """Cut from pauses because the channel lagged."""
    dropped: int = 0


@dataclass(slots=True)
class Entry:
    """One utterance in one lane. Times are seconds on the session's clock, None until they happen."""

    utterance: str
    lane: Lane
    state: EntryState
    began_at: float
    """When the frame was said that made it an utterance."""
    reason: str = ""
    ended_at: float | None = None
    """Arrival of the last frame with speech."""
    committed_at: float | None = None
    first_audio_at: float | None = None
    """Arrival of the model's first audio."""
    first_played_at: float | None = None
    last_played_at: float | None = None
    patience_ms: int = 0
    """The pause that ended the turn: intended, so not counted as delay."""
    waited_ms: float = 0.0
    """How long the first audio waited for the floor while another speaker was being interpreted."""
    played_ms: int = 0
    """How much was heard, on the channel where that was most."""
    tokens: dict[str, int] = field(default_factory=dict)
    kind: EntryKind = EntryKind.UTTERANCE
    heard: int = 0
    """Bytes of speech that went to the booth, with the pauses around it."""
    received: int = 0
    """Bytes of voice from the booth, or from the speaker where the voice is passed through."""
    playouts: dict[str, ChannelPlayout] = field(default_factory=dict)
    """By channel."""
    speed: float = 1.0
    """Speed of the voice, as asked for."""
    condensed: bool = False
    """It was asked for in fewer words, because the channel lagged."""
    strict: bool = False
    """It was interpreted a second time, because the first result was no interpretation."""
    faults: tuple[str, ...] = ()
    """Faults that the quality checks have found."""
    engine: str = ""
    """What served the lane, if that was not what had been asked for."""

    @property
    def heard_ms(self) -> int:
        return self.heard // BYTES_PER_MS

    def count(self, used: dict[str, int]) -> None:
        """Add the tokens of a response, by their kinds."""
        for kind, count in (dict.fromkeys(RESPONSE_KINDS, 0) | used).items():
            self.tokens[kind] = self.tokens.get(kind, 0) + count


class IllegalTransition(Exception):
    """The ledger was asked for a transition that its table does not allow: a bug of this service."""


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
        """Move an entry into another state.

        Raises:
            IllegalTransition: the table does not allow it.
        """
        if state not in NEXT[entry.state]:
            raise IllegalTransition(f"{entry.utterance}: {entry.state} -> {state}")
        entry.state = state
        entry.reason = reason
        if state in FINAL:
            del self._open[entry.utterance, entry.lane]
