from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.plan import AUTO, SHARED_CHANNEL, WEB, Attendee, Lane, Layout, RoomPlan, primary
from bot.interpreting.routing import Route, RoutingTable, channels, own_channel, stream

ADA, BENITO, CHLOE, DIETER, GUEST = "8:acs:ada", "8:acs:benito", "8:acs:chloe", "8:acs:dieter", "8:acs:guest"
EN, ES, FR, DE = "en-US", "es-ES", "fr-FR", "de-DE"


def people(**speaks: str | tuple[str, str]) -> dict[str, Attendee]:
    ids = {"ada": ADA, "benito": BENITO, "chloe": CHLOE, "dieter": DIETER, "guest": GUEST}
    tags = {name: (tag, "") if isinstance(tag, str) else tag for name, tag in speaks.items()}
    return {ids[name]: Attendee(ids[name], name, *tag) for name, tag in tags.items()}


THREE = RoomPlan((EN, ES, FR), people(ada=EN, benito=ES, chloe=FR))
SISTERS = replace(THREE, layout=Layout.SISTER)


def routes(plan: RoomPlan, speaker: str, refused: Container[Lane] = ()) -> tuple[Route, ...]:
    """Nobody has reported who is there."""
    return RoutingTable(plan).routes(speaker, refused)


def carried(plan: RoomPlan, speaker: str, channel: str) -> list[tuple[str, str]]:
    """Source and target of what a channel carries of a speaker: the same, if it is the speaker's own voice."""
    return [(route.lane.source, route.lane.target) for route in routes(plan, speaker) if channel in route.channels]


def into(target: str, speaker: str = ADA, source: str = EN) -> Lane:
    return Lane(speaker, source, target)


# --- the shared room -------------------------------------------------------------------------------


def test_lanes_lead_from_a_speaker_into_every_language_that_others_hear() -> None:
    assert routes(THREE, ADA) == (Route(into(ES), (SHARED_CHANNEL,)), Route(into(FR), (SHARED_CHANNEL,)))


def test_languages_nobody_hears_are_not_interpreted() -> None:
    room = RoomPlan((EN, ES, FR), people(ada=EN, benito=ES))
    assert [route.lane.target for route in routes(room, ADA)] == [ES]
    assert routes(RoomPlan((EN, ES, FR)), GUEST) == ()


def test_nobody_is_interpreted_for_themselves() -> None:
    room = RoomPlan((EN, ES), people(ada=(EN, ES), dieter=(EN, EN)))
    assert routes(room, ADA) == ()
    assert [route.lane.target for route in routes(room, DIETER)] == [ES]


def test_regional_variants_of_the_speakers_own_language_are_not_interpreted_into() -> None:
    room = RoomPlan((EN, "en-GB", ES), people(ada="en-GB", benito=ES, dieter=EN))
    assert [route.lane for route in routes(room, ADA)] == [Lane(ADA, "en-GB", ES)]


def test_a_language_named_twice_makes_one_lane() -> None:
    assert len(routes(replace(THREE, languages=(EN, ES, ES)), ADA)) == 1


def test_the_words_of_an_unknown_speaker_go_into_every_language_that_is_heard() -> None:
    assert [route.lane for route in routes(THREE, GUEST)] == [Lane(GUEST, AUTO, tag) for tag in (EN, ES, FR)]


def test_one_stream_carries_the_shared_room() -> None:
    assert channels(THREE) == (SHARED_CHANNEL, EN, ES, FR), "those of the languages, if somebody outside listens"
    assert stream(THREE, SHARED_CHANNEL) == SHARED_CHANNEL
    assert own_channel(THREE, ADA) == SHARED_CHANNEL


# --- listener channels -----------------------------------------------------------------------------


