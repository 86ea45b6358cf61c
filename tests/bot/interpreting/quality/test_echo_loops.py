"""What comes back is not interpreted again; people may repeat one another as they like."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.ledger import Entry, EntryState
from bot.interpreting.plan import MIXED
from bot.interpreting.quality.echo_loops import (
    MUTE_S,
    REMEMBERED,
    REMEMBERED_S,
    SUPPRESSED_BEFORE_MUTE,
    EchoLoopBreaker,
    alike,
    words_of,
)
from tests.support.clock import after
from tests.support.meeting import ADA, ADA_INTO_SPANISH, BENITO

TEXT = "El informe llega el martes por la tarde"
BOT = "8:acs:bot"


def heard(since: float, until: float) -> Entry:
    return Entry("u-1", ADA_INTO_SPANISH, EntryState.SPOKEN, 0.0, first_played_at=since, last_played_at=until)


def test_our_own_words_that_begin_while_we_speak_are_an_echo() -> None:
    loops = EchoLoopBreaker()
    loops.spoke(TEXT, heard(10.0, 13.0), 10.5)
    assert loops.is_echo(BENITO, "el informe llega, el martes por la tarde.", 10.4, 15.0)


def test_a_part_of_them_is_one_too() -> None:
    loops = EchoLoopBreaker()
    loops.spoke(TEXT, heard(10.0, 13.0), 10.5)
    assert loops.is_echo(BENITO, "llega el martes", 11.0, 12.5)


def test_who_repeats_us_afterwards_confirms() -> None:
    loops = EchoLoopBreaker()
    loops.spoke(TEXT, heard(10.0, 13.0), 10.5)
    assert not loops.is_echo(BENITO, TEXT, 14.5, 17.0)


def test_other_words_over_ours_are_no_echo() -> None:
    loops = EchoLoopBreaker()
    loops.spoke(TEXT, heard(10.0, 13.0), 10.5)
    assert not loops.is_echo(BENITO, "Perdón, ¿el martes o el miércoles por la mañana?", 11.0, 14.0)


def test_what_was_never_heard_does_not_come_back() -> None:
    loops = EchoLoopBreaker()
    entry = heard(0.0, 0.0)
    entry.first_played_at = entry.last_played_at = None
    loops.spoke(TEXT, entry, 10.5)
    assert not loops.is_echo(BENITO, TEXT, 11.0, 14.0)


def test_a_row_of_repetitions_is_a_loop() -> None:
    loops = EchoLoopBreaker()
    found = [loops.is_echo((ADA, BENITO)[turn % 2], TEXT, 10.0 * turn, 10.0 * turn + 3) for turn in range(5)]
    assert found == [False, False, True, True, True]


def test_new_words_in_between_make_it_none() -> None:
    loops = EchoLoopBreaker()
    said = [TEXT, TEXT, "Entonces lo vemos el jueves", TEXT]
    assert not any(loops.is_echo((ADA, BENITO)[turn % 2], text, turn, turn + 1.0) for turn, text in enumerate(said))


def test_short_words_neither_make_a_loop_nor_break_it() -> None:
    loops = EchoLoopBreaker()
    assert not any(loops.is_echo((ADA, BENITO)[turn % 2], "Sí.", turn, turn + 1.0) for turn in range(20))
    said = [TEXT, TEXT, "sí", TEXT]
    assert [loops.is_echo((ADA, BENITO)[turn % 2], text, turn, turn + 1.0) for turn, text in enumerate(said)][-1]


def test_ones_own_words_may_be_repeated_but_not_those_of_mixed_audio() -> None:
    for speaker, expected in ((ADA, [False] * 4), (MIXED, [False, False, True, True])):
        loops = EchoLoopBreaker()
        assert [loops.is_echo(speaker, TEXT, turn, turn + 1.0) for turn in range(4)] == expected
        assert loops.muted == []


def test_what_was_said_long_ago_is_forgotten() -> None:
    loops = EchoLoopBreaker()
    apart = REMEMBERED_S + 1.0
    assert not any(loops.is_echo((ADA, BENITO)[turn % 2], TEXT, turn * apart, turn * apart) for turn in range(6))


def test_who_goes_on_is_muted_for_a_while() -> None:
    loops = EchoLoopBreaker()
    for turn in range(SUPPRESSED_BEFORE_MUTE):
        loops.spoke(TEXT, heard(turn, turn + 0.9), turn)
        assert loops.muted == []
        assert loops.is_echo(BENITO, TEXT, turn + 0.1, turn + 0.9)
    assert loops.muted == [BENITO]
    until = loops.deadline()
    assert until == SUPPRESSED_BEFORE_MUTE - 0.1 + MUTE_S
    assert loops.release(until - 0.1) == []
    assert loops.release(until) == [BENITO]
    assert not loops.is_muted(BENITO)


words = st.lists(st.sampled_from("el informe llega martes tarde cuatro reunion jueves sala nunca".split()), max_size=12)


@given(words, words)
def test_likeness_is_mutual_and_a_text_is_like_itself(one: list[str], other: list[str]) -> None:
    first, second = tuple(one), tuple(other)
    assert alike(first, second) in (True, False)
    assert alike(first, first) is bool(first)
    if not set(first) & set(second):
        assert not alike(first, second)


@given(st.lists(st.tuples(st.sampled_from([ADA, BENITO, BOT]), words, st.integers(0, 20_000)), max_size=150))
def test_memory_is_bounded_and_only_repetitions_are_suppressed(said: list[tuple[str, list[str], int]]) -> None:
    loops, now = EchoLoopBreaker(), 0.0
    known: list[tuple[str, ...]] = []
    for speaker, text, pause_ms in said:
        now = after(now, pause_ms)
        loops.release(now)
        if loops.is_echo(speaker, " ".join(text), now, now):
            assert any(alike(before, tuple(text)) for before in known), "it was never said before"
        known.append(tuple(text))
        assert len(loops._texts) <= REMEMBERED
        assert set(loops.muted) <= {ADA, BENITO, BOT}


def test_words_are_compared_without_case_punctuation_and_spaces_that_are_not_there() -> None:
    assert words_of("¡Hola, a TODOS!") == ("hola", "a", "todos")
    assert words_of("会议在三点") == ("会", "议", "在", "三", "点")
    assert alike(words_of("会议在三点开始吧"), words_of("会议在三点开始"))


def test_who_was_an_echo_long_ago_is_forgotten() -> None:
    loops = EchoLoopBreaker()
    for at, speaker in [(0.0, ADA), (1.0, BENITO), (2.0, ADA), (100.0, ADA), (101.0, BENITO), (102.0, ADA)]:
        loops.is_echo(speaker, "let us begin with the budget", at, at)
    assert loops.is_echo(BENITO, "let us begin with the budget", 103.0, 103.0)
    assert loops.muted == []
    loops.is_echo(ADA, "let us begin with the budget", 200.0, 200.0)
    for at in (201.0, 202.0):
        loops.is_echo(BENITO, "let us begin with the budget", at, at)
    assert list(loops._suppressed) == [BENITO]
