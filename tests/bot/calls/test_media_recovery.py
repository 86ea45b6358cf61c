"""The recovery of a media stream, step by step, by literal times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.calls.media_recovery import CALM_S, FIRST_MEDIA_S, PATIENCE_S, STEPS, MediaRecovery, RecoveryStep, RecoveryTask


def lose(recovery: MediaRecovery, now: float, *, refused: bool = False) -> RecoveryStep | None:
    recovery.lost(refused=refused)
    return recovery.begin_step(now)


def test_the_steps_in_order_and_then_none() -> None:
    recovery = MediaRecovery()
    taken = []
    while (step := lose(recovery, 0.0)) is not None:
        taken.append(step)
        assert (recovery.step, recovery.problem, recovery.due) == (step, step.value, None)
        recovery.wait(10.0)
        assert recovery.deadline == 10.0 + PATIENCE_S[step]
    assert taken == [RecoveryStep.WAIT, RecoveryStep.RESTART, RecoveryStep.RECONNECT, RecoveryStep.RECONNECT]
    assert lose(recovery, 1_000.0) is None, "time alone is no recovery"


def test_the_first_two_fit_into_the_time_in_which_a_call_is_to_be_heard_again() -> None:
    assert PATIENCE_S[RecoveryStep.WAIT] + PATIENCE_S[RecoveryStep.RESTART] <= 10.0
    assert set(PATIENCE_S) == set(STEPS) == set(RecoveryStep)


def test_a_refusal_passes_the_waiting_over_but_no_other_step() -> None:
    recovery = MediaRecovery()
    assert lose(recovery, 0.0, refused=True) is RecoveryStep.RESTART
    assert lose(recovery, 1.0, refused=True) is RecoveryStep.RECONNECT
    assert lose(recovery, 2.0, refused=True) is RecoveryStep.RECONNECT
    assert lose(recovery, 3.0, refused=True) is None


def test_a_refusal_counts_though_the_socket_closes_after_it() -> None:
    recovery = MediaRecovery()
    recovery.lost(refused=True)
    recovery.lost()
    assert recovery.due is RecoveryTask.STEP_AFTER_REFUSAL
    assert recovery.begin_step(0.0) is RecoveryStep.RESTART


def test_the_first_socket_is_waited_for_as_long_as_a_join_takes_or_as_told() -> None:
    for recovery, wait_s in ((MediaRecovery(), FIRST_MEDIA_S), (MediaRecovery(4.0), 4.0)):
        assert (recovery.due, recovery.deadline) == (None, None)
        recovery.wait(1.0)
        assert recovery.deadline == 1.0 + wait_s


def test_a_stream_that_opens_is_enough() -> None:
    recovery = MediaRecovery()
    lose(recovery, 0.0)
    recovery.lost()
    recovery.opened(1.0)
    assert (recovery.step, recovery.due, recovery.problem) == (None, None, None)


def test_why_this_side_closed_the_socket_is_part_of_the_problem() -> None:
    recovery = MediaRecovery()
    recovery.opened(0.0)
    recovery.closed("sample rate is not 24000")
    assert lose(recovery, 1.0) is RecoveryStep.WAIT
    assert recovery.problem == "waiting for the re-dial: sample rate is not 24000"
    assert recovery.because("media_lost") == "media_lost: sample rate is not 24000"
    recovery.opened(2.0)
    assert recovery.problem is None
    recovery.closed("")
    lose(recovery, 3.0)
    assert recovery.problem == "restarting media streaming"


def test_a_stream_that_holds_is_well_and_one_that_flaps_is_not() -> None:
    recovery = MediaRecovery()
    assert lose(recovery, 0.0) is RecoveryStep.WAIT
    recovery.opened(1.0)
    assert lose(recovery, 1.0 + CALM_S - 0.01) is RecoveryStep.RESTART, "goes on where it was"
    recovery.opened(40.0)
    assert lose(recovery, 40.0 + CALM_S) is RecoveryStep.WAIT


def test_calm_counts_from_the_last_time_it_was_opened() -> None:
    recovery = MediaRecovery()
    lose(recovery, 0.0)
    recovery.opened(1.0)
    lose(recovery, 2.0)
    assert lose(recovery, 2.0 + CALM_S) is RecoveryStep.RECONNECT, "it was not opened after that loss"


@given(st.lists(st.tuples(st.integers(0, round(CALM_S * 900)), st.booleans()), max_size=30))
def test_a_stream_that_never_holds_is_given_up_after_so_many_steps(losses: list[tuple[int, bool]]) -> None:
    recovery, now_ms, taken = MediaRecovery(), 0, 0
    for held_ms, refused in losses:
        taken += lose(recovery, now_ms / 1000, refused=refused) is not None
        recovery.opened(now_ms / 1000)
        now_ms += held_ms
    assert taken <= len(STEPS)


def test_a_loss_that_we_asked_for_begins_with_the_first_step_and_counts_once() -> None:
    recovery = MediaRecovery()
    recovery.opened(0.0)
    for now in (5.0, 10.0, 15.0):
        recovery.asked()
        recovery.lost()
        assert recovery.begin_step(now) is RecoveryStep.WAIT
        recovery.opened(now + 1.0)
    recovery.lost()
    assert recovery.begin_step(20.0) is RecoveryStep.RESTART


def test_a_socket_that_opens_before_the_old_one_closes_answers_what_was_asked() -> None:
    recovery = MediaRecovery()
    recovery.lost()
    recovery.begin_step(0.0)
    recovery.asked()
    recovery.opened(1.0)
    recovery.lost()
    assert recovery.begin_step(2.0) is RecoveryStep.RESTART
