"""From what was said, booked and recorded to the demo's report: figures, verdicts, exit code. Pure; prints nothing.

`report.json` is `Report.document()`: see `demo/README.md` for every key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from demo.recording_analysis import percentile
from demo.scoring import Words, enough

SPOKEN = "spoken"
"""The ledger's word for an interpretation that went into the call to its end."""


@dataclass(frozen=True, slots=True)
class Booked:
    """One utterance as the interpreter's own books have it. Milliseconds; None where it never came to that."""

    utterance_id: str
    state: str
    target: str = ""
    """BCP 47 tag of the language it was interpreted into."""
    reason: str = ""
    recognised: str | None = None
    translated: str | None = None
    spoken_ms: float | None = None
    """How long the speaker spoke."""
    ear_voice_span_ms: float | None = None
    """From the speaker's last word to the first of the interpretation, by the interpreter's own clock."""
    model_ms: float | None = None
    """The model's part of it."""
    waited_ms: float | None = None
    """For somebody else's interpretation to end."""
    own_share_ms: float | None = None
    """What is left of the span without the pause that ends a turn, the model and the wait."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What one listener heard of one turn, judged by that listener's recording alone."""

    listener: str
    target: str
    """BCP 47 tag of the language they hear."""
    text: str | None
    """What the recogniser makes of it; None: nothing, or nothing understood."""
    starts_s: float | None
    """First interpreted sound, in seconds from the beginning of the recording; None: none came."""
    ends_s: float | None
    delay_ms: int | None
    """From the last sound of the speaker to the first of the interpretation, both in this recording."""
    words: Words
    queued: bool = False
    """Another interpretation was due before it in the same room."""


LEAK_DB = -20.0
"""A voice that is not to be heard may be correlated with a recording by so much: two voices are never quite unlike. One
that is passed on by mistake is there with 0 dB."""


@dataclass(frozen=True, slots=True)
class Original:
    """The speaker's own voice in one listener's recording."""

    listener: str
    wanted: bool
    """They sit together, or the listener's language is spoken; otherwise only the interpretation is to be heard."""
    found: bool
    """By correlation with what was spoken, piece by piece."""
    level_db: float
    """How loud it is there, against how it was spoken; -90: silence."""


