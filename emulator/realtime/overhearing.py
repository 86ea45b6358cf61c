"""Recognises speech that goes on, and tells its words as soon as two recognitions in a row agree on them."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import SequenceMatcher
from os.path import commonprefix

from emulator.engine.base import Heard
from emulator.realtime.context import SessionContext
from emulator.realtime.segments import Segment
from emulator.realtime.session import EngineResult, Overhear

EVERY_MS = 1_000
"""New speech after which it is recognised again: at most one recognition runs, and each costs what a whole one does."""

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


class GrowingText:
    """The text of one segment, told piece by piece. What was told stays, whatever is recognised later."""

    def __init__(self) -> None:
        self._before: list[str] = []
        self._told: list[str] = []
        self._over = False

    def agreed(self, text: str, *, tell: bool) -> str:
        """Return what this recognition adds up to the last word that it shares with the one before; "" unless `tell`.

        Punctuation after the last word is left for later: it often is none, and the sentence goes on.
        """
        words = _words(text)
        shared = len(commonprefix([words, self._before]))
        self._before = words
        told = self._place(words)
        if self._over or not tell or shared <= told:
            return ""
        piece = self._piece(text, told, shared)
        self._told += words[told:shared]
        return piece

    def rest(self, text: str) -> str:
        """Return what the recognition of the whole segment adds."""
        self._over = True
        return self._piece(text, self._place(_words(text)))

    def _place(self, words: list[str]) -> int:
        """Return how many of these words have been told, after the last one that is the same in both."""
        *same, _ = SequenceMatcher(None, self._told, words, autojunk=False).get_matching_blocks()
        return len(self._told) + (same[-1].b - same[-1].a if same else 0)

    def _piece(self, text: str, after: int, until: int | None = None) -> str:
        """Return the text between the ends of these words, with the space that separates segments before the first."""
        ends = [0, *(word.end() for word in _WORD.finditer(text)), len(text)]
        start = ends[min(after, len(ends) - 1)]
        return ("" if self._told else " ") + text[start : None if until is None else ends[until]]


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


class Overhearing:
    """The recognitions of unfinished segments in one session."""

    def __init__(self, context: SessionContext, write: Callable[[str], None]) -> None:
        self._context = context
        self._write = write
        self._start_ms = -1
        self._text = GrowingText()
        self._asked_ms = 0
        self._asking: tuple[int, GrowingText] | None = None

    def text_of(self, start_ms: int) -> GrowingText:
        """Return the text of the segment that starts there, the present one or the next."""
        if start_ms != self._start_ms:
            self._start_ms, self._text = start_ms, GrowingText()
        return self._text

    def grown(self, segment: Segment) -> None:
        """Have an unfinished segment recognised, if there is enough of it that is new."""
        text = self.text_of(segment.start_ms)
        if self._asking is None and segment.end_ms - max(segment.start_ms, self._asked_ms) >= EVERY_MS:
            self._asked_ms = segment.end_ms
            self._asking = self._context.new_work(), text
            languages = self._context.config.translation.listens_for
            self._context.effect(Overhear(self._asking[0], segment.pcm, languages))

    def completed(self, work: int, result: EngineResult, *, tell: bool) -> bool:
        """Write what is agreed on, if it may be told now; return whether this was such a recognition."""
        if self._asking is None or self._asking[0] != work:
            return False
        _, text = self._asking
        self._asking = None
        if isinstance(result, Heard) and result.text and (new := text.agreed(result.text, tell=tell)):
            self._write(new)
        return True
