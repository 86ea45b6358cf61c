from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.transcript import Transcript

SPANISH = ("u-1", "es-ES")
ENGLISH = ("u-1", "en-US")


def test_a_line_grows_and_each_revision_holds_all_of_it() -> None:
    transcript = Transcript()
    assert transcript.grow(SPANISH, "¿Cuándo") == ("¿Cuándo", 1)
    assert transcript.grow(SPANISH, " abre") == ("¿Cuándo abre", 2)
    assert transcript.text(SPANISH) == "¿Cuándo abre"
    assert transcript.finish(SPANISH) == ("¿Cuándo abre", 3)


def test_nothing_follows_the_final_revision() -> None:
    transcript = Transcript()
    transcript.finish(SPANISH, "Buenos días")
    assert transcript.grow(SPANISH, " a todos") is None
    assert transcript.finish(SPANISH, "Buenas noches") is None
    assert transcript.text(SPANISH) == "Buenos días"


def test_the_final_text_replaces_what_has_grown() -> None:
    transcript = Transcript()
    transcript.grow(ENGLISH, "Wen dose")
    assert transcript.finish(ENGLISH, "When does it open?") == ("When does it open?", 2)


def test_a_delta_without_text_makes_no_revision() -> None:
    transcript = Transcript()
    assert transcript.grow(SPANISH, "") is None
    assert transcript.grow(SPANISH, "Sí") == ("Sí", 1)


def test_a_line_of_blanks_is_no_line() -> None:
    transcript = Transcript()
    transcript.grow(SPANISH, "  ")
    assert transcript.finish(SPANISH) is None
    assert transcript.grow(SPANISH, "late") is None


def test_languages_of_one_utterance_grow_apart_and_are_forgotten_together() -> None:
    transcript = Transcript()
    transcript.grow(SPANISH, "Sí")
    transcript.grow(ENGLISH, "Yes")
    transcript.grow(("u-2", "es-ES"), "No")
    assert (transcript.text(SPANISH), transcript.text(ENGLISH)) == ("Sí", "Yes")
    transcript.forget("u-1")
    assert len(transcript) == 1
    assert transcript.text(SPANISH) == ""


@given(st.lists(st.text(max_size=5) | st.none(), max_size=20))
def test_revisions_count_up_by_one_and_end_for_good(deltas: list[str | None]) -> None:
    """None stands for the end of the line, which may be told more than once."""
    transcript = Transcript()
    yielded: list[tuple[str, int]] = []
    ended = False
    for delta in deltas:
        line = transcript.finish(SPANISH) if delta is None else transcript.grow(SPANISH, delta)
        assert not (ended and line)
        ended = ended or delta is None
        yielded += [line] if line else []
    assert [revision for _, revision in yielded] == list(range(1, len(yielded) + 1))
    before_the_end = deltas[: deltas.index(None)] if None in deltas else deltas
    assert transcript.text(SPANISH).strip() == "".join(delta or "" for delta in before_the_end).strip()
