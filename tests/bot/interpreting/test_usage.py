"""What a room uses, and the cap at which it is only read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.events import OpenBooth, PlanChanged, Restricted
from bot.interpreting.ledger import Entry, Kind, State
from bot.interpreting.plan import RoomPlan, UsageCap
from bot.interpreting.usage import UsageMeter, Used, notice
from rooms_admin.usage import Prices
from tests.support.meeting import ADA, ADA_INTO_SPANISH, BENITO, BENITO_INTO_ENGLISH, TWO_LANGUAGES, Answers, Meeting

EXPENSIVE = Prices("EUR", {"output_audio": 100_000.0})
"""0.1 for a token."""


def entry(tokens: Mapping[str, int], kind: Kind = Kind.UTTERANCE, spoken_s: float = 2.0) -> Entry:
    return Entry(
        "u-1",
        ADA_INTO_SPANISH,
        State.SPOKEN,
        1.0,
        ended_at=1.0 + spoken_s,
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
    assert 3_500 < meter.total.spoken_ms <= 4_000
    assert meter.reached == ""


def test_voices_that_are_passed_through_cost_nothing() -> None:
    meter = UsageMeter(UsageCap(minutes=0.01))
    meter.count(entry({}, Kind.PASSTHROUGH))
    assert (meter.total.spoken_ms, meter.reached) == (0, "")


def test_cached_input_is_not_counted_twice() -> None:
    meter = UsageMeter(UsageCap(tokens=100))
    meter.count(entry({"input_audio": 99, "input_cached": 80}))
    assert meter.reached == ""
    meter.count(entry({"output_text": 1}))
    assert meter.reached == "tokens"


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


# --- the cap -------------------------------------------------------------------------------------------


def test_a_cap_that_is_reached_leaves_captions_and_says_so_in_each_language() -> None:
    meeting = Meeting(capped(tokens=50), Answers(seconds=1.0))
    for at in (0.5, 5.0, 10.0):
        meeting.says(ADA, at, 1.0)
    meeting.run(20.0)
    assert meeting.states() == {"u-1": ("spoken", ""), "u-2": ("spoken", ""), "u-3": ("caption_only", "usage_cap")}
    assert meeting.voices() == [1, 2]
    notices = {line.language: line.text for line in meeting.captions() if line.speaker == "interpreter"}
    assert notices == {tag: notice(tag) for tag in ("en-US", "es-ES")}
    assert notices["en-US"] != notices["es-ES"]
    assert [line.text for line in meeting.captions() if line.utterance == "u-3" and line.is_final] == ["Hello", "Hola"]
    assert meeting.session.restriction == "usage_cap: tokens"
    assert meeting.effects(Restricted) == [Restricted("usage_cap: tokens")]


def test_it_is_told_as_soon_as_the_last_sound_has_been_heard() -> None:
    meeting = Meeting(capped(tokens=1), Answers(seconds=1.0))
    meeting.says(ADA, 0.5, 1.0)
    meeting.run(20.0)
    told_at = next(at for at, effect in meeting.done if isinstance(effect, Restricted))
    assert told_at - meeting.played()[-1][0] < 0.03


def test_from_then_on_text_is_all_that_booths_are_asked_for() -> None:
    meeting = Meeting(capped(tokens=1), Answers(seconds=1.0))
    meeting.says(ADA, 0.5, 1.0)
    meeting.says(ADA, 5.0, 1.0)
    meeting.run(20.0)
    assert [opened.voice for opened in meeting.effects(OpenBooth)] == [True, False]


def test_what_is_being_said_when_the_cap_is_reached_is_said_to_the_end() -> None:
    meeting = Meeting(capped(tokens=30), Answers(seconds=4.0))
    meeting.says(ADA, 0.5, 1.0)
    meeting.says(BENITO, 1.0, 1.0)
    meeting.says(ADA, 12.0, 1.0)
    meeting.run(30.0)
    assert meeting.states() == {
        "u-1": ("spoken", ""),
        "u-2": ("spoken", ""),  # it had begun before the first was closed
        "u-3": ("caption_only", "usage_cap"),
    }
    assert len(meeting.played()) == 2 * 200


def test_a_cap_that_is_raised_gives_the_voice_back() -> None:
    meeting = Meeting(capped(tokens=1), Answers(seconds=1.0))
    meeting.says(ADA, 0.5, 1.0)
    meeting.says(ADA, 5.0, 1.0)
    meeting.happens(10.0, PlanChanged(capped(tokens=1_000)))
    meeting.says(ADA, 11.0, 1.0)
    meeting.run(20.0)
    assert [state for state, _ in meeting.states().values()] == ["spoken", "caption_only", "spoken"]
    assert [one.reason for one in meeting.effects(Restricted)] == ["usage_cap: tokens", ""]
    assert meeting.session.restriction == ""
