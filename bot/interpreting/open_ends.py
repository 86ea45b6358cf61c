"""Utterances that a pause has ended, for as long as their speaker may go on and the end may be taken back.

Nothing may have come of such an utterance by then: the first of its interpretation makes the end final. The speaker's
words alone do not, as nobody has seen them yet: they are withheld till the end is final, a second at most.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.interpreting.events import SourceDelta, SourceText

GOES_ON = "goes_on"
"""Reason in the ledger of an utterance whose end was taken back: the next one contains it."""


@dataclass(slots=True)
class _OpenEnd:
    until: float
    """When the speaker can no longer go on, in seconds."""
    words: list[SourceDelta | SourceText] = field(default_factory=list)


class OpenEnds:
    """The ends of a room's utterances that may be taken back."""

    def __init__(self) -> None:
        self._ends: dict[str, _OpenEnd] = {}
        """By utterance, in the order in which they ended."""

    def open(self, utterance: str, until: float, now: float) -> None:
        """Note that an utterance has ended, and till when its speaker may go on."""
        for passed in [each for each, end in self._ends.items() if now >= end.until and not end.words]:
            del self._ends[passed]
        self._ends[utterance] = _OpenEnd(until)

    def withholds(self, words: SourceDelta | SourceText, now: float) -> bool:
        """Keep the speaker's words if the utterance may still be taken back; returns whether."""
        end = self._ends.get(words.utterance)
        if end is None or (now >= end.until and not end.words):
            return False
        end.words.append(words)
        return True

    def close(self, utterance: str) -> list[SourceDelta | SourceText]:
        """Make an end final; returns the words that were withheld, in order."""
        end = self._ends.pop(utterance, None)
        return [] if end is None else end.words

    def take_back(self, utterance: str) -> list[SourceDelta | SourceText] | None:
        """Return what was withheld and is not to be shown now, if nothing has come of the utterance yet; else None."""
        end = self._ends.pop(utterance, None)
        return None if end is None else end.words

    def due(self, now: float) -> list[str]:
        """Return the utterances whose speakers can no longer go on, those with words at least."""
        return [utterance for utterance, end in self._ends.items() if now >= end.until]

    def all(self) -> list[str]:
        return list(self._ends)

    def deadline(self) -> float | None:
        """When `due` has something to return."""
        return min((end.until for end in self._ends.values() if end.words), default=None)
