"""Health and reset of the ACS side, and a key that does not exist."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from azure.communication.callautomation.aio import CallAutomationClient
from azure.communication.rooms.aio import RoomsClient
from azure.core.exceptions import HttpResponseError

from emulator import __version__
from emulator.client import JoinRefused, Participant
from tests.support.acs_emulator import make_guest, make_room, running_acs, running_bot, until


async def test_health_names_the_version() -> None:
    async with running_acs() as acs:
        assert await acs.get("/emulator/health") == (200, {"status": "ok", "version": __version__})


async def test_a_reset_ends_calls_and_deletes_rooms_users_subscriptions_and_journal() -> None:
    async with running_acs() as acs, running_bot() as bot:
        anna = await make_guest(acs)
        room_id = await make_room(acs, anna)
        await acs.put("/emulator/invitations", [{"name": "Anna", "language": "en", "room": room_id, "token": "t"}])
        await acs.put("/emulator/faults", {"media": {"jitter_ms": 40}, "switches": {"page_size": 2}})
        async with (
            CallAutomationClient(acs.url, acs.credential) as calls,
            Participant.join(acs.url, room_id, anna.token, "Anna") as participant,
        ):
            await calls.connect_call(callback_url=bot.callback_url, room_id=room_id)
            await bot.wait_for("CallConnected")
            async with acs.http.post(acs.url + "/emulator/reset") as answer:
                assert answer.status == 204
            await bot.wait_for("CallDisconnected")
            await until(lambda: participant.closed)
            assert participant.close_reason == "call ended"
        assert (await acs.get("/emulator/calls"))[1]["items"] == []
        assert await acs.get("/emulator/invitations") == (200, [])
        assert acs.faults.media.jitter_ms == 0
        assert acs.faults.switches.page_size == 100
        assert acs.journal.entries("call.started") == []
        try:
            async with Participant.join(acs.url, room_id, anna.token, "Anna"):
                raise AssertionError("the token was forgotten")
        except JoinRefused as refused:
            assert refused.status == 401
        async with RoomsClient(acs.url, acs.credential) as rooms:
            try:
                await rooms.get_room(room_id)
                raise AssertionError("the room was forgotten")
            except HttpResponseError as error:
                assert error.status_code == 404


async def test_an_unknown_key_is_refused_and_the_participant_stays() -> None:
    async with running_acs() as acs:
        anna = await make_guest(acs)
        room_id = await make_room(acs, anna)
        messages: list[dict[str, object]] = []
        async with Participant.join(acs.url, room_id, anna.token, "Anna", on_event=messages.append) as participant:
            await participant.press("hash", "pound")
            await until(lambda: any(each["type"] == "refused" for each in messages))
            (refused,) = [each for each in messages if each["type"] == "refused"]
            assert "pound" in str(refused["error"])
            heard = participant.frames_heard
            await until(lambda: participant.frames_heard > heard + 5)
            assert not participant.closed


async def test_a_reset_deletes_subscriptions_and_drops_callers() -> None:
    async def allow(request: web.Request) -> web.Response:
        return web.Response(headers={"WebHook-Allowed-Origin": "*"})

    webhook = web.Application()
    webhook.router.add_route("*", "/events", allow)
    async with running_acs() as acs, serving(webhook) as url:
        subscription = {"endpoint": f"{url}/events", "schema": "CloudEventSchemaV1_0"}
        assert (await acs.put("/emulator/eventgrid/subscriptions/bot", subscription))[0] == 201
        anna = await make_guest(acs)
        async with acs.http.ws_connect(f"{acs.url}/emulator/phone?token={anna.token}") as phone:
            await phone.send_json({"type": "hello", "display_name": "Anna"})
            assert (await phone.receive_json())["type"] == "registered"
            await phone.send_json({"type": "call", "to": "28:acs:bot"})
            await until(lambda: acs.journal.entries("eventgrid.event", type="IncomingCall"))
            async with acs.http.post(acs.url + "/emulator/reset") as answer:
                assert answer.status == 204
            assert await phone.receive_json() == {"type": "ended", "reason": "call ended"}
        assert await acs.get("/emulator/eventgrid/subscriptions") == (200, {"items": []})


@asynccontextmanager
async def serving(application: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(application, handle_signals=False, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
