"""Caption lines from text that arrives in pieces: partial, then final; each revision replaces the previous revision.

Nothing follows the final line of an utterance in a language, not even a correction by a changed glossary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.interpreting.plan import Stability

REVISIONS_EVERY_S = 0.25
"""Least time in seconds between two revisions of a balanced caption: nobody reads faster changes."""

_CLAUSE_ENDS = frozenset(".,;:?!…")
"""They end a clause where a blank follows; without a blank they may stand within a number."""
_FULL_WIDTH_ENDS = frozenset("。、，；：？！।؟،")
_WORDS_WITHOUT_BLANKS = 0x2E80
"""First code point of scripts without blanks between words, where each character may be shown."""


@dataclass(frozen=True, slots=True)
class CaptionLine:
    """One revision of one utterance in one language."""

    utterance: str
    revision: int
    """Counts from 1. A higher revision replaces a lower one."""
    speaker: str
    speaker_name: str
    language: str
    text: str
    is_final: bool
    is_original: bool
    """The speaker's own words, as recognised, and not an interpretation."""
    timestamp_ms: int
    """When the utterance began, since the start of the meeting."""
    duration_ms: int
    """How long the speaker spoke; 0 until the utterance has ended."""
    flags: tuple[str, ...] = ()
    """`abandoned` if the rest will never come, and faults of the interpretation."""
    pinned: bool = False
    """Shown to readers who join later, as long as the call lasts."""
    languages: tuple[str, ...] = ()
    """Whose readers it is for: `language`, varieties of it that have no line of their own, and the language as such."""
    typed: bool = False
    """The speaker has typed it and not said it."""


def whole_words(text: str) -> str:
    """Return the text up to the end of its last whole word."""
    return _up_to(text, lambda at: text[at].isspace() or ord(text[at]) >= _WORDS_WITHOUT_BLANKS)


def whole_clauses(text: str) -> str:
    """Return the text up to the end of its last whole clause."""

    def ends(at: int) -> bool:
        return text[at] in _FULL_WIDTH_ENDS or (text[at] in _CLAUSE_ENDS and text[at + 1 : at + 2].isspace())

    return _up_to(text, ends)


def _up_to(text: str, ends: Callable[[int], bool]) -> str:
    last = next((at for at in range(len(text) - 1, -1, -1) if ends(at)), -1)
    return text[: last + 1]


_SHOWN: dict[Stability, Callable[[str], str]] = {
    Stability.FAST: lambda text: text,
    Stability.BALANCED: whole_words,
    Stability.AGGRESSIVE: whole_clauses,
}

CaptionKey = tuple[str, str]
"""Utterance and language."""


@dataclass(slots=True)
class _Growing:
    text: str = ""
    shown: str = ""
    shown_at: float = float("-inf")
    revision: int = 0
    final: bool = False


class CaptionText:
    """The caption lines of one room that are still remembered."""

    def __init__(self, stability: Stability = Stability.FAST) -> None:
        self.stability = stability
        """How much is shown before it is certain. May be changed at any time."""
        self._growing: dict[CaptionKey, _Growing] = {}
        self._withheld: set[CaptionKey] = set()
        """Lines with text that is shown as soon as they may be revised again."""

    def __len__(self) -> int:
        return len(self._growing)

    def grow(self, key: CaptionKey, delta: str, now: float = 0.0) -> tuple[str, int] | None:
        """Add text to a line; returns the text to show and its revision, None if there is nothing new to show."""
        line = self._growing.setdefault(key, _Growing())
        if line.final or not delta:
            return None
        line.text += delta
        return self._show(key, line, now)

    def due(self, now: float) -> list[tuple[CaptionKey, str, int]]:
        """Return what was withheld and may be shown now."""
        shown = []
        for key in sorted(self._withheld):
            line = self._growing[key]
            if now >= line.shown_at + REVISIONS_EVERY_S:
                revised = self._show(key, line, now)
                if revised is not None:
                    shown.append((key, *revised))
        return shown

    def deadline(self) -> float | None:
        """When `due` has something."""
        return min((self._growing[key].shown_at + REVISIONS_EVERY_S for key in self._withheld), default=None)

    def finish(self, key: CaptionKey, text: str | None = None) -> tuple[str, int] | None:
        """End a line, with `text` in place of its own if given.

        Returns None if it had ended, or nothing of it was shown and there is nothing to show. What was shown and has
        been discarded since is replaced by an empty text.
        """
        line = self._growing.setdefault(key, _Growing())
        if line.final:
            return None
        line.final = True
        self._withheld.discard(key)
        line.text = (line.text if text is None else text).strip()
        if not line.text and not line.revision:
            return None
        line.revision += 1
        line.shown = line.text
        return line.text, line.revision

    def close(self, key: CaptionKey) -> tuple[str, int] | None:
        """End a line whose rest will never come; returns None if none of it was shown."""
        line = self._growing.get(key)
        if line is None or line.final or not line.revision:
            return None
        return self.finish(key, line.text.strip() or line.shown)

    def growing(self) -> list[CaptionKey]:
        """Return the lines that are not final."""
        return [key for key, line in self._growing.items() if not line.final]

    def revise(self, key: CaptionKey, text: str, now: float) -> tuple[str, int] | None:
        """Replace the text of a line that is not final; returns what `grow` returns."""
        line = self._growing[key]
        if line.final or (line.shown and self.stability is Stability.AGGRESSIVE):
            return None
        line.text = text
        return self._show(key, line, now)

    def restart(self, key: CaptionKey) -> bool:
        """Clear a line for another text; returns False and changes nothing if readers may not see it change."""
        line = self._growing.get(key)
        if line is None:
            return True
        if line.final or (line.shown and self.stability is Stability.AGGRESSIVE):
            return False
        line.text = ""
        self._withheld.discard(key)
        return True

    def text(self, key: CaptionKey) -> str:
        """Return the text so far, shown or not."""
        line = self._growing.get(key)
        return line.text if line else ""

    def forget(self, utterance: str) -> None:
        """Forget the lines of an utterance."""
        for key in [key for key in self._growing if key[0] == utterance]:
            del self._growing[key]
            self._withheld.discard(key)

    def _show(self, key: CaptionKey, line: _Growing, now: float) -> tuple[str, int] | None:
        text = _SHOWN[self.stability](line.text).strip()
        new = bool(text) and text != line.shown
        if new and self.stability is Stability.BALANCED and now < line.shown_at + REVISIONS_EVERY_S:
            self._withheld.add(key)
            return None
        self._withheld.discard(key)
        if not new:
            return None
        line.shown, line.shown_at = text, now
        line.revision += 1
        return text, line.revision
