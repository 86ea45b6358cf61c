"""What a room uses, and the cap at which it is only read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.effects import CloseBooth, Hear
from bot.interpreting.events import InterpretationEnded, InterpretationOutcome, Usage
from bot.interpreting.ledger import Entry, EntryKind, EntryState
from bot.interpreting.plan import Lane, RoomPlan, UsageCap
from bot.interpreting.usage_meter import UsageMeter, Used, notice
from rooms_admin.transcripts.usage import Prices
from tests.support.meeting import ADA, ADA_INTO_SPANISH, BENITO, BENITO_INTO_ENGLISH, TWO_LANGUAGES, Answers, Meeting

EXPENSIVE = Prices("EUR", {"output_audio": 100_000.0})
"""0.1 for a token."""


def entry(tokens: Mapping[str, int], kind: EntryKind = EntryKind.UTTERANCE, spoken_s: float = 2.0) -> Entry:
    return Entry(
        "u-1",
        ADA_INTO_SPANISH,
        EntryState.SPOKEN,
        1.0,
        ended_at=1.0 + spoken_s,
        heard=round(spoken_s * 48_000),
        tokens=dict(tokens),
        kind=kind,
        played_ms=40,
    )


def capped(**cap: float) -> RoomPlan:
    return replace(TWO_LANGUAGES, usage_cap=UsageCap(**cap))  # type: ignore[arg-type]  # tokens are whole in these tests


def test_lanes_are_counted_apart_and_the_room_together() -> None:
    meeting = Meeting(model=Answers(seconds=1.0))
    meeting.says(ADA, 0.5, 1.0)
    meeting.says(BENITO, 5.0, 2.0)
    meeting.says(ADA, 12.0, 1.0)
    meeting.run(20.0)
    meter = meeting.session.usage
    assert meter.lanes[ADA_INTO_SPANISH].tokens["output_audio"] == 40
    assert meter.lanes[BENITO_INTO_ENGLISH].tokens["output_audio"] == 20
    assert meter.total.total_tokens == 3 * 30
    assert meter.total.interpreted_ms == 3_000
    sent = sum(len(effect.pcm) for effect in meeting.effects(Hear)) // 48
    assert meter.total.spoken_ms == sent
    assert sent >= 4_000, "the pauses around the speech are sent too"
    assert meter.reached == ""


def test_voices_that_are_passed_through_cost_nothing() -> None:
    meter = UsageMeter(UsageCap(minutes=0.01))
    own = entry({}, EntryKind.PASSTHROUGH)
    own.lane = Lane(ADA, "en-US", "en-US")
    meter.count(own)
    assert (meter.total.spoken_ms, meter.reached) == (0, "")


def test_a_voice_passed_through_in_place_of_an_interpretation_has_cost_what_the_model_did() -> None:
    meter = UsageMeter(UsageCap(tokens=40))
    meter.count(entry({"input_audio": 40}, EntryKind.PASSTHROUGH))
    assert (meter.total.spoken_ms, meter.reached) == (2_000, "tokens")


def test_cached_input_is_not_counted_twice() -> None:
    meter = UsageMeter(UsageCap(tokens=100))
    meter.count(entry({"input_audio": 99, "input_cached": 80}))
    assert meter.reached == ""
    meter.count(entry({"output_text": 1}))
    assert meter.reached == "tokens"


def test_what_was_used_apart_from_utterances_counts_at_once_and_is_written_down_with_the_next() -> None:
    meter = UsageMeter(UsageCap(money=3.0), Prices("EUR", {}, {"translation": 1.0}).cost)
    meter.use(ADA_INTO_SPANISH, {"translation_ms": 120_000})
    meter.use(BENITO_INTO_ENGLISH, {"translation_ms": 30_000})
    assert (meter.money, meter.reached, meter.total.total_tokens) == (2.5, "", 0)
    following = entry({"input_audio": 7})
    meter.count(following)
    assert following.tokens == {"input_audio": 7, "translation_ms": 120_000}
    assert meter.total.tokens == {"input_audio": 7, "translation_ms": 150_000}
    assert meter.rest() == {BENITO_INTO_ENGLISH: {"translation_ms": 30_000}}
    assert meter.rest() == {}
    meter.use(ADA_INTO_SPANISH, {"translation_ms": 30_000})
    assert meter.reached == "money"


def test_interpretations_nobody_waits_for_any_more_are_paid_for_too() -> None:
    meeting = Meeting()
    meeting.handle(
        InterpretationEnded(ADA_INTO_SPANISH, "gone", InterpretationOutcome.COMPLETED, usage=Usage(output_audio=20))
    )
    assert meeting.session.usage.total.tokens == {"output_audio": 20}


def test_at_the_cap_idle_booths_with_a_voice_are_closed_at_once() -> None:
    meeting = Meeting(capped(tokens=10))
    meeting.says(ADA, 0.5, 1.0)
    meeting.run(10.0)
    assert [effect.lane for effect in meeting.effects(CloseBooth)] == [ADA_INTO_SPANISH]


def test_a_cap_that_is_raised_is_reached_no_more() -> None:
    meter = UsageMeter(UsageCap(tokens=1))
    meter.use(ADA_INTO_SPANISH, {"input_text": 1})
    assert meter.reached == "tokens"
    meter.cap = UsageCap(tokens=2)
    assert (meter.cap, meter.reached) == (UsageCap(tokens=2), "")


def test_money_needs_a_price_table() -> None:
    tokens = {"output_audio": 20}
    without, priced = UsageMeter(UsageCap(money=2.0)), UsageMeter(UsageCap(money=2.0), EXPENSIVE.cost)
    for meter in (without, priced):
        meter.count(entry(tokens))
    assert (without.money, without.reached) == (None, "")
    assert (priced.money, priced.reached) == (2.0, "money")


def test_what_earlier_calls_used_counts() -> None:
    before = Used(90_000, 0, Counter())
    meter = UsageMeter(UsageCap(minutes=1.5), before=before)
    assert meter.reached == "minutes"
    meter.count(entry({}))
    assert before.spoken_ms == 90_000, "what was given is nobody else's to change"


kinds = st.sampled_from(["input_text", "input_audio", "input_cached", "output_text", "output_audio"])
counts = st.lists(st.dictionaries(kinds, st.integers(0, 1_000)), max_size=20)


@given(counts, st.integers(0, 20))
def test_it_is_the_same_whichever_call_used_it(used: list[dict[str, int]], earlier: int) -> None:
    """What a room has used does not depend on where one call ended and the next began."""
    one, first = UsageMeter(UsageCap()), UsageMeter(UsageCap())
    for tokens in used:
        one.count(entry(tokens))
    for tokens in used[:earlier]:
        first.count(entry(tokens))
    second = UsageMeter(UsageCap(), before=first.total)
    for tokens in used[earlier:]:
        second.count(entry(tokens))
    assert second.total == one.total
    assert sum(lane.total_tokens for lane in one.lanes.values()) == one.total.total_tokens


def test_readers_are_told_in_their_language_and_in_english_where_we_have_no_words() -> None:
    assert len({notice(tag) for tag in ("en-US", "es-ES", "fr-FR", "de-DE", "it-IT", "pt-BR")}) == 6
    assert notice("es-MX") == notice("es-ES")
    assert notice("fi-FI") == notice("en-US")
