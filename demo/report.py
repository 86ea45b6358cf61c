"""Builds the demo's report: figures, verdicts, exit code.

`report.json` is `Report.document()`; `demo/README.md` describes its keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sacrebleu.metrics.chrf import CHRF

from demo.recording_analysis import percentile
from demo.scoring import Words, compare, enough, total
from demo.script import primary
from emulator.engine.local import normalise

SPOKEN = "spoken"
"""Ledger state of an interpretation that was played into the call completely."""


LEAST_CHRF = 50.0
"""Mean chrF that the interpretations of a script must reach. The engine's translations have 58 to 78 for each pair of
languages; sentences with another meaning 6 to 27."""

LEAST_HEARD, LEAST_UNDERSTOOD = 0.95, 0.9
"""Shares of all words of free speech: of those the interpreter was to say, heard by the listeners, and of those that
were said, recognised by the interpreter."""

SAME_SENTENCE = 40.0
"""chrF from which words that were recognised in free speech, or in the interpretation of a recording, are those of the
sentence; others of the meeting have 33 or less. Words that a recogniser does not know come out in pieces, so that their
letters are compared. How many words may be wrong in all is decided by the shares above."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An utterance in the interpreter's ledger. Times in milliseconds; None if not reached."""

    utterance_id: str
    state: str
    target: str = ""
    """BCP 47 tag of the target language."""
    reason: str = ""
    recognised: str | None = None
    translated: str | None = None
    spoken_ms: float | None = None
    """Duration of the speech."""
    ear_voice_span_ms: float | None = None
    """From the speaker's last word to the first of the interpretation, by the interpreter's clock."""
    model_ms: float | None = None
    """The model's part of the ear-voice span."""
    waited_ms: float | None = None
    """Wait for the end of another interpretation."""
    own_share_ms: float | None = None
    """The rest of the span, without the pause that ends a turn, the model and the wait."""
    went_on_in: str | None = None
    """Id of the utterance that contains this one: its end was taken back because the speaker went on."""


@dataclass(frozen=True, slots=True)
class HeardInterpretation:
    """What a listener heard of a turn, measured in their recording."""

    listener: str
    target: str
    """BCP 47 tag of the listener's language."""
    text: str | None
    """Recognised text; None if nothing was heard or recognised."""
    starts_s: float | None
    """First sound of the interpretation, in seconds from the start of the recording; None if there was none."""
    ends_s: float | None
    delay_ms: int | None
    """Milliseconds from the last sound of the speaker to the first of the interpretation, in this recording."""
    words: Words
    queued: bool = False
    """Whether another interpretation came first in the same room."""


LEAK_DB = -20.0
"""Maximum level of a voice that should not be heard: different voices correlate slightly. A voice passed on by mistake
has 0 dB."""


@dataclass(frozen=True, slots=True)
class Original:
    """The speaker's own voice in a listener's recording."""

    listener: str
    wanted: bool
    """Whether it should be heard: in the same room, or in the listener's language."""
    found: bool
    """Whether it was located by correlation, piece by piece."""
    level_db: float
    """Level relative to how it was spoken; -90 is silence."""


