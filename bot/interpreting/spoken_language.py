"""Which language an utterance is in, by its words, and what follows: it is not interpreted into that language.

| the words of | are | what follows |
|---|---|---|
| an `auto` speaker | in one of the room's languages | that lane is withdrawn; where the speaker is not heard, their own voice is |
| an `auto` speaker | in one that is not clear | the lane that says nothing, or says the same, tells it |
| anybody | in a script or language that is not theirs | the recogniser has erred: they are flagged, and nothing is judged by them |

Until the language is known, or for `LANGUAGE_S`, the first sound of an `auto` speaker's interpretations is held back.
"""  # noqa: E501  (a table cell cannot be wrapped)

from __future__ import annotations

from collections.abc import Sequence

from bot.interpreting.captions import Captions, Utterance
from bot.interpreting.ledger import EntryKind, EntryState
from bot.interpreting.plan import AUTO, RoomPlan, primary, script
from bot.interpreting.quality.echo_loops import words_of
from bot.interpreting.quality.language_id import IdentifyLanguage, in_another_language, in_another_script
from bot.interpreting.rendition import Rendition
from bot.interpreting.renditions import Renditions

LANGUAGE_S = 1.0
"""Seconds from the first sound of an interpretation for which the speaker's words are waited for. The service promises
no order; recognition of a sentence takes 0.3-0.8 s, and ends mostly before the first sound."""
OWN_LANGUAGE = "own_language"
"""Reason in the ledger of a repetition that was broken off."""
LEAST_LETTERS = 12
"""Letters from which words can be said to be in another language than the speaker's: shorter ones are in many."""


def recognise(text: str, languages: Sequence[str], identify: IdentifyLanguage) -> str | None:
    """Return which of the languages a text is in; empty where that is not clear, None if it can be in none of them."""
    by_primary = {primary(tag): tag for tag in reversed(languages)}  # of several varieties, the first
    possible = {
        language: tag
        for language, tag in by_primary.items()
        if not in_another_script(text, language, script(tag) or None)
    }
    if len(possible) == 1 < len(by_primary):
        return next(iter(possible.values()))
    found = identify(text, possible.keys()) if len(possible) > 1 else None
    return possible[found] if found else "" if possible else None


def is_foreign(text: str, language: str, identify: IdentifyLanguage) -> bool:
    """Return whether a text is clearly in another script or language than this one (BCP 47)."""
    if in_another_script(text, primary(language), script(language) or None):
        return True
    letters = sum(map(str.isalpha, text))
    return letters >= LEAST_LETTERS and in_another_language(text, primary(language), None, identify)


class SpokenLanguages:
    """The languages in which people of one room speak."""

    def __init__(self, plan: RoomPlan, renditions: Renditions, captions: Captions, identify: IdentifyLanguage) -> None:
        self._languages = plan.languages
        self._renditions = renditions
        self._captions = captions
        self._identify = identify

    def follow(self, plan: RoomPlan) -> None:
        """Recognise the plan's languages from now on."""
        self._languages = plan.languages

    def recognised(self, spoken: Utterance, now: float) -> None:
        """Take the speaker's words: show them, under their language if it is clear."""
        text = spoken.source_text or ""
        if spoken.source != AUTO:
            spoken.doubtful = is_foreign(text, spoken.source, self._identify)
        elif text.strip():
            found = recognise(text, self._languages, self._identify)
            spoken.doubtful = found is None
            if found:
                self._spoke(spoken, found, now)
            elif not spoken.doubtful:
                any(
                    self.repeats(rendition, now)
                    for rendition in self._renditions.open.of(spoken.id)
                    if rendition.complete
                )
        self._captions.original(spoken)

    def awaited(self, rendition: Rendition) -> bool:
        """Return whether the rendition is in the language spoken for all that is known."""
        spoken = rendition.spoken
        return rendition.lane.source == AUTO and not spoken.language and not spoken.doubtful

    def said_nothing(self, rendition: Rendition, now: float) -> bool:
        """Take an empty interpretation; returns whether it is over, because its target language was spoken."""
        spoken, target = rendition.spoken, rendition.lane.target
        if rendition.lane.source != AUTO or spoken.doubtful or spoken.language:
            return False
        spoken.silent.append(target)
        if rendition.passed_through and spoken.source_text != "":
            self._renditions.pass_original(rendition, now)
        else:
            self._renditions.settle(rendition, EntryState.NOT_NEEDED)
        return True

    def repeats(self, rendition: Rendition, now: float) -> bool:
        """Take a complete interpretation; returns whether it is over, because it is what was said.

        It is not where it is being heard already by those who do not hear the speaker.
        """
        spoken, target = rendition.spoken, rendition.lane.target
        if not self.awaited(rendition) or not spoken.source_text:
            return False
        words = words_of(spoken.source_text)
        if not words or words != words_of(self._captions.text(spoken.id, target)):
            return False
        self._spoke(spoken, target, now)
        return self._renditions.open.expected(rendition.lane, spoken.id) is None

    def _spoke(self, spoken: Utterance, language: str, now: float) -> None:
        """Withdraw what interprets an utterance into its own language; the speaker's own voice takes its place."""
        spoken.recognised = language
        self._captions.original(spoken)  # before a line of the same words is closed
        for rendition in self._renditions.open.of(spoken.id):
            if rendition.lane.passthrough:
                pass  # it is the speaker's own voice, whatever the language
            elif primary(rendition.lane.target) != primary(language):
                self._renditions.finish_caption(rendition)
                rendition.unknown_until = 0.0
                rendition.hold()
            elif rendition.entry.kind is EntryKind.PASSTHROUGH:
                pass  # it is heard as it is already
            elif rendition.begun:
                self._break_off(rendition)
            elif rendition.passed_through:
                self._renditions.pass_original(rendition, now)
            else:
                self._renditions.withdraw(rendition, EntryState.NOT_NEEDED, "")

    def _break_off(self, rendition: Rendition) -> None:
        """Stop a repetition that is being heard, where the speaker is heard as well: elsewhere, it is all there is."""
        twice = [passage for passage in rendition.passages if passage.channel not in rendition.passed_through]
        if len(twice) == len(rendition.passages):
            self._renditions.withdraw(rendition, EntryState.ABANDONED, OWN_LANGUAGE)
        else:
            self._renditions.silence(rendition, twice, OWN_LANGUAGE)
            self._renditions.finish_caption(rendition)
