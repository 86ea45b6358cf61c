from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.interpreting.endpointing import FRAME_MS
from bot.interpreting.playout.pacer import (
    BYTES_PER_MS,
    CATCH_UP_MS,
    FRAME_BYTES,
    PAUSE_LIMIT_MS,
    Pacer,
    from_first_sound,
    quiet,
)
from tests.support.audio import numbered, numbers
from tests.support.clock import after

FRAME_S = FRAME_MS / 1000


def pacer(frames: int, *, started_at: float | None = None) -> Pacer:
    """A pacer with numbered frames, the first of them taken at `started_at`."""
    pacer = Pacer()
    pacer.push(b"".join(map(numbered, range(1, frames + 1))))
    if started_at is not None:
        assert taken(pacer, started_at) == [1]
    return pacer


def taken(pacer: Pacer, now: float) -> list[int]:
    return numbers(b"".join(pacer.take(now)))


def test_the_first_frame_is_due_at_once_and_then_one_every_20_ms() -> None:
    burst = pacer(3)
    assert burst.deadline(5.000) == 5.000
    assert taken(burst, 5.000) == [1]
    assert burst.deadline(5.001) == pytest.approx(5.020)
    assert taken(burst, 5.010) == []
    assert taken(burst, 5.020) == [2]
    assert taken(burst, 5.040) == [3]
    assert burst.deadline(5.040) is None
    assert taken(burst, 5.060) == []


def test_a_timer_half_a_millisecond_early_is_on_time() -> None:
    burst = pacer(2, started_at=5.000)
    assert taken(burst, 5.0190) == []
    assert taken(burst, 5.0196) == [2]


def test_a_late_wake_does_not_shift_the_schedule() -> None:
    burst = pacer(3, started_at=5.000)
    assert taken(burst, 5.029) == [2]
    assert burst.deadline(5.029) == pytest.approx(5.040)


def test_what_a_short_stall_of_ours_held_up_is_sent_at_once() -> None:
    burst = pacer(10, started_at=5.000)
    assert taken(burst, 5.090) == [2, 3, 4, 5]
    assert burst.deadline(5.090) == pytest.approx(5.100)


def test_a_long_stall_shifts_the_schedule() -> None:
    burst = pacer(10, started_at=5.000)
    assert taken(burst, 5.300) == [2]
    assert burst.deadline(5.300) == pytest.approx(5.320)


def test_audio_that_came_late_is_not_caught_up_with() -> None:
    late = pacer(1, started_at=5.000)
    late.push(numbered(2) + numbered(3))
    assert taken(late, 5.070) == [2]
    assert late.deadline(5.070) == pytest.approx(5.090)


def test_audio_that_came_just_in_time_keeps_the_schedule() -> None:
    punctual = pacer(1, started_at=5.000)
    punctual.push(numbered(2))
    assert taken(punctual, 5.005) == []
    assert taken(punctual, 5.020) == [2]


def test_half_a_frame_waits_for_the_rest_or_for_the_end() -> None:
    rest = Pacer()
    rest.push(b"\1" * 500)
    assert rest.deadline(5.0) is None
    assert rest.take(5.0) == []
    rest.finish()
    assert not rest.drained
    assert rest.take(5.0) == [b"\1" * 500 + bytes(FRAME_BYTES - 500)]
    assert rest.drained


def test_a_voice_is_drained_only_when_no_more_is_to_come() -> None:
    voice = pacer(1, started_at=5.0)
    assert not voice.drained
    voice.finish()
    assert voice.drained
    assert voice.free_at == pytest.approx(5.020)


def test_what_is_thrown_away_is_counted_and_so_is_what_comes_after() -> None:
    stopped = pacer(3, started_at=5.0)
    assert stopped.queued_ms == 40
    stopped.clear()
    assert (stopped.queued_ms, stopped.dropped_bytes) == (0, 2 * FRAME_BYTES)
    stopped.push(numbered(4))
    assert (stopped.queued_ms, stopped.dropped_bytes) == (0, 3 * FRAME_BYTES)
    assert stopped.deadline(5.020) is None
    assert stopped.drained


def test_nothing_has_been_heard_of_a_voice_that_has_not_begun() -> None:
    assert Pacer().free_at == 0.0


