from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.ledger import Entry, EntryState
from bot.interpreting.plan import Lane
from bot.interpreting.playout.floor import BETWEEN_S, Floor, FloorEntry
from bot.interpreting.playout.lateness import HALF_LIFE_S, LATE_S, Losses, begins, surplus
from tests.support.audio import numbered

ANA, LUIS = "8:acs:ana", "8:acs:luis"
NOW = 100.0


def waiting(
    floor: Floor,
    seconds: float,
    said_s_ago: float = 1.0,
    *,
    speaker: str = ANA,
    target: str = "es-ES",
    chair: bool = False,
    yields: bool = False,
) -> FloorEntry:
    """A passage on the floor whose sound has come; of words that took 2 s."""
    said_at = NOW - said_s_ago
    entry = Entry("u", Lane(speaker, "en-US", target), EntryState.TRANSLATED, said_at - 2.0, ended_at=said_at)
    passage = FloorEntry(entry, said_at, chair=chair, yields=yields)
    floor.enter(passage)
    if seconds:
        floor.audio(passage, numbered(1) * round(seconds * 50), NOW)
    return passage


def left_out(floor: Floor, losses: Losses | None = None) -> FloorEntry | None:
    return surplus(floor, losses or Losses(), NOW)


def test_each_begins_when_those_before_it_have_been_heard() -> None:
    floor = Floor()
    one, two, three = waiting(floor, 5.0, 3.0), waiting(floor, 4.0, 2.0), waiting(floor, 1.0)
    assert begins(floor, [one, two, three], NOW) == pytest.approx([NOW, NOW + 5 + BETWEEN_S, NOW + 9 + 2 * BETWEEN_S])
    floor.next_turn(NOW)
    assert begins(floor, [two, three], NOW) == pytest.approx([NOW + 5 + BETWEEN_S, NOW + 9 + 2 * BETWEEN_S])


@pytest.mark.parametrize("seconds", [1.0, 19.0])
def test_one_that_waits_alone_is_never_left_out(seconds: float) -> None:
    floor = Floor()
    waiting(floor, 19.0, 30.0)
    floor.next_turn(NOW)
    waiting(floor, seconds, 20.0)
    assert left_out(floor) is None
    waiting(floor, 0.0, 20.0)
    assert left_out(floor) is None, "nothing of the other has come"
    waiting(floor, 5.0, 20.0, yields=True)
    assert left_out(floor) is None, "which waits for nobody"


def test_nothing_is_left_out_while_the_last_begins_in_time() -> None:
    floor = Floor()
    waiting(floor, 10.0)
    waiting(floor, 5.0, 0.5)
    assert left_out(floor) is None
    last = waiting(floor, 5.0, 0.0)
    assert left_out(floor) is last


def test_of_a_speaker_who_still_speaks_nothing_is_late() -> None:
    floor = Floor()
    first, second = waiting(floor, 11.0, 3.0), waiting(floor, 5.0, 2.0)
    second.entry.ended_at = None
    assert left_out(floor) is None
    losses = Losses()
    losses.note(second, NOW, heard=False)
    assert losses.share(second) > losses.share(first) - 1e-9


def test_what_comes_after_the_last_that_is_late_is_spared() -> None:
    floor = Floor()
    late = waiting(floor, 1.0, 13.0)
    waiting(floor, 5.0, 1.0, speaker=LUIS)
    losses = Losses()
    losses.note(late, NOW, heard=False)
    assert left_out(floor, losses) is late


def test_the_chairs_words_are_left_out_last() -> None:
    floor = Floor()
    chair = waiting(floor, 19.0, 1.0, chair=True)
    other = waiting(floor, 5.0, 2.0, speaker=LUIS)
    losses = Losses()
    losses.note(other, NOW, heard=False)
    assert left_out(floor, losses) is other
    assert floor.passages[0] is chair


@pytest.mark.parametrize("by", ["speaker", "language"])
def test_who_has_lost_more_of_what_was_said_is_heard(by: str) -> None:
    floor = Floor()
    mine = waiting(floor, 13.0, 2.0)
    speaker, target = (LUIS, "es-ES") if by == "speaker" else (ANA, "fr-FR")
    other = waiting(floor, 13.0, 1.0, speaker=speaker, target=target)
    losses = Losses()
    losses.note(mine, NOW, heard=True)
    assert left_out(floor, losses) is mine, "the other was never heard"
    losses.note(other, NOW, heard=True)
    losses.note(mine, NOW, heard=False)
    assert left_out(floor, losses) is other


def test_what_was_lost_fades() -> None:
    floor, losses = Floor(), Losses()
    lost, heard = waiting(floor, 1.0), waiting(floor, 1.0, speaker=LUIS, target="fr-FR")
    losses.note(lost, NOW, heard=False)
    before = losses.share(lost)
    losses.note(heard, NOW + HALF_LIFE_S, heard=True)
    assert 1.0 < losses.share(lost) < before
    assert losses.share(heard) < 1.0


@given(
    st.lists(
        st.tuples(st.sampled_from([ANA, LUIS]), st.sampled_from(["es", "fr", "de"]), st.integers(1, 20)), max_size=9
    )
)
def test_what_is_left_is_in_time_or_alone_and_it_is_the_same_every_time(said: list[tuple[str, str, int]]) -> None:
    def leave_out() -> list[int]:
        floor, losses, gone = Floor(), Losses(), []
        for place, (speaker, target, seconds) in enumerate(said):
            waiting(floor, seconds, 9.0 - place, speaker=speaker, target=target)
        passages = list(floor.passages)
        while (passage := left_out(floor, losses)) is not None:
            losses.note(passage, NOW, heard=False)
            floor.drop(passage)
            gone.append(passages.index(passage))
        left = floor.passages
        at = begins(floor, left, NOW)
        assert len(left) <= 1 or all(at[i] - (left[i].entry.ended_at or 0) <= LATE_S for i in range(len(left)))
        return gone

    assert leave_out() == leave_out()
