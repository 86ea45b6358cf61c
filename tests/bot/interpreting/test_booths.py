from __future__ import annotations

import math
from dataclasses import replace

from bot.interpreting.booths import FIRST_RETRY_S, LEFT_S, LONGEST_RETRY_S, Booths
from bot.interpreting.effects import Brief, CloseBooth, Effect, OpenBooth
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import AUTO, MIXED, Lane, Mode, RoomPlan
from bot.interpreting.routing import Route, RoutingTable
from tests.support.meeting import ADA, BENITO, CHLOE, PEOPLE

ROOM = RoomPlan(("en-US", "es-ES", "fr-FR"), PEOPLE, park_after_s=60.0)
SPANISH, FRENCH, ENGLISH = Lane(ADA, "en-US", "es-ES"), Lane(ADA, "en-US", "fr-FR"), Lane(BENITO, "es-ES", "en-US")


class Row:
    """A room's booths, and what was done."""

    def __init__(self, plan: RoomPlan = ROOM) -> None:
        self.out: list[Effect] = []
        self.routing = RoutingTable(plan)
        self.booths = Booths(plan, self.routing, self.out)

    def need(self, lane: Lane, now: float, *, spoken: bool = True) -> str:
        return self.booths.need(Route(lane, ("room",) if spoken else (), spoken=spoken), now)

    def follow(self, plan: RoomPlan) -> None:
        self.routing.follow(plan)
        self.booths.follow(plan)

    def seat(self, *people: str, now: float = 0.0) -> None:
        self.routing.seat(people, "room")
        self.booths.people_changed(now)

    def told(self) -> list[tuple[str, Lane]]:
        found = [(type(effect).__name__, getattr(effect, "lane", SPANISH)) for effect in self.out]
        self.out.clear()
        return found


def test_a_booth_is_opened_once_and_stays_while_it_is_needed() -> None:
    row = Row()
    assert row.need(SPANISH, 0.0) == row.need(SPANISH, 50.0) == ""
    assert row.told() == [("OpenBooth", SPANISH)]
    row.booths.park(100.0)
    assert SPANISH in row.booths
    assert row.booths.deadline() == 110.0


def test_an_idle_booth_is_parked_and_opened_again_on_the_next_word() -> None:
    row = Row()
    row.need(SPANISH, 0.0)
    row.booths.begin_work(SPANISH)
    row.booths.park(500.0)
    assert row.booths.deadline() is None
    row.booths.end_work(SPANISH)
    row.booths.mark_used(SPANISH, 500.0)
    row.booths.park(559.9)
    row.booths.park(560.0)
    row.need(SPANISH, 600.0)
    assert row.told() == [("OpenBooth", SPANISH), ("CloseBooth", SPANISH), ("OpenBooth", SPANISH)]


def test_a_booth_works_until_it_has_finished_with_every_utterance() -> None:
    row = Row()
    row.need(SPANISH, 0.0)
    for _ in range(2):
        row.booths.begin_work(SPANISH)
    row.booths.end_work(SPANISH)
    row.booths.park(500.0)
    assert SPANISH in row.booths
    row.booths.end_work(SPANISH)
    row.booths.park(500.0)
    assert SPANISH not in row.booths


def test_where_parking_is_not_wanted_nothing_is_due() -> None:
    row = Row(replace(ROOM, park_after_s=math.inf))
    row.need(SPANISH, 0.0)
    assert row.booths.deadline() is None


def test_the_booth_idle_longest_gives_way_and_one_that_works_does_not() -> None:
    row = Row(replace(ROOM, max_lanes=2))
    row.need(SPANISH, 1.0)
    row.need(FRENCH, 2.0)
    row.booths.mark_used(SPANISH, 3.0)
    assert row.need(ENGLISH, 4.0) == ""
    assert row.told()[-2:] == [("CloseBooth", FRENCH), ("OpenBooth", ENGLISH)]
    row.booths.begin_work(SPANISH)
    row.booths.begin_work(ENGLISH)
    assert row.need(FRENCH, 5.0) == "lane_limit"
    assert row.told() == []


def test_opening_ahead_takes_nobodys_place() -> None:
    row = Row(replace(ROOM, max_lanes=1))
    row.seat(ADA, BENITO, CHLOE)
    assert row.booths.lanes == [SPANISH]
    row = Row(replace(ROOM, max_lanes=3))
    row.seat(ADA, BENITO, CHLOE)
    assert row.booths.lanes == [SPANISH, FRENCH, ENGLISH]


def test_booths_are_opened_ahead_once_somebody_is_there_to_hear() -> None:
    row = Row()
    row.seat(ADA)
    assert row.told() == []
    row.seat(ADA, BENITO)
    assert row.told() == [("OpenBooth", SPANISH), ("OpenBooth", ENGLISH)]


def test_a_mixed_stream_is_the_only_speaker_whoever_comes() -> None:
    row = Row(replace(ROOM, mixed=True))
    row.seat(ADA, BENITO)
    assert row.booths.lanes == [Lane(MIXED, AUTO, "en-US"), Lane(MIXED, AUTO, "es-ES")]


