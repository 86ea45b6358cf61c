"""The utterances that readers follow, and the captions of each: the speaker's own words and every interpretation."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from bot.interpreting.caption_text import CaptionLine, CaptionText
from bot.interpreting.effects import Caption, Effect
from bot.interpreting.glossary import revise
from bot.interpreting.plan import AUTO, Lane, RoomPlan, primary, script

UNDETERMINED = "und"
"""BCP 47 tag of a language that nobody has named."""
FOREIGN = "language"
"""Flag of an original that is in no language anybody spoke."""
FOLLOW_UP_S = 10.0
"""Seconds after the last lane of an utterance is settled in which the speaker's own words may still be recognised."""

MEASURED_SHARE = 0.7
"""Of an utterance's speech, that can be compared with the interpreter's voice in any case; what is beyond that, and was
not compared, came while the interpreter was silent."""


@dataclass(slots=True)
class Utterance:
    """One speaker's turn, in all its lanes. Times are seconds on the session's clock."""

    id: str
    speaker: str
    speaker_name: str
    source: str
    """BCP 47 tag, or `auto`."""
    began_at: float
    """When the audio with which it begins was said."""
    ended_at: float | None = None
    age_s: float = 0.0
    """For how long its last audio was held up on its way to us."""
    voiced_ms: int = 0
    """Known once it has ended."""
    talked_over: bool = False
    """Another person was speaking before it began, and still when it had ended."""
    source_text: str | None = None
    """The speaker's words, once they are recognised."""
    settled_at: float | None = None
    """When its last lane was settled."""
    flags: tuple[str, ...] = ()
    """What is doubtful about it, in all its lanes."""
    own_voice_ms: float = 0.0
    """Speech in it that is the interpreter's own voice ..."""
    measured_ms: int = 0
    """... of so much that was compared with it."""
    recognised: str = ""
    """Room language of an `auto` speaker's words; empty while it is not known."""
    doubtful: bool = False
    """Its words are in no language that was spoken: the recogniser has erred."""
    targets: frozenset[str] = frozenset()
    """Languages into which it is interpreted."""
    addressed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By language of a line: whose readers the line is for."""
    silent: list[str] = field(default_factory=list)
    """Languages into which the interpretation of an `auto` speaker is empty: one of them was spoken."""
    understood_by: Lane | None = None
    """The lane whose transcript is shown while it grows."""
    withheld: bool = False
    """Its words are known, and not shown yet because their language is not."""
    before: Utterance | None = None
    """What its speaker said before a pause, if that was taken back and is a part of it ..."""
    before_pcm: bytes = b""
    """... and how that sounded."""
    voice: bytearray | None = None
    """What was said, kept if it may have to be heard elsewhere as it is."""
    typed: bool = False
    """It was typed and not said."""

    @property
    def language(self) -> str:
        """Language of its words; empty while it is not known."""
        return self.recognised if self.source == AUTO else self.source

    @property
    def duration_ms(self) -> int:
        return 0 if self.ended_at is None else round((self.ended_at - self.began_at) * 1000)

    @property
    def own_share(self) -> float:
        """How much of its speech is the interpreter's own voice: 0 to 1. The last 0.5 s are often not compared.

        What was said `before` does not count: our voice may come back in the very pause.
        """
        voiced_ms = self.voiced_ms - (self.before.voiced_ms if self.before is not None else 0)
        compared = max(self.measured_ms, MEASURED_SHARE * voiced_ms)
        return self.own_voice_ms / compared if compared > 0 else 0.0


class Captions:
    """Turns the text of utterances into `Caption` effects."""

    def __init__(self, plan: RoomPlan, began_at: float, out: list[Effect]) -> None:
        """`began_at`: start of the meeting, in seconds on the session's clock. Captions count from there."""
        self._glossary = plan.glossary
        self._languages = tuple(dict.fromkeys(plan.languages))
        self._text = CaptionText(plan.stability)
        self._utterances: dict[str, Utterance] = {}
        self._began_at = began_at
        self._out = out

    # --- utterances ----------------------------------------------------------------------------

    def begin(self, spoken: Utterance) -> None:
        """Remember an utterance until it is settled, and its own words have come or will not come."""
        self._utterances[spoken.id] = spoken

    def find(self, utterance: str) -> Utterance | None:
        return self._utterances.get(utterance)

    def forget(self, now: float, unsettled: Container[str]) -> None:
        """Forget the utterances about which nothing more will come.

        Args:
            unsettled: utterances of which a lane is not settled.
        """
        for spoken in list(self._utterances.values()):
            if spoken.settled_at is None and spoken.id not in unsettled:
                spoken.settled_at = now
            if spoken.settled_at is None:
                continue
            if spoken.withheld:
                told = {primary(tag): tag for tag in reversed(spoken.silent)}
                self._show_original(spoken, next(iter(told.values())) if len(told) == 1 else UNDETERMINED)
            if spoken.source_text is not None or now >= spoken.settled_at + FOLLOW_UP_S:
                unfinished = self._text.close((spoken.id, spoken.source))
                known = spoken.before.source_text if spoken.before is not None and spoken.source != AUTO else None
                if unfinished is None and spoken.source_text is None and known:
                    unfinished = self._text.finish((spoken.id, spoken.source), known)
                if unfinished:
                    self._write(spoken, spoken.source, unfinished, final=True, original=True, flags=("abandoned",))
                del self._utterances[spoken.id]
                self._text.forget(spoken.id)

    # --- lines ---------------------------------------------------------------------------------

    def grow_original(self, spoken: Utterance, delta: str, now: float) -> None:
        """Add to the speaker's own words; only where their language is known: it is part of the line."""
        if spoken.source != AUTO:
            grown = self._text.grow((spoken.id, spoken.source), delta, now)
            if grown:
                self._write(spoken, spoken.source, grown, final=False, original=True)

    def original(self, spoken: Utterance) -> None:
        """Show the speaker's own words, as recognised; while their language is not known, its lanes may tell it."""
        spoken.withheld = not spoken.language and not spoken.doubtful
        if not spoken.withheld:
            self._show_original(spoken, spoken.language or UNDETERMINED)

    def _show_original(self, spoken: Utterance, language: str) -> None:
        finished = self._text.finish((spoken.id, language), spoken.source_text)
        if finished:
            flags = (*spoken.flags, FOREIGN) if spoken.doubtful else spoken.flags
            self._write(spoken, language, finished, final=True, original=True, flags=flags)

    def grow(self, spoken: Utterance, language: str, delta: str, now: float) -> None:
        """Add to an interpretation."""
        grown = self._text.grow((spoken.id, language), delta, now)
        if grown:
            self._write(spoken, language, grown, final=False)

    def finish(self, spoken: Utterance, language: str, flags: tuple[str, ...] = ()) -> str:
        """Show that an interpretation is complete; returns its text."""
        finished = self._text.finish((spoken.id, language))
        if finished is None:
            return ""
        self._write(spoken, language, finished, final=True, flags=flags)
        return finished[0]

    def close(self, spoken: Utterance, language: str, flag: str) -> None:
        """Make an unfinished interpretation final, and flag it: the rest will never come."""
        closed = self._text.close((spoken.id, language))
        if closed:
            self._write(spoken, language, closed, final=True, flags=(flag,))

    def restart(self, utterance: str, language: str) -> bool:
        """Replace an interpretation by another one; returns False if readers may not see it change."""
        return self._text.restart((utterance, language))

    def announce(self, spoken: Utterance, text: str) -> None:
        """Show words of the interpreter's own, also to readers who join later."""
        finished = self._text.finish((spoken.id, spoken.source), text)
        if finished:
            self._write(spoken, spoken.source, finished, final=True, pinned=True)

    def text(self, utterance: str, language: str) -> str:
        """Return what has come so far of an interpretation, shown or not."""
        return self._text.text((utterance, language))

    # --- the plan and the clock ----------------------------------------------------------------

    def follow(self, plan: RoomPlan, now: float) -> None:
        """Take over the plan's stability, and correct lines that are not final by its glossary."""
        self._text.stability = plan.stability
        self._languages = tuple(dict.fromkeys(plan.languages))
        before, self._glossary = self._glossary, plan.glossary
        if plan.glossary == before:
            return
        for utterance, language in self._text.growing():
            text = self._text.text((utterance, language))
            revised = revise(text, language, before, plan.glossary)
            shown = None if revised is None else self._text.revise((utterance, language), revised, now)
            if shown:
                spoken = self._utterances[utterance]
                self._write(spoken, language, shown, final=False, original=language == spoken.source)

    def tick(self, now: float) -> None:
        """Show what was withheld and may be shown now."""
        for (utterance, language), text, revision in self._text.due(now):
            spoken = self._utterances[utterance]
            self._write(spoken, language, (text, revision), final=False, original=language == spoken.source)

    def deadline(self) -> float | None:
        """When `tick` or `forget` has something to do."""
        deadlines = [
            spoken.settled_at + FOLLOW_UP_S for spoken in self._utterances.values() if spoken.settled_at is not None
        ]
        due_at = self._text.deadline()
        return min(deadlines if due_at is None else [*deadlines, due_at], default=None)

    def _addressed(self, spoken: Utterance, language: str) -> tuple[str, ...]:
        """Return whose readers a line is for: each variety reads its own, else one in its script, else the first."""
        known = spoken.addressed.get(language)
        if known is None:
            alike = [tag for tag in self._languages if primary(tag) == primary(language)]
            written = [tag for tag in alike if tag in spoken.targets or tag in (spoken.language, language)]
            own = [tag for tag in alike if tag not in written and _line_for(tag, written) == language]
            general = [primary(language)] if written[:1] in ([language], []) else []
            known = spoken.addressed[language] = tuple(dict.fromkeys([language, *own, *general]))
        return known

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
            languages=self._addressed(spoken, language),
            text=text,
            is_final=final,
            is_original=original,
            timestamp_ms=round((spoken.began_at - self._began_at) * 1000),
            duration_ms=spoken.duration_ms,
            flags=flags,
            pinned=pinned,
            typed=spoken.typed,
        )
        self._out.append(Caption(line))


def _line_for(variety: str, written: list[str]) -> str:
    """Return the language of the line that a variety without a line of its own reads."""
    return next((tag for tag in written if script(tag) == script(variety)), written[0] if written else "")
