"""Faults of tokens, order, media and answers, seen from the bot: each can be ordered, and is gone when it is spent."""

from __future__ import annotations

import asyncio
import base64
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from azure.communication.rooms.aio import RoomsClient
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from emulator.config import CALLBACK_ISSUER, RESOURCE_ID
from tests.support.acs_emulator import running_acs, until
from tests.support.acs_meeting import Meeting, media_options, meeting
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time

FLAWS = [
    "missing",
    "expired",
    "not_yet_valid",
    "wrong_audience",
    "wrong_issuer",
    "wrong_key",
    "unknown_key",
    "unsigned",
    "hmac",
    "garbage",
]


async def verify(m: Meeting, header: str) -> dict[str, Any]:
    """The claims of a token, as a careful bot reads it."""
    async with m.acs.http.get(m.acs.url + "/calling/keys") as answer:
        keys = jwt.PyJWKSet.from_dict(await answer.json())
    token = header.removeprefix("Bearer ")
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], audience=RESOURCE_ID, issuer=CALLBACK_ISSUER)
    return claims


@pytest.mark.parametrize("flaw", FLAWS)
async def test_no_flawed_token_passes_a_careful_bot(flaw: str) -> None:
    async with meeting() as m, m.joined(m.anna):
        m.acs.faults.replace({"callbacks": [{"token": flaw, "times": 1}], "media": {"token": flaw}})
        await m.connect(media_options(m.bot))
        await m.bot.wait_for("MediaStreamingStarted")
        headers = {name.lower(): value for name, value in m.bot.sockets[0].headers.items()}
        for shown in (m.bot.tokens[0], headers.get("authorization", "")):
            with pytest.raises((jwt.InvalidTokenError, KeyError)):
                await verify(m, shown)
        assert await verify(m, m.bot.tokens[1])  # the next one is good


@pytest.mark.parametrize("keep_old", [True, False])
async def test_keys_rotate_with_the_old_one_published_or_not(keep_old: bool) -> None:
    async with meeting() as m, m.joined(m.anna):
        await m.connect()
        await m.bot.wait_for("CallConnected")
        status, published = await m.acs.post("/emulator/keys/rotate", {"keep_old": keep_old})
        assert (status, len(published["keys"])) == (200, 2 if keep_old else 1)
        async with m.joined(m.ben):
            await m.bot.wait_for("ParticipantsUpdated", 2)
        assert await verify(m, m.bot.tokens[1])
        if keep_old:
            assert await verify(m, m.bot.tokens[0])
        else:
            with pytest.raises(KeyError):
                await verify(m, m.bot.tokens[0])


async def test_an_older_list_of_participants_comes_after_a_newer_one() -> None:
    async with meeting() as m, m.joined(m.anna):
        await m.connect()
        await m.bot.wait_for("CallConnected")
        m.acs.faults.replace({"callbacks": [{"types": ["ParticipantsUpdated"], "after_next": True, "times": 1}]})
        async with m.joined(m.ben) as ben:
            await ben.mute()
            await m.bot.wait_for("ParticipantsUpdated", 3)
        numbers = [e["data"]["sequenceNumber"] for e in m.bot.events if e["type"].endswith("ParticipantsUpdated")]
        assert numbers[:3] == [1, 3, 2]


async def test_media_stalls_and_comes_all_at_once() -> None:
    async with meeting() as m, m.joined(m.anna):
        m.acs.faults.replace({"media": {"stall_after_frames": 10, "stall_ms": 400, "times": 1}})
        await m.connect(media_options(m.bot))
        heard = await m.bot.wait_for_audio(40)
        gaps = [later - earlier for earlier, later in zip(heard.arrived, heard.arrived[1:], strict=False)]
        worst = max(range(len(gaps)), key=gaps.__getitem__)
        assert 0.3 < gaps[worst] < 1.0
        assert all(gap < 0.01 for gap in gaps[worst + 1 : worst + 11])
        stamps = [frame["timestamp"] for frame in heard.audio()]
        assert stamps == sorted(stamps)
        assert m.acs.journal.entries("media.stalled")


@pytest.mark.parametrize("event", ["", "Stopped", "Failed"])
async def test_frames_stop_with_the_socket_open_until_streaming_is_started_again(event: str) -> None:
    async with meeting() as m, m.joined(m.anna):
        m.acs.faults.replace({"media": {"stop_after_frames": 10, "stop_event": event, "times": 1}})
        connection = m.connection(await m.connect(media_options(m.bot)))
        await until(lambda: m.acs.journal.entries("media.stopped"))
        await asyncio.sleep(1)
        assert len(m.bot.sockets) == 1
        assert len(m.bot.sockets[0].audio()) == 10
        assert not m.acs.journal.entries("media.closed")
        if event:
            await m.bot.wait_for(f"MediaStreaming{event}")
        await connection.stop_media_streaming()
        await connection.start_media_streaming()
        await until(lambda: len(m.bot.sockets) == 2 and len(m.bot.sockets[1].audio()) > 10)