@dataclass(frozen=True, slots=True)
class TurnResult:
    """The result of a turn, from the speaker to all listeners."""

    number: int
    speaker: str
    source: str
    targets: tuple[str, ...]
    """BCP 47 tags of the languages it is interpreted into, in the room's order."""
    said: str | None
    """Spoken text; None for a recording."""
    expected: Mapping[str, str]
    """Text that should be heard, by target; without targets that even the interpreter lacks."""
    why: str = ""
    overlapping: bool = False
    """Whether somebody else spoke at the same time, so that an interpretation had to wait."""
    originals: tuple[Original, ...] = ()
    transcript: str | None = None
    """What a recording says, as far as known."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Other people's translations, by language (ISO 639-1)."""
    apology: str | None = None
    """What the interpreter said because it could not recognise or translate the turn or a part of it."""
    ledger: tuple[LedgerEntry, ...] = ()
    heard: tuple[HeardInterpretation, ...] = ()

    @property
    def recognised(self) -> str | None:
        return _joined({one.utterance_id: one.recognised for one in self.ledger}.values())

    @property
    def translated(self) -> dict[str, str]:
        """Return the translations by target, without empty ones."""
        said = {tag: _joined(one.translated for one in self.ledger if one.target == tag) for tag in self.targets}
        return {tag: text for tag, text in said.items() if text}

    @property
    def understood(self) -> Words | None:
        """Return how many of the words said were recognised; None for a recording without a transcript."""
        known = self.said or self.transcript
        return None if known is None else compare(known, self.recognised, primary(self.source))

    @property
    def free(self) -> bool:
        """Return whether this is free speech of a script: recogniser and translator find its words by themselves."""
        return self.said is not None and bool(self.references)

    @property
    def chrf(self) -> dict[str, float]:
        """Return the chrF (0 to 100) of the interpretations of which a translation is known, by target."""
        known = {tag: self.references[primary(tag)] for tag in self.targets if primary(tag) in self.references}
        scorer = CHRF()
        return {tag: scorer.sentence_score(self.translated.get(tag, ""), [text]).score for tag, text in known.items()}

    @property
    def interpreted(self) -> bool:
        """Return whether ledger and recordings show that the turn was interpreted."""
        return not self.problems

    @property
    def unverified(self) -> bool:
        """Return whether what was recognised may be another sentence than was said: of a recording, nobody knows."""
        return self.said is None and self.interpreted

    @property
    def problems(self) -> list[str]:
        """Return what went wrong, one sentence each; empty if the turn was interpreted and heard correctly."""
        found = [
            f"{self.speaker}'s words did not reach {one.listener}"
            for one in self.originals
            if one.wanted and not one.found
        ]
        if found:
            return found
        if not self.ledger:
            return ["the interpreter did not detect the speech"]
        found = [
            f"{one.listener} heard {self.speaker}'s own voice ({one.level_db:.0f} dB)"
            for one in self.originals
            if not one.wanted and one.level_db > LEAK_DB
        ]
        # Whoever went on within the turn is judged by the utterance that has all the words.
        there = {(one.utterance_id, one.target) for one in self.ledger}
        found += [
            _unfinished(one) for one in self.ledger if one.state != SPOKEN and (one.went_on_in, one.target) not in there
        ]
        reached = {one.target for one in self.ledger}
        found += [f"nothing was interpreted into {tag}" for tag in self.targets if tag not in reached]
        if self.apology:
            found.append(f"the interpreter only said “{self.apology}”")
        elif self.said and self.recognised and not self._right(self.said, self.recognised, self.understood):
            found.append(f"the interpreter understood “{self.recognised}” instead")
        for one in self.heard:
            if one.starts_s is None:
                found.append(f"{one.listener} heard no interpretation")
            elif not one.text:
                found.append(f"{one.listener} heard speech that was not recognised")
            elif not self._right(self.expected.get(one.target, ""), one.text, one.words):
                right = f"{one.words.right} of {one.words.wanted} words"
                found.append(f"{one.listener} heard “{one.text}” instead ({right})")
        return found

    def _right(self, wanted: str, heard: str, words: Words | None) -> bool:
        """Return whether these are words of the sentence: most of those of a phrasebook's, else of those alike."""
        if self.said is not None and not self.free:
            return words is not None and enough(words)
        return float(CHRF().sentence_score(normalise(heard), [normalise(wanted)]).score) >= SAME_SENTENCE

    @property
    def delay_ms(self) -> int | None:
        """Return the longest delay of the interpretations that did not have to wait for another."""
        known = [one for one in self.heard if one.delay_ms is not None]
        free = [one for one in known if not one.queued] or known
        return max((one.delay_ms for one in free if one.delay_ms is not None), default=None)

    @property
    def own_share_ms(self) -> float | None:
        """Return the interpreter's part: without the pause that ends a turn, the model and the wait for the floor."""
        return max((one.own_share_ms for one in self.ledger if one.own_share_ms is not None), default=None)


@dataclass(frozen=True, slots=True)
class DelaySpread:
    """Median, 95th percentile (nearest rank) and extremes of values in milliseconds."""

    count: int
    median: float | None
    p95: float | None
    least: float | None
    most: float | None

    @classmethod
    def of(cls, values: Iterable[float | None]) -> DelaySpread:
        known = [value for value in values if value is not None]
        least, most = min(known, default=None), max(known, default=None)
        return cls(len(known), percentile(known, 0.5), percentile(known, 0.95), least, most)


