"""Four hours of meeting: nothing is lost, and at the end nothing is more than it was after the first hour."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections import Counter
from collections.abc import Iterator

import openai
import pytest

from bot.interpreting.playout.lateness import LATE_S
from emulator.virtual_time import VirtualTimeLoop
from tests.support.four_hours import EVERY_S, HOURS, OVERLAP_EVERY, FourHours, Settled, hold
from tests.support.meeting import ADA, BENITO, CHLOE, DIETER, FOUR_LANGUAGES

pytestmark = [pytest.mark.soak, pytest.mark.timeout(500)]
CPU_S = 180.0
"""Far above what it takes (see docs/emulator.md), and far below four hours."""
TARGETS = len(FOUR_LANGUAGES.languages) - 1
OBJECTS_MORE = 60
"""Living objects more or fewer at the end of an hour: what happens to be under way, of thousands."""


@pytest.fixture(scope="module")
def meeting() -> Iterator[FourHours]:
    openai.AsyncOpenAI(api_key="-")  # imports what it needs, which would block the loop
    began = time.process_time()
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        held = runner.run(hold(seed=7))
    assert time.process_time() - began < CPU_S
    yield held


def by_hour(meeting: FourHours) -> list[list[Settled]]:
    return [[one for one in meeting.settled if one.hour == hour] for hour in range(HOURS)]


def test_every_utterance_has_exactly_one_end_in_each_language(meeting: FourHours) -> None:
    assert meeting.said == HOURS * 3600 / EVERY_S * (1 + 1 / OVERLAP_EVERY)
    ends = Counter((one.utterance, one.target) for one in meeting.settled)
    assert len(ends) == meeting.opened == meeting.said * TARGETS
    assert set(ends.values()) == {1}


def test_all_of_it_is_heard_but_what_a_crowded_channel_leaves_to_be_read(meeting: FourHours) -> None:
    """One channel, and six voices to bring through it whenever two people speak at once."""
    ends = Counter((one.state, one.reason) for one in meeting.settled)
    assert set(ends) <= {("spoken", ""), ("caption_only", "queue_full")}
    assert ends["caption_only", "queue_full"] < 0.15 * ends.total()
    assert meeting.lost == []


def test_sessions_succeed_one_another(meeting: FourHours) -> None:
    """Those who stay have had the same lanes all the time, each renewed nine or ten times."""
    staying = {lane: count for lane, count in meeting.sessions.items() if lane.speaker in (ADA, BENITO, CHLOE, DIETER)}
    assert len(staying) == 4 * TARGETS
    assert min(staying.values()) >= 1 + 9
    assert len(meeting.sessions) == 6 * TARGETS


def test_an_hour_costs_what_the_first_has_cost(meeting: FourHours) -> None:
    tokens = [sum(one.tokens for one in hour) for hour in by_hour(meeting)]
    assert all(each == pytest.approx(tokens[0], rel=0.05) for each in tokens)
    each_time = [total / len(hour) for total, hour in zip(tokens, by_hour(meeting), strict=True)]
    assert each_time == pytest.approx([each_time[0]] * HOURS, rel=0.05)
    assert min(each_time) > 50


def test_a_conversation_holds_what_is_being_interpreted_and_no_more(meeting: FourHours) -> None:
    assert meeting.most_items == 1
    assert [set(size.items) for size in meeting.sizes] == [{0}] * HOURS


def test_nothing_grows(meeting: FourHours) -> None:
    """Living objects of the service by type, at the end of each hour: ledger, captions, floors, turns, sessions."""
    first = meeting.sizes[0].objects
    assert first.total() > 1_000
    for later in meeting.sizes[1:]:
        more = later.objects - first
        assert more.total() <= OBJECTS_MORE, more


def test_interpretations_fall_behind_in_no_hour_more_than_in_the_first(meeting: FourHours) -> None:
    spans = [[one.span_s for one in hour if one.span_s is not None] for hour in by_hour(meeting)]
    medians = [statistics.median(hour) for hour in spans]
    assert max(medians) < 5.0
    assert max(medians) - min(medians) < 0.5
    assert max(itertools.chain(*spans)) <= LATE_S