def test_listener_channels_hear_every_language_and_the_floor_where_it_is_spoken() -> None:
    room = replace(RoomPlan((EN, ES, FR), people(ada=EN, benito=ES)), layout=Layout.CHANNELS)
    assert channels(room) == (SHARED_CHANNEL, EN, ES, FR)
    assert routes(room, ADA) == (
        Route(into(EN), (EN,)),  # as it is
        Route(into(ES), (SHARED_CHANNEL, ES)),
        Route(into(FR), (FR,)),  # nobody in the room hears it, but listeners may
    )
    assert [stream(room, channel) for channel in channels(room)] == [SHARED_CHANNEL, None, None, None]


# --- sister rooms ----------------------------------------------------------------------------------


def test_everybody_in_a_sister_room_hears_the_others_in_its_language() -> None:
    assert channels(SISTERS) == (EN, ES, FR)
    assert routes(SISTERS, ADA) == (Route(into(ES), (ES,)), Route(into(FR), (FR,)))
    assert carried(SISTERS, ADA, EN) == [], "that is where she sits"


def test_who_hears_another_language_than_they_speak_is_passed_through_to_the_room_of_their_own() -> None:
    room = replace(RoomPlan((EN, ES, FR), people(ada=(EN, ES), benito=ES, dieter=EN)), layout=Layout.SISTER)
    assert own_channel(room, ADA) == ES
    assert routes(room, ADA) == (Route(into(EN), (EN,)), Route(into(ES), (ES,)))
    assert [carried(room, ADA, channel) for channel in (EN, ES, FR)] == [
        [(EN, EN)],  # Dieter hears her own voice
        [(EN, ES)],  # Benito hears her in the room, and then what she said
        [],  # nobody is there
    ]


def test_an_empty_sister_room_hears_nothing() -> None:
    room = replace(SISTERS, attendees=people(ada=EN))
    assert routes(room, ADA) == ()


def test_which_stream_carries_a_channel_is_data() -> None:
    room = replace(SISTERS, streams={ES: "a second socket"})
    assert [stream(room, channel) for channel in channels(room)] == [EN, "a second socket", FR]


def test_a_guest_has_no_seat_and_no_channel_but_those_of_the_plan() -> None:
    assert own_channel(SISTERS, GUEST) is None
    assert [route.lane.target for route in routes(SISTERS, GUEST)] == [EN, ES, FR]


# --- relay -----------------------------------------------------------------------------------------


def test_a_refused_lane_goes_through_the_pivot_language() -> None:
    room = replace(RoomPlan((EN, FR, DE), people(benito=FR, dieter=DE, ada=EN)), pivot=EN)
    direct, first, second = Lane(BENITO, FR, DE), Lane(BENITO, FR, EN), Lane(BENITO, EN, DE)
    assert routes(room, BENITO, {direct}) == (
        Route(first, (SHARED_CHANNEL,)),
        Route(second, (SHARED_CHANNEL,), via=first),
    )


def test_a_first_leg_nobody_hears_is_heard_nowhere() -> None:
    room = RoomPlan((FR, DE), people(benito=FR, dieter=DE), pivot=EN)
    direct, first, second = Lane(BENITO, FR, DE), Lane(BENITO, FR, EN), Lane(BENITO, EN, DE)
    assert routes(room, BENITO, {direct}) == (Route(first, ()), Route(second, (SHARED_CHANNEL,), via=first))


@pytest.mark.parametrize(
    ("pivot", "refused"),
    [
        (None, set()),
        (FR, set()),
        (DE, set()),
        (EN, {Lane(BENITO, FR, EN)}),
        (EN, {Lane(BENITO, EN, DE)}),
    ],
)
def test_where_there_is_no_other_way_the_refused_lane_stays(pivot: str | None, refused: set[Lane]) -> None:
    room = RoomPlan((FR, DE), people(benito=FR, dieter=DE), pivot=pivot)
    direct = Lane(BENITO, FR, DE)
    assert routes(room, BENITO, {direct, *refused}) == (Route(direct, (SHARED_CHANNEL,)),)


