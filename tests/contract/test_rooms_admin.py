"""Our rooms and identities through the real SDKs, over sockets, against the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.communication.rooms.aio import RoomsClient

from emulator.client import JoinRefused, Participant
from http_serving.errors import InvalidRequest, NotFound
from rooms_admin.errors import AcsRefused, AcsUnavailable
from rooms_admin.rooms.acs_client import AcsRooms, build_clients
from rooms_admin.rooms.connection_string import parse_connection_string
from rooms_admin.rooms.requests import ChangedParticipant, ChangedRoom, ChangedSettings, NewParticipant, NewRoom
from rooms_admin.rooms.service import RoomService
from tests.support.acs_emulator import ACCESS_KEY, Acs, running_acs
from tests.support.in_memory_stores import InMemoryRooms
from tests.support.restarts import NEW_ROOM, service

NOW = datetime.now(UTC).replace(microsecond=0)
TOMORROW = NOW + timedelta(days=1)


@asynccontextmanager
async def connected(acs: Acs, key: str = ACCESS_KEY) -> AsyncIterator[AcsRooms]:
    endpoint, key = parse_connection_string(f"endpoint={acs.url}/;accesskey={key}")
    async with AcsRooms(*await asyncio.to_thread(build_clients, endpoint, key)) as rooms:
        yield rooms


async def roster(acs: Acs, acs_room_id: str) -> dict[str, str]:
    async with RoomsClient(acs.url, acs.credential) as client:
        found = client.list_participants(acs_room_id)
        return {one.communication_identifier.raw_id: str(one.role) async for one in found}


async def test_a_room_from_its_beginning_to_its_end() -> None:
    async with running_acs() as acs, connected(acs) as rooms:
        room, (ada, ben) = await rooms.create_room(["Presenter", "Attendee"], NOW, TOMORROW)
        assert len(room.acs_room_id) == 17
        assert (room.valid_from, room.valid_until) == (NOW, TOMORROW)
        assert await roster(acs, room.acs_room_id) == {ada: "Presenter", ben: "Attendee"}

        cleo = await rooms.add_participant(room.acs_room_id, "Attendee")
        await rooms.set_role(room.acs_room_id, cleo, "Consumer")
        await rooms.remove_participant(room.acs_room_id, ben)
        assert await roster(acs, room.acs_room_id) == {ada: "Presenter", cleo: "Consumer"}

        longer = await rooms.change_validity(room.acs_room_id, NOW, NOW + timedelta(days=180))
        assert longer.valid_until == NOW + timedelta(days=180)

        await rooms.delete_room(room.acs_room_id, [ada, cleo])
        await rooms.delete_room(room.acs_room_id, [ada, cleo])
        with pytest.raises(NotFound):
            await rooms.issue_token(ada, 60)
        with pytest.raises(NotFound):
            await rooms.change_validity(room.acs_room_id, NOW, TOMORROW)


async def test_a_token_opens_its_room_and_no_other() -> None:
    async with running_acs() as acs, connected(acs) as rooms:
        room, (ada,) = await rooms.create_room(["Presenter"], NOW, TOMORROW)
        other, _ = await rooms.create_room(["Presenter"], NOW, TOMORROW)
        token = await rooms.issue_token(ada, 60)
        assert abs(token.expires_on - datetime.now(UTC) - timedelta(minutes=60)) < timedelta(seconds=30)
        async with Participant.join(acs.url, room.acs_room_id, token.token, "Ada") as participant:
            assert participant.participant_id == ada
        with pytest.raises(JoinRefused):
            async with Participant.join(acs.url, other.acs_room_id, token.token, "Ada"):
                pass


async def test_what_acs_finds_wrong_is_said_and_nothing_is_left() -> None:
    async with running_acs() as acs, connected(acs) as rooms:
        with pytest.raises(InvalidRequest) as caught:
            await rooms.create_room(["Attendee"] * 3, NOW, NOW + timedelta(days=181))
        assert "180 days" in str(caught.value.details)
        made = [e for e in acs.journal.entries("http", method="POST") if e["path"] == "/identities"]
        deleted = [e for e in acs.journal.entries("http", method="DELETE") if "/identities/" in str(e["path"])]
        assert (len(made), len(deleted)) == (3, 3)


async def test_a_wrong_key_is_our_fault_not_the_admins() -> None:
    async with running_acs() as acs, connected(acs, "d3Jvbmcga2V5") as rooms:
        with pytest.raises(AcsRefused) as caught:
            await rooms.create_room([], NOW, TOMORROW)
        assert caught.value.message == "ACS answered 401"
        assert "HMAC" in str(caught.value.details)


async def test_a_busy_acs_is_said_to_be_worth_another_try() -> None:
    async with running_acs() as acs, connected(acs) as rooms:
        acs.faults.replace({"http": [{"path": "/rooms", "status": 429, "times": 1}]})
        with pytest.raises(AcsUnavailable) as caught:
            await rooms.create_room(["Attendee"], NOW, TOMORROW)
        assert caught.value.retry_after_ms
        await rooms.create_room(["Attendee"], NOW, TOMORROW)


async def test_an_acs_that_cuts_the_line() -> None:
    async with running_acs() as acs, connected(acs) as rooms:
        acs.faults.replace({"http": [{"path": "/identities", "method": "POST", "reset": True, "times": 1}]})
        with pytest.raises(AcsUnavailable, match="could not be reached"):
            await rooms.add_participant("0", "Attendee")


async def test_a_room_per_language_from_its_beginning_to_its_end() -> None:
    """Who hears which language is on which roster, as ACS has it; a token opens the room one sits in and no other."""
    async with running_acs() as acs, connected(acs) as backing:
        rooms = RoomService(InMemoryRooms(), backing)
        room = await rooms.create(
            NewRoom(
                name="Board",
                languages=["en-US", "es-ES"],
                participants=[
                    NewParticipant(display_name="Ada", speaks="en-US", role="Presenter"),
                    NewParticipant(display_name="Benito", speaks="es-ES"),
                    NewParticipant(display_name="Carla", speaks="en-US", hears="es-ES"),
                ],
                settings=ChangedSettings(layout="sister"),
            )
        )
        ada, benito, carla = (one.acs_user_id for one in room.participants)
        assert await roster(acs, room.sisters["en-US"]) == {ada: "Presenter"}
        assert await roster(acs, room.sisters["es-ES"]) == {benito: "Attendee", carla: "Attendee"}
        token = await backing.issue_token(carla, 60)
        async with Participant.join(acs.url, room.sisters["es-ES"], token.token, "Carla"):
            pass
        with pytest.raises(JoinRefused):
            async with Participant.join(acs.url, room.sisters["en-US"], token.token, "Carla"):
                pass

        changed = await rooms.change(room.room_id, ChangedRoom(languages=["en-US", "es-ES", "fr-FR"]))
        to_french = ChangedParticipant(hears="fr-FR")
        await rooms.roster.change(room.room_id, room.participants[2].participant_id, to_french)
        assert await roster(acs, changed.sisters["fr-FR"]) == {carla: "Attendee"}
        assert await roster(acs, changed.sisters["es-ES"]) == {benito: "Attendee"}
        await rooms.change(room.room_id, ChangedRoom(valid_until=TOMORROW))
        async with RoomsClient(acs.url, acs.credential) as client:
            until = [(await client.get_room(one)).valid_until for one in changed.acs_room_ids]
        assert {datetime.fromisoformat(str(one)) for one in until} == {TOMORROW}

        await rooms.remove(room.room_id)
        for acs_room_id in changed.acs_room_ids:
            with pytest.raises(NotFound):
                await backing.change_validity(acs_room_id, NOW, TOMORROW)


async def test_a_room_with_a_phone_on_its_roster_allows_dialling_out(tmp_path: Path) -> None:
    async with (
        running_acs() as acs,
        service(acs, tmp_path / "interpreter.sqlite3") as http,
        RoomsClient(acs.url, acs.credential) as client,
    ):
        phone = {"display_name": "Dora", "speaks": "es-ES", "phone_number": "+15551234567"}
        with_phone = (await http.post("/api/rooms", json=NEW_ROOM | {"participants": [phone]})).json()
        assert with_phone["participants"][0]["acs_user_id"] == "4:+15551234567"
        assert (await client.get_room(with_phone["acs_room_id"])).pstn_dial_out_enabled
        room = (await http.post("/api/rooms", json=NEW_ROOM)).json()
        before = await client.get_room(room["acs_room_id"])
        assert not before.pstn_dial_out_enabled
        path = f"/api/rooms/{room['room_id']}/participants"
        added = (await http.post(path, json=phone)).json()
        after = await client.get_room(room["acs_room_id"])
        assert (after.pstn_dial_out_enabled, after.valid_until) == (True, before.valid_until)
        assert (await http.post(f"{path}/{added['participant_id']}/token")).status_code == 409
        assert (await http.delete(f"{path}/{added['participant_id']}")).status_code == 204


@pytest.mark.timeout(60)
async def test_of_requests_meant_for_one_version_one_is_carried_out_and_the_others_never_reach_acs(
    tmp_path: Path,
) -> None:
    async with running_acs() as acs, service(acs, tmp_path / "interpreter.sqlite3") as http:
        for _ in range(4):
            room = (await http.post("/api/rooms", json=NEW_ROOM)).json()
            path, etag = f"/api/rooms/{room['room_id']}", {"If-Match": '"1"'}
            ada = f"{path}/participants/{room['participants'][0]['participant_id']}"
            roles = ("Attendee", "Consumer")
            changes = await asyncio.gather(
                *(http.patch(ada, json={"role": role}, headers=etag) for role in roles),
                http.patch(path, json={"name": "Town hall"}, headers=etag),
            )
            assert sorted(one.status_code for one in changes) == [200, 412, 412]
            stored = (await http.get(path)).json()
            assert await roster(acs, room["acs_room_id"]) == {
                one["acs_user_id"]: one["role"] for one in stored["participants"]
            }
            etag = {"If-Match": f'"{stored["version"]}"'}
            gone = await asyncio.gather(*(http.delete(ada, headers=etag) for _ in range(3)))
            assert sorted(one.status_code for one in gone) == [204, 412, 412]
            etag = {"If-Match": f'"{stored["version"] + 1}"'}
            gone = await asyncio.gather(*(http.delete(path, headers=etag) for _ in range(3)))
            assert sorted(one.status_code for one in gone) == [204, 412, 412]


@pytest.mark.parametrize(
    "body", ["", "null", "[]", "5", '"x"', "{}", "{", "<html>", '{"id":5,"identity":[]}', '{"identity":{"id":null}}']
)
async def test_an_answer_of_acs_that_makes_no_sense_is_no_fault_of_the_admin(body: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, status=200, content_type="application/json")

    async def create(_: web.Request) -> web.Response:
        return web.Response(text=body, status=201, content_type="application/json")

    app = web.Application()
    app.router.add_post("/identities", create)
    app.router.add_post("/rooms", create)
    app.router.add_route("*", "/{rest:.*}", answer)
    server = TestServer(app)
    async with server:
        endpoint = f"http://127.0.0.1:{server.port}"
        async with AcsRooms(*await asyncio.to_thread(build_clients, endpoint, ACCESS_KEY)) as rooms:
            for call in (
                rooms.create_room([], NOW, TOMORROW),
                rooms.create_room(["Presenter"], NOW, TOMORROW),
                rooms.change_validity("1", NOW, TOMORROW),
                rooms.add_participant("1", "Presenter"),
                rooms.issue_token("8:acs:a", 60),
            ):
                with pytest.raises(AcsUnavailable):
                    await call
