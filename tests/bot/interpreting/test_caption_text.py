from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.caption_text import REVISIONS_EVERY_S, CaptionText, whole_clauses, whole_words
from bot.interpreting.plan import Stability
from tests.support.clock import after, ms_between

SPANISH = ("u-1", "es-ES")
ENGLISH = ("u-1", "en-US")


def test_a_line_grows_and_each_revision_holds_all_of_it() -> None:
    transcript = CaptionText()
    assert transcript.grow(SPANISH, "¿Cuándo") == ("¿Cuándo", 1)
    assert transcript.grow(SPANISH, " abre") == ("¿Cuándo abre", 2)
    assert transcript.text(SPANISH) == "¿Cuándo abre"
    assert transcript.finish(SPANISH) == ("¿Cuándo abre", 3)


def test_nothing_follows_the_final_revision() -> None:
    transcript = CaptionText()
    transcript.finish(SPANISH, "Buenos días")
    assert transcript.grow(SPANISH, " a todos") is None
    assert transcript.finish(SPANISH, "Buenas noches") is None
    assert transcript.text(SPANISH) == "Buenos días"


def test_the_final_text_replaces_what_has_grown() -> None:
    transcript = CaptionText()
    transcript.grow(ENGLISH, "Wen dose")
    assert transcript.finish(ENGLISH, "When does it open?") == ("When does it open?", 2)


def test_a_delta_without_text_makes_no_revision() -> None:
    transcript = CaptionText()
    assert transcript.grow(SPANISH, "") is None
    assert transcript.grow(SPANISH, "Sí") == ("Sí", 1)


def test_a_line_of_blanks_is_no_line() -> None:
    transcript = CaptionText()
    transcript.grow(SPANISH, "  ")
    assert transcript.finish(SPANISH) is None
    assert transcript.grow(SPANISH, "late") is None


def test_languages_of_one_utterance_grow_apart_and_are_forgotten_together() -> None:
    transcript = CaptionText()
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
    transcript = CaptionText()
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


# --- how much is shown before it is certain ----------------------------------------------------------


def test_balanced_captions_show_whole_words_four_times_a_second() -> None:
    transcript = CaptionText(Stability.BALANCED)
    assert transcript.grow(SPANISH, "Bue", 1.0) is None, "half a word"
    assert transcript.grow(SPANISH, "nos días a ", 1.1) == ("Buenos días a", 1)
    assert transcript.grow(SPANISH, "todos y ", 1.2) is None, "too soon"
    assert transcript.deadline() == 1.1 + REVISIONS_EVERY_S
    assert transcript.due(1.3) == []
    assert transcript.due(1.35) == [(SPANISH, "Buenos días a todos y", 2)]
    assert transcript.deadline() is None
    assert transcript.finish(SPANISH) == ("Buenos días a todos y", 3)


def test_what_was_withheld_is_not_shown_after_the_end() -> None:
    transcript = CaptionText(Stability.BALANCED)
    transcript.grow(SPANISH, "Sí ", 1.0)
    transcript.grow(SPANISH, "claro ", 1.1)
    transcript.finish(SPANISH)
    assert transcript.deadline() is None
    assert transcript.due(9.0) == []


def test_aggressive_captions_show_clauses_and_never_change() -> None:
    transcript = CaptionText(Stability.AGGRESSIVE)
    assert transcript.grow(SPANISH, "Sí, son 3") == ("Sí,", 1)
    assert transcript.grow(SPANISH, ",5 kilos.") is None, "there may be more of the number"
    assert transcript.grow(SPANISH, " Ya") == ("Sí, son 3,5 kilos.", 2)
    assert not transcript.restart(SPANISH), "readers were promised"
    assert transcript.revise(SPANISH, "No, son 4 kilos. Ya", 1.0) is None
    assert transcript.finish(SPANISH) == ("Sí, son 3,5 kilos. Ya", 3)