@pytest.mark.parametrize("frame_ms", [100, 200])
async def test_messages_may_hold_more_audio(frame_ms: int) -> None:
    async with meeting({"media_frame_ms": frame_ms}) as m, m.joined(m.anna):
        await m.connect(media_options(m.bot))
        heard = await m.bot.wait_for_audio(4)
        assert heard.messages[0]["audioMetadata"]["length"] == 48 * frame_ms
        frames = heard.audio()
        assert {len(base64.b64decode(frame["data"])) for frame in frames} == {48 * frame_ms}
        stamps = [datetime.fromisoformat(frame["timestamp"]) for frame in frames]
        for before, after in zip(stamps, stamps[1:], strict=False):
            assert abs((after - before) / timedelta(milliseconds=1) - frame_ms) < 5


async def test_a_raw_id_may_have_a_second_stream() -> None:
    async with meeting({"streams_per_participant": 2}) as m, m.joined(m.anna):
        await m.connect(media_options(m.bot))
        first, second, third, fourth = (await m.bot.wait_for_audio(4)).audio()[:4]
        assert first["timestamp"] == second["timestamp"] < third["timestamp"] == fourth["timestamp"]
        assert {frame["participantRawID"] for frame in (first, second)} == {m.anna.id}
        assert second["silent"]


async def test_keys_of_media_messages_may_be_spelt_otherwise() -> None:
    async with meeting() as m, m.joined(m.anna):
        m.acs.faults.replace({"media": {"replace": {"participantRawID": "ParticipantRawId", "channels": "Channels"}}})
        await m.connect(media_options(m.bot))
        heard = await m.bot.wait_for_audio(2)
        assert heard.messages[0]["audioMetadata"]["Channels"] == 1
        assert heard.audio()[0]["ParticipantRawId"] == m.anna.id


async def test_events_may_hold_anything() -> None:
    async with meeting() as m, m.joined(m.anna):
        m.acs.faults.replace({"callbacks": [{"types": ["CallConnected"], "data": {"resultInformation": "fine"}}]})
        await m.connect()
        assert (await m.bot.wait_for("CallConnected"))["data"]["resultInformation"] == "fine"


@pytest.mark.parametrize("body", ["[]", "{}", "not JSON"])
async def test_a_success_may_make_no_sense(body: str) -> None:
    async with meeting() as m, m.joined(m.anna):
        path = "/calling/callConnections:connect"
        m.acs.faults.replace({"http": [{"path": path, "status": 200, "body": body, "times": 1}]})
        async with m.acs.http.post(m.acs.url + path) as answer:
            assert (answer.status, await answer.text()) == (200, body)
            assert answer.content_type == "application/json"
        assert not m.acs.journal.entries("call.connected")


async def test_a_bot_that_does_not_read_is_cut_off_where_switched_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it read nothing: the buffers between two sockets of one machine would take half a minute to fill."""
    monkeypatch.setattr("emulator.acs.wire.websocket_frames._UNREAD_BYTES", -1)
    async with meeting({"slow_reader": "close", "slow_reader_ms": 100, "redials": 0}) as m, m.joined(m.anna):
        await m.connect(media_options(m.bot))
        await until(lambda: m.acs.journal.entries("media.slow_reader"))
        failed = (await m.bot.wait_for("MediaStreamingFailed"))["data"]
        assert failed["mediaStreamingUpdate"]["mediaStreamingStatusDetails"] == "streamConnectionUnsuccessful"
        assert m.bot.sockets[0].audio() == []


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        ({"status": 500}, 4),
        ({"status": 503}, 4),
        ({"status": 502}, 1),
        ({"status": 408}, 1),
        ({"status": 429}, 1),
        ({"status": 429, "retry_after": 0}, 4),
        ({"status": 504, "body": "<html>Gateway Timeout</html>"}, 4),
    ],
)
async def test_the_client_tries_a_post_again_as_it_was_measured(fault: dict[str, Any], tries: int) -> None:
    async with running_acs() as acs, RoomsClient(acs.url, acs.credential, retry_backoff_factor=0) as rooms:
        acs.faults.replace({"http": [{"path": "/rooms", **fault}]})
        with pytest.raises(HttpResponseError) as refused:
            await rooms.create_room()
        assert refused.value.status_code == fault["status"]
        assert len(acs.journal.entries("http")) == tries


async def test_connections_are_reset_and_answers_late() -> None:
    async with running_acs() as acs, RoomsClient(acs.url, acs.credential, retry_total=0) as rooms:
        acs.faults.replace({"http": [{"path": "/rooms", "reset": True, "times": 1, "after": 1}]})
        await rooms.create_room()
        with pytest.raises((ServiceRequestError, ServiceResponseError)):
            await rooms.create_room()
        acs.faults.replace({"http": [{"path": "/rooms", "delay_ms": 200, "times": 1}]})
        began = asyncio.get_running_loop().time()
        await rooms.create_room()
        assert asyncio.get_running_loop().time() - began >= 0.2


async def test_a_gateways_own_headers_are_obeyed() -> None:
    async with running_acs() as acs, RoomsClient(acs.url, acs.credential) as rooms:
        fault = {"path": "/rooms", "status": 503, "headers": {"Retry-After": "0"}, "times": 2}
        acs.faults.replace({"http": [fault]})
        assert (await rooms.create_room()).id
        assert [entry["status"] for entry in acs.journal.entries("http")] == [503, 503, 201]
