"""Rooms with an ACS room per language: who is on which roster, above all when something fails half-way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from http_serving.errors import Conflict, InvalidRequest, NotFound
from rooms_admin.errors import AcsUnavailable, NotSupported
from rooms_admin.rooms.acs_provisioning import leftover_acs_rooms, move_to_acs_room, with_languages
from rooms_admin.rooms.requests import ChangedParticipant, ChangedRoom, NewParticipant, NewRoom
from rooms_admin.rooms.room import Room
from storage.errors import StoreUnavailable
from tests.support.acs_fakes import FakeAcs, refused
from tests.support.room_service import ServiceUnderTest

EN, ES, FR, IT = "en-US", "es-ES", "fr-FR", "it-IT"
NEW = NewRoom.model_validate(
    {
        "name": "Board",
        "languages": [EN, ES, FR],
        "settings": {"layout": "sister"},
        "participants": [
            {"display_name": "Ada", "speaks": EN, "role": "Presenter"},
            {"display_name": "Benito", "speaks": ES},
            {"display_name": "Carla", "speaks": EN, "hears": ES},
        ],
    }
)


def rosters(fake: FakeAcs, room: Room) -> dict[str, dict[str, str]]:
    """Names and roles in ACS, by language."""
    names = {one.acs_user_id: one.display_name for one in room.participants}
    return {
        language: {names[user]: role for user, role in fake.rooms.rooms[acs_room_id].items()}
        for language, acs_room_id in room.sisters.items()
    }


def who(room: Room, name: str) -> str:
    return next(one.participant_id for one in room.participants if one.display_name == name)


async def test_everybody_is_on_the_roster_of_the_language_they_hear() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    assert list(room.sisters) == [EN, ES, FR]
    assert room.acs_room_id == room.sisters[EN]
    assert rosters(service.fake, room) == {
        EN: {"Ada": "Presenter"},
        ES: {"Benito": "Attendee", "Carla": "Attendee"},
        FR: {},
    }
    assert [room.acs_room_of(one) for one in room.participants] == [
        room.sisters[EN],
        room.sisters[ES],
        room.sisters[ES],
    ]
    assert set(service.fake.rooms.validity.values()) == {(room.valid_from, room.valid_until)}
    for acs_room_id in room.acs_room_ids:
        assert await service.store.find_by_acs_room(acs_room_id) == room


@pytest.mark.parametrize(("method", "call"), [("create_room", 2), ("create_room", 3)])
async def test_what_fails_half_way_leaves_nothing(method: str, call: int) -> None:
    service = ServiceUnderTest()
    service.fake.rooms.fail(method, refused(503), call)
    with pytest.raises(AcsUnavailable):
        await service.rooms.create(NEW)
    assert service.nothing_is_left()


async def test_a_store_that_fails_leaves_nothing_in_acs(monkeypatch: pytest.MonkeyPatch) -> None:
    service = ServiceUnderTest()

    async def fail(_: Room) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(service.store, "add", fail)
    with pytest.raises(StoreUnavailable):
        await service.rooms.create(NEW)
    assert service.nothing_is_left()


async def test_deleting_deletes_all_and_can_be_finished() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    service.fake.rooms.fail("delete_room", refused(503), 2)
    with pytest.raises(AcsUnavailable):
        await service.rooms.remove(room.room_id)
    assert list(service.fake.rooms.rooms) == [room.sisters[ES]]
    await service.rooms.remove(room.room_id)
    assert service.nothing_is_left()


async def test_a_new_validity_is_that_of_all_and_can_be_finished() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    sooner = ChangedRoom(valid_until=room.valid_until - timedelta(days=1))
    service.fake.rooms.fail("update_room", refused(503), 2)
    with pytest.raises(AcsUnavailable):
        await service.rooms.change(room.room_id, sooner)
    assert (await service.rooms.get(room.room_id)).valid_until == room.valid_until
    changed = await service.rooms.change(room.room_id, sooner)
    assert changed.valid_until == sooner.valid_until
    assert set(service.fake.rooms.validity.values()) == {(changed.valid_from, changed.valid_until)}


# --- moving ------------------------------------------------------------------------------------------


async def test_who_hears_another_language_moves() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    room, ada = await service.rooms.roster.change(
        room.room_id, who(room, "Ada"), ChangedParticipant(hears=FR, role="Consumer")
    )
    assert rosters(service.fake, room)[EN] == {}
    assert rosters(service.fake, room)[FR] == {"Ada": "Consumer"}
    assert room.acs_room_of(ada) == room.sisters[FR]


@pytest.mark.parametrize("method", ["add_or_update_participants", "remove_participants"])
async def test_a_move_that_fails_is_finished_by_asking_again(method: str) -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    service.fake.rooms.fail(method, refused(503))
    to_french = ChangedParticipant(hears=FR)
    with pytest.raises(AcsUnavailable):
        await service.rooms.roster.change(room.room_id, who(room, "Ada"), to_french)
    room, _ = await service.rooms.roster.change(room.room_id, who(room, "Ada"), to_french)
    assert [name for name, there in rosters(service.fake, room).items() if "Ada" in there] == [FR]


async def test_a_move_into_a_language_that_is_removed_meanwhile_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    invite = service.fake.acs.set_role

    async def while_removed(*args: Any) -> None:
        monkeypatch.undo()
        await invite(*args)
        service.store.lose_locks()
        await service.rooms.change(room.room_id, ChangedRoom(languages=[EN, ES]))

    monkeypatch.setattr(service.fake.acs, "set_role", while_removed)
    with pytest.raises(InvalidRequest):
        await service.rooms.roster.change(room.room_id, who(room, "Ada"), ChangedParticipant(hears=FR))
    room = await service.rooms.get(room.room_id)
    assert rosters(service.fake, room) == {EN: {"Ada": "Presenter"}, ES: {"Benito": "Attendee", "Carla": "Attendee"}}


async def test_of_two_who_move_somebody_at_once_one_wins_everywhere() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    moves = [
        service.rooms.roster.change(room.room_id, who(room, "Ada"), ChangedParticipant(hears=language))
        for language in (ES, FR, ES, FR)
    ]
    await asyncio.gather(*moves)
    room = await service.rooms.get(room.room_id)
    ada = room.participant(who(room, "Ada"))
    assert ada is not None
    assert [language for language, there in rosters(service.fake, room).items() if "Ada" in there] == [ada.hears]


async def test_a_move_is_no_longer_followed_after_a_while() -> None:
    """Nobody is moved again and again for ever, whatever the store says."""
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    looks = 0

    async def ever_changing() -> Room:
        nonlocal looks
        looks += 1
        language = (ES, FR)[looks % 2]
        await service.store.update(room.room_id, lambda room: _hears(room, language))
        return await service.rooms.get(room.room_id)

    with pytest.raises(Conflict, match="moved by other requests"):
        await move_to_acs_room(service.fake.acs, ever_changing, who(room, "Ada"))


def _hears(room: Room, language: str) -> Room:
    ada, *others = room.participants
    return replace(room, participants=(replace(ada, hears=language), *others))


async def test_who_comes_and_goes_is_put_where_they_hear() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    room, dan = await service.rooms.roster.add(room.room_id, NewParticipant(display_name="Dan", speaks=FR))
    assert rosters(service.fake, room)[FR] == {"Dan": "Attendee"}
    await service.rooms.roster.remove(room.room_id, dan.participant_id)
    assert service.fake.rooms.rooms[room.sisters[FR]] == {}
    assert dan.acs_user_id not in service.fake.identity.users


# --- languages ---------------------------------------------------------------------------------------


async def test_languages_bring_and_take_their_acs_rooms() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    changed = await service.rooms.change(room.room_id, ChangedRoom(languages=[IT, ES, EN]))
    assert list(changed.sisters) == [IT, ES, EN]
    assert changed.acs_room_id == changed.sisters[IT]
    assert (changed.sisters[EN], changed.sisters[ES]) == (room.sisters[EN], room.sisters[ES])
    assert set(service.fake.rooms.rooms) == set(changed.sisters.values())
    assert service.fake.rooms.validity[changed.sisters[IT]] == (room.valid_from, room.valid_until)
    assert await service.store.find_by_acs_room(room.sisters[FR]) is None
    assert await service.store.find_by_acs_room(changed.sisters[IT]) == changed


async def test_a_language_somebody_hears_stays() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    with pytest.raises(InvalidRequest):
        await service.rooms.change(room.room_id, ChangedRoom(languages=[EN, FR, IT]))
    assert set(service.fake.rooms.rooms) == set(room.sisters.values())
    assert await service.rooms.get(room.room_id) == room


async def test_new_languages_that_fail_half_way_leave_nothing() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    service.fake.rooms.fail("create_room", refused(503), 2)
    with pytest.raises(AcsUnavailable):
        await service.rooms.change(room.room_id, ChangedRoom(languages=[EN, ES, FR, IT, "pt-PT"]))
    assert set(service.fake.rooms.rooms) == set(room.sisters.values())


async def test_new_languages_of_a_room_deleted_meanwhile_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    create = service.fake.acs.create_room

    async def while_deleted(*args: Any) -> Any:
        made = await create(*args)
        service.store.lose_locks()
        await service.rooms.remove(room.room_id)
        return made

    monkeypatch.setattr(service.fake.acs, "create_room", while_deleted)
    with pytest.raises(NotFound):
        await service.rooms.change(room.room_id, ChangedRoom(languages=[EN, ES, IT]))
    assert service.nothing_is_left()


async def test_an_acs_room_that_would_not_go_goes_with_the_next_change() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    service.fake.rooms.fail("delete_room", refused(503))
    with pytest.raises(AcsUnavailable):
        await service.rooms.change(room.room_id, ChangedRoom(languages=[EN, ES]))
    between = await service.rooms.get(room.room_id)
    assert (between.languages, leftover_acs_rooms(between)) == ((EN, ES), {FR: room.sisters[FR]})

    # The language comes back, and the validity changes with it: with a room of its own, not with that which is to go.
    until = room.valid_until - timedelta(days=1)
    after = await service.rooms.change(room.room_id, ChangedRoom(languages=[EN, ES, FR], valid_until=until))
    assert leftover_acs_rooms(after) == {}
    assert after.sisters[FR] != room.sisters[FR]
    assert set(service.fake.rooms.rooms) == set(after.sisters.values())
    assert {service.fake.rooms.validity[one] for one in after.acs_room_ids} == {(after.valid_from, until)}


async def test_an_acs_room_that_would_not_go_goes_with_the_room() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    service.fake.rooms.fail("delete_room", refused(503))
    with pytest.raises(AcsUnavailable):
        await service.rooms.change(room.room_id, ChangedRoom(languages=[EN, ES]))
    await service.rooms.remove(room.room_id)
    assert service.nothing_is_left()


async def test_the_same_language_added_twice_at_once_has_one_acs_room() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    change = ChangedRoom(languages=[EN, ES, FR, IT])
    await asyncio.gather(service.rooms.change(room.room_id, change), service.rooms.change(room.room_id, change))
    room = await service.rooms.get(room.room_id)
    assert set(service.fake.rooms.rooms) == set(room.sisters.values())
    assert len(room.acs_room_ids) == 4


async def test_a_language_removed_while_others_count_on_it_is_a_conflict() -> None:
    room = await ServiceUnderTest().rooms.create(NEW)
    without = with_languages(room, (EN, ES), {})
    with pytest.raises(Conflict):
        with_languages(without, (EN, ES, FR), {})


# --- layout ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), [("sister", "shared"), ("shared", "sister"), ("channels", "sister")])
async def test_a_room_keeps_its_acs_rooms(before: str, after: str) -> None:
    service = ServiceUnderTest()
    settings: Any = {"settings": {"layout": before}}
    room = await service.rooms.create(NewRoom.model_validate(NEW.model_dump(exclude_none=True) | settings))
    with pytest.raises(NotSupported):
        await service.rooms.change(room.room_id, ChangedRoom.model_validate({"settings": {"layout": after}}))
    assert await service.rooms.get(room.room_id) == room


async def test_other_layouts_share_one_acs_room() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(
        NEW.model_copy(update={"settings": NEW.settings.model_copy(update={"layout": "shared"})})
    )
    assert room.sisters == {}
    assert room.acs_room_ids == (room.acs_room_id,)
    changed = await service.rooms.change(room.room_id, ChangedRoom.model_validate({"settings": {"layout": "channels"}}))
    assert changed.settings.layout == "channels"
    assert list(service.fake.rooms.rooms) == [room.acs_room_id]


async def test_a_phone_may_be_dialled_from_the_acs_room_of_the_language_it_hears() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    phone = NewParticipant(display_name="Dora", speaks=FR, phone_number="+15551234567")
    room, dora = await service.rooms.roster.add(room.room_id, phone)
    assert service.fake.rooms.dial_out == {room.sisters[FR]}
    await service.rooms.roster.change(room.room_id, dora.participant_id, ChangedParticipant(hears=ES))
    assert service.fake.rooms.dial_out == {room.sisters[FR], room.sisters[ES]}
    assert all("4:" not in user for roster in service.fake.rooms.rooms.values() for user in roster)