def test_a_relay_needs_the_voice_of_a_language_that_is_otherwise_only_read() -> None:
    table = RoutingTable(RoomPlan((EN, FR, DE), people(benito=FR, dieter=DE), pivot=EN))
    table.read_outside({EN})
    direct, first, second = Lane(BENITO, FR, DE), Lane(BENITO, FR, EN), Lane(BENITO, EN, DE)
    assert table.routes(BENITO) == (Route(first, (), spoken=False), Route(direct, (SHARED_CHANNEL,)))
    assert table.routes(BENITO, {direct}) == (Route(first, ()), Route(second, (SHARED_CHANNEL,), via=first))


# --- who is there ----------------------------------------------------------------------------------


def test_nothing_is_spoken_into_a_language_whose_last_listener_has_left() -> None:
    table = RoutingTable(THREE)
    assert [route.lane.target for route in table.routes(ADA)] == [ES, FR], "nobody has reported yet"
    assert table.seat({ADA, BENITO, CHLOE}, SHARED_CHANNEL) == set()
    assert [route.lane.target for route in table.routes(ADA)] == [ES, FR]
    assert table.seat({ADA, BENITO}, SHARED_CHANNEL) == {CHLOE}
    assert [route.lane.target for route in table.routes(ADA)] == [ES]
    assert table.seat({ADA, BENITO}, SHARED_CHANNEL) == set()
    table.seat({ADA}, SHARED_CHANNEL)
    assert table.routes(ADA) == ()
    table.seat({ADA, CHLOE}, SHARED_CHANNEL)
    assert [route.lane.target for route in table.routes(ADA)] == [FR]


def test_who_speaks_is_there_whatever_was_reported() -> None:
    table = RoutingTable(THREE)
    table.seat({ADA}, SHARED_CHANNEL)
    table.heard_from(BENITO)
    table.heard_from(GUEST)
    assert table.present == {ADA, BENITO}
    assert [route.lane.target for route in table.routes(ADA)] == [ES]


def test_each_call_of_a_room_per_language_reports_its_own_people() -> None:
    table = RoutingTable(SISTERS)
    table.seat({ADA}, EN)
    assert [route.lane.target for route in table.routes(ADA)] == [ES, FR], "the others have not reported"
    table.seat({BENITO}, ES)
    table.seat((), FR)
    assert [route.lane.target for route in table.routes(ADA)] == [ES]
    assert table.seat((), EN) == {ADA}
    assert table.seat({CHLOE}, ES) == {BENITO}, "she sits in another room than hers, and is there"
    assert [route.lane.target for route in table.routes(BENITO)] == [FR]


def test_who_moves_from_one_call_to_another_has_not_left() -> None:
    table = RoutingTable(SISTERS)
    table.seat({ADA}, EN)
    table.seat({ADA}, ES)
    assert table.seat((), EN) == set()


def test_a_reader_of_a_language_as_such_reads_the_variety_of_the_room() -> None:
    table = RoutingTable(replace(THREE, attendees=people(ada=EN, benito=ES)))
    table.read_outside({"fr"})
    assert [(route.lane.target, route.spoken) for route in table.routes(ADA)] == [(ES, True), (FR, False)]


def test_a_language_that_is_only_read_outside_the_call_has_a_lane_without_a_voice() -> None:
    table = RoutingTable(THREE)
    table.seat({ADA, BENITO}, SHARED_CHANNEL)
    table.read_outside({FR, DE, EN})
    assert table.routes(ADA) == (Route(into(ES), (SHARED_CHANNEL,)), Route(into(FR), (), spoken=False))
    table.read_outside(())
    assert table.routes(ADA) == (Route(into(ES), (SHARED_CHANNEL,)),)