def test_scripts_without_blanks_are_shown_sign_by_sign() -> None:
    assert whole_words("今日は会") == "今日は会"
    assert whole_clauses("今日は、会議") == "今日は、"
    assert whole_words("one tw") == "one "
    assert whole_words("one") == whole_clauses("one.") == ""


def test_a_line_that_begins_anew_goes_on_counting() -> None:
    transcript = CaptionText()
    transcript.grow(SPANISH, "Como modelo de lenguaje")
    assert transcript.restart(SPANISH)
    assert transcript.restart(ENGLISH), "nothing was there"
    assert transcript.grow(SPANISH, "Hola") == ("Hola", 2)
    transcript.finish(SPANISH)
    assert not transcript.restart(SPANISH)


def test_a_line_nobody_will_finish_is_closed_if_somebody_has_seen_it() -> None:
    transcript = CaptionText()
    assert transcript.close(SPANISH) is None
    transcript.grow(SPANISH, "Buenos d")
    assert transcript.close(SPANISH) == ("Buenos d", 2)
    assert transcript.close(SPANISH) is None
    transcript.grow(ENGLISH, " ")
    assert transcript.close(ENGLISH) is None


def test_a_line_that_began_anew_and_came_to_nothing_is_closed_as_it_was_seen() -> None:
    transcript = CaptionText()
    transcript.grow(SPANISH, "Hola")
    transcript.restart(SPANISH)
    assert transcript.close(SPANISH) == ("Hola", 2)


def test_a_line_that_began_anew_and_is_finished_empty_takes_back_what_was_seen() -> None:
    transcript = CaptionText()
    transcript.grow(SPANISH, "I cannot help with that.")
    transcript.restart(SPANISH)
    assert transcript.finish(SPANISH) == ("", 2)
    assert transcript.finish(SPANISH) is None


def test_a_line_is_corrected_until_it_is_final() -> None:
    transcript = CaptionText()
    transcript.grow(SPANISH, "La cabina")
    assert transcript.growing() == [SPANISH]
    assert transcript.revise(SPANISH, "La caseta", 1.0) == ("La caseta", 2)
    transcript.finish(SPANISH)
    assert transcript.growing() == []
    assert transcript.revise(SPANISH, "La cabina", 1.0) is None


pieces = st.lists(st.tuples(st.text("ab .,。5", max_size=4), st.integers(0, 400)), max_size=30)


@given(pieces, st.sampled_from(Stability))
def test_what_is_shown_is_what_was_said_whatever_the_stability(
    steps: list[tuple[str, int]], stability: Stability
) -> None:
    transcript, now = CaptionText(stability), 0.0
    said, seen, at = "", [""], [-1.0]
    for delta, pause_ms in steps:
        now = after(now, pause_ms)
        shown = [(text, now) for _, text, _ in transcript.due(now)]
        said += delta
        line = transcript.grow(SPANISH, delta, now)
        shown += [(line[0], now)] if line else []
        for text, when in shown:
            assert said.lstrip().startswith(text)
            seen.append(text)
            at.append(when)
            if stability is Stability.BALANCED:
                assert ms_between(at[-2], when) >= round(REVISIONS_EVERY_S * 1000)
    final = transcript.finish(SPANISH)
    assert (final[0] if final else "") == said.strip()
    for before, following in zip(seen, [*seen[1:], said.strip()], strict=True):
        assert following.startswith(before), "nothing that was shown has changed"


def test_what_was_withheld_is_not_shown_where_it_may_no_longer_be() -> None:
    transcript = CaptionText(Stability.BALANCED)
    assert transcript.grow(("u-1", "es"), "Buenos ", 1.0) is not None
    assert transcript.grow(("u-1", "es"), "días a ", 1.01) is None
    transcript.stability = Stability.AGGRESSIVE
    assert transcript.due(2.0) == []
    assert transcript.deadline() is None
