from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.plan import AUTO, SHARED_CHANNEL, Attendee, Lane, Layout, RoomPlan, primary
from bot.interpreting.routing import ChannelSource, Route, channels, feed, own_channel, routes, stream, targets

ADA, BENITO, CHLOE, DIETER, GUEST = "8:acs:ada", "8:acs:benito", "8:acs:chloe", "8:acs:dieter", "8:acs:guest"
EN, ES, FR, DE = "en-US", "es-ES", "fr-FR", "de-DE"


def people(**speaks: str | tuple[str, str]) -> dict[str, Attendee]:
    ids = {"ada": ADA, "benito": BENITO, "chloe": CHLOE, "dieter": DIETER, "guest": GUEST}
    tags = {name: (tag, "") if isinstance(tag, str) else tag for name, tag in speaks.items()}
    return {ids[name]: Attendee(ids[name], name, *tag) for name, tag in tags.items()}


THREE = RoomPlan((EN, ES, FR), people(ada=EN, benito=ES, chloe=FR))
SISTERS = replace(THREE, layout=Layout.SISTER)


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
    assert channels(THREE) == (SHARED_CHANNEL,)
    assert stream(THREE, SHARED_CHANNEL) == SHARED_CHANNEL
    assert own_channel(THREE, ADA) == SHARED_CHANNEL


# --- listener channels -----------------------------------------------------------------------------


def test_listener_channels_hear_every_language_and_the_floor_where_it_is_spoken() -> None:
    room = replace(RoomPlan((EN, ES, FR), people(ada=EN, benito=ES)), layout=Layout.CHANNELS)
    assert channels(room) == (SHARED_CHANNEL, EN, ES, FR)
    assert routes(room, ADA) == (
        Route(into(ES), (SHARED_CHANNEL, ES)),
        Route(into(EN), (EN,)),  # as it is
        Route(into(FR), (FR,)),  # nobody in the room hears it, but listeners may
    )
    assert feed(room, ADA, EN) is ChannelSource.PASSTHROUGH
    assert [stream(room, channel) for channel in channels(room)] == [SHARED_CHANNEL, None, None, None]


# --- sister rooms ----------------------------------------------------------------------------------


def test_everybody_in_a_sister_room_hears_the_others_in_its_language() -> None:
    assert channels(SISTERS) == (EN, ES, FR)
    assert routes(SISTERS, ADA) == (Route(into(ES), (ES,)), Route(into(FR), (FR,)))
    assert feed(SISTERS, ADA, EN) is ChannelSource.NOTHING, "that is where she sits"


def test_who_hears_another_language_than_they_speak_is_passed_through_to_the_room_of_their_own() -> None:
    room = replace(RoomPlan((EN, ES, FR), people(ada=(EN, ES), benito=ES, dieter=EN)), layout=Layout.SISTER)
    assert own_channel(room, ADA) == ES
    assert routes(room, ADA) == (Route(into(EN), (EN,)), Route(into(ES), (ES,)))
    assert [feed(room, ADA, channel) for channel in (EN, ES, FR)] == [
        ChannelSource.PASSTHROUGH,  # Dieter hears her own voice
        ChannelSource.INTERPRETATION,  # Benito hears her in the room, and then what she said
        ChannelSource.NOTHING,  # nobody is there
    ]


def test_an_empty_sister_room_hears_nothing() -> None:
    room = replace(SISTERS, attendees=people(ada=EN))
    assert routes(room, ADA) == ()
    assert all(feed(room, ADA, channel) is ChannelSource.NOTHING for channel in channels(room))


def test_which_stream_carries_a_channel_is_data() -> None:
    room = replace(SISTERS, streams={ES: "a second socket"})
    assert [stream(room, channel) for channel in channels(room)] == [EN, "a second socket", FR]


def test_a_guest_has_no_seat_and_no_channel_but_those_of_the_plan() -> None:
    assert own_channel(SISTERS, GUEST) is None
    assert feed(SISTERS, ADA, "it-IT") is ChannelSource.NOTHING


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
        layout=draw(st.sampled_from(Layout)),
        pivot=draw(st.none() | tags),
    )


speakers = st.sampled_from([ADA, BENITO, CHLOE, DIETER, GUEST])


@given(plans(), speakers, st.data())
def test_routes_and_feeds_tell_the_same_whatever_the_room(plan: RoomPlan, speaker: str, data: st.DataObject) -> None:
    all_lanes = [route.lane for route in routes(plan, speaker)]
    refused = set(data.draw(st.lists(st.sampled_from(all_lanes)))) if all_lanes else set()
    found = routes(plan, speaker, {lane for lane in refused if not lane.passthrough})
    lanes = [route.lane for route in found]
    assert len(set(lanes)) == len(lanes), "a lane is shared by all who hear it"
    for channel in channels(plan):
        reached = [route for route in found if channel in route.channels]
        kinds = {route.lane.passthrough for route in reached}
        fed = feed(plan, speaker, channel)
        assert (
            kinds
            == {ChannelSource.NOTHING: set(), ChannelSource.PASSTHROUGH: {True}, ChannelSource.INTERPRETATION: {False}}[
                fed
            ]
        )
        assert {route.lane.target for route in reached if not route.lane.passthrough} == set(
            targets(plan, speaker, channel)
        )
        if fed is ChannelSource.PASSTHROUGH:
            assert channel != own_channel(plan, speaker), "an original would be heard twice"
            assert primary(channel) == primary(plan.speaks(speaker))
    for route in found:
        if route.via is not None:
            assert route.via in lanes[: lanes.index(route.lane)]
            assert route.via.target == route.lane.source
        assert route.lane.passthrough or primary(route.lane.source) != primary(route.lane.target)


@given(plans(), speakers)
def test_in_a_call_nothing_is_done_for_people_who_are_not_there(plan: RoomPlan, speaker: str) -> None:
    if plan.layout is Layout.CHANNELS:
        return
    heard = {one.listens_to for one in plan.attendees.values() if one.speaker != speaker}
    for channel in channels(plan):
        assert set(targets(plan, speaker, channel)) <= heard
