"""The ladder to win a media stream back: which step comes next, by literal times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.calls.media_recovery import CALM_S, PATIENCE_S, RUNGS, MediaRecovery, RecoveryStep


def climb(ladder: MediaRecovery, now: float = 0.0) -> list[RecoveryStep]:
    steps = []
    while (rung := ladder.next(now)) is not None:
        steps.append(rung)
    return steps


def test_the_steps_in_order_and_then_none() -> None:
    ladder = MediaRecovery()
    assert climb(ladder) == [RecoveryStep.WAIT, RecoveryStep.RESTART, RecoveryStep.RECONNECT, RecoveryStep.RECONNECT]
    assert ladder.next(1_000.0) is None, "time alone is no recovery"


def test_the_first_two_fit_into_the_time_in_which_a_call_is_to_be_heard_again() -> None:
    assert PATIENCE_S[RecoveryStep.WAIT] + PATIENCE_S[RecoveryStep.RESTART] <= 10.0
    assert set(PATIENCE_S) == set(RUNGS) == set(RecoveryStep)


def test_a_refusal_passes_the_waiting_over_but_no_other_step() -> None:
    ladder = MediaRecovery()
    assert ladder.next(0.0, refused=True) is RecoveryStep.RESTART
    assert ladder.next(1.0, refused=True) is RecoveryStep.RECONNECT
    assert ladder.next(2.0, refused=True) is RecoveryStep.RECONNECT
    assert ladder.next(3.0, refused=True) is None


def test_a_stream_that_holds_is_well_and_one_that_flaps_is_not() -> None:
    ladder = MediaRecovery()
    assert ladder.next(0.0) is RecoveryStep.WAIT
    ladder.restored(1.0)
    assert ladder.next(1.0 + CALM_S - 0.01) is RecoveryStep.RESTART, "goes on where it was"
    ladder.restored(40.0)
    assert ladder.next(40.0 + CALM_S) is RecoveryStep.WAIT


def test_calm_counts_from_the_last_time_it_was_restored() -> None:
    ladder = MediaRecovery()
    ladder.next(0.0)
    ladder.restored(1.0)
    ladder.next(2.0)
    assert ladder.next(2.0 + CALM_S) is RecoveryStep.RECONNECT, "it was not restored after that loss"


@given(st.lists(st.tuples(st.floats(0.0, CALM_S * 0.9), st.booleans()), max_size=30))
def test_a_stream_that_never_holds_is_given_up_after_so_many_steps(losses: list[tuple[float, bool]]) -> None:
    ladder, now, taken = MediaRecovery(), 0.0, 0
    for held_s, refused in losses:
        taken += ladder.next(now, refused=refused) is not None
        ladder.restored(now)
        now += held_s
    assert taken <= len(RUNGS)
