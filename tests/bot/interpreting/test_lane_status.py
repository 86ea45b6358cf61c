from __future__ import annotations

from bot.interpreting.lane_status import LANES_SHOWN, RESTORED, SPANS_SHOWN, LaneState, LaneStatuses, LaneView
from bot.interpreting.ledger import Entry, EntryKind, EntryState
from bot.interpreting.plan import Lane

ADA = Lane("8:acs:ada", "en-US", "es-ES")
OWN = Lane("8:acs:ada", "en-US", "en-US")


def spoken(span_s: float, lane: Lane = ADA, kind: EntryKind = EntryKind.UTTERANCE) -> Entry:
    return Entry("u-1", lane, EntryState.SPOKEN, 0.0, ended_at=1.0, first_played_at=1.0 + span_s, kind=kind)


def only(lanes: LaneStatuses) -> LaneView:
    (one,) = lanes.views()
    return one


def test_a_lane_is_open_with_its_engine_and_then_parked() -> None:
    lanes = LaneStatuses()
    lanes.booth_opened(ADA)
    assert (only(lanes).state, only(lanes).engine) == (LaneState.OPEN, "")
    assert not lanes.ready(ADA, "conversation")
    assert (only(lanes).engine, only(lanes).reason) == ("conversation", "")
    lanes.booth_closed(ADA)
    assert (only(lanes).state, only(lanes).engine) == (LaneState.PARKED, "")


def test_a_lane_served_otherwise_is_news_once() -> None:
    lanes = LaneStatuses()
    for first in (True, False):
        lanes.booth_opened(ADA)
        assert lanes.served(ADA, "captions", "quota") is first
        assert not lanes.ready(ADA, "captions")
        assert (only(lanes).engine, only(lanes).reason) == ("captions", "quota")
        lanes.booth_closed(ADA)
        assert only(lanes).reason == "quota"
    lanes.booth_opened(ADA)
    assert lanes.served(ADA, "conversation", "quota")
    assert lanes.served(ADA, "translation", RESTORED)
    assert not lanes.served(ADA, "translation", RESTORED)
    assert (only(lanes).engine, only(lanes).reason) == ("translation", "")


def test_a_booth_that_works_as_asked_for_when_it_is_opened_anew_is_news() -> None:
    lanes = LaneStatuses()
    lanes.booth_opened(ADA)
    lanes.served(ADA, "conversation", "http_404")
    lanes.ready(ADA, "conversation")
    assert only(lanes).reason == "http_404", "the session that stands in is no restoration"
    lanes.booth_closed(ADA)
    lanes.booth_opened(ADA)
    assert lanes.ready(ADA, "translation")
    assert only(lanes).reason == ""


def test_a_lane_nothing_serves_is_refused() -> None:
    lanes = LaneStatuses()
    lanes.booth_opened(ADA)
    lanes.booth_closed(ADA)
    assert lanes.served(ADA, "", "http_401")
    assert (only(lanes).state, only(lanes).reason) == (LaneState.REFUSED, "http_401")
    lanes.booth_opened(ADA)
    assert only(lanes).state is LaneState.OPEN


def test_the_latest_ear_voice_spans_of_utterances_are_shown() -> None:
    lanes = LaneStatuses()
    for number in range(SPANS_SHOWN + 2):
        lanes.opened(ADA)
        assert only(lanes).waiting == 1
        lanes.settled(spoken(number / 10))
    lanes.settled(spoken(9.0, kind=EntryKind.ANNOUNCEMENT))
    assert list(only(lanes).spans_ms) == [200, 300, 400, 500, 600]
    assert only(lanes).waiting == 0


def test_a_voice_that_is_passed_through_is_a_lane_while_it_is_heard() -> None:
    lanes = LaneStatuses()
    lanes.opened(OWN)
    assert (only(lanes).state, only(lanes).engine) == (LaneState.OPEN, "passthrough")
    lanes.settled(spoken(0.1, OWN, EntryKind.PASSTHROUGH))
    assert (only(lanes).state, list(only(lanes).spans_ms)) == (LaneState.PARKED, [])


def test_so_many_are_shown_and_those_that_work_last() -> None:
    lanes = LaneStatuses()
    lanes.booth_opened(ADA)
    for number in range(2 * LANES_SHOWN):
        lane = Lane(f"8:acs:{number}", "en-US", "es-ES")
        lanes.booth_opened(lane)
        lanes.booth_closed(lane)
    assert len(lanes.views()) == LANES_SHOWN
    assert lanes.views()[0].lane == ADA


def test_what_an_engine_does_not_do_is_told_to_admins_unless_there_is_worse() -> None:
    lanes = LaneStatuses()
    lanes.booth_opened(ADA)
    assert not lanes.ready(ADA, "translation", "glossary")
    (view,) = lanes.views()
    assert (view.reason, view.told) == ("", "glossary")
    lanes.served(ADA, "translation", "silent")
    assert view.told == "silent"
    lanes.served(ADA, "translation", RESTORED)
    assert view.told == "glossary"
    lanes.ready(ADA, "conversation")
    assert view.told == ""


def test_lanes_of_what_is_typed_are_neither_shown_nor_reported() -> None:
    lanes, typed = LaneStatuses(), Lane("8:acs:ada", "en-US", "es-ES", typed=True)
    lanes.booth_opened(typed)
    assert not lanes.served(typed, "captions", "quota")
    assert lanes.views() == []
