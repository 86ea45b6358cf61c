"""The route by which people who came by browser join the call of an ACS room: who gets a token, and as whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from http_serving.errors import ServiceError
from http_serving.rate_limiter import TokenBuckets
from rooms_admin.api import joining_routes
from rooms_admin.auth.guest_keys import GuestKeys
from rooms_admin.auth.join_attempts import JoinAttempts
from rooms_admin.rooms.requests import NewRoom
from rooms_admin.rooms.room import Room
from tests.support.acs_fakes import refused
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.room_service import NEW, ServiceUnderTest
from tests.support.webhook_serving import application, client

CHEN = {"purpose": "speak", "display_name": "Chen", "speaks": "en-US", "hears": "es-ES"}
AT_ONCE = 30


class Joining:
    """The routes over a service in memory; a ticket is `room/participant`."""

    def __init__(self, *, acs_web_client: bool = True) -> None:
        self.service = ServiceUnderTest("111111", "222222", "333333")
        self.app = application(
            joining_routes(
                self.service.rooms,
                lambda purpose, room, language, participant: (f"{room}/{participant}", self.service.clock()),
                GuestKeys("a secret"),
                TokenBuckets(0.5, AT_ONCE, lambda: 0.0),
                JoinAttempts(InMemoryKeyValue()),
                self.read if acs_web_client else None,
                body_timeout_s=0.05,
            ),
            ServiceError,
        )

    def read(self, text: str) -> tuple[str, str] | None:
        room_id, _, participant_id = text.partition("/")
        return (room_id, participant_id) if participant_id else None

    async def room(self, **values: Any) -> Room:
        return await self.service.rooms.create(NEW.model_copy(update=values))


@pytest.fixture
def joining() -> Joining:
    return Joining()


@pytest.fixture
async def http(joining: Joining) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(joining.app) as http:
        yield http


async def admitted(http: httpx2.AsyncClient, room: Room) -> dict[str, str]:
    answer: dict[str, str] = (await http.post(f"/api/join/{room.join_code}", json=CHEN)).json()
    return answer


async def seat(http: httpx2.AsyncClient, room: Room, ticket: str) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {ticket}"} if ticket else {}
    answer = await http.post(f"/api/join/{room.join_code}/acs", headers=headers)
    body = answer.json()
    if answer.status_code == 200:
        assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, body.get("error", body)


async def test_a_guest_joins_the_call_as_the_participant_they_are(joining: Joining, http: httpx2.AsyncClient) -> None:
    room = await joining.room()
    guest = await admitted(http, room)
    status, given = await seat(http, room, guest["ticket"])
    assert status == 200
    (chen,) = [one for one in (await joining.service.rooms.get(room.room_id)).participants if one.guest]
    assert (chen.participant_id, chen.display_name) == (guest["participant_id"], "Chen")
    assert given == {
        "token": "a.jwt.text",
        "expires_on": given["expires_on"],
        "acs_user_id": chen.acs_user_id,
        "acs_room_id": room.acs_room_id,
    }
    assert joining.service.fake.rooms.rooms[room.acs_room_id][chen.acs_user_id] == "Attendee"
    assert joining.service.fake.identity.users[chen.acs_user_id][0][0] == ["voip"]

    assert (await seat(http, room, guest["ticket"]))[1]["acs_user_id"] == chen.acs_user_id, "and stays it"
    proof = {"participant_id": guest["participant_id"], "guest_key": guest["guest_key"]}
    back = {"purpose": "speak", "guest": proof, "display_name": "Chen Li"}
    assert (await http.post(f"/api/join/{room.join_code}", json=back)).status_code == 200
    known = (await joining.service.rooms.get(room.room_id)).participant(guest["participant_id"])
    assert known is not None and (known.acs_user_id, known.display_name) == (chen.acs_user_id, "Chen Li")
    await joining.service.rooms.remove(room.room_id)
    assert joining.service.nothing_is_left()


async def test_somebody_with_an_acs_identity_keeps_it(joining: Joining, http: httpx2.AsyncClient) -> None:
    room = await joining.room()
    ada = room.participants[0]
    status, given = await seat(http, room, f"{room.room_id}/{ada.participant_id}")
    assert (status, given["acs_user_id"]) == (200, ada.acs_user_id)
    assert (await joining.service.rooms.get(room.room_id)).version == room.version


async def test_who_is_turned_away(joining: Joining, http: httpx2.AsyncClient) -> None:
    room, other = await joining.room(), await joining.room()
    web = await joining.service.rooms.create(NewRoom(name="Web", languages=["en-US", "es-ES"], media="web"))
    guest, theirs, by_browser = [await admitted(http, one) for one in (room, other, web)]
    answers = {
        "without a ticket": await seat(http, room, ""),
        "with one that is none": await seat(http, room, "nonsense"),
        "with one of another room": await seat(http, room, theirs["ticket"]),
        "removed from the roster": await seat(http, room, f"{room.room_id}/participant-0"),
        "in a room without ACS": await seat(http, web, by_browser["ticket"]),
    }
    assert {who: (status, error["code"]) for who, (status, error) in answers.items()} == {
        "without a ticket": (401, "unauthorized"),
        "with one that is none": (401, "unauthorized"),
        "with one of another room": (403, "forbidden"),
        "removed from the roster": (404, "not_found"),
        "in a room without ACS": (409, "conflict"),
    }
    headers = {"Authorization": f"Bearer {guest['ticket']}"}
    large = await http.post(f"/api/join/{room.join_code}/acs", headers=headers, content=b" " * 5_000)
    assert large.json()["error"]["code"] == "payload_too_large"
    assert (await http.post("/api/join/444444/acs", headers=headers)).status_code == 404
    assert (await http.post("/api/join/abcdef/acs", headers=headers)).json()["error"]["code"] == "invalid_request"
    present = (await joining.service.rooms.get(room.room_id)).participants
    assert [one.acs_user_id[:4] for one in present] == ["8:ac", "web:"], "nobody has got an identity"
    assert len(joining.service.fake.identity.users) == 2


async def test_a_service_whose_pages_join_no_calls_says_so() -> None:
    joining = Joining(acs_web_client=False)
    async with client(joining.app) as http:
        room = await joining.room()
        status, error = await seat(http, room, (await admitted(http, room))["ticket"])
        assert (status, error["code"]) == (409, "conflict") and "ACS_WEB_CLIENT" in error["message"]


async def test_acs_that_refuses_leaves_nothing_behind(joining: Joining, http: httpx2.AsyncClient) -> None:
    room = await joining.room()
    guest = await admitted(http, room)
    joining.service.fake.rooms.fail("add_or_update_participants", refused(503))
    assert (await seat(http, room, guest["ticket"]))[0] == 503
    assert len(joining.service.fake.identity.users) == 1, "the user that was not invited is deleted"
    assert (await seat(http, room, guest["ticket"]))[0] == 200


async def test_it_may_be_asked_as_often_as_join_codes(joining: Joining, http: httpx2.AsyncClient) -> None:
    room = await joining.room()
    answers = [(await seat(http, room, "nonsense"))[0] for _ in range(AT_ONCE + 1)]
    assert answers == [401] * AT_ONCE + [429]
