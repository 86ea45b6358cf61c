"""From text that arrives in pieces to caption lines: partial, then final, each revision replacing the one before."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CaptionLine:
    """One revision of one utterance in one language."""

    utterance: str
    revision: int
    """From 1; a higher one replaces a lower one."""
    speaker: str
    speaker_name: str
    language: str
    text: str
    is_final: bool
    is_original: bool
    """The speaker's own words, as recognised, and not an interpretation."""
    timestamp_ms: int
    """Since the start of the meeting, when the utterance began."""
    duration_ms: int
    """How long the speaker spoke; 0 while that is not known."""


@dataclass(slots=True)
class _Growing:
    text: str = ""
    revision: int = 0
    final: bool = False


class Transcript:
    """The lines still growing in one room. After a final line nothing follows for that utterance and language."""

    def __init__(self) -> None:
        self._growing: dict[tuple[str, str], _Growing] = {}

    def __len__(self) -> int:
        return len(self._growing)

    def grow(self, key: tuple[str, str], delta: str) -> tuple[str, int] | None:
        """Add to (utterance, language); returns the text so far and its revision, None after the end."""
        line = self._growing.setdefault(key, _Growing())
        if line.final or not delta:
            return None
        line.text += delta
        line.revision += 1
        return line.text, line.revision

    def finish(self, key: tuple[str, str], text: str | None = None) -> tuple[str, int] | None:
        """End (utterance, language), with `text` instead of what has grown, if given; None if ended or empty."""
        line = self._growing.setdefault(key, _Growing())
        if line.final:
            return None
        line.final = True
        line.text = (line.text if text is None else text).strip()
        if not line.text:
            return None
        line.revision += 1
        return line.text, line.revision

    def text(self, key: tuple[str, str]) -> str:
        line = self._growing.get(key)
        return line.text if line else ""

    def forget(self, utterance: str) -> None:
        """Nothing more will come about this utterance."""
        for key in [key for key in self._growing if key[0] == utterance]:
            del self._growing[key]
