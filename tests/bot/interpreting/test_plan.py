from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.plan import AUTO, SHARED_CHANNEL, Attendee, Lane, RoomPlan, language_tag, primary

ADA, BENITO, GUEST = "8:acs:ada", "8:acs:benito", "8:acs:guest"

letters = st.sampled_from("abcXYZ")
parts = st.text(letters, min_size=1, max_size=9) | st.sampled_from(["419", "1996", "US", "hant"])
tags = st.lists(parts, min_size=1, max_size=4).map("-".join)


def plan(*languages: str, **speaks: str) -> RoomPlan:
    people = {"ada": ADA, "benito": BENITO}
    return RoomPlan(languages, {people[name]: Attendee(people[name], name, tag) for name, tag in speaks.items()})


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("en", "en"),
        ("EN-us", "en-US"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("de-CH-1996", "de-CH-1996"),
        ("sl-ROZAJ", "sl-rozaj"),
        ("fil-PH", "fil-PH"),
    ],
)
def test_a_language_tag_is_given_its_usual_spelling(written: str, usual: str) -> None:
    assert language_tag(written) == usual


@pytest.mark.parametrize(
    "written", ["", "e", "english", "en_US", "en-", "en-US-x", "en US", "en-US\n", "auto", "ён-US"]
)
def test_what_is_no_language_tag_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a BCP 47 language tag"):
        language_tag(written)


@given(tags)
def test_spelling_is_settled_once_and_for_all(written: str) -> None:
    try:
        usual = language_tag(written)
    except ValueError:
        return
    assert usual.lower() == written.lower()
    assert language_tag(usual) == language_tag(written.upper()) == usual


def test_the_primary_language_has_neither_script_nor_region() -> None:
    assert primary("zh-Hant-TW") == "zh"
    assert primary("EN") == "en"


def test_lanes_lead_from_a_speaker_into_every_other_language_of_the_room() -> None:
    room = plan("en-US", "es-ES", "fr-FR", ada="en-US")
    assert room.lanes(ADA) == (Lane(ADA, "en-US", "es-ES"), Lane(ADA, "en-US", "fr-FR"))


def test_regional_variants_of_the_speakers_own_language_are_not_interpreted_into() -> None:
    room = plan("en-US", "en-GB", "es-ES", ada="en-GB")
    assert room.lanes(ADA) == (Lane(ADA, "en-GB", "es-ES"),)


def test_a_language_named_twice_makes_one_lane() -> None:
    assert plan("en-US", "es-ES", "es-ES", ada="en-US").lanes(ADA) == (Lane(ADA, "en-US", "es-ES"),)


def test_nothing_is_interpreted_where_everybody_speaks_the_same() -> None:
    assert plan("en-US", "en-GB", ada="en-US").lanes(ADA) == ()


def test_the_words_of_an_unknown_speaker_go_into_every_language() -> None:
    room = plan("en-US", "es-ES", ada="en-US")
    assert room.speaks(GUEST) == AUTO
    assert room.lanes(GUEST) == (Lane(GUEST, AUTO, "en-US"), Lane(GUEST, AUTO, "es-ES"))


def test_people_have_the_name_the_roster_gives_them() -> None:
    room = plan("en-US", "es-ES", benito="es-ES")
    assert (room.speaks(BENITO), room.name(BENITO)) == ("es-ES", "benito")
    assert room.name(GUEST) == GUEST


def test_everybody_in_a_shared_room_hears_one_channel() -> None:
    room = plan("en-US", "es-ES", "fr-FR", ada="en-US")
    assert {room.channel(lane) for lane in room.lanes(ADA)} == {SHARED_CHANNEL}