def test_memory_is_given_back_as_frames_are_taken() -> None:
    hour = Pacer()
    now = 0.0
    for number in range(1, 2001):  # 40 s, a second at a time
        if number % 50 == 1:
            hour.push(b"".join(numbered(number + i) for i in range(50)))
        assert taken(hour, now) == [number]
        now += FRAME_S
    assert len(hour._buffer) <= 50 * FRAME_BYTES


def test_a_pause_is_shortened_where_the_channel_lags() -> None:
    voice = pacer(2)
    for _ in range(40):
        voice.push(bytes(FRAME_BYTES))
    voice.push(numbered(3))
    voice.finish()
    now, heard = 1.0, []
    while not voice.drained:
        frames = voice.take(now, trim=True)
        heard += numbers(b"".join(frames))
        now += FRAME_S
    assert heard == [1, 2, *[0] * (PAUSE_LIMIT_MS // FRAME_MS), 3]
    assert voice.trimmed_bytes == (40 - PAUSE_LIMIT_MS // FRAME_MS) * FRAME_BYTES


def test_a_pause_that_is_left_out_takes_no_time() -> None:
    voice = Pacer()
    voice.push(bytes(FRAME_BYTES) * 30 + numbered(1))
    heard = [taken_at for taken_at in range(20) if 1 in numbers(b"".join(voice.take(1.0 + taken_at / 50, trim=True)))]
    assert heard == [PAUSE_LIMIT_MS // FRAME_MS]


def test_a_voice_with_nothing_but_a_pause_left_is_over_at_once() -> None:
    voice = Pacer()
    voice.push(bytes(FRAME_BYTES) * 30)
    voice.finish()
    for number in range(PAUSE_LIMIT_MS // FRAME_MS):
        assert len(voice.take(1.0 + number / 50, trim=True)) == 1
    assert voice.take(2.0, trim=True) == []
    assert voice.drained


def test_quiet_is_what_nobody_hears() -> None:
    assert quiet(b"")
    assert quiet(bytes(FRAME_BYTES))
    assert quiet((150).to_bytes(2, "little") * 480), "a constant is no sound"
    assert not quiet(numbered(7))


# --- laws ----------------------------------------------------------------------------------------

instants = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 12)), max_size=60
)  # milliseconds since the last one, frames pushed then


@given(instants, st.booleans())
def test_frames_keep_their_order_and_are_never_ahead_of_schedule(
    steps: list[tuple[int, int]], taken_first: bool
) -> None:
    pacer = Pacer()
    now, pushed = 1.0, 0
    taken_at: list[float] = []
    heard: list[int] = []
    for pause_ms, frames in steps:
        now = after(now, pause_ms)
        due = taken(pacer, now) if taken_first else []
        pacer.push(b"".join(numbered(pushed + i + 1) for i in range(frames)))
        pushed += frames
        due += taken(pacer, now)
        heard += due
        taken_at += [now] * len(due)
    assert heard == list(range(1, len(heard) + 1))
    # In every stretch: a frame per 20 ms, the present frame, and what a stall allows. 0.6 ms: `take` rounds by 0.5 ms.
    allowed = CATCH_UP_MS // FRAME_MS + 1
    for first, began in enumerate(taken_at):
        for last in range(first, len(taken_at)):
            assert last - first + 1 <= (taken_at[last] - began + 0.0006) / FRAME_S + allowed
    if taken_at:
        assert all(at >= taken_at[0] + i * FRAME_S - 0.0006 for i, at in enumerate(taken_at))


def test_less_than_a_frame_is_as_good_as_nothing_until_there_is_more() -> None:
    running = Pacer()
    assert running.dry
    running.push(numbered(1)[:-2])
    assert running.dry
    running.push(numbered(1)[-2:])
    assert not running.dry


class EveryByte(RuleBasedStateMachine):
    """Whatever is pushed, in whatever pieces, is taken, still queued, or counted as dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.pacer = Pacer()
        self.now = 1.0
        self.pushed = b""
        self.taken = b""
        self.cleared = False
        self.finished = False

    @rule(pcm=st.binary(max_size=3 * FRAME_BYTES))
    def push(self, pcm: bytes) -> None:
        self.pacer.push(pcm)
        self.pushed += pcm

    @rule(silent=st.integers(0, 40))
    def push_a_pause(self, silent: int) -> None:
        self.push(pcm=bytes(silent * FRAME_BYTES))

    @rule(later_ms=st.integers(0, 300), trim=st.booleans())
    def take(self, later_ms: int, trim: bool) -> None:
        self.now = after(self.now, later_ms)
        for frame in self.pacer.take(self.now, trim=trim):
            assert len(frame) == FRAME_BYTES
            self.taken += frame

    @rule()
    def tick(self) -> None:
        """A tick at the deadline always yields a frame: whoever keeps time never turns in a circle."""
        deadline = self.pacer.deadline(self.now)
        if deadline is not None:
            self.now = max(self.now, deadline)
            frames = self.pacer.take(self.now)
            assert frames
            self.taken += b"".join(frames)
            following = self.pacer.deadline(self.now)
            assert following is None or following > self.now

    @precondition(lambda self: not self.finished)
    @rule()
    def finish(self) -> None:
        self.pacer.finish()
        self.finished = True
        self.pushed_before = len(self.pushed)

    @rule()
    def clear(self) -> None:
        self.pacer.clear()
        if not self.finished:
            self.pushed_before = len(self.pushed)
        self.finished = True
        self.cleared = True

    @invariant()
    def nothing_is_lost(self) -> None:
        queued = round(self.pacer.queued_ms * BYTES_PER_MS)
        lost = self.pacer.dropped_bytes + self.pacer.trimmed_bytes
        padding = len(self.taken) + queued + lost - len(self.pushed)
        assert 0 <= padding < FRAME_BYTES
        assert padding == 0 or self.finished

    @invariant()
    def order_is_kept(self) -> None:
        before_the_end = self.pushed[: self.pushed_before] if self.finished else self.pushed
        padded = before_the_end + bytes(FRAME_BYTES)
        if not self.pacer.trimmed_bytes:
            assert self.taken == padded[: len(self.taken)]
        assert self.taken.replace(b"\0", b"") == padded.replace(b"\0", b"")[: len(self.taken.replace(b"\0", b""))]

    @invariant()
    def drained_means_that_nothing_comes(self) -> None:
        assert self.pacer.drained == (self.finished and not self.pacer.queued_ms)


TestEveryByte = EveryByte.TestCase
TestEveryByte.settings = settings(max_examples=30)


def test_a_frame_may_be_taken_because_anothers_is_due() -> None:
    voice = Pacer()
    assert voice.take_with(1.0) == b""
    voice.push(numbered(1) + numbered(2) + numbered(3)[:100])
    assert voice.take_with(1.0) == numbered(1)
    assert voice.deadline(1.0) == pytest.approx(1.02)
    assert voice.take(1.0) == []
    assert voice.take(1.02) == [numbered(2)]
    assert voice.take_with(1.04) == b"", "it is not whole"


def test_what_comes_after_another_voice_waits_for_its_last_frame() -> None:
    voice = Pacer()
    voice.push(numbered(1) * 3)
    voice.not_before(2.0)
    assert (voice.take(1.99), voice.deadline(1.99)) == ([], 2.0)
    assert voice.take(2.0) == [numbered(1)]
    voice.not_before(1.0)
    assert voice.deadline(2.0) == pytest.approx(2.02), "it never goes back"


def test_no_more_is_kept_than_wanted_and_the_rest_is_counted() -> None:
    voice = Pacer()
    voice.push(numbered(1) * 2 + numbered(2) * 3)
    voice.keep(100)
    assert voice.dropped_bytes == 0
    voice.keep(60)
    assert (voice.dropped_bytes, voice.queued_ms, voice.take(1.0)) == (2 * 960, 60, [numbered(2)])


def test_a_voice_begins_with_its_first_sound() -> None:
    assert from_first_sound(bytes(1_920) + numbered(1) + bytes(960)) == numbered(1) + bytes(960)
    assert from_first_sound(numbered(1)) == numbered(1)
    assert from_first_sound(bytes(1_920)) == from_first_sound(b"") == b""
