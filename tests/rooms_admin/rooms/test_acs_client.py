"""What becomes of ACS rooms and users when all goes well, and when something in the middle does not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError

from http_serving.errors import InvalidRequest, NotFound, ServiceError
from rooms_admin.errors import AcsRefused, AcsUnavailable
from rooms_admin.rooms import acs_client
from rooms_admin.rooms.acs_client import AcsRooms, AcsToken, build_clients
from tests.support.acs_fakes import FakeAcs, refused

FROM = datetime(2026, 11, 20, 8, tzinfo=UTC)
UNTIL = FROM + timedelta(days=1)


@pytest.fixture
def fake() -> FakeAcs:
    return FakeAcs()


async def test_a_room_has_a_user_per_role_in_order(fake: FakeAcs) -> None:
    roles = ["Presenter", *["Attendee"] * 24, "Consumer"]
    room, users = await fake.acs.create_room(roles, FROM, UNTIL)  # type: ignore[arg-type]  # list[str], all of them roles
    assert (room.valid_from, room.valid_until) == (FROM, UNTIL)
    assert fake.rooms.rooms == {room.acs_room_id: dict(zip(users, roles, strict=True))}
    assert set(fake.identity.users) == set(users)


async def test_a_room_may_have_nobody_yet(fake: FakeAcs) -> None:
    room, users = await fake.acs.create_room([], FROM, UNTIL)
    assert users == ()
    assert fake.rooms.rooms == {room.acs_room_id: {}}


@pytest.mark.parametrize(("method", "call"), [("create_user", 15), ("create_user", 1)])
async def test_a_user_that_cannot_be_made_leaves_no_other_user(fake: FakeAcs, method: str, call: int) -> None:
    fake.identity.fail(method, refused(503), call)
    with pytest.raises(AcsUnavailable):
        await fake.acs.create_room(["Attendee"] * 20, FROM, UNTIL)
    assert fake.identity.users == {}
    assert fake.rooms.rooms == {}


async def test_a_room_that_cannot_be_made_leaves_no_user(fake: FakeAcs) -> None:
    fake.rooms.fail("create_room", refused(400))
    with pytest.raises(InvalidRequest):
        await fake.acs.create_room(["Attendee"] * 3, FROM, UNTIL)
    assert fake.identity.users == {}


async def test_cancelled_half_way_leaves_no_user(fake: FakeAcs) -> None:
    fake.identity.hang_at = 13
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await fake.acs.create_room(["Attendee"] * 20, FROM, UNTIL)
    assert fake.identity.users == {}


async def test_undoing_goes_on_past_a_user_that_stays(fake: FakeAcs, caplog: pytest.LogCaptureFixture) -> None:
    fake.rooms.fail("create_room", refused(400))
    fake.identity.fail("delete_user", refused(500), 2)
    with pytest.raises(InvalidRequest):
        await fake.acs.create_room(["Attendee"] * 3, FROM, UNTIL)
    assert len(fake.identity.users) == 1
    assert ("acs users not deleted", 1) in [(r.message, getattr(r, "users", 0)) for r in caplog.records]


async def test_undoing_is_bounded_in_time(fake: FakeAcs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acs_client, "UNDO_TIMEOUT_S", 0.01)
    never = asyncio.Event()

    async def hang(_: object) -> None:
        await never.wait()

    monkeypatch.setattr(fake.identity, "delete_user", hang)
    fake.rooms.fail("create_room", refused(400))
    with pytest.raises(InvalidRequest):
        await fake.acs.create_room(["Attendee"], FROM, UNTIL)


async def test_a_participant_that_cannot_be_invited_leaves_no_user(fake: FakeAcs) -> None:
    room, users = await fake.acs.create_room(["Presenter"], FROM, UNTIL)
    fake.rooms.fail("add_or_update_participants", refused(500))
    with pytest.raises(AcsUnavailable):
        await fake.acs.add_participant(room.acs_room_id, "Attendee")
    assert set(fake.identity.users) == set(users)


async def test_a_participant_comes_changes_and_goes(fake: FakeAcs) -> None:
    room, _ = await fake.acs.create_room([], FROM, UNTIL)
    user = await fake.acs.add_participant(room.acs_room_id, "Attendee")
    await fake.acs.set_role(room.acs_room_id, user, "Consumer")
    assert fake.rooms.rooms[room.acs_room_id] == {user: "Consumer"}
    await fake.acs.remove_participant(room.acs_room_id, user)
    assert fake.rooms.rooms[room.acs_room_id] == {}
    assert fake.identity.users == {}


async def test_what_is_already_gone_is_fine(fake: FakeAcs) -> None:
    user = await fake.identity.create_user()
    await fake.acs.remove_participant("0", user.properties["id"])
    await fake.acs.delete_room("0", ["8:acs:gone"])
    assert fake.identity.users == {}


async def test_a_room_that_cannot_be_deleted_keeps_its_users(fake: FakeAcs) -> None:
    """So that the same request can be made again."""
    room, users = await fake.acs.create_room(["Presenter"], FROM, UNTIL)
    fake.rooms.fail("delete_room", refused(503))
    with pytest.raises(AcsUnavailable):
        await fake.acs.delete_room(room.acs_room_id, users)
    assert set(fake.identity.users) == set(users)
    await fake.acs.delete_room(room.acs_room_id, users)
    assert (fake.rooms.rooms, fake.identity.users) == ({}, {})


async def test_a_token_expires_at_an_instant(fake: FakeAcs) -> None:
    user = (await fake.identity.create_user()).properties["id"]
    token = await fake.acs.issue_token(user, 60)
    assert token == AcsToken("a.jwt.text", datetime(2026, 11, 21, 8, 0, 0, 123456, UTC))
    assert fake.identity.users[user] == [(["voip"], timedelta(minutes=60))]


# --- errors --------------------------------------------------------------------------------------

RANGE = "The time range is incorrect, or larger than 180 days."
TWO_LEVELS = {
    "error": {
        "code": "BadRequest",
        "message": "The request could not be understood by the server due to malformed syntax.",
        "details": [{"code": "BadArgument", "message": RANGE, "target": "ValidUntil"}],
    }
}
ONE_LEVEL = {"error": {"code": "Forbidden", "message": "not yours"}}


@pytest.mark.parametrize(
    ("error", "kind", "retry_after_ms", "reason"),
    [
        (refused(400, TWO_LEVELS), InvalidRequest, None, RANGE),
        (refused(400), InvalidRequest, None, "no reason given"),
        (refused(403, ONE_LEVEL), AcsRefused, None, "not yours"),
        (ClientAuthenticationError("401"), AcsRefused, None, "no reason given"),
        (refused(404), NotFound, None, None),
        (
            refused(409, {"error": {"code": "x", "details": [{"code": "y"}]}}),
            AcsRefused,
            None,
            "no reason given",
        ),
        (refused(408), AcsUnavailable, 5_000, None),
        (refused(429), AcsUnavailable, 5_000, None),
        (refused(429, Retry_After="7"), AcsUnavailable, 7_000, None),
        (refused(503, Retry_After="99999999"), AcsUnavailable, 3_600_000, None),
        (refused(503, Retry_After="Fri, 20 Nov 2026 08:00:00 GMT"), AcsUnavailable, 5_000, None),
        (refused(500), AcsUnavailable, 5_000, None),
        (ServiceRequestError("refused"), AcsUnavailable, 5_000, None),
        (ServiceResponseError("cut off"), AcsUnavailable, 5_000, None),
        (KeyError("pstnDialOutEnabled"), AcsUnavailable, 5_000, None),
        (ValueError("Invalid isoformat string"), AcsUnavailable, 5_000, None),
    ],
    ids=str,
)
async def test_errors_are_renamed_in_one_place(
    fake: FakeAcs,
    error: Exception,
    kind: type[ServiceError],
    retry_after_ms: int | None,
    reason: str | None,
) -> None:
    if isinstance(error, ClientAuthenticationError):
        error.status_code = 401
    fake.rooms.fail("update_room", error)
    with pytest.raises(ServiceError) as caught:
        await fake.acs.change_validity("0", FROM, UNTIL)
    assert type(caught.value) is kind
    assert caught.value.__cause__ is error
    assert caught.value.retry_after_ms == retry_after_ms
    assert [detail["reason"] for detail in caught.value.details] == ([] if reason is None else [reason])


async def test_acs_that_does_not_answer(fake: FakeAcs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acs_client, "REQUEST_TIMEOUT_S", 0.01)
    fake.identity.hang_at = 1
    with pytest.raises(AcsUnavailable, match="did not answer in time"):
        await fake.acs.add_participant("0", "Attendee")


# --- clients -------------------------------------------------------------------------------------


async def test_both_clients_are_closed_even_if_one_cannot_be(fake: FakeAcs, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise OSError("cannot")

    monkeypatch.setattr(fake.rooms, "close", fail)
    with pytest.raises(OSError, match="cannot"):
        async with fake.acs:
            pass
    assert fake.identity.closed


@pytest.mark.line  # azure-core asks `uname`
@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9100", "http://127.0.0.1:9100/"])
async def test_clients_are_built_for_an_endpoint_and_a_key(endpoint: str) -> None:
    """The rest is shown over sockets: signatures, http, paths. Built beside the loop, as it is documented."""
    rooms, identity = await asyncio.to_thread(build_clients, endpoint, "c2VjcmV0")
    async with AcsRooms(rooms, identity):
        assert identity._endpoint == rooms._endpoint == "http://127.0.0.1:9100"


async def test_acs_is_not_asked_about_those_who_come_by_browser(fake: FakeAcs) -> None:
    room, _ = await fake.acs.create_room([], FROM, UNTIL)
    asked = dict(fake.rooms.calls), dict(fake.identity.calls)
    await fake.acs.set_role(room.acs_room_id, "web:participant-1", "Attendee")
    await fake.acs.remove_participant(room.acs_room_id, "web:participant-1")
    assert (fake.rooms.calls, fake.identity.calls) == asked
