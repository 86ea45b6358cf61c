"""Interpretation of interpretation: noticed by its words, left uninterpreted, and its speaker muted if it goes on. Pure.

| it is an echo | because |
|---|---|
| words that began while we were heard, and are ours | our own voice has come back, through somebody's microphone |
| the `LOOP_LENGTH`th utterance in a row that repeats what we, or somebody else, said lately | two interpreters answer each other |

People repeat one another, to confirm and to agree: once is never a loop, and words of one's own are no echo. It sees nothing
where the speaker's words are not recognised, or in a language the recogniser does not expect.
"""  # noqa: E501  (a table cell cannot be wrapped)

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from difflib import SequenceMatcher

from bot.interpreting.ledger import Entry
from bot.interpreting.plan import MIXED

LOOP_LENGTH = 2
"""The first repetition may be anybody's; in a loop of two interpreters it is the first turn of the loop."""
REMEMBERED_S = 30.0
"""An interpreter answers within 3 s or so of what it hears; a loop's turn of 10 s of speech each is over in 30."""
REMEMBERED = 64
"""Texts. Two a second for all the time they are remembered."""
RETURN_S = 1.0
"""After our last frame: what ACS and a microphone's way back hold of us (0.6 s), and the onset of an utterance."""
FEWEST_WORDS = 2
"""Shorter texts are said by everybody all the time: they neither make a loop nor break one."""
ALIKE = 0.8
"""Share of words two texts have in common, in order: recognisers and models never say anything twice the same way."""
SUPPRESSED_BEFORE_MUTE = 3
MUTE_WINDOW_S = 60.0
MUTE_S = 60.0
"""Long enough for a loop to be forgotten at its other end, short enough for a person taken for one."""


@dataclass(frozen=True, slots=True)
class _Text:
    words: tuple[str, ...]
    at: float
    speaker: str
    """Empty for our own."""
    entry: Entry | None = None
    """Of our own: when it was heard."""


class EchoLoopBreaker:
    """What was said in one room lately, by whom, and who is muted. Memory is bounded, whatever is said."""

    def __init__(self) -> None:
        self._texts: deque[_Text] = deque(maxlen=REMEMBERED)
        self._in_a_row = 0
        self._suppressed: dict[str, deque[float]] = {}
        self._muted: dict[str, float] = {}
        """Until when, by speaker."""

    def spoke(self, text: str, entry: Entry, now: float) -> None:
        """Remember an interpretation that is being heard, or is about to be."""
        self._texts.append(_Text(words_of(text), now, "", entry))

    def is_echo(self, speaker: str, text: str, began_at: float, now: float) -> bool:
        """Judge what somebody was heard to say, once for each utterance; who is often an echo is muted.

        `MIXED` may be anybody: so it may repeat itself, and is never muted.
        """
        words = words_of(text)
        if len(words) < FEWEST_WORDS:
            return False
        recent = [one for one in self._texts if one.words and now - one.at <= REMEMBERED_S]
        ours_come_back = any(_came_back(one, words, began_at) for one in recent)
        repeated = any((one.speaker != speaker or speaker == MIXED) and alike(one.words, words) for one in recent)
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
        """Who is not listened to; `release` them in time."""
        return list(self._muted)

    def is_muted(self, speaker: str) -> bool:
        return speaker in self._muted

    def release(self, now: float) -> list[str]:
        """Listen again to those whose time is over; returns them."""
        over = [speaker for speaker, until in self._muted.items() if now >= until]
        for speaker in over:
            del self._muted[speaker]
        return over

    def deadline(self) -> float | None:
        """When `release` has something to do."""
        return min(self._muted.values(), default=None)


def words_of(text: str) -> tuple[str, ...]:
    """The words without case and punctuation; scripts without spaces, letter by letter."""
    kept = "".join(letter if letter.isalnum() else " " for letter in text.casefold()).split()
    words: list[str] = []
    for word in kept:
        words += [word] if word.isascii() or not _unspaced(word) else list(word)
    return tuple(words)


def alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two texts are the same, but for what recognisers and models change."""
    if not one or not other or min(len(one), len(other)) < ALIKE * max(len(one), len(other)):
        return False
    wanted = ALIKE * max(len(one), len(other))
    # The words in any order are quickly compared, and hardly any two texts get further than that.
    return one == other or (sum((Counter(one) & Counter(other)).values()) >= wanted and _common(one, other) >= wanted)


def _came_back(ours: _Text, words: tuple[str, ...], began_at: float) -> bool:
    """Whether the words are ours, or part of them, and began while ours were heard."""
    entry = ours.entry
    if entry is None or entry.first_played_at is None or entry.last_played_at is None:
        return False
    if not entry.first_played_at <= began_at <= entry.last_played_at + RETURN_S:
        return False
    return _common(ours.words, words) >= ALIKE * len(words)


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many words both have, in order."""
    return sum(block.size for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks())


def _unspaced(word: str) -> bool:
    """Chinese, Japanese, Thai and their like."""
    return any("\u0e00" <= letter <= "\u0eff" or "\u3040" <= letter <= "\u9fff" for letter in word)
