"""How text and audio are cut for the way out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.speech import cut, spread


def test_first_deltas_are_short() -> None:
    assert [len(delta) for delta in cut(bytes(50_000))] == [4_800, 7_200, 12_000, 12_000, 12_000, 2_000]


@given(st.binary(max_size=60_000))
def test_deltas_join_to_the_audio_in_whole_samples(pcm: bytes) -> None:
    pcm = pcm[: len(pcm) // 2 * 2]
    deltas = cut(pcm)
    assert b"".join(deltas) == pcm
    assert all(delta and len(delta) % 2 == 0 for delta in deltas)


@given(st.text(), st.integers(1, 30))
def test_text_deltas_join_to_the_text_and_never_trail_the_audio(text: str, count: int) -> None:
    groups = spread(text, count)
    deltas = [delta for group in groups for delta in group]
    assert len(groups) == count
    if text.strip():
        assert "".join(deltas) == text
        for index in range(count):
            sent = sum(len(group) for group in groups[: index + 1])
            assert sent * count >= (index + 1) * len(deltas)
    else:
        assert deltas == []
