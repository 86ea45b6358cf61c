"""Continuous speech is cut at pauses, or where it is quietest when it gets long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.segments import Segment, Segmenter
from tests.support.realtime_driver import pcm_of

LOUD = 3000


def said(segmenter: Segmenter, *stretches: tuple[int, int]) -> list[Segment]:
    """Feed stretches of (milliseconds, level) in frames of 200 ms."""
    pcm = b"".join(pcm_of(milliseconds, level) for milliseconds, level in stretches)
    return [segment for start in range(0, len(pcm), 9_600) for segment in segmenter.feed(pcm[start : start + 9_600])]


def test_a_pause_ends_a_segment_and_silence_makes_none() -> None:
    segmenter = Segmenter(300, 6_000)
    assert said(segmenter, (3_000, 0)) == []
    (first, second) = said(segmenter, (1_000, LOUD), (400, 0), (800, LOUD), (600, 0))
    assert (first.start_ms, first.end_ms) == (2_700, 4_300)
    assert (second.start_ms, second.end_ms) == (4_300, 5_500)
    assert first.pcm == pcm_of(300, 0) + pcm_of(1_000, LOUD) + pcm_of(300, 0)


def test_a_shorter_pause_does_not() -> None:
    (segment,) = said(Segmenter(300, 6_000), (1_000, LOUD), (200, 0), (1_000, LOUD), (400, 0))
    assert segment.end_ms - segment.start_ms == 2_500


def test_a_long_segment_is_cut_where_it_is_quietest() -> None:
    segments = said(Segmenter(300, 6_000), (5_200, LOUD), (40, 500), (2_760, LOUD), (400, 0))
    assert [segment.start_ms for segment in segments] == [0, 5_200]
    assert segments[0].end_ms == 5_200
    assert b"".join(segment.pcm for segment in segments) == (
        pcm_of(5_200, LOUD) + pcm_of(40, 500) + pcm_of(2_760, LOUD) + pcm_of(300, 0)
    )


def test_nothing_but_the_pause_behind_a_cut_is_no_segment() -> None:
    segmenter = Segmenter(300, 6_000)
    (segment,) = said(segmenter, (5_980, LOUD), (420, 0))
    assert segment.end_ms <= 6_000
    assert segmenter.flush() == []


def test_flushing_gives_what_is_being_said() -> None:
    segmenter = Segmenter(300, 6_000)
    assert said(segmenter, (1_000, LOUD)) == []
    (segment,) = segmenter.flush()
    assert segment.pcm == pcm_of(1_000, LOUD)
    assert segmenter.flush() == []


STRETCHES = st.lists(st.tuples(st.integers(1, 4_000), st.sampled_from([0, 20, 500, 3000])), max_size=8)


@given(STRETCHES, st.integers(20, 800), st.integers(100, 8_000))
def test_every_byte_is_in_one_segment_or_counted_as_silence(
    stretches: list[tuple[int, int]], pause_ms: int, cap_ms: int
) -> None:
    segmenter = Segmenter(pause_ms, cap_ms)
    segments = said(segmenter, *stretches)
    fed = sum(len(pcm_of(milliseconds)) for milliseconds, _ in stretches)
    assert segmenter.cut + segmenter.dropped + segmenter.waiting == fed
    segments += segmenter.flush()
    assert segmenter.cut + segmenter.dropped == fed
    assert segmenter.cut == sum(len(segment.pcm) for segment in segments)
    assert all(len(segment.pcm) <= len(pcm_of(max(cap_ms, 40) + 300 + 200)) for segment in segments)
    for before, after in zip(segments, segments[1:], strict=False):
        assert before.end_ms <= after.start_ms