@dataclass(frozen=True, slots=True)
class Report:
    """The results of a meeting."""

    turns: Sequence[TurnResult]
    setup_s: float
    meeting_s: float
    total_s: float
    conditions: Mapping[str, object] = field(default_factory=dict)
    """Machine and versions of the measurement."""
    broken_off: str | None = None
    """Why the meeting was aborted; None if it was not."""

    @property
    def words(self) -> Words:
        """Return the sums over all listeners of all turns."""
        return total(one.words for turn in self.turns for one in turn.heard)

    @property
    def chrf(self) -> float | None:
        """Return the mean chrF of the interpretations that have references; None without any."""
        scores = [score for turn in self.turns for score in turn.chrf.values()]
        return sum(scores) / len(scores) if scores else None

    @property
    def delay(self) -> DelaySpread:
        """Return the delays of turns without overlap; of overlapping turns, one interpretation waits by design."""
        return DelaySpread.of(turn.delay_ms for turn in self.turns if not turn.overlapping)

    @property
    def leak_db(self) -> float | None:
        """Return the loudest level of a voice where it should not be heard; None if it should be heard everywhere."""
        unwanted = (one.level_db for turn in self.turns for one in turn.originals if not one.wanted)
        return max(unwanted, default=None)

    @property
    def own_share(self) -> DelaySpread:
        return DelaySpread.of(one.own_share_ms for turn in self.turns for one in turn.ledger)

    @property
    def exit_code(self) -> int:
        """Return 0 if the meeting was complete and every turn was interpreted and heard, else 1."""
        return 0 if self.turns and not self.broken_off and not self.failures else 1

    @property
    def failures(self) -> list[str]:
        """Return a line for each turn that was not interpreted, and for each figure of free speech that is too low."""
        found = [
            f"{turn.number}. {turn.speaker} ({turn.source}): {'; '.join(turn.problems)}"
            for turn in self.turns
            if turn.problems
        ]
        free = [turn for turn in self.turns if turn.free]
        if not free:
            return found
        understood = total(turn.understood for turn in free if turn.understood)
        heard = total(one.words for turn in free for one in turn.heard)
        if not enough(understood, LEAST_UNDERSTOOD):
            found.append(f"the interpreter understood {understood.share:.0%} of the words, not {LEAST_UNDERSTOOD:.0%}")
        if not enough(heard, LEAST_HEARD):
            found.append(f"{heard.share:.0%} of the words were heard, not {LEAST_HEARD:.0%}")
        if self.chrf is not None and self.chrf < LEAST_CHRF:
            found.append(f"the interpretations are far from the references: chrF {self.chrf:.0f}, not {LEAST_CHRF:.0f}")
        return found

    def document(self) -> dict[str, Any]:
        """Return all figures as JSON values."""
        words = self.words
        return {
            "passed": self.exit_code == 0,
            "broken_off": self.broken_off,
            "summary": {
                "utterances": len(self.turns),
                "interpreted": sum(turn.interpreted and not turn.unverified for turn in self.turns),
                "interpreted_as_recognised": sum(turn.unverified for turn in self.turns),
                "words_wanted": words.wanted,
                "words_right": words.right,
                "chrf": None if self.chrf is None else round(self.chrf, 1),
                "loudest_unwanted_original_db": self.leak_db,
                "delay_ms": asdict(self.delay),
                "own_share_ms": asdict(self.own_share),
                "setup_s": round(self.setup_s, 2),
                "meeting_s": round(self.meeting_s, 2),
                "total_s": round(self.total_s, 2),
            },
            "conditions": dict(self.conditions),
            "utterances": [_turn(turn) for turn in self.turns],
        }


def _turn(turn: TurnResult) -> dict[str, Any]:
    return {
        "number": turn.number,
        "speaker": turn.speaker,
        "source": turn.source,
        "targets": turn.targets,
        "shows": turn.why or None,
        "overlapping": turn.overlapping,
        "said": turn.said,
        "expected": dict(turn.expected),
        "recognised": turn.recognised,
        "understood": None if turn.understood is None else asdict(turn.understood),
        "translated": turn.translated,
        "chrf": {tag: round(score, 1) for tag, score in turn.chrf.items()},
        "interpreted": turn.interpreted,
        "unverified": turn.unverified,
        "problems": turn.problems,
        "delay_ms": turn.delay_ms,
        "own_share_ms": turn.own_share_ms,
        "ledger": [asdict(one) for one in turn.ledger],
        "originals": [asdict(one) for one in turn.originals],
        "heard": [
            {
                "listener": one.listener,
                "target": one.target,
                "text": one.text,
                "words_wanted": one.words.wanted,
                "words_right": one.words.right,
                "starts_s": one.starts_s,
                "ends_s": one.ends_s,
                "delay_ms": one.delay_ms,
                "queued": one.queued,
            }
            for one in turn.heard
        ],
    }


def _unfinished(ledger: LedgerEntry) -> str:
    reason = f" ({ledger.reason.replace('_', ' ')})" if ledger.reason else ""
    return f"the ledger closed it as {ledger.state.replace('_', ' ')}{reason}"


def _joined(texts: Iterable[str | None]) -> str | None:
    return " ".join(text.strip() for text in texts if text and text.strip()) or None
