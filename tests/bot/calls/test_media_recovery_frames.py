"""Frames that stop, by literal times and counts."""

from __future__ import annotations

import pytest

from bot.calls.media_recovery import (
    AT_ONCE_S,
    FIRST_FRAME_S,
    LONGEST_SILENT_S,
    NO_AUDIO,
    OWN_STOP_S,
    REPORTED_S,
    RESTART_S,
    SILENT_S,
    FrameVerdict,
    FrameWatch,
)


def watching(frames: int = 500) -> FrameWatch:
    """A watch of a socket through which frames have come."""
    watch = FrameWatch()
    watch.opened(0.0)
    assert watch.look(FIRST_FRAME_S, frames, people=True) is None
    assert watch.deadline == FIRST_FRAME_S + SILENT_S
    return watch


def test_nothing_is_looked_for_without_a_socket() -> None:
    watch = FrameWatch()
    assert watch.deadline is None
    watch.opened(1.0)
    assert watch.deadline == 1.0 + FIRST_FRAME_S
    watch.closed()
    assert watch.deadline is None


def test_frames_that_come_are_left_alone() -> None:
    watch = watching(500)
    for number in range(1, 100):
        assert watch.look(20.0 + 5 * number, 500 + number, people=True) is None
        assert (watch.problem, watch.deadline) == (None, 20.0 + 5 * number + SILENT_S)


@pytest.mark.parametrize("people", [True, False])
def test_frames_that_stop_have_streaming_restarted_while_people_are_there(people: bool) -> None:
    watch = watching(500)
    assert watch.look(20.0, 500, people=people) is (FrameVerdict.RESTART if people else None)
    assert watch.look(25.0, 500, people=True) is FrameVerdict.RESTART


def test_a_first_frame_that_does_not_come_has_it_restarted_too() -> None:
    watch = FrameWatch()
    watch.opened(0.0)
    assert watch.look(FIRST_FRAME_S, 1, people=True) is FrameVerdict.RESTART


def test_a_restart_that_helps_is_followed_by_the_usual_watch() -> None:
    watch = watching(500)
    assert watch.look(20.0, 500, people=True) is FrameVerdict.RESTART
    watch.restarted(20.0)
    assert (watch.problem, watch.deadline) == (NO_AUDIO, 20.0 + RESTART_S)
    watch.closed()
    watch.opened(21.0)
    assert watch.deadline == 21.0 + AT_ONCE_S
    assert watch.look(23.0, 101, people=True) is None
    assert (watch.problem, watch.deadline) == (None, 23.0 + SILENT_S)
    assert watch.look(28.0, 101, people=True) is FrameVerdict.RESTART


def test_frames_may_come_through_the_old_socket() -> None:
    watch = watching(500)
    watch.look(20.0, 500, people=True)
    watch.restarted(20.0)
    assert watch.look(24.0, 700, people=True) is None
    assert watch.problem is None


def test_restarts_in_vain_become_rare_because_that_is_what_acs_sends() -> None:
    watch = watching(500)
    now, restarts = 20.0, []
    for _ in range(30):
        if watch.look(now, 500, people=True) is FrameVerdict.RESTART:
            restarts.append(now)
            watch.restarted(now)
        assert watch.deadline is not None
        now = watch.deadline
    pauses = [after - before for before, after in zip(restarts, restarts[1:], strict=False)]
    assert pauses[:4] == [RESTART_S + 10, RESTART_S + 20, RESTART_S + 40, RESTART_S + 80]
    assert pauses[-1] == RESTART_S + LONGEST_SILENT_S
    assert watch.problem == NO_AUDIO


def test_frames_that_come_late_after_a_restart_do_not_make_restarts_frequent_again() -> None:
    watch = watching(500)
    watch.look(20.0, 500, people=True)
    watch.restarted(20.0)
    watch.opened(21.0)
    assert watch.look(23.0, 1, people=True) is None
    assert watch.deadline == 23.0 + 2 * SILENT_S
    assert watch.look(33.0, 300, people=True) is None
    assert (watch.problem, watch.deadline) == (None, 33.0 + 2 * SILENT_S)


@pytest.mark.parametrize("people", [True, False])
def test_what_acs_reports_is_looked_at_soon(people: bool) -> None:
    watch = watching(500)
    watch.reported(17.0, 600)
    assert watch.deadline == 17.0 + REPORTED_S
    assert watch.look(18.5, 610, people=people) is FrameVerdict.RESTART, "these were under way"


def test_a_report_that_is_not_true_any_more_changes_nothing() -> None:
    watch = watching(500)
    watch.reported(17.0, 600)
    assert watch.look(18.5, 675, people=True) is None
    assert watch.deadline == 18.5 + SILENT_S


@pytest.mark.parametrize("frames", [1, 100])
def test_a_report_of_a_restart_of_our_own_is_not_taken_for_another_stop(frames: int) -> None:
    """The regression: where ACS sends nothing while everybody is silent, the socket was closed, and the call left."""
    watch = watching(500)
    watch.look(20.0, 500, people=True)
    watch.restarted(20.0)
    watch.asked(20.0)
    watch.reported(20.1, 500)
    assert watch.deadline == 20.0 + RESTART_S
    watch.opened(21.0)
    assert watch.look(23.0, frames, people=True) is None
    deadline = watch.deadline
    watch.reported(20.0 + OWN_STOP_S - 0.1, frames)
    assert watch.deadline == deadline, "it may come late"
    watch.reported(20.0 + OWN_STOP_S, frames)
    assert watch.deadline == 20.0 + OWN_STOP_S + REPORTED_S, "this is of another stop"


def test_a_failure_during_a_restart_of_our_own_counts() -> None:
    watch = watching(500)
    watch.look(20.0, 500, people=True)
    watch.restarted(20.0)
    watch.asked(20.0)
    watch.reported(20.1, 500, failed=True)
    assert watch.look(24.0, 500, people=True) is FrameVerdict.CLOSE


def test_a_stop_that_a_restart_does_not_undo_is_treated_as_a_lost_socket() -> None:
    watch = watching(500)
    watch.reported(17.0, 600)
    assert watch.look(18.5, 600, people=True) is FrameVerdict.RESTART
    watch.restarted(18.5)
    assert watch.look(22.5, 600, people=True) is FrameVerdict.CLOSE
    watch.closed()
    watch.opened(30.0)
    assert watch.look(45.0, 600, people=True) is None
