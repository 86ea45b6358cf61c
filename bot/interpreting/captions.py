"""Utterances as readers follow them: who said it, when, and the caption lines that come of it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.interpreting.caption_text import CaptionLine, CaptionText
from bot.interpreting.effects import Caption, Effect
from bot.interpreting.glossary import GlossaryEntries, revise
from bot.interpreting.plan import AUTO, Stability

UNDETERMINED = "und"
"""BCP 47 for a language nobody has told us."""


@dataclass(slots=True)
class Utterance:
    """One speaker's turn, in all its lanes. Times in seconds on the session's clock."""

    id: str
    speaker: str
    speaker_name: str
    source: str
    """BCP 47 tag, or `auto`."""
    began_at: float
    ended_at: float | None = None
    voiced_ms: int = 0
    """Known when it has ended."""
    talked_over: bool = False
    """Somebody else spoke before it began, and still when it had ended."""
    source_text: str | None = None
    settled_at: float | None = None

    @property
    def duration_ms(self) -> int:
        return 0 if self.ended_at is None else round((self.ended_at - self.began_at) * 1000)


class Captions:
    """Turns text into `Caption` effects."""

    def __init__(self, stability: Stability, began_at: float, out: list[Effect]) -> None:
        self.transcript = CaptionText(stability)
        self._began_at = began_at
        self._out = out

    def original(self, spoken: Utterance, text: str) -> None:
        """The speaker's own words, as recognised."""
        language = UNDETERMINED if spoken.source == AUTO else spoken.source
        finished = self.transcript.finish((spoken.id, language), text)
        if finished:
            self._write(spoken, language, finished, final=True, original=True)

    def grow(self, spoken: Utterance, language: str, delta: str, now: float) -> None:
        """More of an interpretation."""
        grown = self.transcript.grow((spoken.id, language), delta, now)
        if grown:
            self._write(spoken, language, grown, final=False)

    def finish(self, spoken: Utterance, language: str, flags: tuple[str, ...] = ()) -> str:
        """An interpretation is complete; returns its text."""
        finished = self.transcript.finish((spoken.id, language))
        if finished is None:
            return ""
        self._write(spoken, language, finished, final=True, flags=flags)
        return finished[0]

    def close(self, spoken: Utterance, language: str, flag: str) -> None:
        """The rest of an interpretation will never come: whoever reads the beginning is told so."""
        closed = self.transcript.close((spoken.id, language))
        if closed:
            self._write(spoken, language, closed, final=True, flags=(flag,))

    def correct(
        self, utterances: dict[str, Utterance], before: GlossaryEntries, after: GlossaryEntries, now: float
    ) -> None:
        """Let lines that are not final yet read as a corrected glossary wants them."""
        for utterance, language in self.transcript.growing():
            text = self.transcript.text((utterance, language))
            revised = revise(text, language, before, after)
            shown = None if revised is None else self.transcript.revise((utterance, language), revised, now)
            if shown:
                self._write(utterances[utterance], language, shown, final=False)

    def announce(self, spoken: Utterance, text: str) -> None:
        finished = self.transcript.finish((spoken.id, spoken.source), text)
        if finished:
            self._write(spoken, spoken.source, finished, final=True, pinned=True)

    def text(self, utterance: str, language: str) -> str:
        return self.transcript.text((utterance, language))

    def show_what_is_due(self, utterances: dict[str, Utterance], now: float) -> None:
        for (utterance, language), text, revision in self.transcript.due(now):
            self._write(utterances[utterance], language, (text, revision), final=False)

    def _write(
        self,
        spoken: Utterance,
        language: str,
        grown: tuple[str, int],
        *,
        final: bool,
        original: bool = False,
        flags: tuple[str, ...] = (),
        pinned: bool = False,
    ) -> None:
        text, revision = grown
        line = CaptionLine(
            utterance=spoken.id,
            revision=revision,
            speaker=spoken.speaker,
            speaker_name=spoken.speaker_name,
            language=language,
            text=text,
            is_final=final,
            is_original=original,
            timestamp_ms=round((spoken.began_at - self._began_at) * 1000),
            duration_ms=spoken.duration_ms,
            flags=flags,
            pinned=pinned,
        )
        self._out.append(Caption(line))
