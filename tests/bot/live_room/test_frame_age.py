from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from bot.live_room.frame_age import JUMP_S, NOTICED_S, SAMPLED, WINDOW_S, FrameAge
from media_streaming.messages import AudioData

EPOCH = datetime(2027, 1, 15, 8, tzinfo=UTC)
"""What ACS's clock shows when ours shows 0."""


def stamp(seconds: float) -> AudioData:
    return AudioData(b"", timestamp=EPOCH + timedelta(milliseconds=round(seconds * 1000)))


def in_time(age: FrameAge, begin: float, end: float, *, slow_s: float = 0.0) -> float:
    """Frames that come as they are said; returns the oldest."""
    return max(
        age.age_s(stamp(begin + n * 0.02 - slow_s), begin + n * 0.02) for n in range(round((end - begin) / 0.02))
    )


def test_frames_that_come_in_time_have_no_age_whatever_the_clocks_show_and_however_they_jitter() -> None:
    age, chance = FrameAge(), random.Random(1)
    for n in range(3_000):
        said = n * 0.02
        assert age.age_s(stamp(said), said + chance.uniform(0.02, 0.9)) == 0.0


@pytest.mark.parametrize("held_s", [2.0, 10.0, 20.0, 120.0])
def test_frames_that_were_held_up_are_as_old_as_they_are(held_s: float) -> None:
    age = FrameAge()
    assert in_time(age, 0.0, 30.0) == 0.0
    frames = round(held_s / 0.02)
    ages = [age.age_s(stamp(30.0 + n * 0.02), 30.0 + held_s + n / 10_000) for n in range(frames)]
    for number, found in enumerate(ages):
        truly = held_s - number * 0.02 + number / 10_000
        assert found == pytest.approx(truly if truly >= NOTICED_S else 0.0, abs=0.002) or truly == pytest.approx(
            NOTICED_S
        )
    assert in_time(age, 31.0 + held_s, 60.0 + held_s) == 0.0


def test_a_stream_that_comes_back_knows_how_old_its_audio_is() -> None:
    age = FrameAge()
    in_time(age, 0.0, 5.0)
    assert age.age_s(stamp(6.0), 66.0) == pytest.approx(60.0, abs=0.03)


def test_missing_constant_and_coarse_timestamps_say_nothing() -> None:
    age = FrameAge()
    assert age.age_s(AudioData(b""), 1.0) == 0.0
    constant = [age.age_s(stamp(0.0), n * 0.02) for n in range(3_000)]
    assert max(constant) < NOTICED_S + 0.02
    coarse = FrameAge()
    assert max(coarse.age_s(stamp(n // 50), n * 0.02) for n in range(3_000)) < NOTICED_S


@pytest.mark.parametrize("jump_s", [-3_600.0, 3_600.0])
def test_a_clock_that_is_set_by_hours_is_believed_at_once(jump_s: float) -> None:
    age = FrameAge()
    in_time(age, 0.0, 5.0)
    assert in_time(age, 5.0, 10.0, slow_s=-jump_s) == 0.0
    assert in_time(age, 10.0, 30.0) == 0.0, "and back"
    assert JUMP_S < abs(jump_s)


def test_a_clock_that_is_set_back_a_little_is_believed_after_a_while() -> None:
    age = FrameAge()
    in_time(age, 0.0, 15.0)
    assert in_time(age, 15.0, 20.0, slow_s=30.0) == pytest.approx(30.0, abs=0.1)
    in_time(age, 20.0, 15.0 + 2 * WINDOW_S, slow_s=30.0)
    assert in_time(age, 15.0 + 2 * WINDOW_S, 60.0, slow_s=30.0) == 0.0


def test_a_clock_that_runs_slow_does_not_add_up() -> None:
    age = FrameAge()
    assert max(age.age_s(stamp(n * (1 - 1e-4)), float(n)) for n in range(4 * 3_600)) == 0.0


def test_one_speaker_whose_audio_alone_is_held_up_is_found_out_soon() -> None:
    age = FrameAge()
    in_time(age, 0.0, 15.0)
    ages = [age.age_s(stamp(15.0 + n * 0.02 - (5.0 if n % 2 else 0.0)), 15.0 + n * 0.02) for n in range(200)]
    assert ages[2 * SAMPLED :] == pytest.approx([0.0, 5.0] * (100 - SAMPLED))