def test_the_routes_of_a_changed_plan_are_computed_anew_once() -> None:
    table = RoutingTable(THREE)
    before = table.routes(ADA)
    assert table.routes(ADA) is before
    assert table.routes(DIETER) is not before, "he hears nothing, and is a kind of his own"
    assert table.routes(GUEST) == table.routes(GUEST)
    table.follow(replace(THREE, languages=(EN, ES)))
    assert [route.lane.target for route in table.routes(ADA)] == [ES]


def test_speakers_of_one_kind_share_what_is_computed() -> None:
    plan = RoomPlan((EN, ES), people(ada=EN, dieter=EN, benito=ES))
    table = RoutingTable(plan)
    assert [table.routes(who) for who in (ADA, DIETER)] == [
        (Route(into(ES, who), (SHARED_CHANNEL,)),) for who in (ADA, DIETER)
    ]
    assert table.routes(BENITO) == (Route(Lane(BENITO, ES, EN), (SHARED_CHANNEL,)),)


def test_the_work_of_a_change_does_not_grow_with_every_pair_of_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """350 people, the most of a call: their routes are computed once for each kind, and who hears what once."""
    speaks = [EN, ES, FR, AUTO]
    who = {f"8:acs:{at}": Attendee(f"8:acs:{at}", "", speaks[at % 4], (EN, ES)[at % 2]) for at in range(350)}
    computed: list[object] = []
    compute = RoutingTable._routes

    def counted(table: RoutingTable, *kind: Any) -> list[Route]:
        computed.append(kind)
        return compute(table, *kind)

    monkeypatch.setattr(RoutingTable, "_routes", counted)
    table = RoutingTable(RoomPlan((EN, ES, FR), who, layout=Layout.SISTER))
    for change in (frozenset(who), frozenset(list(who)[:200])):
        table.seat(change, EN)
        table.seat(change, ES)
        for _ in range(2):
            assert all(table.routes(speaker) for speaker in who)
    assert len(computed) <= 2 * 2 * len(speaks) * 2


# --- one voice per language ------------------------------------------------------------------------

BR, PT, HANS, HANT, MX = "pt-BR", "pt-PT", "zh-Hans", "zh-Hant", "es-MX"


@pytest.mark.parametrize(
    ("languages", "who", "wanted"),
    [
        ((EN, BR, PT), people(ada=EN, benito=BR, chloe=PT), [(BR, (SHARED_CHANNEL,), True)]),
        ((EN, PT, BR), people(ada=EN, benito=BR, chloe=PT), [(PT, (SHARED_CHANNEL,), True)]),
        ((EN, BR, PT), people(ada=EN, chloe=PT), [(PT, (SHARED_CHANNEL,), True)]),
        ((EN, ES, MX), people(ada=EN, benito=ES, chloe=MX), [(ES, (SHARED_CHANNEL,), True)]),
        (
            (EN, HANS, HANT),
            people(ada=EN, benito=HANS, chloe=HANT),
            [(HANS, (SHARED_CHANNEL,), True), (HANT, (), False)],
        ),
        ((EN, HANS, "zh-CN"), people(ada=EN, benito=HANS, chloe="zh-CN"), [(HANS, (SHARED_CHANNEL,), True)]),
        (
            (EN, "zh-CN", "zh-TW", HANT),
            people(ada=EN, benito="zh-CN", chloe="zh-TW", dieter=HANT),
            [("zh-CN", (SHARED_CHANNEL,), True), ("zh-TW", (), False)],
        ),
    ],
)
def test_varieties_of_a_language_share_one_voice(
    languages: tuple[str, ...], who: dict[str, Attendee], wanted: list[tuple[str, tuple[str, ...], bool]]
) -> None:
    found = routes(RoomPlan(languages, who), ADA)
    assert [(route.lane.target, route.channels, route.spoken) for route in found] == wanted


def test_a_room_may_ask_for_each_variety() -> None:
    room = RoomPlan((EN, BR, PT), people(ada=EN, benito=BR, chloe=PT), separate_varieties=True)
    assert [(route.lane.target, route.spoken) for route in routes(room, ADA)] == [(BR, True), (PT, True)]


