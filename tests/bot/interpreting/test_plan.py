from __future__ import annotations

from dataclasses import replace

import pytest

from bot.interpreting.plan import AUTO, MIXED, Attendee, Lane, RoomPlan, primary, script

ADA, BENITO, GUEST = "8:acs:ada", "8:acs:benito", "8:acs:guest"


def plan(*languages: str, **speaks: str) -> RoomPlan:
    people = {"ada": ADA, "benito": BENITO}
    return RoomPlan(languages, {people[name]: Attendee(people[name], name, tag) for name, tag in speaks.items()})


def test_the_primary_language_has_neither_script_nor_region() -> None:
    assert primary("zh-Hant-TW") == "zh"
    assert primary("EN") == "en"


@pytest.mark.parametrize(
    ("tag", "wanted"),
    [
        ("zh", "Hans"),
        ("zh-SG", "Hans"),
        ("zh-HK", "Hant"),
        ("zh-hant-CN", "Hant"),
        ("sr-Latn-RS", "Latn"),
        ("en-US", ""),
    ],
)
def test_the_script_of_a_variety_is_named_or_follows_from_its_region(tag: str, wanted: str) -> None:
    assert script(tag) == wanted


def test_people_listen_to_what_they_speak_unless_they_say_otherwise() -> None:
    assert Attendee(ADA, "Ada", "en-US").listens_to == "en-US"
    assert Attendee(ADA, "Ada", "en-US", "es-ES").listens_to == "es-ES"


def test_a_lane_into_the_language_it_comes_from_is_the_speakers_own_voice() -> None:
    assert Lane(ADA, "en-US", "en-US").passthrough
    assert not Lane(ADA, AUTO, "en-US").passthrough


def test_people_have_the_name_the_roster_gives_them() -> None:
    room = plan("en-US", "es-ES", benito="es-ES")
    assert (room.speaks(BENITO), room.name(BENITO)) == ("es-ES", "benito")
    assert (room.speaks(GUEST), room.name(GUEST)) == (AUTO, GUEST)


def test_only_people_on_the_roster_are_listened_to() -> None:
    room = plan("en-US", ada="en-US")
    assert [room.listens(speaker) for speaker in (ADA, BENITO, GUEST, None)] == [ADA, None, None, None]


def test_a_voice_without_a_name_is_anybodys_where_the_room_is_mixed() -> None:
    room = replace(plan("en-US", ada="en-US"), mixed=True)
    assert room.listens(None) == MIXED
    assert room.name(MIXED) == ""
