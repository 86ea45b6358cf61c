"""Measures the time from Event Grid's delivery to the bot's connect request.

It includes authentication, the stored event, the dispatcher, the look-up of the room and the call's record. The bot
runs as deployed; both times are taken in this process, so they include loopback networking.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import orjson

from benchmarks.line import Cores, ProgressCallback
from benchmarks.load import Load
from benchmarks.percentiles import Spread
from benchmarks.subjects import Bot, SubjectFailed
from emulator.acs.wire.options import Locator

TARGET_MS = 50.0
"""Target for p95: small against the second or two of ACS's answer."""
JOINS = 100
BUSY_CALLS = 50
PAUSE_S = 0.05
"""Pause between a join and the next delivery, so that each is measured alone."""
_ANSWER_S = 20.0


@dataclass(frozen=True, slots=True)
class Joins:
    """The delays of joins beside a number of active calls."""

    calls: int
    delay_ms: Spread | None


class Connects:
    """Records when connect requests arrive."""

    def __init__(self, load: Load) -> None:
        self._asked: dict[str, asyncio.Future[float]] = {}
        calls = load.emulator.calls
        connect = calls.connect

        async def noting(options: Any, where: Locator) -> Any:
            waiting = self._asked.get(where.room_id or "")
            if waiting is not None and not waiting.done():
                waiting.set_result(time.monotonic())
            return await connect(options, where)

        calls.connect = noting  # type: ignore[method-assign]  # observes this run alone

    def expect(self, acs_room_id: str) -> asyncio.Future[float]:
        """Return a future for the arrival time of that room's request."""
        return self._asked.setdefault(acs_room_id, asyncio.get_running_loop().create_future())


async def measure(
    calls: Sequence[int], *, speech: Mapping[str, Sequence[bytes]], cores: Cores, folder: Path, report: ProgressCallback
) -> list[Joins]:
    """Measure JOINS joins beside each number of calls.

    Raises:
        SubjectFailed: the bot did not start, refused an event, or did not join.
    """
    return [await _measure(beside, speech, cores, folder, report) for beside in calls]


async def _measure(
    calls: int, speech: Mapping[str, Sequence[bytes]], cores: Cores, folder: Path, report: ProgressCallback
) -> Joins:
    report("starting" if not calls else f"starting {calls} calls")
    async with Load(speech) as load, Bot(load, folder, cores.subject) as bot:
        if calls:
            await bot.take_calls(calls)
        return Joins(calls, await measure_bot(load, bot, report))


async def measure_bot(load: Load, bot: Bot, report: ProgressCallback) -> Spread | None:
    """Measure JOINS joins of a running bot, in milliseconds; see `measure`."""
    async with aiohttp.ClientSession() as http:
        connects = Connects(load)
        rooms = [await bot.create_acs_room(f"join {number}") for number in range(JOINS + 1)]
        report(f"{JOINS} joins")
        delays = []
        for acs_room_id in rooms:
            asked = connects.expect(acs_room_id)
            sent = time.monotonic()
            async with http.post(
                f"http://127.0.0.1:{bot.port}/webhooks/eventgrid",
                data=call_started(acs_room_id),
                headers={"X-Webhook-Secret": bot.grid_secret, "Content-Type": "application/json"},
            ) as response:
                if response.status != 200:
                    raise SubjectFailed(f"bot answered {response.status} to Event Grid")
            try:
                async with asyncio.timeout(_ANSWER_S):
                    delays.append((await asked - sent) * 1000)
            except TimeoutError as error:
                raise SubjectFailed(f"bot did not join within {_ANSWER_S:.0f} s") from error
            await asyncio.sleep(PAUSE_S)
        return Spread.of(delays[1:])  # the first delivery opens the connections


def call_started(acs_room_id: str) -> bytes:
    """Return the body of an Event Grid delivery."""
    server_call_id = f"call-of-{acs_room_id}"
    event = {
        "id": str(uuid4()),
        "topic": "/subscriptions/s/resourcegroups/r/providers/microsoft.communication/communicationservices/c",
        "subject": f"call/{server_call_id}/startedBy/8:acs:somebody",
        "data": {
            "startedBy": {"rawId": "8:acs:somebody", "communicationUser": {"id": "8:acs:somebody"}},
            "serverCallId": server_call_id,
            "room": {"id": acs_room_id},
            "correlationId": str(uuid4()),
        },
        "eventType": "Microsoft.Communication.CallStarted",
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    return orjson.dumps([event])