@pytest.mark.parametrize(("layout", "where"), [(Layout.SISTER, (BR, PT)), (Layout.CHANNELS, (SHARED_CHANNEL, BR, PT))])
def test_the_shared_voice_is_heard_on_the_channels_of_all_varieties(layout: Layout, where: tuple[str, ...]) -> None:
    room = RoomPlan((EN, BR, PT), people(ada=EN, benito=BR, chloe=PT), layout=layout)
    assert [route for route in routes(room, ADA) if not route.lane.passthrough] == [Route(into(BR), where)]


def test_a_variety_that_is_heard_goes_before_one_that_is_only_read() -> None:
    table = RoutingTable(RoomPlan((EN, BR, PT), people(ada=EN, chloe=PT)))
    table.read_outside({BR})
    assert table.routes(ADA) == (Route(into(PT), (SHARED_CHANNEL,)),)


# --- speakers whose language is not known ----------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "wanted"),
    [
        (Layout.SHARED, [(EN, ()), (ES, ())]),
        (Layout.CHANNELS, [(EN, (EN,)), (ES, (ES,))]),
        (Layout.SISTER, [(EN, (EN,)), (ES, ())]),
    ],
)
def test_their_passed_through_may_be_heard_where_they_are_not(
    layout: Layout, wanted: list[tuple[str, tuple[str, ...]]]
) -> None:
    """Dieter hears Spanish: in rooms per language, he sits with those who do."""
    room = RoomPlan((EN, ES), people(ada=EN, benito=ES, dieter=(AUTO, ES)), layout=layout)
    assert [(route.lane.target, route.passed_through) for route in routes(room, DIETER)] == wanted


# --- people who come by browser, and listeners -------------------------------------------------------

MEETING = RoomPlan((EN, ES, FR), people(ada=EN, benito=ES, dieter=EN))


def met(plan: RoomPlan, *by_browser: str, calls: dict[str, set[str]], listened: Container[str] = ()) -> RoutingTable:
    table = RoutingTable(plan)
    for name, there in calls.items():
        table.seat(there, name)
    table.seat(by_browser, WEB)
    table.read_outside((), [tag for tag in plan.languages if tag in listened])
    return table


IN_CALL = {SHARED_CHANNEL: {ADA, BENITO}}


def test_who_comes_by_browser_is_brought_into_the_room_and_interpreted_there() -> None:
    table = met(MEETING, DIETER, calls=IN_CALL)
    assert table.is_by_browser(DIETER)
    assert table.routes(DIETER) == (
        Route(into(EN, DIETER), (SHARED_CHANNEL,)),  # as it is
        Route(into(ES, DIETER), (SHARED_CHANNEL,)),
    )
    assert met(MEETING, DIETER, calls=IN_CALL, listened={EN, ES}).routes(DIETER) == (
        Route(into(EN, DIETER), (SHARED_CHANNEL, EN)),
        Route(into(ES, DIETER), (SHARED_CHANNEL, ES)),
    )


def test_while_nobody_has_joined_the_call_nothing_is_brought_there() -> None:
    table = met(MEETING, DIETER, calls=IN_CALL, listened={EN, ES})
    table.seat((), SHARED_CHANNEL, no_call=True)
    assert table.routes(DIETER) == (Route(into(EN, DIETER), (EN,)), Route(into(ES, DIETER), (ES,)))
    table.seat((), SHARED_CHANNEL)
    assert table.routes(DIETER)[0].channels == (SHARED_CHANNEL, EN), "somebody not on the roster may be there"


def test_who_is_in_the_call_as_well_is_heard_there_and_nowhere_else() -> None:
    table = met(MEETING, DIETER, calls={SHARED_CHANNEL: {ADA, BENITO, DIETER}})
    assert not table.is_by_browser(DIETER)
    assert table.routes(DIETER) == (Route(into(ES, DIETER), (SHARED_CHANNEL,)),)
    assert table.seat({ADA, BENITO}, SHARED_CHANNEL) == frozenset(), "he has not left: his browser is there"
    assert table.is_by_browser(DIETER)
    assert table.seat((), WEB) == {DIETER}


