"""The bounded queue of speech that waits for a model: a limit in bytes and in seconds, drop oldest whole, counters.

No locks, no clock, no event loop: one caller at a time, who says what time it is.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

_REMEMBERED = 64
"""Dropped utterances whose late audio is still to be ignored. A speaker has one at a time; this is plenty."""


@dataclass(frozen=True, slots=True)
class SpeechPiece:
    """The next audio to hand on."""

    utterance: str
    pcm: bytes
    first: bool
    """Nothing of this utterance was taken before."""
    last: bool
    """The utterance is complete with this. `pcm` may be empty then."""
    since: float | None
    """When the oldest of it came, in seconds; None if there is no audio in it."""


@dataclass(slots=True)
class BacklogCounters:
    """Monotonic. What was held is taken, dropped, forgotten or still there."""

    bytes_held: int = 0
    bytes_taken: int = 0
    bytes_dropped: int = 0
    """Thrown away because of the limits, and what came after that of the same utterances."""
    bytes_forgotten: int = 0
    """Thrown away because the caller asked."""
    utterances_dropped: int = 0


@dataclass(slots=True)
class _Held:
    pieces: deque[tuple[float, bytes]] = field(default_factory=deque)
    """When each came, oldest first; seconds."""
    size: int = 0
    complete: bool = False
    taken: bool = False


class SpeechBacklog:
    """Utterances in the order in which they began, each with the audio that nobody has taken yet.

    Overflow drops the oldest utterance as a whole, even if its beginning has been taken or its end is still to come:
    half a sentence is of no use to an interpreter. What follows of a dropped or forgotten utterance is ignored.
    """

    def __init__(self, limit_bytes: int, max_age_s: float) -> None:
        self._limit_bytes = limit_bytes
        self._max_age_s = max_age_s
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._ignored: OrderedDict[str, None] = OrderedDict()
        self._size = 0
        self.counters = BacklogCounters()

    def __len__(self) -> int:
        """Utterances that are not taken to their end."""
        return len(self._held)

    def __contains__(self, utterance: str) -> bool:
        return utterance in self._held

    @property
    def first(self) -> str | None:
        """The utterance whose audio is to be taken next."""
        return next(iter(self._held), None)

    @property
    def size(self) -> int:
        """Bytes waiting."""
        return self._size

    @property
    def deadline(self) -> float | None:
        """When `overdue` would have something to drop, if nothing is taken until then."""
        times = [held.pieces[0][0] for held in self._held.values() if held.pieces]
        return min(times) + self._max_age_s if times else None

    def hold(self, utterance: str, pcm: bytes, now: float) -> list[str]:
        """Take in the next audio of an utterance; return the utterances dropped to make room, this one among them
        if it is the oldest or does not fit by itself."""
        self.counters.bytes_held += len(pcm)
        if utterance in self._ignored:
            self.counters.bytes_dropped += len(pcm)
            return []
        held = self._held.get(utterance)
        if held is None:
            held = self._held[utterance] = _Held()
        if pcm:
            held.pieces.append((now, pcm))
            held.size += len(pcm)
            self._size += len(pcm)
        dropped = self.overdue(now)
        while self._size > self._limit_bytes:
            dropped.append(self._drop_oldest())
        return dropped

    def ignores(self, utterance: str) -> bool:
        """Whether the utterance was dropped or forgotten before its end."""
        return utterance in self._ignored

    def complete(self, utterance: str) -> bool:
        """No more audio of this utterance will come. False if nothing of it is known here, or no longer."""
        held = self._held.get(utterance)
        if held is None:
            return False
        held.complete = True
        return True

    def take(self, at_least: int) -> SpeechPiece | None:
        """Return what waits of the first utterance, once that is `at_least` so many bytes, or its end."""
        for utterance, held in self._held.items():
            if not held.complete and (held.size < at_least or not held.size):
                return None
            first, held.taken = not held.taken, True
            since = held.pieces[0][0] if held.pieces else None
            pcm = b"".join(pcm for _, pcm in held.pieces)
            held.pieces.clear()
            held.size = 0
            self._size -= len(pcm)
            self.counters.bytes_taken += len(pcm)
            if held.complete:
                del self._held[utterance]
            return SpeechPiece(utterance, pcm, first, held.complete, since)
        return None

    def forget(self, utterance: str) -> bool:
        """Throw away what waits of an utterance and ignore the rest of it. False if nothing of it waited."""
        held = self._held.pop(utterance, None)
        if held is None:
            return False
        self._size -= held.size
        self.counters.bytes_forgotten += held.size
        if not held.complete:
            self._ignore(utterance)
        return True

    def overdue(self, now: float) -> list[str]:
        """Drop the utterances of which something has waited longer than allowed, and return them."""
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
        self._size -= held.size
        self.counters.bytes_dropped += held.size
        self.counters.utterances_dropped += 1
        if not held.complete:
            self._ignore(utterance)

    def _ignore(self, utterance: str) -> None:
        self._ignored[utterance] = None
        if len(self._ignored) > _REMEMBERED:
            self._ignored.popitem(last=False)
