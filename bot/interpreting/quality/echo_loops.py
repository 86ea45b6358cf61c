"""Echo loops: interpretation that comes back is noticed by its words, not interpreted again, and its speaker muted.

| it is an echo | because |
|---|---|
| words that began while the interpreter was heard, and are its words | its voice has come back through a microphone |
| the `LOOP_LENGTH`th utterance in a row that repeats what the interpreter, or somebody else, said lately | two interpreters answer each other |

People repeat each other to confirm and to agree: a single repetition is no loop, and repeating oneself is no echo. Words
that are not recognised, such as those of a language the recogniser does not expect, cannot be noticed.
"""  # noqa: E501  (a table cell cannot be wrapped)

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from difflib import SequenceMatcher

from bot.interpreting.ledger import Entry
from bot.interpreting.plan import MIXED

LOOP_LENGTH = 2
"""Repetitions in a row that make a loop. The first repetition may be a person's."""
REMEMBERED_S = 30.0
"""Seconds a text is remembered. An interpreter answers after about 3 s: a loop of two turns of 10 s is over in 30 s."""
REMEMBERED = 64
"""Most texts remembered: two a second for `REMEMBERED_S`."""
RETURN_S = 1.0
"""Seconds after the interpreter's last frame: what ACS and the way back hold (0.6 s), and the onset of an utterance."""
FEWEST_WORDS = 2
"""Shorter texts are said all the time: they neither make a loop nor break it."""
ALIKE = 0.8
"""Least share of words, in order, that two like texts have in common: recognisers and models vary their words."""
SUPPRESSED_BEFORE_MUTE = 3
"""Echoes within `MUTE_WINDOW_S` after which their speaker is muted."""
MUTE_WINDOW_S = 60.0
MUTE_S = 60.0
"""Long enough for the other interpreter to forget the loop, short enough for a person who is muted by mistake."""


@dataclass(frozen=True, slots=True)
class _Text:
    words: tuple[str, ...]
    at: float
    speaker: str
    """Empty for the interpreter."""
    entry: Entry | None = None
    """Says when it was heard, if the interpreter said it."""


class EchoLoopBreaker:
    """What was said in one room lately, by whom, and who is muted. Uses bounded memory."""

    def __init__(self) -> None:
        self._texts: deque[_Text] = deque(maxlen=REMEMBERED)
        self._in_a_row = 0
        self._suppressed: dict[str, deque[float]] = {}
        self._muted: dict[str, float] = {}
        """By speaker: when the mute ends."""

    def spoke(self, text: str, entry: Entry, now: float) -> None:
        """Remember an interpretation that is being heard, or will be."""
        self._texts.append(_Text(words_of(text), now, "", entry))

    def is_echo(self, speaker: str, text: str, began_at: float, now: float) -> bool:
        """Return whether an utterance is an echo; mutes speakers who are an echo often. Call it once per utterance.

        `MIXED` stands for several people: it may repeat itself, and is never muted.
        """
        words = words_of(text)
        if len(words) < FEWEST_WORDS:
            return False
        recent = [known for known in self._texts if known.words and now - known.at <= REMEMBERED_S]
        ours_come_back = any(_came_back(known, words, began_at) for known in recent)
        repeated = any((known.speaker != speaker or speaker == MIXED) and alike(known.words, words) for known in recent)
        self._in_a_row = self._in_a_row + 1 if repeated else 0
        self._texts.append(_Text(words, now, speaker))
        echo = ours_come_back or self._in_a_row >= LOOP_LENGTH
        if echo:
            self._count(speaker, now)
        return echo

    def _count(self, speaker: str, now: float) -> None:
        times = self._suppressed.setdefault(speaker, deque(maxlen=SUPPRESSED_BEFORE_MUTE))
        times.append(now)
        if speaker != MIXED and len(times) == SUPPRESSED_BEFORE_MUTE and now - times[0] <= MUTE_WINDOW_S:
            self._muted[speaker] = now + MUTE_S
            times.clear()
        for other in [other for other, when in self._suppressed.items() if when and now - when[-1] > MUTE_WINDOW_S]:
            del self._suppressed[other]

    @property
    def muted(self) -> list[str]:
        """The muted speakers; `release` ends their mute."""
        return list(self._muted)

    def is_muted(self, speaker: str) -> bool:
        return speaker in self._muted

    def release(self, now: float) -> list[str]:
        """End the mute of speakers whose time is over; returns them."""
        over = [speaker for speaker, until in self._muted.items() if now >= until]
        for speaker in over:
            del self._muted[speaker]
        return over

    def deadline(self) -> float | None:
        """When `release` has something to do."""
        return min(self._muted.values(), default=None)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words without case and punctuation; of scripts without spaces, each character."""
    kept = "".join(letter if letter.isalnum() else " " for letter in text.casefold()).split()
    words: list[str] = []
    for word in kept:
        words += [word] if word.isascii() or not _unspaced(word) else list(word)
    return tuple(words)


def alike(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    """Return whether two texts are the same, except what recognisers and models vary."""
    if not first or not second or min(len(first), len(second)) < ALIKE * max(len(first), len(second)):
        return False
    wanted = ALIKE * max(len(first), len(second))
    # Comparing the words in any order is quick, and rules out most pairs.
    in_any_order = sum((Counter(first) & Counter(second)).values())
    return first == second or (in_any_order >= wanted and _common(first, second) >= wanted)


def _came_back(ours: _Text, words: tuple[str, ...], began_at: float) -> bool:
    """Return whether words are the interpreter's, or part of them, and began while those were heard."""
    entry = ours.entry
    if entry is None or entry.first_played_at is None or entry.last_played_at is None:
        return False
    if not entry.first_played_at <= began_at <= entry.last_played_at + RETURN_S:
        return False
    return _common(ours.words, words) >= ALIKE * len(words)


def _common(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    """Return how many words two texts have in common, in order."""
    return sum(block.size for block in SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks())


def _unspaced(word: str) -> bool:
    """Return whether a word is of a script without spaces, such as Chinese, Japanese or Thai."""
    return any("\u0e00" <= letter <= "\u0eff" or "\u3040" <= letter <= "\u9fff" for letter in word)
