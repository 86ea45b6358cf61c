from __future__ import annotations

import io
from collections.abc import Iterable

import pytest
from rich.console import Console

from benchmarks.lag import Outcome, Share, measure, show
from bot.interpreting.playout.lateness import LATE_S


@pytest.fixture(scope="module")
def scenes() -> dict[str, Outcome]:
    return {outcome.scene: outcome for outcome in measure()}


def shares(found: Iterable[Share]) -> list[float]:
    return [share.heard / share.said for share in found]


@pytest.mark.parametrize(
    "scene", ["four languages in one room", "one person into three languages", "two people at once"]
)
def test_what_a_crowded_channel_cannot_carry_is_shared_among_languages_and_speakers(
    scenes: dict[str, Outcome], scene: str
) -> None:
    outcome = scenes[scene]
    for found in (shares(outcome.by_language.values()), shares(outcome.by_speaker.values())):
        assert min(found) > 0.5
        assert max(found) - min(found) < 0.1
    assert outcome.span_s[1] <= LATE_S
    assert outcome.idle < 0.1, "while something is left out, the channel is in use"
    assert set(outcome.reasons) == {"queue_full"}


def test_a_monologue_is_heard_to_its_end(scenes: dict[str, Outcome]) -> None:
    outcome = scenes["monologues of 20 s"]
    assert outcome.by_speaker == {"Ada": Share(24, 24)}
    assert outcome.condensed == 0


def test_the_table_has_a_row_for_each_scene(scenes: dict[str, Outcome]) -> None:
    screen = io.StringIO()
    show(Console(file=screen, width=250), list(scenes.values()))
    assert all(scene in screen.getvalue() for scene in scenes)
