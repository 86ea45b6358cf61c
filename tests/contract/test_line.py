"""The whole line: what happens in one room is heard there, and what goes wrong in it is not felt in another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from emulator.client import Participant
from emulator.engine.scripted import read_markers
from tests.support.line import Line, Room, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]


@pytest.fixture
async def running() -> AsyncIterator[Line]:
    async with line() as whole:
        yield whole


async def speak_and_listen(room: Room, speech: bytes) -> tuple[Participant, list[dict[str, Any]]]:
    """Ana says something; Luis afterwards, and what the ledger says of it."""
    async with room.joined("Ana") as ana, room.joined("Luis") as luis:
        await room.until_status("interpreting")
        await ana.speak(speech)
        passages = await room.until_passages(1)
    return luis, passages


async def test_what_one_says_the_other_hears_interpreted(running: Line, english: bytes) -> None:
    room = await running.room()
    luis, passages = await speak_and_listen(room, english)
    assert [(p["state"], p["target"]) for p in passages] == [("spoken", "es-ES")]
    assert read_markers(bytes(luis.heard)) == [0]
    lines = (await room.transcript())["items"]
    assert [(one["language"], one["text"]) for one in lines] == [
        ("en-US", "utterance 0"),
        ("es-ES", "[es] utterance 0"),
    ]


async def test_what_was_held_up_on_its_way_is_read_and_what_comes_in_time_is_heard(
    running: Line, english: bytes
) -> None:
    """ACS sends nothing for 7 s, and then everything at once."""
    await running.put_faults({"media": {"stall_after_frames": 100, "stall_ms": 7_000, "times": 1}})
    room = await running.room()
    async with room.joined("Ana") as ana, room.joined("Luis") as luis:
        await room.until_status("interpreting")
        await asyncio.sleep(1.5)
        await ana.speak(english)
        await room.until_passages(1)
        assert read_markers(bytes(luis.heard)) == []
        await ana.speak(english)
        late, new = await room.until_passages(2)
    assert (late["state"], late["reason"], late["ear_voice_span_ms"]) == ("caption_only", "stale", None)
    assert (new["state"], new["reason"]) == ("spoken", "")
    assert len(read_markers(bytes(luis.heard))) == 1
    assert new["ear_voice_span_ms"] < 2_000
    shown = {line["utterance_id"]: line for line in (await room.transcript())["items"]}
    said_apart_ms = shown[new["utterance_id"]]["timestamp_ms"] - shown[late["utterance_id"]]["timestamp_ms"]
    assert said_apart_ms > 4_000, "the first is dated when it was said"


async def test_the_interpreter_hangs_up_itself_when_the_last_one_has_left(running: Line, english: bytes) -> None:
    room = await running.room()
    await speak_and_listen(room, english)
    state = await room.until_status("stopped")
    assert state["reason"] in ("everybody_left", "call_ended")
    await running.until_noted("call.closed")
    hang_ups = [
        entry
        for entry in running.emulator.journal.entries("http", method="DELETE")
        if entry["path"] == f"/calling/callConnections/{state['call_connection_id']}"
    ]
    assert [entry["status"] for entry in hang_ups] in ([204], [])
    if state["reason"] == "everybody_left":
        assert hang_ups


async def test_garbage_from_the_model_in_one_room_is_not_felt_in_another(running: Line, english: bytes) -> None:
    unlucky, lucky = await running.room(), await running.room()
    async with unlucky.joined("Ana") as ana, unlucky.joined("Luis"):
        await unlucky.until_status("interpreting")
        # Only sessions opened so far are hit, and those are the unlucky room's.
        await running.until_noted("realtime.connection", 2)
        rules = [{"do": "malformed_json", "at": "mid_response", "connection": number} for number in (1, 2)]
        await running.put_faults({"realtime": {"rules": rules}})
        luis, passages = await speak_and_listen(lucky, english)
        assert [p["state"] for p in passages] == ["spoken"]
        assert read_markers(bytes(luis.heard)) == [0]
        await ana.speak(english)
        assert len(await unlucky.until_passages(1)) == 1  # garbage is skipped: whatever became of it is written down
        assert (await unlucky.status())["status"] == "interpreting"


async def test_a_model_that_hangs_up_is_called_again(running: Line, english: bytes) -> None:
    room = await running.room()
    async with room.joined("Ana") as ana, room.joined("Luis"):
        await room.until_status("interpreting")
        await running.put_faults(
            {"realtime": {"rules": [{"do": "close", "at": "mid_response", "close_code": 1011, "times": 1}]}}
        )
        await ana.speak(english)
        first = await room.until_passages(1)
        assert first[0]["state"] == "abandoned"
        await ana.speak(english)
        assert (await room.until_passages(2))[1]["state"] == "spoken"


async def test_a_lost_media_socket_comes_back(running: Line, english: bytes) -> None:
    room = await running.room()
    await running.put_faults({"media": {"drop_after_frames": 20, "times": 1}})
    async with room.joined("Ana") as ana, room.joined("Luis") as luis:
        await running.until_noted("media.dialled", 2)
        await room.until_status("interpreting")
        await ana.speak(english)
        assert [p["state"] for p in await room.until_passages(1)] == ["spoken"]
        assert read_markers(bytes(luis.heard)) == [0]


async def test_a_second_media_socket_is_refused(running: Line) -> None:
    room = await running.room()
    async with room.joined("Ana"):
        await room.until_status("interpreting")
        (secret,) = running.secrets()
        url = f"{running.base_url}/media/{secret}"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await running.http.ws_connect(url, headers={"Authorization": f"Bearer {running.media_token()}"})
        assert refused.value.status == 409
        with pytest.raises(aiohttp.WSServerHandshakeError) as stranger:
            await running.http.ws_connect(url)
        assert stranger.value.status == 401
        with pytest.raises(aiohttp.WSServerHandshakeError) as other:
            token = running.media_token(audience="another-resource")
            await running.http.ws_connect(url, headers={"Authorization": f"Bearer {token}"})
        assert other.value.status == 401
        with pytest.raises(aiohttp.WSServerHandshakeError) as guess:
            headers = {"Authorization": f"Bearer {running.media_token()}"}
            await running.http.ws_connect(f"{running.base_url}/media/guessed", headers=headers)
        assert guess.value.status == 404
        assert (await room.status())["status"] == "interpreting"


async def test_one_call_too_many_is_refused_and_the_first_goes_on(english: bytes) -> None:
    async with line(max_calls=1) as whole:
        first, second = await whole.room(), await whole.room()
        async with first.joined("Ana") as ana, first.joined("Luis"):
            await first.until_status("interpreting")
            async with second.joined("Ana"):
                refused = await second.until_status("waiting")
                assert refused["reason"] == "no capacity: 1 calls are live"
                await ana.speak(english)
                assert [p["state"] for p in await first.until_passages(1)] == ["spoken"]


async def test_the_end_of_acs_ends_the_room_cleanly(english: bytes) -> None:
    """Killing what is at the other end, in the middle of an utterance."""
    async with line() as whole:
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            async with asyncio.TaskGroup() as group:
                speaking = group.create_task(_speak_until_cut(ana, english * 3))
                await asyncio.sleep(0.5)
                await whole.emulator.__aexit__(None, None, None)
                await speaking
            await room.until_status("interrupted", "waiting", "stopped")
            assert {p["state"] for p in await room.until_passages(1)} == {"abandoned"}
        assert whole.service.calls is not None
        await whole.service.calls.drain(0.0)
        async with whole.http.get(whole.base_url + "/readyz") as response:
            assert (await response.json())["live_calls"] == 0


async def _speak_until_cut(ana: Participant, speech: bytes) -> None:
    try:
        await ana.speak(speech)
    except ConnectionError:
        pass


async def test_a_room_whose_cap_is_reached_is_read_and_its_admin_is_told_also_in_the_next_call(
    running: Line, english: bytes
) -> None:
    room = await running.room(usage_cap={"minutes": 0.01})
    async with room.joined("Ana") as ana, room.joined("Luis") as luis:
        await room.until_status("interpreting")
        await ana.speak(english)
        await room.until_passages(1)
        state = await running.until(room.status, lambda now: now["reason"] is not None)
        assert state["reason"] == "usage_cap: minutes"
        await ana.speak(english)
        passages = await room.until_passages(2)
    assert [(one["state"], one["reason"]) for one in passages] == [("spoken", ""), ("caption_only", "usage_cap")]
    assert read_markers(bytes(luis.heard)) == [0]
    spanish = [one["text"] for one in (await room.transcript())["items"] if one["language"] == "es-ES"]
    assert len(spanish) == 3, "both interpretations, and what happened to the voice"
    await room.until_status("stopped")
    async with room.joined("Ana"):
        assert (await room.until_status("interpreting"))["reason"] == "usage_cap: minutes"