def test_a_lower_limit_closes_what_is_idle() -> None:
    row = Row()
    for number, lane in enumerate((SPANISH, FRENCH, ENGLISH)):
        row.need(lane, number)
    row.booths.begin_work(SPANISH)
    row.follow(replace(ROOM, max_lanes=1))
    row.booths.park(3.0)
    assert row.booths.lanes == [SPANISH]


def test_booths_are_closed_soon_when_their_speaker_or_the_last_who_hears_them_has_left() -> None:
    row = Row()
    row.seat(ADA, BENITO)
    row.seat(BENITO)
    assert row.booths.deadline() == LEFT_S
    row.booths.park(LEFT_S)
    assert row.booths.lanes == []


def test_a_booth_is_closed_soon_when_the_last_who_hears_it_has_left() -> None:
    row = Row()
    row.seat(ADA, BENITO, CHLOE)
    row.seat(ADA, BENITO)
    row.booths.park(LEFT_S)
    assert row.booths.lanes == [SPANISH, ENGLISH]


def test_who_comes_back_finds_the_booth_open() -> None:
    row = Row()
    row.seat(ADA, BENITO)
    row.seat(BENITO)
    row.seat(ADA, BENITO, now=5.0)
    row.booths.park(30.0)
    assert row.booths.lanes == [SPANISH, ENGLISH]


def test_a_refused_booth_is_not_asked_at_once() -> None:
    row = Row()
    row.need(SPANISH, 0.0)
    row.booths.refuse(SPANISH, 0.5)
    row.booths.refuse(FRENCH, 0.5)
    assert row.told() == [("OpenBooth", SPANISH), ("CloseBooth", SPANISH)]
    assert row.need(SPANISH, 1.0) == "booth_refused"
    row.seat(ADA, BENITO, now=1.0)
    assert row.told() == [("OpenBooth", ENGLISH)]
    assert row.need(FRENCH, 1.0) == "", "it had no booth that could be refused"


def test_a_refusal_is_remembered_as_long_as_the_lane_is_wanted() -> None:
    row = Row()
    row.need(SPANISH, 0.0)
    row.booths.refuse(SPANISH, 0.0)
    row.follow(replace(ROOM, pivot="fr-FR"))
    assert row.booths.refused == {SPANISH}
    row.follow(replace(ROOM, languages=("en-US", "fr-FR")))
    assert row.booths.refused == set()


def test_a_refused_lane_is_tried_again_ever_later_until_its_booth_works() -> None:
    row = Row(replace(ROOM, park_after_s=1_000.0))
    row.need(SPANISH, 0.0)
    pauses, now = [], 0.0
    for _ in range(7):
        row.booths.refuse(SPANISH, now)
        due = row.booths.deadline()
        assert due is not None
        pauses.append(due - now)
        row.booths.park(due - 0.1)
        assert row.booths.lanes == []
        now = due
        row.booths.park(now)
        assert row.booths.lanes == [SPANISH]
        assert row.booths.refused == {SPANISH}, "nothing serves it yet"
        assert row.need(SPANISH, now) == "", "but what is said may wait for it"
    assert pauses == [FIRST_RETRY_S, 20.0, 40.0, 80.0, 160.0, LONGEST_RETRY_S, LONGEST_RETRY_S]
    row.booths.ready(SPANISH)
    assert row.booths.refused == set()
    row.booths.refuse(SPANISH, now)
    assert row.booths.deadline() == now + FIRST_RETRY_S


def test_a_refused_lane_that_has_no_place_or_is_not_wanted_now_is_tried_with_the_next_word() -> None:
    full = Row(replace(ROOM, max_lanes=1))
    full.need(SPANISH, 0.0)
    full.booths.refuse(SPANISH, 0.0)
    full.need(ENGLISH, 1.0)
    absent = Row()
    absent.need(SPANISH, 0.0)
    absent.booths.refuse(SPANISH, 0.0)
    absent.seat(BENITO)
    unheard = Row()
    unheard.need(Lane(ADA, "en-US", "de-DE"), 0.0)
    unheard.booths.refuse(Lane(ADA, "en-US", "de-DE"), 0.0)
    for row in (full, absent, unheard):
        row.booths.park(FIRST_RETRY_S)
        assert row.booths.refused == set()
        assert SPANISH not in row.booths


def test_a_changed_glossary_reaches_open_booths() -> None:
    row = Row()
    row.need(SPANISH, 0.0)
    row.need(ENGLISH, 0.0)
    row.out.clear()
    changed = replace(ROOM, glossary=GlossaryEntries.of({"Contoso": {}}))
    row.follow(changed)
    assert [(effect.lane, "Contoso" in effect.instructions) for effect in row.out if isinstance(effect, Brief)] == [
        (SPANISH, True),
        (ENGLISH, True),
    ]
    row.out.clear()
    row.follow(changed)
    assert row.out == []


