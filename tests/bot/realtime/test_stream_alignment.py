"""A simulated stream whose truth is known: whose voice and text is whose, for conversations of many kinds."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from bot.realtime.stream_alignment import INITIAL_LAG_MS, StreamAlignment, StreamedUtterance

STEP = 200
LEAD_MS = 400.0
TAIL_MS = 300
"""What the noise gate passes on after a word."""
Span = tuple[float, float]


@dataclass
class Conversation:
    """What is said, and how the service answers: ranges in milliseconds and as shares."""

    turns: Span
    gaps: Span
    lengths: Span = (0.9, 1.3)
    """Of interpretations, in lengths of their sources."""
    lags: Span = (3_000.0, 5_000.0)
    wordless: float = 0.0
    """Share of utterances that have no interpretation."""
    longest: float = 10_000.0
    """Where speech is cut."""


@dataclass
class Outcome:
    voice: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))
    """Milliseconds by the utterance they were given to, and by the turn they are of."""
    empty: int = 0

    @property
    def right(self) -> float:
        total = sum(sum(turns.values()) for turns in self.voice.values())
        return sum(turns[name.partition(".")[0]] for name, turns in self.voice.items()) / total


def played(kind: Conversation, seed: int, count: int = 30) -> Outcome:
    rng = random.Random(seed)
    at, free = 0.0, 0.0
    happenings: list[tuple[float, int, str, str, float]] = []
    spoken: list[str] = []
    for number in range(count):
        at += rng.uniform(*kind.gaps)
        lasts = rng.uniform(*kind.turns)
        silent = rng.random() < kind.wordless
        cut = 0
        while cut * kind.longest < lasts:
            name = f"{number}.{cut}"
            until = at + min(lasts, (cut + 1) * kind.longest)
            happenings += [(at + cut * kind.longest, 0, "begins", name, 0.0), (until, 0, "ends", name, until)]
            spoken += [] if silent else [name]
            cut += 1
        begins = max(at + rng.uniform(*kind.lags), free, at + min(lasts, 6_000) + 500)
        length = lasts * rng.uniform(*kind.lengths)
        at += lasts
        if silent:
            continue
        free = begins + length
        for offset in range(0, int(length), STEP):
            happenings.append((begins + offset - LEAD_MS, 1, "text", str(number), 0.0))
            happenings.append((begins + offset, 2, "voice", str(number), min(STEP, length - offset)))
    return aligned(sorted(happenings), spoken)


def aligned(happenings: list[tuple[float, int, str, str, float]], spoken: list[str]) -> Outcome:
    alignment, outcome = StreamAlignment(), Outcome()
    for at, _, what, name, value in happenings:
        step = at - at % STEP
        while (oldest := alignment.oldest) is not None and oldest.end_ms is not None:
            quiet_ms = 2_000 if oldest.voice_until_ms is not None else 3_000
            since = oldest.voice_until_ms or alignment.free_ms
            if at < max(oldest.end_ms + alignment.lag_ms + 1_000, since + quiet_ms):
                break
            alignment.pop()
        match what:
            case "begins":
                alignment.utterances[name] = StreamedUtterance(name, at)
            case "ends" if name in alignment.utterances:
                alignment.utterances[name].end_ms = value
            case "text":
                alignment.text(step)
            case "voice":
                while alignment.passed(step):
                    alignment.pop(step)
                owner = alignment.voice(step, step + value + TAIL_MS, int(value) * 48)
                outcome.voice[owner.id if owner is not None else "nobody"][name] += value
            case _:
                pass
    outcome.empty = sum(name not in outcome.voice for name in spoken)
    return outcome


@pytest.mark.parametrize(
    ("kind", "right"),
    [
        (Conversation((900, 1_100), (1_500, 2_500)), 0.97),
        (Conversation((900, 1_100), (500, 900)), 0.85),
        (Conversation((1_000, 2_000), (500, 800)), 0.85),
        (Conversation((1_000, 2_000), (500, 800), lengths=(1.0, 1.5)), 0.55),
        (Conversation((1_000, 2_000), (500, 800), lags=(3_500, 4_000)), 0.9),
        (Conversation((1_000, 2_000), (2_000, 4_000)), 0.99),
        (Conversation((800, 6_000), (500, 3_000)), 0.9),
        (Conversation((11_000, 14_000), (600, 3_000)), 0.85),
        (Conversation((1_000, 2_500), (600, 3_000), wordless=0.1), 0.9),
    ],
    ids=["turns", "quick turns", "sentences", "long", "steady", "slow", "mixed", "beyond the cap", "noises"],
)
def test_nobodys_sound_is_lost_and_most_of_it_is_given_to_the_right_utterance(kind: Conversation, right: float) -> None:
    outcomes = [played(kind, seed) for seed in range(100, 120)]
    assert sum(outcome.empty for outcome in outcomes) <= 3, "of six hundred"
    assert sum(outcome.right for outcome in outcomes) / len(outcomes) >= right


def test_without_utterances_output_is_nobodys() -> None:
    alignment = StreamAlignment()
    assert not alignment.passed(5_000)
    assert alignment.voice(5_000, 5_200, 9_600) is alignment.text(5_000) is alignment.oldest is None


def test_output_cannot_come_before_its_speaker_has_spoken() -> None:
    alignment = StreamAlignment()
    for name, start, end in (("u-1", 0, 1_000), ("u-2", 9_000, None)):
        alignment.utterances[name] = StreamedUtterance(name, start, end)
    assert not alignment.passed(9_900)


def test_the_lag_and_the_length_of_interpretations_are_measured() -> None:
    alignment = StreamAlignment()
    for number in range(30):
        start = number * 20_000
        alignment.utterances["u"] = StreamedUtterance("u", start, start + 2_000)
        for offset in range(0, 3_000, 200):
            alignment.voice(start + 2_500 + offset, start + 2_700 + offset, 9_600)
        alignment.pop()
    assert alignment.lag_ms == pytest.approx(2_500, rel=0.01) != INITIAL_LAG_MS
    assert alignment.ratio == pytest.approx(1.5, rel=0.05)
