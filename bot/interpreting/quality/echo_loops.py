"""Echo: interpretation that comes back through a loudspeaker, or through another interpreter. Nobody is muted for it.

Sound decides; the words may confirm it, and never throw anything away by themselves. The share is that of the
utterance's speech which is the interpreter's own voice (`OwnVoiceHeard`).

| share | words | consequence |
|---|---|---|
| `SURE` | | `RETURNED`: not interpreted, `echo` in the ledger |
| `POSSIBLE` | those we spoke meanwhile | `RETURNED` |
| `POSSIBLE` | others, or not known | `SUSPECTED`: interpreted and flagged |
| not measured, since audio is mixed | those we spoke meanwhile | `SUSPECTED` |
| | the same person's words again, for the `LOOP_LENGTH`th time right after we have interpreted them, and nobody else has spoken | `LOOP`: another interpreter answers ours. Read and flagged, not heard, so that it has nothing to answer |
"""  # noqa: E501  (a table cell cannot be wrapped)

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum, auto

from bot.interpreting.captions import Utterance
from bot.interpreting.ledger import Entry
from bot.interpreting.plan import MIXED

SURE = 0.85
"""A person who speaks over our voice lowers the share below this, even where our voice is twice as loud."""
POSSIBLE = 0.4
"""Other people's speech reaches 0.35 in a piece of 0.8 s, our voice in the worst of rooms 0.4."""
SUSPECTED_ECHO = "suspected_echo"
"""Flag of captions and ledger."""
LOOP_LENGTH = 3
"""So often, people hardly say the same right after its interpretation, with nobody else speaking."""
ANSWER_S = 5.0
"""Seconds after our last frame in which another interpreter answers: about 3."""
REMEMBERED_S = 30.0
"""Seconds a text is remembered. A loop of two turns of 10 s is over in 30 s."""
REMEMBERED = 64
"""Most texts remembered: two a second for `REMEMBERED_S`."""
RETURN_S = 1.0
"""Seconds after the interpreter's last frame: what ACS and the way back hold (0.6 s), and the onset of an utterance."""
FEWEST_WORDS = 2
"""Shorter texts are said all the time: they neither confirm an echo nor make a loop."""
ALIKE = 0.8
"""Least share of words, in order, that two like texts have in common: recognisers and models vary their words."""
TOLD_AFTER = 3
"""Echoes within `TOLD_S` of the same person after which admins are told."""
TOLD_S = 60.0
"""Seconds that is shown, after the last echo."""


class Echo(Enum):
    """What the return of our own voice or words is, of one utterance."""

    NONE = auto()
    SUSPECTED = auto()
    RETURNED = auto()
    LOOP = auto()


@dataclass(frozen=True, slots=True)
class _Ours:
    """An interpretation that is being heard, or will be."""

    words: tuple[str, ...]
    at: float
    entry: Entry
    """Says whose words it interprets, and when it was heard."""


class EchoLoopBreaker:
    """What was said in one room lately, and who echoes the interpreter. Uses bounded memory."""

    def __init__(self) -> None:
        self._ours: deque[_Ours] = deque(maxlen=REMEMBERED)
        self._last: tuple[str, tuple[str, ...]] = ("", ())
        """Who spoke last, and what."""
        self._circles = 0
        """How often the last speaker has said the same again, right after its interpretation."""
        self._returned: dict[str, deque[float]] = {}
        """By speaker: when the last echoes came."""

    def spoke(self, text: str, entry: Entry, now: float) -> None:
        """Remember an interpretation that is being heard, or will be."""
        self._ours.append(_Ours(words_of(text), now, entry))

    def by_sound(self, spoken: Utterance, now: float) -> Echo:
        """Judge an utterance that has ended, before its words are known."""
        if spoken.own_share < POSSIBLE:
            return Echo.NONE
        return self._count(spoken.speaker, now) if spoken.own_share >= SURE else Echo.SUSPECTED

    def by_words(self, spoken: Utterance, text: str, now: float) -> Echo:
        """Judge an utterance whose words have come. Call it once per utterance, in the order of the words."""
        words = words_of(text)
        possible = spoken.own_share >= POSSIBLE
        if len(words) >= FEWEST_WORDS:
            recent = [ours for ours in self._ours if now - ours.at <= REMEMBERED_S]
            confirmed = any(_came_back(ours, words, spoken.began_at) for ours in recent)
            if confirmed and possible:
                return self._count(spoken.speaker, now)
            if self._goes_round(spoken, words, recent):
                self._count(spoken.speaker, now)
                return Echo.LOOP
            possible = possible or (confirmed and spoken.speaker == MIXED)
        return Echo.SUSPECTED if possible else Echo.NONE

    def _goes_round(self, spoken: Utterance, words: tuple[str, ...], recent: list[_Ours]) -> bool:
        speaker, before = self._last
        self._last = (spoken.speaker, words)
        again = speaker == spoken.speaker != MIXED and alike(before, words)
        answers = any(
            ours.entry.lane.speaker == speaker
            and ours.entry.last_played_at is not None
            and ours.entry.last_played_at <= spoken.began_at <= ours.entry.last_played_at + ANSWER_S
            for ours in recent
        )
        self._circles = self._circles + 1 if again and answers else 0
        return self._circles >= LOOP_LENGTH

    def _count(self, speaker: str, now: float) -> Echo:
        self._returned.setdefault(speaker, deque(maxlen=TOLD_AFTER)).append(now)
        return Echo.RETURNED

    @property
    def echoing(self) -> list[str]:
        """Speakers of whom admins are told; `release` takes them off."""
        return [
            speaker
            for speaker, times in self._returned.items()
            if len(times) == TOLD_AFTER and times[-1] - times[0] <= TOLD_S
        ]

    def release(self, now: float) -> None:
        """Forget the speakers whose last echo is long ago."""
        for speaker in [speaker for speaker, times in self._returned.items() if now >= times[-1] + TOLD_S]:
            del self._returned[speaker]

    def deadline(self) -> float | None:
        """When `release` has something to do."""
        return min((times[-1] + TOLD_S for times in self._returned.values()), default=None)


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


def _came_back(ours: _Ours, words: tuple[str, ...], began_at: float) -> bool:
    """Return whether words are the interpreter's, or part of them, and began while those were heard."""
    entry = ours.entry
    if entry.first_played_at is None or entry.last_played_at is None:
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