def test_what_is_listened_to_outside_has_a_channel_and_is_not_heard_in_the_room() -> None:
    table = met(MEETING, BENITO, calls={SHARED_CHANNEL: {ADA, DIETER}})
    assert table.routes(ADA) == (), "nobody in the room hears Spanish"
    table.read_outside({ES, EN}, {ES, EN})
    assert table.routes(ADA) == (Route(into(EN), (EN,)), Route(into(ES), (ES,)))
    table.read_outside({ES, EN}, ())
    assert table.routes(ADA) == (Route(into(ES), (), spoken=False),)


def test_before_the_call_reports_somebody_who_came_by_browser_is_no_audience_in_it() -> None:
    table = met(RoomPlan((EN, ES), people(ada=EN, benito=ES)), BENITO, calls={})
    assert table.routes(ADA) == ()
    assert [route.lane.target for route in table.routes(BENITO)] == [EN, ES]


def test_in_rooms_per_language_who_comes_by_browser_sits_nowhere() -> None:
    room = replace(RoomPlan((EN, ES, FR), people(ada=EN, benito=ES, dieter=(EN, ES))), layout=Layout.SISTER)
    table = met(room, DIETER, calls={EN: {ADA}, ES: {BENITO}, FR: set()}, listened={FR})
    assert table.routes(DIETER) == (
        Route(into(EN, DIETER), (EN,)),
        Route(into(ES, DIETER), (ES,)),
        Route(into(FR, DIETER), (FR,)),
    )


def test_somebody_of_an_unknown_language_is_brought_into_the_room_as_they_are() -> None:
    room = RoomPlan((EN, ES), people(ada=EN, benito=ES, dieter=(AUTO, EN)))
    assert met(room, DIETER, calls=IN_CALL).routes(DIETER) == (
        Route(Lane(DIETER, AUTO, AUTO), (SHARED_CHANNEL,)),
        Route(Lane(DIETER, AUTO, EN), (SHARED_CHANNEL,)),
        Route(Lane(DIETER, AUTO, ES), (SHARED_CHANNEL,)),
    )


def test_a_room_without_a_call_is_its_channels() -> None:
    room = replace(MEETING, layout=Layout.CHANNELS, web=True)
    assert channels(room) == (EN, ES, FR)
    assert [stream(room, channel) for channel in channels(room)] == [None, None, None]
    table = met(room, ADA, calls={})
    expected = (Route(into(EN), (EN,)), Route(into(ES), (ES,)), Route(into(FR), (FR,)))
    assert table.routes(ADA) == expected
    assert table.is_there(ADA)
    assert not table.is_there(BENITO), "his microphone is not open"
    assert RoutingTable(room).is_there(BENITO), "nobody has reported yet"


# --- laws ------------------------------------------------------------------------------------------

tags = st.sampled_from([EN, "en-GB", ES, FR, DE])
attendees = st.dictionaries(
    st.sampled_from([ADA, BENITO, CHLOE, DIETER]), st.tuples(st.one_of(tags, st.just(AUTO)), tags), max_size=4
)


@st.composite
def plans(draw: st.DrawFn) -> RoomPlan:
    return RoomPlan(
        languages=tuple(draw(st.lists(tags, min_size=1, max_size=4))),
        attendees={who: Attendee(who, who, speaks, hears) for who, (speaks, hears) in draw(attendees).items()},
        layout=(layout := draw(st.sampled_from(Layout))),
        pivot=draw(st.none() | tags),
        web=layout is Layout.CHANNELS and draw(st.booleans()),
    )


speakers = st.sampled_from([ADA, BENITO, CHLOE, DIETER, GUEST])


