"""The whole line while ACS does what it is not documented to do: what people say is interpreted all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emulator.acs.wire.callback_events import Result
from emulator.config import Switches
from emulator.engine.scripted import read_markers
from emulator.virtual_time import VirtualTimeLoop
from tests.support.line import Line, Room, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]


async def interpreted(whole: Line, room: Room, speech: bytes) -> dict[str, Any]:
    """Ana and Luis join, she says something, he hears it interpreted; what the ledger says of it."""
    async with room.joined("Ana") as ana, room.joined("Luis") as luis:
        await room.until_status("interpreting")
        await asyncio.sleep(1)  # frames come: further streams are noticed after ten messages
        await ana.speak(speech)
        (passage,) = await room.until_passages(1)
    assert (passage["state"], passage["reason"]) == ("spoken", "")
    assert read_markers(bytes(luis.heard)) == [0]
    return passage


@pytest.mark.parametrize("event", ["", "Stopped", "Failed"])
async def test_frames_that_stop_with_the_socket_open_come_again(event: str, english: bytes) -> None:
    async with line() as whole:
        await whole.put_faults({"media": {"stop_after_frames": 200, "stop_event": event, "times": 1}})
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis") as luis:
            (stopped,) = await whole.until_noted("media.stopped")
            _, dialled = await whole.until_noted("media.dialled", 2)
            assert dialled["at"] - stopped["at"] < (3.0 if event else 21.0)
            await asyncio.sleep(3)
            assert (await room.status())["reason"] is None
            await ana.speak(english)
            (passage,) = await room.until_passages(1)
        assert passage["state"] == "spoken"
        assert read_markers(bytes(luis.heard)) == [0]


@pytest.mark.parametrize(
    "replace",
    [
        {"participantRawID": "participantRawId"},
        {'"silent":false': '"Silent":"false"', '"silent":true': '"SILENT":"true"'},
        {"audioData": "AudioData", "participantRawID": "ParticipantRawId", '"data"': '"Data"'},
        {'"timestamp":"': '"loudness":3,"timestamp":"x'},
    ],
)
async def test_media_keys_spelt_otherwise_are_read(replace: dict[str, str], english: bytes) -> None:
    async with line() as whole:
        await whole.put_faults({"media": {"replace": replace}})
        await interpreted(whole, await whole.room(), english)


@pytest.mark.parametrize(
    "switches",
    [
        {"media_frame_ms": 100},
        pytest.param({"media_frame_ms": 200}, marks=pytest.mark.soak),
        pytest.param({"streams_per_participant": 2}, marks=pytest.mark.soak),
        {"streams_per_participant": 3, "media_frame_ms": 100},
    ],
)
async def test_frames_of_another_length_or_of_two_devices_are_the_same_speech(
    switches: dict[str, Any], english: bytes
) -> None:
    async with line() as whole:
        usual = await interpreted(whole, await whole.room(), english)
    async with line(switches=Switches(**switches)) as whole:
        passage = await interpreted(whole, await whole.room(), english)
    assert abs(passage["spoken_ms"] - usual["spoken_ms"]) <= 200


@pytest.mark.parametrize(
    "odd",
    [
        {"startedBy": {}, "user": {}},
        {"startedBy": {"kind": "phoneNumber", "phoneNumber": {"value": "+15551234567"}}, "user": None},
        {"startedBy": "somebody", "user": 7, "durationOfCall": "long", "correlationId": [], "displayName": {}},
    ],
)
async def test_whatever_events_say_of_things_nobody_uses_the_interpreter_joins(
    odd: dict[str, Any], english: bytes
) -> None:
    async with line() as whole:
        result = {"resultInformation": {"code": "200", "subCode": "0", "message": 7}, "operationContext": 5}
        await whole.put_faults({"event_grid": [{"data": odd}], "callbacks": [{"data": result}]})
        await interpreted(whole, await whole.room(), english)
        assert not [entry for entry in whole.emulator.journal.entries("eventgrid.delivery") if entry["status"] != 200]
        assert not [entry for entry in whole.emulator.journal.entries("callback") if entry["status"] != 200]


async def test_the_last_one_who_leaves_is_noticed_beside_somebody_without_a_name() -> None:
    async with line() as whole:
        room = await whole.room()
        loop = asyncio.get_running_loop()
        async with room.joined("Ana"):
            await room.until_status("interpreting")
            nameless = {"participants": [{"identifier": {"kind": "unknown"}, "isMuted": False}]}
            await whole.put_faults({"callbacks": [{"types": ["ParticipantsUpdated"], "data": nameless}]})
        left_at = loop.time()
        assert (await room.until_status("stopped"))["reason"] == "everybody_left"
        assert loop.time() - left_at < 3.0


async def test_a_confidential_pause_survives_a_disconnect(english: bytes) -> None:
    async with line() as whole:
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis") as luis:
            await room.until_status("interpreting")
            await whole.api("POST", f"/api/rooms/{room.room_id}/interpreter", {"action": "pause"})
            await room.until_status("paused")
            (call,) = whole.emulator.calls.active
            call.dismiss(call.bots[0], Result(500, 0, "a failure inside the service"))
            await whole.until_noted("media.dialled", 2)
            await room.until_status("paused")
            await ana.speak(english)
            await asyncio.sleep(3)
            assert read_markers(bytes(luis.heard)) == []
            await whole.api("POST", f"/api/rooms/{room.room_id}/interpreter", {"action": "resume"})
            await ana.speak(english)
            await whole.until(room.transcript, lambda now: any(p["state"] == "spoken" for p in now["passages"]))
        assert len(read_markers(bytes(luis.heard))) == 1


async def test_people_who_came_by_telephone_are_told_to_admins() -> None:
    async with line() as whole:
        room = await whole.room()
        async with room.joined("Ana"):
            await room.until_status("interpreting")
            assert whole.service.calls is not None
            (call,) = whole.service.calls.active_calls.all
            people = [{"identifier": {"rawId": raw_id}} for raw_id in (*call.present, "4:+15551234567")]
            await whole.put_faults(
                {"callbacks": [{"types": ["ParticipantsUpdated"], "data": {"participants": people}}]}
            )
            async with room.joined("Luis"):
                found = await whole.until(room.status, lambda now: now["reason"] is not None)
        assert found["reason"] == "1 by telephone, Teams or without an id, not on the roster: not interpreted"


async def test_a_key_set_that_fails_three_times_costs_seconds(english: bytes) -> None:
    async with line() as whole:
        await whole.put_faults({"http": [{"path": "/calling/keys", "status": 503, "times": 3}]})
        room = await whole.room()
        loop = asyncio.get_running_loop()
        async with room.joined("Ana"), room.joined("Luis"):
            began = loop.time()
            await room.until_status("interpreting")
            assert loop.time() - began < 10.0


async def test_a_new_signing_key_is_known_within_seconds(english: bytes) -> None:
    async with line() as whole:
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            url = f"{whole.emulator.acs_url}/emulator/keys/rotate"
            async with whole.http.post(url, json={"keep_old": False}) as response:
                assert response.status == 200
            (call,) = whole.emulator.calls.active
            call.bots[0].audio.cut()
            cut_at = asyncio.get_running_loop().time()

            async def dialled() -> list[Any]:
                return whole.emulator.journal.entries("media.dialled")

            await whole.until(dialled, lambda entries: len(entries) > 1 and entries[-1]["failure"] is None)
            assert asyncio.get_running_loop().time() - cut_at < 4.0
            await room.until_status("interpreting")
            await ana.speak(english)
            assert [passage["state"] for passage in await room.until_passages(1)] == ["spoken"]


@pytest.mark.parametrize("body", ["[]", "{}", "nonsense", "null"])
async def test_an_answer_to_the_join_that_makes_no_sense_is_no_answer(body: str, english: bytes) -> None:
    async with line() as whole:
        path = "/calling/callConnections:connect"
        await whole.put_faults({"http": [{"path": path, "status": 200, "body": body, "times": 2}]})
        await interpreted(whole, await whole.room(), english)


async def test_answers_that_make_no_sense_take_nobody_for_gone(english: bytes) -> None:
    async with line() as whole:
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await whole.put_faults(
                {"http": [{"path": "/calling/callConnections/", "method": "GET", "status": 200, "body": "[]"}]}
            )
            assert isinstance(asyncio.get_running_loop(), VirtualTimeLoop)
            await asyncio.sleep(60)
            assert (await room.status())["status"] == "interpreting"
            await ana.speak(english)
            assert [passage["state"] for passage in await room.until_passages(1)] == ["spoken"]
