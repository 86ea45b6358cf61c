"""Media sockets find their calls, and no other's."""

from __future__ import annotations

import asyncio

from bot.calls.state_machine import CallState
from tests.support.call_service import ServiceHarness, report, started
from tests.support.media_streams import FakeMediaStream
from tests.support.virtual_time import virtual_time
from webhooks.events import CallConnected


@virtual_time
async def test_a_media_socket_that_comes_and_goes_shows() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.report(CallConnected(**report()))
        assert await harness.status() == (CallState.CONNECTED, None)
        acs = await harness.dial()
        assert await harness.status() == (CallState.STREAMING, None)
        acs.hangs_up()
        await asyncio.sleep(1)
        assert await harness.status() == (CallState.INTERRUPTED, "waiting for the re-dial")
        await harness.dial()
        assert await harness.status() == (CallState.STREAMING, None)


@virtual_time
async def test_media_for_a_call_we_have_left_is_let_go_at_once() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.commands.stop("room-1")
        await asyncio.sleep(1)
        acs = await harness.dial()
        await asyncio.sleep(0.1)
        assert acs.close_code == 1000
        assert await harness.status() == (CallState.ENDED, "stopped")


@virtual_time
async def test_a_media_socket_of_another_connection_is_closed_and_changes_nothing() -> None:
    async with ServiceHarness() as harness:
        await harness.tell(started())
        await harness.dial(1)
        stranger = FakeMediaStream(connection="connection-2")
        await harness.service.media_sockets.serve(stranger.stream, harness.calls.secret())
        assert stranger.close_code == 1008
        call = harness.active_calls.by_room("room-1")
        assert call is not None and (call.state, call.connection.id) == (CallState.STREAMING, "connection-1")
