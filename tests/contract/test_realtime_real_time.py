"""Sessions at the pace and with the limits of the real service, in virtual time: minutes in milliseconds."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from emulator.clock import monotonic, wall
from emulator.engine.scripted import ScriptedEngine, marker_tone, read_markers
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.rules import FaultRule
from tests.support.realtime_client import LOOPBACK, realtime_service
from tests.support.realtime_sessions import PAUSE
from tests.support.virtual_time import virtual_time


def speech(*numbers: int) -> bytes:
    """Three seconds of each marker, with pauses that end a segment."""
    return b"".join(marker_tone(number) * 15 + PAUSE for number in numbers)


@virtual_time
async def test_an_interpreter_is_three_to_five_seconds_behind_and_never_further() -> None:
    config = RealtimeConfig(seed=7)
    async with realtime_service(config=config, engine=ScriptedEngine(0.3)) as service, service.translate() as stream:
        await stream.configure("fr")
        start = monotonic()
        arrived: list[float] = []

        async def listen() -> None:
            while "session.closed" not in stream.kinds():
                await stream.next()
                if stream.events[-1].type == "session.output_audio.delta":
                    arrived.append(monotonic() - start)

        async with asyncio.TaskGroup() as group:
            group.create_task(listen())
            await stream.append(speech(*range(20)), pace=1)
            spoken_for = monotonic() - start
            await stream.connection.session.close()
        drained_for = monotonic() - start - spoken_for
    assert read_markers(stream.audio) == list(range(20))
    assert spoken_for == pytest.approx(20 * 3.4, abs=0.3)
    # while the speaker goes on, 200 ms of output leave every 200 ms
    live = [at for at in arrived if at < spoken_for]
    assert np.diff(live) == pytest.approx(0.2, abs=0.06)
    assert drained_for < 3
    entries = service.journal.entries("realtime.interpretation")
    lags = [float(str(entry["first_delta_at"])) - float(str(entry["cut_at"])) for entry in entries]
    assert len(lags) == 20
    # a segment is cut 3.4 to 3.6 s behind its beginning: what is left of 3 to 5 s, or the engine's time if that is more
    assert all(0.3 <= lag <= 1.9 for lag in lags)
    assert max(lags) > 1.0


@virtual_time
async def test_an_hour_is_the_end() -> None:
    async with realtime_service(config=RealtimeConfig()) as service, service.translate() as stream:
        created = await stream.until("session.created")
        assert created.session.expires_at == pytest.approx(wall() + 3_600, abs=2)
        await asyncio.sleep(3_598)
        await stream.configure("fr")
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                await stream.next()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (
        1001,
        "Your session hit the maximum duration of 60 minutes.",
    )


@virtual_time
async def test_a_handshake_of_more_than_ten_seconds_is_too_slow_for_the_client() -> None:
    async with realtime_service() as service:
        service.misbehave(FaultRule("slow_handshake", seconds=11, times=2))
        for resource in ("realtime", "translations"):
            async with service.client() as client:
                chosen: Any = client.realtime if resource == "realtime" else client.realtime.translations
                start = monotonic()
                with pytest.raises(TimeoutError):
                    async with chosen.connect(model="m", websocket_connection_options=LOOPBACK):
                        pass
                assert monotonic() - start == pytest.approx(10, abs=0.2)


@virtual_time
async def test_keepalive_at_the_usual_intervals() -> None:
    config = RealtimeConfig(ping_interval_s=20, ping_timeout_s=20)
    async with realtime_service(config=config) as service, service.connect() as talk:
        await asyncio.sleep(300)
        await talk.connection.session.update(session={"type": "realtime"})
        await talk.until("session.updated")
    await service.server.close_connections()
    (closed,) = service.journal.entries("realtime.closed")
    assert closed["reason"] == "closed by the client"


@virtual_time
async def test_audio_of_a_conversation_comes_four_times_faster_than_it_lasts() -> None:
    config = RealtimeConfig(pace=4.0, first_audio_delay_s=0.5)
    engine = ScriptedEngine(0.3, duration_ms=8_000)
    async with realtime_service(config=config, engine=engine) as service, service.connect() as talk:
        await talk.configure()
        await talk.interpret(await talk.commit(marker_tone(1) * 10))
        await talk.until("response.created")
        start = monotonic()
        await talk.until("response.output_audio.delta")
        assert monotonic() - start == pytest.approx(0.8, abs=0.05)
        await talk.until("response.done")
        assert monotonic() - start == pytest.approx(0.8 + 8 / 4, abs=0.1)