def test_a_lane_nobody_wants_is_closed_when_it_is_idle() -> None:
    row = Row()
    row.need(SPANISH, 0.0)
    row.booths.begin_work(SPANISH)
    row.follow(replace(ROOM, languages=("en-US", "fr-FR")))
    row.booths.park(1.0)
    assert SPANISH in row.booths
    row.booths.end_work(SPANISH)
    assert row.booths.deadline() is not None
    row.booths.park(1.0)
    assert SPANISH not in row.booths


def test_another_mode_needs_another_booth_between_two_utterances() -> None:
    row = Row()
    row.need(SPANISH, 0.0)
    assert not row.booths.simultaneous(SPANISH)
    row.follow(replace(ROOM, mode=Mode.SIMULTANEOUS))
    row.booths.begin_work(SPANISH)
    row.need(SPANISH, 1.0)
    assert not row.booths.simultaneous(SPANISH), "what is under way is finished as it began"
    row.booths.end_work(SPANISH)
    row.need(SPANISH, 2.0)
    assert row.booths.simultaneous(SPANISH)
    assert [effect.mode for effect in row.out if isinstance(effect, OpenBooth)] == [Mode.CONSECUTIVE, Mode.SIMULTANEOUS]


def test_a_lane_that_is_only_read_gets_a_voice_with_the_first_who_hears_it() -> None:
    row = Row()
    row.need(SPANISH, 0.0, spoken=False)
    row.need(SPANISH, 1.0)
    row.booths.voiceless = "usage_cap"
    row.need(SPANISH, 2.0)
    opened = [effect for effect in row.out if isinstance(effect, OpenBooth)]
    assert [(effect.voice, effect.voiceless) for effect in opened] == [(False, ""), (True, ""), (False, "usage_cap")]


def test_what_serves_a_lane_is_known_while_it_is_open() -> None:
    row = Row()
    assert not row.booths.served(SPANISH, "captions")
    row.need(SPANISH, 0.0)
    assert row.booths.engine(SPANISH) == ""
    assert row.booths.served(SPANISH, "captions")
    assert row.booths.engine(SPANISH) == "captions"
    assert row.booths.engine(FRENCH) == ""
    row.booths.close_all()
    assert [effect for effect in row.out if isinstance(effect, CloseBooth)] == [CloseBooth(SPANISH)]
    row.booths.mark_used(SPANISH, 1.0)
    assert SPANISH not in row.booths


def test_the_pace_of_an_open_booth_is_told_once_per_change() -> None:
    row = Row()
    assert not row.booths.set_pace(SPANISH, 1.1, condensed=False), "it has no booth"
    row.need(SPANISH, 0.0)
    told = [row.booths.set_pace(SPANISH, speed, condensed=speed > 1.1) for speed in (1.0, 1.1, 1.1, 1.2, 1.0)]
    assert told == [False, True, False, True, True]


def test_a_booth_for_the_interpreters_own_words_takes_nobodys_place_and_closes_soon() -> None:
    row, own = Row(replace(ROOM, max_lanes=2, mode=Mode.SIMULTANEOUS)), Lane("interpreter", AUTO, "es-ES")
    row.need(SPANISH, 0.0)
    assert row.booths.open_for_words(own, 0.0)
    assert [effect.mode for effect in row.out if isinstance(effect, OpenBooth)] == [
        Mode.SIMULTANEOUS,
        Mode.CONSECUTIVE,
    ]
    assert not row.booths.open_for_words(Lane("interpreter", AUTO, "fr-FR"), 0.0)
    row.booths.park(LEFT_S)
    assert row.booths.lanes == [SPANISH]
    row.need(FRENCH, 11.0)
    row.booths.refuse(FRENCH, 11.5)
    assert not row.booths.open_for_words(FRENCH, 12.0)


def test_a_booth_is_told_whether_its_briefing_holds_terms() -> None:
    for glossary, terms in ((GlossaryEntries(), False), (GlossaryEntries.of({"Contoso": {}}), True)):
        row = Row(replace(ROOM, glossary=glossary))
        row.need(SPANISH, 0.0)
        (opened,) = row.out
        assert isinstance(opened, OpenBooth)
        assert opened.terms is terms


def test_a_booth_for_typed_texts_is_consecutive_and_stays_while_the_room_has_its_languages() -> None:
    plan = replace(ROOM, mode=Mode.SIMULTANEOUS)
    row, typed = Row(plan), Lane(ADA, "en-US", "es-ES", typed=True)
    assert row.need(typed, 0.0, spoken=False) == row.need(typed, 1.0, spoken=False) == ""
    (opened,) = row.out
    assert isinstance(opened, OpenBooth)
    assert (opened.mode, opened.voice) == (Mode.CONSECUTIVE, False)
    row.follow(replace(plan, glossary=GlossaryEntries.of({"pier": {"es-ES": "muelle"}})))
    row.booths.park(2.0)
    assert row.told() == [("OpenBooth", typed), ("Brief", typed)]
    row.follow(replace(plan, languages=("en-US", "fr-FR")))
    row.booths.park(3.0)
    assert row.told() == [("CloseBooth", typed)]
