from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emulator.acs.calls.playout import PlayoutBuffer
from emulator.acs.wire.resampling import FRAME_BYTES, SILENCE


def frame(value: int) -> bytes:
    return bytes([value]) * FRAME_BYTES


def test_it_starts_when_two_frames_are_there() -> None:
    buffer = PlayoutBuffer(1000)
    assert buffer.pull(0.0) is None
    buffer.push(frame(1), 0.0)
    assert buffer.pull(0.01) is None
    buffer.push(frame(2), 0.02)
    assert [buffer.pull(0.02), buffer.pull(0.04), buffer.pull(0.06)] == [frame(1), frame(2), None]


def test_it_starts_when_40_ms_have_passed() -> None:
    buffer = PlayoutBuffer(1000)
    buffer.push(frame(1), 0.0)
    assert buffer.pull(0.02) is None
    assert buffer.pull(0.04) == frame(1)


def test_a_rest_is_filled_up_with_silence() -> None:
    buffer = PlayoutBuffer(1000)
    buffer.push(b"\1" * 100, 0.0)
    assert buffer.pull(0.04) == b"\1" * 100 + SILENCE[100:]
    assert buffer.pull(0.06) is None


def test_running_dry_within_speech_is_an_underrun_and_after_it_is_not() -> None:
    buffer = PlayoutBuffer(1000)
    buffer.push(frame(1) * 2, 0.0)
    assert [buffer.pull(at) is not None for at in (0.0, 0.02, 0.04)] == [True, True, False]
    buffer.push(frame(2) * 2, 0.05)
    assert buffer.underruns == 1
    assert [buffer.pull(at) is not None for at in (0.06, 0.08, 0.10)] == [True, True, False]
    buffer.push(frame(3) * 2, 0.50)
    assert buffer.underruns == 1


def test_beyond_the_limit_the_oldest_goes() -> None:
    buffer = PlayoutBuffer(100)
    assert buffer.push(frame(1) * 4, 0.0) == 0
    assert buffer.push(frame(2) * 4, 0.0) == 60
    assert buffer.pull(0.0) == frame(1)
    assert buffer.pull(0.02) == frame(2)
    assert (buffer.dropped_ms, buffer.deepest_ms) == (60, 100)


def test_clearing_silences_it_at_once() -> None:
    buffer = PlayoutBuffer(1000)
    buffer.push(frame(1) * 5, 0.0)
    buffer.pull(0.0)
    assert buffer.clear() == 80
    assert buffer.pull(0.02) is None
    assert (buffer.depth_ms, buffer.cleared_ms, buffer.playing) == (0, 80, False)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 3000)),
        st.tuples(st.just("pull"), st.just(0)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=60,
)


@given(steps, st.integers(20, 200))
def test_every_byte_is_played_dropped_cleared_or_held(script: list[tuple[str, int]], limit_ms: int) -> None:
    buffer = PlayoutBuffer(limit_ms)
    now = 0.0
    for action, size in script:
        if action == "push":
            buffer.push(b"\1" * size, now)
        elif action == "clear":
            buffer.clear()
        else:
            now += 0.02
            out = buffer.pull(now)
            assert out is None or len(out) == FRAME_BYTES
        assert buffer.depth_ms <= limit_ms
    accounted = buffer.played_ms + buffer.dropped_ms + buffer.cleared_ms + buffer.depth_ms
    assert abs(buffer.received_ms - accounted) < 1e-6


@given(st.lists(st.binary(min_size=1, max_size=2500), max_size=20))
def test_audio_comes_out_in_the_order_it_went_in(pieces: list[bytes]) -> None:
    buffer = PlayoutBuffer(10_000)
    for piece in pieces:
        buffer.push(piece, 0.0)
    out = bytearray()
    for tick in range(60):
        out += buffer.pull(0.04 + tick * 0.02) or b""
    whole = b"".join(pieces)
    assert bytes(out[: len(whole)]) == whole
    assert not any(out[len(whole) :])
