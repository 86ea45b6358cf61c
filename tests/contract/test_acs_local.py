"""The test surface beside the service: journal, faults, robots, invitations; faults as the real clients meet them."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.communication.rooms.aio import RoomsClient
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from emulator.acs.api.emulator_api import page_routes
from emulator.client import Participant
from emulator.wav import write_wav
from tests.support.acs_emulator import (
    ACCESS_KEY,
    Acs,
    constant,
    make_guest,
    make_room,
    running_acs,
    samples,
    signing_key,
    until,
)
from tests.support.acs_meeting import media_options, meeting


async def test_the_journal_is_read_in_parts_and_holds_no_secrets() -> None:
    async with running_acs() as acs:
        guest = await make_guest(acs)
        room_id = await make_room(acs, guest)
        async with Participant.join(acs.url, room_id, guest.token, "Anna"):
            pass
        await until(lambda: acs.journal.entries("call.ended"))
        _, started = await acs.get("/emulator/journal?kind=call.started")
        assert [entry["room_id"] for entry in started["items"]] == [room_id]
        _, rest = await acs.get(f"/emulator/journal?since={started['items'][0]['seq']}")
        assert all(entry["seq"] > started["items"][0]["seq"] for entry in rest["items"])
        assert rest["next"] == acs.journal.last_seq
        assert (await acs.get("/emulator/journal?since=x"))[0] == 400
        everything = str(acs.journal.entries())
        assert guest.token not in everything
        assert ACCESS_KEY not in everything


async def test_unknown_fault_keys_are_named() -> None:
    async with running_acs() as acs:
        status, body = await acs.put("/emulator/faults", {"htpp": [], "media": {"jitter": 3}})
        assert status == 400
        assert "htpp, media.jitter" in str(body)
        status, body = await acs.put("/emulator/faults", {"switches": {"page_size": 3}})
        assert (status, body["switches"]["page_size"]) == (200, 3)
        async with acs.http.delete(acs.url + "/emulator/faults") as answer:
            assert answer.status == 204
        assert (await acs.get("/emulator/faults"))[1]["switches"]["page_size"] == 100


async def put_faults(acs: Acs, **document: Any) -> None:
    status, body = await acs.put("/emulator/faults", document)
    assert status == 200, body


async def test_the_clients_meet_faults_as_they_were_ordered() -> None:
    async with running_acs() as acs, RoomsClient(acs.url, acs.credential) as rooms:
        await put_faults(acs, http=[{"path": "/rooms", "status": 429, "times": 1}])
        with pytest.raises(HttpResponseError) as refused:
            await rooms.create_room()
        assert refused.value.status_code == 429

        # With Retry-After even a POST is tried again, and the same repeatability id keeps it one room.
        await put_faults(acs, http=[{"path": "/rooms", "status": 429, "retry_after": 0, "times": 2}])
        await rooms.create_room()
        assert len([room async for room in rooms.list_rooms()]) == 1

        await put_faults(acs, http=[{"path": "/rooms", "method": "POST", "reset": True, "times": 1}])
        with pytest.raises((ServiceRequestError, ServiceResponseError)):
            await rooms.create_room(retry_total=0)

        await put_faults(acs, http=[{"path": "/rooms", "delay_ms": 100, "times": 1}])
        began = time.monotonic()
        await rooms.create_room()
        assert time.monotonic() - began >= 0.1


async def test_callbacks_are_lost_doubled_and_delayed() -> None:
    async with meeting() as m, m.joined(m.anna):
        await put_faults(
            m.acs,
            callbacks=[
                {"types": ["CallConnected"], "lost": True, "times": 1},
                {"types": ["MediaStreamingStarted"], "duplicate": 1, "delay_ms": 50, "times": 1},
            ],
        )
        await m.connect(media_options(m.bot))
        await m.bot.wait_for("MediaStreamingStarted", 2)
        assert m.bot.kinds == ["MediaStreamingStarted", "MediaStreamingStarted"]
        assert m.bot.events[0]["id"] == m.bot.events[1]["id"]


@pytest.mark.parametrize("flaw", ["expired", "wrong_audience", "wrong_key", "missing"])
async def test_callback_tokens_can_be_wrong(flaw: str) -> None:
    async with meeting() as m, m.joined(m.anna):
        await put_faults(m.acs, callbacks=[{"token": flaw}])
        await m.connect()
        await m.bot.wait_for("CallConnected")
        token = m.bot.tokens[0].removeprefix("Bearer ")
        if flaw == "missing":
            assert token == ""
        elif flaw == "wrong_audience":
            assert signing_key().verify(token)["aud"] == "another-resource"
        else:
            wrong = {"expired": jwt.ExpiredSignatureError, "wrong_key": jwt.InvalidSignatureError}[flaw]
            with pytest.raises(wrong):
                signing_key().verify(token)


async def test_media_sockets_are_cut_and_dialled_again() -> None:
    async with meeting({"redial_gap_s": 0.01}) as m, m.joined(m.anna):
        await put_faults(m.acs, media={"drop_after_frames": 5, "times": 1}, switches={"redial_gap_s": 0.01})
        await m.connect(media_options(m.bot))
        await m.bot.wait_for("MediaStreamingStarted", 2)
        assert len(m.bot.sockets[0].audio()) == 5
        await until(lambda: len(m.bot.sockets[1].audio()) > 10)


async def test_jitter_bunches_frames_and_loses_none() -> None:
    async with meeting() as m, m.joined(m.anna) as anna:
        await put_faults(m.acs, media={"jitter_ms": 100})
        await m.connect(media_options(m.bot))
        await m.bot.wait_for_audio()
        spoken = b"".join(constant(value, 20) for value in range(1, 31))
        await anna.speak(spoken)
        heard = m.bot.sockets[0]
        await until(lambda: 30 in samples(heard.pcm()))
        values = list(dict.fromkeys(value for value in samples(heard.pcm()) if value))
        assert values == list(range(1, 31))


async def test_robots_speak_and_count(tmp_path: Path) -> None:
    async with running_acs() as acs:
        anna, robot, other = await make_guest(acs), await make_guest(acs), await make_guest(acs)
        room_id = await make_room(acs, anna, robot, other)
        write_wav(tmp_path / "robot.wav", constant(700, 100))
        path = f"/emulator/rooms/{room_id}/robots"
        async with Participant.join(acs.url, room_id, anna.token, "Anna") as a:
            wish = {"token": robot.token, "display_name": "Robot", "wav": str(tmp_path / "robot.wav"), "loop": True}
            status, made = await acs.post(path, wish)
            assert (status, made["participant_id"]) == (201, robot.id)
            pcm = base64.b64encode(constant(50, 100)).decode()
            late = {"token": other.token, "pcm_base64": pcm, "start_after_ms": 200}
            _, second = await acs.post(path, late)
            await until(lambda: 750 in samples(a.heard))
            await a.speak(constant(1, 100))
            one = f"{path}/{made['robot_id']}"
            seen: dict[str, Any] = {}
            async with asyncio.timeout(30):
                while seen.get("frames_heard_with_sound", 0) < 5:
                    _, seen = await acs.get(one)
            assert seen["frames_heard"] > 10
            assert seen["rounds"] >= 1
            _, listed = await acs.get(path)
            assert {each["robot_id"] for each in listed["items"]} == {made["robot_id"], second["robot_id"]}
            async with acs.http.delete(acs.url + one) as answer:
                assert (await answer.json())["in_call"] is False
            assert (await acs.get(one))[0] == 404
            await until(lambda: len(a.roster) == 2)
        _, gone = await acs.get(f"{path}/{second['robot_id']}")
        assert gone["rounds"] == 1


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"token": "nonsense"}, 401),
        ({"wav": "/no/such/file.wav"}, 400),
        ({"pcm_base64": "@"}, 400),
        ({"start_after_ms": -1}, 400),
        ([], 400),
    ],
)
async def test_robots_that_cannot_be_are_refused(document: Any, status: int) -> None:
    async with running_acs() as acs:
        guest = await make_guest(acs)
        room_id = await make_room(acs, guest)
        if isinstance(document, dict):
            document = {"token": guest.token} | document
        assert (await acs.post(f"/emulator/rooms/{room_id}/robots", document))[0] == status


async def test_invitations_are_kept_for_the_page() -> None:
    async with running_acs() as acs:
        assert (await acs.get("/emulator/invitations"))[1] == []
        invitation = {"name": "Anna", "language": "en-US", "room": "99", "token": "t"}
        assert await acs.put("/emulator/invitations", [invitation]) == (200, [invitation])
        assert (await acs.get("/emulator/invitations"))[1] == [invitation]
        wishes: list[Any] = [{}, [{"name": "Anna"}], [invitation | {"room": 7}]]
        for wrong in wishes:
            assert (await acs.put("/emulator/invitations", wrong))[0] == 400


async def test_the_page_is_served_where_there_is_one(tmp_path: Path) -> None:
    assert page_routes(tmp_path) == []
    (tmp_path / "index.html").write_text("<title>hello</title>")
    (tmp_path / "app.js").write_text("hello()")
    application = web.Application()
    application.add_routes(page_routes(tmp_path))
    async with TestServer(application) as server, aiohttp.ClientSession() as http:
        for path, text in (("/", "<title>hello</title>"), ("/page/app.js", "hello()")):
            async with http.get(server.make_url(path)) as answer:
                assert (answer.status, await answer.text()) == (200, text)
