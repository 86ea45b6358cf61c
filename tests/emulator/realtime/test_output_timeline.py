"""Speech where it is due, faint noise elsewhere, text a little ahead."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emulator.engine.base import BYTES_PER_MS
from emulator.realtime.output_timeline import OutputTimeline, Speech
from tests.support.realtime_driver import pcm_of


def timeline(lead_ms: int = 400, peak: int = 63) -> OutputTimeline:
    return OutputTimeline(lead_ms, peak, "seed")


def peak(pcm: bytes) -> int:
    return int(np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32)).max(initial=0))


def speech(text: str, milliseconds: int, due_ms: int = 0, number: int = 1, target: str = "es") -> Speech:
    return Speech(number, target, text, pcm_of(milliseconds, 5000), due_ms)


def test_noise_is_faint_and_not_silent() -> None:
    out = timeline()
    for size in (9_600, 2, 100_000):
        pcm = out.audio(size, 0).pcm
        assert len(pcm) == size
        assert peak(pcm) <= 63
    assert peak(out.audio(48_000, 0).pcm) > 30
    assert timeline(peak=0).audio(9_600, 0).pcm == bytes(9_600)
    assert out.noise_bytes == 9_600 + 2 + 100_000 + 48_000


def test_speech_waits_until_it_is_due() -> None:
    out = timeline()
    out.add(speech("Hola", 300, due_ms=1_000))
    assert out.audio(9_600, 999).speech is None
    first = out.audio(9_600, 1_000)
    assert first.pcm == pcm_of(200, 5000)
    assert first.reached == ("first", "half")
    last = out.audio(9_600, 1_200)
    assert last.pcm[: 100 * BYTES_PER_MS] == pcm_of(100, 5000)
    assert peak(last.pcm[100 * BYTES_PER_MS :]) <= 63
    assert last.reached == ("done",)
    assert out.head is None


def test_two_speeches_share_no_chunk_and_keep_their_order() -> None:
    out = timeline()
    out.add(speech("Uno", 100))
    out.add(speech("dos", 100, number=2))
    assert [out.audio(9_600, 0).speech.number for _ in range(2)] == [1, 2]  # type: ignore[union-attr]  # both are there
    assert out.audio(9_600, 0).speech is None


def test_a_text_without_audio_is_written_and_over() -> None:
    out = timeline()
    out.add(speech("Hola", 0))
    assert "".join(out.text(0, 9_600)) == "Hola"
    assert out.audio(9_600, 0).reached == ("first", "half", "done")
    assert len(out) == 0


def test_texts_are_joined_by_a_space_where_the_language_has_one() -> None:
    out = timeline()
    for number, (text, target) in enumerate([("Hola.", "es"), ("Adiós.", "es"), ("你好", "zh")]):
        out.add(speech(text, 0, number=number, target=target))
    written = ""
    while out:
        written += "".join(out.text(0, 9_600))
        out.audio(9_600, 0)
    assert written == "Hola. Adiós.你好"


def test_text_starts_before_the_audio_but_not_before_its_lead() -> None:
    out = timeline(lead_ms=400)
    out.add(speech("x" * 100, 2_000, due_ms=1_000))
    assert out.text(600, 9_600) == []
    assert out.text(800, 9_600)
    assert out.audio(9_600, 800).speech is None


@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
    st.integers(0, 4_000),
    st.integers(0, 1_000),
    st.integers(0, 600),
    st.sampled_from([2, 4_800, 9_600, 19_200, 28_800]),
)
def test_fragments_join_to_the_text_and_never_trail_the_audio(
    text: str, lasts_ms: int, due_ms: int, lead_ms: int, size: int
) -> None:
    out = timeline(lead_ms)
    one = speech(text, lasts_ms if size > 2 else lasts_ms % 50, due_ms)
    out.add(one)
    written, model_ms = "", 0
    while out:
        model_ms += 200
        for fragment in out.text(model_ms, size):
            assert 1 <= len(fragment) <= 8
            written += fragment
        out.audio(size, model_ms)
        heard = one.sent_bytes / max(1, len(one.pcm))
        assert len(written) >= len(text) * heard - 1e-6
    assert written == text


def test_fragments_end_inside_words() -> None:
    out = timeline()
    one = speech("internacionalmente reconocidas instituciones", 3_000)
    out.add(one)
    inside = 0
    while out:
        out.text(0, 9_600)
        inside += one.inside_a_word
        out.audio(9_600, 0)
    assert inside >= 3


def test_what_is_dropped_is_not_heard() -> None:
    out = timeline()
    out.add(speech("Hola", 1_000))
    out.audio(9_600, 0)
    assert out.waiting == len(pcm_of(800))
    out.drop_head()
    assert (out.waiting, out.audio(9_600, 0).speech) == (0, None)