@given(plans(), speakers, st.sets(speakers), st.sets(speakers), st.sets(tags), st.sets(tags), st.data())
def test_a_channel_carries_a_speaker_at_most_once_whatever_the_room(
    plan: RoomPlan,
    speaker: str,
    there: set[str],
    by_browser: set[str],
    read: set[str],
    listened: set[str],
    data: st.DataObject,
) -> None:
    table = RoutingTable(plan)
    for channel in channels(plan) if not plan.web else ():
        table.seat({who for who in there if own_channel(plan, who) == channel}, channel)
    table.seat(by_browser, WEB)
    table.read_outside(read | listened, listened)
    own_place = None if table.is_by_browser(speaker) else own_channel(plan, speaker)
    all_lanes = [route.lane for route in table.routes(speaker)]
    refused = set(data.draw(st.lists(st.sampled_from(all_lanes)))) if all_lanes else set()
    found = table.routes(speaker, {lane for lane in refused if not lane.passthrough})
    lanes = [route.lane for route in found]
    assert len(set(lanes)) == len(lanes), "a lane is shared by all who hear it"
    for channel in channels(plan):
        reached = [route.lane for route in found if channel in route.channels]
        own = [lane for lane in reached if lane.passthrough]
        if own and channel != SHARED_CHANNEL:
            assert reached == own, "nobody hears a speaker twice"
            assert primary(channel) == primary(plan.speaks(speaker))
        assert not own or channel != own_place, "an original would be heard twice"
        if channel == SHARED_CHANNEL:
            assert len(own) == table.is_by_browser(speaker), "who is not in the room is brought there, once"
        languages = [primary(lane.target) for lane in reached]
        assert len(set(languages)) == len(languages), "one voice per language"
    for route in found:
        if route.via is not None:
            assert route.via in lanes[: lanes.index(route.lane)]
            assert route.via.target == route.lane.source
        assert route.lane.passthrough or primary(route.lane.source) != primary(route.lane.target)
        assert route.spoken or not route.channels
        assert set(route.passed_through) <= set(route.channels)


@given(plans(), speakers, st.sets(speakers))
def test_in_a_call_nothing_is_done_for_people_who_are_not_there(plan: RoomPlan, speaker: str, there: set[str]) -> None:
    if plan.layout is Layout.CHANNELS:
        return
    table = RoutingTable(plan)
    for channel in channels(plan):  # of a shared room, nobody is in the channels of the languages
        table.seat({who for who in there if own_channel(plan, who) == channel}, channel)
    present = [one for who, one in plan.attendees.items() if table.is_there(who)]
    heard = {one.listens_to for one in present if one.speaker != speaker}
    assert {route.lane.target for route in table.routes(speaker)} <= heard


# --- typed texts -------------------------------------------------------------------------------------


def test_a_typed_text_goes_into_every_other_language_of_the_room() -> None:
    table = RoutingTable(RoomPlan((EN, ES, FR, "pt-BR", "pt-PT"), people(ada=EN)))
    assert table.typed(ADA, EN) == tuple(
        Route(Lane(ADA, EN, target, typed=True), (), spoken=False) for target in (ES, FR, "pt-BR")
    )
    assert [route.lane.target for route in table.typed("organiser", ES)] == [EN, FR, "pt-BR"]


@pytest.mark.parametrize(
    ("layout", "where"),
    [(Layout.SHARED, ((SHARED_CHANNEL,),)), (Layout.CHANNELS, ((SHARED_CHANNEL, ES),)), (Layout.SISTER, ((ES,),))],
)
def test_it_is_heard_where_its_author_would_be_interpreted(layout: Layout, where: tuple[tuple[str, ...], ...]) -> None:
    plan = RoomPlan((EN, ES), people(ada=EN, benito=ES), layout=layout, speak_messages=True)
    assert tuple(route.channels for route in RoutingTable(plan).typed(ADA, EN)) == where
