"""Prints how detectors and the endpointer fared, condition by condition; measures nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.turns.scores import BOT, FIRST_SIGN_MS, YARDSTICK, Score

ALLOWED_CLIPS = 1
ALLOWED_MS = 100
"""How much worse than silero on every frame the bot's detector may be."""


def show(screen: Console, scores: Sequence[Score], source: str) -> None:
    """Print a group of rows for each condition, the detectors in each."""
    table = Table(title=f"ends of turns, {source} speech", title_justify="left", box=box.SIMPLE_HEAD)
    for title, justify in _COLUMNS:
        table.add_column(title, justify=justify, no_wrap=True)
    for scene, group in groupby(scores, key=lambda score: score.scene):
        of_scene = list(group)
        yardstick = next((score for score in of_scene if score.detector == YARDSTICK), None)
        for number, score in enumerate(of_scene):
            verdict = verdict_on(score, yardstick)
            table.add_row(
                Text(scene, style="bold") if number == 0 else "",
                score.detector,
                f"{score.missed_beginnings} of {score.sentences}",
                f"{score.missed_utterances} of {score.sentences}",
                f"{score.false_per_min:.1f}",
                f"{_ms(score.end_p50_ms)} / {_ms(score.end_p95_ms)}",
                "{:.0f} ({:.0f}-{:.0f})".format(score.cuts_per_h, *score.cuts_range),
                f"{score.cuts}",
                f"{score.taken_back}",
                f"{score.cap_cuts_amid_words} of {score.cap_cuts}" if score.cap_cuts else "",
                f"{score.us_per_frame:.0f}",
                "" if verdict is None else Text("✓", style="green") if verdict else Text("✗", style="red"),
                end_section=number == len(of_scene) - 1,
            )
    screen.print(table)
    screen.print(
        f"End: from the last sound of a sentence to the decision, its pause included. ✓: no worse than {YARDSTICK},\n"
        f"by more than {ALLOWED_CLIPS} sentence or {ALLOWED_MS} ms. Alone: hears every frame. µs are of this run.\n"
        f"Taken back: the speaker went on before the first of the interpretation, which comes after {FIRST_SIGN_MS} ms."
    )


def verdict_on(score: Score, yardstick: Score | None) -> bool | None:
    """Return whether the bot's detector is as good as it should be; None for other detectors."""
    if score.detector != BOT or yardstick is None:
        return None
    allowed = yardstick.missed_beginnings + yardstick.missed_utterances + ALLOWED_CLIPS
    latest = max(yardstick.ends_ms, default=0) + ALLOWED_MS
    return (
        score.missed_beginnings + score.missed_utterances <= allowed
        and (score.end_p50_ms or 0) <= (yardstick.end_p50_ms or 0) + ALLOWED_MS
        and sum(end > latest for end in score.ends_ms) <= ALLOWED_CLIPS
    )


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


_COLUMNS: tuple[tuple[str, Literal["left", "right"]], ...] = (
    ("condition", "left"),
    ("detector", "left"),
    ("begin-\nnings\nlost", "right"),
    ("sent-\nences\nlost", "right"),
    ("false\nper min", "right"),
    ("end, ms\np50 / p95", "right"),
    ("cuts in sentences\nper hour (95 %)", "right"),
    ("cuts", "right"),
    ("taken\nback", "right"),
    ("cap,\namid\nwords", "right"),
    ("µs a\nframe", "right"),
    ("", "left"),
)