@dataclass(frozen=True, slots=True)
class TurnResult:
    """One turn of the meeting, from the speaker's mouth to the listeners' ears."""

    number: int
    speaker: str
    source: str
    targets: tuple[str, ...]
    """BCP 47 tags of the languages others hear, in the room's order."""
    said: str | None
    """None for a recording."""
    expected: Mapping[str, str]
    """What should be heard, by target; none where not even the interpreter knows."""
    why: str = ""
    overlapping: bool = False
    """Somebody else spoke at the same time, so one of them had to wait for the other's interpretation."""
    originals: tuple[Original, ...] = ()
    apology: str | None = None
    """What the interpreter said because it could not understand or translate (a part of) it."""
    booked: tuple[Booked, ...] = ()
    heard: tuple[Hearing, ...] = ()

    @property
    def recognised(self) -> str | None:
        return _joined({one.utterance_id: one.recognised for one in self.booked}.values())

    @property
    def translated(self) -> dict[str, str]:
        """By target, as far as there is something."""
        said = {tag: _joined(one.translated for one in self.booked if one.target == tag) for tag in self.targets}
        return {tag: text for tag, text in said.items() if text}

    @property
    def interpreted(self) -> bool:
        """By the books and by every listener's recording."""
        return not self.problems

    @property
    def problems(self) -> list[str]:
        """What went wrong, one sentence each; none when the turn was interpreted and heard as it should be."""
        found = [
            f"{self.speaker}'s words did not arrive at {one.listener}"
            for one in self.originals
            if one.wanted and not one.found
        ]
        if found:
            return found
        if not self.booked:
            return ["the interpreter did not notice that somebody spoke"]
        found = [
            f"{one.listener} heard {self.speaker}'s own words ({one.level_db:.0f} dB)"
            for one in self.originals
            if not one.wanted and one.level_db > LEAK_DB
        ]
        found += [_unfinished(one) for one in self.booked if one.state != SPOKEN]
        booked = {one.target for one in self.booked}
        found += [f"nothing was interpreted into {tag}" for tag in self.targets if tag not in booked]
        if self.apology:
            found.append(f"the interpreter could only say “{self.apology}”")
        for one in self.heard:
            if one.starts_s is None:
                found.append(f"{one.listener} heard no interpretation")
            elif not one.text:
                found.append(f"{one.listener} heard something that cannot be recognised")
            elif not enough(one.words):
                right = f"{one.words.right} of {one.words.wanted} words"
                found.append(f"{one.listener} heard “{one.text}” instead ({right})")
        return found

    @property
    def delay_ms(self) -> int | None:
        """The latest that a listener's interpretation began, of those that did not have to wait for another."""
        known = [one for one in self.heard if one.delay_ms is not None]
        free = [one for one in known if not one.queued] or known
        return max((one.delay_ms for one in free if one.delay_ms is not None), default=None)

    @property
    def own_share_ms(self) -> float | None:
        """The interpreter's own part of it: without the pause that ends a turn, the model, the wait for the floor."""
        return max((one.own_share_ms for one in self.booked if one.own_share_ms is not None), default=None)


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, 95th percentile (nearest rank) and extremes of some milliseconds."""

    count: int
    median: float | None
    p95: float | None
    least: float | None
    most: float | None

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread:
        known = [value for value in values if value is not None]
        least, most = min(known, default=None), max(known, default=None)
        return cls(len(known), percentile(known, 0.5), percentile(known, 0.95), least, most)


@dataclass(frozen=True, slots=True)
class Report:
    """The whole meeting."""

    turns: Sequence[TurnResult]
    setup_s: float
    meeting_s: float
    total_s: float
    conditions: Mapping[str, object] = field(default_factory=dict)
    """Machine and versions the figures were measured on."""
    broken_off: str | None = None
    """Why the meeting was not held to its end."""

    @property
    def words(self) -> Words:
        """Over all listeners of all turns."""
        all_words = [one.words for turn in self.turns for one in turn.heard]
        return Words(sum(one.wanted for one in all_words), sum(one.right for one in all_words))

    @property
    def delay(self) -> Spread:
        """Of turns that nobody else spoke in: with two at once, one interpretation waits for the other by design."""
        return Spread.of(turn.delay_ms for turn in self.turns if not turn.overlapping)

    @property
    def leak_db(self) -> float | None:
        """The loudest that somebody's own voice was where it is not to be heard; None: it is to be heard everywhere."""
        unwanted = (one.level_db for turn in self.turns for one in turn.originals if not one.wanted)
        return max(unwanted, default=None)

    @property
    def own_share(self) -> Spread:
        return Spread.of(one.own_share_ms for turn in self.turns for one in turn.booked)

    @property
    def exit_code(self) -> int:
        """0 only if there was a meeting, held to its end, and every turn of it was interpreted and heard as such."""
        whole = self.turns and not self.broken_off
        return 0 if whole and all(turn.interpreted for turn in self.turns) else 1

    @property
    def failures(self) -> list[str]:
        """One line for each turn that was not interpreted."""
        return [
            f"{turn.number}. {turn.speaker} ({turn.source}): {'; '.join(turn.problems)}"
            for turn in self.turns
            if turn.problems
        ]

    def document(self) -> dict[str, Any]:
        """All figures, for machines."""
        words = self.words
        return {
            "passed": self.exit_code == 0,
            "broken_off": self.broken_off,
            "summary": {
                "utterances": len(self.turns),
                "interpreted": sum(turn.interpreted for turn in self.turns),
                "words_wanted": words.wanted,
                "words_right": words.right,
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
        "translated": turn.translated,
        "interpreted": turn.interpreted,
        "problems": turn.problems,
        "delay_ms": turn.delay_ms,
        "own_share_ms": turn.own_share_ms,
        "booked": [asdict(one) for one in turn.booked],
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


def _unfinished(booked: Booked) -> str:
    reason = f" ({booked.reason.replace('_', ' ')})" if booked.reason else ""
    return f"the ledger closed it as {booked.state.replace('_', ' ')}{reason}"


def _joined(texts: Iterable[str | None]) -> str | None:
    return " ".join(text.strip() for text in texts if text and text.strip()) or None
