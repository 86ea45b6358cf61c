"""What is too late on a channel: when each interpretation that waits would begin to be heard, and which to leave out.

    being heard ─► waits ─► waits ─► waits        would each begin within `LATE_S` of the speaker's last word?
                                                  else one of them is read, not heard

One that waits alone is never left out, whatever its length: nothing would be gained. Of several, the one is left out
whose speaker and language have lost the least of what was said, so that losses are shared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bot.interpreting.playout.floor import BETWEEN_S, Floor, FloorEntry, FloorStage

LATE_S = 12.0
"""Seconds from the speaker's last word within which an interpretation begins to be heard: a short sentence in three
languages, one after the other. Later the meeting has gone on."""
HALF_LIFE_S = 60.0
"""Seconds after which what was lost counts half: nobody is preferred for long."""
_PRIOR_S = 1.0
"""Speech taken as heard and as lost of those about whom nothing is known: whoever was never heard goes before."""


class Losses:
    """Of each speaker and each language on one channel: how much speech was heard, and how much left out."""

    def __init__(self) -> None:
        self._heard: defaultdict[tuple[str, str], float] = defaultdict(float)
        """Seconds of speech, by speaker and by language."""
        self._lost: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._at = 0.0

    def note(self, passage: FloorEntry, now: float, *, heard: bool) -> None:
        """Count a passage that begins to be heard, or is left out."""
        fading = 0.5 ** ((now - self._at) / HALF_LIFE_S)
        self._at = now
        for counted in (self._heard, self._lost):
            for key in counted:
                counted[key] *= fading
        entry = passage.entry
        seconds = (now if entry.ended_at is None else entry.ended_at) - entry.began_at
        for key in _shares(passage):
            (self._heard if heard else self._lost)[key] += seconds

    def share(self, passage: FloorEntry) -> float:
        """Return which share of the speaker's words, and of words into the language, was lost; 0 to 2."""
        return sum(
            (self._lost[key] + _PRIOR_S) / (self._lost[key] + self._heard[key] + 2 * _PRIOR_S)
            for key in _shares(passage)
        )


def _shares(passage: FloorEntry) -> tuple[tuple[str, str], tuple[str, str]]:
    lane = passage.entry.lane
    return ("speaker", lane.speaker), ("language", lane.target)


def begins(floor: Floor, waiting: Sequence[FloorEntry], now: float) -> list[float]:
    """Return when each waiting passage would begin to be heard, by what there is of it and of those before it."""
    at, found = floor.free_at(now), []
    for passage in waiting:
        found.append(at)
        at += passage.pacer.queued_ms / 1000 + BETWEEN_S
    return found


def surplus(floor: Floor, losses: Losses, now: float) -> FloorEntry | None:
    """Return the passage to leave out because one that waits would begin too late; None if there is none.

    It is one of those up to the last that is late. The chair's words are left out last.
    """
    if len(floor.passages) < 2:
        return None
    waiting = [each for each in floor.passages if each.stage is FloorStage.READY and not each.yields]
    if len(waiting) < 2:
        return None
    late = [
        at > said_at(passage, now) + LATE_S for passage, at in zip(waiting, begins(floor, waiting, now), strict=True)
    ]
    if not any(late):
        return None
    last = max(place for place, is_late in enumerate(late) if is_late)
    return min(reversed(waiting[: last + 1]), key=lambda passage: (passage.chair, losses.share(passage)))


def said_at(passage: FloorEntry, now: float) -> float:
    """Return when the speaker's last word was said: now, if the speaker still speaks."""
    return now if passage.entry.ended_at is None else passage.entry.ended_at
