"""The bounded queue of speech that waits for a model: limits in bytes and seconds, drops oldest utterances whole.

The first piece of an utterance is bounded by its age alone: whoever goes on after a pause is heard again from the
start, which comes at once.

No locks, no clock, no event loop: the caller passes the time, in seconds.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

_REMEMBERED = 64
"""Dropped utterances whose late audio is still ignored. A speaker has at most one at a time; this is plenty."""


@dataclass(frozen=True, slots=True)
class SpeechPiece:
    """The next audio to send."""

    utterance: str
    pcm: bytes
    first: bool
    """True if no audio of this utterance was taken before."""
    last: bool
    """True if the utterance is complete with this piece; `pcm` may then be empty."""
    since: float | None
    """When the oldest of this audio arrived, in seconds; None if `pcm` is empty."""
    strict: bool = False
    speed: float = 1.0
    condensed: bool = False
    """How to interpret the utterance; meaningful in its last piece."""


@dataclass(slots=True)
class BacklogCounters:
    """Bytes and utterances since the start. What was held was taken, dropped or forgotten, or still waits."""

    bytes_held: int = 0
    bytes_taken: int = 0
    bytes_dropped: int = 0
    """Dropped because of the limits, late audio of dropped utterances included."""
    bytes_forgotten: int = 0
    """Dropped because the caller asked."""
    utterances_dropped: int = 0


@dataclass(slots=True)
class _Held:
    pieces: deque[tuple[float, bytes]] = field(default_factory=deque)
    """Arrival time in seconds and audio, oldest first."""
    size: int = 0
    first_size: int = 0
    """Bytes of the first piece, while it waits."""
    complete: bool = False
    taken: bool = False
    strict: bool = False
    speed: float = 1.0
    condensed: bool = False


class SpeechBacklog:
    """Holds utterances in the order in which they began, each with the audio that was not taken yet.

    Overflow drops the oldest utterance as a whole, even if its beginning was taken already or its end has not arrived:
    half a sentence is useless to an interpreter. Later audio of a dropped or forgotten utterance is ignored.
    """

    def __init__(self, limit_bytes: int, max_age_s: float) -> None:
        self._limit_bytes = limit_bytes
        self._max_age_s = max_age_s
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._ignored: OrderedDict[str, None] = OrderedDict()
        self._size = 0
        self._first_sizes = 0
        self.counters = BacklogCounters()

    def __len__(self) -> int:
        """Return how many utterances were not taken completely."""
        return len(self._held)

    def __contains__(self, utterance: str) -> bool:
        return utterance in self._held

    @property
    def first(self) -> str | None:
        """The utterance whose audio is taken next."""
        return next(iter(self._held), None)

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._size

    @property
    def deadline(self) -> float | None:
        """When `overdue` will drop something if nothing is taken before, in seconds; None if no audio waits."""
        times = [held.pieces[0][0] for held in self._held.values() if held.pieces]
        return min(times) + self._max_age_s if times else None

    def hold(self, utterance: str, pcm: bytes, now: float) -> list[str]:
        """Add audio to an utterance; return the utterances dropped to make room.

        The utterance itself is among them if it is the oldest or does not fit alone.
        """
        self.counters.bytes_held += len(pcm)
        if utterance in self._ignored:
            self.counters.bytes_dropped += len(pcm)
            return []
        held = self._held.get(utterance)
        if held is None:
            held = self._held[utterance] = _Held(first_size=len(pcm))
            self._first_sizes += len(pcm)
        if pcm:
            held.pieces.append((now, pcm))
            held.size += len(pcm)
            self._size += len(pcm)
        dropped = self.overdue(now)
        while self._size - self._first_sizes > self._limit_bytes:
            dropped.append(self._drop_oldest())
        return dropped

    def ignores(self, utterance: str) -> bool:
        """Return whether the utterance was dropped or forgotten before its end."""
        return utterance in self._ignored

    def complete(self, utterance: str, *, strict: bool = False, speed: float = 1.0, condensed: bool = False) -> bool:
        """Mark that no more audio of this utterance will come, and how to interpret it; False if it is not held."""
        held = self._held.get(utterance)
        if held is None:
            return False
        held.complete = True
        held.strict, held.speed, held.condensed = strict, speed, condensed
        return True

    def take(self, at_least: int) -> SpeechPiece | None:
        """Take all audio of the first utterance, once there are `at_least` so many bytes, or it is complete."""
        for utterance, held in self._held.items():
            if not held.complete and (held.size < at_least or not held.size):
                return None
            first, held.taken = not held.taken, True
            since = held.pieces[0][0] if held.pieces else None
            pcm = b"".join(pcm for _, pcm in held.pieces)
            held.pieces.clear()
            self._let_go(held)
            self.counters.bytes_taken += len(pcm)
            if held.complete:
                del self._held[utterance]
            return SpeechPiece(utterance, pcm, first, held.complete, since, held.strict, held.speed, held.condensed)
        return None

    def forget(self, utterance: str) -> bool:
        """Drop the audio of an utterance and ignore the rest of it; False if it is not held here."""
        held = self._held.pop(utterance, None)
        if held is None:
            return False
        self.counters.bytes_forgotten += held.size
        self._let_go(held)
        if not held.complete:
            self._ignore(utterance)
        return True

    def overdue(self, now: float) -> list[str]:
        """Drop the utterances with audio that has waited too long, and return them."""
        late = [
            utterance
            for utterance, held in self._held.items()
            if held.pieces and now - held.pieces[0][0] >= self._max_age_s
        ]
        for utterance in late:
            self._drop(utterance)
        return late

    def _drop_oldest(self) -> str:
        oldest = next(utterance for utterance, held in self._held.items() if held.size)
        self._drop(oldest)
        return oldest

    def _drop(self, utterance: str) -> None:
        held = self._held.pop(utterance)
        self.counters.bytes_dropped += held.size
        self._let_go(held)
        self.counters.utterances_dropped += 1
        if not held.complete:
            self._ignore(utterance)

    def _let_go(self, held: _Held) -> None:
        self._size -= held.size
        self._first_sizes -= held.first_size
        held.size = held.first_size = 0

    def _ignore(self, utterance: str) -> None:
        self._ignored[utterance] = None
        if len(self._ignored) > _REMEMBERED:
            self._ignored.popitem(last=False)
