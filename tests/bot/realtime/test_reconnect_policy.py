from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.realtime.errors import QUOTA, SessionError
from bot.realtime.reconnect_policy import ReconnectPolicy
from bot.realtime.timeouts import BoothLimits

LIMITS = BoothLimits(
    first_pause_s=1.0,
    longest_pause_s=8.0,
    stable_s=10.0,
    refusals=3,
    quota_refusals=3,
    deaths=3,
    longest_sick_pause_s=60.0,
)
LOST = SessionError("closed_1006")
REFUSED = SessionError("http_401", retryable=False)
SHORT_OF_QUOTA = SessionError(QUOTA)


class Longest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


def policy() -> ReconnectPolicy:
    return ReconnectPolicy(LIMITS, Longest())


def test_pauses_double_up_to_the_longest() -> None:
    lane = policy()
    pauses = []
    for _ in range(6):
        lane.failed()
        pauses.append(lane.pause_s(None))
    assert pauses == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@pytest.mark.parametrize(("lasted_s", "pause_s"), [(None, 4.0), (9.9, 4.0), (10.0, 1.0)])
def test_a_session_that_lasted_resets_the_pauses(lasted_s: float | None, pause_s: float) -> None:
    lane = policy()
    lane.failed()
    lane.failed()
    lane.failed(lasted_s)
    assert lane.pause_s(None) == pause_s


@pytest.mark.parametrize(("asked_s", "pause_s"), [(0.1, 1.0), (5.0, 5.0), (3_600.0, LIMITS.longest_retry_after_s)])
def test_a_pause_is_as_long_as_the_service_asks_within_bounds(asked_s: float, pause_s: float) -> None:
    lane = policy()
    lane.failed()
    assert lane.pause_s(asked_s) == pause_s


@given(st.integers(1, 40), st.randoms(use_true_random=False))
def test_pauses_lie_between_nothing_and_the_longest(failures: int, rng: random.Random) -> None:
    lane = ReconnectPolicy(LIMITS, rng)
    for _ in range(failures):
        lane.failed()
    assert 0 <= lane.pause_s(None) <= LIMITS.longest_pause_s


def test_an_engine_that_never_worked_is_given_up_at_its_first_refusal() -> None:
    assert not policy().gives_up_after(LOST)
    assert policy().gives_up_after(REFUSED)


def test_an_engine_that_worked_may_refuse_twice() -> None:
    lane = policy()
    lane.configured()
    assert [lane.gives_up_after(REFUSED) for _ in range(3)] == [False, False, True]
    lane.configured()
    assert not lane.gives_up_after(REFUSED)


def test_only_consecutive_lack_of_quota_gives_up_an_engine() -> None:
    lane = policy()
    losses = [SHORT_OF_QUOTA, SHORT_OF_QUOTA, LOST, SHORT_OF_QUOTA, SHORT_OF_QUOTA, SHORT_OF_QUOTA]
    assert [lane.gives_up_after(lost) for lost in losses] == [False] * 5 + [True]


def test_only_consecutive_interpretations_refused_for_quota_count() -> None:
    lane = policy()
    reasons = [QUOTA, "insufficient_quota", "", QUOTA, QUOTA, QUOTA, QUOTA]
    assert [lane.out_of_quota(reason) for reason in reasons] == [False] * 5 + [True, False]


def test_a_new_engine_begins_without_failures() -> None:
    lane = policy()
    lane.configured()
    lane.failed()
    lane.failed()
    lane.engine_changed()
    lane.failed()
    assert lane.pause_s(None) == 1.0
    assert lane.gives_up_after(REFUSED)


def test_sessions_that_die_at_their_first_audio_count_however_long_they_waited_for_it() -> None:
    lane = policy()
    pauses = []
    for _ in range(8):
        lane.failed(3_600.0, died=True)
        pauses.append(lane.pause_s(None, sick=lane.dying))
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_a_good_answer_ends_the_count_of_deaths_and_failures() -> None:
    lane = policy()
    for _ in range(2):
        lane.failed(1.0, died=True)
    assert not lane.dying
    assert lane.failures == 2
    lane.proved()
    assert lane.failures == 0
    for _ in range(2):
        lane.failed(1.0, died=True)
    assert not lane.dying
    lane.failed(1.0, died=True)
    assert lane.dying
