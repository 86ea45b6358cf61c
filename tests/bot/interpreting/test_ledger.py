from __future__ import annotations

import itertools

import pytest

from bot.interpreting.ledger import FINAL, NEXT, RESPONSE_KINDS, Entry, EntryState, IllegalTransition, Ledger
from bot.interpreting.plan import Lane

INTO_SPANISH = Lane("8:acs:ada", "en-US", "es-ES")
INTO_FRENCH = Lane("8:acs:ada", "en-US", "fr-FR")

H, C, T = EntryState.HEARD, EntryState.COMMITTED, EntryState.TRANSLATED
LEGAL = {
    (H, C),
    (H, T),  # simultaneous
    (H, EntryState.CAPTION_ONLY),
    (H, EntryState.NOT_NEEDED),
    (H, EntryState.ABANDONED),
    (C, T),
    (C, EntryState.CAPTION_ONLY),
    (C, EntryState.NOT_NEEDED),
    (C, EntryState.ABANDONED),
    (T, EntryState.SPOKEN),
    (T, EntryState.CAPTION_ONLY),
    (T, EntryState.NOT_NEEDED),  # a backchannel
    (T, EntryState.ABANDONED),
}
"""Written out once more: what the table has to say, and nothing else."""


def entry_in(ledger: Ledger, state: EntryState) -> Entry:
    """An open entry in a state that is not final."""
    entry = ledger.open("u-1", INTO_SPANISH, now=1.0)
    for step in {H: (), C: (C,), T: (C, T)}[state]:
        ledger.advance(entry, step)
    return entry


@pytest.mark.parametrize(("before", "after"), [*itertools.product((H, C, T), EntryState)])
def test_an_open_entry_moves_as_the_table_says(before: EntryState, after: EntryState) -> None:
    ledger = Ledger()
    entry = entry_in(ledger, before)
    if (before, after) in LEGAL:
        ledger.advance(entry, after, "why")
        assert (entry.state, entry.reason) == (after, "why")
    else:
        with pytest.raises(IllegalTransition, match=f"u-1: {before} -> {after}"):
            ledger.advance(entry, after, "why")
        assert (entry.state, entry.reason) == (before, "")


@pytest.mark.parametrize(("final", "after"), [*itertools.product(sorted(FINAL), EntryState)])
def test_a_final_state_leads_nowhere(final: EntryState, after: EntryState) -> None:
    ledger = Ledger()
    way = next(state for state in (H, C, T) if (state, final) in LEGAL)
    entry = entry_in(ledger, way)
    ledger.advance(entry, final)
    with pytest.raises(IllegalTransition):
        ledger.advance(entry, after)
    assert ledger.entries() == []


def test_every_state_is_in_the_table_and_every_final_one_can_be_reached() -> None:
    assert set(NEXT) == set(EntryState)
    assert FINAL == {state for state, following in NEXT.items() if not following}
    assert {after for following in NEXT.values() for after in following} == set(EntryState) - {H}


def test_an_entry_is_open_until_its_final_state() -> None:
    ledger = Ledger()
    spanish = ledger.open("u-1", INTO_SPANISH, now=1.0)
    french = ledger.open("u-1", INTO_FRENCH, now=1.0)
    assert (spanish.state, spanish.began_at, spanish.ended_at) == (EntryState.HEARD, 1.0, None)
    assert ledger.entries() == [spanish, french]

    ledger.advance(spanish, EntryState.ABANDONED, "hushed")

    assert (len(ledger), ledger.entries()) == (1, [french])


def test_an_utterance_is_opened_once_in_each_lane() -> None:
    ledger = Ledger()
    ledger.open("u-1", INTO_SPANISH, now=1.0)
    with pytest.raises(IllegalTransition, match="u-1 is open already"):
        ledger.open("u-1", INTO_SPANISH, now=2.0)


def test_what_was_heard_is_counted_in_bytes_of_pcm16_at_24_khz() -> None:
    assert Entry("u-1", Lane("8:acs:1", "en-US", "es-ES"), EntryState.HEARD, 0.0, heard=48_000).heard_ms == 1_000


def test_the_tokens_of_every_response_are_added_up() -> None:
    entry = Entry("u-1", Lane("ada", "en-US", "es-ES"), EntryState.HEARD, 0.0)
    for _ in range(2):
        entry.count({"output_audio": 5, "other": 1})
    assert entry.tokens == dict.fromkeys(RESPONSE_KINDS, 0) | {"output_audio": 10, "other": 2}
