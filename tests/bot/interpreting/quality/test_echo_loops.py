"""What sound shows to be ours is not interpreted again; on words alone nobody's are thrown away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.captions import Utterance
from bot.interpreting.ledger import Entry, EntryState
from bot.interpreting.plan import MIXED, Lane
from bot.interpreting.quality.echo_loops import (
    ANSWER_S,
    LOOP_LENGTH,
    POSSIBLE,
    REMEMBERED,
    REMEMBERED_S,
    SURE,
    TOLD_AFTER,
    TOLD_S,
    Echo,
    EchoLoopBreaker,
    alike,
    words_of,
)
from tests.support.clock import after
from tests.support.meeting import ADA, BENITO, CHLOE

TEXT = "El informe llega el martes por la tarde"


def heard(since: float, until: float, speaker: str = ADA) -> Entry:
    lane = Lane(speaker, "en-US", "es-ES")
    return Entry("u-1", lane, EntryState.SPOKEN, 0.0, first_played_at=since, last_played_at=until)


def said(speaker: str, began_at: float, share: float = 0.0, measured_ms: int = 1_600) -> Utterance:
    return Utterance(
        "u-2", speaker, speaker, "en-US", began_at, began_at + 2.0, voiced_ms=2_000,
        own_voice_ms=share * measured_ms, measured_ms=measured_ms,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("share", "text", "by_sound", "by_words"),
    [
        (0.0, TEXT, Echo.NONE, Echo.NONE),
        (POSSIBLE - 0.01, TEXT, Echo.NONE, Echo.NONE),
        (POSSIBLE, TEXT, Echo.SUSPECTED, Echo.RETURNED),
        (POSSIBLE, "llega el martes", Echo.SUSPECTED, Echo.RETURNED),
        (POSSIBLE, "Perdón, ¿el miércoles o el jueves por la mañana?", Echo.SUSPECTED, Echo.SUSPECTED),
        (POSSIBLE, "Sí", Echo.SUSPECTED, Echo.SUSPECTED),
        (SURE, "", Echo.RETURNED, Echo.SUSPECTED),
    ],
)
def test_sound_decides_and_words_confirm(share: float, text: str, by_sound: Echo, by_words: Echo) -> None:
    loops = EchoLoopBreaker()
    loops.spoke(TEXT, heard(10.0, 13.0), 10.5)
    spoken = said(BENITO, 10.4, share)
    assert loops.by_sound(spoken, 13.0) is by_sound
    assert loops.by_words(spoken, text, 15.0) is by_words


def test_speech_that_was_not_compared_came_while_we_were_silent() -> None:
    loops = EchoLoopBreaker()
    assert loops.by_sound(said(BENITO, 10.4, 1.0, measured_ms=400), 13.0) is Echo.NONE
    assert loops.by_sound(said(BENITO, 10.4, 1.0, measured_ms=1_400), 13.0) is Echo.RETURNED


def test_words_confirm_nothing_that_was_not_heard_meanwhile() -> None:
    for since, until in ((None, None), (20.0, 22.0), (1.0, 3.0)):
        loops = EchoLoopBreaker()
        entry = heard(0.0, 0.0)
        entry.first_played_at, entry.last_played_at = since, until
        loops.spoke(TEXT, entry, 10.5)
        assert loops.by_words(said(BENITO, 10.4, POSSIBLE), TEXT, 15.0) is Echo.SUSPECTED
    loops = EchoLoopBreaker()
    loops.spoke(TEXT, heard(10.0, 13.0), 10.5)
    assert loops.by_words(said(BENITO, 10.4, POSSIBLE), TEXT, 11.0 + REMEMBERED_S) is Echo.SUSPECTED


def test_in_mixed_audio_our_words_are_suspected_and_no_more() -> None:
    loops = EchoLoopBreaker()
    loops.spoke(TEXT, heard(10.0, 13.0, MIXED), 10.5)
    assert loops.by_words(said(MIXED, 10.4, measured_ms=0), TEXT, 15.0) is Echo.SUSPECTED
    assert loops.by_words(said(MIXED, 10.4, measured_ms=0), "Otra cosa distinta", 15.0) is Echo.NONE


def round_and_round(*turns: tuple[str, str], pause: float = 2.0, played: bool = True) -> list[Echo]:
    """What each utterance is; each but the first begins `pause` seconds after the interpretation of the one before."""
    loops, found, now = EchoLoopBreaker(), [], 0.0
    for speaker, text in turns:
        found.append(loops.by_words(said(speaker, now), text, now + 2.0))
        entry = heard(now + 3.0, now + 5.0, speaker)
        if not played:
            entry.first_played_at = entry.last_played_at = None
        loops.spoke("anything at all", entry, now + 3.0)
        now += 5.0 + pause
    return found


def test_who_answers_each_interpretation_by_the_same_words_is_another_interpreter() -> None:
    found = round_and_round(*[(BENITO, TEXT)] * (LOOP_LENGTH + 3))
    assert found == [Echo.NONE] * LOOP_LENGTH + [Echo.LOOP] * 3


@pytest.mark.parametrize("speaker", [ADA, MIXED])
def test_people_who_vote_one_after_the_other_are_none(speaker: str) -> None:
    voters = [speaker if speaker == MIXED else f"8:acs:{number}" for number in range(6)]
    assert round_and_round(*[(voter, "I vote in favour.") for voter in voters]) == [Echo.NONE] * 6


def test_nor_is_who_repeats_after_somebody_else_or_with_other_words_or_later_or_unheard() -> None:
    with_others = [(BENITO, TEXT), (ADA, "Once more, please")] * (LOOP_LENGTH + 2)
    others_words = [(BENITO, TEXT), (BENITO, "Entonces lo vemos el jueves")] * (LOOP_LENGTH + 2)
    same = [(BENITO, TEXT)] * (LOOP_LENGTH + 2)
    assert set(round_and_round(*with_others)) == {Echo.NONE}
    assert set(round_and_round(*others_words)) == {Echo.NONE}
    assert set(round_and_round(*same, pause=ANSWER_S + 1.0)) == {Echo.NONE}
    assert set(round_and_round(*same, played=False)) == {Echo.NONE}
    assert set(round_and_round(*[(BENITO, "Sí.")] * 10)) == {Echo.NONE}


def test_admins_are_told_of_who_goes_on_and_until_a_while_after_the_last() -> None:
    loops = EchoLoopBreaker()
    for turn in range(TOLD_AFTER):
        assert loops.echoing == []
        assert loops.by_sound(said(BENITO, turn, 1.0), float(turn)) is Echo.RETURNED
    loops.by_sound(said(CHLOE, 1.0, 1.0), 1.0)
    assert loops.echoing == [BENITO]
    assert loops.deadline() == 1.0 + TOLD_S
    loops.release(1.0 + TOLD_S)
    assert loops.echoing == [BENITO]
    loops.release(TOLD_AFTER - 1.0 + TOLD_S)
    assert loops.echoing == []
    assert loops.deadline() is None


def test_echoes_long_apart_are_not_told() -> None:
    loops = EchoLoopBreaker()
    for turn in range(TOLD_AFTER):
        loops.by_sound(said(BENITO, turn, 1.0), 0.6 * TOLD_S * turn)
    assert loops.echoing == []


words = st.lists(st.sampled_from("el informe llega martes tarde cuatro reunion jueves sala nunca".split()), max_size=12)


@given(words, words)
def test_likeness_is_mutual_and_a_text_is_like_itself(one: list[str], other: list[str]) -> None:
    first, second = tuple(one), tuple(other)
    assert alike(first, second) in (True, False)
    assert alike(first, first) is bool(first)
    if not set(first) & set(second):
        assert not alike(first, second)


@given(st.lists(st.tuples(st.sampled_from([ADA, BENITO, CHLOE]), words, st.integers(0, 20_000)), max_size=150))
def test_memory_is_bounded_and_words_alone_never_throw_anything_away(said_: list[tuple[str, list[str], int]]) -> None:
    loops, now = EchoLoopBreaker(), 0.0
    for speaker, text, pause_ms in said_:
        now = after(now, pause_ms)
        loops.release(now)
        assert loops.by_words(said(speaker, now), " ".join(text), now) is not Echo.RETURNED
        loops.spoke(" ".join(text), heard(now, now, speaker), now)
        assert len(loops._ours) <= REMEMBERED


def test_words_are_compared_without_case_punctuation_and_spaces_that_are_not_there() -> None:
    assert words_of("¡Hola, a TODOS!") == ("hola", "a", "todos")
    assert words_of("会议在三点") == ("会", "议", "在", "三", "点")
    assert alike(words_of("会议在三点开始吧"), words_of("会议在三点开始"))
